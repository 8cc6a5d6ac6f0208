//! Secrets that Outflow keeps, end to end: set, used, changed under `serve`, bound to addresses,
//! and shown nowhere. On both stores.

use std::fs;

use outflow_testkit::crash::{Exit, Program};
use outflow_testkit::{Postgres, Receiver, Reply};
use serde_json::Value;

use super::{contains, files};
use crate::serving::Serving;
use crate::support::{Project, Store, state_url};

pub(super) const FIRST: &str = "canary-kept-one-4b7e19";
pub(super) const SECOND: &str = "canary-kept-two-90c3ad";
const ROW: &str = "canary-kept-row-7d21";

/// A project whose webhook has a secret header, and everything that it said.
pub(super) struct Vault {
    pub(super) project: Project,
    home: tempfile::TempDir,
    exits: Vec<Exit>,
}

impl Vault {
    pub(super) fn new(receiver: &Receiver, state: Option<String>) -> Self {
        let project = Project::new(&format!(
            "version: 1\nsources:\n  shop: {{ type: sqlite, databases: {{ main: {{ path: ./shop.db }} }}, destinations: [hook] }}\n\
             destinations:\n  hook: {{ type: webhook, url: \"{}\", headers: {{ Authorization: \"Bearer ${{secret:HOOK}}\" }} }}\n\
             syncs:\n  users: {{ source: shop.main, type: identify, query: \"SELECT id AS userId, note FROM users\" }}\n",
            receiver.url()
        ));
        let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
        let sql = format!("CREATE TABLE users (id, note); INSERT INTO users VALUES (1, '{ROW}'), (2, 'x')");
        database.execute_batch(&sql).unwrap();
        let home = tempfile::tempdir().unwrap();
        Self { project: project.with_state(state), home, exits: Vec::new() }
    }

    /// The binary, with a home of its own for the key, and all that it can log.
    pub(super) fn program(&self, args: &[&str]) -> Program {
        let program = self.project.program(args).env("OUTFLOW_LOG", "trace");
        program.env("HOME", self.home.path().to_str().unwrap()).env("XDG_CONFIG_HOME", "")
    }

    pub(super) fn run(&mut self, args: &[&str], code: i32) -> Exit {
        let exit = self.program(args).run();
        exit.assert_code(code);
        self.exits.push(exit.clone());
        exit
    }

    /// Sets a secret through stdin.
    pub(super) fn set(&mut self, name: &str, value: &str, code: i32) -> Exit {
        let value_file = self.home.path().join("value");
        fs::write(&value_file, format!("{value}\n")).unwrap();
        let program = self.program(&["secrets", "set", name, "-v"]).env("VALUE", &value_file);
        let exit = program.within("sh", &["-c", r#"exec "$0" "$@" < "$VALUE""#], &[]).run();
        fs::remove_file(value_file).unwrap();
        exit.assert_code(code);
        self.exits.push(exit.clone());
        exit
    }

    pub(super) fn json(&mut self, args: &[&str], code: i32) -> Value {
        let exit = self.run(&[args, &["--output", "json"]].concat(), code);
        crate::support::document(&exit)
    }

    /// The file of the key, which Outflow has made.
    pub(super) fn key(&self) -> std::path::PathBuf {
        let folder = self.home.path().join(".config/outflow");
        let mut found = fs::read_dir(folder).unwrap();
        found.next().unwrap().unwrap().path()
    }

    /// Demands that no secret and no key stands in anything that was said or kept.
    pub(super) fn assert_quiet(&self, more: &[String]) -> usize {
        let keys = fs::read_to_string(self.key()).unwrap_or_default();
        let mut scanned = 0;
        let secrets: Vec<&str> = [FIRST, SECOND].into_iter().chain(keys.lines()).collect();
        let kept = files(&self.project.path().join(".outflow"));
        for secret in secrets {
            for exit in &self.exits {
                assert!(!exit.stdout.contains(secret) && !exit.stderr.contains(secret), "{secret}: {exit:?}");
                scanned += exit.stdout.len() + exit.stderr.len();
            }
            for (name, bytes) in &kept {
                assert!(!contains(bytes, secret), "{secret} stands in {name}");
                scanned += bytes.len();
            }
            for text in more {
                assert!(!text.contains(secret), "{secret} stands in {text}");
                scanned += text.len();
            }
        }
        scanned
    }
}

/// The `Authorization` of the last request.
pub(super) fn last(receiver: &Receiver) -> String {
    let requests = receiver.requests();
    requests.last().unwrap().header("authorization").unwrap().to_owned()
}

fn whole_life(store: Store) {
    let (server, receiver) = (store.server(), Receiver::start_blocking());
    let mut vault = Vault::new(&receiver, server.as_ref().map(|server| state_url(server.port())));
    let missing = vault.run(&["run"], 2);
    assert!(missing.stderr.contains("C008"), "{missing:?}");
    assert!(missing.stderr.contains("outflow secrets set HOOK"), "{missing:?}");
    let set = vault.set("HOOK", FIRST, 0);
    assert!(set.stdout.contains("used by destination hook; may be sent to webhook url="), "{set:?}");
    assert!(set.stdout.contains("its key is new"), "{set:?}");
    vault.run(&["run", "-v"], 0);
    assert_eq!(last(&receiver), format!("Bearer {FIRST}"));
    let list = vault.json(&["secrets", "list"], 0);
    assert_eq!(
        (&list["secrets"][0]["name"], &list["secrets"][0]["used_by"][0]),
        (&"HOOK".into(), &"destination hook".into())
    );

    // Under `serve` a secret that is set again is in force at once; a wrong address is refused.
    let mut serving = Serving::of(&vault.project, &vault.program(&["serve", "-v", "--output", "json"]));
    assert!(serving.is_up());
    let set = vault.set("HOOK", SECOND, 0);
    assert!(set.stdout.contains("is set again"), "{set:?}");
    vault.run(&["run", "users", "--full"], 0);
    assert_eq!(last(&receiver), format!("Bearer {SECOND}"));
    vault.run(&["secrets", "rotate"], 0);
    vault.run(&["run", "users", "--full"], 0);
    assert_eq!(last(&receiver), format!("Bearer {SECOND}"));
    let other = Receiver::start_blocking();
    let yaml = fs::read_to_string(vault.project.path().join("outflow.yaml")).unwrap();
    vault.project.write("outflow.yaml", &yaml.replace(&receiver.url(), &other.url()));
    let refused = vault.run(&["reload"], 2);
    assert!(refused.stderr.contains("C034"), "{refused:?}");
    let check = vault.run(&["secrets", "check", "--output", "json"], 1);
    assert!(check.stdout.contains("C034"), "{check:?}");
    vault.run(&["run", "users", "--full"], 2);
    assert!(other.requests().is_empty(), "nothing goes there until the secret is set again");
    assert!(vault.run(&["secrets", "remove", "HOOK"], 2).stderr.contains("C035"));
    vault.set("HOOK", FIRST, 0);
    // The destination repeats what it got.
    other.rule(|request, _| {
        let secret = request.header("authorization").unwrap_or_default().to_owned();
        Some(Reply::status(400).body(format!("no entry for {secret}")))
    });
    vault.run(&["run", "users", "--full", "-v"], 4);
    assert_eq!(last(&other), format!("Bearer {FIRST}"));
    vault.run(&["dead-letters", "users", "--output", "json"], 0);
    vault.run(&["status", "--output", "json"], 0);
    let served = serving.stop();
    let exported = vault.run(&["audit", "export"], 0);
    for action in ["secret.set", "secret.rotate", "project.reload"] {
        assert!(exported.stdout.contains(action), "{action}: {exported:?}");
    }
    vault.run(&["audit", "verify"], 0);
    vault.run(&["secrets", "check"], 0);
    let dump = server.as_ref().map(dump).unwrap_or_default();
    let scanned = vault.assert_quiet(&[served.stdout, served.stderr, dump]);
    println!("{scanned} bytes scanned, 0 hits");
}

/// Everything in the state on a server, as text.
fn dump(server: &Postgres) -> String {
    let tables =
        server.sql("SELECT table_name FROM information_schema.tables WHERE table_schema = 'outflow'");
    let rows = |table: &str| server.sql(&format!("SELECT t::text FROM outflow.{table} t"));
    let mut text: String = tables.lines().map(rows).collect();
    // Bytes as they are, and not as hexadecimal digits.
    text += &server.sql("SELECT encode(wrapped, 'escape') || encode(sealed, 'escape') FROM outflow.secrets");
    assert!(text.contains("secret.set"), "{text}");
    text
}

#[test]
fn a_secret_is_set_used_and_told_nowhere_in_a_folder() {
    whole_life(Store::Sqlite);
}

#[test]
fn a_secret_is_set_used_and_told_nowhere_on_postgres() {
    whole_life(Store::Postgres);
}

#[test]
fn a_value_is_no_argument_and_what_cannot_be_one_is_refused() {
    let mut vault = Vault::new(&Receiver::start_blocking(), None);
    vault.run(&["secrets", "set", "HOOK", FIRST], 2);
    vault.exits.pop();
    let long = "x".repeat(70_000);
    for (name, value) in [("HOOK", ""), ("a b", "x"), ("HOOK", long.as_str())] {
        let exit = vault.set(name, value, 2);
        assert!(exit.stderr.contains("C005"), "{exit:?}");
    }
    let early = vault.set("LATER", FIRST, 0);
    assert!(early.stdout.contains("nothing refers to it yet"), "{early:?}");
    let unknown = vault.run(&["secrets", "remove", "LATTER"], 2);
    assert!(unknown.stderr.contains("C033") && unknown.stderr.contains("did you mean"), "{unknown:?}");
    vault.run(&["secrets", "remove", "LATER"], 0);
    assert_eq!(vault.json(&["secrets", "list"], 0)["secrets"], serde_json::json!([]));
    vault.assert_quiet(&[]);
}
