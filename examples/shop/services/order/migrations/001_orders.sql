CREATE TABLE orders (
  id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id         uuid NOT NULL,
  idempotency_key text,
  items           jsonb NOT NULL,
  total_cents     integer NOT NULL CHECK (total_cents > 0),
  status          text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'confirmed', 'cancelled')),
  reason          text,
  request_id      text NOT NULL,
  created_at      timestamptz NOT NULL DEFAULT now(),
  -- When the saga was last set going for it.
  driven_at       timestamptz NOT NULL DEFAULT now(),
  UNIQUE (user_id, idempotency_key)
);
CREATE INDEX orders_of_user ON orders (user_id, created_at DESC);
CREATE INDEX orders_pending ON orders (driven_at) WHERE status = 'pending';
