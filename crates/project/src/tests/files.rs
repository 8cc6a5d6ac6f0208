//! Included files, unreadable ones and hostile ones.

use std::fs;

use outflow_core::Code;

use super::{SMALL, folder, load, problems, told};
use outflow_warehouse::DatabaseSettings;

#[test]
fn included_files_are_a_part_of_the_project_with_paths_of_their_own() {
    let root = "version: 1\ninclude: [more/sources.yaml, more/syncs.yaml]\n";
    let sources = "sources:\n  shop: { type: sqlite, databases: { main: { path: shop.db } } }\ndestinations:\n  out: { type: file, path: out }\n";
    let syncs = "include: deeper/last.yaml\nsyncs:\n  a: { source: shop, type: page, query: { file: a.sql }, destinations: [out] }\n";
    let last = "syncs:\n  b: { source: shop, type: page, query: SELECT 1, destinations: [out] }\n";
    let files = [
        ("outflow.yaml", root),
        ("more/sources.yaml", sources),
        ("more/syncs.yaml", syncs),
        ("more/a.sql", "SELECT 2"),
        ("more/deeper/last.yaml", last),
    ];
    let dir = folder(&files);
    let project = load(dir.path()).unwrap();
    assert_eq!(project.syncs.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(project.sync("a").unwrap().query, "SELECT 2");
    let DatabaseSettings::Sqlite { path } = &project.databases[0].settings else { panic!() };
    assert_eq!(*path, dir.path().join("more/shop.db"));

    fs::write(dir.path().join("more/a.sql"), "SELECT 2;\nDELETE FROM t").unwrap();
    fs::write(
        dir.path().join("more/deeper/last.yaml"),
        "syncs:\n  a: { sorce: shop }\ninclude: ../../outflow.yaml\n",
    )
    .unwrap();
    assert_eq!(
        told(&load(dir.path()).unwrap_err()),
        [
            "Q002 more/a.sql: line 1, column 9 of the query",
            "C010 more/deeper/last.yaml:2:3",
            "C006 more/deeper/last.yaml:2:6",
            "C006 more/deeper/last.yaml:2:6",
            "C006 more/deeper/last.yaml:2:6",
            "C003 more/deeper/last.yaml:2:8",
            "C010 more/deeper/last.yaml:3:10",
        ]
    );
}

#[test]
fn files_that_cannot_be_read_are_told_at_the_line_that_names_them() {
    let dir = tempfile::tempdir().unwrap();
    let errors = load(dir.path()).unwrap_err();
    assert_eq!(errors[0].code(), Code::ProjectFileUnreadable);
    assert!(errors[0].help_text().unwrap().contains("outflow init"));
    assert_eq!(problems("version: 1\ninclude: [a.yaml]\n"), ["C001 outflow.yaml:2:11"]);
    let dir = folder(&[("outflow.yaml", "version: 1\ninclude: [a.yaml]\n"), ("a.yaml", "- 1\n")]);
    assert_eq!(told(&load(dir.path()).unwrap_err()), ["C002 a.yaml:1:1"]);
    // What the broken file would have named is not missed.
    let text = format!("include: a.yaml\n{}", SMALL.replace("[out]", "[elsewhere]"));
    fs::write(dir.path().join("outflow.yaml"), text).unwrap();
    assert_eq!(told(&load(dir.path()).unwrap_err()), ["C002 a.yaml:1:1"]);
    fs::write(dir.path().join("outflow.yaml"), b"version: 1 # \xff").unwrap();
    assert_eq!(load(dir.path()).unwrap_err()[0].code(), Code::ProjectFileUnreadable);
}

#[test]
fn hostile_yaml_is_refused_and_nothing_worse() {
    let deep_list = format!("version: 1\nsyncs: {}{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_block = format!("version: 1\nsyncs:\n  {}x", "- ".repeat(100_000));
    let stairs: String = (0..3_000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    let mut laughs = "version: 1\na: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (a, b) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        laughs += &format!("{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n");
    }
    for text in [
        deep_list.as_str(),
        &deep_block,
        &stairs,
        &laughs,
        "",
        "\u{feff}",
        "--- 1\n--- 2\n",
        "version: 1\n---\nversion: 1\n",
        "version: *x",
        "? [a]\n: b\n",
        "version: !foo 1\n!bar x: 1\n",
        "1: 2\ntrue: 3\n~: 4\n",
        "version: {{last_sync_time}}",
        "version: \"${",
        "a: ${${}}",
        "\0",
    ] {
        assert!(!problems(text).is_empty(), "{:?}", text.chars().take(40).collect::<String>());
    }
}
