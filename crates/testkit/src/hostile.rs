//! Statements that try to change a database through a query, and the database that shows whether
//! one did.
//!
//! Promise 7 (read-only) has layers: the text check, one statement per message, a read-only
//! transaction. The same corpus goes through all of them together (`outflow::it::hostile`), and
//! past the text check at the database alone (`warehouse::it::read_only`). Its user owns all that
//! it could destroy.

use crate::{Database, Postgres};

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

/// Who runs the attempts: the owner of everything in the [`target`].
pub const WRITER: &str = "writer";

/// A database named `name` that belongs to [`WRITER`] (password [`Postgres::USER_PASSWORD`]), with
/// something of each kind to change.
pub fn target<'a>(postgres: &'a Postgres, name: &str) -> Database<'a> {
    let database = postgres.database(name);
    let (writer, password) = (WRITER, Postgres::USER_PASSWORD);
    database.sql(&format!(
        "DO $$ BEGIN
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
         SELECT 'object', loid::text, encode(data, 'hex') FROM pg_largeobject ORDER BY 2;
         SELECT 'schema', nspname, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' ORDER BY 2;
         SELECT 'role', rolname, rolconfig::text FROM pg_roles WHERE rolname IN ('writer', 'loot', 'postgres') ORDER BY 2;
         SELECT 'comment', description FROM pg_description WHERE objoid = 'people'::regclass;
         SELECT 'setting', setdatabase::text, setconfig::text FROM pg_db_role_setting ORDER BY 2, 3;
         SELECT 'database', datname FROM pg_database WHERE datname = 'loot';
         SELECT 'kind', typname FROM pg_type WHERE typnamespace = 'public'::regnamespace ORDER BY 2;
         SELECT 'lock', count(*)::text FROM pg_locks WHERE locktype = 'advisory';",
    )
}
