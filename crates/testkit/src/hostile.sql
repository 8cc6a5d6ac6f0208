-- Statements that a query must not be. One a line; see hostile.rs for the database that they are
-- meant for. A line that begins with `!` acts in spite of a read-only transaction (PostgreSQL 15),
-- so only the text check refuses it.
-- Plain writes
INSERT INTO people VALUES (9, 'mallory')
INSERT INTO people VALUES (9, 'mallory') RETURNING id
INSERT INTO people SELECT * FROM people
INSERT INTO people DEFAULT VALUES
insert into people values (9, 'mallory') on conflict do nothing
UPDATE people SET name = 'mallory'
UPDATE people SET name = 'mallory' RETURNING *
UPDATE ONLY people SET name = upper(name) FROM generate_series(1, 2) g
DELETE FROM people
DELETE FROM people USING people p RETURNING p.*
TRUNCATE people
TRUNCATE TABLE people RESTART IDENTITY CASCADE
MERGE INTO people USING (SELECT 1 AS i) s ON people.id = s.i WHEN MATCHED THEN DELETE
COPY people FROM '/dev/null'
COPY people TO STDOUT
COPY (SELECT 1) TO PROGRAM 'touch /tmp/outflow-hostile'
COPY (DELETE FROM people RETURNING id) TO STDOUT
CALL plant()
DO $$ BEGIN DELETE FROM people; END $$
DO LANGUAGE plpgsql 'BEGIN DELETE FROM people; END'
REFRESH MATERIALIZED VIEW summary
LOCK TABLE people
LOCK people IN ACCESS EXCLUSIVE MODE
NOTIFY somebody, 'x'
LISTEN somebody
-- Definitions
CREATE TABLE loot (id int)
CREATE TABLE loot AS SELECT * FROM people
CREATE TEMP TABLE loot AS SELECT * FROM people
CREATE UNLOGGED TABLE loot (id int)
CREATE TABLE IF NOT EXISTS loot AS TABLE people
CREATE VIEW loot AS SELECT 1
CREATE OR REPLACE VIEW front AS SELECT 'mallory' AS name
CREATE MATERIALIZED VIEW loot AS SELECT 1
CREATE SEQUENCE loot
CREATE SCHEMA loot
CREATE INDEX ON people (name)
CREATE UNIQUE INDEX CONCURRENTLY loot ON people (id)
CREATE FUNCTION loot() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE OR REPLACE FUNCTION grow() RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE TRIGGER loot BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE RULE loot AS ON SELECT TO front DO INSTEAD SELECT 1
CREATE TYPE loot AS ENUM ('a')
CREATE DOMAIN loot AS int
CREATE AGGREGATE loot(int) (SFUNC = int4pl, STYPE = int)
CREATE STATISTICS loot ON id, name FROM people
CREATE ROLE loot
CREATE USER loot PASSWORD 'x'
CREATE DATABASE loot
CREATE EXTENSION dblink
CREATE PUBLICATION loot FOR TABLE people
ALTER TABLE people ADD COLUMN x int
ALTER TABLE people RENAME TO persons
ALTER TABLE people DROP COLUMN name
ALTER TABLE people OWNER TO postgres
ALTER SEQUENCE counter RESTART
ALTER ROLE CURRENT_USER SET search_path TO evil
ALTER SYSTEM SET work_mem = '1MB'
ALTER DATABASE hostile SET search_path TO evil
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC
DROP TABLE people
DROP TABLE IF EXISTS people CASCADE
DROP VIEW front
DROP SEQUENCE counter
DROP FUNCTION grow()
DROP SCHEMA public CASCADE
DROP OWNED BY CURRENT_USER
GRANT ALL ON people TO PUBLIC
GRANT writer TO postgres
REVOKE ALL ON people FROM CURRENT_USER
REASSIGN OWNED BY CURRENT_USER TO postgres
COMMENT ON TABLE people IS 'mallory was here'
SECURITY LABEL ON TABLE people IS 'x'
VACUUM people
ANALYZE people
REINDEX TABLE people
CLUSTER people
CHECKPOINT
DISCARD ALL
-- Sessions and transactions
BEGIN
BEGIN READ WRITE
START TRANSACTION READ WRITE
COMMIT
ROLLBACK
END
ABORT
SAVEPOINT s
PREPARE TRANSACTION 'x'
COMMIT PREPARED 'x'
SET TRANSACTION READ WRITE
SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE
SET default_transaction_read_only = off
SET LOCAL transaction_read_only = off
SET ROLE postgres
SET SESSION AUTHORIZATION postgres
RESET ALL
PREPARE p AS DELETE FROM people
EXECUTE p
DECLARE c CURSOR FOR SELECT * FROM people FOR UPDATE
FETCH ALL FROM c
LOAD 'auto_explain'
EXPLAIN ANALYZE DELETE FROM people
EXPLAIN (ANALYZE) INSERT INTO people VALUES (9, 'x')
SHOW ALL
VALUES (1)
TABLE people
-- Writes inside something that begins like a read
WITH gone AS (DELETE FROM people RETURNING *) SELECT * FROM gone
WITH gone AS MATERIALIZED (DELETE FROM people RETURNING *) SELECT * FROM gone
WITH gone AS NOT MATERIALIZED (UPDATE people SET name = 'x' RETURNING id) SELECT id FROM gone
WITH made AS (INSERT INTO people VALUES (9, 'x') RETURNING id) SELECT id FROM made
WITH a AS (SELECT 1), b AS (DELETE FROM people RETURNING 1) SELECT * FROM a, b
WITH a AS (SELECT 1) INSERT INTO people SELECT 9, 'x' FROM a
WITH a AS (SELECT 1) UPDATE people SET name = 'x'
WITH a AS (SELECT 1) DELETE FROM people
WITH a AS (SELECT 1 AS i) MERGE INTO people USING a ON people.id = a.i WHEN MATCHED THEN DELETE
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3), d AS (DELETE FROM people RETURNING id) SELECT * FROM r
WITH a AS (WITH b AS (DELETE FROM people RETURNING id) SELECT * FROM b) SELECT * FROM a
WITH a(i) AS (DELETE FROM people RETURNING id) SELECT i FROM a
with/**/gone/**/as/**/(delete/**/from/**/people/**/returning/**/*)/**/select/**/*/**/from/**/gone
WITH "select" AS (DELETE FROM people RETURNING id) SELECT * FROM "select"
WITH gone AS (dElEtE fRoM people ReTuRnInG *) SELECT count(*) FROM gone
SELECT * FROM (WITH gone AS (DELETE FROM people RETURNING *) SELECT * FROM gone) x
SELECT (WITH gone AS (DELETE FROM people RETURNING id) SELECT count(*) FROM gone)
SELECT 1 UNION ALL (WITH gone AS (DELETE FROM people RETURNING id) SELECT id FROM gone)
SELECT * INTO loot FROM people
SELECT * INTO TEMP loot FROM people
SELECT * INTO TEMPORARY TABLE loot FROM people
SELECT * INTO UNLOGGED loot FROM people
SELECT id INTO loot FROM people
select id/**/into/**/loot/**/from/**/people
SELECT 1.INTO loot
SELECT 'a'INTO loot
SELECT id AS a INTO loot FROM people UNION SELECT 2
WITH a AS (SELECT 1) SELECT * INTO loot FROM a
SELECT * FROM people FOR UPDATE
SELECT * FROM people FOR NO KEY UPDATE
SELECT * FROM people FOR SHARE
SELECT * FROM people FOR KEY SHARE
SELECT * FROM people FOR UPDATE SKIP LOCKED
SELECT * FROM (SELECT * FROM people FOR UPDATE) x
SELECT id FROM people ORDER BY id LIMIT 1 FOR UPDATE NOWAIT
-- A second statement
SELECT 1; DELETE FROM people
SELECT 1;DELETE FROM people;--
SELECT 1 ; ; DELETE FROM people
; DELETE FROM people
SELECT 'a'; DELETE FROM people; SELECT 'b'
SELECT E'\''; DELETE FROM people; --'
SELECT '\'; DELETE FROM people; --'
SELECT "a"""; DELETE FROM people
SELECT $$a$$; DELETE FROM people
SELECT $t$ $$ $t$; DELETE FROM people
SELECT /* ; */ 1; DELETE FROM people
SELECT 1 /* /* */ */; DELETE FROM people
SELECT 1; COMMIT; DELETE FROM people
SELECT 1; ROLLBACK; BEGIN; DELETE FROM people; COMMIT
COMMIT; DELETE FROM people
COMMIT; BEGIN; SELECT 1
ROLLBACK; DELETE FROM people; BEGIN
SELECT 1; SET TRANSACTION READ WRITE; DELETE FROM people
SELECT 1; CALL plant()
SELECT U&'\0027'; DELETE FROM people
-- Functions that write, for themselves or for others
SELECT grow()
SELECT * FROM grow()
SELECT id FROM people WHERE grow() > 0
SELECT id FROM people ORDER BY grow()
SELECT CASE WHEN true THEN grow() END
SELECT coalesce(NULL, grow())
SELECT count(*) FILTER (WHERE grow() > 0) FROM people
SELECT sneak()
SELECT (SELECT sneak())
SELECT * FROM people, LATERAL sneak() s
SELECT * FROM front_that_writes
SELECT nextval('counter')
SELECT nextval('counter'::regclass) FROM people
SELECT pg_catalog.nextval('counter')
SELECT "nextval"('counter')
SELECT NEXTVAL ('counter')
SELECT setval('counter', 999)
SELECT setval('counter', 999, false)
SELECT set_config('transaction_read_only', 'off', true), grow()
SELECT set_config('transaction_read_only', 'off', false)
SELECT set_config('default_transaction_read_only', 'off', false), grow()
SELECT query_to_xml('DELETE FROM people RETURNING id', true, false, '')
SELECT query_to_xml('SELECT grow()', true, false, '')
SELECT table_to_xml('people', true, false, ''), grow()
SELECT * FROM ts_stat('SELECT to_tsvector(grow()::text)')
SELECT json_agg(grow())
SELECT array_agg(x) FROM (SELECT grow() AS x) y
SELECT xpath('/a', query_to_xml('TRUNCATE people', true, false, ''))
!SELECT lo_create(424242)
!SELECT lo_creat(-1)
!SELECT lo_from_bytea(0, 'loot')
!SELECT lo_put(515151, 0, '\x00')
!SELECT lo_unlink(515151)
!SELECT lowrite(lo_open(515151, 131072), 'loot')
!SELECT lo_truncate(lo_open(515151, 131072), 0)
!SELECT pg_catalog.lo_unlink(oid) FROM pg_largeobject_metadata
!SELECT "lo_create"(424242)
!SELECT pg_notify('somebody', 'x')
!SELECT pg_advisory_lock(1)
!SELECT pg_try_advisory_lock(1) FROM people
!SELECT pg_advisory_xact_lock(1)
!SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
!SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()
!SELECT pg_logical_emit_message(false, 'a', 'b')
!SELECT pg_stat_reset()
!SELECT dblink_exec('dbname=hostile', 'DELETE FROM people')
!SELECT * FROM dblink('dbname=hostile', 'DELETE FROM people RETURNING id') AS t(id int)
!SELECT pg_reload_conf()
!SELECT pg_switch_wal()
!SELECT pg_create_restore_point('x')
!SELECT pg_create_physical_replication_slot('x')
!SELECT pg_drop_replication_slot('x')
!SELECT pg_replication_origin_create('x')
!SELECT pg_file_write('x', 'y', false)
!SELECT lo_export(515151, '/tmp/outflow-hostile')
!SELECT lo_import('/etc/hostname')
-- What only Redshift or SQLite has
UNLOAD ('SELECT * FROM people') TO 's3://bucket/x' IAM_ROLE default
UNLOAD ('DELETE FROM people') TO 's3://bucket/x' IAM_ROLE default
COPY people FROM 's3://bucket/x' IAM_ROLE default
SELECT 1 UNION ALL (UNLOAD ('SELECT 1') TO 's3://bucket/x')
CREATE EXTERNAL SCHEMA loot FROM DATA CATALOG DATABASE 'x' IAM_ROLE default
ALTER TABLE people APPEND FROM loot
CANCEL 1234
PRAGMA writable_schema = 1
ATTACH 'x.db' AS x
REPLACE INTO people VALUES (1, 'x')
