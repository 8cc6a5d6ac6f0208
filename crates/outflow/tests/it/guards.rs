//! Guards, `approve`, `reject` and `usage` through the binary, with and without a running `serve`.

use std::fs;
use std::time::{Duration, Instant};

use outflow_testkit::{Database, Postgres, Receiver};
use serde_json::{Value, json};

use crate::support::{Project, document, pipelines, sync, yaml};

/// Longer than anything here takes on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A table of people, and a sync of it that awaits approval above two rows.
fn guarded(name: &str, receiver: &Receiver, more: &str) -> (Database<'static>, Project) {
    let database = Postgres::shared().database(name);
    database.sql(
        "CREATE TABLE people (id int, plan text); INSERT INTO people VALUES (1, 'a'), (2, 'b'), (3, 'c')",
    );
    let users = sync("identify", r#"SELECT id AS "userId", plan FROM people"#);
    let users = format!("{users}guards: {{ max_rows: 2 }}\n{more}");
    let text = yaml(&database, &[("journeys", &pipelines(receiver))], &[("users", &users)]);
    (database, Project::new(&text))
}

fn allow(project: &Project, rows: u32) {
    let text = fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    project.write("outflow.yaml", &text.replace("max_rows: 2", &format!("max_rows: {rows}")));
}

#[test]
fn a_held_run_says_why_and_is_released_or_discarded() {
    let receiver = Receiver::start_blocking();
    let (database, project) = guarded("guards_by_hand", &receiver, "");
    let run = project.run(&["run", "--output", "json"]);
    run.assert_code(1);
    for told in
        ["error[G001]", "3 rows were read", "outflow approve 1", "outflow reject 1", "outflow explain G001"]
    {
        assert!(run.stderr.contains(told), "{told}: {run:?}");
    }
    let held = document(&run);
    assert_eq!((&held["state"], &held["reason"]["code"]), (&json!("awaiting_approval"), &json!("G001")));
    assert_eq!(held["next_last_sync_time"], Value::Null);
    assert!(project.run(&["runs"]).stdout.contains("G001 3 rows were read"));
    let busy = project.run(&["run", "users"]);
    busy.assert_code(1);
    assert!(busy.stderr.contains("error[E006]"), "{busy:?}");
    assert!(receiver.requests().is_empty());
    project.assert_closed();

    let dropped = project.json(&["reject", "1"], 0);
    assert_eq!(
        (&dropped["state"], &dropped["destinations"]["journeys"]["discarded"]),
        (&json!("rejected"), &json!(3))
    );
    project.run(&["reject", "1"]).assert_code(2);
    project.run(&["approve", "7"]).assert_code(2);
    let none = project.run(&["approve", "users"]);
    none.assert_code(2);
    assert!(
        none.stderr.contains("error[C011]: no run of a sync named \"users\" awaits approval"),
        "{none:?}"
    );
    project.json(&["run"], 1);
    assert_eq!(project.runs()[0]["last_sync_time"], 0, "the same window again");
    let sent = project.json(&["approve", "2"], 0);
    assert_eq!((&sent["run"], &sent["state"]), (&json!(2), &json!("succeeded")));
    assert_eq!(sent["destinations"]["journeys"]["delivered"], 3);
    assert!(sent["next_last_sync_time"].as_u64().unwrap() > 0);
    assert_eq!(receiver.calls().len(), 3);

    database.sql("UPDATE people SET plan = 'z'");
    project.json(&["run"], 1);
    let skipped = project.json(&["reject", "3", "--skip-window"], 0);
    assert!(skipped["next_last_sync_time"].as_u64().unwrap() > 0);
    allow(&project, 3);
    project.json(&["run"], 0);
    assert_eq!(project.runs()[0]["last_sync_time"], skipped["next_last_sync_time"]);
    project.assert_closed();
}

#[test]
fn usage_counts_what_was_sent_by_month_and_a_budget_holds_what_is_too_much() {
    let receiver = Receiver::start_blocking();
    let (_database, project) = guarded("guards_usage", &receiver, "");
    let text = fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let text = text
        .replace("max_rows: 2", "max_rows: 9")
        .replace("base_url:", "budget: { per_month: 7 }, base_url:");
    project.write("outflow.yaml", &text);
    for _ in 0..2 {
        project.json(&["run", "--full"], 0);
    }
    let held = project.json(&["run", "--full"], 1);
    assert_eq!(held["reason"]["code"], "G006", "{held}");
    let usage = project.json(&["usage", "--sync", "users"], 0);
    assert_eq!(usage["calls"], 6);
    let entry = &usage["entries"][0];
    assert_eq!((&entry["destination"], &entry["type"]), (&json!("journeys"), &json!("identify")));
    assert_eq!((&entry["delivered"], &entry["dead_letters"]), (&json!(6), &json!(0)));
    assert!(project.json(&["usage", "--days"], 0)["entries"][0]["day"].is_string());
    assert_eq!(project.json(&["usage", "--month", "2020-02"], 0)["entries"], json!([]));
    project.run(&["usage", "--month", "2020-2"]).assert_code(2);
    let said = project.run(&["usage"]).stdout;
    assert!(
        said.contains("journeys got 6 calls in ") && said.contains("users read 9 rows in 3 runs"),
        "{said}"
    );
    assert_eq!(usage["read"], json!([{ "sync": "users", "runs": 3, "rows": 9 }]));
    assert_eq!(usage["destinations"], json!({ "journeys": 6 }));
    project.json(&["approve", "users"], 0);
    assert_eq!(project.json(&["usage"], 0)["calls"], 9, "a release spends what the budget had held back");
}

/// Polls until the answer is yes; each question takes time.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "waited in vain until {what}");
    }
}

#[test]
fn under_serve_the_holder_releases_and_discards() {
    let receiver = Receiver::start_blocking();
    let (database, project) = guarded("guards_served", &receiver, "schedule: manual\n");
    let serving = project.program(&["serve", "--output", "json"]).spawn();
    wait_until("it listens", || project.path().join(".outflow/control.sock").exists());
    let held = project.run(&["run", "users", "--output", "json"]);
    held.assert_code(1);
    assert!(held.stderr.contains("error[G001]"), "{held:?}");
    assert_eq!(document(&held)["state"], "awaiting_approval");
    let busy = project.run(&["run", "users"]);
    busy.assert_code(1);
    assert!(busy.stderr.contains("error[E006]"), "{busy:?}");
    assert!(receiver.requests().is_empty());
    let sent = project.json(&["approve", "1"], 0);
    assert_eq!(
        (&sent["state"], &sent["destinations"]["journeys"]["delivered"]),
        (&json!("succeeded"), &json!(3))
    );
    assert_eq!(receiver.calls().len(), 3);
    project.run(&["approve", "1"]).assert_code(2);
    database.sql("UPDATE people SET plan = 'z'");
    project.json(&["run", "users"], 1);
    assert_eq!(project.json(&["reject", "2"], 0)["state"], "rejected");
    serving.signal("TERM");
    let exit = serving.wait();
    exit.assert_code(0);
    for told in ["\"run awaits approval\"", "\"run approved\"", "\"rejected\""] {
        assert!(exit.stderr.contains(told), "{told}: {exit:?}");
    }
    project.assert_closed();
}
