//! What PostgreSQL refuses, as codes with a place.

use std::time::Duration;

use outflow_core::Code;
use outflow_testkit::Postgres;
use outflow_warehouse::{Login, ServerSettings};

use crate::{error, read, select, server, settings, shared, values};

#[tokio::test]
async fn each_refusal_has_its_code() {
    let postgres = Postgres::shared();
    postgres.database("refusals").sql("CREATE TABLE t (id int); CREATE SEQUENCE s; INSERT INTO t VALUES (1)");
    let owner = server(ServerSettings { database: "refusals".into(), ..settings(postgres) });
    let cases = [
        ("SELECT nope FROM t", Code::UnknownTableOrColumn),
        ("SELECT * FROM nope", Code::UnknownTableOrColumn),
        ("SELECT * FROM nope.t", Code::UnknownTableOrColumn),
        ("SELEC 1", Code::SyntaxError),
        ("SELECT 1 FROM", Code::SyntaxError),
        ("SELECT 'open", Code::SyntaxError),
        ("SELECT $1::int", Code::SyntaxError),
        ("SELECT 1\0", Code::SyntaxError),
        ("SELECT now() >= 5", Code::DatabaseError),
        ("SELECT 1 / 0", Code::DatabaseError),
        ("SELECT 1 / (5 - g) FROM generate_series(1, 10) g", Code::DatabaseError),
        ("SELECT 1; SELECT 2", Code::MultipleStatements),
        ("", Code::QueryNotReadOnly),
        ("SET search_path TO x", Code::QueryNotReadOnly),
        ("INSERT INTO t VALUES (2)", Code::QueryNotReadOnly),
        ("INSERT INTO t VALUES (2) RETURNING id", Code::QueryNotReadOnly),
        ("WITH w AS (DELETE FROM t RETURNING id) SELECT * FROM w", Code::QueryNotReadOnly),
        ("SELECT nextval('s')", Code::QueryNotReadOnly),
        ("SELECT * FROM t FOR UPDATE", Code::QueryNotReadOnly),
        ("CREATE TABLE u AS SELECT 1", Code::QueryNotReadOnly),
        ("SELECT 1 INTO u", Code::QueryNotReadOnly),
        ("SELECT repeat('x', 70000000)", Code::RowTooLarge),
    ];
    for (sql, code) in cases {
        let error = error(&owner, sql).await;
        assert_eq!(error.code(), code, "{sql}: {error}");
    }
    assert_eq!(values(&owner, "SELECT (SELECT count(*) FROM t), is_called FROM s").await, [["1", "f"]]);
    assert_eq!(values(&owner, "SELECT 1;").await, [["1"]], "one semicolon at the end is no second statement");
}

#[tokio::test]
async fn a_missing_right_is_named() {
    let postgres = Postgres::shared();
    postgres.database("rights").sql("CREATE TABLE t (id int)");
    let stranger = server(ServerSettings {
        database: "rights".into(),
        login: Login::password("stranger", Postgres::USER_PASSWORD),
        ..settings(postgres)
    });
    let error = error(&stranger, "SELECT * FROM t").await;
    assert_eq!(error.code(), Code::PermissionDenied);
    assert!(error.message().contains("42501"), "{error}");
    assert!(error.help_text().unwrap().contains("SELECT on the table"));
}

#[tokio::test]
async fn the_place_of_an_error_is_a_line_and_a_column() {
    let error = error(&shared(), "SELECT 'é' AS e,\n       nope\nFROM generate_series(1, 2)").await;
    assert_eq!(error.place(), Some("line 2, column 8 of the query"));
    assert!(error.message().ends_with("(SQLSTATE 42703)"), "{error}");
    assert_eq!(error.quoted().unwrap().reveal(), "column \"nope\" does not exist");
}

#[tokio::test]
async fn values_are_kept_out_of_messages() {
    let error = error(&shared(), "SELECT x::int FROM (VALUES ('ada@example.com')) v (x)").await;
    assert_eq!(error.code(), Code::DatabaseError);
    assert!(!format!("{error:?}").contains("ada"), "{error:?}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_ended_by_the_server() {
    let mut statement = select("SELECT pg_sleep(120)");
    statement.timeout = Some(Duration::from_millis(200));
    let error = read(&shared(), statement).await.unwrap_err();
    assert_eq!(error.code(), Code::StatementCancelled);
    assert!(error.message().contains("57014"), "{error}");
}

#[tokio::test]
async fn a_session_that_an_administrator_ends_is_no_end_of_the_result() {
    let sql = "SELECT g, CASE WHEN g = 50000 THEN pg_terminate_backend(pg_backend_pid()) END FROM generate_series(1, 100000) g";
    assert_eq!(error(&shared(), sql).await.code(), Code::SourceUnavailable);
}
