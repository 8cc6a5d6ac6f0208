//! `preview`: what a run would read and send, without moving or sending anything.

use std::time::Duration;

use outflow_testkit::{ChaosProxy, Postgres, Receiver};
use serde_json::Value;

use super::{in_all_forms, lines, sqlite_project};
use crate::support::{Project, users_yaml};

#[test]
fn rows_and_calls_are_shown_in_all_forms_and_nothing_is_sent_or_kept() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", \"b\"]");
    let rows = in_all_forms(&project, &["preview", "users"], 0);
    assert_eq!(rows["last_sync_time"], "0");
    assert_eq!(rows["columns"][0]["name"], "userId");
    assert_eq!(rows["rows"][1]["row"]["plan"], "on");

    let args = ["preview", "users", "--calls", "--output", "ndjson"];
    let calls = lines(&project.run(&args).stdout);
    assert_eq!(calls.len(), 2);
    assert_eq!((&calls[0]["type"], &calls[0]["userId"]), (&"identify".into(), &"a".into()));
    assert_eq!(project.json(&["preview", "users", "--calls"], 0)["calls"].as_array().unwrap().len(), 2);
    let people = project.run(&["preview", "users"]);
    assert!(
        people.stdout.starts_with("userId") && people.stderr.contains("last_sync_time = 0"),
        "{people:?}"
    );

    assert_eq!(receiver.connections(), 0);
    assert!(!project.path().join(".outflow").exists());
}

#[test]
fn calls_are_those_that_a_run_sends() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", 7]");
    let exit = project.run(&["preview", "users", "--calls", "--output", "ndjson"]);
    project.json(&["run"], 0);
    let mut sent = receiver.calls();
    let mut shown = lines(&exit.stdout);
    // Each is made when it is made: the id and the time are a run's own.
    for call in sent.iter_mut().chain(&mut shown) {
        assert!(call["messageId"].is_string() && call["timestamp"].is_string(), "{call}");
        call.as_object_mut().unwrap().retain(|key, _| key != "messageId" && key != "timestamp");
    }
    assert_eq!(shown, sent);
}

#[test]
fn a_row_that_would_be_rejected_is_shown_with_its_reason_and_exit_code_4() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", null, 42.5]");
    let rows = in_all_forms(&project, &["preview", "users"], 4);
    let codes: Vec<_> =
        rows["rows"].as_array().unwrap().iter().map(|r| r["rejected"]["code"].clone()).collect();
    assert_eq!(codes, [Value::Null, "R001".into(), "R002".into()]);
    let calls = project.json(&["preview", "users", "--calls"], 4);
    assert_eq!(calls["calls"][1]["rejected"]["code"], "R001");
    assert!(project.run(&["preview", "users"]).stdout.contains("row 2: rejected: R001"));
}

#[test]
fn as_says_which_run_is_looked_at() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let run = project.json(&["run"], 0);
    let next = run["next_last_sync_time"].as_i64().unwrap().to_string();
    let starts = [
        (vec![], next.as_str()),
        (vec!["--since", "next"], next.as_str()),
        (vec!["--since", "first"], "0"),
        (vec!["--since", "2023-11-14T22:13:20Z"], "1700000000"),
        (vec!["--since", "1700000001"], "1700000001"),
    ];
    for (option, value) in starts {
        let mut args = vec!["preview", "users"];
        args.extend(option);
        let shown = project.json(&args, 0);
        assert_eq!(shown["last_sync_time"], value, "{args:?}");
        let rows = usize::from(value.parse::<i64>().unwrap() <= 1_700_000_000);
        assert_eq!(shown["rows"].as_array().unwrap().len(), rows, "{args:?}");
    }
    assert_eq!(project.json(&["runs"], 0).as_array().unwrap().len(), 1);
}

#[test]
fn no_more_rows_are_read_than_are_shown() {
    let database = Postgres::shared().database("preview_limit");
    let receiver = Receiver::start_blocking();
    let proxy = ChaosProxy::start(Postgres::shared().port());
    let query = "SELECT 'u' || generate_series(1, 2000000000) AS \"userId\", repeat('x', 1000) AS bio";
    let yaml = users_yaml(&database, &receiver, query, "");
    let port = format!("port: {}", Postgres::shared().port());
    let project = Project::new(&yaml.replace(&port, &format!("port: {}", proxy.port())));
    for limit in ["1", "25"] {
        let before = proxy.downstream_bytes();
        let args = ["preview", "users", "--calls", "--limit", limit, "--output", "ndjson"];
        let exit = project.run(&args);
        exit.assert_code(0);
        assert_eq!(lines(&exit.stdout).len().to_string(), limit);
        assert!(exit.ran < Duration::from_secs(20), "{:?}", exit.ran);
        let read = proxy.downstream_bytes() - before;
        // The sample is read twice.
        assert!(read < 80_000, "{read} bytes came for {limit} rows");
    }
}

#[test]
fn a_column_that_differs_by_itself_is_named_unless_the_rows_are_read_once() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let yaml = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    project.write("outflow.yaml", &yaml.replace("id AS userId, plan", "id AS userId, random() AS plan"));
    let named = |args: &[&str]| {
        let exit = project.run(args);
        exit.assert_code(0);
        exit.stderr.contains("warning[Q120]: column \"plan\" differs")
    };
    assert!(named(&["preview", "users"]));
    assert!(!named(&["preview", "users", "--once"]));
}

#[test]
fn the_requests_of_each_destination_are_shown_as_a_run_sends_them_without_secrets() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", \"b\"]");
    let shown = project.json(&["preview", "users", "--requests"], 0);
    let destinations = shown["destinations"].as_array().unwrap();
    let request = &destinations[0]["requests"][0];
    assert_eq!((&request["method"], &request["records"]), (&"POST".into(), &2.into()), "{shown}");
    let headers = request["headers"].as_array().unwrap();
    let authorization = headers.iter().find(|h| h["name"] == "authorization").unwrap();
    assert_eq!(authorization["value"], "…", "{shown}");
    let address = request["address"].as_str().unwrap();
    assert!(address.starts_with(&receiver.url()) && address.ends_with("/batch"), "{address}");
    assert_eq!(receiver.connections(), 0);
    project.json(&["run"], 0);
    let calls = |body: &str| serde_json::from_str::<Value>(body).unwrap()["batch"].as_array().unwrap().len();
    assert_eq!(calls(request["body"].as_str().unwrap()), receiver.calls().len());
    let people = project.run(&["preview", "users", "--requests", "--since", "first"]);
    assert!(people.stdout.contains(&format!("\nPOST {address}\n")), "{people:?}");
    assert!(people.stdout.contains("authorization: …"), "{people:?}");
    project.run(&["preview", "users", "--requests", "--calls"]).assert_code(2);
}
