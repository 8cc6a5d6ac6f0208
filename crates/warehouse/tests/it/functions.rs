//! What the catalogue of a real PostgreSQL says about the functions of a statement.

use std::collections::BTreeSet;

use outflow_core::ports::warehouse::{Session, Warehouse};
use outflow_core::{Code, NameUsage, ReferencedName, References, VolatileFunction};
use outflow_testkit::hostile::spellings::{self, Act};
use outflow_testkit::{Database, Postgres, hostile};
use outflow_warehouse::{Login, Server, ServerSettings};

use crate::{fake, select, server, settings};

fn of(database: &Database<'_>) -> Server {
    server(ServerSettings { database: database.name().into(), ..settings(database.server()) })
}

fn name(text: &str, usage: NameUsage) -> ReferencedName {
    let (schema, name) = match text.split_once('.') {
        Some((schema, name)) => (Some(schema.to_owned()), name),
        None => (None, text),
    };
    ReferencedName { schema, name: name.to_owned(), usage }
}

/// The names of a statement: `f()` is called, `.f` stands behind a dot.
fn references(names: &str) -> References {
    let names =
        names.split_whitespace().map(|text| match (text.strip_suffix("()"), text.strip_prefix('.')) {
            (Some(called), _) => name(called, NameUsage::Called),
            (None, Some(field)) => name(field, NameUsage::Field),
            (None, None) => name(text, NameUsage::Plain),
        });
    References { names: names.collect(), operators: Vec::new() }
}

async fn found(session: &mut dyn Session, references: &References) -> Vec<VolatileFunction> {
    session.volatile_functions(references).await.unwrap()
}

async fn shown(session: &mut dyn Session, names: &str) -> Vec<String> {
    let found = found(session, &references(names)).await;
    found.iter().map(|f| format!("{}: {f}", f.via.as_deref().unwrap_or("call"))).collect()
}

/// Functions that this version does not have, and those that it marks as stable although they run
/// SQL that is given as text or read what their text names: the text check stands before them.
const UNSEEN: [&str; 20] = [
    "pg_log_standby_snapshot",
    "pg_sync_replication_slots",
    "pg_restore_relation_stats",
    "pg_restore_attribute_stats",
    "pg_clear_relation_stats",
    "pg_clear_attribute_stats",
    "pg_stat_reset_backend_stats",
    "pg_buffercache_evict",
    "pg_buffercache_evict_all",
    "table_to_xml",
    "table_to_xml_and_xmlschema",
    "schema_to_xml",
    "schema_to_xml_and_xmlschema",
    "database_to_xml",
    "database_to_xml_and_xmlschema",
    "crosstab",
    "crosstab2",
    "crosstab3",
    "connectby",
    "xpath_table",
];

#[tokio::test]
async fn the_catalogue_marks_every_call_that_acts_but_for_those_that_run_text() {
    let database = hostile::target(Postgres::shared(), "catalogue");
    let mut session = of(&database).connect().await.unwrap();
    let mut unseen = BTreeSet::new();
    for Act { schema, function, .. } in spellings::acts() {
        let plain = references(&format!("{function}()"));
        let with_schema = references(&format!("{schema}.{function}()"));
        let seen = !found(&mut *session, &plain).await.is_empty();
        assert_eq!(seen, !found(&mut *session, &with_schema).await.is_empty(), "{schema}.{function}");
        if !seen {
            unseen.insert(function);
        }
    }
    let unknown: Vec<_> = unseen.iter().filter(|name| !UNSEEN.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[tokio::test]
async fn functions_are_found_whatever_runs_them() {
    let database = Postgres::shared().database("reached");
    database.sql(
        "CREATE SCHEMA other; CREATE TABLE people (id int);
         CREATE FUNCTION acts() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
         CREATE FUNCTION acts(people) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
         CREATE FUNCTION acts(int, int) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
         CREATE FUNCTION acts(text) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
         CREATE FUNCTION \"Acts\"() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
         CREATE FUNCTION other.hidden() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1';
         CREATE FUNCTION reads() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1';
         CREATE FUNCTION allows(int) RETURNS bool LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN true; END';
         CREATE VIEW inner_view AS SELECT acts() AS x, pg_try_advisory_lock(1) AS y;
         CREATE VIEW outer_view AS SELECT 1 AS z WHERE EXISTS (SELECT 1 FROM inner_view);
         CREATE VIEW other.elsewhere AS SELECT other.hidden();
         CREATE VIEW harmless AS SELECT id, now() FROM people;
         CREATE VIEW watched AS SELECT count(*) FROM pg_locks;
         CREATE OPERATOR <&&&> (LEFTARG = int, RIGHTARG = int, FUNCTION = acts);
         CREATE AGGREGATE gather(int) (SFUNC = acts, STYPE = int);
         CREATE DOMAIN checked AS int CHECK (allows(VALUE));
         CREATE TYPE pair AS (a int, b int);
         CREATE FUNCTION to_pair(text) RETURNS pair LANGUAGE sql VOLATILE AS 'SELECT NULL::pair';
         CREATE CAST (text AS pair) WITH FUNCTION to_pair(text);
         CREATE TABLE guarded (id int); ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
         CREATE POLICY p ON guarded USING (allows(id))",
    );
    let session = &mut *of(&database).connect().await.unwrap();
    for (names, expected) in [
        ("acts()", "call: public.acts()|call: public.acts(integer, integer)|call: public.acts(people)"),
        (
            "public.acts() people",
            "call: public.acts()|call: public.acts(integer, integer)|call: public.acts(people)",
        ),
        (".acts", "call: public.acts(people)"),
        ("Acts()", "call: public.Acts()"),
        ("other.acts()", ""),
        ("hidden()", ""),
        ("other.hidden()", "call: other.hidden()"),
        ("acts", ""),
        ("reads() harmless watched people pg_locks", ""),
        (
            "inner_view",
            "view inner_view: pg_catalog.pg_try_advisory_lock(bigint)|view inner_view: public.acts()",
        ),
        (
            "outer_view",
            "view inner_view: pg_catalog.pg_try_advisory_lock(bigint)|view inner_view: public.acts()",
        ),
        ("elsewhere", ""),
        ("other.elsewhere", "view other.elsewhere: other.hidden()"),
        ("gather()", "aggregate gather: public.acts(integer, integer)"),
        ("checked", "a check of type checked: public.allows(integer)"),
        ("pair", "a cast to pair: public.to_pair(text)"),
        ("guarded", "a row policy of guarded: public.allows(integer)"),
        ("pg_sleep()", "call: pg_catalog.pg_sleep(double precision)"),
        ("x'y\"z\\() {NULL,a}", ""),
    ] {
        assert_eq!(shown(session, names).await.join("|"), expected, "{names}");
    }
    let operators = References { names: Vec::new(), operators: vec!["-<&&&>-".into(), "&&".into()] };
    let of_operator = found(session, &operators).await;
    assert_eq!(of_operator.len(), 1);
    assert_eq!(of_operator[0].via.as_deref(), Some("operator <&&&>"));
    assert_eq!(found(session, &References { names: Vec::new(), operators: vec!["&&".into()] }).await, []);
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_is_an_error_and_leaves_the_session_usable() {
    let database = Postgres::shared().database("unreadable");
    database.sql("REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC; REVOKE pg_read_all_data FROM scramuser");
    let login = Login::password("scramuser", Postgres::USER_PASSWORD);
    let reader =
        server(ServerSettings { database: database.name().into(), login, ..settings(database.server()) });
    let mut session = reader.connect().await.unwrap();
    let error = session.volatile_functions(&references("lower()")).await.unwrap_err();
    Postgres::shared().sql("GRANT pg_read_all_data TO scramuser");
    assert_eq!(error.code(), Code::PermissionDenied, "{error}");
    assert_eq!(session.describe("SELECT 1 AS a").await.unwrap().len(), 1);
}

/// A string ends where Outflow says that it ends, whatever the account's settings are.
#[tokio::test]
async fn a_backslash_in_a_plain_string_is_a_character_whatever_the_role_says() {
    let database = Postgres::shared().database("strings");
    database.sql(
        "DROP ROLE IF EXISTS backslash; CREATE ROLE backslash LOGIN PASSWORD 'secret';
         ALTER ROLE backslash SET standard_conforming_strings = off;
         ALTER DATABASE strings SET standard_conforming_strings = off",
    );
    let login = Login::password("backslash", Postgres::USER_PASSWORD);
    let account = server(ServerSettings { database: "strings".into(), login, ..settings(database.server()) });
    let sql = r"SELECT '\' AS a --' AS a, 'loot' AS b";
    let (columns, rows) = crate::read(&account, select(sql)).await.unwrap();
    assert_eq!(columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a"]);
    assert_eq!(rows, [[Some("\\".to_owned())]]);
}

/// Whoever looks at the columns and refuses has done nothing.
#[tokio::test]
async fn a_statement_runs_when_its_rows_are_requested_and_not_before() {
    let database = hostile::target(Postgres::shared(), "refused");
    let server = of(&database);
    let mut oracle = hostile::Oracle::start(&database, Postgres::USER, Postgres::PASSWORD);
    let end = "SELECT pg_terminate_backend(pid) AS a FROM pg_stat_activity WHERE application_name = 'canary'";
    for limit in [None, Some(10)] {
        let statement = outflow_core::ports::warehouse::Statement { limit, ..select(end) };
        let stream = server.connect().await.unwrap().query(statement.clone()).await.unwrap();
        assert_eq!(stream.columns().len(), 1);
        stream.cancel().await;
        drop(server.connect().await.unwrap().query(statement).await.unwrap());
        // A session that ends after those two has been through all that they did.
        assert_eq!(crate::values(&server, "SELECT 1").await, [["1"]]);
        assert_eq!(oracle.change(), None);
    }
    assert_eq!(crate::values(&server, end).await, [["t"]]);
    assert!(oracle.change().is_some(), "the same statement acts when it is read");
}

/// A server, or something in front of it, that takes the setting and does not keep to it.
#[tokio::test]
async fn a_server_that_reads_strings_otherwise_gets_no_query() {
    for (shown, is_refused) in [("off", true), ("", true), ("on", false)] {
        let (listener, settings) = fake::listen().await;
        tokio::spawn(async move {
            let mut peer = fake::accept(&listener).await;
            peer.start_up().await;
            peer.send(&[fake::authentication(0, b""), fake::welcome()].concat()).await;
            while let Some((tag, body)) = peer.receive().await {
                let is_question = tag == b'Q' && body.starts_with(b"SHOW standard_conforming_strings");
                peer.send(&if is_question { fake::one_text(shown) } else { fake::done() }).await;
            }
        });
        let kind = outflow_warehouse::ServerKind::Postgres;
        let connected = server(ServerSettings { kind, ..settings }).connect().await;
        match connected {
            Ok(_) => assert!(!is_refused, "{shown:?}"),
            Err(error) => {
                assert!(is_refused, "{shown:?}: {error}");
                assert!(error.message().contains("standard_conforming_strings"), "{error}");
            }
        }
    }
}
