//! What the author sees is what runs, and who is meant is said before anything goes out.

use std::fs;

use serde_json::Value;

use crate::support::Project;

/// A shop in SQLite, and these syncs, which write files.
fn shop(syncs: &str) -> Project {
    shop_to("out: { type: file, path: ./out }", syncs)
}

/// The same with this destination `out`.
fn shop_to(destination: &str, syncs: &str) -> Project {
    let project = Project::new(&format!(
        "version: 1
id: o0123456789abcdef
sources:
  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [out] }}
destinations:
  {destination}
syncs:
{syncs}"
    ));
    let file = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    file.execute_batch(
        "CREATE TABLE people (id INTEGER, email TEXT, consent INTEGER, updated_at INTEGER);
         INSERT INTO people VALUES (1, 'ada@example.com', 1, 5), (2, 'bob@example.com', 0, 6), (3, NULL, 0, 7);",
    )
    .unwrap();
    project
}

fn codes(document: &Value) -> Vec<&str> {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().map(|f| f["code"].as_str().unwrap()).collect()
}

/// The finding with this code.
#[track_caller]
fn finding<'a>(document: &'a Value, code: &str) -> &'a Value {
    let findings = document["findings"].as_array().unwrap();
    findings.iter().find(|f| f["code"] == code).unwrap_or_else(|| panic!("no {code}: {document:#}"))
}

#[test]
fn a_filter_that_yaml_would_drop_sends_nothing() {
    for (form, valid) in [("|", true), (">", false), (">-", false), ("", false)] {
        let project = shop(&format!(
            "  people:
    source: shop
    type: identify
    query: {form}
      SELECT id AS userId, email
      FROM people
      WHERE updated_at >= {{{{last_sync_time}}}} -- only what is new
      AND consent = 1
"
        ));
        let validated = project.run(&["validate"]);
        validated.assert_code(if valid { 0 } else { 2 });
        let ran = project.run(&["run", "people"]);
        ran.assert_code(if valid { 0 } else { 2 });
        assert_eq!(project.path().join("out").exists(), valid, "{form}");
        if !valid {
            assert!(validated.stderr.contains("error[C013]") && ran.stderr.contains("query: |"), "{ran:?}");
        }
    }
}

#[test]
fn a_query_file_with_a_byte_order_mark_runs_and_other_characters_are_named() {
    let project = shop("  people: { source: shop, type: identify, query: { file: q.sql } }\n");
    project.write("q.sql", "\u{feff}SELECT id AS userId, email FROM people");
    project.run(&["run", "people"]).assert_code(0);
    for (text, words) in [
        ("SELECT\u{a0}id AS userId FROM people", "line 1, column 7"),
        ("SELECT id AS “userId” FROM people", "typographic quote"),
        ("SELECT id AS userId – all\nFROM people", "en dash"),
        ("SELECT id AS user\u{200b}Id FROM people", "zero width space"),
    ] {
        project.write("q.sql", text);
        for command in [&["validate"][..], &["run", "people"]] {
            let exit = project.run(command);
            exit.assert_code(2);
            assert!(exit.stderr.contains("error[Q016]") && exit.stderr.contains(words), "{exit:?}");
        }
    }
}

#[test]
fn people_under_names_of_other_tools_are_found_and_the_fix_names_them() {
    for name in ["id", "id AS user_id", "id AS external_id"] {
        let query = format!("SELECT {name}, email FROM people");
        let project = shop(&format!("  people: {{ source: shop, type: identify, query: \"{query}\" }}\n"));
        let document = project.json(&["validate"], 0);
        let found = finding(&document, "Q122");
        let fix = &found["fix"];
        let at = |name: &str| fix[name].as_u64().unwrap() as usize;
        let fixed = format!(
            "{}{}{}",
            &query[..at("start")],
            fix["replacement"].as_str().unwrap(),
            &query[at("end")..]
        );
        assert_eq!(codes(&project.json(&["preview", "people"], 4)), codes(&document), "{name}");
        let yaml = fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
        project.write("outflow.yaml", &yaml.replace(&format!("\"{query}\""), &format!("'{fixed}'")));
        let document = project.json(&["preview", "people", "--calls"], 0);
        assert!(!codes(&document).contains(&"Q122"), "{document:#}");
        assert_eq!(document["calls"][0]["userId"], "1");
    }
}

#[test]
fn what_a_destination_refuses_is_said_by_validate_preview_and_estimate() {
    let cio = "out: { type: customerio-pipelines, write_key: \"${env:WRITE_KEY}\", base_url: \"http://127.0.0.1:9\" }";
    let segment = "out: { type: segment, write_key: \"${env:WRITE_KEY}\", base_url: \"http://127.0.0.1:9\" }";
    let group = "  s: { source: shop, type: group, query: \"SELECT 'g' AS groupId, email FROM people\" }\n";
    let email = "  s: { source: shop, type: identify, query: \"SELECT email FROM people WHERE id < 3\" }\n";
    let hidden = "  s: { source: shop, type: group, query: \"SELECT * FROM (SELECT 'g' AS groupId, p.* FROM people p) x\" }\n";
    let some = "  s: { source: shop, type: identify, query: \"SELECT CASE WHEN id = 1 THEN 1 END AS userId, email FROM people WHERE id < 3\" }\n";
    for (destination, sync, by_text) in
        [(cio, group, true), (segment, email, true), (cio, hidden, false), (segment, some, false)]
    {
        let project = shop_to(destination, sync);
        let validated = project.json(&["validate"], 0);
        assert_eq!(codes(&validated).contains(&"Q127"), by_text, "{sync}: {validated:#}");
        assert!(!codes(&validated).contains(&"Q110") || !by_text, "{validated:#}");
        let preview = project.json(&["preview", "s"], 0);
        let message = finding(&preview, "Q127")["message"].as_str().unwrap();
        assert!(message.contains("without userId and anonymousId"), "{message}");
        let estimate = project.json(&["estimate", "s"], 0);
        assert!(estimate["warnings"].to_string().contains("Q127"), "{estimate:#}");
    }
    // A file takes everything.
    let project = shop(group);
    assert!(codes(&project.json(&["validate"], 0)).contains(&"Q110"));
    assert!(!codes(&project.json(&["preview", "s"], 0)).contains(&"Q127"));
}

#[test]
fn a_schedule_that_is_written_as_a_text_is_answered_with_the_table() {
    for (text, table) in [("15m", "every: 15m"), ("\"*/15 * * * *\"", "cron: \"*/15 * * * *\"")] {
        let project = shop(&format!(
            "  s: {{ source: shop, type: identify, query: SELECT id AS userId FROM people, schedule: {text} }}\n"
        ));
        let exit = project.run(&["validate"]);
        exit.assert_code(2);
        assert!(exit.stderr.contains(table) && !exit.stderr.contains("write manual"), "{exit:?}");
    }
}

#[test]
fn a_sync_runs_under_the_name_that_stands_in_the_file() {
    for name in ["007", "0x1F", "True", "NO", "1e3", "null"] {
        let project = shop(&format!(
            "  {name}: {{ source: shop, type: identify, query: SELECT id AS userId FROM people }}\n"
        ));
        project.run(&["run", name]).assert_code(0);
        assert!(project.path().join("out").join(name).is_dir(), "{name}");
    }
}
