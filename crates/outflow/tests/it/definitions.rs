//! `outflow plan`, `apply`, `export` and `rename`, with a running `serve` and without one, on both
//! stores.

use std::fs;
use std::time::Duration;

use outflow_testkit::{Postgres, Receiver};
use serde_json::Value;

use crate::support::{Project, state_url};

const PATIENCE: Duration = Duration::from_secs(60);

/// A project that the operator's file is no part of, in a folder of its own beside it.
fn moved(project: &Project, receiver: &Receiver, sync: &str) {
    let database = project.path().join("shop.db");
    let text = format!(
        "version: 1
id: shop-0123456789
sources:
  shop: {{ type: sqlite, databases: {{ main: {{ path: {} }} }}, destinations: [hook] }}
destinations:
  hook: {{ type: webhook, url: \"{}\" }}
syncs:
{sync}",
        database.display(),
        receiver.url()
    );
    fs::create_dir_all(project.path().join("crm")).unwrap();
    project.write("crm/outflow.yaml", &text);
}

fn users(name: &str, more: &str) -> String {
    format!(
        "  {name}:
    source: shop
    type: identify
    query: |
      SELECT id AS userId -- the key: # no comment
      FROM users
{more}"
    )
}

fn project() -> (Project, Receiver) {
    let project = Project::new("version: 1\ndefinitions: { allow: [paths] }\n");
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    database.execute_batch("CREATE TABLE users (id); INSERT INTO users VALUES (1), (2), (3)").unwrap();
    (project, Receiver::start_blocking())
}

fn names(document: &Value) -> Vec<String> {
    let changes = document["changes"].as_array().unwrap();
    changes
        .iter()
        .map(|c| format!("{} {}", c["action"].as_str().unwrap(), c["name"].as_str().unwrap()))
        .collect()
}

fn walk(project: &Project, receiver: &Receiver, is_served: bool) {
    let mut serving = is_served.then(|| {
        let mut serving = project.serve();
        assert!(serving.is_up());
        serving
    });
    moved(project, receiver, &users("users", "    schedule: { every: 1h, start: now }\n"));
    let plan = project.json(&["plan", "crm", "--detailed-exitcode"], 3);
    assert_eq!(names(&plan), ["create id", "create shop", "create hook", "create users"]);
    let unasked = project.run(&["apply", "crm"]);
    unasked.assert_code(2);
    assert!(unasked.stderr.contains("--yes"), "{unasked:?}");
    project.json(&["apply", "crm", "--yes"], 0);
    let plan = project.json(&["plan", "crm", "--detailed-exitcode"], 0);
    assert_eq!(names(&plan), Vec::<String>::new());
    // In force at once.
    if is_served {
        receiver.wait_for_calls_blocking(3, PATIENCE);
    } else {
        project.json(&["run", "users"], 0);
    }
    let export = project.run(&["export"]);
    export.assert_code(0);
    assert_eq!(project.run(&["export"]).stdout, export.stdout, "byte by byte");
    project.write("crm/outflow.yaml", &export.stdout);
    assert_eq!(
        names(&project.json(&["plan", "crm", "--detailed-exitcode", "--prune"], 0)),
        Vec::<String>::new()
    );
    // A change of one key; and what would break something is refused as a whole.
    project.write("crm/outflow.yaml", &export.stdout.replace("every: 1h", "every: 2h"));
    let shown = project.run(&["plan", "crm"]);
    assert!(shown.stdout.contains("schedule.every: 2h"), "{shown:?}");
    project.write("crm/outflow.yaml", &export.stdout.replace("- hook", "- nowhere"));
    project.run(&["apply", "crm", "--yes"]).assert_code(2);
    if let Some(serving) = &mut serving {
        // The run has ended once nothing is pending.
        assert!(serving.event("run ended", Some("users")).is_some());
    }
    let renamed = project.json(&["rename", "sync", "users", "people"], 0);
    assert_eq!((&renamed["from"], &renamed["to"]), (&"users".into(), &"people".into()));
    let run = project.json(&["run", "people"], 0);
    assert_eq!((&run["rows"]["unchanged"], &run["rows"]["calls"]), (&3.into(), &0.into()), "{run}");
    assert_eq!(project.json(&["runs", "--sync", "people"], 0).as_array().unwrap().len(), 2);
    project.run(&["rename", "sync", "users", "x"]).assert_code(2);
    if let Some(serving) = serving {
        serving.stop();
    }
    project.assert_closed();
}

#[test]
fn a_project_moves_into_a_state_and_is_changed_there() {
    let (project, receiver) = project();
    walk(&project, &receiver, false);
}

#[test]
fn a_project_moves_into_a_server_and_is_changed_there() {
    let (project, receiver) = project();
    walk(&project, &receiver, true);
}

#[test]
fn a_project_moves_into_a_server_with_its_state_on_postgresql() {
    let server = Postgres::start();
    let (project, receiver) = project();
    walk(&project.with_state(Some(state_url(server.port()))), &receiver, true);
}

#[test]
fn a_reload_gives_a_renamed_sync_what_the_old_name_had_reached() {
    let receiver = Receiver::start_blocking();
    let project = Project::new("");
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    database.execute_batch("CREATE TABLE users (id); INSERT INTO users VALUES (1), (2), (3)").unwrap();
    let write = |sync: &str| {
        moved(&project, &receiver, sync);
        fs::rename(project.path().join("crm/outflow.yaml"), project.path().join("outflow.yaml")).unwrap();
    };
    write(&users("users", ""));
    let mut serving = project.serve();
    assert!(serving.is_up());
    assert_eq!(project.json(&["run", "users"], 0)["state"], "succeeded");
    write(&users("people", "    renamed_from: users\n"));
    project.run(&["reload"]).assert_code(0);
    let run = project.json(&["run", "people"], 0);
    assert_eq!((&run["rows"]["unchanged"], &run["rows"]["calls"]), (&3.into(), &0.into()), "{run}");
    serving.stop();
}
