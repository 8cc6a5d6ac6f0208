//! `estimate`: what a run would come to, without moving or sending anything.

use outflow_testkit::{Postgres, Receiver, free_port};

use super::{in_all_forms, sqlite_project};
use crate::support::{Project, users_yaml};

/// What a run then does: rows read, calls and requests.
fn ran(project: &Project) -> (u64, u64, u64) {
    let run = project.json(&["run"], 0);
    let journeys = &run["destinations"]["journeys"];
    let number = |v: &serde_json::Value| v.as_u64().unwrap();
    (number(&run["rows"]["read"]), number(&journeys["delivered"]), number(&journeys["requests"]))
}

#[test]
fn a_small_result_is_told_exactly_and_nothing_is_sent_or_kept() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", null, \"c\"]");
    let found = in_all_forms(&project, &["estimate", "users"], 0);
    assert_eq!((&found["about"], &found["last_sync_time"]), (&"the first run".into(), &"0".into()));
    assert_eq!(found["rows"], serde_json::json!({ "expected": 3, "by": "count" }));
    assert_eq!(found["sample"], serde_json::json!({ "rows": 3, "rejected": 1 }));
    let journeys = &found["destinations"]["journeys"];
    assert_eq!((&journeys["calls"], &journeys["requests"]), (&2.into(), &1.into()));
    assert_eq!(found["warnings"], serde_json::json!([]));
    assert_eq!(receiver.connections(), 0);
    assert!(!project.path().join(".outflow").exists());
    let run = project.json(&["run"], 4);
    let bytes = |v: &serde_json::Value| v["bytes"].as_u64().unwrap();
    let off = bytes(&run["destinations"]["journeys"]).abs_diff(bytes(journeys));
    assert!(off < 4, "{run} {journeys}");
    assert_eq!(project.json(&["estimate", "users"], 0)["about"], "the next run");
    assert_eq!(project.json(&["estimate", "users", "--since", "first"], 0)["rows"]["expected"], 3);
    assert_eq!(project.json(&["estimate", "users", "--since", "2026-01-01"], 0)["rows"]["expected"], 0);
}

#[test]
fn a_large_result_is_counted_whatever_stands_at_the_querys_end() {
    let database = Postgres::shared().database("estimate_count");
    database.sql(
        "CREATE TABLE users AS SELECT g AS id, repeat('x', 100) AS bio FROM generate_series(1, 12345) g",
    );
    let receiver = Receiver::start_blocking();
    let query = "SELECT id AS \"userId\", bio FROM users WHERE id > {{last_sync_time}} ; -- all of them";
    let project = Project::users(&database, &receiver, query);
    let found = project.json(&["estimate", "users"], 0);
    assert_eq!(found["rows"], serde_json::json!({ "expected": 12345, "by": "count" }));
    let journeys = &found["destinations"]["journeys"];
    assert_eq!((journeys["calls"].as_u64(), receiver.connections()), (Some(12345), 0));
    let (read, delivered, requests) = ran(&project);
    assert_eq!((read, delivered), (12345, 12345));
    assert!(
        journeys["requests"].as_u64().unwrap().abs_diff(requests) * 10 <= requests,
        "{journeys} {requests}"
    );
}

#[test]
fn a_count_that_takes_too_long_gives_way_to_the_plan() {
    let database = Postgres::shared().database("estimate_plan");
    database.sql("CREATE TABLE users AS SELECT g AS id FROM generate_series(1, 20000) g; ANALYZE users");
    let receiver = Receiver::start_blocking();
    let query = "SELECT id AS \"userId\", pg_sleep(0.01)::text AS slept FROM users -- {{last_sync_time}}";
    let project = Project::users(&database, &receiver, query);
    let found = project.json(&["estimate", "users", "--timeout", "1s"], 0);
    assert_eq!((&found["rows"]["by"], &found["rows"]["expected"]), (&"plan".into(), &20000.into()));
    assert_eq!(found["rows"]["not_counted"]["code"], "S011");
    let shown = project.run(&["estimate", "users", "--timeout", "1s"]);
    assert!(shown.stdout.contains("as the database's plan expects"), "{shown:?}");
}

#[test]
fn where_the_database_neither_counts_nor_plans_it_is_said() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS userId FROM n";
    let yaml = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let at = yaml.find("SELECT id").unwrap();
    project.write("outflow.yaml", &format!("{}{endless}\n", &yaml[..at]));
    let found = project.json(&["estimate", "users", "--timeout", "1s"], 0);
    assert_eq!(
        (&found["rows"]["by"], &found["rows"]["expected"]),
        (&"nothing".into(), &serde_json::Value::Null)
    );
    assert!(found["destinations"]["journeys"].is_null());
    let shown = project.run(&["estimate", "users", "--timeout", "1s"]);
    assert!(shown.stdout.contains("nobody knows how many rows"), "{shown:?}");
}

#[test]
fn more_than_a_million_rows_more_often_than_daily_are_q113_and_say_which_runs() {
    let database = Postgres::shared().database("estimate_many");
    let receiver = Receiver::start_blocking();
    let all = "SELECT generate_series(1, 1000001) AS \"userId\"";
    let new = "SELECT generate_series(1, 1000001) AS \"userId\" WHERE {{last_sync_time}} >= 0";
    let with = |query: &str, every: &str| {
        let yaml = users_yaml(&database, &receiver, query, "");
        let project =
            Project::new(&(yaml.trim_end().to_owned() + &format!("\n    schedule: {{ every: {every} }}\n")));
        project.json(&["estimate", "users"], 0)
    };
    let found = with(all, "15m");
    assert_eq!((&found["rows"]["expected"], &found["about"]), (&1_000_001.into(), &"every run".into()));
    assert_eq!(found["warnings"][0]["code"], "Q113");
    assert!(
        found["warnings"][0]["message"].as_str().unwrap().starts_with("every run reads about 1000001 rows")
    );
    assert_eq!(with(all, "1d")["warnings"], serde_json::json!([]));
    let found = with(new, "15m");
    assert_eq!((&found["about"], &found["warnings"]), (&"the first run".into(), &serde_json::json!([])));
}

#[test]
fn a_source_that_cannot_be_reached_is_exit_code_5_and_a_wrong_query_2_or_5() {
    let database = Postgres::shared().database("estimate_errors");
    let receiver = Receiver::start_blocking();
    let project = Project::users(&database, &receiver, "SELECT id AS \"userId\" FROM nowhere");
    let exit = project.run(&["estimate", "users"]);
    exit.assert_code(5);
    assert!(exit.stderr.contains("error[S009]"), "{exit:?}");
    let yaml = users_yaml(&database, &receiver, "SELECT 1 AS \"userId\"", "");
    let (port, closed) = (format!("port: {}", Postgres::shared().port()), format!("port: {}", free_port()));
    let exit = Project::new(&yaml.replace(&port, &closed)).run(&["estimate", "users"]);
    exit.assert_code(5);
    assert!(exit.stderr.contains("error[S002]"), "{exit:?}");
    project.run(&["estimate", "nobody"]).assert_code(2);
}
