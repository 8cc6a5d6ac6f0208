-- What a database of the simulator has beyond PostgreSQL: Redshift's types, functions, operators
-- and system views.
--
-- What clients call by name stands in pg_catalog, so that no search_path hides it. What only
-- rewritten statements call stands in the schema "redshift". What Redshift has not is renamed, so
-- that a call says "function … does not exist".

SET client_min_messages = 'warning';
SET check_function_bodies = off;

CREATE SCHEMA redshift;
GRANT USAGE ON SCHEMA redshift TO PUBLIC;

-- ---------------------------------------------------------------- types

-- SUPER is kept as the text of its JSON, in the order of its keys. Only JSON comes in as SUPER's
-- own text; a cast from text makes a string.
CREATE TYPE pg_catalog.super;
CREATE FUNCTION pg_catalog.super_in(cstring) RETURNS pg_catalog.super AS 'json_in' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION pg_catalog.super_out(pg_catalog.super) RETURNS cstring AS 'json_out' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE pg_catalog.super (INPUT = super_in, OUTPUT = super_out, ALIGNMENT = int4, STORAGE = extended);

CREATE TYPE pg_catalog.varbyte;
CREATE FUNCTION pg_catalog.varbyte_in(cstring) RETURNS pg_catalog.varbyte AS 'byteain' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION pg_catalog.varbyte_out(pg_catalog.varbyte) RETURNS cstring AS 'byteaout' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION pg_catalog.varbyte_typmod_in(cstring[]) RETURNS integer AS 'varchartypmodin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION pg_catalog.varbyte_typmod_out(integer) RETURNS cstring AS 'varchartypmodout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE pg_catalog.varbyte (
    INPUT = varbyte_in, OUTPUT = varbyte_out, TYPMOD_IN = varbyte_typmod_in, TYPMOD_OUT = varbyte_typmod_out, ALIGNMENT = int4, STORAGE = extended
);
CREATE CAST (bytea AS varbyte) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE CAST (varbyte AS bytea) WITHOUT FUNCTION AS ASSIGNMENT;
CREATE FUNCTION redshift.varbyte_of(text) RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT convert_to($1, 'UTF8')::varbyte $$;
CREATE CAST (text AS varbyte) WITH FUNCTION redshift.varbyte_of(text) AS ASSIGNMENT;
CREATE CAST (varchar AS varbyte) WITH FUNCTION redshift.varbyte_of(text) AS ASSIGNMENT;

CREATE CAST (json AS super) WITHOUT FUNCTION;
-- With a function, however little it does: that is what makes json_build_object take a SUPER for
-- JSON.
CREATE FUNCTION redshift.json_of(super) RETURNS json LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_in(super_out($1)) $$;
CREATE CAST (super AS json) WITH FUNCTION redshift.json_of(super);

-- A scalar goes over as it is, a string without its quotes; what has parts becomes NULL.
CREATE FUNCTION redshift.text_of(super) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS
    $$ SELECT CASE WHEN json_typeof($1::json) IN ('object', 'array', 'null') THEN NULL ELSE $1::json #>> '{}' END $$;
CREATE FUNCTION redshift.varchar_of(super) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT redshift.text_of($1)::varchar $$;
CREATE CAST (super AS text) WITH FUNCTION redshift.text_of(super);
CREATE CAST (super AS varchar) WITH FUNCTION redshift.varchar_of(super);
DO $do$
DECLARE scalar text;
BEGIN
    FOREACH scalar IN ARRAY ARRAY['boolean', 'smallint', 'integer', 'bigint', 'numeric', 'real', 'double precision', 'text', 'varchar', 'date', 'timestamp', 'timestamptz'] LOOP
        EXECUTE format('CREATE FUNCTION redshift.super_of(%s) RETURNS super LANGUAGE sql STABLE STRICT AS $$ SELECT to_json($1)::super $$', scalar);
        EXECUTE format('CREATE CAST (%s AS super) WITH FUNCTION redshift.super_of(%1$s) AS ASSIGNMENT', scalar);
    END LOOP;
    FOREACH scalar IN ARRAY ARRAY['boolean', 'smallint', 'integer', 'bigint', 'numeric', 'double precision', 'date', 'timestamp'] LOOP
        EXECUTE format('CREATE FUNCTION redshift.%I(super) RETURNS %s LANGUAGE sql STABLE STRICT AS $$ SELECT redshift.text_of($1)::%2$s $$', scalar || '_of', scalar);
        EXECUTE format('CREATE CAST (super AS %s) WITH FUNCTION redshift.%I(super)', scalar, scalar || '_of');
    END LOOP;
END $do$;

-- ---------------------------------------------------------------- comparison of texts with numbers
-- Whole numbers are compared as texts, silently; a decimal makes the text a number.
DO $do$
DECLARE op text; name text; kind text; n int := 0;
BEGIN
    FOREACH op IN ARRAY ARRAY['=', '<>', '<', '<=', '>', '>='] LOOP
        n := n + 1;
        name := 'compare_' || n;
        FOREACH kind IN ARRAY ARRAY['smallint', 'integer', 'bigint', 'numeric'] LOOP
            IF kind = 'numeric' THEN
                EXECUTE format('CREATE FUNCTION redshift.%I(text, numeric) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1::numeric %s $2 $$', name, op);
                EXECUTE format('CREATE FUNCTION redshift.%I(numeric, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 %s $2::numeric $$', name, op);
            ELSE
                EXECUTE format('CREATE FUNCTION redshift.%I(text, %s) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1 %s $2::text $$', name, kind, op);
                EXECUTE format('CREATE FUNCTION redshift.%I(%s, text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$ SELECT $1::text %s $2 $$', name, kind, op);
            END IF;
            EXECUTE format('CREATE OPERATOR pg_catalog.%s (LEFTARG = text, RIGHTARG = %s, FUNCTION = redshift.%I)', op, kind, name);
            EXECUTE format('CREATE OPERATOR pg_catalog.%s (LEFTARG = %s, RIGHTARG = text, FUNCTION = redshift.%I)', op, kind, name);
        END LOOP;
    END LOOP;
END $do$;

-- ---------------------------------------------------------------- dates and times
CREATE FUNCTION redshift."timestamp"() RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT date_trunc('second', statement_timestamp())::timestamp $$;
CREATE FUNCTION redshift."timestamp"(boolean) RETURNS timestamp LANGUAGE sql STABLE AS $$ SELECT transaction_timestamp()::timestamp $$;

-- The names and short forms of the parts of dates.
CREATE FUNCTION redshift.part(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE
        WHEN p IN ('year', 'years', 'y', 'yr', 'yrs') THEN 'year'
        WHEN p IN ('quarter', 'quarters', 'qtr', 'qtrs') THEN 'quarter'
        WHEN p IN ('month', 'months', 'mon', 'mons') THEN 'month'
        WHEN p IN ('week', 'weeks', 'w') THEN 'week'
        WHEN p IN ('day', 'days', 'd') THEN 'day'
        WHEN p IN ('hour', 'hours', 'h', 'hr', 'hrs') THEN 'hour'
        WHEN p IN ('minute', 'minutes', 'm', 'min', 'mins') THEN 'minute'
        WHEN p IN ('second', 'seconds', 's', 'sec', 'secs') THEN 'second'
        WHEN p IN ('millisecond', 'milliseconds', 'ms', 'msec', 'msecs', 'msecond', 'mseconds', 'millisec', 'millisecs', 'millisecon') THEN 'millisecond'
        WHEN p IN ('microsecond', 'microseconds', 'us', 'usec', 'usecs', 'usecond', 'useconds', 'microsec', 'microsecs', 'microsecond') THEN 'microsecond'
        WHEN p IN ('dayofweek', 'dow', 'dw', 'weekday') THEN 'dow'
        WHEN p IN ('dayofyear', 'doy', 'dy', 'yearday') THEN 'doy'
        ELSE p
    END FROM lower($1) p
$$;

CREATE FUNCTION redshift.step(part text, number bigint) RETURNS interval LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE redshift.part(part)
        WHEN 'quarter' THEN number * 3 * interval '1 month'
        WHEN 'millisecond' THEN number * interval '1 millisecond'
        WHEN 'microsecond' THEN number * interval '1 microsecond'
        ELSE number * ('1 ' || redshift.part(part))::interval
    END
$$;
CREATE FUNCTION pg_catalog.dateadd(text, bigint, timestamp) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $3 + redshift.step($1, $2) $$;
CREATE FUNCTION pg_catalog.dateadd(text, bigint, date) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $3::timestamp + redshift.step($1, $2) $$;
CREATE FUNCTION pg_catalog.dateadd(text, bigint, timestamptz) RETURNS timestamptz LANGUAGE sql STABLE STRICT AS $$ SELECT $3 + redshift.step($1, $2) $$;
CREATE FUNCTION pg_catalog.dateadd(text, bigint, time) RETURNS time LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $3 + redshift.step($1, $2) $$;

-- Counts the boundaries that are crossed, and not whole parts. Weeks begin on Sunday.
CREATE FUNCTION pg_catalog.datediff(part text, a timestamp, b timestamp) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE redshift.part(part)
        WHEN 'year' THEN (date_part('year', b) - date_part('year', a))::bigint
        WHEN 'quarter' THEN ((date_part('year', b) - date_part('year', a)) * 4 + date_part('quarter', b) - date_part('quarter', a))::bigint
        WHEN 'month' THEN ((date_part('year', b) - date_part('year', a)) * 12 + date_part('month', b) - date_part('month', a))::bigint
        WHEN 'week' THEN ((b::date - date_part('dow', b)::int) - (a::date - date_part('dow', a)::int)) / 7
        WHEN 'day' THEN b::date - a::date
        WHEN 'hour' THEN (extract(epoch FROM date_trunc('hour', b) - date_trunc('hour', a)) / 3600)::bigint
        WHEN 'minute' THEN (extract(epoch FROM date_trunc('minute', b) - date_trunc('minute', a)) / 60)::bigint
        WHEN 'second' THEN extract(epoch FROM date_trunc('second', b) - date_trunc('second', a))::bigint
        WHEN 'millisecond' THEN (extract(epoch FROM date_trunc('milliseconds', b) - date_trunc('milliseconds', a)) * 1000)::bigint
        WHEN 'microsecond' THEN (extract(epoch FROM b - a) * 1000000)::bigint
    END
$$;
CREATE FUNCTION pg_catalog.datediff(text, timestamptz, timestamptz) RETURNS bigint LANGUAGE sql STABLE STRICT AS
    $$ SELECT datediff($1, $2::timestamp, $3::timestamp) $$;

-- DATE_PART is a double, and its column is called pgdate_part.
CREATE FUNCTION pg_catalog.pgdate_part(text, timestamp) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT date_part(redshift.part($1), $2) $$;
CREATE FUNCTION pg_catalog.pgdate_part(text, timestamptz) RETURNS double precision LANGUAGE sql STABLE STRICT AS $$ SELECT date_part(redshift.part($1), $2) $$;
CREATE FUNCTION pg_catalog.pgdate_part(text, date) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT date_part(redshift.part($1), $2) $$;
CREATE FUNCTION pg_catalog.pgdate_part(text, time) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT date_part(redshift.part($1), $2) $$;
CREATE FUNCTION pg_catalog.pgdate_part(text, interval) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT date_part(redshift.part($1), $2) $$;

-- EXTRACT is a 32-bit integer for what has no zone, without the fraction; its column is called
-- date_part.
CREATE FUNCTION redshift.date_part(part text, "time" timestamp) RETURNS integer LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN trunc(pg_catalog.date_part(redshift.part(part), "time"))::integer;
EXCEPTION WHEN numeric_value_out_of_range THEN
    RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = format('Overflow or underflow for DATEPART/EXTRACT ''%s''', part);
END $$;
CREATE FUNCTION redshift.date_part(text, date) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT redshift.date_part($1, $2::timestamp) $$;
CREATE FUNCTION redshift.date_part(text, time) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT trunc(pg_catalog.date_part(redshift.part($1), $2))::integer $$;
CREATE FUNCTION redshift.date_part(text, interval) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT trunc(pg_catalog.date_part(redshift.part($1), $2))::integer $$;
CREATE FUNCTION redshift.date_part(text, timestamptz) RETURNS double precision LANGUAGE sql STABLE STRICT AS $$ SELECT pg_catalog.date_part(redshift.part($1), $2) $$;

CREATE FUNCTION pg_catalog.trunc(timestamp) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT $1::date $$;
CREATE FUNCTION pg_catalog.last_day(date) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT (date_trunc('month', $1::timestamp) + interval '1 month' - interval '1 day')::date $$;
CREATE FUNCTION pg_catalog.last_day(timestamp) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT last_day($1::date) $$;
CREATE FUNCTION pg_catalog.next_day(date, text) RETURNS date LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT $1 + 1 + mod(7 + array_position(ARRAY['su', 'mo', 'tu', 'we', 'th', 'fr', 'sa'], lower(left($2, 2))) - 1 - date_part('dow', $1 + 1)::int, 7)
$$;
-- The last day of a month stays the last day.
CREATE FUNCTION pg_catalog.add_months(timestamp, bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN $1::date = last_day($1::date) THEN last_day(($1 + $2 * interval '1 month')::date) + $1::time ELSE $1 + $2 * interval '1 month' END
$$;
CREATE FUNCTION pg_catalog.add_months(date, bigint) RETURNS timestamp LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT add_months($1::timestamp, $2) $$;
CREATE FUNCTION pg_catalog.months_between(a timestamp, b timestamp) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT (date_part('year', a) - date_part('year', b)) * 12 + date_part('month', a) - date_part('month', b)
        + CASE
            WHEN date_part('day', a) = date_part('day', b) OR (a::date = last_day(a::date) AND b::date = last_day(b::date)) THEN 0
            ELSE (extract(epoch FROM a - date_trunc('month', a)) - extract(epoch FROM b - date_trunc('month', b))) / 86400 / 31
        END::double precision
$$;
CREATE FUNCTION pg_catalog.date_part_year(date) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT date_part('year', $1)::integer $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$ SELECT $2 AT TIME ZONE 'UTC' AT TIME ZONE $1 $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, text, timestamp) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$ SELECT $3 AT TIME ZONE $1 AT TIME ZONE $2 $$;
CREATE FUNCTION pg_catalog.convert_timezone(text, timestamptz) RETURNS timestamp LANGUAGE sql STABLE STRICT AS $$ SELECT $2 AT TIME ZONE $1 $$;

-- ---------------------------------------------------------------- JSON
CREATE FUNCTION redshift.compact(json) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE json_typeof($1)
        WHEN 'object' THEN '{' || coalesce((SELECT string_agg(to_json(key)::text || ':' || redshift.compact(value), ',') FROM json_each($1)), '') || '}'
        WHEN 'array' THEN '[' || coalesce((SELECT string_agg(redshift.compact(value), ',') FROM json_array_elements($1)), '') || ']'
        ELSE trim(E' \t\r\n' FROM $1::text)
    END
$$;
CREATE FUNCTION pg_catalog.json_parse(text) RETURNS super LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT redshift.compact($1::json)::json::super $$;
CREATE FUNCTION pg_catalog.json_serialize(super) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT redshift.compact($1::json)::varchar $$;
CREATE FUNCTION pg_catalog.is_valid_json(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN json_typeof($1::json) IN ('object', 'array');
EXCEPTION WHEN invalid_text_representation THEN RETURN false;
END $$;
CREATE FUNCTION pg_catalog.is_valid_json_array(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT is_valid_json($1) AND json_typeof($1::json) = 'array' $$;
CREATE FUNCTION pg_catalog.can_json_parse(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    PERFORM $1::json;
    RETURN true;
EXCEPTION WHEN invalid_text_representation THEN RETURN false;
END $$;
-- A missing element is an empty text.
CREATE FUNCTION redshift.json_extract_path_text(lenient boolean, document text, VARIADIC path text[]) RETURNS varchar LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF document IS NULL THEN RETURN NULL; END IF;
    RETURN coalesce(document::json #>> path, '');
EXCEPTION WHEN invalid_text_representation THEN
    IF lenient THEN RETURN NULL; END IF;
    RAISE EXCEPTION USING ERRCODE = 'XX000', MESSAGE = 'JSON parsing error';
END $$;
CREATE FUNCTION pg_catalog.json_extract_array_element_text(text, integer) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT ($1::json ->> $2)::varchar $$;
CREATE FUNCTION pg_catalog.json_array_length(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_array_length($1::json) $$;
CREATE FUNCTION pg_catalog.json_typeof(super) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_typeof($1::json)::varchar $$;
CREATE FUNCTION pg_catalog.get_array_length(super) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_array_length($1::json)::bigint $$;
CREATE FUNCTION pg_catalog.split_to_array(text, text DEFAULT ',') RETURNS super LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT to_json(string_to_array($1, $2))::super $$;
CREATE FUNCTION pg_catalog.is_object(super) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_typeof($1::json) = 'object' $$;
CREATE FUNCTION pg_catalog.is_array(super) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT json_typeof($1::json) = 'array' $$;
CREATE FUNCTION pg_catalog."object"() RETURNS super AS 'json_build_object_noargs' LANGUAGE internal STABLE;
CREATE FUNCTION pg_catalog."object"(VARIADIC "any") RETURNS super AS 'json_build_object' LANGUAGE internal STABLE;
CREATE FUNCTION redshift."array"() RETURNS super AS 'json_build_array_noargs' LANGUAGE internal STABLE;
CREATE FUNCTION redshift."array"(VARIADIC "any") RETURNS super AS 'json_build_array' LANGUAGE internal STABLE;

-- ---------------------------------------------------------------- texts, numbers, hashes
CREATE FUNCTION pg_catalog.len(text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT char_length($1) $$;
CREATE FUNCTION pg_catalog.charindex(part text, whole text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT strpos(whole, part) $$;
CREATE FUNCTION pg_catalog.replicate(text, integer) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT repeat($1, $2)::varchar $$;
CREATE FUNCTION pg_catalog.strtol(digits text, base integer) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN digits LIKE '-%' THEN -1 ELSE 1 END * sum((strpos('0123456789abcdefghijklmnopqrstuvwxyz', digit) - 1) * base::numeric ^ (number - 1))::bigint
    FROM regexp_split_to_table(reverse(regexp_replace(lower(digits), '^-?(0x)?', '')), '') WITH ORDINALITY AS t (digit, number)
$$;
CREATE FUNCTION pg_catalog.sha2(text, integer) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT encode(CASE $2 WHEN 224 THEN sha224(d) WHEN 384 THEN sha384(d) WHEN 512 THEN sha512(d) ELSE sha256(d) END, 'hex')::varchar FROM convert_to($1, 'UTF8') d
$$;
CREATE FUNCTION pg_catalog.to_varbyte(value text, form text) RETURNS varbyte LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE lower(form) WHEN 'utf8' THEN convert_to(value, 'UTF8') WHEN 'utf-8' THEN convert_to(value, 'UTF8') ELSE decode(value, form) END::varbyte
$$;
CREATE FUNCTION pg_catalog.from_varbyte(value varbyte, form text) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN lower(form) IN ('utf8', 'utf-8') THEN convert_from(value::bytea, 'UTF8') ELSE encode(value::bytea, form) END::varchar
$$;
CREATE FUNCTION pg_catalog.to_hex(varbyte) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT encode($1::bytea, 'hex')::varchar $$;
DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pgcrypto') THEN
        CREATE EXTENSION pgcrypto SCHEMA redshift;
        CREATE FUNCTION pg_catalog.func_sha1(text) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS
            $$ SELECT encode(redshift.digest(convert_to($1, 'UTF8'), 'sha1'), 'hex')::varchar $$;
        CREATE FUNCTION pg_catalog.sha1(text) RETURNS varchar LANGUAGE sql IMMUTABLE STRICT AS $$ SELECT func_sha1($1) $$;
    END IF;
END $do$;

CREATE AGGREGATE redshift.listagg(text, text) (SFUNC = string_agg_transfn, STYPE = internal, FINALFUNC = string_agg_finalfn);

-- ---------------------------------------------------------------- the cluster
CREATE OR REPLACE FUNCTION pg_catalog.version() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift '
        || coalesce(current_setting('redshift.version', true), '1.0')
$$;
CREATE FUNCTION redshift.pg_last_query_id(bigint) RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT $1 $$;
CREATE FUNCTION pg_catalog.pg_last_unload_count() RETURNS bigint LANGUAGE sql STABLE AS $$ SELECT 0::bigint $$;

-- The schemas that users have, and what is in them.
CREATE VIEW redshift.schemas AS
    SELECT * FROM pg_namespace WHERE nspname NOT IN ('redshift', 'pg_toast', 'information_schema', 'pg_catalog') AND nspname NOT LIKE 'pg\_t%';
SET allow_system_table_mods = on;
CREATE VIEW pg_catalog.svv_redshift_schemas AS
    SELECT current_database()::varchar AS database_name, nspname::varchar AS schema_name, nspowner::integer AS schema_owner, 'local'::varchar AS schema_type,
        nspacl::varchar AS schema_acl, NULL::varchar AS schema_option
    FROM redshift.schemas WHERE has_schema_privilege(oid, 'USAGE');
CREATE VIEW pg_catalog.svv_all_schemas AS SELECT *, NULL::varchar AS source_database FROM svv_redshift_schemas;
CREATE VIEW pg_catalog.svv_redshift_tables AS
    SELECT current_database()::varchar AS database_name, s.nspname::varchar AS schema_name, c.relname::varchar AS table_name,
        CASE c.relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END::varchar AS table_type, c.relacl::varchar AS table_acl, NULL::varchar AS remarks
    FROM pg_class c JOIN redshift.schemas s ON s.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'v', 'm') AND has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT');
CREATE VIEW pg_catalog.svv_all_tables AS SELECT * FROM svv_redshift_tables;
CREATE VIEW pg_catalog.svv_redshift_columns AS
    SELECT current_database()::varchar AS database_name, s.nspname::varchar AS schema_name, c.relname::varchar AS table_name, a.attname::varchar AS column_name,
        a.attnum::integer AS ordinal_position, pg_get_expr(d.adbin, d.adrelid)::varchar AS column_default,
        CASE WHEN a.attnotnull THEN 'NO' ELSE 'YES' END::varchar AS is_nullable, format_type(a.atttypid, NULL)::varchar AS data_type,
        CASE WHEN a.atttypid IN (1042, 1043) AND a.atttypmod > 4 THEN a.atttypmod - 4 END AS character_maximum_length,
        CASE WHEN a.atttypid = 1700 AND a.atttypmod > 4 THEN (a.atttypmod - 4) >> 16 END AS numeric_precision,
        CASE WHEN a.atttypid = 1700 AND a.atttypmod > 4 THEN (a.atttypmod - 4) & 65535 END AS numeric_scale, NULL::varchar AS remarks
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN redshift.schemas s ON s.oid = c.relnamespace
        LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE c.relkind IN ('r', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped AND has_schema_privilege(s.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT');
CREATE VIEW pg_catalog.svv_all_columns AS SELECT * FROM svv_redshift_columns;
CREATE VIEW pg_catalog.svv_columns AS
    SELECT database_name AS table_catalog, schema_name AS table_schema, table_name, column_name, ordinal_position, column_default, is_nullable, data_type,
        character_maximum_length, numeric_precision, numeric_scale, remarks
    FROM svv_redshift_columns;
CREATE VIEW pg_catalog.svv_tables AS
    SELECT database_name AS table_catalog, schema_name AS table_schema, table_name, table_type, remarks FROM svv_redshift_tables;
CREATE VIEW pg_catalog.pg_table_def AS
    SELECT schema_name::name AS schemaname, table_name::name AS tablename, column_name::name AS "column", data_type::text AS type, 'none'::char(32) AS encoding,
        false AS distkey, 0 AS sortkey, is_nullable = 'NO' AS notnull
    FROM svv_redshift_columns WHERE schema_name = ANY (current_schemas(false));
CREATE VIEW pg_catalog.svv_user_grants AS
    SELECT NULL::integer AS user_id, NULL::varchar AS user_name, NULL::integer AS role_id, NULL::varchar AS role_name, false AS admin_option WHERE false;
CREATE VIEW pg_catalog.stv_db_isolation_level AS SELECT datname::char(128) AS db_name, 'Snapshot Isolation'::char(20) AS isolation_level FROM pg_database;
-- Transactions that hold locks, with times in UTC. PostgreSQL hides the begin of others' from
-- accounts without the role pg_read_all_stats, which stands for SYSLOG ACCESS UNRESTRICTED.
CREATE VIEW pg_catalog.svv_transactions AS
    SELECT a.usename::text AS txn_owner, a.datname::text AS txn_db, a.backend_xid::text::bigint AS xid, a.pid AS pid,
        (a.xact_start AT TIME ZONE 'UTC')::timestamp AS txn_start, l.mode::text AS lock_mode, l.locktype::text AS lockable_object_type,
        l.relation::integer AS relation, l.granted AS granted
    FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid WHERE a.xact_start IS NOT NULL AND l.locktype IN ('relation', 'transactionid');
CREATE VIEW pg_catalog.svl_user_info AS
    SELECT usename, usesysid, usecreatedb, usesuper,
        CASE WHEN pg_has_role(usename, 'pg_read_all_stats', 'USAGE') THEN 'UNRESTRICTED' ELSE 'RESTRICTED' END::text AS syslogaccess
    FROM pg_user WHERE usename = current_user OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE');
SET allow_system_table_mods = off;
GRANT SELECT ON pg_catalog.svv_transactions, pg_catalog.svl_user_info TO PUBLIC;
GRANT SELECT ON redshift.schemas, pg_catalog.svv_user_grants, pg_catalog.svv_redshift_schemas, pg_catalog.svv_all_schemas, pg_catalog.svv_redshift_tables, pg_catalog.svv_all_tables,
    pg_catalog.svv_redshift_columns, pg_catalog.svv_all_columns, pg_catalog.svv_columns, pg_catalog.svv_tables, pg_catalog.pg_table_def,
    pg_catalog.stv_db_isolation_level TO PUBLIC;

-- ---------------------------------------------------------------- what Redshift has not
-- A wait is of use to tests; it has a name of its own.
CREATE FUNCTION pg_catalog.simulator_sleep(double precision) RETURNS void AS 'pg_sleep' LANGUAGE internal VOLATILE STRICT;
ALTER FUNCTION pg_catalog.pg_sleep(double precision) RENAME TO no_sleep;
ALTER FUNCTION pg_catalog.to_timestamp(double precision) RENAME TO no_to_timestamp;
ALTER FUNCTION pg_catalog.clock_timestamp() RENAME TO no_clock_timestamp;
