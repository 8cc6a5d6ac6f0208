//! What follows when state and spool do not come from one moment: the rows of the table of restores
//! in `docs/OPERATING.md`, each with the real binary.

mod noticed;

use std::fs;
use std::path::Path;

use outflow_testkit::crash::Program;
use outflow_testkit::{Postgres, Receiver, Reply};

use crate::support::{Project, binary};

/// A sync `ev` of events on a SQLite file, to a webhook.
fn project(receiver: &Receiver) -> Project {
    let url = receiver.url();
    let project = Project::new(&format!(
        r#"version: 1
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [hook]
destinations:
  hook: {{ type: webhook, url: "{url}", max_calls: 10 }}
syncs:
  ev:
    source: shop.main
    type: track
    query: SELECT id AS userId, 'seen' AS event FROM ev WHERE at >= {{{{last_sync_time}}}}
"#
    ));
    sql(&project, "CREATE TABLE ev (id, at)");
    project
}

fn sql(project: &Project, sql: &str) {
    rusqlite::Connection::open(project.path().join("shop.db")).unwrap().execute_batch(sql).unwrap();
}

/// Adds events with these ids, of now.
fn add(project: &Project, from: u64, to: u64) {
    // In one statement, so that all have the same second.
    let rows: Vec<String> = (from..=to).map(|id| format!("({id}, unixepoch())")).collect();
    sql(project, &format!("INSERT INTO ev VALUES {}", rows.join(", ")));
}

/// Copies a folder as a whole.
fn copy(from: &Path, to: &Path) {
    let exit =
        Program::new("cp").args(["-a".into(), from.as_os_str().to_owned(), to.as_os_str().to_owned()]).run();
    exit.assert_code(0);
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}

/// The state alone, without spool, hashes and lock.
fn remove_state(folder: &Path) {
    for name in ["state.db", "state.db-wal", "state.db-shm"] {
        remove(&folder.join(name));
    }
}

/// The ids that the receiver has, each once, and whether one came under two message ids.
fn received(receiver: &Receiver) -> (Vec<u64>, bool) {
    let mut seen: Vec<(u64, String)> = receiver
        .calls()
        .iter()
        .map(|c| {
            let id = c["userId"].as_str().unwrap().parse().unwrap();
            (id, c["messageId"].as_str().unwrap().to_owned())
        })
        .collect();
    seen.sort();
    seen.dedup();
    let ids: Vec<u64> = seen.iter().map(|s| s.0).collect();
    let mut distinct = ids.clone();
    distinct.dedup();
    let twice = distinct.len() < ids.len();
    (distinct, twice)
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

/// Refuses the key: calls stay pending.
fn refuse(receiver: &Receiver) {
    receiver.always(Reply::status(401));
}

fn accept(receiver: &Receiver) {
    receiver.always(Reply::status(200));
}

#[test]
fn the_whole_folder_on_another_machine_goes_on_where_it_was() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    add(&project, 1, 30);
    refuse(&receiver);
    project.run(&["run", "ev"]).assert_code(6);
    // Another project folder is another machine.
    let moved = self::project(&receiver);
    remove(&moved.path().join("shop.db"));
    copy(&project.path().join("shop.db"), &moved.path().join("shop.db"));
    copy(&project.path().join(".outflow"), &moved.path().join(".outflow"));
    accept(&receiver);
    moved.run(&["run", "ev"]).assert_code(0);
    assert_eq!(received(&receiver), (range(1, 30), false));
    moved.assert_closed();
    moved.run(&["verify", "--all"]).assert_code(0);
}

#[test]
fn a_spool_without_its_state_is_refused_and_kept() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    add(&project, 1, 30);
    refuse(&receiver);
    project.run(&["run", "ev"]).assert_code(6);
    let folder = project.path().join(".outflow");
    let kept = tempfile::tempdir().unwrap();
    copy(&folder, &kept.path().join("whole"));
    remove_state(&folder);
    accept(&receiver);
    for command in [&["run", "ev"][..], &["run"], &["serve"]] {
        let exit = project.run(command);
        exit.assert_code(1);
        assert!(exit.stderr.contains("T006") && exit.stderr.contains("spool"), "{exit:?}");
    }
    assert!(received(&receiver).0.is_empty());
    assert!(folder.join("spool/1/calls-00000.seg").exists(), "nothing is deleted");
    // Its state comes back.
    for name in ["state.db", "state.db-wal"] {
        remove(&folder.join(name));
        if kept.path().join("whole").join(name).exists() {
            copy(&kept.path().join("whole").join(name), &folder.join(name));
        }
    }
    project.run(&["run", "ev"]).assert_code(0);
    assert_eq!(received(&receiver), (range(1, 30), false));
}

#[test]
fn without_state_and_spool_each_sync_begins_again_under_new_ids() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    add(&project, 1, 10);
    project.run(&["run", "ev"]).assert_code(0);
    remove(&project.path().join(".outflow"));
    project.run(&["run", "ev"]).assert_code(0);
    assert_eq!(received(&receiver), (range(1, 10), true), "nothing is missing; everything came twice");
}

#[test]
fn a_state_whose_spool_is_gone_knows_which_calls_are_missing() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    add(&project, 1, 30);
    refuse(&receiver);
    project.run(&["run", "ev"]).assert_code(6);
    remove(&project.path().join(".outflow/spool"));
    let checked = project.json(&["verify", "--all"], 1);
    let codes: Vec<&str> =
        checked["problems"].as_array().unwrap().iter().map(|p| p["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"P005"), "{checked}");
    accept(&receiver);
    // The loss is reported, and nothing of the window is missing after the next runs.
    let exit = project.run(&["run", "ev"]);
    assert!(exit.code != Some(0) && exit.stderr.contains("P005"), "{exit:?}");
    project.run(&["run", "ev"]).assert_code(0);
    assert_eq!(received(&receiver).0, range(1, 30));
}

/// The state is from before the spool: what was sent since is sent again, under other ids, and
/// segments of the lost history are never taken for those of the new one.
#[test]
fn a_state_older_than_its_spool_misses_nothing_and_reuses_no_id() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let folder = project.path().join(".outflow");
    add(&project, 1, 10);
    project.run(&["run", "ev"]).assert_code(0);
    let backup = tempfile::tempdir().unwrap();
    copy(&folder, &backup.path().join("old"));
    add(&project, 11, 20);
    project.run(&["run", "ev"]).assert_code(0);
    add(&project, 21, 30);
    refuse(&receiver);
    project.run(&["run", "ev"]).assert_code(6);
    remove_state(&folder);
    copy(&backup.path().join("old/state.db"), &folder.join("state.db"));
    accept(&receiver);
    project.run(&["run", "ev"]).assert_code(0);
    let (ids, _) = received(&receiver);
    assert_eq!(ids, range(1, 30), "the runs that the state had forgotten are made again");
    let runs = project.runs();
    assert_eq!(runs.len(), 2, "{runs:?}");
    project.assert_closed();
    project.run(&["verify", "--all"]).assert_code(0);
}

/// The spool is from before the state: what is missing in it is reported.
#[test]
fn a_spool_older_than_its_state_is_told_and_misses_nothing() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let folder = project.path().join(".outflow");
    add(&project, 1, 10);
    project.run(&["run", "ev"]).assert_code(0);
    let backup = tempfile::tempdir().unwrap();
    copy(&folder.join("spool"), &backup.path().join("spool"));
    add(&project, 11, 20);
    refuse(&receiver);
    project.run(&["run", "ev"]).assert_code(6);
    remove(&folder.join("spool"));
    copy(&backup.path().join("spool"), &folder.join("spool"));
    accept(&receiver);
    let exit = project.run(&["run", "ev"]);
    assert!(exit.code != Some(0) && exit.stderr.contains("P005"), "{exit:?}");
    project.run(&["run", "ev"]).assert_code(0);
    assert_eq!(received(&receiver).0, range(1, 20));
}

/// Two histories have a run of the same number, sync and size. One never delivers the other's file.
#[test]
fn a_run_never_delivers_a_segment_of_another_history() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let folder = project.path().join(".outflow");
    add(&project, 1, 1);
    project.run(&["run", "ev"]).assert_code(0);
    let backup = tempfile::tempdir().unwrap();
    copy(&folder, &backup.path().join("old"));
    refuse(&receiver);
    add(&project, 11, 19);
    project.run(&["run", "ev"]).assert_code(6);
    copy(&folder, &backup.path().join("first"));
    // The same moment again, with other rows of the same form. Compressed they differ by a byte or
    // two, as keys are random: it is made until they do not.
    let segment = "spool/2/calls-00000.seg";
    let foreign = fs::read(backup.path().join("first").join(segment)).unwrap();
    sql(&project, "DELETE FROM ev WHERE id > 1");
    add(&project, 81, 89);
    let alike = (0..100).any(|_| {
        remove(&folder);
        copy(&backup.path().join("old"), &folder);
        project.run(&["run", "ev"]).assert_code(6);
        fs::read(folder.join(segment)).unwrap().len() == foreign.len()
    });
    assert!(alike, "no file of {} bytes", foreign.len());
    fs::write(folder.join(segment), foreign).unwrap();
    accept(&receiver);
    let exit = project.run(&["run", "ev"]);
    assert!(exit.code != Some(0) && exit.stderr.contains("P004"), "{exit:?}");
    let (ids, _) = received(&receiver);
    assert!(ids.iter().all(|id| !(11..=19).contains(id)), "{ids:?}");
    project.run(&["run", "ev"]).assert_code(0);
    let (ids, _) = received(&receiver);
    assert!(range(81, 89).iter().all(|id| ids.contains(id)), "{ids:?}");
}

/// The state is on a server, and the spool folder is another installation's.
#[test]
fn two_states_never_share_a_folder() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    add(&project, 1, 5);
    refuse(&receiver);
    let server = Postgres::shared();
    let url = |schema: &str| {
        let (user, password, port) = (Postgres::USER, Postgres::PASSWORD, server.port());
        format!("postgres://{user}:{password}@127.0.0.1:{port}/postgres?schema={schema}")
    };
    let mut project = project.with_state(Some(url("shared_one")));
    project.run(&["run", "ev"]).assert_code(6);
    accept(&receiver);
    project.set_state(&url("shared_two"));
    let exit = project.run(&["run", "ev"]);
    exit.assert_code(1);
    assert!(exit.stderr.contains("T006"), "{exit:?}");
    assert!(received(&receiver).0.is_empty());
    // Nor does what only reads, and the first one's calls are where they were.
    assert!(project.run(&["runs"]).stderr.contains("T006"));
    project.set_state(&url("shared_one"));
    project.run(&["run", "ev"]).assert_code(0);
    assert_eq!(received(&receiver), (range(1, 5), false));
}

/// Two projects, or a state that was deleted, with one folder of a file destination.
#[test]
fn files_of_another_history_are_never_overwritten() {
    let out = tempfile::tempdir().unwrap();
    let yaml = format!(
        r#"version: 1
sources:
  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [out] }}
destinations:
  out: {{ type: file, path: "{}" }}
syncs:
  ev: {{ source: shop.main, type: identify, query: SELECT id AS userId FROM ev }}
"#,
        out.path().display()
    );
    let (first, second) = (Project::new(&yaml), Project::new(&yaml));
    for (project, rows) in [(&first, 5), (&second, 1)] {
        sql(project, "CREATE TABLE ev (id, at)");
        add(project, 1, rows);
        project.run(&["run", "ev"]).assert_code(0);
    }
    remove(&first.path().join(".outflow"));
    first.run(&["run", "ev"]).assert_code(0);
    let mut lines: Vec<usize> = fs::read_dir(out.path().join("ev"))
        .unwrap()
        .map(|file| fs::read_to_string(file.unwrap().path()).unwrap().lines().count())
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, [1, 5, 5], "each run of each history has its own file");
}

/// `runs`, `status`, `verify` and more on a medium that cannot be written to.
#[test]
fn what_was_closed_is_read_on_a_read_only_medium() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    add(&project, 1, 5);
    project.run(&["run", "ev"]).assert_code(0);
    let commands = "for c in runs status 'verify 1' 'verify --all' 'rejected 1' 'dead-letters 1' alerts usage validate; do \
                    echo \"== $c\"; \"$0\" $c || exit 1; done; touch x 2>/dev/null && exit 9; \"$0\" run ev; exit $?";
    let script = format!("mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" && {commands}");
    let exit = Program::new("unshare")
        .folder(project.path())
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .args([script])
        .args([binary().into_os_string()])
        .env("NO_COLOR", "1")
        .run();
    // Everything that reads works; a run says what it cannot write.
    exit.assert_code(1);
    assert!(exit.stdout.contains("== validate") && exit.stderr.contains("T001"), "{exit:?}");
}
