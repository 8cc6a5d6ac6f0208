//! Rows that cannot become a call: each is counted and kept with its reason, and the others go.

use outflow_testkit::{Judge, Receiver};
use serde_json::Value;

use super::database;
use crate::support::{Project, users_yaml};

/// Runs a query of which only the users `good` can be sent; gives the rejected rows.
#[track_caller]
fn rejected(query: &str, good: &[&str]) -> Vec<Value> {
    let receiver = Receiver::start_blocking();
    let yaml = users_yaml(database(), &receiver, query, "concurrency: 4");
    let strict = "    type: identify\n    on_invalid_value: reject_row\n";
    let project = Project::new(&yaml.replace("    type: identify\n", strict));
    let run = project.json(&["run", "users"], 4);
    assert_eq!(run["state"], "succeeded_with_rejected", "{run}");
    assert_eq!(run["rows"]["calls"], good.len(), "{run}");
    Judge::expecting(good.iter().copied()).judge(&receiver.arrivals()).assert_exactly_once();

    let exit = project.run(&["rejected", "--limit", "0", "--output", "ndjson"]);
    exit.assert_code(0);
    let rows: Vec<Value> = exit.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(run["rows"]["rejected"], rows.len(), "{run}");
    let shown = project.json(&["rejected"], 0);
    let counted: u64 =
        shown["findings"].as_array().unwrap().iter().map(|f| f["rows"].as_u64().unwrap()).sum();
    assert_eq!(counted, rows.len() as u64, "{shown}");
    project.run(&["verify"]).assert_code(0);
    rows
}

/// The places and codes of rejected rows.
fn codes(rows: &[Value]) -> Vec<(u64, &str)> {
    rows.iter().map(|row| (row["ordinal"].as_u64().unwrap(), row["code"].as_str().unwrap())).collect()
}

#[test]
fn identifiers_that_are_null_blank_or_fractions_are_rejected_with_their_rows() {
    let rows = rejected(
        "SELECT * FROM (VALUES ('u1', 1), (NULL, 2), ('', 3), ('   ', 4), ('u5', 5)) AS t (\"userId\", n)",
        &["u1", "u5"],
    );
    assert_eq!(codes(&rows), [(1, "R001"), (2, "R001"), (3, "R001")]);
    assert_eq!(rows[0]["row"]["userId"], Value::Null);
    assert_eq!(rows[0]["row"]["n"], "2");

    let rows = rejected(
        "SELECT id AS \"userId\" FROM (VALUES (1::numeric), (42.5), (NULL), (4), ('NaN')) AS t (id)",
        &["1", "4"],
    );
    assert_eq!(codes(&rows), [(1, "R002"), (2, "R001"), (4, "R002")]);
    assert!(rows[0]["reason"].as_str().unwrap().contains("42.5"), "{rows:?}");
    assert_eq!(rows[0]["column"], "userId");
}

#[test]
fn nan_and_infinity_are_rejected_since_json_has_no_such_numbers() {
    let rows = rejected(
        "SELECT 'u' || n AS \"userId\", score::float8 FROM (VALUES (1, '1.5'), (2, 'NaN'), (3, 'Infinity'), \
         (4, '-Infinity'), (5, NULL)) AS t (n, score)",
        &["u1", "u5"],
    );
    assert_eq!(codes(&rows), [(1, "R004"), (2, "R004"), (3, "R004")]);
    assert!(rows.iter().all(|row| row["column"] == "score"), "{rows:?}");
}

#[test]
fn times_that_are_none_are_rejected() {
    let rows = rejected(
        "SELECT 'u' || n AS \"userId\", seen::timestamptz FROM (VALUES (1, '2026-01-31'), (2, 'infinity'), \
         (3, '-infinity'), (4, '0044-03-15 BC'), (5, '12026-01-01'), (6, '0001-01-01')) AS t (n, seen)",
        &["u1", "u6"],
    );
    assert_eq!(codes(&rows), [(1, "R003"), (2, "R003"), (3, "R003"), (4, "R003")]);
    let rows = rejected(
        "SELECT 'u' || n AS \"userId\", at AS timestamp FROM (VALUES (1, '2026-01-31T10:00:00Z'), (2, 'yesterday'), \
         (3, '2026-02-30')) AS t (n, at)",
        &["u1"],
    );
    assert_eq!(codes(&rows), [(1, "R003"), (2, "R003")]);
}

#[test]
fn only_rows_with_the_code_asked_for_are_shown() {
    let receiver = Receiver::start_blocking();
    let query = "SELECT id AS \"userId\" FROM (VALUES (42.5), (NULL), (43.5)) AS t (id)";
    let project = Project::users(database(), &receiver, query);
    let run = project.json(&["run", "users"], 1);
    assert_eq!(run["state"], "awaiting_approval", "nothing would be sent: {run}");
    assert_eq!(run["rows"], serde_json::json!({ "read": 3, "calls": 0, "rejected": 3, "unchanged": 0 }));
    assert!(receiver.requests().is_empty());
    let shown = project.json(&["rejected", "users", "--code", "r002"], 0);
    let ordinals: Vec<_> = shown["rows"].as_array().unwrap().iter().map(|row| &row["ordinal"]).collect();
    assert_eq!(ordinals, [0, 2]);
    let people = project.run(&["rejected"]);
    assert!(people.stdout.contains("R001") && people.stdout.contains("NULL"), "{people:?}");
}

#[test]
fn values_cannot_steer_a_terminal() {
    let receiver = Receiver::start_blocking();
    let query = "SELECT NULL AS \"userId\", E'\\x1b[2J\\x07' AS bio";
    let project = Project::users(database(), &receiver, query);
    project.json(&["run", "users"], 1);
    for args in [["rejected", "users"], ["preview", "users"]] {
        let shown = project.run(&args);
        let all = shown.stdout.clone() + &shown.stderr;
        assert!(!all.contains(['\u{1b}', '\u{7}']), "{shown:?}");
    }
}

#[test]
fn warnings_are_counted_and_the_rows_go() {
    let receiver = Receiver::start_blocking();
    let query =
        "SELECT 'u1' AS \"userId\", 9007199254740993::bigint AS big, 'toaster' AS \"context.device.type\"";
    let project = Project::users(database(), &receiver, query);
    let run = project.json(&["run", "users"], 0);
    assert_eq!(journeys_delivered(&run), 1);
    let body = String::from_utf8(receiver.requests()[0].body.clone()).unwrap();
    assert!(body.contains("9007199254740993") && body.contains("toaster"), "{body}");
    let shown = project.json(&["rejected"], 0);
    let mut codes: Vec<_> = shown["findings"].as_array().unwrap().iter().map(|f| f["code"].clone()).collect();
    codes.sort_by_key(Value::to_string);
    assert_eq!(codes, ["R101", "R102"], "{shown}");
    assert!(shown["findings"].as_array().unwrap().iter().all(|f| f["sent"] == true), "{shown}");
}

fn journeys_delivered(run: &Value) -> u64 {
    super::journeys(run)["delivered"].as_u64().unwrap()
}
