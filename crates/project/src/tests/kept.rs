//! `${secret:NAME}`: values from the application, for the addresses that they were set for.

use std::collections::{BTreeMap, BTreeSet};

use outflow_core::{Code, Secret};
use outflow_warehouse::kinds;

use super::super::kept::NEUTRAL;
use super::super::*;
use super::{folder, origin};

const PROJECT: &str = r#"
version: 1
sources:
  pg:
    type: postgres
    databases:
      main: { host: db.example, port: 5432, database: a, user: b, password: "${secret:db}" }
    destinations: [hook]
destinations:
  hook: { type: webhook, url: "https://a.example/in", headers: { Authorization: "Bearer ${secret:hook}" } }
alerts:
  to: [{ webhook: { url: "https://b.example/${secret:path}", secret: "${secret:sign}" } }]
syncs:
  users: { source: pg, type: identify, query: SELECT 1 AS "userId" }
"#;

const SIGN: &str = "whsec_Y2FuYXJ5LXNpZ25pbmcta2V5LTkwZjNiMmE3ZDE=";

/// The project, its uses of secrets, and an origin in which each is set for where it is used.
fn given(text: &str) -> (tempfile::TempDir, Origin) {
    let dir = folder(&[("outflow.yaml", text)]);
    let mut origin = origin(dir.path());
    let mut all: BTreeMap<String, KeptSecret> = BTreeMap::new();
    for used in Project::secret_uses(&super::origin(folder(&[("outflow.yaml", PROJECT)]).path())) {
        let value = if used.secret == "sign" { SIGN } else { "canary-value" };
        let addresses = BTreeSet::from([used.address]);
        all.insert(used.secret, KeptSecret::Value { value: Secret::new(value), addresses });
    }
    origin.secrets = KeptSecrets::new(all);
    (dir, origin)
}

#[test]
fn every_use_is_known_with_its_address_and_its_place() {
    let dir = folder(&[("outflow.yaml", PROJECT)]);
    let uses = Project::secret_uses(&origin(dir.path()));
    let lines: Vec<String> =
        uses.iter().map(|u| format!("{} {}: {} ({})", u.secret, u.used_by, u.address, u.place)).collect();
    assert_eq!(
        lines,
        [
            "db database pg.main: postgres host=db.example port=5432 (password) (outflow.yaml:7:77)",
            "hook destination hook: webhook url=https://a.example/in (headers.Authorization) (outflow.yaml:10:81)",
            "path receiver of alerts by webhook: webhook url=https://b.example/${secret:path} (url) (outflow.yaml:12:26)",
            "sign receiver of alerts by webhook: webhook url=https://b.example/${secret:path} (secret) (outflow.yaml:12:70)",
        ]
    );
    let (_dir, origin) = given(PROJECT);
    let project = Project::load(&origin).unwrap();
    assert_eq!(project.destinations[0].settings["headers"]["Authorization"], "Bearer canary-value");
    assert!(!format!("{project:?} {origin:?}").contains("canary"));
}

#[test]
fn a_changed_address_gets_nothing_until_the_secret_is_set_again() {
    for (right, wrong, secret) in [
        ("host: db.example", "host: evil.example", "db"),
        ("port: 5432", "port: 5433", "db"),
        ("port: 5432", "port: 5432, tunnel: { host: evil.example }", "db"),
        ("port: 5432", "port: 5432, ssl: disable", "db"),
        ("port: 5432", "port: 5432, allow_cleartext_password: true", "db"),
        ("host: db.example", "host: \"${env:OTHER_HOST}\"", "db"),
        // A setting that the server quotes in what it says.
        ("user: b", "user: \"${secret:db}\"", "db"),
        ("database: a", "database: \"${secret:db}\"", "db"),
        ("https://a.example/in", "https://evil.example/in", "hook"),
        ("https://a.example/in", "http://a.example/in", "hook"),
        ("https://b.example/${secret:path}", "https://evil.example/${secret:path}", "path"),
    ] {
        let (_dir, origin) = given(&PROJECT.replace(right, wrong));
        let errors = Project::load(&origin).unwrap_err();
        let told = errors.iter().find(|e| e.code() == Code::SecretNotForAddress);
        let told = told.unwrap_or_else(|| panic!("{wrong}: {errors:?}"));
        assert!(told.message().contains(&format!("${{secret:{secret}}}")), "{wrong}: {told:?}");
        assert!(told.help_text().unwrap().contains("`outflow secrets set"), "{told:?}");
        assert!(!format!("{errors:?}").contains("canary"), "{errors:?}");
    }
    // What does not change where it goes is no matter.
    for (one, other) in [
        ("user: b", "user: c"),
        ("database: a", "database: z"),
        ("url: \"https://a.example/in\"", "url: \"https://a.example/in\", max_calls: 7"),
    ] {
        let (_dir, origin) = given(&PROJECT.replace(one, other));
        Project::load(&origin).unwrap_or_else(|errors| panic!("{other}: {errors:?}"));
    }
}

#[test]
fn a_secret_that_is_not_there_or_cannot_be_had_says_so_where_it_is_used() {
    let dir = folder(&[("outflow.yaml", PROJECT)]);
    let mut origin = origin(dir.path());
    let code = |origin: &Origin| Project::load(origin).unwrap_err()[0].code();
    assert_eq!(code(&origin), Code::SecretUnresolved);
    let gone = KeptSecret::Unavailable {
        code: Code::SecretKeyWrong,
        message: "no key".to_owned(),
        help: "find it".to_owned(),
    };
    origin.secrets = KeptSecrets::new(BTreeMap::from([("db".to_owned(), gone)]));
    assert_eq!(code(&origin), Code::SecretKeyWrong);
    // Other parts do without.
    assert_eq!(Project::load_partly(&origin).unwrap().unresolved.len(), 4);
    let state = PROJECT.replace("version: 1", "version: 1\nstate: \"${secret:db}\"");
    let dir = folder(&[("outflow.yaml", &state)]);
    let error = Project::state_url(&super::origin(dir.path())).unwrap_err();
    assert!(error.message().contains("the state itself keeps the secrets"), "{error:?}");
}

#[test]
fn the_key_comes_from_one_place() {
    let read = |said: &str| {
        let dir = folder(&[("outflow.yaml", &format!("{PROJECT}\nsecrets: {{ key: {said} }}"))]);
        Project::secret_key(&origin(dir.path())).map(|key| (key, dir.path().to_owned()))
    };
    let (key, dir) = read("{ file: keys/k }").unwrap();
    assert_eq!(key, Some(SecretKeyConfig::File(dir.join("keys/k"))));
    let (key, _) = read("{ env: KEY }").unwrap();
    assert_eq!(key, Some(SecretKeyConfig::Env("KEY".to_owned())));
    let (key, _) = read("{ command: [pass, show, x] }").unwrap();
    assert_eq!(key, Some(SecretKeyConfig::Command(["pass", "show", "x"].map(str::to_owned).to_vec())));
    for wrong in ["{ file: k, env: KEY }", "{ command: [] }"] {
        assert_eq!(read(wrong).unwrap_err().code(), Code::InvalidValue, "{wrong}");
    }
}

/// A key that is new counts as a part of the address until somebody says that it is none.
#[test]
fn every_setting_is_known_to_change_the_address_or_not() {
    const ADDRESS: &[&str] = &[
        "allow_cleartext_password",
        "base_url",
        "ca",
        "data_plane_url",
        "host",
        "path",
        "port",
        "proxy",
        "region",
        "server",
        "ssl",
        "tls",
        "tunnel",
        "url",
    ];
    let mut all: BTreeSet<String> = BTreeSet::new();
    for shape in kinds::SHAPES {
        all.extend(shape.keys.iter().map(|key| key.name.to_owned()));
    }
    for kind in outflow_destinations::kinds() {
        let schema = outflow_destinations::schema(kind).unwrap();
        all.extend(schema["properties"].as_object().unwrap().keys().cloned());
    }
    let unknown: Vec<_> = all
        .iter()
        .filter(|name| !NEUTRAL.contains(&name.as_str()) && !ADDRESS.contains(&name.as_str()))
        .filter(|name| *name != "type")
        .collect();
    assert_eq!(unknown, Vec::<&String>::new(), "say whether these change where something is sent");
}
