//! The server's definitions as documents of a project.
//!
//! What always holds: a definition becomes the tree that the same text would be in a file, and each
//! value knows its path, so that a problem has a place: `sync users (server), version 3:
//! schedule.every`. What this does not do: read the state.

use std::path::Path;
use std::sync::Arc;

use outflow_core::Code;
use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use serde_json::Value as Json;

use super::document::{Documents, Key, Node, Place, Value};
use super::keys::SETTINGS;
use super::tree::{File, Written};
use super::{Problems, file_characters, written};

/// A definition that the server owns, as the state has it.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDefinition {
    /// What it defines.
    pub id: DefinitionId,
    /// The number of its version; 0 if it is not in the state yet.
    pub version: u64,
    /// What would stand under its name in a file.
    pub value: Json,
}

impl StoredDefinition {
    /// What the places in it begin with: `sync users (server), version 3`.
    pub fn shown(&self) -> String {
        match self.version {
            0 => format!("{} (server)", self.id),
            version => format!("{} (server), version {version}", self.id),
        }
    }
}

/// The path within a definition that a problem is about, from the problem's place:
/// `schedule.every` of `sync users (server), version 3: schedule.every`.
pub fn field_of(place: &str) -> Option<&str> {
    let (definition, path) = place.split_once(": ")?;
    let path = path.split(':').next().unwrap_or(path);
    (definition.contains(" (server)") && !path.is_empty()).then_some(path)
}

/// Puts the definitions behind the documents of the files.
pub(super) fn add(
    definitions: &[StoredDefinition],
    dir: &Path,
    documents: &mut Documents,
    problems: &mut Problems,
) {
    for definition in definitions {
        let document = Converter::of(definition, documents.all.len(), dir);
        let DefinitionId { kind, name } = &definition.id;
        if *kind == DefinitionKind::Setting && !SETTINGS.contains(&name.as_str()) {
            let message = format!("a definition of the server cannot change {name:?}");
            let help =
                format!("these it can change: {}; the rest stands in outflow.yaml", SETTINGS.join(", "));
            problems.add(&document.place, Code::NotAllowedHere, message, help);
            continue;
        }
        file_characters::check_stored(&document, problems);
        documents.all.push(document);
    }
}

/// A definition as a document by itself.
pub(super) fn document(definition: &StoredDefinition) -> Node {
    Converter::of(definition, 0, Path::new(""))
}

/// Makes a tree of JSON.
struct Converter {
    /// The paths of all values so far.
    paths: Vec<String>,
    /// Stands in for the file until all paths are known.
    file: Arc<File>,
}

impl Converter {
    fn of(definition: &StoredDefinition, number: usize, dir: &Path) -> Node {
        // Behind every file, whatever their number.
        let number = number.saturating_add(1_000_000);
        let shown = definition.shown();
        let file =
            |paths| Arc::new(File { number, shown: shown.clone(), dir: dir.to_owned(), paths: Some(paths) });
        let mut converter = Self { paths: Vec::new(), file: file(Vec::new()) };
        let DefinitionId { kind, name } = &definition.id;
        let mut node = converter.node(&definition.value, "");
        for name in [Some(name.as_str()), kind.key()].into_iter().flatten() {
            let key = Key { name: name.to_owned(), place: node.place.clone() };
            node = table(node.place.clone(), vec![(key, node)]);
        }
        let file = file(converter.paths);
        settle(&mut node, &file);
        node
    }

    fn place(&mut self, path: &str) -> Place {
        self.paths.push(path.to_owned());
        Place { file: self.file.clone(), line: self.paths.len(), column: 1 }
    }

    fn node(&mut self, json: &Json, path: &str) -> Node {
        let place = self.place(path);
        let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let mut written = Written::default();
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Flag(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Whole(whole),
                None => Value::Decimal(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => {
                let items = items.iter().enumerate();
                Value::List(items.map(|(i, item)| self.node(item, &format!("{path}[{i}]"))).collect())
            }
            Json::Object(members) => {
                let entries = members.iter().map(|(name, value)| {
                    let node = self.node(value, &below(name));
                    (Key { name: name.clone(), place: node.place.clone() }, node)
                });
                Value::Table(entries.collect())
            }
        };
        match json {
            Json::String(text) => text.clone_into(&mut written.text),
            Json::Bool(_) | Json::Number(_) => written.text = json.to_string(),
            _ => {}
        }
        Node { place, value, referenced: false, written }
    }
}

fn table(place: Place, entries: Vec<(Key, Node)>) -> Node {
    Node { place, value: Value::Table(entries), referenced: false, written: Written::default() }
}

/// Gives every place the file that knows all paths.
fn settle(node: &mut Node, file: &Arc<File>) {
    node.place.file = file.clone();
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| settle(item, file)),
        Value::Table(entries) => {
            for (key, value) in entries {
                key.place.file = file.clone();
                settle(value, file);
            }
        }
        _ => {}
    }
}

/// What the operator allows definitions of the server to use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Allowed {
    env: bool,
    file: bool,
    paths: bool,
}

impl Allowed {
    /// What the files say.
    pub(super) fn read(documents: &[Node]) -> Self {
        let allows = documents.iter().filter(|d| !d.place.is_stored());
        let allows = allows.filter_map(|d| d.get("definitions")?.get("allow"));
        let words: Vec<&str> = allows.flat_map(Node::items).filter_map(Node::text).collect();
        let has = |word: &str| words.contains(&word);
        Self { env: has("env"), file: has("file"), paths: has("paths") }
    }
}

/// Refuses what the definitions of the server may not use. References must be as they are written.
pub(super) fn refuse(documents: &[Node], problems: &mut Problems) {
    let allowed = Allowed::read(documents);
    for document in documents.iter().filter(|d| d.place.is_stored()) {
        refuse_references(document, allowed, problems);
        if !allowed.paths {
            refuse_paths(document, problems);
        }
    }
}

fn refuse_references(node: &Node, allowed: Allowed, problems: &mut Problems) {
    node.items().iter().for_each(|item| refuse_references(item, allowed, problems));
    node.entries().for_each(|(_, value)| refuse_references(value, allowed, problems));
    let mut rest = node.text().unwrap_or_default();
    while let Some((_, reference)) = rest.split_once("${") {
        rest = reference;
        let refused =
            [("env", allowed.env), ("file", allowed.file)].into_iter().find(|(kind, is_allowed)| {
                !is_allowed && reference.split_once(':').is_some_and(|(found, _)| found == *kind)
            });
        if let Some((kind, _)) = refused {
            let message = format!("a definition of the server may not use ${{{kind}:…}}");
            let help = format!(
                "keep the value on the server and write ${{secret:NAME}}, or let the operator write \
                 `definitions: {{ allow: [{kind}] }}` into outflow.yaml"
            );
            problems.add(&node.place, Code::NotAllowedHere, message, help);
        }
    }
}

fn refuse_paths(document: &Node, problems: &mut Problems) {
    written::each_path(document, &mut |path| {
        let message = "a definition of the server may not name a path";
        let help =
            "let the operator write `definitions: { allow: [paths] }` into outflow.yaml, or define it there";
        problems.add(&path.place, Code::NotAllowedHere, message, help);
    });
}
