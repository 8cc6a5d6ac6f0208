//! `outflow demo`: what a newcomer sees first.

use std::fs;
use std::path::Path;

use outflow_testkit::crash::{Exit, Program};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::document;

fn outflow(folder: &Path, args: &[&str]) -> Exit {
    Program::new(env!("CARGO_BIN_EXE_outflow"))
        .folder(folder)
        .env("NO_COLOR", "1")
        .args(args.iter().copied())
        .run()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("no {name} in {of}"))
}

fn sum(of: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| number(of, name)).sum()
}

#[test]
fn two_rounds_of_all_six_types_add_up_and_the_second_is_smaller() {
    let folder = folder();
    let exit = outflow(folder.path(), &["demo", "--once", "--output", "json"]);
    // Its bad rows are rejected on purpose.
    exit.assert_code(0);
    let document = document(&exit);
    let rounds: Vec<&Vec<Value>> =
        document["rounds"].as_array().unwrap().iter().map(|round| round.as_array().unwrap()).collect();
    assert_eq!((rounds.len(), number(&document, "format_version")), (2, 3));
    for round in &rounds {
        let types: Vec<&str> = round.iter().map(|run| run["type"].as_str().unwrap()).collect();
        assert_eq!(types, ["identify", "track", "group", "page", "screen", "alias"]);
        for run in round.iter() {
            assert!(number(&run["rows"], "calls") > 0, "{run}");
            assert_eq!(
                number(&run["rows"], "read"),
                sum(&run["rows"], &["calls", "rejected", "unchanged"]),
                "{run}"
            );
            let destinations = run["destinations"].as_object().unwrap();
            assert_eq!(destinations.keys().collect::<Vec<_>>(), ["journeys", "audit"]);
            for d in destinations.values() {
                let outcomes = ["delivered", "dead_letters", "filtered", "cancelled", "discarded", "pending"];
                assert_eq!(number(d, "calls"), sum(d, &outcomes), "{run}");
                assert_eq!(
                    (number(d, "calls"), number(d, "calls")),
                    (number(&run["rows"], "calls"), number(d, "delivered"))
                );
            }
        }
    }
    for (first, second) in rounds[0].iter().zip(rounds[1]) {
        assert!(number(&second["rows"], "calls") < number(&first["rows"], "calls") / 2, "{first} {second}");
    }
    let rejected: u64 = rounds[0].iter().map(|run| number(&run["rows"], "rejected")).sum();
    assert!(rejected >= 3, "{rejected} rejected rows");
}

#[test]
fn its_story_tells_a_newcomer_what_happened_and_where_to_go() {
    let folder = folder();
    let exit = outflow(folder.path(), &["demo", "--once", "--people", "100"]);
    exit.assert_code(0);
    for word in [
        "Round 1: everything",
        "Round 2: only what changed",
        "identify",
        "track",
        "group",
        "page",
        "screen",
        "alias",
        "journeys",
        "audit",
        "read = calls + rejected + unchanged",
        "pending: yes",
        "distinct message ids, 0 calls it had to find fault with",
        "could not become a call, and why",
        "outflow --project outflow-demo validate",
        "Redshift",
        "write key",
    ] {
        assert!(exit.stdout.contains(word), "{word:?} in {}", exit.stdout);
    }

    // What it says to try works, and so does the demo again. All syncs begin at once: any of them
    // may have run 1.
    let (_, hint) = exit.stdout.split_once("outflow rejected ").expect("it says where they are");
    let run: String = hint.chars().take_while(char::is_ascii_digit).collect();
    let project = ["--project", "outflow-demo"];
    for (args, code) in [
        (&["runs"][..], 0),
        (&["verify", "people"], 0),
        (&["rejected", &run], 0),
        (&["preview", "purchases", "--calls", "--since", "first"], 0),
        (&["validate"], 0),
    ] {
        outflow(folder.path(), &[&project, args].concat()).assert_code(code);
    }
    let delivered = fs::read_dir(folder.path().join("outflow-demo/delivered")).unwrap().count();
    assert_eq!(delivered, 6, "one folder for each sync");
    outflow(folder.path(), &["demo", "--once", "--people", "20", "--quiet"]).assert_code(0);
}

#[test]
fn a_folder_with_files_of_someone_else_is_left_alone() {
    let folder = folder();
    let mine = folder.path().join("outflow-demo/mine.txt");
    fs::create_dir(mine.parent().unwrap()).unwrap();
    fs::write(&mine, "dear diary").unwrap();
    let exit = outflow(folder.path(), &["demo", "--once"]);
    exit.assert_code(2);
    assert!(exit.stderr.contains("C012") && exit.stderr.contains("--dir"), "{exit:?}");
    assert_eq!(fs::read_to_string(&mine).unwrap(), "dear diary");
    assert_eq!(fs::read_dir(mine.parent().unwrap()).unwrap().count(), 1);
}
