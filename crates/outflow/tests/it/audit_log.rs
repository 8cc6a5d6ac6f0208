//! `outflow audit`: who changed what, on both stores, with and without a running `serve`.

use std::fs;

use outflow_testkit::{Postgres, Receiver};
use serde_json::{Value, json};

use crate::support::{Project, Store, state_url};

/// The sync `users` sends five people to the destination `journeys`.
fn project(receiver: &Receiver) -> Project {
    let project = Project::new(&format!(
        "version: 1\nsources:\n  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [journeys] }}\n\
         destinations:\n  journeys: {{ type: webhook, url: \"{url}\" }}\n\
         alerts: {{ to: [{{ webhook: {{ url: \"{url}\", secret: \"${{env:KEY}}\" }} }}] }}\n\
         syncs:\n  users: {{ source: shop.main, type: identify, query: SELECT id AS userId FROM users, \
         guards: {{ max_rows: 6 }} }}\n",
        url = receiver.url()
    ));
    project.write(".env", "KEY=whsec_Y2FuYXJ5LXNpZ25pbmcta2V5LTkwZjNiMmE3ZDE=\n");
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    let sql = "CREATE TABLE users (id); INSERT INTO users VALUES ('ada@example.com'), (2), (3), (4), (5)";
    database.execute_batch(sql).unwrap();
    project
}

/// Every entry, the oldest first.
fn entries(project: &Project) -> Vec<Value> {
    let exit = project.run(&["audit", "export"]);
    exit.assert_code(0);
    exit.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Action, subject and result of the entries after the first `known`.
fn new(project: &Project, known: &mut usize) -> Vec<String> {
    let all = entries(project);
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let code = text(entry, "code");
        let result = text(entry, "result") + if code.is_empty() { "" } else { " " } + &code;
        format!("{} {} {result}", text(entry, "action"), text(entry, "subject"))
    };
    let lines = all[*known..].iter().map(line).collect();
    *known = all.len();
    lines
}

fn whole_life(store: Store) {
    let (server, receiver) = (store.server(), Receiver::start_blocking());
    let project = project(&receiver).with_state(server.as_ref().map(|server| state_url(server.port())));
    if store == Store::Sqlite {
        assert!(project.run(&["audit", "list"]).stdout.contains("nobody has changed anything yet"));
    }
    project.run(&["run"]).assert_code(0);
    let mut known = 0;
    let lines = new(&project, &mut known);
    let (run, defined) = lines.split_last().unwrap();
    assert_eq!(run, "sync.run sync/users begun");
    assert_eq!(
        defined,
        [
            "source.create source/shop done",
            "destination.create destination/journeys done",
            "setting.create setting/alerts done",
            "sync.create sync/users done",
        ]
    );
    let own = entries(&project)[known - 1]["actor"].clone();
    assert_eq!(own["kind"], "local");
    assert!(!own["name"].as_str().unwrap().is_empty(), "{own}");

    project.run(&["pause", "users"]).assert_code(0);
    project.run(&["resume", "users"]).assert_code(0);
    project.run(&["cancel", "journeys"]).assert_code(2);
    project.run(&["purge", "--key", "ada@example.com", "--dry-run"]).assert_code(0);
    project.run(&["run", "--due"]).assert_code(0);
    project.run(&["alerts", "test"]);
    let lines = new(&project, &mut known);
    assert_eq!(
        lines,
        [
            "sync.pause sync/users done",
            "sync.resume sync/users done",
            "destination.cancel destination/journeys begun",
            "destination.cancel destination/journeys refused C012",
            "alerts.test alerts begun",
        ]
    );
    let mut serving = project.serve();
    assert!(serving.is_up());
    project.run(&["run", "users", "--full"]).assert_code(0);
    project.run(&["pause", "journeys"]).assert_code(0);
    project.run(&["cancel", "journeys"]).assert_code(2);
    project.run(&["purge", "--key", "ada@example.com"]).assert_code(0);
    project.run(&["alerts", "test"]);
    project.write(
        "outflow.yaml",
        &(fs::read_to_string(project.path().join("outflow.yaml")).unwrap() + "x: 1\n"),
    );
    project.run(&["reload"]).assert_code(2);
    let lines = new(&project, &mut known);
    let person = lines.iter().find(|line| line.starts_with("person.purge")).unwrap().clone();
    assert_eq!(
        lines,
        [
            "outflow.serve outflow begun",
            "sync.run sync/users begun",
            "destination.pause destination/journeys done",
            "destination.cancel destination/journeys begun",
            "destination.cancel destination/journeys refused C012",
            &person,
            "alerts.test alerts begun",
            "project.reload project begun",
            "project.reload project refused C003",
        ]
    );
    let all = entries(&project);
    let mut asked = all.iter().filter(|entry| entry["actor"]["kind"] != "file");
    assert!(asked.all(|entry| entry["actor"] == own), "whoever asks `serve` is named: {all:?}");
    assert!(!format!("{all:?}").contains("ada@"), "{all:?}");
    let actor = json!({ "kind": "person", "name": "ada", "address": "192.0.2.7" });
    serving.ask(&json!({ "ask": "reload", "actor": actor })).unwrap();
    serving.stop();
    let newest = project.json(&["audit", "list", "--actor", "ada", "-n", "1"], 0);
    assert_eq!((&newest[0]["actor"], &newest[0]["code"]), (&actor, &json!("C003")), "{newest}");
    let table = project.run(&["audit", "list", "--subject", "project"]).stdout;
    assert!(table.contains("person ada from 192.0.2.7") && !table.contains("sync.run"), "{table}");
    check(&project, all.len() + 2);
    tamper(&project, store, server.as_ref());
}

/// The chain is as it was written, also by what was noted of it.
fn check(project: &Project, entries: usize) {
    let found = project.json(&["audit", "verify"], 0);
    assert_eq!((&found["entries"], &found["problems"]), (&json!(entries), &json!([])), "{found}");
    let note = format!("{}:{}", entries, found["last_hash"].as_str().unwrap());
    project.run(&["audit", "verify", "--seen", &note]).assert_code(0);
    let other = format!("{}:{}", entries - 1, found["last_hash"].as_str().unwrap());
    let found = project.json(&["audit", "verify", "--seen", &other, "--seen", &note], 1);
    assert!(found["problems"][0].as_str().unwrap().contains("is not the one that was noted"), "{found}");
    project.run(&["audit", "verify", "--seen", "7"]).assert_code(2);
}

/// Somebody changes an entry, with the triggers out of the way.
fn tamper(project: &Project, store: Store, server: Option<&Postgres>) {
    let change = "UPDATE audit_log SET actor = 'bob' WHERE number = 3";
    match (store, server) {
        (Store::Postgres, Some(server)) => {
            server
                .sql(&format!("SET search_path = outflow; SET session_replication_role = replica; {change}"));
        }
        _ => {
            let state = rusqlite::Connection::open(project.path().join(".outflow/state.db")).unwrap();
            outflow_state_functions(&state);
            state.execute_batch("DROP TRIGGER audit_log_stays").unwrap();
            state.execute_batch(change).unwrap();
        }
    }
    let exit = project.run(&["audit", "verify"]);
    exit.assert_code(1);
    assert!(exit.stdout.contains("error: entry 3 is not what was written"), "{exit:?}");
}

/// What a tool needs to write to a state: any functions of these names do.
fn outflow_state_functions(state: &rusqlite::Connection) {
    let flags = rusqlite::functions::FunctionFlags::SQLITE_INNOCUOUS;
    state.create_scalar_function("row_sum", -1, flags, |_| Ok(0)).unwrap();
}

#[test]
fn everything_that_people_change_is_in_the_log_in_a_folder() {
    whole_life(Store::Sqlite);
}

#[test]
fn everything_that_people_change_is_in_the_log_on_postgres() {
    whole_life(Store::Postgres);
}
