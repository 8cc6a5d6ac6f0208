//! `validate` and `preview` on queries with findings, without a database, with a real PostgreSQL
//! and with SQLite.

use std::sync::OnceLock;

use outflow_testkit::{Database, Postgres, Receiver};
use serde_json::Value;

use super::{lines, sqlite_project};
use crate::support::{Project, pipelines, sync, yaml};

/// One database for all tests here; each has tables of its own.
fn database() -> &'static Database<'static> {
    static DATABASE: OnceLock<Database<'static>> = OnceLock::new();
    DATABASE.get_or_init(|| Postgres::shared().database("findings"))
}

/// A project with the sync `users` of this type and query, with more lines of settings.
fn project(call_type: &str, query: &str, settings: &str) -> Project {
    let receiver = Receiver::start_blocking();
    let users = format!("{}{settings}", sync(call_type, query));
    Project::new(&yaml(database(), &[("journeys", &pipelines(&receiver))], &[("users", &users)]))
}

/// The findings of a document.
fn findings(document: &Value) -> &[Value] {
    document["findings"].as_array().unwrap()
}

/// The codes of a document's findings.
fn codes(document: &Value) -> Vec<&str> {
    findings(document).iter().map(|f| f["code"].as_str().unwrap()).collect()
}

/// Demands one finding and gives it.
#[track_caller]
fn only<'a>(document: &'a Value, code: &str) -> &'a Value {
    assert_eq!(codes(document), [code], "{document}");
    &findings(document)[0]
}

#[test]
fn without_a_database_findings_have_a_place_and_a_fix_and_only_errors_fail() {
    let query = "SELECT id AS \"userId\", 'é' AS x,\n  'Device Deleted' AS event\nFROM t WHERE at >= {{last_sync_time | timestamp}};";
    let project = project("track", query, "");
    let document = project.json(&["validate"], 0);
    assert_eq!(codes(&document), ["Q111", "Q204", "Q202"], "{document}");
    let semicolon = &findings(&document)[2];
    let number = |name: &str| semicolon[name].as_u64().unwrap();
    assert_eq!((number("line"), number("column"), number("end_column")), (3, 50, 51));
    assert_eq!((&semicolon["severity"], &semicolon["sync"]), (&"note".into(), &"users".into()));
    let (start, end) = (semicolon["fix"]["start"].as_u64(), semicolon["fix"]["end"].as_u64());
    assert_eq!((start, end), (Some(query.len() as u64 - 1), Some(query.len() as u64)));
    let people = project.run(&["validate"]);
    people.assert_code(0);
    assert!(people.stderr.contains("warning[Q111]"), "{people:?}");
    assert!(people.stderr.contains("--> sync users: line 2, column 3 of the query"), "{people:?}");
    assert!(!project.run(&["validate", "--quiet"]).stderr.contains("Q111"));

    let missing = self::project(
        "track",
        "SELECT id AS \"userId\" FROM t WHERE at >= {{last_sync_time | timestamp}}",
        "",
    );
    let document = missing.json(&["validate"], 2);
    assert_eq!(only(&document, "Q005")["severity"], "error");
    assert_eq!(document["valid"], false);
    // What the text does not name may be there.
    let unknown = self::project("track", "SELECT t.* FROM t WHERE at >= {{last_sync_time | timestamp}}", "");
    only(&unknown.json(&["validate"], 0), "Q101");
}

#[test]
fn a_timestamp_against_a_number_is_q010_with_the_typed_form_which_works() {
    database().sql("CREATE TABLE stamped (id int, at timestamptz); INSERT INTO stamped VALUES (1, now())");
    let query = "WITH s AS (SELECT * FROM stamped) SELECT id AS \"userId\" FROM s AS x WHERE x.at >= {{ last_sync_time }}";
    let project = project("identify", query, "");
    only(&project.json(&["validate"], 0), "Q203");
    let document = project.json(&["validate", "--connect"], 2);
    let finding = only(&document, "Q010");
    assert!(finding["message"].as_str().unwrap().contains("timestamp with time zone"), "{finding}");
    let at = |name: &str| finding["fix"][name].as_u64().unwrap() as usize;
    let fixed = format!("{}{}", &query[..at("start")], finding["fix"]["replacement"].as_str().unwrap());
    assert!(fixed.ends_with("x.at >= {{last_sync_time | timestamp}}") && at("end") == query.len());

    // The preview says so in place of the database.
    let preview = project.run(&["preview", "users"]);
    preview.assert_code(2);
    assert!(preview.stderr.contains("error[Q010]") && !preview.stderr.contains("S010"), "{preview:?}");
    assert!(
        preview.stderr.contains("write `{{last_sync_time | timestamp}}` in place of `{{ last_sync_time }}`")
    );

    let good = self::project("identify", &fixed, "");
    assert!(codes(&good.json(&["validate", "--connect"], 0)).is_empty());
    let document = good.json(&["preview", "users"], 0);
    assert_eq!((codes(&document).len(), document["rows"].as_array().unwrap().len()), (0, 1));
}

#[test]
fn a_text_against_a_number_is_q011_on_both_and_the_data_tell_the_cure() {
    database()
        .sql("CREATE TABLE worded (id int, at text); INSERT INTO worded VALUES (1, '2026-01-31 10:00:00')");
    let query = "SELECT id AS \"userId\" FROM worded WHERE at >= {{last_sync_time}}";
    let document = project("identify", query, "").json(&["validate", "--connect"], 2);
    let finding = only(&document, "Q011");
    assert_eq!(finding["fix"]["replacement"], "'{{last_sync_time | timestamp}}'", "{finding}");
    let fixed = query.replace("{{last_sync_time}}", "'{{last_sync_time | timestamp}}'");
    let fixed = project("identify", &fixed, "");
    assert!(codes(&fixed.json(&["validate", "--connect"], 0)).is_empty());
    assert_eq!(fixed.json(&["preview", "users"], 0)["rows"].as_array().unwrap().len(), 1);

    // SQLite compares them without a word, whatever the column was declared as.
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    let file = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    assert!(codes(&project.json(&["validate", "--connect"], 0)).is_empty());
    file.execute_batch("UPDATE users SET updated = '2026-01-31 10:00:00'").unwrap();
    let document = project.json(&["validate", "--connect"], 2);
    assert_eq!(only(&document, "Q011")["fix"]["replacement"], "'{{last_sync_time | timestamp}}'");
    file.execute_batch("UPDATE users SET updated = 1767225600123").unwrap();
    let document = project.json(&["validate", "--connect"], 0);
    assert_eq!(only(&document, "Q203")["fix"]["replacement"], "{{last_sync_time | millis}}");
}

#[test]
fn the_largest_value_is_held_against_the_clock() {
    database().sql(
        "CREATE TABLE late (id int, at timestamp, n bigint);
         INSERT INTO late VALUES (1, now() AT TIME ZONE 'UTC' - interval '5 hours', extract(epoch FROM now() + interval '3 days'))",
    );
    let stamp = "SELECT id AS \"userId\", at FROM late WHERE at >= {{last_sync_time | timestamp}}";
    let behind = project("identify", stamp, "").json(&["validate", "--connect"], 0);
    let finding = only(&behind, "Q112");
    assert!(finding["message"].as_str().unwrap().contains("is 5h behind"), "{finding}");
    assert!(finding["help"].as_str().unwrap().contains("`lookback: 6h`"), "{finding}");
    for settings in ["lookback: 6h\n", "cursor: at\n"] {
        assert!(codes(&project("identify", stamp, settings).json(&["validate", "--connect"], 0)).is_empty());
    }
    let number = "SELECT id AS \"userId\", n FROM late WHERE n >= {{last_sync_time}}";
    for (settings, says) in [("", "read again"), ("cursor: n\n", "never read")] {
        let document = project("identify", number, settings).json(&["validate", "--connect"], 0);
        let message = only(&document, "Q112")["message"].as_str().unwrap();
        assert!(message.contains("ahead of the database's clock"), "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn the_plan_tells_expected_rows_and_very_many_very_often_are_q113() {
    database().sql(
        "CREATE TABLE many AS SELECT n AS id, 'x' AS plan FROM generate_series(1, 1200000) n; ANALYZE many",
    );
    let query = "SELECT id AS \"userId\", plan FROM many";
    let often = project("identify", query, "schedule: { every: 15m }\n");
    let document = often.json(&["validate", "--connect"], 0);
    assert_eq!(codes(&document), ["Q006", "Q113"]);
    let expected = &document["syncs"][0]["expected"];
    assert_eq!(
        (&expected["first_run"]["rows"], &expected["later_run"]["rows"]),
        (&1_200_000.into(), &1_200_000.into())
    );
    assert!(expected["first_run"]["width"].as_u64().unwrap() > 0);
    let people = often.run(&["validate", "--connect"]);
    assert!(people.stderr.contains("expects 1,200,000 rows"), "{people:?}");
    let ndjson = lines(&often.run(&["validate", "--connect", "--output", "ndjson"]).stdout);
    assert_eq!((ndjson.len(), &ndjson[2]["sync"]), (3, &"users".into()));
    let daily = project("identify", query, "schedule: { every: 1d }\n");
    only(&daily.json(&["validate", "--connect"], 0), "Q006");
}

#[test]
fn real_columns_are_planned_and_what_the_database_refuses_is_its_own_error() {
    database().sql("CREATE TABLE planned (id int, at timestamp)");
    let query = "SELECT p.* FROM planned p WHERE at >= {{last_sync_time | timestamp}}";
    let document = project("identify", query, "").json(&["validate", "--connect"], 2);
    assert_eq!(codes(&document), ["Q005", "Q101"]);
    let nope = project(
        "identify",
        "SELECT nope AS \"userId\" FROM planned WHERE at >= {{last_sync_time | timestamp}}",
        "",
    );
    only(&nope.json(&["validate", "--connect"], 5), "S009");
}

#[test]
fn a_database_that_does_not_answer_is_an_error_of_its_own_and_the_text_is_looked_at_all_the_same() {
    let project = project("identify", "SELECT id AS \"userId\" FROM t", "");
    let text = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let port = format!("port: {}", database().server().port());
    project.write("outflow.yaml", &text.replace(&port, "port: 1"));
    let document = project.json(&["validate", "--connect"], 5);
    assert_eq!(codes(&document), ["S002", "Q006"], "{document}");
    project.json(&["validate"], 0);
}
