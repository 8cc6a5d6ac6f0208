//! `runs`, `rejected`, `dead-letters` and `verify`: what is kept of runs, in every form.

use std::fs;
use std::path::{Path, PathBuf};

use outflow_testkit::{Judge, Receiver, Reply};
use serde_json::Value;

use super::{in_all_forms, lines, sqlite_project};
use crate::support::Project;

/// A run with a rejected row and a dead letter.
fn with_losses() -> (Receiver, Project) {
    let receiver = Receiver::start_blocking();
    receiver.refuse_batches_with(400, |call| call["userId"] == "bad: \"one\"\n#2");
    let project = sqlite_project(&receiver, r#"["a", "bad: \"one\"\n#2", null, "b", "1e3"]"#);
    project.json(&["run"], 4);
    (receiver, project)
}

#[test]
fn the_documents_are_the_same_in_every_form() {
    let (_receiver, project) = with_losses();
    let runs = in_all_forms(&project, &["runs"], 0);
    assert_eq!(runs[0]["rows"], serde_json::json!({ "read": 5, "calls": 4, "rejected": 1, "unchanged": 0 }));
    assert_eq!(lines(&project.run(&["runs", "--output", "ndjson"]).stdout), *runs.as_array().unwrap());

    let rejected = in_all_forms(&project, &["rejected"], 0);
    assert_eq!(rejected["rows"][0]["ordinal"], 2);
    let rows = lines(&project.run(&["rejected", "users", "--output", "ndjson"]).stdout);
    assert_eq!(rows, *rejected["rows"].as_array().unwrap());

    let letters = in_all_forms(&project, &["dead-letters", "1"], 0);
    assert_eq!(letters["dead_letters"], 1);
    assert_eq!(letters["entries"][0]["call"]["userId"], "bad: \"one\"\n#2");
    let entries = lines(&project.run(&["dead-letters", "--output", "ndjson"]).stdout);
    assert_eq!(entries, *letters["entries"].as_array().unwrap());
    let elsewhere = project.json(&["dead-letters", "--destination", "elsewhere"], 0);
    assert_eq!(elsewhere["entries"].as_array().unwrap().len(), 0);

    let verified = in_all_forms(&project, &["verify"], 0);
    assert_eq!((&verified["calls"], &verified["rejected"]), (&4.into(), &1.into()));
    assert_eq!(verified["differences"].as_array().unwrap().len(), 0);
    assert!(project.run(&["verify"]).stdout.contains("everything adds up"));
}

#[test]
fn run_prints_the_same_document_in_every_form() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\", \"b\"]");
    for output in ["json", "ndjson", "yaml"] {
        let exit = project.run(&["run", "--full", "--output", output]);
        exit.assert_code(0);
        let document = match output {
            "yaml" => super::from_yaml(&exit.stdout),
            _ => serde_json::from_str(&exit.stdout).unwrap(),
        };
        assert_eq!(document["destinations"]["journeys"]["delivered"], 2, "{document}");
    }
    let people = project.run(&["run", "--full"]);
    people.assert_code(0);
    assert!(people.stdout.contains("2 rows read = 2 calls + 0 rejected + 0 unchanged"), "{people:?}");
}

#[test]
fn runs_lists_the_newest_first_and_no_more_than_asked_for() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, "[\"a\"]");
    for _ in 0..3 {
        project.json(&["run", "--full"], 0);
    }
    let numbers = |args: &[&str]| -> Vec<u64> {
        let runs = project.json(args, 0);
        runs.as_array().unwrap().iter().map(|run| run["run"].as_u64().unwrap()).collect()
    };
    assert_eq!(numbers(&["runs"]), [3, 2, 1]);
    assert_eq!(numbers(&["runs", "--limit", "2"]), [3, 2]);
    assert_eq!(numbers(&["runs", "--limit", "0", "--sync", "users"]), [3, 2, 1]);
    assert_eq!(numbers(&["runs", "--sync", "users", "--limit", "1"]), [3]);
}

/// The files of the segments of all runs.
fn segments(project: &Project) -> Vec<PathBuf> {
    fn below(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                below(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "seg") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    below(&project.path().join(".outflow/spool"), &mut found);
    found.sort();
    found
}

/// Changes one bit of a file.
fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn verify_finds_a_changed_bit_wherever_it_is() {
    let (_receiver, project) = with_losses();
    let files = segments(&project);
    assert_eq!(files.len(), 2, "calls and rejected rows: {files:?}");
    for path in &files {
        let whole = fs::read(path).unwrap();
        let step = (whole.len() / 12).max(1);
        for at in (0..whole.len()).step_by(step).chain([whole.len() - 1]) {
            flip(path, at);
            let exit = project.run(&["verify"]);
            exit.assert_code(1);
            let place = format!("{} of {} in {}", at, whole.len(), path.display());
            assert!(exit.stderr.contains("error[P004]"), "{place}: {exit:?}");
            fs::write(path, &whole).unwrap();
        }
        fs::write(path, &whole[..whole.len() - 1]).unwrap();
        project.run(&["verify"]).assert_code(1);
        fs::remove_file(path).unwrap();
        let missing = project.run(&["verify"]);
        missing.assert_code(1);
        assert!(missing.stderr.contains("error[P005]"), "{missing:?}");
        fs::write(path, &whole).unwrap();
    }
    project.run(&["verify"]).assert_code(0);
}

#[test]
fn a_run_whose_segments_are_damaged_is_lost_and_its_rows_are_read_again() {
    let receiver = Receiver::start_blocking();
    let project = sqlite_project(&receiver, r#"["a", "b", "c"]"#);
    receiver.always(Reply::status(401));
    project.json(&["run"], 6);
    for path in segments(&project) {
        flip(&path, fs::metadata(&path).unwrap().len() as usize / 2);
    }
    receiver.always(Reply::ok());
    let exit = project.run(&["run"]);
    exit.assert_code(1);
    assert!(exit.stderr.contains("error[P004]"), "{exit:?}");
    assert_eq!(project.json(&["runs"], 0)[0]["state"], "lost");
    let again = project.json(&["run"], 0);
    assert_eq!((&again["resumed"], &again["missing"]), (&false.into(), &Value::Null), "{again}");
    let runs = project.json(&["runs"], 0);
    // The run makes its own part first, and then what is missing.
    assert_eq!((&runs[0]["trigger"], &runs[0]["last_sync_time"]), (&"gap".into(), &0.into()), "{runs}");
    Judge::expecting(["a", "b", "c"]).judge(&receiver.arrivals()).assert_exactly_once();
}
