//! `outflow destination test`: what it prints in each form, and its exit code.

use outflow_testkit::{Receiver, Reply, free_port};
use serde_json::{Value, json};

use super::lines;
use crate::support::{Project, WRITE_KEY, document};

/// Destinations of three types, and a sync that cannot be read yet.
fn project(service: &Receiver, hook: &str) -> Project {
    Project::new(&format!(
        r#"version: 1
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{}" }}
  hook: {{ type: webhook, url: "{hook}", headers: {{ Authorization: "${{env:NOT_SET}}" }} }}
  audit: {{ type: file, path: ./out }}
syncs:
  users: {{ source: nowhere.main, type: identify, query: SELECT 1 }}
"#,
        service.url()
    ))
}

/// Takes the key of the project and no other.
fn service() -> Receiver {
    let service = Receiver::start_blocking();
    service.rule(|request, _| {
        // The key and an empty password.
        let is_ours = request.header("authorization") == Some("Basic dGhlLXdyaXRlLWtleTo=");
        Some(Reply::status(if is_ours { 200 } else { 401 }))
    });
    service
}

/// Steps with their outcomes.
fn steps(checks: &Value) -> Vec<(String, String)> {
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    checks.as_array().unwrap().iter().map(|c| (text(c, "step"), text(c, "outcome"))).collect()
}

fn ok(names: &[&str]) -> Vec<(String, String)> {
    names.iter().map(|name| ((*name).to_owned(), "ok".to_owned())).collect()
}

#[test]
fn destinations_are_tested_before_the_rest_of_the_project_is_finished() {
    let service = service();
    let project = project(&service, "http://127.0.0.1:9/");
    let people = project.run(&["destination", "test", "journeys", "audit"]);
    people.assert_code(0);
    assert!(people.stdout.starts_with("journeys  customerio-pipelines\n"), "{}", people.stdout);
    assert!(people.stdout.contains("takes the key, and refuses another one"), "{}", people.stdout);
    assert!(people.stdout.contains("audit  file\n✓ folder"), "{}", people.stdout);
    assert_eq!(people.stderr, "");

    let exit = project.run(&["destination", "test", "journeys", "audit", "-o", "json"]);
    exit.assert_code(0);
    let whole = document(&exit);
    assert_eq!((&whole["format_version"], &whole["ok"]), (&json!(3), &json!(true)));
    let [journeys, audit] = whole["destinations"].as_array().unwrap().as_slice() else { panic!("{whole}") };
    assert_eq!(
        (&journeys["destination"], &journeys["type"]),
        (&json!("journeys"), &json!("customerio-pipelines"))
    );
    assert_eq!(steps(&journeys["checks"]), ok(&["name", "tcp", "authentication"]));
    assert_eq!(steps(&audit["checks"]), ok(&["folder"]));

    let exit = project.run(&["destination", "test", "journeys", "--output", "ndjson"]);
    let told = lines(&exit.stdout);
    assert_eq!(told.len(), 3);
    assert!(told.iter().all(|l| l["destination"] == "journeys" && l["format_version"] == 3), "{told:?}");
    assert_eq!(project.run(&["destination", "test", "audit", "--quiet"]).stdout, "");
    assert!(service.arrivals().is_empty(), "no call was sent");
    assert!(!project.path().join(".outflow").exists(), "the state is not touched");
    assert!(!project.path().join("out").exists(), "nor the folder of the file destination");
}

#[test]
fn what_fails_is_exit_code_6_and_shows_no_key() {
    let service = Receiver::start_blocking();
    service.always(Reply::status(401).body(format!("no such key: {WRITE_KEY}")));
    let hook = format!("http://127.0.0.1:{}/", free_port());
    let project = project(&service, &hook);
    let all = project.program(&["destination", "test"]).env("NOT_SET", "Bearer tok-en-1234").run();
    all.assert_code(6);
    let told = all.stdout.clone() + &all.stderr;
    for part in ["error[D013]", "error[D010]", "check the key", "hook  webhook", "audit  file"] {
        assert!(told.contains(part), "it does not say {part:?}: {told}");
    }
    assert!(!told.contains(WRITE_KEY) && !told.contains("tok-en-1234"), "{told}");
    // A key that is not there is missed only by the destination that has it.
    project.run(&["destination", "test", "audit"]).assert_code(0);
    let missing = project.run(&["destination", "test"]);
    missing.assert_code(2);
    assert!(missing.stderr.contains("C008") && missing.stderr.contains("NOT_SET"), "{missing:?}");
}

#[test]
fn a_webhook_is_sent_a_call_on_request_and_every_unknown_name_is_reported() {
    let (service, hook) = (service(), Receiver::start_blocking());
    let project = project(&service, &hook.url());
    let test = |args: &[&str]| project.program(args).env("NOT_SET", "Bearer x").run();
    test(&["destination", "test", "hook"]).assert_code(0);
    assert!(hook.requests().is_empty());
    test(&["destination", "test", "hook", "--send"]).assert_code(0);
    assert_eq!(hook.calls()[0]["event"], "Outflow Test");
    let refused = test(&["destination", "test", "hok", "audit", "zzz"]);
    refused.assert_code(2);
    for part in
        ["there is no destination \"hok\"", "did you mean \"hook\"?", "there is no destination \"zzz\""]
    {
        assert!(refused.stderr.contains(part), "it does not say {part:?}: {refused:?}");
    }
}
