//! SQLite files behind the same port.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use outflow_core::ports::warehouse::{Statement, Warehouse};
use outflow_core::{Code, ColumnType as T, RowPage};
use outflow_warehouse::Sqlite;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::{error, read, select, start, texts, values};

/// A million numbers, made by the query.
const MILLION: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)";

/// A query that never ends, and never gives a row.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

fn database(statements: &str) -> (TempDir, Sqlite) {
    let folder = tempfile::tempdir().unwrap();
    Connection::open(file(&folder)).unwrap().execute_batch(statements).unwrap();
    let sqlite = Sqlite::new(file(&folder));
    (folder, sqlite)
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("shop.db")
}

#[tokio::test]
async fn a_million_rows_stream_in_order_in_bounded_pages() {
    let (_folder, sqlite) = database("");
    let mut stream =
        start(&sqlite, select(&format!("{MILLION} SELECT i, 'row ' || i FROM n"))).await.unwrap();
    let (mut page, mut i) = (RowPage::default(), 0);
    while stream.next(&mut page).await.unwrap() {
        assert!(page.data.capacity() <= 1 << 20);
        for row in page.iter() {
            i += 1;
            assert!(i % 1000 != 0 || texts(row, 2) == [Some(i.to_string()), Some(format!("\"row {i}\""))]);
        }
    }
    assert_eq!(i, 1_000_000);
}

#[tokio::test]
async fn values_are_what_they_and_their_declarations_say() {
    let (_folder, sqlite) = database(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, active BOOLEAN, born DATE, seen TIMESTAMP, at DATETIME, epoch TIMESTAMP,
                         wake TIME, name TEXT, meta JSON, score REAL, picture BLOB);
         INSERT INTO t VALUES
           (1, 1, '2000-01-31', '2026-11-24 10:00:00', '2026-11-24T10:00:00+02:00', 1700000000, '07:30', 'Zoë \"Z\"', '{\"a\":[1]}', 0.1, x'00ff'),
           (2, 0, NULL, 1700000000, '2026-11-24', 'soon', '07:30:15', 5, 'not json', 3, 'text'),
           (3, 'maybe', 'never', '', NULL, NULL, NULL, NULL, 7, 'abc', NULL)",
    );
    let (columns, rows) =
        read(&sqlite, select("SELECT *, count(*) OVER () AS n FROM t ORDER BY id")).await.unwrap();
    for (index, column) in columns.iter().enumerate() {
        let expected = if column.name == "name" { T::Text } else { T::Json };
        assert_eq!(column.ty, expected, "column {index}");
    }
    assert_eq!((columns[1].name.as_str(), columns[1].declared.as_str()), ("active", "BOOLEAN"));
    assert_eq!(columns[11].declared, "no declared type");
    let rows: Vec<Vec<&str>> =
        rows.iter().map(|row| row.iter().map(|field| field.as_deref().unwrap_or("NULL")).collect()).collect();
    assert_eq!(
        rows[0],
        [
            "1",
            "true",
            "\"2000-01-31\"",
            "\"2026-11-24T10:00:00Z\"",
            "\"2026-11-24T08:00:00Z\"",
            "1700000000",
            "\"07:30\"",
            "Zoë \"Z\"",
            "{\"a\":[1]}",
            "0.1",
            "\"00ff\"",
            "3"
        ]
    );
    assert_eq!(
        rows[1],
        [
            "2",
            "false",
            "NULL",
            "1700000000",
            "\"2026-11-24\"",
            "\"soon\"",
            "\"07:30:15\"",
            "5",
            "\"not json\"",
            "3.0",
            "\"text\"",
            "3"
        ]
    );
    assert_eq!(
        rows[2],
        ["3", "\"maybe\"", "\"never\"", "\"\"", "NULL", "NULL", "NULL", "NULL", "7", "\"abc\"", "NULL", "3"]
    );
}

#[tokio::test]
async fn a_result_without_rows_has_columns() {
    let (_folder, sqlite) = database("CREATE TABLE t (id INTEGER, born DATE)");
    let (columns, rows) = read(&sqlite, select("SELECT born, id FROM t")).await.unwrap();
    assert_eq!(columns.iter().map(|c| c.ty).collect::<Vec<_>>(), [T::Json, T::Json]);
    assert!(rows.is_empty());
}

#[tokio::test]
async fn a_limit_reads_no_more_than_it_says() {
    let (_folder, sqlite) = database("");
    for limit in [0, 1, 3] {
        let sql =
            format!("{MILLION} SELECT abs(CASE WHEN i > 3 THEN -9223372036854775807 - 1 ELSE i END) FROM n");
        let (columns, rows) = read(&sqlite, Statement { limit: Some(limit), ..select(&sql) }).await.unwrap();
        assert_eq!((columns.len(), rows.len() as u64), (1, limit), "the fourth row overflows");
    }
}

#[tokio::test]
async fn each_refusal_has_its_code() {
    let (_folder, sqlite) = database("CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)");
    let cases = [
        ("SELECT nope FROM t", Code::UnknownTableOrColumn),
        ("SELECT \"nope\" FROM t", Code::UnknownTableOrColumn),
        ("SELECT * FROM nope", Code::UnknownTableOrColumn),
        ("SELEC 1", Code::SyntaxError),
        ("SELECT 1 FROM", Code::SyntaxError),
        ("SELECT 'open", Code::SyntaxError),
        ("SELECT no_such_function(1)", Code::DatabaseError),
        ("SELECT abs(-9223372036854775807 - 1)", Code::DatabaseError),
        ("SELECT 1; SELECT 2", Code::MultipleStatements),
        ("", Code::QueryNotReadOnly),
        ("-- nothing", Code::QueryNotReadOnly),
        ("INSERT INTO t VALUES (2)", Code::QueryNotReadOnly),
        ("INSERT INTO t VALUES (2) RETURNING id", Code::QueryNotReadOnly),
        ("DELETE FROM t", Code::QueryNotReadOnly),
        ("CREATE TABLE u (x)", Code::QueryNotReadOnly),
        ("PRAGMA query_only = 0", Code::QueryNotReadOnly),
        ("PRAGMA journal_mode = DELETE", Code::QueryNotReadOnly),
        ("ATTACH 'other.db' AS other", Code::QueryNotReadOnly),
        ("BEGIN", Code::QueryNotReadOnly),
        ("SELECT zeroblob(70000000)", Code::RowTooLarge),
    ];
    for (sql, code) in cases {
        let error = error(&sqlite, sql).await;
        assert_eq!(error.code(), code, "{sql}: {error}");
    }
    let error = error(&sqlite, "SELECT 'é',\n  nope FROM t").await;
    assert_eq!(error.place(), Some("line 2, column 3 of the query"));
    assert_eq!(values(&sqlite, "SELECT * FROM t;").await, [["1"]]);
}

#[tokio::test]
async fn files_that_are_no_databases_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.db");
    std::fs::write(&garbage, "This is a text file, and not a short one. ".repeat(100)).unwrap();
    for path in [&folder.path().join("missing.db"), &garbage, Path::new("/")] {
        let error = Sqlite::new(path.to_owned()).connect().await.err().expect("no database");
        assert_eq!(error.code(), Code::SqliteUnreadable, "{error}");
        assert_eq!(error.place(), Some(path.display().to_string().as_str()));
    }
    assert!(!folder.path().join("missing.db").exists());
}

#[tokio::test]
async fn a_statement_that_takes_too_long_is_stopped() {
    let (_folder, sqlite) = database("");
    let statement = Statement { timeout: Some(Duration::from_millis(100)), ..select(ENDLESS) };
    assert_eq!(read(&sqlite, statement).await.unwrap_err().code(), Code::StatementCancelled);

    // Two rows, and then none for ever.
    let slow = ENDLESS.replace("SELECT max(i) FROM n", "SELECT i FROM n WHERE i < 3");
    let statement = Statement { timeout: Some(Duration::from_millis(300)), ..select(&slow) };
    assert_eq!(read(&sqlite, statement).await.unwrap_err().code(), Code::StatementCancelled);
}

#[tokio::test]
async fn cancelling_ends_the_reader_soon() {
    let (_folder, sqlite) = database("");
    let mut stream = start(&sqlite, select(&format!("{MILLION} SELECT i FROM n"))).await.unwrap();
    let mut page = RowPage::default();
    assert!(stream.next(&mut page).await.unwrap());
    let begun = Instant::now();
    stream.cancel().await;
    assert!(begun.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_file_that_is_being_written_is_read_as_it_was() {
    let (folder, sqlite) =
        database("PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER); INSERT INTO t VALUES (1)");
    let writer = Connection::open(file(&folder)).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; INSERT INTO t VALUES (2)").unwrap();
    assert_eq!(values(&sqlite, "SELECT id FROM t").await, [["1"]]);
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(values(&sqlite, "SELECT id FROM t ORDER BY id").await, [["1"], ["2"]]);
}

/// A value that is larger than what may be read is not made first.
#[tokio::test]
async fn a_value_beyond_the_bound_is_refused_with_the_bound() {
    let (_folder, sqlite) = database("CREATE TABLE t (id)");
    for sql in [
        "SELECT printf('%.900000000d', 1)",
        "SELECT zeroblob(900000000)",
        "SELECT hex(zeroblob(50000000))",
        "WITH RECURSIVE n(i, s) AS (SELECT 1, 'x' UNION ALL SELECT i + 1, s || s FROM n WHERE i < 31) SELECT s FROM n",
    ] {
        let error = error(&sqlite, sql).await;
        assert_eq!(error.code(), Code::RowTooLarge, "{sql}: {error}");
        assert!(
            error.help_text().unwrap().contains("64 MiB") || error.message().contains("64 MiB"),
            "{error:?}"
        );
    }
    assert_eq!(values(&sqlite, "SELECT length(printf('%.60000000d', 1))").await, [["60000000"]]);
}

/// What the text check refuses is refused by the connection, too.
#[tokio::test]
async fn the_connection_itself_only_reads() {
    let (folder, sqlite) = database(
        "CREATE TABLE t (id); INSERT INTO t VALUES (1); CREATE VIRTUAL TABLE notes USING fts5(body);
         INSERT INTO notes VALUES ('hello world'); CREATE VIEW v AS SELECT id FROM t",
    );
    let before = std::fs::read(file(&folder)).unwrap();
    let other = folder.path().join("other.db");
    for sql in [
        "DELETE FROM t".to_owned(),
        "INSERT INTO t VALUES (2) RETURNING id".to_owned(),
        "CREATE TEMP TABLE x (id)".to_owned(),
        format!("ATTACH '{}' AS other", other.display()),
        format!("VACUUM INTO '{}'", other.display()),
        "DETACH main".to_owned(),
        "PRAGMA query_only = 0".to_owned(),
        "PRAGMA writable_schema = 1".to_owned(),
        "PRAGMA journal_mode = DELETE".to_owned(),
        "PRAGMA wal_checkpoint".to_owned(),
        "SELECT * FROM pragma_wal_checkpoint".to_owned(),
        "SELECT * FROM pragma_optimize".to_owned(),
        "SELECT * FROM pragma_integrity_check".to_owned(),
        "SELECT load_extension('x')".to_owned(),
        "SELECT writefile('x', 'y')".to_owned(),
        "SELECT readfile('/etc/hostname')".to_owned(),
        "SELECT edit('x')".to_owned(),
        "SELECT fts3_tokenizer('simple', x'00')".to_owned(),
        "REINDEX".to_owned(),
        "ANALYZE".to_owned(),
        "BEGIN IMMEDIATE".to_owned(),
        "SAVEPOINT s".to_owned(),
    ] {
        let error = error(&sqlite, &sql).await;
        assert!(!error.code().is_warning(), "{sql}: {error}");
    }
    assert!(!other.exists());
    assert_eq!(std::fs::read(file(&folder)).unwrap(), before);
    for sql in [
        "SELECT body FROM notes WHERE notes MATCH 'hello'",
        "SELECT id FROM v",
        "SELECT name FROM pragma_table_info('t')",
        "SELECT value FROM json_each('[1]')",
        "SELECT name FROM sqlite_schema WHERE name = 't'",
        "SELECT strftime('%Y', 'now') > '2000', random() IS NOT NULL, date('now') IS NOT NULL",
    ] {
        assert_eq!(values(&sqlite, sql).await.len(), 1, "{sql}");
    }
}
