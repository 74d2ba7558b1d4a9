-- `charging` is written and committed before any money moves: whatever crashes then, it is known that it may have.
CREATE TABLE payments (
  order_id    uuid PRIMARY KEY,
  user_id     uuid,
  total_cents integer,
  status      text NOT NULL CHECK (status IN ('charging', 'succeeded', 'failed', 'voided', 'refunded')),
  reference   text,
  reason      text,
  created_at  timestamptz NOT NULL DEFAULT now()
);
