CREATE TABLE stock (
  product_id text PRIMARY KEY,
  available  integer NOT NULL CHECK (available >= 0),
  reserved   integer NOT NULL DEFAULT 0 CHECK (reserved >= 0)
);

-- What became of each order's goods; a row in a final state also answers an event that comes late or twice.
CREATE TABLE reservations (
  order_id   uuid PRIMARY KEY,
  status     text NOT NULL CHECK (status IN ('reserved', 'rejected', 'released', 'shipped')),
  items      jsonb NOT NULL DEFAULT '[]',
  reason     text,
  created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO stock (product_id, available) VALUES
  ('olive-oil', 5000), ('goat-cheese', 5000), ('rosemary-honey', 5000), ('esparto-basket', 5000),
  ('glazed-bowl', 5000), ('laurel-soap', 5000), ('wool-blanket', 5000), ('guitar', 3);
