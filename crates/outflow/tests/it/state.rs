//! The state on PostgreSQL: every command does there what it does on SQLite, and a second `serve`
//! takes over.

use std::time::Duration;

use outflow_testkit::{Database, Postgres, Receiver};

use crate::serving::Serving;
use crate::support::{Project, pipelines, sync, yaml};

const QUERY: &str =
    r#"SELECT id AS "userId", note FROM users WHERE updated_at >= {{last_sync_time | timestamp}}"#;

/// A table of users, a project, and the URL of its state in the same database.
fn world(name: &str, users: u32) -> (Database<'static>, Receiver, Project, String) {
    let (database, receiver) = (Postgres::shared().database(name), Receiver::start_blocking());
    database.sql(
        "CREATE TABLE users (id int PRIMARY KEY, note text, updated_at timestamptz DEFAULT clock_timestamp())",
    );
    add(&database, 1, users);
    let project = Project::new(&yaml(
        &database,
        &[("journeys", &pipelines(&receiver))],
        &[("users", &sync("identify", QUERY))],
    ));
    let port = database.server().port();
    let url = format!("postgres://{}:{}@127.0.0.1:{port}/{name}", Postgres::USER, Postgres::PASSWORD);
    (database, receiver, project, url)
}

fn add(database: &Database<'_>, from: u32, to: u32) {
    database.sql(&format!("INSERT INTO users SELECT i, 'x' FROM generate_series({from}, {to}) i"));
}

#[test]
fn commands_do_on_postgres_what_they_do_in_a_folder() {
    let (database, receiver, project, url) = world("state_commands", 5);
    let project = project.with_state(Some(url));
    let early = project.run(&["runs"]);
    assert!(early.stderr.contains("nothing has run yet"), "{early:?}");
    project.run(&["preview", "users"]).assert_code(0);
    assert_eq!(project.json(&["run"], 0)["rows"]["calls"], 5);
    add(&database, 6, 7);
    assert_eq!(project.json(&["run", "users"], 0)["rows"]["calls"], 2);
    project.run(&["replay", "1", "--destination", "journeys", "--all", "--force"]).assert_code(0);
    let status = project.json(&["status"], 0);
    assert_eq!((&status["syncs"][0]["sync"], &status["serving"]), (&"users".into(), &().into()), "{status}");
    assert_eq!(project.runs().len(), 3);
    project.run(&["purge", "--key", "3"]).assert_code(0);
    project.assert_closed();
    assert_eq!(receiver.calls().len(), 5 + 2 + 5);
    assert_eq!(database.sql("SELECT count(*) FROM outflow.runs"), "3");
    // The spool is in the folder, the state is not.
    let folder = project.path().join(".outflow");
    assert!(folder.join("spool").is_dir() && !folder.join("state.db").exists());

    // A server that is away is no state without runs.
    let project = project.with_state(Some("postgres://me@127.0.0.1:1/nowhere".to_owned()));
    for command in [&["runs"][..], &["status"], &["run"], &["preview", "users"]] {
        let exit = project.run(command);
        exit.assert_code(1);
        assert!(exit.stderr.contains("error[T001]"), "{exit:?}");
    }
}

#[test]
fn the_project_names_the_state_and_keeps_its_password_elsewhere() {
    let (database, _receiver, project, url) = world("state_key", 3);
    let rest = std::fs::read_to_string(project.path().join("outflow.yaml")).unwrap();
    let run = |state: &str, args: &[&str]| {
        project.write("outflow.yaml", &format!("state: {state}\n{rest}"));
        project.program(args).env("STATE_URL", &url).env("STATE_PASSWORD", Postgres::PASSWORD).run()
    };
    let without_password = url.replace(Postgres::PASSWORD, "${env:STATE_PASSWORD}");
    for state in ["{ url: \"${env:STATE_URL}\", keep: 9d }", "${env:STATE_URL}", &without_password] {
        for args in [&["validate"][..], &["run"], &["runs"], &["status"]] {
            run(state, args).assert_code(0);
        }
    }
    assert_eq!(database.sql("SELECT count(*) FROM outflow.runs"), "3");
    assert!(!project.path().join(".outflow/state.db").exists());
    for (state, code) in [
        (url.clone(), "C009"),
        (format!("{{ url: \"{url}\" }}"), "C009"),
        (url.replace(Postgres::PASSWORD, "x${env:STATE_PASSWORD}"), "C009"),
        ("${env:NOT_SET}".to_owned(), "C008"),
        ("./folder".to_owned(), "C005"),
        (format!("{without_password}?colour=red"), "C003"),
        (without_password.replace("127.0.0.1:", "127.0.0.1:x"), "C005"),
    ] {
        for args in [&["validate"][..], &["run"], &["runs"]] {
            let exit = run(&state, args);
            exit.assert_code(2);
            let told = exit.stdout + &exit.stderr;
            assert!(told.contains(code) && told.contains("outflow.yaml:1:"), "{code}: {told}");
            assert!(!told.contains(Postgres::PASSWORD), "{told}");
        }
    }
    // What is typed comes before what the file says.
    project.write("outflow.yaml", &format!("state: ${{env:STATE_URL}}\n{rest}"));
    project.program(&["--state", "other", "run"]).env("STATE_URL", &url).run().assert_code(0);
    assert!(project.path().join("other/state.db").exists());
}

#[test]
fn a_second_serve_waits_and_takes_over_when_the_first_is_killed() {
    let (database, receiver, project, url) = world("state_two", 4);
    let project = project.with_state(Some(url));
    let mut first = project.serve();
    assert!(first.is_up());
    assert_eq!(project.json(&["run", "users"], 0)["rows"]["calls"], 4);
    assert_eq!(project.json(&["status"], 0)["serving"]["pid"], first.id());
    let refused = project.run(&["serve", "--no-wait"]);
    refused.assert_code(7);
    assert!(refused.stderr.contains("T002"), "{refused:?}");

    let mut second = Serving::of(&project, &project.server());
    assert!(second.event("opening the state", None).is_some());
    second.hear(Duration::from_secs(2));
    assert_eq!(project.json(&["status"], 0)["serving"]["pid"], first.id());
    add(&database, 5, 9);
    assert!(first.kill_after(Duration::ZERO).was_killed());
    assert!(second.is_up());
    assert_eq!(project.json(&["run", "users"], 0)["rows"]["calls"], 5);
    assert_eq!(project.json(&["status"], 0)["serving"]["pid"], second.id());
    second.stop();
    assert_eq!(receiver.calls().len(), 9);
    project.assert_closed();
}
