//! `outflow pause` and `outflow resume`: what a paused sync and a paused destination do, with and
//! without a running `serve`, and what each command says of it.

use std::time::Duration;

use outflow_testkit::{Receiver, Reply};
use serde_json::{Value, json};

use crate::support::Project;

const PATIENCE: Duration = Duration::from_secs(60);

/// The syncs `users` and `b` send the table `users` to the destinations `a` and `b`.
fn project(a: &Receiver, b: &Receiver, schedule: &str) -> Project {
    let webhook = |name: &str, r: &Receiver| format!("  {name}: {{ type: webhook, url: \"{}\" }}\n", r.url());
    let sync = |name: &str| {
        let query = "SELECT id AS userId FROM users";
        format!("  {name}: {{ source: shop.main, type: identify, query: {query}, tags: [all]{schedule} }}\n")
    };
    let project = Project::new(&format!(
        "version: 1\nsources:\n  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [a, b] }}\n\
         destinations:\n{}{}syncs:\n{}{}",
        webhook("a", a),
        webhook("b", b),
        sync("users"),
        sync("b"),
    ));
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    database.execute_batch("CREATE TABLE users (id); INSERT INTO users VALUES (1), (2), (3)").unwrap();
    project
}

fn receivers() -> (Receiver, Receiver) {
    (Receiver::start_blocking(), Receiver::start_blocking())
}

/// Since when the first thing that was named is paused, whether that has changed, and what it is.
fn entry(document: &Value) -> (bool, bool, String) {
    let entry = &document["entries"][0];
    let name = format!("{} {}", entry["kind"].as_str().unwrap(), entry["name"].as_str().unwrap());
    (entry["paused_since"].is_string(), entry["changed"] == true, name)
}

fn of_sync<'a>(document: &'a Value, name: &str) -> &'a Value {
    let mut all = document["syncs"].as_array().unwrap().iter();
    all.find(|sync| sync["sync"] == name).unwrap_or_else(|| panic!("{name} in {document}"))
}

#[test]
fn what_comes_for_a_paused_destination_waits_and_the_exit_code_is_0() {
    let (a, b) = receivers();
    let project = project(&a, &b, "");
    let paused = project.json(&["pause", "b", "--kind", "destination"], 0);
    assert_eq!(entry(&paused), (true, true, "destination b".to_owned()));
    let again = project.json(&["pause", "b", "--kind", "destination"], 0);
    assert_eq!(entry(&again), (true, false, "destination b".to_owned()));
    assert_eq!(again["entries"][0]["paused_since"], paused["entries"][0]["paused_since"]);

    let ran = project.run(&["run", "users"]);
    ran.assert_code(0);
    let told = ran.stdout.clone() + &ran.stderr;
    for part in ["D105", "b is paused by a person since 2", "`outflow resume b`"] {
        assert!(told.contains(part), "it does not say {part:?}: {ran:?}");
    }
    let run = project.runs().pop().unwrap();
    assert_eq!((&run["state"], &run["destinations"]["a"]["delivered"]), (&"delivering".into(), &3.into()));
    let waits = &run["destinations"]["b"];
    assert_eq!((&waits["pending"], &waits["reason"]["code"]), (&3.into(), &"D105".into()));
    assert_eq!(project.run(&["cancel", "b"]).code, Some(2), "the project has it");
    project.run(&["validate"]).assert_code(0);

    let status = project.json(&["status"], 0);
    assert_eq!(status["paused"][0]["destination"], "b");
    assert_eq!(status["paused"][0]["paused_since"], paused["entries"][0]["paused_since"]);
    assert_eq!(status["waiting"][0]["reason"]["code"], "D105", "{status}");
    assert_eq!(status["left_over"], json!([]));
    let people = project.run(&["status"]).stdout;
    assert!(people.contains("b is paused since 2") && people.contains("`outflow resume b`"), "{people}");

    let resumed = project.json(&["resume", "b", "--kind", "destination"], 0);
    assert_eq!(entry(&resumed), (false, true, "destination b".to_owned()));
    let status = project.json(&["status"], 0);
    assert_eq!((&status["paused"], &status["waiting"][0]["reason"]), (&Value::Null, &Value::Null));
    project.run(&["run", "users"]).assert_code(0);
    assert_eq!(b.calls().len(), 3);
    project.assert_closed();
}

#[test]
fn a_paused_sync_runs_only_if_it_is_named() {
    let (a, b) = receivers();
    let project = project(&a, &b, ", schedule: { every: 1h }");
    let due = of_sync(&project.json(&["status"], 0), "users")["next_due"].clone();
    assert!(due.is_string(), "{due}");
    let paused = project.json(&["pause", "users", "b", "--kind", "sync"], 0);
    assert_eq!(entry(&paused), (true, true, "sync users".to_owned()));
    for command in [&["run", "--due"][..], &["run"]] {
        assert_eq!(project.json(command, 0), json!([]), "{command:?}");
    }
    let meant = project.run(&["run", "tag:all"]);
    meant.assert_code(2);
    assert!(
        meant.stderr.contains("every sync that is meant by \"tag:all\" is paused: users, b"),
        "{meant:?}"
    );
    project.run(&["resume", "b", "--kind", "sync"]).assert_code(0);
    assert_eq!(project.json(&["run", "tag:all"], 0)["sync"], "b");

    for command in ["status", "list"] {
        let document = project.json(&[command], 0);
        let users = of_sync(&document, "users");
        assert!(users["paused_since"].is_string() && users["next_due"].is_null(), "{users}");
        assert!(of_sync(&document, "b")["paused_since"].is_null(), "{document}");
        let people = project.run(&[command]).stdout;
        assert!(people.contains("paused since 2"), "{people}");
    }
    project.run(&["run", "users"]).assert_code(0);
    assert!(project.run(&["resume", "users"]).stdout.contains("sync users is resumed"));
    assert!(project.run(&["resume", "users"]).stdout.contains("sync users was not paused"));
    assert_eq!(project.json(&["run", "--due"], 0)["trigger"], Value::Null, "it is due at once");
}

#[test]
fn every_wrong_name_is_reported_and_then_nothing_is_paused() {
    let (a, b) = receivers();
    let project = project(&a, &b, "");
    let refused = project.run(&["pause", "a", "user", "b", "nothing"]);
    refused.assert_code(2);
    for part in [
        "there is no sync or destination \"user\"",
        "did you mean \"users\"?",
        "\"b\" is the name of a sync and of a destination",
        "`--kind sync` or `--kind destination`",
        "there is no sync or destination \"nothing\"",
    ] {
        assert!(refused.stderr.contains(part), "it does not say {part:?}: {refused:?}");
    }
    project.run(&["pause"]).assert_code(2);
    let status = project.json(&["status"], 0);
    assert_eq!(status["paused"], Value::Null);
    // What the project no longer has can still be resumed.
    project.run(&["pause", "users"]).assert_code(0);
    let file = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    project.write("outflow.yaml", &file.replace("users:", "people:"));
    project.run(&["pause", "userz"]).assert_code(2);
    assert!(project.run(&["resume", "users"]).stdout.contains("sync users is resumed"));
    assert_eq!(project.run(&["resume", "users"]).code, Some(2), "now there is no such name");
}

#[test]
fn a_running_serve_obeys_at_once() {
    let (a, b) = receivers();
    let project = project(&a, &b, ", schedule: { every: 1m }");
    project.run(&["pause", "users", "b", "--kind", "sync"]).assert_code(0);
    let mut serving = project.serve();
    assert!(serving.is_up());
    project.run(&["pause", "b", "--kind", "destination"]).assert_code(0);
    let said = serving.next("the pause", |said| (said["name"] == "b").then(|| said.clone())).unwrap();
    assert_eq!((&said["event"], &said["kind"]), (&"pause".into(), &"destination".into()), "{said}");
    let ran = project.json(&["run", "users"], 0);
    assert_eq!((&ran["run"], &ran["destinations"]["b"]["reason"]["code"]), (&1.into(), &"D105".into()));
    assert_eq!((a.calls().len(), b.calls().len()), (3, 0));
    let status = project.json(&["status"], 0);
    let health = status["serving"]["destinations"].as_array().unwrap();
    let health = health.iter().find(|d| d["destination"] == "b").unwrap();
    assert_eq!((&health["health"], &health["code"]), (&"paused".into(), &"D105".into()), "{health}");
    assert_eq!(health["paused_since"], status["paused"][0]["paused_since"]);
    assert!(status.get("not_loaded").is_none(), "{status}");

    // A mistake in the files keeps nothing from being paused or resumed.
    let file = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    project.write("outflow.yaml", "version: 1\nsyncs: [");
    project.run(&["resume", "b", "--kind", "destination"]).assert_code(0);
    b.wait_for_calls_blocking(3, PATIENCE);
    project.write("outflow.yaml", &file);
    assert!(project.run(&["resume", "users"]).stdout.contains("sync users is resumed"));
    let begun = serving.event("run started", Some("users")).unwrap();
    assert!(begun["run"].as_u64().unwrap() >= 1, "{begun}");
    serving.next("a run by its schedule", |said| (said["run"].as_u64()? > 1).then_some(())).unwrap();

    // Pauses outlive the process, and a reload.
    project.run(&["pause", "users", "a"]).assert_code(0);
    project.run(&["reload"]).assert_code(0);
    let status = project.json(&["status"], 0);
    assert!(of_sync(&status, "users")["paused_since"].is_string(), "{status}");
    serving.stop();
    let mut serving = project.serve();
    assert!(serving.is_up());
    let (before, _) = (a.clear(), b.clear());
    let ran = project.json(&["run", "b"], 0);
    assert_eq!(ran["destinations"]["a"]["reason"]["code"], "D105", "{ran} {before:?}");
    assert!(a.calls().is_empty());
    serving.stop();
    project.assert_closed();
}

#[test]
fn beside_another_process_at_work_a_pause_waits_or_exits_with_7() {
    let (a, b) = receivers();
    let project = project(&a, &b, "");
    a.always(Reply::ok().after(Duration::from_secs(2)));
    let run = project.program(&["run", "users"]).spawn();
    a.wait_for_requests_blocking(1, PATIENCE);
    let refused = project.run(&["pause", "users", "--no-wait"]);
    refused.assert_code(7);
    assert!(refused.stderr.contains("T002"), "{refused:?}");
    let waited = project.json(&["pause", "users"], 0);
    assert_eq!(entry(&waited), (true, true, "sync users".to_owned()));
    run.wait().assert_code(0);
}

/// A run without calls for a destination that has stopped looks like a success of it.
#[test]
fn a_run_says_what_waits_of_earlier_runs_for_a_destination_that_is_down() {
    let (a, b) = receivers();
    let project = project(&a, &b, "");
    b.always(Reply::status(401));
    let run = |code| project.json(&["run", "users", "--delivery-timeout", "1s"], code);
    assert_eq!(run(6)["destinations"]["b"]["state"], "stopped");
    let second = run(6);
    assert_eq!((&second["destinations"]["b"]["state"], &second["run"]), (&"succeeded".into(), &2.into()));
    let earlier = json!({ "destination": "b", "run": 1, "calls": 3 });
    let said = &second["earlier"][0];
    for key in ["destination", "run", "calls"] {
        assert_eq!(said[key], earlier[key], "{second}");
    }
    assert_eq!(said["reason"]["code"], "D013", "{second}");
    let said = project.run(&["run", "users", "--delivery-timeout", "1s"]);
    assert!(said.stderr.contains("error[D013]: b:") && said.stderr.contains("run 1 of users"), "{said:?}");
    b.always(Reply::ok());
    assert_eq!(run(0).get("earlier"), None);
    assert_eq!(b.calls().len(), 3);
}
