//! Asking about a statement without running it.

use outflow_core::ports::warehouse::Warehouse;
use outflow_core::{Code, ColumnType};
use outflow_testkit::Postgres;
use outflow_warehouse::Sqlite;

use crate::{select, server, settings, shared};

#[tokio::test]
async fn columns_are_described_and_the_session_continues_after_an_error() {
    let mut session = shared().connect().await.unwrap();
    for (sql, code) in [
        ("SELECT nope", Code::UnknownTableOrColumn),
        ("SELECT $1::int", Code::SyntaxError),
        ("SELECT 1; SELECT 2", Code::MultipleStatements),
        ("VACUUM", Code::QueryNotReadOnly),
        ("SELECT 'a\0b'", Code::SyntaxError),
    ] {
        assert_eq!(session.describe(sql).await.unwrap_err().code(), code, "{sql}");
        assert_eq!(
            session.explain(sql).await.unwrap_err().code(),
            if sql == "VACUUM" { Code::SyntaxError } else { code },
            "{sql}"
        );
    }
    let columns = session.describe("SELECT 1 AS a, now() AS b").await.unwrap();
    assert_eq!((columns[0].ty, columns[1].ty), (ColumnType::Int, ColumnType::TimestampTz));
    session.clock().await.unwrap();
    let mut rows = session.query(select("SELECT 1")).await.unwrap();
    assert!(rows.next(&mut outflow_core::RowPage::default()).await.unwrap());
}

#[tokio::test]
async fn a_plan_tells_rows_without_running_the_statement() {
    let postgres = Postgres::shared();
    let database = postgres.database("explained");
    database.sql("CREATE SEQUENCE s; CREATE TABLE t AS SELECT generate_series(1, 5000) AS n; ANALYZE t");
    let warehouse =
        server(outflow_warehouse::ServerSettings { database: "explained".into(), ..settings(postgres) });
    let mut session = warehouse.connect().await.unwrap();
    let expected = session.explain("SELECT n FROM t").await.unwrap().unwrap();
    assert_eq!((expected.rows, expected.width), (5000, 4));
    // Evaluating this would fail in a read-only transaction; planning it does not.
    assert!(session.explain("SELECT nextval('s')").await.unwrap().is_some());
    assert_eq!(database.sql("SELECT is_called FROM s"), "f");
}

#[tokio::test]
async fn sqlite_tells_declared_columns_and_no_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE t (at TIMESTAMP, n INTEGER)")
        .unwrap();
    let warehouse = Sqlite::new(path);
    let mut session = warehouse.connect().await.unwrap();
    assert_eq!(session.describe("SELECT nope FROM t").await.unwrap_err().code(), Code::UnknownTableOrColumn);
    // What a value is follows from the value, and from what its column is declared as.
    let columns = session.describe("SELECT at, n FROM t").await.unwrap();
    assert_eq!((columns[0].ty, columns[1].declared.as_str()), (ColumnType::Json, "INTEGER"));
    assert_eq!(session.explain("SELECT at FROM t").await.unwrap(), None);
    assert_eq!(session.describe("DELETE FROM t").await.unwrap_err().code(), Code::QueryNotReadOnly);
}
