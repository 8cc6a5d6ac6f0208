-- The example's data. Times are Unix seconds.
CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT, first_name TEXT, plan TEXT, last_updated INTEGER);
INSERT INTO users VALUES
  (1, 'ada@example.com',   'Ada',    'pro',  1767225600),
  (2, 'grace@example.com', 'Grace',  NULL,   1767225600),
  (3, NULL,                'Edsger', 'free', 1767225600);
CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, product TEXT, price NUMERIC, placed_at INTEGER);
INSERT INTO orders VALUES
  (1, 1,    'Notebook', 12.5, 1767225600),
  (2, 2,    'Pen',      3,    1767225601),
  (3, NULL, 'Stamp',    1,    1767225602);
