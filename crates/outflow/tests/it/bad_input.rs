//! Bad input to the real binary: each fault has a code of its own, and nothing is lost by it or
//! sent under two ids.
//!
//! A fault of the source ends the run before anything is sent and leaves `last_sync_time` alone, so
//! the next good run sends what the bad one would have sent. A fault of a destination leaves calls
//! pending, which the next run sends under the ids that they had. A fault of a row or of one call
//! costs that row or call alone, and it is counted.

mod destination;
mod one_call;
mod rows;
mod source;

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use outflow_testkit::crash::Exit;
use outflow_testkit::{Database, Judge, Postgres, Receiver};
use serde_json::Value;

use crate::support::{Project, users_yaml};

/// One database for all tests here; tables have their test's name.
fn database() -> &'static Database<'static> {
    static DATABASE: OnceLock<Database<'static>> = OnceLock::new();
    DATABASE.get_or_init(|| Postgres::shared().database("bad_input"))
}

/// A table of users that grows, and a sync that sends what is new in it.
struct Shop {
    table: &'static str,
    receiver: Receiver,
    project: Project,
}

impl Shop {
    /// An empty table of that name.
    fn new(table: &'static str) -> Self {
        database().sql(&format!(
            "DROP TABLE IF EXISTS {table};
             CREATE TABLE {table} (id text, bio text, updated timestamptz DEFAULT clock_timestamp())"
        ));
        let receiver = Receiver::start_blocking();
        let project = Project::new(&users_yaml(database(), &receiver, &query_of(table), "concurrency: 4"));
        Self { table, receiver, project }
    }

    /// Adds the users `u{from}` to `u{to}`.
    fn add(&self, from: u32, to: u32) {
        let table = self.table;
        database().sql(&format!(
            "INSERT INTO {table} (id, bio) SELECT 'u' || n, repeat('x', 200) FROM generate_series({from}, {to}) n"
        ));
    }

    /// The project file.
    fn yaml(&self) -> String {
        self.yaml_with(&query_of(self.table), "concurrency: 4")
    }

    /// The project file with another query and other settings of the destination.
    fn yaml_with(&self, query: &str, settings: &str) -> String {
        users_yaml(database(), &self.receiver, query, settings)
    }

    /// Uses this project file from now on.
    fn configure(&self, yaml: &str) {
        self.project.write("outflow.yaml", yaml);
    }

    /// Judges what was taken: each of the users `u1` to `u{to}`, once.
    #[track_caller]
    fn assert_delivered(&self, to: u32) {
        Judge::expecting(names(to)).judge(&self.receiver.arrivals()).assert_exactly_once();
    }

    /// How many requests have come, and what lies in the spool.
    fn footprint(&self) -> (usize, Vec<String>) {
        let mut files = files(&self.project.path().join(".outflow/spool"));
        files.retain(|name| !matches!(name.as_str(), "installation" | "mark"));
        (self.receiver.requests().len(), files)
    }
}

/// Reads what is new in a table.
fn query_of(table: &str) -> String {
    format!("SELECT id AS \"userId\", bio\nFROM {table}\nWHERE updated >= {{{{last_sync_time | timestamp}}}}")
}

/// `u1` to `u{to}`.
fn names(to: u32) -> impl Iterator<Item = String> {
    (1..=to).map(|n| format!("u{n}"))
}

/// Every file with calls below a folder: segments, finished or not.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(dir).unwrap().display().to_string());
            }
        }
    }
    found.sort();
    found
}

/// Demands an exit code, and on stderr the code of an error.
#[track_caller]
fn assert_failed(exit: &Exit, code: &str, exit_code: i32) {
    exit.assert_code(exit_code);
    assert!(exit.stderr.contains(&format!("error[{code}]")), "{exit:?}");
    assert!(exit.stderr.contains(&format!("outflow explain {code}")), "{exit:?}");
    assert!(!exit.stderr.contains("panicked"), "{exit:?}");
}

/// Demands that each user came under one message id, counting also what was refused.
#[track_caller]
fn assert_one_id_each(receiver: &Receiver) {
    let mut ids: HashMap<String, String> = HashMap::new();
    for arrival in receiver.arrivals() {
        let user = arrival.call["userId"].as_str().unwrap().to_owned();
        let first = ids.entry(user.clone()).or_insert_with(|| arrival.message_id.clone());
        assert_eq!(*first, arrival.message_id, "{user} came under two ids");
    }
}

/// The one destination of a run's document.
fn journeys(run: &Value) -> &Value {
    &run["destinations"]["journeys"]
}
