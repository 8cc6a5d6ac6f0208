//! A second statement sees what the first one saw.

use std::time::Duration;

use outflow_core::RowPage;
use outflow_core::ports::warehouse::{RowStream, Statement, Warehouse};
use outflow_testkit::Postgres;
use outflow_warehouse::{Server, Sqlite};
use rusqlite::Connection;

use crate::{read, select, server, settings, start, texts};

const COUNT: &str = "SELECT count(*), 0 AS least FROM t WHERE n >= 0";
const LATER: &str = "SELECT count(*), 5 AS least FROM t WHERE n >= 5";

/// A server with a table `t` of ten numbers in a database of that name.
fn numbers(name: &str) -> Server {
    let database = Postgres::shared().database(name);
    database.sql("CREATE TABLE t AS SELECT generate_series(0, 9) AS n");
    let mut settings = settings(Postgres::shared());
    settings.database = name.into();
    server(settings)
}

fn holding(sql: &str) -> Statement {
    Statement { hold: true, ..select(sql) }
}

async fn numbers_of(stream: &mut dyn RowStream) -> Vec<String> {
    let (mut page, mut rows) = (RowPage::default(), Vec::new());
    while stream.next(&mut page).await.unwrap() {
        rows.extend(page.iter().flat_map(|row| texts(row, 2)).flatten());
    }
    assert!(!stream.next(&mut page).await.unwrap(), "the end stays the end");
    rows
}

async fn sees_the_same_rows(warehouse: &dyn Warehouse, write: impl Fn(&str)) {
    let mut stream = start(warehouse, holding(COUNT)).await.unwrap();
    assert_eq!(numbers_of(&mut *stream).await, ["10", "0"]);
    write("INSERT INTO t VALUES (7), (8)");
    stream.requery_snapshot(LATER).await.unwrap();
    assert_eq!(numbers_of(&mut *stream).await, ["5", "5"]);
    write("DELETE FROM t WHERE n = 9");
    stream.requery_snapshot(COUNT).await.unwrap();
    assert_eq!(numbers_of(&mut *stream).await, ["10", "0"]);
    stream.cancel().await;
    let now = read(warehouse, select(LATER)).await.unwrap().1;
    assert_eq!(now[0][0].as_deref(), Some("6"));
}

#[tokio::test]
async fn postgres_holds_its_snapshot() {
    let warehouse = numbers("snapshot_held");
    sees_the_same_rows(&warehouse, |sql| drop(Postgres::shared().sql_in("snapshot_held", sql))).await;
    let left =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'snapshot_held' AND state LIKE 'idle in%'";
    assert_eq!(Postgres::shared().sql(left).trim(), "0");
}

#[tokio::test]
async fn sqlite_holds_its_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shop.db");
    let writer = Connection::open(&file).unwrap();
    writer
        .execute_batch(
            "PRAGMA journal_mode = WAL; CREATE TABLE t (n INTEGER);
             INSERT INTO t VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)",
        )
        .unwrap();
    sees_the_same_rows(&Sqlite::new(file), |sql| writer.execute_batch(sql).unwrap()).await;
}

#[tokio::test]
async fn a_second_statement_fails_by_itself_and_only_after_a_statement_that_holds() {
    let warehouse = numbers("snapshot_fails");
    let mut stream =
        start(&warehouse, Statement { timeout: Some(Duration::from_secs(30)), ..holding(COUNT) })
            .await
            .unwrap();
    assert!(stream.requery_snapshot(LATER).await.is_err(), "the first has not ended");
    assert_eq!(numbers_of(&mut *stream).await, ["10", "0"]);
    stream.requery_snapshot("SELECT count(*), 1 / 0 FROM t").await.unwrap();
    assert_eq!(stream.next(&mut RowPage::default()).await.unwrap_err().code().as_str(), "S010");
    stream.cancel().await;

    let empty = tempfile::NamedTempFile::new().unwrap();
    for warehouse in [&warehouse as &dyn Warehouse, &Sqlite::new(empty.path().to_owned())] {
        let sql = "SELECT 1, 2";
        let mut stream = start(warehouse, select(sql)).await.unwrap();
        numbers_of(&mut *stream).await;
        assert!(stream.requery_snapshot(sql).await.is_err());
    }
}
