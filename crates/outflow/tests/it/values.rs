//! Values of every type of every source, against an independent reference: a program in Python that
//! reads the same tables through psycopg and sqlite3, and knows the rules of
//! `docs/reference/calls.md`.
//!
//! A value is the same in the call, or it is counted under its code: left out (R104), with U+FFFD
//! (R105), beyond 2^53 (R102), an identifier that is not what it looks like (R106, R107). Whatever
//! differs and is not counted, and whatever is counted and does not differ, fails the test.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use outflow_testkit::redshift::{Auth, Redshift};
use outflow_testkit::{Postgres, Report, seed, slice_or_whole};
use serde_json::Value;

use crate::support::{Project, WRITE_KEY, tools};

/// The Python that has psycopg, beside the other tools of the tests.
fn python() -> PathBuf {
    let python = tools("values").join("bin/python");
    let is_there = Command::new(&python).args(["-c", "import psycopg"]).output();
    assert!(
        is_there.is_ok_and(|output| output.status.success()),
        "the reference of values needs psycopg: python3 -m venv {0} && {0}/bin/pip install 'psycopg[binary]==3.3.9'",
        tools("values").display()
    );
    python
}

/// Runs the reference.
fn reference(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/values/values.py");
    let output = Command::new(python()).arg("-B").arg(script).args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A project that reads the table into files.
fn project(source: &str, kind: &str) -> Project {
    let query = reference(&["query", kind]);
    Project::new(&format!(
        "version: 1\nsources:\n  shop:\n    {source}\n    destinations: [files]\ndestinations:\n  files: {{ type: file, path: ./out }}\n\
         syncs:\n  users:\n    source: shop.main\n    type: identify\n    query: |\n      {query}\n"
    ))
}

/// Fuzzes one source. Returns how many values were compared.
fn fuzz(project: &Project, kind: &str, location: &str, test: &'static str, rows: usize) {
    let exit = project.run(&["run"]);
    exit.assert_code(0);
    let mut lines = String::new();
    for file in fs::read_dir(project.path().join("out/users")).unwrap() {
        lines += &fs::read_to_string(file.unwrap().path()).unwrap();
    }
    project.write("lines.jsonl", &lines);
    let findings = project.run(&["rejected", "users", "--output", "json"]);
    project.write("findings.json", &findings.stdout);
    let path = |name: &str| project.path().join(name).to_str().unwrap().to_owned();
    let report = reference(&["judge", kind, location, &path("lines.jsonl"), &path("findings.json")]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["differences"], 0, "{:#}", report["first"]);
    let values = report["values"].as_u64().unwrap();
    assert!(values >= 10 * rows as u64, "{report}");
    Report::new(test, "a made-up value of one of the types", values)
        .with("rows", rows)
        .with("differences that are not counted", 0)
        .with("counted", &report["warnings"])
        .print();
}

fn connection(database: &str) -> String {
    let server = Postgres::shared();
    format!(
        "host={} port={} user={} password={} dbname={database}",
        server.host(),
        server.port(),
        server.user(),
        server.password()
    )
}

#[test]
fn values_of_postgresql_arrive_as_they_are_or_are_counted() {
    let rows = slice_or_whole(300, 10_000);
    let database = Postgres::shared().database("values");
    let location = connection(database.name());
    reference(&["fill", "postgres", &location, &seed().to_string(), &rows.to_string()]);
    let server = database.server();
    let source = format!(
        "type: postgres\n    databases:\n      main: {{ host: {}, port: {}, database: {}, user: {}, password: \"${{env:PG_PASSWORD}}\", ssl: disable }}",
        server.host(),
        server.port(),
        database.name(),
        server.user()
    );
    let test = "values::values_of_postgresql_arrive_as_they_are_or_are_counted";
    fuzz(&project(&source, "postgres"), "postgres", &location, test, rows);
}

#[test]
fn values_of_redshift_arrive_as_they_are_or_are_counted() {
    let rows = slice_or_whole(300, 14_000);
    let options = Redshift::options().over(Postgres::shared());
    let redshift = options.with_user("values_user", WRITE_KEY, Auth::Sha256Digest).start();
    let database = redshift.database("values_redshift");
    let location = connection(database.name());
    reference(&["fill", "redshift", &location, &seed().to_string(), &rows.to_string()]);
    let source = format!(
        "type: redshift\n    databases:\n      main: {{ host: {}, port: {}, database: {}, user: values_user, password: \"${{env:WRITE_KEY}}\", ssl: disable, allow_cleartext_password: true }}",
        redshift.host(),
        redshift.port(),
        database.name(),
    );
    let test = "values::values_of_redshift_arrive_as_they_are_or_are_counted";
    fuzz(&project(&source, "redshift"), "redshift", &location, test, rows);
}

#[test]
fn values_of_sqlite_arrive_as_they_are_or_are_counted() {
    let rows = slice_or_whole(600, 20_000);
    let project = project("type: sqlite\n    databases:\n      main: { path: ./fuzz.db }", "sqlite");
    let location = project.path().join("fuzz.db").to_str().unwrap().to_owned();
    reference(&["fill", "sqlite", &location, &seed().to_string(), &rows.to_string()]);
    let test = "values::values_of_sqlite_arrive_as_they_are_or_are_counted";
    fuzz(&project, "sqlite", &location, test, rows);
}
