//! A restore is noticed, on both stores: a person who changed since the backup and changed back
//! is sent again. Moves are harmless, and what only looks like a restore is none.

use outflow_testkit::{Postgres, Receiver};
use tempfile::TempDir;

use super::{copy, remove, remove_state, sql};
use crate::serving::Serving;
use crate::support::{Project, Store, state_url};

/// A sync of people, and one of events without a time, from an SQLite file.
struct House {
    project: Project,
    receiver: Receiver,
    server: Option<Postgres>,
}

impl House {
    fn new(store: Store) -> Self {
        let receiver = Receiver::start_blocking();
        let server = store.server();
        let house = Self::at(receiver, server.as_ref().map(|server| state_url(server.port())));
        sql(&house.0, "CREATE TABLE p (id, plan, at); CREATE TABLE ev (id, at)");
        let (project, receiver) = house;
        Self { project, receiver, server }
    }

    fn at(receiver: Receiver, state: Option<String>) -> (Project, Receiver) {
        let url = receiver.url();
        let project = Project::new(&format!(
            r#"version: 1
sources:
  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [hook] }}
destinations:
  hook: {{ type: webhook, url: "{url}", max_calls: 10 }}
syncs:
  people:
    source: shop.main
    type: identify
    query: SELECT id AS userId, plan FROM p WHERE at >= {{{{last_sync_time}}}}
  events:
    source: shop.main
    type: track
    query: SELECT id AS userId, 'seen' AS event FROM ev WHERE at >= {{{{last_sync_time}}}}
"#
        ));
        (project.with_state(state), receiver)
    }

    fn folder(&self) -> std::path::PathBuf {
        self.project.path().join(".outflow")
    }

    /// The person has this plan from now on.
    fn becomes(&self, plan: &str) {
        sql(&self.project, &format!("DELETE FROM p; INSERT INTO p VALUES (1, '{plan}', unixepoch())"));
    }

    /// A run of both syncs; what it said.
    fn run(&self) -> String {
        let exit = self.project.run(&["run"]);
        exit.assert_code(0);
        exit.stderr
    }

    /// The plans that were sent, in order.
    fn plans(&self) -> String {
        let calls = self.receiver.calls();
        calls.iter().filter_map(|call| call["traits"]["plan"].as_str()).collect()
    }

    /// How many ids the events came under.
    fn event_ids(&self) -> usize {
        let calls = self.receiver.calls();
        let events = calls.iter().filter(|call| call["event"] == "seen");
        events.map(|call| call["messageId"].to_string()).collect::<std::collections::BTreeSet<_>>().len()
    }

    fn backup(&self) -> Backup {
        let dir = tempfile::tempdir().unwrap();
        copy(&self.folder(), &dir.path().join("whole"));
        Backup { dump: self.server.as_ref().map(|server| server.dump("outflow")), dir }
    }

    /// The state of the backup comes back, and with it `files`.
    fn restore(&self, backup: &Backup, files: Files) {
        let whole = backup.dir.path().join("whole");
        match files {
            Files::None => {}
            Files::Anew => {
                remove(&self.folder());
                copy(&whole, &self.folder());
            }
            Files::WrittenOver => copy(&whole.join("."), &self.folder()),
        }
        match (&self.server, &backup.dump) {
            (Some(server), Some(dump)) => {
                server.sql("SET client_min_messages TO error; DROP SCHEMA outflow CASCADE");
                server.sql(dump);
            }
            _ if files == Files::None => {
                remove_state(&self.folder());
                copy(&whole.join("state.db"), &self.folder().join("state.db"));
            }
            _ => {}
        }
    }
}

struct Backup {
    dir: TempDir,
    dump: Option<String>,
}

/// What of the folder comes back with the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Files {
    None,
    Anew,
    WrittenOver,
}

fn changes_back(store: Store) {
    for files in [Files::None, Files::Anew, Files::WrittenOver] {
        let house = House::new(store);
        house.becomes("A");
        sql(&house.project, "INSERT INTO ev VALUES (7, unixepoch())");
        house.run();
        let backup = house.backup();
        house.becomes("B");
        house.run();
        assert_eq!(house.plans(), "AB");
        house.restore(&backup, files);
        house.becomes("A");
        let said = house.run();
        assert_eq!(house.plans(), "ABA", "{files:?}");
        assert!(said.contains("E126"), "{files:?}: {said}");
        // It is said once, and the next run is compared again.
        assert!(!house.run().contains("E126"), "{files:?}");
        assert_eq!(house.plans(), "ABA", "{files:?}");
        if files != Files::None {
            assert_eq!(house.event_ids(), 1, "{files:?}: state and files belong together");
        }
        house.project.assert_closed();
        house.project.run(&["verify", "--all"]).assert_code(0);
    }
}

#[test]
fn a_person_who_changed_since_the_backup_and_changed_back_is_sent_again() {
    changes_back(Store::Sqlite);
}

#[test]
fn a_person_who_changed_since_the_dump_on_postgres_and_changed_back_is_sent_again() {
    changes_back(Store::Postgres);
}

/// The server is set back, or another one takes its place, and tables keep their numbers: the spool
/// has runs that this state does not know.
#[test]
fn a_server_that_was_set_back_is_noticed_by_the_spool() {
    let house = House::new(Store::Postgres);
    let server = house.server.as_ref().unwrap();
    house.becomes("A");
    house.run();
    // A copy of the whole database has the same tables.
    server.sql_in("template1", "CREATE DATABASE earlier TEMPLATE postgres");
    house.becomes("B");
    house.run();
    server.sql_in(
        "template1",
        "DROP DATABASE postgres WITH (FORCE);\nALTER DATABASE earlier RENAME TO postgres;",
    );
    house.becomes("A");
    assert!(house.run().contains("E126"));
    assert_eq!(house.plans(), "ABA");
}

#[test]
fn a_spool_that_lost_its_mark_counts_as_restored() {
    let house = House::new(Store::Sqlite);
    house.becomes("A");
    house.run();
    house.run();
    assert_eq!(house.plans(), "A");
    remove(&house.folder().join("spool/mark"));
    assert!(house.run().contains("E126"));
    assert_eq!(house.plans(), "AA");
}

/// The folder is moved within its disk, SQLite rewrites its file, and processes come and go.
#[test]
fn what_is_no_restore_is_taken_for_none() {
    let house = House::new(Store::Sqlite);
    house.becomes("A");
    house.run();
    let elsewhere = house.project.path().join("moved");
    std::fs::rename(house.folder(), &elsewhere).unwrap();
    std::fs::rename(&elsewhere, house.folder()).unwrap();
    let database = rusqlite::Connection::open(house.folder().join("state.db")).unwrap();
    database.execute_batch("VACUUM").unwrap();
    drop(database);
    for _ in 0..3 {
        assert!(!house.run().contains("E126"));
        house.project.run(&["status"]).assert_code(0);
    }
    assert_eq!(house.plans(), "A");
}

/// A copy on another disk looks like a restore: states are sent once more, and no event is sent
/// under a second id.
#[test]
fn a_folder_that_was_copied_costs_a_comparison_and_no_second_id() {
    let house = House::new(Store::Sqlite);
    house.becomes("A");
    sql(&house.project, "INSERT INTO ev VALUES (7, unixepoch())");
    house.run();
    let (whole, folder) = (house.backup(), house.folder());
    remove(&folder);
    copy(&whole.dir.path().join("whole"), &folder);
    assert!(house.run().contains("E126"));
    assert_eq!((house.plans().as_str(), house.event_ids()), ("AA", 1));
    assert!(!house.run().contains("E126"));
    assert_eq!((house.plans().as_str(), house.event_ids()), ("AA", 1));
}

/// `serve` says it in its log and by an alert, and `status` says it, until the sync's next run.
#[test]
fn serve_and_status_say_that_the_state_was_restored() {
    let house = House::new(Store::Sqlite);
    house.becomes("A");
    house.run();
    let restored = |house: &House| {
        let status = house.project.json(&["status"], 0);
        let syncs = status["syncs"].as_array().unwrap().iter();
        syncs.filter(|s| s["restored"] == true).map(|s| s["sync"].as_str().unwrap().to_owned()).collect()
    };
    let none: Vec<String> = restored(&house);
    assert_eq!(none, [""; 0]);
    house.restore(&house.backup(), Files::Anew);
    let mut serving = house.project.serve();
    let said = serving.event("the state was restored", None).unwrap();
    assert_eq!(said["code"], "E126", "{said}");
    let alert = |serving: &mut Serving, event: &str| {
        let is_it = |said: &serde_json::Value| {
            let is_it = said["event"] == event && said["alert"] == "state_restored";
            is_it.then(|| said["subject"].as_str().unwrap().to_owned())
        };
        serving.next("the alert", is_it).unwrap()
    };
    assert_eq!(alert(&mut serving, "alert"), "people");
    let found: Vec<String> = restored(&house);
    assert_eq!(found, ["people"], "events are compared further");
    house.project.run(&["run", "people"]).assert_code(0);
    assert_eq!(alert(&mut serving, "alert recovered"), "people");
    let none: Vec<String> = restored(&house);
    assert_eq!(none, [""; 0]);
    serving.stop();
    assert_eq!(house.plans(), "AA");
    assert!(!house.run().contains("E126"));
}
