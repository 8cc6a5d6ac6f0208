//! Opening: one owner, any number of readers, versions, and files that are not ours.

use std::os::unix::fs::PermissionsExt as _;

use outflow_core::Code;
use outflow_core::ports::state::{RunFilter, State};
use outflow_state::SqliteState;

use crate::made::{at, delivering, new_run};

#[test]
fn the_bundled_sqlite_is_free_of_the_known_wal_mistakes() {
    assert!(rusqlite::version_number() >= 3_051_003, "{}", rusqlite::version());
}

#[test]
fn what_was_written_is_there_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/.outflow");
    let first = SqliteState::open(&folder).unwrap();
    let (run, installation) = (delivering(&first, "users", 5), first.installation());
    drop(first);
    let again = SqliteState::open(&folder).unwrap();
    assert_eq!(again.installation(), installation);
    assert_eq!(again.unfinished("users").unwrap().unwrap().id, run);
    let other = SqliteState::open(&dir.path().join("b")).unwrap();
    assert_ne!(other.installation(), installation);
}

#[test]
fn files_and_folders_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join(".outflow");
    let state = SqliteState::open(&folder).unwrap();
    state.create_run(&new_run("users")).unwrap();
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.clone()), 0o700);
    for file in ["state.db", "state.db-wal", "state.db-shm", "lock"] {
        assert_eq!(mode(folder.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_second_owner_is_refused_and_let_in_when_the_first_has_gone() {
    let dir = tempfile::tempdir().unwrap();
    let first = SqliteState::open(dir.path()).unwrap();
    let error = SqliteState::open(dir.path()).unwrap_err();
    assert_eq!(error.code(), Code::StateHeld);
    assert!(error.help_text().is_some());
    drop(first);
    SqliteState::open(dir.path()).unwrap();
}

#[test]
fn waiting_ends_when_asked_to_and_when_the_state_is_free() {
    let dir = tempfile::tempdir().unwrap();
    let first = SqliteState::open(dir.path()).unwrap();
    assert_eq!(SqliteState::open_waiting(dir.path(), || true).unwrap_err().code(), Code::Interrupted);

    let folder = dir.path().to_path_buf();
    let (asked, waits) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        SqliteState::open_waiting(&folder, || {
            let _ = asked.send(());
            false
        })
    });
    waits.recv().unwrap();
    drop(first);
    waiting.join().unwrap().unwrap().create_run(&new_run("users")).unwrap();
}

#[test]
fn a_stale_owner_writes_nothing_even_without_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let stale = SqliteState::open(dir.path()).unwrap();
    let run = delivering(&stale, "users", 5);
    std::fs::remove_file(dir.path().join("lock")).unwrap();
    let owner = SqliteState::open(dir.path()).unwrap();

    let record = stale.deliveries(run).unwrap().remove(0);
    for result in [
        stale.settle(run, &record, &[], at(90)),
        stale.create_run(&new_run("users")).map(drop),
        stale.forget_segments(run),
    ] {
        assert_eq!(result.unwrap_err().code(), Code::StateHeld);
    }
    assert_eq!(stale.runs(&RunFilter::default()).unwrap().len(), 1, "it may still read");
    owner.settle(run, &record, &[], at(90)).unwrap();
    assert_eq!(owner.segments(run).unwrap().len(), 3);
}

#[test]
fn readers_need_no_lock_and_see_what_is_written_meanwhile() {
    let dir = tempfile::tempdir().unwrap();
    let owner = SqliteState::open(dir.path()).unwrap();
    let reader = SqliteState::open_read_only(dir.path()).unwrap();
    let runs = |state: &SqliteState| state.runs(&RunFilter::default()).unwrap().len();
    for n in 1..5 {
        owner.create_run(&new_run("users")).unwrap();
        assert_eq!(runs(&reader), n);
    }
    assert_eq!(reader.create_run(&new_run("users")).unwrap_err().code(), Code::StateIo);
    assert_eq!(reader.installation(), owner.installation());
    drop(owner);
    assert_eq!(runs(&reader), 4);
    drop(reader);
    assert_eq!(runs(&SqliteState::open_read_only(dir.path()).unwrap()), 4);
    SqliteState::open(dir.path()).unwrap().create_run(&new_run("users")).unwrap();
}

#[test]
fn reading_before_anything_has_run_says_so_and_creates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("none");
    for _ in 0..2 {
        let error = SqliteState::open_read_only(&folder).unwrap_err();
        assert_eq!(error.code(), Code::StateUnavailable);
        assert!(error.message().contains("nothing has run yet"), "{error}");
    }
    assert!(!folder.exists());
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("state.db"), b"").unwrap();
    assert_eq!(SqliteState::open_read_only(&folder).unwrap_err().code(), Code::StateUnavailable);
}

#[test]
fn the_state_of_a_newer_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(SqliteState::open(dir.path()).unwrap());
    for version in [99, -1] {
        let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
        database.pragma_update(None, "user_version", version).unwrap();
        drop(database);
        assert_eq!(SqliteState::open(dir.path()).unwrap_err().code(), Code::StateTooNew);
        assert_eq!(SqliteState::open_read_only(dir.path()).unwrap_err().code(), Code::StateTooNew);
    }
}

#[test]
fn a_state_of_the_first_format_is_taken_over_with_what_it_knows() {
    let dir = tempfile::tempdir().unwrap();
    let run = delivering(&SqliteState::open(dir.path()).unwrap(), "users", 5);
    let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    // Back to the first format: what later steps have added goes.
    database
        .execute_batch(
            "DROP TABLE schedules; DROP TABLE held; DROP TABLE usage; DROP TABLE alerts; DROP TABLE audits;
             DROP INDEX replays; DROP INDEX skips; DROP INDEX replayed; DROP INDEX runs_by_start;
             ALTER TABLE runs DROP COLUMN columns; ALTER TABLE runs DROP COLUMN replays;
             ALTER TABLE dead_letters DROP COLUMN replayed_by;
             ALTER TABLE syncs DROP COLUMN clock_of; ALTER TABLE syncs DROP COLUMN local_clock_us;
             ALTER TABLE syncs DROP COLUMN first_us; ALTER TABLE syncs DROP COLUMN cursor_of;",
        )
        .unwrap();
    database.pragma_update(None, "user_version", 1).unwrap();
    drop(database);
    let sync = SqliteState::open(dir.path()).unwrap().sync("users").unwrap();
    let moved = crate::made::moved(run);
    assert_eq!((sync.clock_us, sync.run), (moved.clock_us, moved.run));
    assert_eq!((sync.cursor, sync.fingerprint), (moved.cursor, moved.fingerprint));
    assert_eq!((sync.clock_of, sync.local_clock_us, sync.first_us, sync.cursor_of), (None, None, None, None));
}

#[test]
fn what_is_not_a_database_cannot_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("state.db"), [b'x'; 5000]).unwrap();
    for error in [SqliteState::open(dir.path()), SqliteState::open_read_only(dir.path())] {
        let error = error.unwrap_err();
        assert_eq!(error.code(), Code::StateUnavailable);
        assert!(error.message().contains("state.db") && error.help_text().is_some(), "{error}");
    }
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    assert_eq!(SqliteState::open(&file.join("state")).unwrap_err().code(), Code::StateUnavailable);
}

#[test]
fn words_that_no_version_writes_are_an_error_and_no_panic() {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(dir.path()).unwrap();
    let run = delivering(&state, "users", 5);
    let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
    for (table, column, value) in [
        ("runs", "state", "'dancing'"),
        ("runs", "pinned", "'{'"),
        ("runs", "key", "x'00'"),
        ("runs", "due_at", "9223372036854775807"),
        ("deliveries", "settled", "'[]'"),
    ] {
        let old: rusqlite::types::Value =
            database.query_row(&format!("SELECT {column} FROM {table}"), [], |row| row.get(0)).unwrap();
        database.execute_batch(&format!("UPDATE {table} SET {column} = {value}")).unwrap();
        let error = state.run(run).and(state.deliveries(run)).unwrap_err();
        assert_eq!(error.code(), Code::StateIo, "{table}.{column}: {error}");
        database.execute(&format!("UPDATE {table} SET {column} = ?1"), [old]).unwrap();
    }
    state.run(run).unwrap();
}
