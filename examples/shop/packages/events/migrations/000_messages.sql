-- Events that were decided on and wait to be published: written in the transaction that decides.
CREATE TABLE outbox (
  position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id         uuid NOT NULL DEFAULT gen_random_uuid(),
  subject    text NOT NULL,
  data       jsonb NOT NULL,
  request_id text NOT NULL
);

-- Events that were handled: written in the transaction that handles.
CREATE TABLE inbox (
  id          uuid PRIMARY KEY,
  received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_received_at ON inbox (received_at);
