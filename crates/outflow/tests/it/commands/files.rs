//! `init` and `validate`: the project's files.

use std::fs;

use serde_json::Value;

use super::lines;
use crate::support::Project;

/// The environment that the written projects name.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("REDSHIFT_HOST", "redshift.example.com"),
    ("REDSHIFT_PASSWORD", "hunter2"),
    ("POSTGRES_HOST", "postgres.example.com"),
    ("POSTGRES_PASSWORD", "hunter2"),
    ("CIO_WRITE_KEY", "key"),
];

#[test]
fn init_writes_a_project_that_is_valid_for_each_kind_of_warehouse() {
    for kind in ["redshift", "postgres", "sqlite"] {
        let place = Project::new("");
        let exit = place.run(&["init", "shop", "--type", kind]);
        exit.assert_code(0);
        assert!(exit.stderr.contains("cd shop && outflow source test warehouse"), "{exit:?}");
        let with_environment = |args: &[&str]| {
            ENVIRONMENT
                .iter()
                .fold(place.program(args), |program, (name, value)| program.env(*name, *value))
                .run()
        };
        let valid = with_environment(&["--project", "shop", "validate", "--output", "json"]);
        valid.assert_code(0);
        let document: Value = serde_json::from_str(&valid.stdout).unwrap();
        assert_eq!(document["valid"], true, "{document}");
        assert!(
            document["findings"].as_array().unwrap().iter().all(|f| f["severity"] == "note"),
            "{document}"
        );

        let bare = place.run(&["--project", "shop", "validate"]);
        bare.assert_code(2);
        assert!(bare.stderr.contains("error[C008]") && bare.stderr.contains("CIO_WRITE_KEY"), "{bare:?}");
    }
}

#[test]
fn the_query_that_init_writes_runs_on_a_table_of_users() {
    let place = Project::new("");
    place.run(&["init", "shop", "--type", "sqlite"]).assert_code(0);
    let database = rusqlite::Connection::open(place.path().join("shop/shop.db")).unwrap();
    database
        .execute_batch(
            "CREATE TABLE users (id, email, first_name, plan, last_updated);
             INSERT INTO users VALUES (1, 'ada@example.com', 'Ada', 'pro', 1700000000)",
        )
        .unwrap();
    let args = ["--project", "shop", "preview", "users", "--calls", "--output", "ndjson"];
    let exit = place.program(&args).env("CIO_WRITE_KEY", "key").run();
    exit.assert_code(0);
    let calls = lines(&exit.stdout);
    assert_eq!((&calls[0]["userId"], &calls[0]["traits"]["plan"]), (&"1".into(), &"pro".into()), "{calls:?}");
}

#[test]
fn init_never_overwrites() {
    let place = Project::new("");
    place.run(&["init", "shop"]).assert_code(0);
    for (file, mine) in [("shop/outflow.yaml", "# mine"), ("shop/queries/users.sql", "-- mine")] {
        place.write(file, mine);
        let again = place.run(&["init", "shop"]);
        again.assert_code(2);
        assert!(again.stderr.contains("error[C012]"), "{again:?}");
        assert_eq!(fs::read_to_string(place.path().join(file)).unwrap(), mine);
    }
    fs::remove_file(place.path().join("shop/outflow.yaml")).unwrap();
    place.run(&["init", "shop"]).assert_code(2);
    assert!(!place.path().join("shop/outflow.yaml").exists(), "nothing is written beside what is there");

    place.write("other/.gitignore", "mine\n");
    place.run(&["init", "other"]).assert_code(0);
    assert_eq!(fs::read_to_string(place.path().join("other/.gitignore")).unwrap(), "mine\n");
}

/// A project file with a mistake of each kind.
const BROKEN: &str = r#"version: 1
sources:
  shop:
    type: postgres
    databases:
      main: { host: h, database: d, user: u, password: plain-secret, prot: 5432 }
    destinations: [journey]
destinations:
  journeys: { type: customerio-pipelines, write_key: "${env:NO_SUCH_VARIABLE_HERE}" }
  odd: { type: carrier-pigeon }
syncs:
  one: { source: shop.mian, type: identify, query: SELECT 1 }
  two: { source: shop.main, type: identfy, query: SELECT 1 AS "userId" }
  three: { source: shop.main, type: track, query: { file: no/such.sql }, guards: true }
  four: { source: shop.main, type: identify, query: "SELECT 1; SELECT 2", schedule: { every: soon } }
  five: { source: shop.main, type: identify, query: "DELETE FROM users" }
  six: { source: shop.main, type: identify, query: "SELECT {{last_sync}} AS \"userId\"" }
"#;

#[test]
fn validate_tells_every_problem_at_once_with_its_place() {
    let project = Project::new(BROKEN);
    let exit = project.run(&["validate"]);
    exit.assert_code(2);
    let expected = [
        ("C009", "outflow.yaml:6:"),
        ("C003", "outflow.yaml:6:"),
        ("C007", "outflow.yaml:7:"),
        ("C008", "outflow.yaml:9:"),
        ("C007", "outflow.yaml:12:"),
        ("C005", "outflow.yaml:13:"),
        ("C001", "outflow.yaml:14:"),
        ("C005", "outflow.yaml:14:"),
        ("Q002", "outflow.yaml:15:"),
        ("C005", "outflow.yaml:15:"),
        ("Q001", "outflow.yaml:16:"),
        ("Q003", "outflow.yaml:17:"),
    ];
    for (code, _) in expected {
        assert!(exit.stderr.contains(&format!("error[{code}]")), "{code}: {exit:?}");
    }
    assert!(!exit.stderr.contains("plain-secret"), "{exit:?}");
    for near in ["\"port\"", "\"journeys\"", "\"main\""] {
        assert!(exit.stderr.contains(&format!("did you mean {near}?")), "{near}: {exit:?}");
    }

    let document = super::in_all_forms(&project, &["validate"], 2);
    assert_eq!(document["valid"], false);
    let findings = document["findings"].as_array().unwrap();
    for (code, place) in expected {
        let told =
            findings.iter().any(|f| f["code"] == code && f["place"].as_str().unwrap().starts_with(place));
        assert!(told, "{code} at {place}: {document:#}");
    }
    assert!(findings.iter().all(|f| f["message"].is_string() && f["help"].is_string()), "{document:#}");
    let ndjson = project.run(&["validate", "--output", "ndjson"]);
    ndjson.assert_code(2);
    assert_eq!(lines(&ndjson.stdout), *findings);
    assert!(ndjson.stderr.is_empty(), "{ndjson:?}");
}

#[test]
fn a_broken_project_runs_nothing_and_tells_the_same_problems() {
    let project = Project::new(BROKEN);
    for args in [vec!["run"], vec!["preview", "two"]] {
        let exit = project.run(&args);
        exit.assert_code(2);
        assert!(exit.stdout.is_empty(), "{exit:?}");
        for code in ["C009", "C003", "C007", "C008", "Q002"] {
            assert!(exit.stderr.contains(&format!("error[{code}]")), "{code}: {exit:?}");
        }
    }
    assert!(!project.path().join(".outflow").exists());
}

#[test]
fn files_that_are_no_project_are_told_apart() {
    let project = Project::new("version: 1\nsyncs: [");
    for (text, code) in [("version: 1\nsyncs: [", "C002"), ("", "C0"), ("- 1", "C0"), ("\u{0}\u{1}", "C0")] {
        project.write("outflow.yaml", text);
        let exit = project.run(&["validate"]);
        exit.assert_code(2);
        assert!(exit.stderr.contains(&format!("error[{code}")), "{text:?}: {exit:?}");
        assert!(!exit.stderr.contains("panicked"), "{exit:?}");
    }
    fs::write(project.path().join("outflow.yaml"), [0xff, 0xfe, 0x00]).unwrap();
    project.run(&["validate"]).assert_code(2);
    let nowhere = project.run(&["--project", "nowhere", "validate"]);
    nowhere.assert_code(2);
    assert!(nowhere.stderr.contains("error[C001]") && nowhere.stderr.contains("outflow init"), "{nowhere:?}");
}

#[test]
fn a_query_without_last_sync_time_is_valid_with_the_warning_q006() {
    let receiver = outflow_testkit::Receiver::start_blocking();
    let project = super::sqlite_project(&receiver, "[\"a\"]");
    let yaml = fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let yaml = yaml.replace(" WHERE updated >= {{last_sync_time}}", "");
    project.write("outflow.yaml", &yaml);
    let exit = project.run(&["validate"]);
    exit.assert_code(0);
    assert!(exit.stderr.contains("warning[Q006]") && exit.stderr.contains("sync users"), "{exit:?}");
    let document = super::in_all_forms(&project, &["validate"], 0);
    assert_eq!((&document["valid"], &document["findings"][0]["code"]), (&true.into(), &"Q006".into()));
    project.json(&["run"], 0);
    assert_eq!(receiver.calls().len(), 1);
}

#[test]
fn a_sqlite_file_that_is_missing_or_something_else_is_s017() {
    let receiver = outflow_testkit::Receiver::start_blocking();
    let project = super::sqlite_project(&receiver, "[\"a\"]");
    let path = project.path().join("shop.db");
    let whole = fs::read(&path).unwrap();
    let missing: fn(&std::path::Path) = |path| fs::remove_file(path).unwrap();
    let garbage: fn(&std::path::Path) = |path| fs::write(path, [b'x'; 5_000]).unwrap();
    for spoil in [missing, garbage] {
        spoil(&path);
        let exit = project.run(&["run"]);
        exit.assert_code(5);
        assert!(exit.stderr.contains("error[S017]"), "{exit:?}");
    }
    assert!(receiver.requests().is_empty());
    fs::write(&path, whole).unwrap();
    assert_eq!(project.json(&["run"], 0)["last_sync_time"], 0);
    assert_eq!(receiver.calls().len(), 1);
}
