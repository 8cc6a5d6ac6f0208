//! Opening: one owner, any number of readers, versions, and files that are not ours.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::Code;
use outflow_core::ports::state::{RunFilter, State, StateReader, StateStore as _};
use outflow_core::{Error, Result};
use outflow_state::SqliteStore;

use crate::conformance::a_stale_claim_writes_nothing;
use crate::made::{delivering, new_run, progress};

async fn open(dir: impl AsRef<Path>) -> Result<Arc<dyn State>> {
    SqliteStore::new(dir.as_ref()).claim(None).await
}

async fn read(dir: impl AsRef<Path>) -> Result<Arc<dyn StateReader>> {
    SqliteStore::new(dir.as_ref()).reader().await
}

/// The error of an opening that must fail.
fn refused<T>(opened: Result<T>) -> Error {
    opened.err().expect("it must not open")
}

#[test]
fn the_bundled_sqlite_is_free_of_the_known_wal_mistakes() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_written_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/.outflow");
    let first = open(&folder).await.unwrap();
    let (run, installation) = (delivering(&*first, "users", 5).await, first.installation());
    drop(first);
    let again = open(&folder).await.unwrap();
    assert_eq!(again.installation(), installation);
    assert_eq!(again.unfinished("users").await.unwrap().unwrap().id, run);
    let other = open(&dir.path().join("b")).await.unwrap();
    assert_ne!(other.installation(), installation);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_folders_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".outflow");
    let state = open(&folder).await.unwrap();
    state.create_run(&new_run("users")).await.unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    for file in ["state.db", "state.db-wal", "state.db-shm", "lock"] {
        assert_eq!(mode(folder.join(file)), 0o600, "{file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_owner_is_refused_and_let_in_when_the_first_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let error = refused(open(dir.path()).await);
    assert_eq!(error.code(), Code::StateHeld);
    assert!(error.help_text().is_some());
    drop(first);
    open(dir.path()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_asked_to_and_when_the_state_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path()).await.unwrap();
    let store = SqliteStore::new(dir.path());
    let at_once = Box::pin(std::future::ready(()));
    assert_eq!(refused(store.claim(Some(at_once)).await).code(), Code::Interrupted);

    let waiting = store.claim(Some(Box::pin(std::future::pending())));
    tokio::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(50), &mut waiting).await;
    assert!(early.is_err(), "it waits");
    drop(first);
    waiting.await.unwrap().create_run(&new_run("users")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_owner_writes_nothing_even_without_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let stale = open(dir.path()).await.unwrap();
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    let owner = open(dir.path()).await.unwrap();

    a_stale_claim_writes_nothing(&*stale, &*owner).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_need_no_lock_and_see_what_is_written_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let owner = open(dir.path()).await.unwrap();
    let reader = read(dir.path()).await.unwrap();
    let runs = async |state: &dyn StateReader| state.runs(&RunFilter::default()).await.unwrap().len();
    for n in 1..5 {
        owner.create_run(&new_run("users")).await.unwrap();
        assert_eq!(runs(&*reader).await, n);
    }
    drop(owner);
    assert_eq!(runs(&*reader).await, 4);
    drop(reader);
    assert_eq!(runs(&*read(dir.path()).await.unwrap()).await, 4);
    open(dir.path()).await.unwrap().create_run(&new_run("users")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_before_anything_has_run_says_so_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("none");
    for _ in 0..2 {
        let error = refused(read(&folder).await);
        assert_eq!(error.code(), Code::StateUnavailable);
        assert!(error.message().contains("nothing has run yet"), "{error}");
    }
    assert!(!folder.exists());
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("state.db"), b"").unwrap();
    assert_eq!(refused(read(&folder).await).code(), Code::StateUnavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()).await.unwrap());
    let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    database.execute("INSERT INTO migrations (number, name) VALUES (99, 'later')", []).unwrap();
    drop(database);
    assert_eq!(refused(open(dir.path()).await).code(), Code::StateTooNew);
    assert_eq!(refused(read(dir.path()).await).code(), Code::StateTooNew);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_an_early_layout_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("CREATE TABLE installation (one INTEGER); PRAGMA user_version = 7").unwrap();
    drop(database);
    let before = std::fs::read(&path).unwrap();
    for error in [refused(open(dir.path()).await), refused(read(dir.path()).await)] {
        assert_eq!(error.code(), Code::StateUnavailable);
        assert!(error.message().contains("early layout") && error.help_text().is_some(), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_a_write() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path()).await.unwrap();
    let run = delivering(&*state, "users", 100).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    let before = record.clone();
    // Another connection holds the write lock: the store's write waits for it.
    let other = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (writer, settlement) = (state.clone(), progress(run, &mut record, 10));
    let writing = tokio::spawn(async move { writer.settle(&[settlement]).await });
    for _ in 0..20 {
        assert_eq!(state.deliveries(run).await.unwrap()[0], before);
    }
    assert!(!writing.is_finished());
    other.execute_batch("ROLLBACK").unwrap();
    writing.await.unwrap().unwrap();
    assert_eq!(state.deliveries(run).await.unwrap()[0], record);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_future_is_dropped_counts_whole_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path()).await.unwrap();
    for n in 0..50_u64 {
        let run = delivering(&*state, "users", 100).await;
        let before = state.deliveries(run).await.unwrap().remove(0);
        let mut after = before.clone();
        let settlement = progress(run, &mut after, 10);
        let settled = [settlement];
        let _ = tokio::time::timeout(Duration::from_micros(n * 20), state.settle(&settled)).await;
        let found = state.deliveries(run).await.unwrap().remove(0);
        assert!(found == before || found == after, "{found:?}");
        // Repeated, it counts once.
        state.settle(&settled).await.unwrap();
        assert_eq!(state.deliveries(run).await.unwrap()[0], after);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_a_database_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state.db"), [b'x'; 5000]).unwrap();
    for error in [refused(open(dir.path()).await), refused(read(dir.path()).await)] {
        assert_eq!(error.code(), Code::StateUnavailable);
        assert!(error.message().contains("state.db") && error.help_text().is_some(), "{error}");
    }
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    assert_eq!(refused(open(&file.join("state")).await).code(), Code::StateUnavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_no_version_writes_are_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(dir.path()).await.unwrap();
    let run = delivering(&*state, "users", 5).await;
    let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    for (table, column, value) in [
        ("runs", "state", "'dancing'"),
        ("runs", "spec", "'{'"),
        ("runs", "key", "x'00'"),
        ("runs", "due_at", "9223372036854775807"),
        ("deliveries", "settled", "'[]'"),
    ] {
        // As a disk would change it: no trigger sees it. Without its checksum the row is refused.
        database.execute_batch(&format!("DROP TRIGGER IF EXISTS {table}_sum_update")).unwrap();
        let old: rusqlite::types::Value =
            database.query_row(&format!("SELECT {column} FROM {table}"), [], |row| row.get(0)).unwrap();
        database.execute_batch(&format!("UPDATE {table} SET {column} = {value}")).unwrap();
        let error = state.run(run).await.map(drop).and(state.deliveries(run).await.map(drop)).unwrap_err();
        assert_eq!(error.code(), Code::StateDamaged, "{table}.{column}: {error}");
        database.execute(&format!("UPDATE {table} SET {column} = ?1"), [old]).unwrap();
    }
    state.run(run).await.unwrap();
}
