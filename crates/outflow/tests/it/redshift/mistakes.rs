//! Mistakes of those who write their first queries for Redshift, and what Outflow says.

use super::{Login, Warehouse, database, shared};

fn one(name: &str, kind: &str, query: &str) -> Warehouse {
    Warehouse::new(shared(), name, &Login::default(), &[("users", kind, query)])
}

#[test]
fn a_text_in_double_quotes_and_a_wrong_schema_are_named_with_their_line() {
    database("mistakes_names").sql("CREATE TABLE people (id int, plan varchar)");
    let query = "SELECT id AS \"userId\",\n  \"Order Placed\" AS event\nFROM people";
    let exit = one("mistakes_names", "track", query).program(&["validate", "--connect"]).run();
    for part in ["S009", "line 2, column 3", "put it in single quotes"] {
        assert!(exit.stderr.contains(part), "{part}: {exit:?}");
    }
    let query = "SELECT id AS \"userId\" FROM analytics.people";
    let exit = one("mistakes_names", "identify", query).program(&["validate", "--connect"]).run();
    assert!(exit.stderr.contains("S009") && !exit.stderr.contains("write schema.table"), "{exit:?}");
}

#[test]
fn preview_and_validate_agree_on_a_text_of_ten_digits() {
    database("mistakes_digits")
        .sql("CREATE TABLE people (id int, at varchar(20)); INSERT INTO people VALUES (1, '1767225600')");
    let query = "SELECT id AS \"userId\" FROM people WHERE at >= {{last_sync_time}}";
    let people = one("mistakes_digits", "identify", query);
    for args in [&["validate", "--connect"][..], &["preview", "users"]] {
        let exit = people.program(args).run();
        exit.assert_code(0);
        assert!(!exit.stderr.contains("Q011"), "{args:?}: {exit:?}");
    }
}

#[test]
fn the_column_of_a_cursor_is_missed_before_a_run() {
    database("mistakes_cursor").sql("CREATE TABLE people (id int, at timestamp)");
    let query = "SELECT id AS \"userId\" FROM people WHERE at >= {{last_sync_time | timestamp}}";
    let people = one("mistakes_cursor", "identify", query);
    let text = std::fs::read_to_string(people.project.path().join("outflow.yaml")).unwrap();
    let with = |settings: &str, from: &str, to: &str| {
        let changed = format!("{}{settings}\n", text.replace(from, to));
        std::fs::write(people.project.path().join("outflow.yaml"), changed).unwrap();
        let exit = people.program(&["validate"]).run();
        let asked = people.program(&["validate", "--connect"]).run();
        (exit, asked)
    };
    let (exit, asked) = with("    cursor: at", "", "");
    exit.assert_code(2);
    assert!(exit.stderr.contains("Q008") && exit.stderr.contains("add at to the query"), "{exit:?}");
    assert_eq!(asked.stderr.matches("error[Q008]").count(), 1, "{asked:?}");
    let (exit, asked) = with("    cursor: at", "SELECT id AS", "SELECT *, id AS");
    exit.assert_code(0);
    asked.assert_code(0);
    assert!(!asked.stderr.contains("Q008"), "{asked:?}");
}

#[test]
fn the_fix_of_distinct_on_runs() {
    database("mistakes_first").sql(
        "CREATE TABLE plans (id int, plan varchar(20), at timestamp);
         INSERT INTO plans VALUES (1, 'free', '2026-01-01'), (1, 'pro', '2026-02-01'), (2, 'free', '2026-01-01')",
    );
    let query = "SELECT DISTINCT ON (id) id AS \"userId\", plan\nFROM plans\nORDER BY id, at DESC";
    let found = one("mistakes_first", "identify", query).program(&["validate", "--output", "json"]).run();
    let document: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    let findings = document["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == "Q126").unwrap();
    let place = |key: &str| finding["fix"][key].as_u64().unwrap() as usize;
    let replacement = finding["fix"]["replacement"].as_str().unwrap();
    let text = format!("{query}\n");
    let fixed = format!("{}{replacement}{}", &text[..place("start")], &text[place("end")..]);
    let calls = one("mistakes_first", "identify", fixed.trim_end()).calls("users");
    let plans: Vec<_> = calls.iter().map(|call| call["traits"]["plan"].as_str().unwrap()).collect();
    assert_eq!(plans.len(), 2, "{fixed}");
    assert!(plans.contains(&"pro"), "{plans:?}");
}
