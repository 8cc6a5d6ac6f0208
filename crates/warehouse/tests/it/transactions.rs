//! What a session sees of open transactions: those of others, with and without the right, prepared
//! ones, and never its own or another one of Outflow's.

use std::sync::LazyLock;

use outflow_core::ports::warehouse::{OpenTransactions, Statement, Visibility};
use outflow_core::{Clock as _, SystemClock};
use outflow_testkit::redshift::{Auth, Redshift};
use outflow_testkit::{Database, Postgres};
use outflow_warehouse::{Login, Server, ServerKind, ServerSettings, Sqlite};

use crate::check::user;
use crate::{open_transactions, select, server, settings, start};

static SERVER: LazyLock<Postgres> =
    LazyLock::new(|| Postgres::options().with_setting("max_prepared_transactions", "5").start());

/// A session that has a transaction open until it is dropped.
struct Writer {
    server: &'static Postgres,
    database: String,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Writer {
    /// `wait` is the function that waits.
    fn begin(server: &'static Postgres, database: &str, statement: &str, wait: &str) -> Self {
        let script = format!("SET application_name = 'writer'; BEGIN; {statement}; SELECT {wait}(600)");
        let name = database.to_owned();
        let thread = std::thread::spawn(move || drop(server.try_sql_in(&name, &script)));
        let begun = format!("SELECT count(*) {} AND wait_event = 'PgSleep'", Self::of(database));
        while server.sql(&begun).trim() != "1" {}
        Self { server, database: database.to_owned(), thread: Some(thread) }
    }

    fn of(database: &str) -> String {
        format!("FROM pg_stat_activity WHERE datname = '{database}' AND application_name = 'writer'")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.server.sql(&format!("SELECT pg_terminate_backend(pid) {}", Self::of(&self.database)));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn reader(database: &Database<'_>, name: &str, rights: &str) -> Server {
    database
        .sql(&format!("DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN PASSWORD 'secret'; {rights}"));
    server(user(database, name))
}

#[tokio::test]
async fn an_open_transaction_of_another_account_is_seen_with_the_right_alone() {
    let database = SERVER.database("transactions_open");
    database.sql("CREATE TABLE t (n int)");
    let plain = reader(&database, "transactions_plain", "");
    let monitor =
        reader(&database, "transactions_monitor", "GRANT pg_read_all_stats TO transactions_monitor");
    let none = open_transactions(&monitor).await;
    assert_eq!((none.oldest, none.prepared, none.replayed, none.seen), (None, None, None, Visibility::All));
    let before = SystemClock.now();
    let writer = Writer::begin(&SERVER, database.name(), "SELECT 1", "pg_sleep");
    let seen = open_transactions(&monitor).await;
    let oldest = seen.oldest.unwrap();
    assert!(oldest >= before && oldest <= SystemClock.now(), "it has read so far, and may write: {oldest}");
    assert_eq!(seen.seen, Visibility::All);
    let hidden = open_transactions(&plain).await;
    assert_eq!((hidden.oldest, hidden.seen), (None, Visibility::Some), "it says that it does not see all");
    drop(writer);
    assert_eq!(open_transactions(&monitor).await.oldest, None);
}

#[tokio::test]
async fn sessions_of_outflow_and_of_other_databases_do_not_count() {
    let database = SERVER.database("transactions_own");
    let other = SERVER.database("transactions_other");
    let monitor = reader(&database, "transactions_own", "GRANT pg_read_all_stats TO transactions_own");
    let holding = Statement { hold: true, label: "outflow-users".into(), ..select("SELECT 1") };
    let mut stream = start(&monitor, holding).await.unwrap();
    let mut page = outflow_core::RowPage::default();
    while stream.next(&mut page).await.unwrap() {}
    let _writer = Writer::begin(&SERVER, other.name(), "SELECT 1", "pg_sleep");
    let seen = open_transactions(&monitor).await;
    assert_eq!((seen.oldest, seen.seen), (None, Visibility::All), "{seen:?}");
    stream.cancel().await;
}

#[tokio::test]
async fn a_prepared_transaction_is_seen_by_everyone() {
    let database = SERVER.database("transactions_prepared");
    let plain = reader(&database, "transactions_prepared", "");
    let before = SystemClock.now();
    database.sql("CREATE TABLE t (n int); BEGIN; INSERT INTO t VALUES (1); PREPARE TRANSACTION 'seen'");
    let seen = open_transactions(&plain).await;
    assert!(seen.prepared.is_some_and(|at| at >= before), "{seen:?}");
    database.sql("COMMIT PREPARED 'seen'");
    assert_eq!(open_transactions(&plain).await.prepared, None);
}

#[tokio::test]
async fn a_redshift_lists_transactions_with_locks_and_only_an_unrestricted_account_sees_others() {
    let redshift = Redshift::options()
        .over(Postgres::shared())
        .with_user("rs_plain", "secret", Auth::Md5)
        .with_user("rs_log", "secret", Auth::Md5)
        .start();
    let database = redshift.database("transactions_redshift");
    database.sql("CREATE TABLE t (n int)");
    redshift.postgres().sql("GRANT pg_read_all_stats TO rs_log");
    let server_of = |name: &str| {
        server(ServerSettings {
            kind: ServerKind::Redshift,
            host: redshift.host().into(),
            port: redshift.port(),
            database: database.name().into(),
            login: Login::password(name, "secret"),
            ..settings(Postgres::shared())
        })
    };
    let (plain, unrestricted) = (server_of("rs_plain"), server_of("rs_log"));
    assert_eq!(
        open_transactions(&unrestricted).await,
        OpenTransactions { seen: Visibility::All, ..Default::default() }
    );
    let before = SystemClock.now();
    let writer = Writer::begin(
        Postgres::shared(),
        database.name(),
        "INSERT INTO t VALUES (1)",
        "pg_catalog.simulator_sleep",
    );
    let seen = open_transactions(&unrestricted).await;
    assert!(seen.oldest.is_some_and(|at| at >= before), "{seen:?}");
    assert_eq!(
        open_transactions(&plain).await,
        OpenTransactions { seen: Visibility::Some, ..Default::default() }
    );
    drop(writer);
    assert_eq!(open_transactions(&unrestricted).await.oldest, None);
}

#[tokio::test]
async fn a_file_has_one_writer_and_tells_no_times() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("CREATE TABLE t (n)").unwrap();
    let seen = open_transactions(&Sqlite::new(path)).await;
    assert_eq!(seen, OpenTransactions { seen: Visibility::All, ..Default::default() });
}
