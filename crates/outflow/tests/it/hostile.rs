//! Read-only, in layers: hostile statements through the whole of Outflow, as a user who may write.

use std::collections::BTreeMap;

use outflow_testkit::hostile::{Oracle, spellings};
use outflow_testkit::{Postgres, Receiver, Report, hostile, slice_or_whole};
use serde_json::Value;

use crate::support::{Project, document, pipelines, sync, yaml};

/// A project of that user with one sync for each of these statements, numbered from 0.
fn project(
    database: &outflow_testkit::Database<'_>,
    user: &str,
    receiver: &Receiver,
    statements: &[&str],
) -> Project {
    let syncs: Vec<(String, String)> =
        statements.iter().enumerate().map(|(n, sql)| (format!("s{n}"), sync("identify", sql))).collect();
    let syncs: Vec<(&str, &str)> = syncs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let text = yaml(database, &[("journeys", &pipelines(receiver))], &syncs);
    let named = |name: &str| format!("user: \"{name}\"");
    Project::new(&text.replace(&named(Postgres::USER), &named(user)))
}

/// The same with the statements in files.
fn with_files(
    database: &outflow_testkit::Database<'_>,
    user: &str,
    receiver: &Receiver,
    files: &[String],
) -> Project {
    let syncs: Vec<(String, String)> = files
        .iter()
        .map(|file| {
            (file.trim_end_matches(".sql").to_owned(), format!("type: identify\nquery: {{ file: {file} }}\n"))
        })
        .collect();
    let syncs: Vec<(&str, &str)> = syncs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let text = yaml(database, &[("journeys", &pipelines(receiver))], &syncs);
    let named = |name: &str| format!("user: \"{name}\"");
    Project::new(&text.replace(&named(Postgres::USER), &named(user)))
}

#[test]
fn two_hundred_hostile_statements_are_refused_with_a_code_and_change_nothing() {
    let postgres = Postgres::shared();
    let database = hostile::target(postgres, "hostile");
    let receiver = Receiver::start_blocking();
    let statements: Vec<&str> = hostile::statements().map(|attempt| attempt.sql).collect();
    assert!(statements.len() >= 200, "{}", statements.len());

    // The text check: every refusal of every sync is reported at once, with its place.
    let all = project(&database, hostile::WRITER, &receiver, &statements);
    let exit = all.run(&["validate", "--output", "json"]);
    exit.assert_code(2);
    let findings = document(&exit)["findings"].as_array().unwrap().clone();
    let yaml = std::fs::read_to_string(all.path().join("outflow.yaml")).unwrap();
    let line_of = |n: usize| yaml.lines().position(|line| line == format!("  s{n}:")).unwrap() + 1;
    let refused = |n: usize| {
        let end = if n + 1 < statements.len() { line_of(n + 1) } else { yaml.lines().count() + 1 };
        let lines = line_of(n)..end;
        findings.iter().any(|f: &Value| {
            let line = f["place"].as_str().and_then(|p| p.split(':').nth(1)?.parse().ok());
            f["code"].as_str().is_some_and(|c| ["Q001", "Q002", "Q007"].contains(&c))
                && line.is_some_and(|l: usize| lines.contains(&l))
        })
    };
    let passed: Vec<&str> = (0..statements.len()).filter(|&n| !refused(n)).map(|n| statements[n]).collect();
    for attempt in hostile::statements().filter(|attempt| attempt.acts_read_only) {
        assert!(!passed.contains(&attempt.sql), "nothing but the text check stands before {}", attempt.sql);
    }

    // What a text cannot show is refused by the database.
    let rest = project(&database, hostile::WRITER, &receiver, &passed);
    let mut oracle = Oracle::start(&database, hostile::WRITER, Postgres::USER_PASSWORD);
    let mut layers: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, sql) in passed.iter().enumerate() {
        let exit = rest.program(&["run", &format!("s{n}")]).env("PG_PASSWORD", Postgres::USER_PASSWORD).run();
        assert!(exit.stderr.contains("error["), "{sql}: {exit:?}");
        assert!(
            !exit.stderr.contains("outflow.yaml:"),
            "the project is sound, the database refuses: {exit:?}"
        );
        assert!(!exit.stderr.contains("panicked"), "{sql}: {exit:?}");
        let layer = if exit.stderr.contains("error[Q012]") { "catalogue" } else { "database" };
        *layers.entry(layer).or_default() += 1;
        assert_eq!(oracle.change(), None, "{sql}");
    }
    println!("refused: text {}, {layers:?}", statements.len() - passed.len());
    assert!(layers["catalogue"] > 10, "both layers are tried: {passed:?}");
    assert_eq!(receiver.requests().len(), 0);
}

/// Thousands of spellings of calls that act, as a superuser and as an account that only reads.
/// Every one is refused before it is sent; the text check alone sees all of them in
/// `query::it::hostile`. Here a sample, and in the long form all, goes through the whole of
/// Outflow.
#[test]
fn calls_that_act_have_no_effect_however_they_are_spelled() {
    let server = Postgres::options().with_setting("shared_preload_libraries", "pg_stat_statements").start();
    let database = hostile::target(&server, "spelled");
    let receiver = Receiver::start_blocking();
    let all: Vec<String> = spellings::spelled().map(|s| hostile::aimed(&s.sql, &database)).collect();
    let step = slice_or_whole(83, 1);
    let sample: Vec<&str> = all.iter().step_by(step).map(String::as_str).collect();
    for (user, password) in [(Postgres::USER, Postgres::PASSWORD), ("scramuser", Postgres::USER_PASSWORD)] {
        let mut oracle = Oracle::start(&database, user, password);
        // In files, as YAML has no form feeds.
        let files: Vec<String> = (0..sample.len()).map(|n| format!("s{n}.sql")).collect();
        let project = with_files(&database, user, &receiver, &files);
        files.iter().zip(&sample).for_each(|(file, sql)| project.write(file, sql));
        for (n, sql) in sample.iter().enumerate() {
            let exit = project.program(&["run", &format!("s{n}")]).env("PG_PASSWORD", password).run();
            exit.assert_code(2);
            let is_refused =
                ["error[Q001]", "error[Q002]", "error[Q007]"].iter().any(|c| exit.stderr.contains(c));
            assert!(is_refused, "{user}: {sql}: {exit:?}");
            // The oracle asks a dozen questions, so it looks now and then; at last it sees all.
            if n % 16 == 0 {
                assert_eq!(oracle.change(), None, "{user}: up to {sql}");
            }
        }
        assert_eq!(oracle.change(), None, "{user}");
    }
    let test = "hostile::calls_that_act_have_no_effect_however_they_are_spelled";
    Report::new(
        test,
        "a query that does more than read, as a superuser and as a reader",
        2 * sample.len() as u64,
    )
    .with("effects seen", 0)
    .with("spellings of each call", spellings::SPELLINGS)
    .print();
    assert_eq!(receiver.requests().len(), 0);
}
