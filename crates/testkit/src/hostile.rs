//! Statements that try to change a database through a query, and the database that shows whether
//! one did.
//!
//! Promise 7 (read-only) has layers: the text check, one statement per message, a read-only
//! transaction. The same corpus goes through all of them together (`outflow::it::hostile`), and
//! past the text check at the database alone (`warehouse::it::read_only`). Its user owns all that
//! it could destroy. [`spellings`] multiplies the calls that act by the ways to write them; an
//! [`Oracle`] sees what they would do.

mod oracle;
pub mod spellings;

use crate::{Database, Postgres};
pub use oracle::Oracle;

/// One attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hostile {
    /// The text.
    pub sql: &'static str,
    /// PostgreSQL does it even in a read-only transaction, so it must not get there.
    pub acts_read_only: bool,
}

/// Every attempt.
pub fn statements() -> impl Iterator<Item = Hostile> {
    let lines = include_str!("hostile.sql").lines().filter(|line| !line.starts_with("--"));
    lines.map(|line| match line.strip_prefix('!') {
        Some(sql) => Hostile { sql, acts_read_only: true },
        None => Hostile { sql: line, acts_read_only: false },
    })
}

/// What analysts write, to be let pass: expressions over `people p`, and queries.
pub fn harmless() -> impl Iterator<Item = &'static str> {
    include_str!("hostile/harmless.sql").lines().filter(|line| !line.starts_with("--"))
}

/// Who runs the attempts: the owner of everything in the [`target`].
pub const WRITER: &str = "writer";

/// The connection string in the attempts; [`aimed`] replaces it by one that connects.
const MARK: &str = "dbname=hostile";

/// Extensions with functions that act.
const EXTENSIONS: [&str; 11] = [
    "adminpack",
    "amcheck",
    "dblink",
    "pageinspect",
    "pg_prewarm",
    "pg_stat_statements",
    "pg_surgery",
    "pg_visibility",
    "postgres_fdw",
    "tablefunc",
    "xml2",
];

/// An attempt whose second connections reach this database.
pub fn aimed(sql: &str, database: &Database<'_>) -> String {
    let server = database.server();
    let connection = format!(
        "host={} port={} dbname={} user={WRITER} password={}",
        server.host(),
        server.port(),
        database.name(),
        Postgres::USER_PASSWORD
    );
    sql.replace(MARK, &connection)
}

/// A database named `name` that belongs to [`WRITER`] (password [`Postgres::USER_PASSWORD`]), with
/// something of each kind to change.
pub fn target<'a>(postgres: &'a Postgres, name: &str) -> Database<'a> {
    let database = postgres.database(name);
    let (writer, password) = (WRITER, Postgres::USER_PASSWORD);
    let extensions = EXTENSIONS.map(|name| format!("CREATE EXTENSION IF NOT EXISTS {name};")).concat();
    database.sql(&format!(
        "{extensions}
         DO $$ BEGIN
           IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{writer}') THEN CREATE ROLE {writer} LOGIN CREATEDB PASSWORD '{password}'; END IF;
         END $$;
         GRANT ALL ON DATABASE \"{name}\" TO {writer};
         GRANT ALL ON SCHEMA public TO {writer};
         SET ROLE {writer};
         CREATE TABLE people (id int PRIMARY KEY, name text);
         INSERT INTO people SELECT g, 'person ' || g FROM generate_series(1, 5) g;
         CREATE SEQUENCE counter;
         CREATE VIEW front AS SELECT name FROM people;
         CREATE MATERIALIZED VIEW summary AS SELECT count(*) FROM people;
         CREATE FUNCTION grow() RETURNS int LANGUAGE sql AS 'INSERT INTO people SELECT max(id) + 1, ''mallory'' FROM people RETURNING id';
         CREATE FUNCTION sneak() RETURNS int LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN DELETE FROM people; RETURN 1; END $$;
         CREATE PROCEDURE plant() LANGUAGE sql AS 'INSERT INTO people VALUES (77, ''mallory'')';
         CREATE VIEW front_that_writes AS SELECT grow() AS id;
         CREATE VIEW front_that_acts AS SELECT pg_try_advisory_lock(1) AS x, dblink_exec('{MARK}', 'DELETE FROM people') AS y;
         CREATE VIEW behind AS SELECT * FROM front_that_acts;
         SELECT lo_from_bytea(515151, 'untouched');"
    ));
    database
}

/// All that the attempts could change, as text: compare two of them.
pub fn fingerprint(database: &Database<'_>) -> String {
    database.sql(
        "SELECT 'row', id::text, name FROM people ORDER BY id;
         SELECT 'sequence', last_value::text, is_called::text FROM counter;
         SELECT 'relation', oid::regclass::text, relkind::text, relowner::regrole::text, relacl::text, relfilenode::text FROM pg_class
           WHERE relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace) ORDER BY oid;
         SELECT 'column', attrelid::regclass::text, attname, atttypid::text FROM pg_attribute WHERE attrelid IN ('people'::regclass, 'front'::regclass) ORDER BY 1, 2, 3;
         SELECT 'function', oid::regprocedure::text, md5(prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY oid;
         SELECT 'object', oid::text FROM pg_largeobject_metadata ORDER BY 2;
         SELECT 'object', loid::text, encode(data, 'hex') FROM pg_largeobject ORDER BY 2;
         SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' ORDER BY 2;
         SELECT 'role', rolname, rolconfig::text FROM pg_roles WHERE rolname IN ('writer', 'loot', 'postgres') ORDER BY 2;
         SELECT 'comment', description FROM pg_description WHERE objoid = 'people'::regclass;
         SELECT 'setting', setdatabase::text, setconfig::text FROM pg_db_role_setting ORDER BY 2, 3;
         SELECT 'database', datname FROM pg_database WHERE datname = 'loot';
         SELECT 'kind', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 2;
         SELECT 'lock', count(*)::text FROM pg_locks WHERE locktype = 'advisory';
         SELECT 'slot', slot_name FROM pg_replication_slots ORDER BY 2;
         SELECT 'origin', roname FROM pg_replication_origin ORDER BY 2;
         SELECT 'statistics', datname, stats_reset::text FROM pg_stat_database WHERE datname = current_database();
         SELECT 'statistics', stats_reset::text FROM pg_stat_bgwriter;
         SELECT 'statistics', name, stats_reset::text FROM pg_stat_slru ORDER BY 2;
         SELECT 'loaded', pg_conf_load_time()::text;
         SELECT 'file', name FROM pg_ls_dir('.') name WHERE name NOT IN ('postmaster.pid', 'pg_stat_tmp') ORDER BY 2;
         SELECT 'snapshot', name FROM pg_ls_dir('pg_snapshots') name ORDER BY 2;
         SELECT 'recovery', pg_is_in_recovery()::text;",
    )
}
