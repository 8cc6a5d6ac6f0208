//! The log of commands: what is logged without being asked for, what a filter brings, and that
//! documents on stdout stay as they are.

use outflow_testkit::{Receiver, Reply};
use serde_json::Value;

use crate::support::Project;

/// One sync of two rows, to this receiver.
fn project(calls: &Receiver) -> Project {
    let project = Project::new(&format!(
        r#"version: 1
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [journeys]
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{}" }}
syncs:
  users: {{ source: shop.main, type: identify, query: SELECT id AS userId FROM users }}
"#,
        calls.url()
    ));
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    database.execute_batch("CREATE TABLE users (id); INSERT INTO users VALUES (1), (2)").unwrap();
    project
}

/// The lines of the log among what a command wrote to stderr.
fn documents(stderr: &str) -> Vec<Value> {
    stderr.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn events(log: &[Value]) -> Vec<&str> {
    log.iter().map(|line| line["event"].as_str().unwrap()).collect()
}

#[test]
fn a_run_logs_nothing_that_it_prints_until_it_is_asked_to() {
    let calls = Receiver::start_blocking();
    let project = project(&calls);
    for (args, filter) in [
        (&["run"][..], ""),
        (&["run", "--full", "--log-format", "json"], ""),
        (&["run", "--full", "-v", "--log-format", "json"], "off"),
    ] {
        let exit = project.program(args).env("OUTFLOW_LOG", filter).run();
        exit.assert_code(0);
        let levels = [" ERROR ", " WARN ", " INFO ", " DEBUG ", " TRACE "];
        assert!(!levels.iter().any(|level| exit.stderr.contains(level)), "{exit:?}");
        assert!(documents(&exit.stderr).is_empty() && exit.stderr.contains("2 delivered"), "{exit:?}");
    }
}

#[test]
fn a_quiet_run_can_be_logged_as_serve_logs_it_and_prints_the_same_document() {
    let calls = Receiver::start_blocking();
    let project = project(&calls);
    let args = ["run", "-q", "--output", "json"];
    let exit = project.program(&args).env("OUTFLOW_LOG", "info").run();
    exit.assert_code(0);
    let printed: Value = serde_json::from_str(&exit.stdout).unwrap();
    assert_eq!(printed["sync"], "users", "{printed}");
    let log = documents(&exit.stderr);
    assert_eq!(log.len(), exit.stderr.lines().count(), "{exit:?}");
    assert_eq!(events(&log), ["run started", "extracted", "delivery", "run ended"]);
    for line in &log {
        assert_eq!(
            (&line["level"], &line["sync"], &line["run"]),
            (&"info".into(), &"users".into(), &1.into())
        );
    }
    assert_eq!((&log[1]["read"], &log[1]["calls"]), (&2.into(), &2.into()));
    assert_eq!((&log[2]["destination"], &log[2]["state"]), (&"journeys".into(), &"succeeded".into()));
}

#[test]
fn a_part_can_be_watched_and_its_lines_name_run_and_destination() {
    let calls = Receiver::start_blocking();
    calls.script([Reply::status(503)]);
    let project = project(&calls);
    let filter = "off,outflow_engine::delivery=trace";
    let exit = project.program(&["run", "--log-format", "json"]).env("OUTFLOW_LOG", filter).run();
    exit.assert_code(0);
    let log = documents(&exit.stderr);
    assert_eq!(
        events(&log),
        ["request sent", "request failed; it is sent again", "request sent"],
        "{exit:?}"
    );
    for line in &log {
        assert_eq!((&line["sync"], &line["run"]), (&"users".into(), &1.into()), "{line}");
        assert_eq!(line["destination"], "journeys", "{line}");
        assert_eq!(line["target"], "outflow_engine::delivery::send", "{line}");
    }
    assert_eq!((&log[1]["code"], &log[2]["attempt"]), (&"D016".into(), &2.into()), "{log:?}");
}

#[test]
fn a_filter_that_is_none_is_refused_before_anything_happens() {
    let project = project(&Receiver::start_blocking());
    for (filter, says) in [("loud", "\"loud\" is no level"), ("delivery=debug", "is no part of Outflow")] {
        let exit = project.program(&["run"]).env("OUTFLOW_LOG", filter).run();
        exit.assert_code(2);
        assert!(exit.stderr.contains(says) && exit.stdout.is_empty(), "{exit:?}");
        assert!(!project.path().join(".outflow").exists());
    }
}
