//! The server's definitions beside those of the files.

use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use serde_json::{Value, json};

use super::super::{StoredDefinition, field_of};
use super::*;

fn stored(kind: DefinitionKind, name: &str, version: u64, value: Value) -> StoredDefinition {
    StoredDefinition { id: DefinitionId::new(kind, name), version, value }
}

fn load(yaml: &str, definitions: Vec<StoredDefinition>) -> Result<Project, Vec<Error>> {
    let dir = folder(&[("outflow.yaml", yaml)]);
    Project::load(&Origin { stored: definitions.into(), ..origin(dir.path()) })
}

/// The codes and places of all problems.
fn told(result: Result<Project, Vec<Error>>) -> Vec<(Code, String)> {
    let place = |error: &Error| error.place().unwrap_or_default().to_owned();
    result.unwrap_err().iter().map(|error| (error.code(), place(error))).collect()
}

fn orders() -> Value {
    json!({
        "source": "shop", "type": "track", "query": "SELECT id AS userId, 'x' AS event FROM orders",
        "schedule": { "every": "15m" },
    })
}

#[test]
fn a_definition_of_the_server_is_read_as_one_of_a_file() {
    let server = load(SMALL, vec![stored(DefinitionKind::Sync, "orders", 3, orders())]).unwrap();
    let text = "  orders:
    source: shop
    type: track
    query: SELECT id AS userId, 'x' AS event FROM orders
    schedule: { every: 15m }
";
    let file = load(&format!("{SMALL}{text}"), Vec::new()).unwrap();
    assert_eq!(server.syncs, file.syncs);
    assert_eq!(file.definitions.len(), 4);
    assert_eq!(file.definitions[3].value, orders());
    assert_eq!(file.definitions[3].place, "outflow.yaml:8");
    assert_eq!(server.definitions, file.definitions[..3], "only those of the files");
}

#[test]
fn every_problem_has_its_place_in_the_definition() {
    let mut wrong = orders();
    wrong["schedule"]["every"] = "often".into();
    wrong["source"] = "nowhere".into();
    wrong["destinations"] = json!(["out", "x"]);
    wrong["query"] = "SELECT 1; SELECT 2".into();
    let found = told(load(SMALL, vec![stored(DefinitionKind::Sync, "orders", 3, wrong)]));
    let at = |path: &str| format!("sync orders (server), version 3: {path}");
    assert_eq!(
        found,
        [
            (Code::UnknownReference, at("source")),
            (Code::InvalidValue, at("schedule.every")),
            (Code::UnknownReference, at("destinations[1]")),
        ]
    );
    assert_eq!(field_of(&at("schedule.every")), Some("schedule.every"));
    assert_eq!(field_of("outflow.yaml:3:4"), None);
    let missing =
        told(load(SMALL, vec![stored(DefinitionKind::Sync, "orders", 0, json!({"source": "shop"}))]));
    assert_eq!(missing, vec![(Code::MissingKey, "sync orders (server)".to_owned()); 2]);
}

#[test]
fn a_name_has_one_owner() {
    let out = json!({ "type": "webhook", "url": "https://h.example/" });
    for name in ["out", "OUT"] {
        let both = load(SMALL, vec![stored(DefinitionKind::Destination, name, 2, out.clone())]);
        let error = both.unwrap_err().remove(0);
        assert_eq!(error.code(), Code::DefinedTwice, "{name}");
        assert!(error.message().contains("outflow.yaml:5:3"), "{error}");
        assert!(error.message().contains(&format!("destination {name} (server), version 2")), "{error}");
    }
    let limits = vec![stored(DefinitionKind::Setting, "limits", 1, json!({ "extractions": 3 }))];
    assert_eq!(load(SMALL, limits.clone()).unwrap().limits.extractions, 3);
    let both = told(load(&format!("{SMALL}limits: {{ extractions: 2 }}\n"), limits));
    assert_eq!(both[0].0, Code::DefinedTwice);
    let id = vec![stored(DefinitionKind::Setting, "id", 1, "0123456789".into())];
    assert!(load(SMALL, id.clone()).unwrap().syncs[0].ids.key.is_some());
    assert_eq!(told(load(&format!("id: abcdefghij\n{SMALL}"), id))[0].0, Code::DefinedTwice);
}

#[test]
fn what_reaches_into_the_machine_is_for_the_operator_to_allow() {
    let destination =
        |url: &str| json!({ "type": "webhook", "url": url, "headers": { "x": "${file:/etc/passwd}" } });
    let definitions = || {
        vec![
            stored(DefinitionKind::Destination, "hook", 1, destination("https://${env:PATH}/")),
            stored(DefinitionKind::Destination, "disk", 1, json!({ "type": "file", "path": "/tmp" })),
            stored(
                DefinitionKind::Source,
                "more",
                1,
                json!({ "type": "sqlite", "databases": { "main": { "path": "/etc/x.db" } } }),
            ),
        ]
    };
    let found = told(load(SMALL, definitions()));
    let refused: Vec<&str> = found
        .iter()
        .filter(|(code, _)| *code == Code::NotAllowedHere)
        .map(|(_, place)| place.as_str())
        .collect();
    assert_eq!(
        refused,
        [
            "destination hook (server), version 1: url",
            "destination hook (server), version 1: headers.x",
            "destination disk (server), version 1: path",
            "source more (server), version 1: databases.main.path",
        ]
    );
    let allowing = format!("{SMALL}definitions: {{ allow: [env, file, paths] }}\n");
    let after = load(&allowing, definitions());
    let codes: Vec<Code> = after.err().into_iter().flatten().map(|e| e.code()).collect();
    assert!(!codes.contains(&Code::NotAllowedHere), "{codes:?}");
    for name in ["state", "metrics", "definitions", "include", "targets"] {
        let setting = vec![stored(DefinitionKind::Setting, name, 1, json!({}))];
        assert_eq!(told(load(SMALL, setting))[0].0, Code::NotAllowedHere, "{name}");
    }
}

#[test]
fn characters_and_templates_are_refused_as_in_a_file() {
    for (text, code) in [
        ("{{ var('x') }}", Code::InvalidValue),
        ("a\u{202e}b", Code::LookalikeInFile),
        ("a\u{200b}b", Code::LookalikeInFile),
    ] {
        let mut sync = orders();
        sync["tags"] = json!([text]);
        let found = told(load(SMALL, vec![stored(DefinitionKind::Sync, "orders", 3, sync)]));
        assert_eq!(found[0], (code, "sync orders (server), version 3: tags[0]".to_owned()), "{text:?}");
    }
}

#[test]
fn a_secret_itself_is_refused_and_not_shown() {
    let hook = json!({ "type": "segment", "write_key": "hunter2" });
    let errors = load(SMALL, vec![stored(DefinitionKind::Destination, "s", 1, hook)]).unwrap_err();
    assert_eq!(errors[0].code(), Code::SecretInFile);
    assert!(errors[0].message().contains("written into the definition"), "{}", errors[0]);
    assert!(errors[0].help_text().unwrap().contains("${secret:NAME}"));
    assert!(!format!("{errors:?}").contains("hunter2"));
}

#[test]
fn what_a_file_defines_means_the_same_from_the_folder_of_the_project() {
    let dir = folder(&[
        ("outflow.yaml", "version: 1\ninclude: parts/more.yaml\nlimits: { extractions: 3 }\n"),
        (
            "parts/more.yaml",
            "sources:
  shop: { type: sqlite, databases: { main: { path: shop.db } }, destinations: [out] }
  pg: { type: postgres, databases: { main: { host: h, database: 7, user: u, port: 5432,
    password: \"${file:pw}\", ssl: { mode: verify-full, ca: ca.pem } } } }
destinations:
  out: { type: file, path: out }
syncs:
  users: { source: shop, type: identify, query: { file: users.sql }, description: 1.10, cursor: }
",
        ),
        ("parts/users.sql", "SELECT id AS userId\nFROM users\n"),
        ("parts/pw", "secret"),
        ("parts/ca.pem", "x"),
    ]);
    let project = Project::load(&origin(dir.path())).unwrap();
    let found: Vec<_> =
        project.definitions.iter().map(|d| (d.id.to_string(), d.place.as_str(), d.value.clone())).collect();
    let main = json!({ "host": "h", "database": "7", "user": "u", "port": 5432,
        "password": "${file:parts/pw}", "ssl": { "mode": "verify-full", "ca": "parts/ca.pem" } });
    assert_eq!(
        found,
        [
            ("setting limits".to_owned(), "outflow.yaml:3", json!({ "extractions": 3 })),
            (
                "source shop".to_owned(),
                "parts/more.yaml:2",
                json!({ "type": "sqlite", "databases": { "main": { "path": "parts/shop.db" } }, "destinations": ["out"] })
            ),
            (
                "source pg".to_owned(),
                "parts/more.yaml:3",
                json!({ "type": "postgres", "databases": { "main": main } })
            ),
            (
                "destination out".to_owned(),
                "parts/more.yaml:6",
                json!({ "type": "file", "path": "parts/out" })
            ),
            (
                "sync users".to_owned(),
                "parts/more.yaml:8",
                json!({ "source": "shop", "type": "identify", "query": "SELECT id AS userId\nFROM users\n", "description": "1.10" })
            ),
        ]
    );
}
