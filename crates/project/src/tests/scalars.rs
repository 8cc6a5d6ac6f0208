//! Values and names that YAML reads in its own way, and mistakes of which the first message leads
//! to the cure.

use outflow_core::schema::Kind;
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
        (sync, "source: shop, schedule: { every: 15 }", "15 what? Write 15m for minutes, 15h, 15d"),
        (sync, "source: shop, schedule: { every: 15 minutes }", "write 15m"),
        (sync, "source: shop, lookback: 5min", "write 5m"),
        (sync, "source: shop, enabled: no", "write false"),
        (sync, "source: shop, enabled: \"yes\"", "write true"),
        (sync, "source: shop, guards: { max_rows: 1_000 }", "max_rows: 1000"),
        (sync, "source: shop, guards: { max_rows: 1e6 }", "max_rows: 1000000"),
        (sync, "source: shop, max_run_bytes: 10gb", "write 10GB"),
        (sync, "source: shop, destinations: out", "destinations: [out]"),
        ("type: identify, ", "", "one of identify, track, group, page, screen, alias"),
        ("type: file, path: out", "path: out", "customerio-pipelines, segment, rudderstack, webhook or file"),
        (
            sync,
            "source: shop, guards: off",
            "to have none, take the line out; else write a table: `guards: { max_rows: 1000 }`",
        ),
        (sync, "source: shop, guards: 500", "`guards: { max_rows: 500 }`"),
        (
            sync,
            "source: shop, timezone: Europe/Berlin",
            "schedule: { cron: \"0 9 * * *\", timezone: Europe/Berlin }",
        ),
        (
            sync,
            "source: shop, schedule: { cron: \"0 9 * * *\", timezone: PST }",
            "timezone: America/Los_Angeles",
        ),
        (
            sync,
            "source: shop, schedule: { cron: \"0 9 * * *\", timezone: Berlin }",
            "did you mean Europe/Berlin?",
        ),
        (sync, "source: shop, destinations: { out: }", "write a list: destinations: [out]"),
        ("type: file, path: out", "type: file, path: out, budget: 1000", "`budget: { per_day: 1000 }`"),
        (
            "type: sqlite, databases: { main: { path: shop.db } }",
            "type: postgres, databases: { main: { host: h, database: d, user: u, password: '${env:P}', tunnel: bastion } }",
            "`tunnel: { host: bastion }`",
        ),
        (
            "type: sqlite, databases: { main: { path: shop.db } }",
            "type: postgres, databases: { main: { host: h, database: d, user: u, schema: public } }",
            "write the schema in the queries: `FROM public.users`",
        ),
        (
            "databases: { main: { path: shop.db } }",
            "databases: [{ path: shop.db }]",
            "give each a name in place of its `-`",
        ),
        (
            "type: file, path: out",
            "type: webhook, url: https://h.example/, headers: [\"X-A: b\"]",
            "a table of names with texts",
        ),
        (
            "type: file, path: out",
            "type: webhook, url: https://h.example/?api_key=abcdef12345",
            "`…?api_key=${env:NAME}`",
        ),
        (
            "version: 1",
            "version: 1\nalerts: { to: [{ webhook: { url: 'https://h.example/?token=abcdef12345', secret: '${env:CIO_KEY}' } }] }",
            "`…?token=${env:NAME}`",
        ),
        (
            "type: file, path: out",
            "type: webhook, url: https://h.example/?sig=abcdef12345&v=1",
            "`…?sig=${env:NAME}`",
        ),
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

/// Each key of the project that takes a text, as a path; what stands between bars is a table of
/// names or a list.
fn text_keys(kind: &Kind, path: &str, found: &mut Vec<String>) {
    match kind {
        Kind::Text | Kind::Path => found.push(path.to_owned()),
        Kind::Table(shape) => {
            shape.keys.iter().for_each(|key| text_keys(&key.kind, &format!("{path}.{}", key.name), found));
        }
        Kind::Variants(shapes) => {
            shapes.iter().for_each(|shape| text_keys(&Kind::Table(shape), path, found));
        }
        Kind::List(inner) => text_keys(inner, &format!("{path}[]"), found),
        Kind::Named(inner) => text_keys(inner, &format!("{path}.x"), found),
        Kind::Either(kinds) => kinds.iter().for_each(|kind| text_keys(kind, path, found)),
        _ => {}
    }
}

/// A file with this value at a path of [`text_keys`].
fn file_with(path: &str, value: &str) -> String {
    let mut out = value.to_owned();
    for part in path.trim_start_matches('.').rsplit('.') {
        let lists = part.matches("[]").count();
        let (open, close) = ("[".repeat(lists), "]".repeat(lists));
        out = format!("{{ {}: {open}{out}{close} }}", part.trim_end_matches("[]"));
    }
    out
}

#[test]
fn what_is_wanted_as_a_text_is_taken_as_it_is_written() {
    let mut paths = Vec::new();
    text_keys(&Kind::Table(&crate::keys::ROOT), "", &mut paths);
    assert!(paths.len() > 40 && paths.iter().any(|path| path == ".syncs.x.destinations[]"), "{paths:?}");
    for path in paths {
        for value in ["007", "0x1F", "1e3", "true", "1.10"] {
            let errors = load_text(&file_with(&path, value)).err().unwrap_or_default();
            let key = path.trim_end_matches("[]").rsplit('.').next().unwrap();
            let blames = |e: &&Error| {
                e.message().contains(&format!("{key:?} cannot be")) || e.message().contains("wrong kind")
            };
            let wrong: Vec<_> = errors.iter().filter(blames).collect();
            assert!(wrong.is_empty(), "{path}: {value}: {wrong:?}");
        }
    }
    let text = SMALL
        .replace("  shop:", "  007:")
        .replace("  out:", "  0x1F:")
        .replace("source: shop", "source: 007, tags: [007, 1.10], cursor: 1e3, description: true")
        .replace("[out]", "[0x1F]");
    let project = load_text(&text).unwrap();
    let sync = &project.syncs[0];
    assert_eq!((sync.source.as_str(), sync.connections[0].destination.as_str()), ("007", "0x1F"));
    assert_eq!((sync.tags.join(" "), sync.cursor.as_deref()), ("007 1.10".to_owned(), Some("1e3")));
    assert_eq!(sync.description, "true");
    let hook = SMALL.replace(
        "type: file, path: out",
        "type: webhook, url: https://h.example/, headers: { X-Version: 010, X-On: true }",
    );
    let project = load_text(&hook).unwrap();
    let headers = &project.destinations[0].settings["headers"];
    assert_eq!((&headers["X-Version"], &headers["X-On"]), (&"010".into(), &"true".into()));
}

#[test]
fn the_types_of_destination_are_all_named() {
    let said = all("type: file, path: out", "path: out");
    for kind in outflow_destinations::kinds() {
        assert!(said.contains(kind), "{kind}: {said}");
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
        (
            "schedule: SCHEDULE",
            "schedule: @hourly",
            "outflow.yaml:14:15",
            "schedule: { cron: \"0 * * * *\" }",
        ),
        (
            "schedule: SCHEDULE",
            "schedule: */5 * * * *",
            "outflow.yaml:14:15",
            "schedule: { cron: \"*/5 * * * *\" }",
        ),
        ("type: identify", "type identify", "outflow.yaml:12:5", "write `type: identify`"),
        ("type: identify", "type:identify", "outflow.yaml:12:5", "write `type: identify`"),
        ("type: identify", "type = identify", "outflow.yaml:12:5", "write `type: identify`"),
        ("FROM users", "FROM users -- all: users", "outflow.yaml:13:49", "write `query: |`"),
        (
            "source: shop",
            "description: The shop: all",
            "outflow.yaml:11:26",
            "description: \"The shop: all\"",
        ),
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
