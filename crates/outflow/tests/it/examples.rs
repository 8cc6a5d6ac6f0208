//! The projects in `examples/`: each is valid, and the one that needs nothing else really runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use outflow_testkit::crash::{Exit, Program};
use serde_json::Value;

use crate::support::{binary, document};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples")
}

/// The example projects, by name.
fn examples() -> BTreeSet<String> {
    fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("outflow.yaml").exists())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Copies what git keeps of a project: a state or a database that someone made there stays out.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name == "queries" {
            copy(&path, &to.join(name));
        } else if matches!(path.extension().and_then(|e| e.to_str()), Some("yaml" | "sql")) {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// The variables that a project's files name.
fn variables(project: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(project).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "yaml") {
            let text = fs::read_to_string(path).unwrap();
            let found = text.split("${env:").skip(1).map(|rest| rest.split('}').next().unwrap().to_owned());
            names.extend(found);
        }
    }
    names
}

fn outflow(project: &Path, args: &[&str]) -> Exit {
    let program = Program::new(binary()).folder(project).env("NO_COLOR", "1").args(args.iter().copied());
    let value = |name: &str| match name {
        _ if name.ends_with("_URL") => "https://hooks.example.com/in",
        _ if name.ends_with("_HOST") => "db.example.com",
        _ => "a-value",
    };
    variables(project).iter().fold(program, |program, name| program.env(name, value(name))).run()
}

#[test]
fn every_example_is_valid_without_a_warning() {
    let names = examples();
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        ["redshift-to-customerio", "several-databases", "sqlite-to-file"]
    );
    let page = fs::read_to_string(folder().join("README.md")).unwrap();
    for name in names {
        assert!(page.contains(&format!("[{name}]({name}/)")), "{name} is not on the page of examples");
        let place = tempfile::tempdir().unwrap();
        copy(&folder().join(&name), place.path());
        let exit = outflow(place.path(), &["validate", "--output", "json"]);
        exit.assert_code(0);
        let document = document(&exit);
        assert_eq!(document["valid"], true, "{name}: {document:#}");
        let findings = document["findings"].as_array().unwrap();
        assert!(findings.iter().all(|f| f["severity"] == "note"), "{name}: {document:#}");
    }
}

#[test]
fn the_example_on_sqlite_delivers_what_its_page_says() {
    let place = tempfile::tempdir().unwrap();
    let project = place.path();
    copy(&folder().join("sqlite-to-file"), project);
    let data = fs::read_to_string(project.join("shop.sql")).unwrap();
    rusqlite::Connection::open(project.join("shop.db")).unwrap().execute_batch(&data).unwrap();

    let exit = outflow(project, &["run", "--output", "json"]);
    exit.assert_code(0);
    let runs = document(&exit);
    let count = |run: &Value, name: &str| run["rows"][name].as_u64().unwrap();
    let rows: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            (run["sync"].as_str().unwrap(), count(run, "read"), count(run, "calls"), count(run, "rejected"))
        })
        .collect();
    assert_eq!(rows, [("users", 3, 3, 0), ("orders", 3, 2, 1)]);

    let mut delivered = Vec::new();
    for sync in ["users", "orders"] {
        for file in fs::read_dir(project.join("delivered").join(sync)).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            delivered.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
    }
    assert_eq!(delivered.len(), 5, "{delivered:?}");
    assert!(delivered.iter().any(|call| call["traits"]["first_name"] == "Ada"), "{delivered:?}");
    assert!(delivered.iter().any(|call| call["properties"]["product"] == "Pen"), "{delivered:?}");

    let rejected = outflow(project, &["rejected", "orders"]);
    rejected.assert_code(0);
    assert!(rejected.stdout.contains("R001"), "{rejected:?}");
    // Nothing changed, so nothing is sent again.
    let exit = outflow(project, &["run", "--output", "json"]);
    exit.assert_code(0);
    let again = document(&exit);
    assert!(again.as_array().unwrap().iter().all(|run| count(run, "calls") == 0), "{again:#}");
    outflow(project, &["verify", "orders"]).assert_code(0);
}
