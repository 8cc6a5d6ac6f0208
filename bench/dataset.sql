-- The data that the benchmarks read: a shop's people and what they did. No random(): each value is
-- arithmetic on the row's number, so every load gives the same rows; the checksum at the end proves
-- it.
--
--   psql -d bench -v rows=1000000 -f dataset.sql                     people and their events
--   psql -d bench -v rows=10000000 -v users_only=1 -f dataset.sql    people only
\set ON_ERROR_STOP on
\if :{?rows} \else \set rows 1000000 \endif
\if :{?users_only} \else \set users_only 0 \endif
SET timezone = 'UTC';
SET client_min_messages = warning;

-- A number from 0 to size - 1 that depends on the row and on the column's salt: a multiplication
-- modulo a prime.
CREATE OR REPLACE FUNCTION pick(row_number bigint, salt bigint, size bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT row_number * (2654435761 + salt * 104729) % 4294967291 % size $$;

-- One of these words.
CREATE OR REPLACE FUNCTION word(row_number bigint, salt bigint, words text[]) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT words[1 + pick(row_number, salt, cardinality(words))] $$;

-- A whole second of the year 2026, up to October.
CREATE OR REPLACE FUNCTION moment(row_number bigint, salt bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT timestamptz '2026-01-01 00:00:00+00' + pick(row_number, salt, 26000000) * interval '1 second' $$;

DROP TABLE IF EXISTS users, events, companies, pages, screens, user_resolution;

CREATE UNLOGGED TABLE users AS
SELECT
  i AS id,
  lower(first) || '.' || lower(last) || i || '@' || word(i, 1, '{example.com,mail.example.org,corp.example.net}') AS email,
  first::varchar(64) AS first_name,
  last::varchar(64) AS last_name,
  (CASE WHEN pick(i, 2, 10) < 7 THEN '+1' || 2000000000 + pick(i, 3, 800000000) END)::varchar(32) AS phone,
  word(i, 4, '{free,free,free,starter,pro,pro,business,enterprise}')::varchar(32) AS plan,
  timestamptz '2019-01-01 00:00:00+00' + pick(i, 5, 220000000) * interval '1 second' AS created_at,
  moment(i, 6) + pick(i, 7, 1000000) * interval '1 microsecond' AS updated_at,
  (pick(i, 8, 5000000)::numeric / 100)::numeric(12, 2) AS lifetime_value,
  pick(i, 9, 10) < 8 AS is_active,
  word(i, 10, '{US,US,US,GB,DE,FR,CA,AU,BR,IN,JP,NL}')::char(2) AS country,
  word(i, 11, '{organic,google_ads,referral,newsletter,partner,app_store}')::varchar(32) AS signup_source,
  -- JSON kept as text, as warehouses often hold it: its quotes have to be escaped.
  '{"locale":"' || word(i, 12, '{en-US,en-GB,de-DE,fr-FR,pt-BR,ja-JP}') || '","tags":["'
    || word(i, 13, '{vip,trial,churn-risk,beta}') || '","' || word(i, 14, '{web,ios,android}')
    || '"],"score":' || pick(i, 15, 1000) || ',"city":"' || word(i, 16, '{Zürich,New York,São Paulo,London,東京,Berlin}')
    || '","opt_in":' || (pick(i, 17, 2) = 0) || ',"seats":' || pick(i, 18, 50) || '}' AS attributes
FROM generate_series(1::bigint, :rows) AS i,
  LATERAL (SELECT
    word(i, 19, '{Olivia,Liam,Emma,Noah,Ava,Oliver,Sophia,Mateo,Amélie,Zoë,Søren,O''Brien}') AS first,
    word(i, 20, '{Smith,Johnson,Brown,Jones,García,Miller,Davis,Rodríguez,López,Müller,Taylor,Jackson}') AS last) AS name;
ALTER TABLE users ADD PRIMARY KEY (id);
CREATE INDEX ON users (updated_at);

\if :users_only
\else
CREATE UNLOGGED TABLE events AS
SELECT i AS id, 1 + pick(i, 21, :rows) AS user_id,
  word(i, 22, '{Order Completed,Product Viewed,Cart Updated,Subscription Renewed,Trial Started}')::varchar(64) AS name,
  '[{"sku":"SKU-' || pick(i, 23, 100000) || '","quantity":' || 1 + pick(i, 24, 5) || '}]' AS products,
  (pick(i, 25, 100000)::numeric / 100)::numeric(12, 2) AS total,
  moment(i, 26) AS happened_at
FROM generate_series(1::bigint, 1000000) AS i;

CREATE UNLOGGED TABLE companies AS
SELECT i AS id, ('Company ' || i || ' ' || word(i, 31, '{GmbH,Ltd,Inc,LLC}'))::varchar(128) AS name,
  'company' || i || '.example.com' AS domain,
  word(i, 32, '{software,retail,finance,health,media}')::varchar(32) AS industry,
  1 + pick(i, 33, 20000) AS employees, 1 + pick(i, 34, :rows) AS owner_id, moment(i, 35) AS updated_at
FROM generate_series(1::bigint, 100000) AS i;

CREATE UNLOGGED TABLE pages AS
SELECT i AS id, 1 + pick(i, 41, :rows) AS user_id, word(i, 42, '{Home,Pricing,Docs,Blog,Checkout}')::varchar(64) AS name,
  'https://www.example.com/' || word(i, 42, '{home,pricing,docs,blog,checkout}') || '?utm=' || pick(i, 43, 1000) AS url,
  moment(i, 44) AS viewed_at
FROM generate_series(1::bigint, 200000) AS i;

CREATE UNLOGGED TABLE screens AS
SELECT i AS id, 1 + pick(i, 51, :rows) AS user_id, word(i, 52, '{Feed,Profile,Settings,Inbox}')::varchar(64) AS name,
  word(i, 53, '{ios,android}')::varchar(16) AS os, '4.' || pick(i, 54, 30) || '.' || pick(i, 55, 10) AS app_version,
  moment(i, 56) AS viewed_at
FROM generate_series(1::bigint, 200000) AS i;

CREATE UNLOGGED TABLE user_resolution AS
SELECT md5('anonymous' || i)::varchar(36) AS previous_id, (1 + pick(i, 61, :rows))::varchar(20) AS user_id,
  moment(i, 62) AS resolved_at
FROM generate_series(1::bigint, 100000) AS i;
\endif

VACUUM (FREEZE, ANALYZE) users;

\pset format unaligned
\pset tuples_only on
SELECT 'users ' || count(*) || ', ' || round(avg(octet_length(row_to_json(u)::text))) || ' bytes of JSON a row, checksum '
  || sum(('x' || left(md5(row_to_json(u)::text), 8))::bit(32)::bigint) FROM users AS u;
