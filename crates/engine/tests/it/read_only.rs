//! The catalogue's judgement on queries, on a real PostgreSQL: what must pass, and what is refused
//! before it runs.

use std::sync::Arc;

use outflow_core::ports::state::SyncState;
use outflow_core::{Code, Error, SyncSpec, SystemClock};
use outflow_engine::Errors;
use outflow_engine::authoring::preview::{Preview, PreviewStart, Sample, preview};
use outflow_testkit::hostile::{self, Oracle};
use outflow_testkit::{Database, Postgres};
use outflow_warehouse::{Aws, Login, Server, ServerKind, ServerSettings, Tls, TlsMode};

fn settings(database: &Database<'_>, login: Login) -> ServerSettings {
    ServerSettings {
        kind: ServerKind::Postgres,
        host: database.server().host().into(),
        port: database.server().port(),
        database: database.name().into(),
        login,
        tls: Tls { mode: TlsMode::Disable, ..Tls::default() },
        allow_cleartext_password: false,
        allow_functions: Vec::new(),
        tunnel: None,
        connect_timeout: ServerSettings::CONNECT_TIMEOUT,
    }
}

fn superuser() -> Login {
    Login::password(Postgres::USER, Postgres::PASSWORD)
}

fn reader() -> Login {
    Login::password("scramuser", Postgres::USER_PASSWORD)
}

/// The first rows of a run of this query.
async fn rows(settings: &ServerSettings, query: &str) -> Result<Preview, Vec<Error>> {
    let server = Server::new(settings.clone(), &Aws::new(|_| None, Arc::new(SystemClock))).unwrap();
    let spec = SyncSpec { query: query.to_owned(), ..crate::parts::users_to(&[]) };
    let sample = Sample { start: PreviewStart::First, limit: 5, once: false };
    let shown = preview(&spec, &SyncState::default(), &server, &SystemClock, sample).await;
    shown.map_err(|Errors(errors)| errors)
}

/// The lines of the corpus as queries.
fn harmless() -> impl Iterator<Item = String> {
    hostile::harmless().map(|line| match line.split(' ').next() {
        Some("SELECT" | "WITH") => line.to_owned(),
        _ if line.ends_with(" --") => format!("SELECT 1 AS \"userId\", {line}"),
        _ => format!("SELECT 1 AS \"userId\", {line} AS x FROM people p"),
    })
}

#[tokio::test]
async fn what_analysts_write_passes_every_layer() {
    let database = hostile::target(Postgres::shared(), "harmless");
    database.sql(
        "CREATE EXTENSION \"uuid-ossp\"; CREATE EXTENSION pgcrypto; CREATE EXTENSION unaccent; CREATE EXTENSION pg_trgm;
         CREATE EXTENSION fuzzystrmatch; CREATE FUNCTION reads(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1';
         CREATE FUNCTION reads(people) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1.id';
         CREATE VIEW front_that_reads AS SELECT id, lower(name) AS name, reads(id) FROM people",
    );
    let account = settings(&database, reader());
    let mut count = 0;
    for query in harmless() {
        count += 1;
        if let Err(errors) = rows(&account, &query).await {
            panic!("{query}: {errors:?}");
        }
    }
    assert!(count > 130, "{count}");
}

#[tokio::test]
async fn a_query_with_a_volatile_function_is_refused_with_what_runs_it_and_what_to_do() {
    let database = hostile::target(Postgres::shared(), "judged");
    let account = settings(&database, superuser());
    for (query, parts) in [
        (
            "SELECT 1 AS \"userId\",\n  Grow()",
            &["line 2, column 3", "public.grow()", "ALTER FUNCTION public.grow() STABLE"][..],
        ),
        (
            "SELECT 1 AS \"userId\" FROM front_that_writes",
            &["view front_that_writes, which runs public.grow()"],
        ),
        (
            "SELECT 1 AS \"userId\" FROM behind",
            &["view front_that_acts", "pg_try_advisory_lock(bigint)", "dblink_exec(text, text)"],
        ),
        ("SELECT 1 AS \"userId\", U&\"\\0067row\"()", &["public.grow()"]),
        ("SELECT 1 AS \"userId\" LIMIT public.\"grow\"()", &["public.grow()"]),
        (
            "SELECT 1 AS \"userId\", x FROM pg_get_shmem_allocations() x",
            &["pg_catalog.pg_get_shmem_allocations()"],
        ),
    ] {
        let errors = rows(&account, query).await.err().unwrap();
        assert!(errors.iter().all(|e| e.code() == Code::VolatileFunctionCalled), "{query}: {errors:?}");
        let text: String =
            errors.iter().map(|e| format!("{e} {:?} {:?}", e.place(), e.help_text())).collect();
        for part in parts {
            assert!(text.contains(part), "{query}: {part} is not in {text}");
        }
    }
}

#[tokio::test]
async fn a_function_that_the_operator_vouches_for_passes() {
    let database = Postgres::shared().database("vouched");
    database.sql("CREATE FUNCTION fine(int) RETURNS int LANGUAGE sql AS 'SELECT $1'; CREATE VIEW v AS SELECT fine(1) AS x");
    for (allowed, passes) in [("fine", true), ("public.fine", true), ("other.fine", false), ("Fine", false)] {
        let account =
            ServerSettings { allow_functions: vec![allowed.into()], ..settings(&database, superuser()) };
        for query in ["SELECT fine(1) AS \"userId\"", "SELECT x AS \"userId\" FROM v"] {
            assert_eq!(rows(&account, query).await.is_ok(), passes, "{allowed}: {query}");
        }
        // The text check stands whatever is allowed.
        let account =
            ServerSettings { allow_functions: vec!["pg_notify".into()], ..settings(&database, superuser()) };
        let errors = rows(&account, "SELECT 1 AS \"userId\", pg_notify('a', 'b')").await.err().unwrap();
        assert_eq!(errors[0].code(), Code::QueryNotReadOnly);
    }
}

#[tokio::test]
async fn without_a_catalogue_known_functions_pass_and_others_get_a_clear_answer() {
    let database = Postgres::shared().database("no_catalogue");
    database.sql(
        "CREATE TABLE people (id int); GRANT SELECT ON people TO stranger; REVOKE SELECT ON pg_catalog.pg_proc FROM PUBLIC;
         CREATE FUNCTION own(int) RETURNS int LANGUAGE sql STABLE AS 'SELECT $1'",
    );
    let stranger = settings(&database, Login::password("stranger", Postgres::USER_PASSWORD));
    let query = "SELECT id AS \"userId\", lower('A'), count(*) OVER (), to_char(now(), 'YYYY') FROM people";
    rows(&stranger, query).await.unwrap();
    let errors = rows(&stranger, "SELECT own(1) AS \"userId\"").await.err().unwrap();
    assert_eq!(errors[0].code(), Code::VolatileFunctionCalled);
    assert!(errors[0].message().contains("the catalogue cannot be read (permission denied"), "{errors:?}");
    assert!(errors[0].help_text().unwrap().contains("allow_functions"), "{errors:?}");
    let allowed = ServerSettings { allow_functions: vec!["own".into()], ..stranger };
    rows(&allowed, "SELECT own(1) AS \"userId\"").await.unwrap();
}

/// A run whose columns cannot be placed is refused before its statement runs.
#[tokio::test]
async fn a_query_whose_columns_are_refused_has_done_nothing() {
    let database = hostile::target(Postgres::shared(), "unplaceable");
    database.sql("CREATE FUNCTION ends() RETURNS int LANGUAGE sql STABLE AS $$ SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity WHERE application_name = 'canary' $$");
    let account = settings(&database, superuser());
    let mut oracle = Oracle::start(&database, Postgres::USER, Postgres::PASSWORD);
    let errors = rows(&account, "SELECT ends() AS x").await.err().unwrap();
    assert_eq!(errors[0].code(), Code::RequiredColumnMissing, "{errors:?}");
    assert_eq!(oracle.change(), None);
    // What no layer but the account sees: a function whose author calls it stable.
    rows(&account, "SELECT ends() AS \"userId\"").await.unwrap();
    assert!(oracle.change().is_some());
}
