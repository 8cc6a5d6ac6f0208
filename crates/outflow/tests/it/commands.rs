//! The commands besides `run`, on the real binary: what they print in each form, and what they say
//! to wrong words.

mod destination;
mod estimate;
mod files;
mod findings;
mod hands;
mod history;
mod preview;
mod source;
mod terminal;
mod words;

use outflow_testkit::Receiver;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::support::Project;

/// A project on the SQLite file `shop.db` beside it: the sync `users`, which sends the table
/// `users`. An id may be of any type.
fn sqlite_project(receiver: &Receiver, ids: &str) -> Project {
    let url = receiver.url();
    let project = Project::new(&format!(
        r#"version: 1
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [journeys]
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{url}" }}
syncs:
  users:
    source: shop.main
    type: identify
    query: SELECT id AS userId, plan FROM users WHERE updated >= {{{{last_sync_time}}}}
"#
    ));
    let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
    let rows = format!(
        "CREATE TABLE users (id, plan TEXT, updated);
         INSERT INTO users SELECT value, 'on', 1700000000 FROM json_each('{ids}')"
    );
    database.execute_batch(&rows).unwrap();
    project
}

/// What YAML text says, as JSON.
fn from_yaml(text: &str) -> Value {
    let documents = Yaml::load_from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    assert_eq!(documents.len(), 1, "{text}");
    to_json(&documents[0])
}

fn to_json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(flag)) => json!(flag),
        Yaml::Value(Scalar::Integer(number)) => json!(number),
        Yaml::Value(Scalar::FloatingPoint(number)) => json!(number.into_inner()),
        Yaml::Value(Scalar::String(text)) => json!(text),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(members) => {
            let members =
                members.iter().map(|(key, value)| (key.as_str().unwrap().to_owned(), to_json(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => panic!("{other:?} has no place in a document"),
    }
}

/// The documents of NDJSON text.
fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// Demands that a command prints one document, the same as JSON and as YAML, and something for
/// people; gives it.
#[track_caller]
fn in_all_forms(project: &Project, args: &[&str], code: i32) -> Value {
    let document = project.json(args, code);
    let mut yaml = args.to_vec();
    yaml.extend(["--output", "yaml"]);
    let exit = project.run(&yaml);
    exit.assert_code(code);
    assert_eq!(from_yaml(&exit.stdout), document, "{}", exit.stdout);
    let people = project.run(args);
    people.assert_code(code);
    assert!(!people.stdout.is_empty(), "{people:?}");
    document
}
