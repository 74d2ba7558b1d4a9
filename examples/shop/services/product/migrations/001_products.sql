CREATE TABLE products (
  id          text PRIMARY KEY,
  name        text NOT NULL,
  description text NOT NULL,
  price_cents integer NOT NULL CHECK (price_cents > 0),
  currency    text NOT NULL DEFAULT 'EUR'
);

INSERT INTO products (id, name, description, price_cents) VALUES
  ('olive-oil',     'Picual olive oil',    'Half a litre, cold pressed in Jaén.',              1450),
  ('goat-cheese',   'Payoyo goat cheese',  'A small wheel, cured for four months.',            1890),
  ('rosemary-honey','Rosemary honey',      'Raw, from hives in the Sierra de Cazorla.',         920),
  ('esparto-basket','Esparto basket',      'Braided by hand; carries a week of vegetables.',   3400),
  ('glazed-bowl',   'Glazed bowl',         'Green stoneware from Úbeda, 18 cm.',               2650),
  ('laurel-soap',   'Laurel soap',         'Olive and laurel oil, nothing else.',               650),
  ('wool-blanket',  'Wool blanket',        'Merino, woven in Grazalema.',                      8900),
  ('guitar',        'Flamenco guitar',     'Cypress and cedar, by a luthier in Granada. Rare.', 145000);
