//! Values and names that YAML reads in its own way, and mistakes of which the first message leads
//! to the cure.

use outflow_core::{Code, Error};

use super::{SMALL, load_text, problems};

#[test]
fn a_name_is_the_text_that_stands_there() {
    for name in ["007", "0x1F", "True", "NO", "no", "on", "1e3", "null", "2026-01-01", "1_000", "0o17"] {
        let project = load_text(&SMALL.replace("  users:", &format!("  {name}:"))).unwrap();
        assert_eq!(project.syncs[0].name, name);
    }
    for name in ["~", "1.0", "12:30"] {
        let errors = load_text(&SMALL.replace("  users:", &format!("  {name}:"))).unwrap_err();
        assert!(errors[0].message().contains(&format!("{name:?} cannot be a name")), "{name}: {errors:?}");
    }
    let beside = format!(
        "{SMALL}  007: {{ source: shop, type: identify, query: SELECT 1 AS userId }}\n  7: {{ source: shop, type: identify, query: SELECT 1 AS userId }}\n"
    );
    let names: Vec<_> = load_text(&beside).unwrap().syncs.iter().map(|s| s.name.clone()).collect();
    assert_eq!(names, ["users", "007", "7"]);
}

#[test]
fn a_key_that_stands_twice_is_found_however_it_is_quoted() {
    for twice in ["version: 1\nversion: 1", "version: 1\n\"version\": 1", "version: 1\n'version': 1"] {
        assert_eq!(problems(&SMALL.replace("version: 1", twice)), ["C010 outflow.yaml:2:1"], "{twice}");
    }
}

#[test]
fn merge_keys_and_tables_for_anchors_have_words_of_their_own() {
    let merged = SMALL
        .replace("{ path: shop.db }", "{ <<: *defaults }")
        .replace("version: 1", "version: 1\nx-defaults: &defaults { path: shop.db }");
    let errors = load_text(&merged).unwrap_err();
    let codes: Vec<_> = errors.iter().map(Error::code).collect();
    assert_eq!(codes, [Code::UnknownKey, Code::UnsupportedKey], "nothing is missing: {errors:?}");
    assert!(errors[0].help_text().unwrap().contains("&name"), "{:?}", errors[0].help_text());
    assert!(errors[1].message().contains("merge keys"), "{}", errors[1]);
}

/// What is said about a value that is wrong in one place: the message and the help.
#[track_caller]
fn said(right: &str, wrong: &str) -> String {
    let text = SMALL.replacen(right, wrong, 1);
    assert_ne!(text, SMALL, "{right}");
    let errors = load_text(&text).err().unwrap_or_default();
    assert!(!errors.is_empty(), "{wrong} is taken");
    format!("{} | {}", errors[0].message(), errors[0].help_text().unwrap_or_default())
}

#[test]
fn the_first_message_leads_to_the_cure() {
    let sync = "source: shop";
    for (right, wrong, cure) in [
        ("version: 1", "version: 2", "is 2, and this Outflow knows version 1 alone"),
        ("type: identify", "type: Identify", "did you mean \"identify\"?"),
        ("type: identify", "type: identfy", "did you mean \"identify\"?"),
        (sync, "source: shop, schedule: 15m", "schedule: { every: 15m }"),
        (sync, "source: shop, schedule: \"*/15 * * * *\"", "schedule: { cron: \"*/15 * * * *\" }"),
        (sync, "source: shop, schedule: hourly", "schedule: { cron: \"0 * * * *\" }"),
        (sync, "source: shop, schedule: 15", "15 what?"),
        (sync, "source: shop, schedule: { every: 15 }", "15 what? Write 15m"),
        (sync, "source: shop, schedule: { every: 15 minutes }", "write 15m"),
        (sync, "source: shop, lookback: 5min", "write 5m"),
        (sync, "source: shop, enabled: no", "write false"),
        (sync, "source: shop, enabled: \"yes\"", "write true"),
        (sync, "source: shop, guards: { max_rows: 1_000 }", "max_rows: 1000"),
        (sync, "source: shop, guards: { max_rows: 1e6 }", "max_rows: 1000000"),
        (sync, "source: shop, max_run_bytes: 10gb", "write 10GB"),
        (sync, "source: shop, destinations: out", "destinations: [out]"),
        (sync, "source: shop, cursor: 007", "\"007\""),
        (sync, "source: shop, description: 1e3", "\"1e3\""),
        ("source: shop", "source: 010", "\"010\""),
        (
            "type: sqlite, databases: { main: { path: shop.db } }",
            "type: postgres, databases: { main: { host: h, database: d, user: u, sslmode: require } }",
            "did you mean \"ssl\"?",
        ),
        ("query: SELECT", "sql: SELECT", "did you mean \"query\"?"),
        (sync, "source: shop, schedule: { interval: 15m }", "did you mean \"every\"?"),
        (sync, "source: shop, cursor: \"at \"", "white space at its end"),
    ] {
        let told = said(right, wrong);
        assert!(told.contains(cure) || all(right, wrong).contains(cure), "{wrong}: {told}");
    }
}

/// Everything that is said, for mistakes of which two things follow.
fn all(right: &str, wrong: &str) -> String {
    let errors = load_text(&SMALL.replacen(right, wrong, 1)).err().unwrap_or_default();
    let line = |e: &Error| format!("{} | {}\n", e.message(), e.help_text().unwrap_or_default());
    errors.iter().map(line).collect()
}

#[test]
fn what_the_yaml_parser_says_is_said_in_plain_words_at_the_right_line() {
    let block = "version: 1
sources:
  shop:
    type: sqlite
    databases: { main: { path: shop.db } }
    destinations: [out]
destinations:
  out: { type: file, path: out }
syncs:
  users:
    source: shop
    type: identify
    query: SELECT id AS userId FROM users
    schedule: SCHEDULE
";
    for (right, wrong, place, words) in [
        ("    type: identify", "\ttype: identify", "outflow.yaml:12:1", "two spaces in place of each tab"),
        ("    type: sqlite", "  \ttype: sqlite", "outflow.yaml:4:3", "two spaces in place of each tab"),
        ("SCHEDULE", "{ cron: */5 * * * * }", "outflow.yaml:14:23", "cron: \"*/5 * * * *\""),
        ("schedule: SCHEDULE", "cron: */5 * * * *", "outflow.yaml:14:11", "cron: \"*/5 * * * *\""),
        ("path: out }", "path: @out }", "outflow.yaml:8:28", "path: \"@out\""),
        ("path: out }", "path: %out }", "outflow.yaml:8:28", "path: \"%out\""),
        ("path: out }", "path: `out` }", "outflow.yaml:8:28", "path: \"`out`\""),
    ] {
        let errors = load_text(&block.replace(right, wrong)).unwrap_err();
        let error = &errors[0];
        let told = format!("{} | {}", error.message(), error.help_text().unwrap_or_default());
        assert_eq!(error.code(), Code::InvalidYaml, "{wrong}: {told}");
        assert!(told.contains(words), "{wrong}: {told}");
        assert_eq!(error.place(), Some(place), "{wrong}: {told}");
    }
}
