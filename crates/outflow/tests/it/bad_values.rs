//! Values that cannot be sent, or that mean something else than they seem to: what the author of a
//! sync sees, and what arrives.

use std::fs;

use outflow_testkit::{Database, Postgres};
use serde_json::Value;

use crate::support::{Project, sync, yaml};

/// A sync `users` of this query, into files.
fn project(database: &Database<'_>, query: &str, settings: &str) -> Project {
    let users = sync("identify", query) + settings;
    Project::new(&yaml(database, &[("files", "type: file, path: ./out")], &[("users", &users)]))
}

/// The same for a SQLite file with these tables.
fn sqlite(tables: &str, query: &str) -> Project {
    let project = Project::new(&format!(
        "version: 1\nsources:\n  shop:\n    type: sqlite\n    databases:\n      main: {{ path: ./shop.db }}\n    destinations: [files]\n\
         destinations:\n  files: {{ type: file, path: ./out }}\nsyncs:\n  users:\n    source: shop.main\n    type: identify\n    query: {query}\n"
    ));
    let file = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    file.execute_batch(tables).unwrap();
    project
}

/// All calls that were written, in the order of their `userId`.
fn written(project: &Project) -> Vec<Value> {
    let mut calls: Vec<Value> = Vec::new();
    for file in fs::read_dir(project.path().join("out/users")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        calls.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
    }
    calls.sort_by_key(|call| call["userId"].as_str().map(str::to_owned));
    calls
}

/// Code, column and rows of all that was found in the last run.
fn found(project: &Project) -> Vec<(String, String, u64)> {
    let document = project.json(&["rejected", "users"], 0);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let findings = document["findings"].as_array().unwrap().iter();
    findings.map(|f| (text(&f["code"]), text(&f["column"]), f["rows"].as_u64().unwrap())).collect()
}

fn finding(code: &str, column: &str, rows: u64) -> (String, String, u64) {
    (code.to_owned(), column.to_owned(), rows)
}

#[test]
fn infinity_in_one_trait_holds_nobody_back() {
    let database = Postgres::shared().database("bad_trait");
    database.sql(
        "CREATE TABLE people (id int, plan text, paid_until timestamptz);
         INSERT INTO people VALUES (1, 'lifetime', 'infinity'), (2, 'free', NULL), (3, 'pro', '12026-01-01 00:00:00+00')",
    );
    let query = "SELECT id AS \"userId\", plan, paid_until FROM people";
    let lenient = project(&database, query, "");
    let exit = lenient.run(&["run"]);
    exit.assert_code(0);
    let line = "row 1 (userId \"1\"): R003 in column \"paid_until\": \"infinity\" has no form in ISO 8601; write NULLIF(…, 'infinity') around";
    assert!(exit.stderr.contains("first in row 1: R003 not a time"), "{exit:?}");
    let shown = lenient.run(&["rejected", "users"]);
    assert!(shown.stdout.contains(&format!("left out in {line}")), "{shown:?}");
    assert_eq!(found(&lenient), [finding("R104", "paid_until", 2)]);
    let calls = written(&lenient);
    let traits: Vec<String> = calls.iter().map(|call| call["traits"].to_string()).collect();
    assert_eq!(
        traits,
        [r#"{"plan":"lifetime"}"#, r#"{"plan":"free","paid_until":null}"#, r#"{"plan":"pro"}"#],
        "null would delete what the destination has"
    );
    // What is fixed is another call.
    database.sql("UPDATE people SET paid_until = '2027-01-01 00:00:00+00' WHERE id = 1");
    lenient.run(&["run"]).assert_code(0);
    assert_eq!(written(&lenient).len(), 4);
    lenient.assert_closed();

    database.sql("UPDATE people SET paid_until = 'infinity' WHERE id = 1");
    let strict = project(&database, query, "on_invalid_value: reject_row\n");
    let exit = strict.run(&["run"]);
    exit.assert_code(4);
    assert_eq!(written(&strict).len(), 1);
    // The row that was changed last comes last.
    let line = line.replace("row 1 (userId \"1\")", "row 3");
    let rejected = strict.run(&["rejected", "users"]);
    let far = "beyond the year 9999, which is mostly a typing error";
    for says in [&line, "row 2: R003 in column \"paid_until\": ", far] {
        assert!(rejected.stdout.contains(says), "{rejected:?}");
    }
    let preview = strict.run(&["preview", "users", "--calls", "--since", "first"]);
    assert!(preview.stdout.contains(&line.replace("R003", "rejected: R003")), "{preview:?}");
}

#[test]
fn what_decides_about_a_call_is_never_left_out() {
    let database = Postgres::shared().database("bad_field");
    for (n, columns) in [
        "'{}'::jsonb AS \"userId\", 1 AS a",
        "1 AS \"userId\", 'infinity'::timestamptz AS \"timestamp\"",
        "1 AS \"userId\", 'maybe'::text AS \"integrations.All\"",
        "1 AS \"userId\", 'hello'::text AS traits",
        "1 AS \"userId\", '[1'::text AS context",
    ]
    .into_iter()
    .enumerate()
    {
        // A second row keeps the run from waiting for approval.
        let query = format!("SELECT {columns}");
        let project = project(&database, &query, "");
        let preview = project.json(&["preview", "users", "--calls"], 4);
        assert!(preview["calls"][0]["rejected"]["code"].is_string(), "{n}: {preview}");
    }
}

#[test]
fn json_is_refused_with_one_cause_and_its_place() {
    let database = Postgres::shared().database("bad_json");
    database.sql(
        r#"CREATE TABLE people (id int, j json);
           INSERT INTO people VALUES (1, '{"note":"ok \ud83d"}'), (3, '{"note":"ok"}'),
             (2, (repeat('[', 101) || repeat(']', 101))::json)"#,
    );
    let strict = "on_invalid_value: reject_row\n";
    let json = project(&database, "SELECT id AS \"userId\", j FROM people", strict);
    json.run(&["run"]).assert_code(4);
    assert_eq!(found(&json), [finding("R006", "j", 1), finding("R105", "j", 1)]);
    let rejected = json.run(&["rejected", "users"]);
    assert!(rejected.stdout.contains("is nested 101 levels deep, and 100 is the limit"), "{rejected:?}");
    assert_eq!(written(&json)[0]["traits"]["j"]["note"], "ok \u{fffd}");

    let whole = project(&database, "SELECT 1 AS \"userId\", 'hello'::text AS traits", strict);
    let shown = whole.run(&["preview", "users", "--calls"]);
    let says = "expected a value at character 1; select an object, or name the column otherwise";
    assert!(shown.stdout.contains(says), "{shown:?}");
}

#[test]
fn arrays_and_hstore_are_json() {
    let database = Postgres::shared().database("arrays");
    database.sql(
        "CREATE EXTENSION hstore; CREATE TYPE plan AS ENUM ('free', 'pro'); CREATE TYPE address AS (street text, number int);
         CREATE TABLE people (id int, tags text[], scores numeric[], flags bool[], seen timestamptz[], nested int[][], attrs hstore,
           plans plan[], home address, price money);
         INSERT INTO people VALUES (1, ARRAY['sale', 'two words', NULL], ARRAY[1.5, 2], ARRAY[true, false], ARRAY['2026-01-31 10:00:00+00'::timestamptz],
           '{{1,2},{3,4}}', 'plan=>pro,seats=>NULL', '{free,pro}', ROW('Main St', 7), 12.5)",
    );
    let query =
        "SELECT id AS \"userId\", tags, scores, flags, seen, nested, attrs, plans, home, price FROM people";
    let people = project(&database, query, "");
    people.run(&["run"]).assert_code(0);
    let traits = written(&people)[0]["traits"].to_string();
    let expected = r#"{"tags":["sale","two words",null],"scores":[1.5,2],"flags":[true,false],"seen":["2026-01-31T10:00:00Z"],"nested":[[1,2],[3,4]],"attrs":{"plan":"pro","seats":null},"plans":["free","pro"],"home":"(\"Main St\",7)","price":"#;
    assert!(traits.starts_with(expected), "{traits}");
    assert_eq!(found(&people), [finding("Q116", "home", 1), finding("Q116", "price", 1)]);
    let validated = people.run(&["validate", "--connect"]);
    for says in ["Q116", "select JSON: to_jsonb(home) AS home", "select a number: price::numeric AS price"] {
        assert!(validated.stderr.contains(says), "{validated:?}");
    }
    assert!(!validated.stderr.contains("attrs"), "{validated:?}");
}

#[test]
fn identifiers_that_look_the_same_are_one_person() {
    let people = sqlite(
        "CREATE TABLE people (row INTEGER, mail TEXT);
         INSERT INTO people VALUES (1, 'ada@example.com'), (2, 'ada@example.com' || char(160)), (3, char(65279) || 'ada@example.com'),
           (4, 'ada@example.com' || char(8203)), (5, ' ada@example.com '), (6, char(160)), (7, char(8203)), (8, 'NULL'), (9, 'undefined');",
        "SELECT mail AS \"userId\", row FROM people",
    );
    let preview = people.run(&["preview", "users"]);
    for shown in ["ada@example.com<U+00A0>", "<U+FEFF>ada", "ada@example.com<U+200B>"] {
        assert!(preview.stdout.contains(shown), "{preview:?}");
    }
    people.run(&["run"]).assert_code(4);
    assert_eq!(
        found(&people),
        [finding("R001", "userId", 2), finding("R106", "userId", 3), finding("R107", "userId", 2)]
    );
    let ids: Vec<Value> = written(&people).into_iter().map(|call| call["userId"].clone()).collect();
    assert_eq!(ids.iter().filter(|id| *id == "ada@example.com").count(), 5, "{ids:?}");
    assert_eq!(ids.len(), 7);
}

#[test]
fn one_absurd_value_neither_stops_a_cursor_nor_moves_it_past_real_rows() {
    let database = Postgres::shared().database("cursors");
    database.sql(
        "CREATE TABLE far (id int, changed timestamptz); INSERT INTO far VALUES (1, '2026-03-01 10:00:00+00'), (2, '12026-03-01 10:00:00+00');
         CREATE TABLE scores (id int, changed numeric); INSERT INTO scores VALUES (1, 7.5), (2, 'NaN');
         CREATE TABLE floats (id int, changed float8); INSERT INTO floats VALUES (1, 1e14), (2, 1e16);
         CREATE TABLE words (id int, changed text); INSERT INTO words VALUES (1, '5'), (2, 'soon'), (3, 'later')",
    );
    let of = |table: &str, form: &str| {
        let query = format!("SELECT id AS \"userId\", changed FROM {table} WHERE changed >= {form}");
        project(&database, &query, "cursor: changed\nlookback: 0s\n")
    };
    let far = of("far", "{{last_sync_time | timestamp}}");
    far.run(&["run"]).assert_code(0);
    assert_eq!(found(&far), [finding("R104", "changed", 1), finding("R109", "changed", 1)]);
    assert_eq!(written(&far).len(), 2);
    assert_eq!(far.runs()[0]["next_last_sync_time"], 1_772_359_200, "the real row's time");
    // A row that is loaded late, long before the clock, is not missed.
    database.sql("INSERT INTO far VALUES (3, '2026-03-01 11:00:00+00')");
    far.run(&["run"]).assert_code(0);
    assert_eq!(written(&far).len(), 3);

    let scores = of("scores", "{{last_sync_time}}");
    scores.run(&["run"]).assert_code(0);
    assert_eq!(found(&scores), [finding("R104", "changed", 1), finding("R109", "changed", 1)]);
    let floats = of("floats", "{{last_sync_time}}");
    floats.run(&["run"]).assert_code(0);
    assert_eq!(written(&floats).len(), 2);

    let words = project(&database, "SELECT id AS \"userId\", changed FROM words", "cursor: changed\n");
    let exit = words.run(&["run"]);
    exit.assert_code(2);
    assert!(
        exit.stderr.contains("Q008") && exit.stderr.contains("in row 2 of the result: \"soon\" beside \"2\""),
        "{exit:?}"
    );
}

#[test]
fn a_date_of_zeros_in_sqlite_does_not_stop_a_cursor() {
    let project = sqlite(
        "CREATE TABLE people (id INTEGER, t TIMESTAMP);
         INSERT INTO people VALUES (1, '2026-03-01 10:00:00'), (2, '0000-00-00'), (3, ''), (4, 'zzz');",
        "SELECT id AS \"userId\", t FROM people WHERE t >= {{last_sync_time | timestamp}} OR id > 1\n    cursor: t\n    lookback: 0s",
    );
    project.run(&["run"]).assert_code(0);
    assert_eq!(written(&project).len(), 4);
    assert_eq!(found(&project), [finding("R109", "t", 2)]);
    assert_eq!(project.runs()[0]["next_last_sync_time"], 1_772_359_200, "the real row's time");
    // Nothing but such rows comes later.
    project.run(&["run"]).assert_code(0);
    assert_eq!(project.runs()[0]["next_last_sync_time"], 1_772_359_200);
}

#[test]
fn a_database_that_keeps_local_time_is_reported() {
    let database = Postgres::shared().database("local_time");
    database.sql(
        "CREATE TABLE people (id int, plan text, updated_at timestamp, seen timestamptz);
         ALTER DATABASE local_time SET timezone TO 'America/New_York'",
    );
    database.sql("INSERT INTO people VALUES (1, 'free', now(), now()), (2, 'free', now(), now())");
    let query = "SELECT id AS \"userId\", plan, updated_at FROM people WHERE updated_at >= {{last_sync_time | timestamp}}";
    let says = "this database keeps America/New_York, and updated_at has no zone: it is read as UTC";
    let cure = "updated_at AT TIME ZONE 'America/New_York'";
    let people = project(&database, query, "");
    let validated = people.run(&["validate", "--connect"]);
    validated.assert_code(0);
    for part in ["Q114", says, cure] {
        assert!(validated.stderr.contains(part), "{part}: {validated:?}");
    }
    assert!(!validated.stderr.contains("Q112"), "the distance is the zone's: {validated:?}");
    let previewed = people.run(&["preview", "users"]);
    assert!(previewed.stderr.contains(says), "{previewed:?}");
    let first = people.run(&["run"]);
    first.assert_code(0);
    assert!(first.stderr.contains(says) && first.stderr.contains("Q114"), "{first:?}");
    let second = people.run(&["run"]);
    assert!(!second.stderr.contains("Q114"), "{second:?}");

    let cured = query
        .replace("updated_at AT", "")
        .replace("WHERE updated_at", "WHERE updated_at AT TIME ZONE 'America/New_York'");
    let cured = cured.replace("plan, updated_at", &format!("plan, {cure} AS updated_at"));
    let validated = project(&database, &cured, "").run(&["validate", "--connect"]);
    assert!(!validated.stderr.contains("Q114") && !validated.stderr.contains("Q115"), "{validated:?}");

    let local = "SELECT id AS \"userId\", seen AT TIME ZONE 'America/New_York' AS seen FROM people";
    let validated = project(&database, local, "").run(&["validate", "--connect"]);
    assert!(validated.stderr.contains("Q115") && !validated.stderr.contains("Q114"), "{validated:?}");
}

#[test]
fn a_value_of_sqlite_does_not_depend_on_the_row_before_it() {
    let rows = [
        "'2026-11-24 10:00:00', 1, '2026-11-24'",
        "1795514400, 2, '2026-11-24 10:00:00'",
        "'', 'yes', 1795514400",
    ];
    let mut seen: Vec<Vec<String>> = Vec::new();
    for first in 0..rows.len() {
        let values: Vec<String> = (0..rows.len())
            .map(|n| (first + n) % rows.len())
            .map(|row| format!("('{row}', {})", rows[row]))
            .collect();
        let people = sqlite(
            &format!(
                "CREATE TABLE people (id TEXT, at DATETIME, is_on BOOLEAN, day DATE); INSERT INTO people VALUES {}",
                values.join(", ")
            ),
            "SELECT id AS \"userId\", at, is_on, day FROM people",
        );
        people.run(&["run"]).assert_code(0);
        seen.push(written(&people).iter().map(|call| call["traits"].to_string()).collect());
    }
    let expected = [
        r#"{"at":"2026-11-24T10:00:00Z","is_on":true,"day":"2026-11-24"}"#,
        r#"{"at":1795514400,"is_on":2,"day":"2026-11-24T10:00:00Z"}"#,
        r#"{"at":"","is_on":true,"day":1795514400}"#,
    ];
    for traits in seen {
        assert_eq!(traits, expected);
    }
    let declared = sqlite(
        "CREATE TABLE people (id TEXT, phone STRING); INSERT INTO people VALUES ('1', '0049123')",
        "SELECT id AS \"userId\", phone FROM people",
    );
    let validated = declared.run(&["validate", "--connect"]);
    assert!(validated.stderr.contains("Q117") && validated.stderr.contains("phone"), "{validated:?}");
}

#[test]
fn two_object_types_in_one_row_are_a_contradiction() {
    let database = Postgres::shared().database("object_types");
    database.sql("CREATE TABLE companies (id int, a int, b int); INSERT INTO companies VALUES (1, 4, 3), (2, 4, 4), (3, NULL, 3)");
    let companies = sync(
        "group",
        "SELECT id AS \"groupId\", 1 AS \"userId\", a AS \"objectTypeId\", b AS object_type_id FROM companies",
    );
    let project =
        Project::new(&yaml(&database, &[("files", "type: file, path: ./out")], &[("users", &companies)]));
    project.run(&["run"]).assert_code(4);
    assert_eq!(found(&project), [finding("R010", "object_type_id", 1)]);
}

#[test]
fn several_units_of_unix_time_in_one_column_are_counted() {
    let database = Postgres::shared().database("units");
    let values =
        "(VALUES (1, 1795514400), (2, 1795514400000), (3, 1795514400000000), (4, 1795514401)) v(id, at)";
    let units =
        project(&database, &format!("SELECT id AS \"userId\", at AS \"createdAt\" FROM {values}"), "");
    units.run(&["run"]).assert_code(0);
    assert_eq!(found(&units), [finding("R108", "createdAt", 2)]);
    for call in &written(&units)[..3] {
        assert_eq!(call["traits"]["createdAt"], "2026-11-24T10:00:00Z");
    }
}
