//! `outflow users` and `outflow tokens`, beside a running `serve` and without one.

use outflow_testkit::Postgres;
use outflow_testkit::crash::Exit;
use serde_json::{Value, json};

use crate::support::{Project, Store, state_url};

const YAML: &str = "version: 1
sources:
  shop: { type: sqlite, databases: { main: { path: ./shop.db } }, destinations: [archive] }
destinations:
  archive: { type: file, path: ./out }
syncs:
  people: { source: shop, type: identify, query: 'SELECT 1 AS userId', enabled: false }
";

fn project(store: Store) -> (Project, Option<Postgres>) {
    let server = store.server();
    let project = Project::new(YAML).with_state(server.as_ref().map(|server| state_url(server.port())));
    rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    (project, server)
}

/// Runs the binary with this text on its standard input.
fn with_stdin(project: &Project, args: &[&str], text: &str) -> Exit {
    let pipe = format!("printf '{text}' | \"$0\" \"$@\"");
    project.program(args).within("sh", &["-c", &pipe], &[]).run()
}

fn names(list: &Value, key: &str) -> Vec<String> {
    let of = |entry: &Value| entry["name"].as_str().unwrap().to_owned();
    list[key].as_array().unwrap().iter().map(of).collect()
}

/// Makes, changes and lists people and tokens, as an administrator of the machine does.
fn script(project: &Project) {
    let made = project.json(&["users", "create", "Ada", "--role", "admin"], 0);
    assert_eq!((&made["name"], &made["role"]), (&json!("ada"), &json!("admin")));
    assert_eq!(made["password"].as_str().unwrap().len(), 20);
    let bob = ["users", "create", "bob", "--role", "viewer", "--password-stdin"];
    let bob = with_stdin(project, &bob, "four words without sense\\nmore");
    bob.assert_code(0);
    assert_eq!(bob.stdout, "the user bob is made, as viewer\n");
    let easy = with_stdin(project, &["users", "reset-password", "bob", "--password-stdin"], "Password1234");
    easy.assert_code(2);
    assert!(easy.stderr.contains("A007") && !easy.stderr.contains("Password1234"), "{}", easy.stderr);
    project.run(&["users", "set-role", "bob", "member"]).assert_code(0);
    project.run(&["users", "disable", "bob"]).assert_code(0);
    for last in [&["users", "disable", "ada"][..], &["users", "set-role", "ada", "member"]] {
        let refused = project.run(last);
        refused.assert_code(2);
        assert!(refused.stderr.contains("A008"), "{}", refused.stderr);
    }
    let users = project.json(&["users", "list"], 0);
    assert_eq!(names(&users, "users"), ["ada", "bob"]);
    assert_eq!(
        (&users["users"][1]["role"], users["users"][1]["disabled_at"].is_string()),
        (&json!("member"), true)
    );
    assert!(!users.to_string().contains("argon2id"), "{users}");

    let token = project.run(&["tokens", "create", "airflow", "--permission", "runs.start"]);
    token.assert_code(0);
    let secret = token.stdout.trim_end();
    assert!(secret.starts_with("ofl_") && secret.len() == 53, "{secret}");
    assert!(!token.stderr.contains(secret), "what is piped away is not on the terminal");
    let list = project.json(&["tokens", "list"], 0);
    assert_eq!(list["tokens"][0]["permissions"], json!(["runs.start"]));
    assert!(!list.to_string().contains(secret));
    let id = list["tokens"][0]["id"].as_str().unwrap();
    assert_eq!(project.json(&["tokens", "revoke", id], 0)["state"], "revoked");
    let wrong = project.run(&["tokens", "create", "x", "--permission", "runs.strat"]);
    wrong.assert_code(2);
    assert!(wrong.stderr.contains("did you mean \"runs.start\"?"), "{}", wrong.stderr);
    project.run(&["tokens", "create", "x"]).assert_code(2);
    assert_eq!(project.json(&["users", "sign-out", "bob"], 0)["ended"], 0);
}

#[test]
fn people_and_tokens_are_made_without_a_serve_and_beside_one() {
    for store in [Store::Sqlite, Store::Postgres] {
        let (alone, _server) = project(store);
        // A server's database has no tables before the first command that writes.
        if store == Store::Sqlite {
            assert_eq!(alone.run(&["users", "list", "--quiet"]).code, Some(0));
        }
        script(&alone);
        let (served, _server) = project(store);
        let mut serving = served.serve();
        assert!(serving.is_up());
        script(&served);
        serving.stop();
    }
}
