//! Damage on disk: found when a row is read, when the state is opened, or by the check of the whole
//! state, and never read as another value.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use outflow_core::ports::state::{
    AuditFilter, Pausable, PauseKind, RunFilter, State, StateReader, StateStore as _,
};
use outflow_core::ports::watch::{AlertRecord, Audit};
use outflow_core::{Code, RunId, RunState};
use outflow_state::SqliteStore;
use outflow_testkit::{Report, Rng, seed, slice_or_whole};

use crate::conformance::audit::entry;
use crate::conformance::{definitions, people, with_letters};
use crate::made::{at, delivering, extraction, moved, new_run};
use crate::stores::claim;

/// A state with something in every table.
async fn full(state: &dyn State) {
    for n in 0..12 {
        let run = delivering(state, ["users", "orders"][n % 2], 100).await;
        with_letters(state, run, 2).await;
        state.set_audit(run, &Audit { at: at(5), differences: Vec::new() }).await.unwrap();
    }
    let held = state.create_run(&new_run("held")).await.unwrap().id;
    state.begin_extraction(held, at(2), "0").await.unwrap();
    let mut extraction = extraction(5, Some(moved(held)));
    extraction.objections.push((Code::TooManyRows, "too many".to_owned()));
    assert_eq!(state.commit_extraction(held, &extraction).await.unwrap(), RunState::AwaitingApproval);
    let alert = AlertRecord {
        kind: "disk_low".to_owned(),
        subject: "disk".to_owned(),
        code: Some(Code::DiskReserveReached),
        message: "little is left".to_owned(),
        since: at(1),
        recovered_at: None,
        reported: false,
    };
    state.put_alerts(&[alert]).await.unwrap();
    let paused = |kind, name: &str| Pausable { kind, name: name.to_owned() };
    let paused = [paused(PauseKind::Sync, "users"), paused(PauseKind::Destination, "journeys")];
    state.pause(&paused, at(3), &[entry(3, "sync.pause")]).await.unwrap();
    let defined = (definitions::sync("users", Some(0), Some("{}")), entry(4, "sync.create"));
    state.put_definitions(&[defined]).await.unwrap();
    people::some(state).await;
}

/// Everything that can be read, as one text.
async fn everything(state: &dyn StateReader) -> outflow_core::Result<String> {
    let mut text = format!("{:x}", state.installation_id().await?);
    let runs = state.runs(&RunFilter::default()).await?;
    for run in &runs {
        let id = run.id;
        let deliveries = state.deliveries(id).await?;
        text +=
            &format!("{run:?}{deliveries:?}{:?}{:?}", state.segments(id).await?, state.findings(id).await?);
        for delivery in &deliveries {
            text += &format!("{:?}", state.dead_letters(id, &delivery.destination, 0, 1000).await?);
        }
        text += &format!("{:?}", state.audit(id).await?);
    }
    for sync in ["users", "orders", "held"] {
        text += &format!("{:?}{:?}", state.sync(sync).await?, state.fired(sync).await?);
        text += &format!("{:?}{:?}", state.unfinished_of(sync).await?, state.past_runs(sync, 100).await?);
    }
    let days = ("2020-01-01".parse().unwrap(), "2030-01-01".parse().unwrap());
    text += &format!("{:?}{:?}", state.usage(days.0, days.1).await?, state.alerts().await?);
    text += &format!("{:?}{:?}", state.standings(at(-1000), at(1_000_000)).await?, state.pending().await?);
    let audit = state.audit_log(&AuditFilter::default(), None, 100).await?;
    text += &format!("{audit:?}{:?}{:?}", state.audit_head().await?, state.definitions().await?);
    text += &people::everything(state).await?;
    Ok(text + &format!("{:?}{:?}", state.compared_runs().await?, state.pauses().await?))
}

async fn read(dir: &Path) -> outflow_core::Result<(String, Vec<String>)> {
    let reader = SqliteStore::new(dir).reader().await?;
    let found = everything(&*reader).await;
    let problems = reader.check_integrity().await?;
    // Damage that a read meets is found.
    Ok((found.unwrap_or_else(|error| format!("error {}", error.code())), problems))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_bit_is_found_or_makes_no_difference() {
    let dir = tempfile::tempdir().unwrap();
    let state = claim(&dir.path().to_string_lossy()).await.unwrap();
    full(&*state).await;
    drop(state);
    let (before, problems) = read(dir.path()).await.unwrap();
    assert!(problems.is_empty() && !before.starts_with("error"), "{problems:?}");
    let path = dir.path().join("state.db");
    let whole = fs::read(&path).unwrap();
    let (seed, flips) = (seed(), slice_or_whole(150, 5_000));
    let (mut rng, mut by_read, mut by_check, mut harmless) = (Rng::new(seed), 0, 0, 0);
    for n in 0..flips {
        let mut damaged = whole.clone();
        let bit = rng.below(damaged.len() as u64 * 8) as usize;
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        match read(dir.path()).await {
            // It does not even open.
            Err(_) => by_read += 1,
            Ok((found, _)) if found.starts_with("error") => by_read += 1,
            Ok((_, problems)) if !problems.is_empty() => by_check += 1,
            Ok((found, _)) => {
                assert_eq!(found, before, "seed {seed}, flip {n}: bit {bit} went unnoticed");
                harmless += 1;
            }
        }
    }
    fs::write(&path, &whole).unwrap();
    assert!(by_read > 0 && by_check > 0, "{by_read} {by_check} {harmless}, seed {seed}");
    Report::new(
        "integrity::a_flipped_bit_is_found_or_makes_no_difference",
        "bits of the state flipped",
        flips,
    )
    .with("found when read or opened", by_read)
    .with("found by the check", by_check)
    .with("without effect", harmless)
    .with("unnoticed", 0)
    .print();
}

/// Changes a cell behind Outflow's back, as a disk might: no trigger sees it.
fn change(dir: &Path, sql: &str) {
    let database = rusqlite::Connection::open(dir.join("state.db")).unwrap();
    let triggers: Vec<String> = database
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let drops: String = triggers.iter().map(|name| format!("DROP TRIGGER {name};")).collect();
    database.execute_batch(&drops).unwrap();
    database.execute_batch(sql).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_row_is_an_error_of_the_read_and_is_named_by_the_check() {
    for (sql, named) in [
        (
            "UPDATE runs SET spec = replace(spec, 'SELECT', 'select') WHERE id = 3",
            "runs fails its checksum: run 3",
        ),
        ("UPDATE syncs SET watermark_us = watermark_us + 1", "syncs fails its checksum"),
        (
            "UPDATE deliveries SET settled = '{\"low\":9,\"ranges\":[]}' WHERE run = 3",
            "deliveries fails its checksum: run 3",
        ),
        ("UPDATE segments SET first = 1 WHERE run = 3", "segments fails its checksum: run 3"),
        ("UPDATE schedules SET fired = fired + 1", "schedules fails its checksum"),
        ("UPDATE pauses SET name = 'orders' WHERE kind = 'sync'", "pauses fails its checksum"),
        ("UPDATE users SET role = 'viewer'", "users fails its checksum"),
        ("UPDATE sessions SET expires_at = expires_at + 1", "sessions fails its checksum"),
        ("UPDATE browsers SET used_at = used_at + 1", "browsers fails its checksum"),
        ("UPDATE tokens SET scope = '{\"role\":\"admin\"}'", "tokens fails its checksum"),
        (
            "UPDATE dead_letters SET position = position + 50 WHERE run = 3",
            "dead_letters fails its checksum: run 3",
        ),
        ("UPDATE definitions SET value = '[]'", "definitions fails its checksum"),
        ("UPDATE audit_log SET subject = 'x'", "audit_log fails its checksum"),
        ("UPDATE audit_head SET last = last + 7", "audit_head fails its checksum"),
        (
            "UPDATE installation SET id = x'00000000000000000000000000000001'",
            "installation fails its checksum",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let state = claim(&dir.path().to_string_lossy()).await.unwrap();
        full(&*state).await;
        drop(state);
        change(dir.path(), sql);
        let reader = SqliteStore::new(dir.path()).reader().await.unwrap();
        let error = everything(&*reader).await.expect_err(sql);
        assert_eq!(error.code(), Code::StateDamaged, "{sql}: {error}");
        let problems = reader.check_integrity().await.unwrap();
        assert!(problems.iter().any(|p| p.contains(named)), "{sql}: {problems:?}");
        assert!(problems.iter().any(|p| p.contains("is not as it was made")), "the triggers: {problems:?}");
    }
}

/// A state as a version wrote it that had the first four migrations, with a sync and a run.
fn of_format_4(dir: &Path) {
    let database = rusqlite::Connection::open(dir.join("state.db")).unwrap();
    outflow_state::register_functions(&database).unwrap();
    let table = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT";
    database.execute_batch(table).unwrap();
    for (number, (name, sql)) in (1..).zip([
        ("initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
        ("gaps", include_str!("../../migrations/sqlite/0002_gaps.sql")),
        ("clocks", include_str!("../../migrations/sqlite/0003_clocks.sql")),
        ("checksums", include_str!("../../migrations/sqlite/0004_checksums.sql")),
    ]) {
        database.execute_batch(sql).unwrap();
        database.execute("INSERT INTO migrations VALUES (?1, ?2)", (number, name)).unwrap();
    }
    database
        .execute_batch(
            "INSERT INTO installation (one, id, holder) VALUES (1, x'00000000000000000000000000000007', 0);
             INSERT INTO syncs (name, watermark_us) VALUES ('users', 5000000);
             INSERT INTO runs (key, sync, call_type, state, trigger, spec, due_at, started_at)
             VALUES (x'00', 'users', 'identify', 'failed', 'manual', '{}', 1, 1);",
        )
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_of_an_older_state_is_not_hidden_by_an_upgrade() {
    let whole = tempfile::tempdir().unwrap();
    of_format_4(whole.path());
    drop(claim(&whole.path().to_string_lossy()).await.unwrap());
    let reader = SqliteStore::new(whole.path()).reader().await.unwrap();
    assert_eq!(reader.check_integrity().await.unwrap(), Vec::<String>::new());
    let sync = reader.sync("users").await.unwrap();
    assert_eq!(sync.watermark.map(|watermark| watermark.clock_us), Some(5_000_000));
    for (table, value, named) in [
        ("syncs", "watermark_us = 6000000", "a row of syncs fails its checksum"),
        ("runs", "started_at = 2", "a row of runs fails its checksum: run 1"),
        ("installation", "holder = 3", "a row of installation fails its checksum"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        of_format_4(dir.path());
        let database = rusqlite::Connection::open(dir.path().join("state.db")).unwrap();
        database
            .execute_batch(&format!("DROP TRIGGER {table}_sum_update; UPDATE {table} SET {value}"))
            .unwrap();
        for _ in 0..2 {
            let error = claim(&dir.path().to_string_lossy()).await.err().expect(table);
            assert_eq!(error.code(), Code::StateDamaged, "{error}");
            assert!(error.message().contains(named) && error.help_text().is_some(), "{error}");
        }
        let last = "SELECT max(number) FROM migrations";
        let last: i64 = database.query_row(last, [], |row| row.get(0)).unwrap();
        assert_eq!(last, 4, "nothing was changed");
    }
}

/// What a key of a run guards is not written over: a damaged run takes no step.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_run_takes_no_step() {
    let dir = tempfile::tempdir().unwrap();
    let state = claim(&dir.path().to_string_lossy()).await.unwrap();
    let run = delivering(&*state, "users", 10).await;
    change(dir.path(), "UPDATE runs SET sync = 'other'");
    for error in [
        state.conclude(run, at(9)).await.map(drop).unwrap_err(),
        state.end_run(run, RunState::Lost, at(9), None, None).await.unwrap_err(),
    ] {
        assert_eq!(error.code(), Code::StateDamaged, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_end_without_a_close_the_structure_is_checked_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let state = claim(&dir.path().to_string_lossy()).await.unwrap();
    full(&*state).await;
    // A copy of the files while they are open is what a kill leaves.
    let killed = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    assert!(fs::metadata(killed.path().join("state.db-wal")).unwrap().len() > 0);
    drop(state);
    drop(claim(&killed.path().to_string_lossy()).await.unwrap());
    // A page in the middle is overwritten, and the process is killed again.
    let again = claim(&killed.path().to_string_lossy()).await.unwrap();
    again.create_run(&new_run("users")).await.unwrap();
    let crashed = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(killed.path().join(name), crashed.path().join(name)).unwrap();
    }
    let path = crashed.path().join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    let half = bytes.len() / 2 / 4096 * 4096;
    bytes[half..half + 4096].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let error = claim(&crashed.path().to_string_lossy()).await.err().expect("the damage is found");
    assert_eq!(error.code(), Code::StateDamaged, "{error}");
    assert!(!error.next_steps().is_empty() && error.help_text().is_some());
}

/// Reads as a user to whom the folder is read-only. Root may write anywhere, so a child does it.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_closed_is_read_where_nothing_can_be_written() {
    if let Ok(folder) = std::env::var("OUTFLOW_READ_ONLY_STATE") {
        let read = SqliteStore::new(&folder).reader().await;
        match read {
            Ok(reader) => {
                let runs = reader.runs(&RunFilter::default()).await.unwrap().len();
                println!("@@ {runs} runs, {} problems", reader.check_integrity().await.unwrap().len());
            }
            Err(error) => println!("@@ {}: {}", error.code(), error.message()),
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let state: Arc<dyn State> = claim(&dir.path().to_string_lossy()).await.unwrap();
    full(&*state).await;
    let copy = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(dir.path().join(name), copy.path().join(name)).unwrap();
    }
    drop(state);
    let closed = read_as_another(dir.path());
    assert!(closed.contains("@@ 13 runs, 0 problems"), "{closed}");
    let open = read_as_another(copy.path());
    assert!(open.contains("@@ T001") && open.contains("was not closed"), "{open}");
}

/// Makes the folder readable for all and writable for none, and reads it as another user.
fn read_as_another(dir: &Path) -> String {
    for entry in fs::read_dir(dir).unwrap() {
        fs::set_permissions(entry.unwrap().path(), fs::Permissions::from_mode(0o444)).unwrap();
    }
    fs::set_permissions(dir, fs::Permissions::from_mode(0o555)).unwrap();
    let test = "integrity::a_state_that_was_closed_is_read_where_nothing_can_be_written";
    let binary = std::env::current_exe().unwrap();
    let place = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(&binary);
    // Permissions bind everybody but root.
    if may_write_anywhere() {
        let copy = place.path().join("test");
        fs::copy(&binary, &copy).unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(copy);
    }
    let output =
        command.args(["--exact", test, "--nocapture"]).env("OUTFLOW_READ_ONLY_STATE", dir).output().unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Whether this process may write anywhere.
fn may_write_anywhere() -> bool {
    let probe = tempfile::tempdir().unwrap();
    fs::set_permissions(probe.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let may = fs::write(probe.path().join("probe"), b"").is_ok();
    fs::set_permissions(probe.path(), fs::Permissions::from_mode(0o755)).unwrap();
    may
}

/// Each extraction has message ids of its own, also when it is repeated under its number.
#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_was_restored_extracts_under_other_keys() {
    let dir = tempfile::tempdir().unwrap();
    let state = claim(&dir.path().to_string_lossy()).await.unwrap();
    let run = state.create_run(&new_run("users")).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    let restored = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(dir.path().join(name), restored.path().join(name)).unwrap();
    }
    let restored = claim(&restored.path().to_string_lossy()).await.unwrap();
    assert_eq!(restored.unfinished_of("users").await.unwrap()[0].id, RunId(1));
    let first = state.begin_extraction(run, at(3), "0").await.unwrap();
    let second = restored.begin_extraction(run, at(3), "0").await.unwrap();
    assert_ne!(first, second, "both histories send under the number {run}");
    assert_eq!(state.run(run).await.unwrap().unwrap().key, first);
    assert_eq!(restored.run(run).await.unwrap().unwrap().key, second);
}
