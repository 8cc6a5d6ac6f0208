//! `outflow demo`: what a newcomer sees first.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use outflow_core::{Clock as _, SystemClock, Timestamp};
use outflow_testkit::crash::{Exit, Program};
use serde_json::{Value, json};
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

#[test]
fn it_makes_days_of_history_and_signs_the_newcomer_in_by_its_link() {
    let folder = folder();
    let demo = Program::new(env!("CARGO_BIN_EXE_outflow"))
        .folder(folder.path())
        .env("NO_COLOR", "1")
        .args(["demo", "--people", "40", "--listen", "127.0.0.1:0"])
        .spawn();
    let link = loop {
        let line = demo.next_line(Duration::from_secs(300)).expect("it prints its link");
        if line.contains("/login#code=") {
            break line;
        }
    };
    let (address, code) = link.trim().strip_prefix("http://").unwrap().split_once("/login#code=").unwrap();
    let (begun, _) = exchange(address, "POST /api/v1/session/link", "", &json!({ "code": code }).to_string());
    let cookie = begun.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a session");
    let cookie = cookie.split(';').next().unwrap();
    let runs = |query: &str| -> Vec<Value> {
        let (_, page) = exchange(address, &format!("GET /api/v1/runs?limit=500{query}"), cookie, "");
        let page: Value = serde_json::from_str(&page).unwrap();
        page["items"].as_array().unwrap().clone()
    };
    for state in ["succeeded", "succeeded_with_rejected", "partial", "awaiting_approval"] {
        assert!(!runs(&format!("&state={state}")).is_empty(), "no run is {state}");
    }
    // The sync that awaits approval is due once it is served.
    let ends = Instant::now() + Duration::from_secs(60);
    while runs("&state=skipped").is_empty() {
        assert!(Instant::now() < ends, "no slot is skipped");
    }
    let runs = runs("");
    assert!(runs.len() > 150, "{} runs", runs.len());
    let oldest: Timestamp = runs.last().unwrap()["started_at"].as_str().unwrap().parse().unwrap();
    assert!(SystemClock.now().duration_since(oldest).as_hours() >= 47, "{oldest}");
    demo.signal("TERM");
    demo.wait().assert_code(0);
}

/// The head and the body of an answer of 200.
fn exchange(address: &str, what: &str, cookie: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(
        stream,
        "{what} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncookie: {cookie}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}
