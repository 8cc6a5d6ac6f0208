//! Habits of hands: what people know from other tools and type without looking it up.

use std::fs;
use std::time::Duration;

use outflow_testkit::Receiver;

use super::sqlite_project;
use crate::support::{Project, WRITE_KEY};

const IDS: &str = "[1, 2, null]";

/// The project of `sqlite_project` with two more syncs, tags, a target, and one sync that is off.
fn project(receiver: &Receiver) -> Project {
    let project = sqlite_project(receiver, IDS);
    let yaml = fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let more = r#"
    tags: [crm]
  mart_plans:
    description: What people pay for
    source: shop.main
    type: identify
    query: SELECT id AS userId, plan FROM users WHERE id IS NOT NULL
    tags: [crm, daily]
    schedule: { every: 1h }
  off:
    source: shop.main
    type: identify
    query: SELECT id AS userId FROM users
    enabled: false
targets:
  dev:
    destinations: { journeys: { type: file, path: dev-out } }
"#;
    project.write("outflow.yaml", &format!("{}{more}", yaml.trim_end()));
    project
}

#[test]
fn rejected_rows_within_the_guards_are_no_failure_unless_somebody_wants_it() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    for (args, strict, code) in [
        (&["preview", "users"][..], "0", 0),
        (&["preview", "users", "--strict"], "", 4),
        (&["run", "users"], "", 0),
        (&["run", "users", "--full"], "1", 4),
    ] {
        let exit = project.program(args).env("OUTFLOW_STRICT", strict).run();
        exit.assert_code(code);
        assert!(exit.stdout.contains("rejected"), "it is reported all the same: {exit:?}");
    }
}

#[test]
fn syncs_are_listed_and_selected_by_pattern_and_tag() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let names = |args: &[&str]| {
        let list = project.json(args, 0);
        let syncs = list["syncs"].as_array().unwrap().iter();
        syncs.map(|sync| sync["sync"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["list"]), ["users", "mart_plans", "off"]);
    assert_eq!(names(&["list", "tag:crm"]), ["users", "mart_plans"]);
    assert_eq!(names(&["list", "-s", "mart_*", "off", "--exclude", "tag:daily"]), ["off"]);
    let table = project.run(&["list"]).stdout;
    for said in ["every 1h", "disabled", "crm, daily", "What people pay for", "shop.main"] {
        assert!(table.contains(said), "{table}");
    }
    let runs = project.json(&["run", "--select", "mart_*", "tag:crm", "--exclude", "users"], 0);
    assert_eq!(runs["sync"], "mart_plans");
    assert_eq!(project.runs().len(), 1);
    let wrong = project.run(&["run", "--select", "tag:dayly"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("C011") && wrong.stderr.contains("did you mean \"daily\"?"), "{wrong:?}");
}

#[test]
fn a_dry_run_says_what_would_be_sent_and_sends_nothing() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let told = project.run(&["run", "users", "mart_plans", "--dry-run"]);
    told.assert_code(0);
    for said in ["users: the first run", "mart_plans: every run", "nothing was sent", "journeys"] {
        assert!(told.stdout.contains(said), "{told:?}");
    }
    let documents = project.json(&["run", "--dry-run", "--full"], 0);
    let syncs: Vec<_> = documents.as_array().unwrap().iter().map(|d| d["sync"].as_str().unwrap()).collect();
    assert_eq!(syncs, ["users", "mart_plans"]);
    assert!(receiver.requests().is_empty());
    assert_eq!(project.run(&["run", "--dry-run", "--due"]).code, Some(2));
}

#[test]
fn a_project_is_found_in_a_folder_above() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let below = project.path().join("queries/new");
    fs::create_dir_all(&below).unwrap();
    let exit = project.program(&["list"]).folder(&below).run();
    exit.assert_code(0);
    assert!(exit.stdout.contains("mart_plans"), "{exit:?}");
    assert_eq!(project.program(&["list", "--project", "."]).folder(&below).run().code, Some(2));
}

#[test]
fn a_file_beside_the_project_gives_secrets_and_a_command_needs_only_its_own() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let without = |args: &[&str]| project.program(args).env("WRITE_KEY", "").run();
    for args in [
        &["source", "list"][..],
        &["source", "test", "shop"],
        &["preview", "users", "--quiet"],
        &["status"],
        &["list"],
    ] {
        let exit = without(args);
        assert!(matches!(exit.code, Some(0 | 4)), "{args:?} needs no key: {exit:?}");
    }
    let refused = without(&["run", "users"]);
    refused.assert_code(2);
    assert!(refused.stderr.contains("C008") && refused.stderr.contains("WRITE_KEY"), "{refused:?}");
    let yaml = fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    project.write("outflow.yaml", &yaml.replace("WRITE_KEY", "KEY_IN_FILE"));
    project.write(".env", &format!("KEY_IN_FILE={WRITE_KEY}\n"));
    project.run(&["run", "mart_plans"]).assert_code(0);
    assert!(!receiver.requests().is_empty());
}

#[test]
fn a_target_has_its_own_destinations_and_its_own_state() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    project.run(&["run", "mart_plans", "--target", "dev"]).assert_code(0);
    assert!(receiver.requests().is_empty(), "the files got it");
    assert!(project.path().join("dev-out").exists());
    let runs = project.program(&["runs", "-o", "json"]).env("OUTFLOW_TARGET", "dev").run();
    assert!(runs.stdout.contains("mart_plans"), "{runs:?}");
    // What was sent for one environment was not sent for another.
    let usual = project.json(&["run", "mart_plans"], 0);
    assert_eq!((&usual["run"], &usual["rows"]["calls"]), (&1.into(), &2.into()));
    let wrong = project.run(&["run", "--target", "prod"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("there is no target \"prod\""), "{wrong:?}");
}

#[test]
fn status_is_shown_again_and_again_until_a_signal() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    project.run(&["run", "mart_plans"]).assert_code(0);
    // Its lines are read as they come, which a test does of stderr.
    let program = project.program(&["status", "--watch", "1", "-o", "ndjson"]);
    let watching = program.within("sh", &["-c", "exec \"$0\" \"$@\" >&2"], &[]).spawn();
    for _ in 0..2 {
        let line = watching.next_line(Duration::from_secs(30)).unwrap();
        assert!(line.contains("mart_plans"), "{line}");
    }
    watching.signal("INT");
    watching.wait().assert_code(0);
    let told = project.run(&["reload"]);
    told.assert_code(0);
    assert!(told.stderr.contains("nothing serves this project"), "{told:?}");
}

#[test]
fn a_new_project_knows_its_schema_and_keeps_its_secrets_out_of_git() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    project.run(&["init", "fresh", "--type", "sqlite"]).assert_code(0);
    let read = |name: &str| fs::read_to_string(project.path().join("fresh").join(name)).unwrap();
    assert!(read("outflow.yaml").starts_with("# yaml-language-server: $schema=outflow.schema.json\n"));
    assert_eq!(read(".gitignore").lines().collect::<Vec<_>>(), [".outflow/", ".env", "out/"]);
    let schema: serde_json::Value = serde_json::from_str(&read("outflow.schema.json")).unwrap();
    assert!(schema["properties"]["syncs"].is_object(), "{schema}");
}

#[test]
fn models_of_a_dbt_project_become_syncs_that_are_off() {
    let receiver = Receiver::start_blocking();
    let project = project(&receiver);
    let manifest = serde_json::json!({
        "metadata": { "adapter_type": "redshift" },
        "nodes": { "model.shop.people": {
            "resource_type": "model", "name": "people", "schema": "marts", "description": "All: \"people\"",
            "tags": ["outflow"], "config": { "materialized": "table" },
            "columns": { "customer_id": {}, "email": { "description": "where to write" }, "updated_at": {} },
        } },
    });
    project.write("target/manifest.json", &manifest.to_string());
    project.run(&["init", "marts", "--from-dbt", "target/manifest.json"]).assert_code(0);
    let folder = project.path().join("marts");
    let run = |args: &[&str]| {
        let env = ["REDSHIFT_HOST", "REDSHIFT_PASSWORD", "CIO_WRITE_KEY"];
        let program = project.program(args).folder(&folder);
        env.into_iter().fold(program, |program, name| program.env(name, "x")).run()
    };
    run(&["validate"]).assert_code(0);
    let listed = run(&["list"]);
    assert!(listed.stdout.contains("disabled") && listed.stdout.contains("All: \"people\""), "{listed:?}");
    let query = fs::read_to_string(folder.join("queries/people.sql")).unwrap();
    assert!(query.contains("customer_id AS \"userId\"") && query.contains("WHERE updated_at"), "{query}");
}
