//! Message ids of the real binary: which runs give an event its id again, and what is said first.

use std::collections::BTreeSet;
use std::fs;

use outflow_testkit::{Database, Judge, Postgres, Receiver};
use serde_json::Value;

use crate::support::{Project, sync, yaml};

const TIMED: &str = r#"SELECT u AS "userId", 'seen' AS event, at AS "timestamp" FROM seen WHERE at >= {{last_sync_time | timestamp}}"#;
const UNTIMED: &str =
    r#"SELECT u AS "userId", 'seen' AS event FROM seen WHERE at >= {{last_sync_time | timestamp}}"#;

/// Events of twenty people, and a project that sends them.
struct World {
    database: Database<'static>,
    receiver: Receiver,
    project: Project,
}

impl World {
    fn new(name: &str, query: &str) -> Self {
        let (database, receiver) = (Postgres::shared().database(name), Receiver::start_blocking());
        database.sql(
            "CREATE TABLE seen (u int, at timestamptz); \
             INSERT INTO seen SELECT u, now() - u * interval '1 min' FROM generate_series(1, 20) u",
        );
        let world = Self { database, receiver, project: Project::new("") };
        world.write("shop-0123456789", "events", query);
        world
    }

    fn write(&self, id: &str, name: &str, query: &str) {
        self.write_with(id, name, &sync("track", query));
    }

    fn write_with(&self, id: &str, name: &str, settings: &str) {
        self.write_all(id, &[(name, settings)]);
    }

    fn write_all(&self, id: &str, syncs: &[(&str, &str)]) {
        let hook = format!(r#"type: webhook, url: "{}""#, self.receiver.url());
        let text = yaml(&self.database, &[("hook", &hook)], syncs);
        let top = if id.is_empty() { String::new() } else { format!("version: 1\nid: {id}\n") };
        let text = if id.is_empty() { text } else { text.replacen("version: 1\n", &top, 1) };
        self.project.write("outflow.yaml", &text);
    }

    fn lose_state(&self) {
        fs::remove_dir_all(self.project.path().join(".outflow")).unwrap();
    }

    /// The ids that arrived since the last time.
    fn ids(&self) -> BTreeSet<String> {
        let ids = self.receiver.calls().iter().map(|c| c["messageId"].as_str().unwrap().to_owned()).collect();
        self.receiver.clear();
        ids
    }

    fn notes(&self) -> Vec<Value> {
        let found = self.project.json(&["validate"], 0)["findings"].clone();
        found.as_array().unwrap().iter().filter(|f| f["code"] == "Q204").cloned().collect()
    }
}

#[test]
fn a_limit_a_full_run_and_a_lost_state_give_each_event_the_id_that_it_had() {
    let world = World::new("ids_same", TIMED);
    assert!(world.notes().is_empty());
    world.project.json(&["run", "--limit", "2"], 0);
    world.project.json(&["run"], 0);
    world.project.json(&["run", "--since", "2020-01-01"], 0);
    world.lose_state();
    world.project.json(&["run"], 0);
    let verdict = Judge::expecting((1..=20).map(|u| u.to_string())).judge(&world.receiver.arrivals());
    assert!(verdict.split.is_empty() && verdict.missing.is_empty() && verdict.repeats > 20, "{verdict:?}");
    let first = world.ids();
    assert_eq!(first.len(), 20);
    // Another name keeps them if it says so; another project has others.
    world.write_with("shop-0123456789", "visits", &format!("{}renamed_from: events\n", sync("track", TIMED)));
    world.project.json(&["run", "--full"], 0);
    assert_eq!(world.ids(), first);
    world.write("crm-9876543210", "events", TIMED);
    world.project.json(&["run", "--full", "--yes"], 0);
    assert!(world.ids().is_disjoint(&first));
    world.write("shop-0123456789", "events", TIMED);
    world.project.json(&["run", "--full", "--new-ids"], 0);
    assert!(world.ids().is_disjoint(&first), "on purpose");
    let wrong = world.project.run(&["run", "--new-ids"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("error[C012]"), "{wrong:?}");
    world.project.assert_closed();
}

#[test]
fn where_ids_would_differ_it_is_said_and_allowed_first() {
    let world = World::new("ids_differ", UNTIMED);
    let note = &world.notes()[0];
    assert!(note["message"].as_str().unwrap().contains("at does not stand in the calls"), "{note}");
    world.project.json(&["run"], 0);
    let first = world.ids();
    for options in
        [&["--full"][..], &["--since", "2020-01-01"], &["--limit", "1"], &["--destination", "hook"]]
    {
        let refused = world.project.run(&[&["run", "events"], options].concat());
        refused.assert_code(2);
        // The hint is the command that was typed.
        let typed = options.join(" ").replace("2020-01-01", "2020-01-01T00:00:00Z");
        let hint = format!("`outflow run events {typed} --yes`");
        assert!(refused.stderr.contains("error[Q014]") && refused.stderr.contains(&hint), "{refused:?}");
        assert!(world.receiver.calls().is_empty());
    }
    world.project.json(&["run", "--full", "--yes"], 0);
    let second = world.ids();
    assert!(second.len() == 20 && second.is_disjoint(&first));
    // Declared columns do it, too.
    world.write_with(
        "shop-0123456789",
        "events",
        &format!("{}event_key: [userid]\n", sync("track", UNTIMED)),
    );
    assert!(world.notes().is_empty());
    world.project.json(&["run", "--full"], 0);
    let declared = world.ids();
    world.project.json(&["run", "--full"], 0);
    assert_eq!(world.ids(), declared);
    // Without an `id` nothing does.
    world.write("", "events", TIMED);
    assert!(world.notes()[0]["message"].as_str().unwrap().contains("no `id`"), "{:?}", world.notes());
}

#[test]
fn a_sync_that_was_renamed_sends_no_event_under_second_ids_unasked() {
    let world = World::new("ids_renamed", TIMED);
    world.project.json(&["run"], 0);
    let first = world.ids();
    world.write("shop-0123456789", "visits", TIMED);
    for command in [&["run"][..], &["run", "visits"], &["run", "--due"]] {
        let refused = world.project.run(command);
        refused.assert_code(2);
        assert!(refused.stderr.contains("error[Q014]"), "{refused:?}");
        assert!(refused.stderr.contains("`renamed_from: events`"), "{refused:?}");
    }
    let found = world.project.json(&["validate"], 0)["findings"].clone();
    assert!(found.as_array().unwrap().iter().any(|f| f["code"] == "E127"), "{found}");
    // By its schedule it begins no run either; another sync does.
    let scheduled = |query: &str| format!("{}schedule: {{ every: 1m }}\n", sync("track", query));
    let other = scheduled(&TIMED.replace("seen'", "other'"));
    world.write_all("shop-0123456789", &[("visits", &scheduled(TIMED)), ("others", &other)]);
    let mut serving = world.project.serve();
    serving.next("a run", |said| (said["event"] == "run ended").then_some(())).unwrap();
    serving.stop();
    assert!(world.receiver.calls().iter().all(|call| call["event"] == "other"));
    let status = world.project.json(&["status"], 0);
    assert_eq!(status["syncs"][0]["last_run"], Value::Null, "{status}");
    world.ids();
    let named = format!("{}renamed_from: events\n", sync("track", TIMED));
    world.write_with("shop-0123456789", "visits", &named);
    assert!(world.notes().is_empty());
    world.project.json(&["run"], 0);
    assert!(world.ids().is_empty(), "it goes on where the old one was");
    let runs = world.project.json(&["runs", "--sync", "visits"], 0);
    assert!(runs.as_array().unwrap().len() >= 2, "with its history: {runs}");
    world.project.json(&["run", "--full"], 0);
    assert_eq!(world.ids(), first);
    // Another query is another sync, and a yes is a yes.
    world.write("shop-0123456789", "views", &TIMED.replace("seen'", "viewed'"));
    world.project.json(&["run"], 0);
    assert!(world.ids().is_disjoint(&first));
    world.write("shop-0123456789", "sights", TIMED);
    world.project.run(&["run"]).assert_code(2);
    world.project.json(&["run", "sights", "--yes"], 0);
    assert!(world.ids().is_disjoint(&first));
    // What people are is sent again, and it is said.
    let people = r#"SELECT u AS "userId", at FROM seen WHERE at >= {{last_sync_time | timestamp}}"#;
    for (name, code) in [("users", 0), ("people", 0)] {
        world.write_with("shop-0123456789", name, &sync("identify", people));
        let run = world.project.run(&["run"]);
        run.assert_code(code);
        assert_eq!(run.stderr.contains("E127"), name == "people", "{run:?}");
    }
}

#[test]
fn behind_a_star_the_database_says_which_columns_there_are() {
    let world = World::new("ids_star", UNTIMED);
    let star = r#"SELECT * FROM (SELECT u AS "userId", 'seen' AS event FROM seen WHERE at >= {{last_sync_time | timestamp}}) s"#;
    world.write("shop-0123456789", "events", star);
    world.project.json(&["run"], 0);
    let refused = world.project.run(&["run", "--full"]);
    refused.assert_code(2);
    assert!(refused.stderr.contains("error[Q014]") && refused.stderr.contains("--full --yes"), "{refused:?}");
    world.project.json(&["run", "--full", "--yes"], 0);
    let timed = r#"SELECT * FROM (SELECT u AS "userId", 'seen' AS event, at FROM seen) s WHERE at >= {{last_sync_time | timestamp}}"#;
    world.write("shop-0123456789", "events", timed);
    world.project.json(&["run", "--full"], 0);
    // Nothing is sent on a guess.
    world.write("shop-0123456789", "events", &star.replace("FROM seen", "FROM gone"));
    world.ids();
    let unknown = world.project.run(&["run", "--full"]);
    assert!(unknown.code != Some(0) && world.receiver.calls().is_empty(), "{unknown:?}");
}

#[test]
fn a_backfill_from_a_time_on_asks_as_a_run_does() {
    let world = World::new("ids_backfill", UNTIMED);
    world.project.json(&["run"], 0);
    let first = world.ids();
    let backfill = ["backfill", "hook", "--since", "2020-01-01"];
    let refused = world.project.run(&backfill);
    refused.assert_code(2);
    let hint = "`outflow backfill hook --sync events --since 2020-01-01T00:00:00Z --yes`";
    assert!(refused.stderr.contains("error[Q014]") && refused.stderr.contains(hint), "{refused:?}");
    assert!(world.receiver.calls().is_empty());
    world.project.json(&[&backfill[..], &["--yes"]].concat(), 0);
    let second = world.ids();
    assert!(second.len() == 20 && second.is_disjoint(&first));
    // A gap sends nothing that the destination has got, and asks nothing.
    world.project.run(&["backfill", "hook"]).assert_code(0);
    assert!(world.receiver.calls().is_empty());
    world.write("shop-0123456789", "events", TIMED);
    world.project.json(&backfill, 0);
}

#[test]
fn a_new_project_has_an_id_of_its_own() {
    let ids: BTreeSet<String> = (0..2)
        .map(|_| {
            let dir = tempfile::tempdir().unwrap();
            let project = Project::new("");
            project.run(&["init", &dir.path().join("shop").display().to_string()]).assert_code(0);
            let text = fs::read_to_string(dir.path().join("shop/outflow.yaml")).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap();
            line.split_whitespace().next().unwrap().to_owned()
        })
        .collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| id.len() == 20), "{ids:?}");
}
