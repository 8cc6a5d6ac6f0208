//! Read-only, in layers: hostile statements through the whole of Outflow, as a user who may write.

use outflow_testkit::{Postgres, Receiver, hostile};
use serde_json::Value;

use crate::support::{Project, document, pipelines, sync, yaml};

/// A project with one sync for each of these statements, numbered from 0.
fn project(database: &outflow_testkit::Database<'_>, receiver: &Receiver, statements: &[&str]) -> Project {
    let syncs: Vec<(String, String)> =
        statements.iter().enumerate().map(|(n, sql)| (format!("s{n}"), sync("identify", sql))).collect();
    let syncs: Vec<(&str, &str)> = syncs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let text = yaml(database, &[("journeys", &pipelines(receiver))], &syncs);
    let user = |name: &str| format!("user: \"{name}\"");
    Project::new(&text.replace(&user(Postgres::USER), &user(hostile::WRITER)))
}

#[test]
fn two_hundred_hostile_statements_are_refused_with_a_code_and_change_nothing() {
    let postgres = Postgres::shared();
    let database = hostile::target(postgres, "hostile");
    let receiver = Receiver::start_blocking();
    let before = hostile::fingerprint(&database);
    let statements: Vec<&str> = hostile::statements().map(|attempt| attempt.sql).collect();
    assert!(statements.len() >= 200, "{}", statements.len());

    // The text check: every refusal of every sync is reported at once, with its place.
    let all = project(&database, &receiver, &statements);
    let exit = all.run(&["validate", "--output", "json"]);
    exit.assert_code(2);
    let findings = document(&exit)["findings"].as_array().unwrap().clone();
    let yaml = std::fs::read_to_string(all.path().join("outflow.yaml")).unwrap();
    let line_of = |n: usize| yaml.lines().position(|line| line == format!("  s{n}:")).unwrap() + 1;
    let refused = |n: usize| {
        let lines = line_of(n)..yaml.lines().count().min(if n + 1 < statements.len() {
            line_of(n + 1)
        } else {
            usize::MAX
        });
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
    let rest = project(&database, &receiver, &passed);
    for (n, sql) in passed.iter().enumerate() {
        let exit = rest.program(&["run", &format!("s{n}")]).env("PG_PASSWORD", Postgres::USER_PASSWORD).run();
        assert!(exit.stderr.contains("error["), "{sql}: {exit:?}");
        assert!(!exit.stderr.contains("panicked"), "{sql}: {exit:?}");
        assert_eq!(hostile::fingerprint(&database), before, "{sql}");
    }
    assert!(passed.len() > 10 && passed.len() < 40, "both layers are tried: {passed:?}");
    assert_eq!(receiver.requests().len(), 0);
}
