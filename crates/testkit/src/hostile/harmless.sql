-- What analysts write: each line is an expression over `people p`, or a query of its own that
-- begins with SELECT or WITH. All of them must pass every layer.
now()
current_timestamp
clock_timestamp()
statement_timestamp()
transaction_timestamp()
timeofday()
localtimestamp
current_date - 7
date_trunc('month', now())
date_trunc('day', now(), 'Europe/Berlin')
date_part('year', now())
date_bin('15 minutes', now(), TIMESTAMP '2001-01-01')
extract(epoch FROM now())
extract(dow FROM DATE '2026-01-31')
age(now(), TIMESTAMP '2020-01-01')
now() - interval '30 days'
to_char(now(), 'YYYY-MM-DD"T"HH24:MI:SS')
to_timestamp(1700000000)
to_date('31.01.2026', 'DD.MM.YYYY')
make_date(2026, 1, 31)
make_interval(days => 3)
now() AT TIME ZONE 'UTC'
timezone('UTC', now())
justify_interval(interval '35 days')
isfinite(now())
random()
floor(random() * 10)::int
setseed(0.5)
gen_random_uuid()
uuid_generate_v4()
encode(gen_random_bytes(8), 'hex')
crypt('a', gen_salt('md5')) IS NOT NULL
normal_rand(1, 0, 1) IS NOT NULL
md5(p.name)
encode(sha256(convert_to(p.name, 'UTF8')), 'hex')
encode(digest(p.name, 'sha1'), 'hex')
hashtext(p.name)
lower(trim(p.name))
initcap(p.name)
upper("substring"(p.name, 1, 3))
substring(p.name FROM 1 FOR 3)
substring(p.name FROM 'p.r')
overlay(p.name PLACING 'x' FROM 1)
position('r' IN p.name)
trim(BOTH 'p' FROM p.name)
concat_ws(' ', p.id, p.name)
format('%s-%s', p.id, p.name)
split_part(p.name, ' ', 2)
regexp_replace(p.name, '\d+', '#')
regexp_match(p.name, '(\w+) (\d+)')
(regexp_matches(p.name, '\d+'))[1]
regexp_split_to_array(p.name, '\s')
p.name ~* '^PERSON'
p.name ILIKE 'p%'
p.name SIMILAR TO 'p%'
left(p.name, 2) || right(p.name, 2)
lpad(p.id::text, 5, '0')
repeat('x', 3)
translate(p.name, 'pe', 'PE')
reverse(p.name)
unaccent(p.name)
similarity(p.name, 'person')
levenshtein(p.name, 'person')
coalesce(NULLIF(p.name, ''), 'nobody')
greatest(p.id, 3)
CASE WHEN p.id > 3 THEN 'big' ELSE 'small' END
round(p.id::numeric / 3, 2)
ceil(p.id / 2.0)
width_bucket(p.id, 0, 10, 5)
power(p.id, 2)
mod(p.id, 2)
p.id::text
CAST(p.id AS double precision)
numeric '1.50'
json_build_object('id', p.id, 'name', p.name)
jsonb_build_object('a', jsonb_build_array(1, 2))
to_jsonb(p)
row_to_json(p)
p.row_to_json
jsonb_set('{"a":1}', '{a}', '2')
('{"a":{"b":1}}'::jsonb #>> '{a,b}')
('{"a":1}'::jsonb ->> 'a')
jsonb_path_query_first('{"a":[1,2]}', '$.a[0]')
(SELECT count(*) FROM jsonb_array_elements('[1,2]'))
(SELECT string_agg(k, ',') FROM jsonb_object_keys('{"a":1}') k)
array_to_string(ARRAY[1, 2], ',')
(ARRAY[1, 2])[1]
array_length(string_to_array('a,b', ','), 1)
p.id = ANY (ARRAY[1, 2])
p.id BETWEEN 1 AND 3
p.id IN (SELECT id FROM people)
EXISTS (SELECT 1 FROM people q WHERE q.id = p.id)
row_number() OVER (ORDER BY p.id)
lag(p.name) OVER (PARTITION BY p.id % 2 ORDER BY p.id)
sum(p.id) OVER (ORDER BY p.id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)
first_value(p.name) OVER w FROM people p WINDOW w AS (ORDER BY p.id) --
ntile(4) OVER (ORDER BY p.id)
percent_rank() OVER (ORDER BY p.id)
to_tsvector('english', p.name) @@ plainto_tsquery('person')
ts_rank(to_tsvector(p.name), to_tsquery('person'))
ts_headline(p.name, to_tsquery('person'))
pg_typeof(p.name)::text
current_user
current_database()
current_setting('TimeZone')
current_schema()
version()
inet '10.0.0.1' << inet '10.0.0.0/8'
int4range(1, 5) @> p.id
daterange(current_date, current_date + 1)
point(1, 2) <-> point(3, 4)
xmlelement(name a, p.name)::text
E'it''s\n'
U&'\0061bc'
U&"n\0061me" FROM people --
"name"
'pg_terminate_backend(1)'
'nextval'::text
pg_relation_size('people')
pg_size_pretty(pg_total_relation_size('people'))
obj_description('people'::regclass)
has_table_privilege('people', 'select')
txid_current_snapshot()::text
pg_is_in_recovery()
pg_backend_pid()
pg_column_size(p.name)
(SELECT count(*) FROM pg_stat_activity)
(SELECT count(*) FROM pg_locks)
(SELECT count(*) FROM information_schema.columns)
pg_sleep(0)::text
reads(p.id)
public.reads(p.id)
p.reads
SELECT 1 AS "userId", g FROM generate_series(1, 3) g
SELECT 1 AS "userId", d FROM generate_series(DATE '2026-01-01', DATE '2026-01-03', interval '1 day') d
SELECT id AS "userId", count(*) FROM people GROUP BY ROLLUP (id) HAVING id IS NOT NULL
SELECT max(id) AS "userId", string_agg(name, ',' ORDER BY id), array_agg(id), json_agg(name), avg(id), stddev(id), bool_or(id > 1) FROM people
SELECT 1 AS "userId", percentile_cont(0.5) WITHIN GROUP (ORDER BY id), mode() WITHIN GROUP (ORDER BY name), count(*) FILTER (WHERE id > 2) FROM people
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i AS "userId" FROM n
WITH a AS MATERIALIZED (SELECT id FROM people), b AS (SELECT id FROM a) SELECT id AS "userId" FROM b
SELECT DISTINCT ON (name) id AS "userId", name FROM people ORDER BY name, id
SELECT id AS "userId" FROM people TABLESAMPLE SYSTEM (100)
SELECT id AS "userId" FROM people TABLESAMPLE BERNOULLI (100) REPEATABLE (1)
SELECT id AS "userId" FROM people ORDER BY random() LIMIT 2
SELECT p.id AS "userId", l.n FROM people p CROSS JOIN LATERAL (SELECT count(*) AS n FROM people q WHERE q.id <= p.id) l
SELECT id AS "userId" FROM people EXCEPT SELECT 2 INTERSECT SELECT 3
SELECT u AS "userId", o FROM unnest(ARRAY[1, 2]) WITH ORDINALITY AS t(u, o)
SELECT x.a AS "userId" FROM json_to_recordset('[{"a":1}]') AS x(a int)
SELECT x.a AS "userId" FROM (VALUES (1), (2)) AS x(a)
SELECT id AS "userId", name FROM front_that_reads
SELECT id AS "userId", (SELECT max(id) FROM people) AS most FROM people FETCH FIRST 2 ROWS ONLY
