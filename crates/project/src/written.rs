//! The definitions of the files, as JSON.
//!
//! What always holds: a value means in a definition of the server, whose paths begin at the
//! project's folder, what it means in its file. Texts stand as they are written, references too; a
//! query that has a file of its own stands as its text.
//! What this does not do: check anything.

use std::collections::HashSet;

use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use outflow_core::schema::{Kind, Shape};
use serde_json::{Map, Number, Value as Json};

use super::document::{Node, Value, read_text};
use super::keys::{self, SETTINGS};

/// A definition that stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct FileDefinition {
    /// What it defines.
    pub id: DefinitionId,
    /// Where: `outflow.yaml:12`.
    pub place: String,
    /// What stands under its name.
    pub value: Json,
}

/// Every definition of the files, in their order. Texts must be as they are written, and references
/// not resolved.
pub(super) fn definitions(documents: &[Node]) -> Vec<FileDefinition> {
    let of_files = documents.iter().filter(|d| !d.place.is_stored());
    of_files.flat_map(|document| of_document(document, &Writer::of(document))).collect()
}

/// The definitions of a text that is in no file: no file that it names is read.
pub(super) fn definitions_of_text(document: &Node) -> Vec<FileDefinition> {
    of_document(document, &Writer { reads_files: false, ..Writer::of(document) })
}

fn of_document(document: &Node, writer: &Writer) -> Vec<FileDefinition> {
    let mut found = Vec::new();
    let given = document.entries().filter(|(_, node)| !matches!(node.value, Value::Null));
    for (key, node) in given {
        match DefinitionKind::ALL.into_iter().find(|kind| kind.key() == Some(&key.name)) {
            Some(kind) => {
                let values = node.entries().filter(|(_, value)| !matches!(value.value, Value::Null));
                found.extend(values.map(|(name, value)| FileDefinition {
                    id: DefinitionId::new(kind, name.name.clone()),
                    place: name.place.line_of_file(),
                    value: writer.definition(kind, value),
                }));
            }
            None if SETTINGS.contains(&key.name.as_str()) => {
                let id = DefinitionId::new(DefinitionKind::Setting, key.name.clone());
                let value = writer.json(node, false);
                found.push(FileDefinition { id, place: key.place.line_of_file(), value });
            }
            None => {}
        }
    }
    found
}

/// Where a value begins.
type Position = (usize, usize, usize);

struct Writer {
    /// The values that are paths.
    paths: HashSet<Position>,
    /// A query that has a file of its own is read.
    reads_files: bool,
}

impl Writer {
    fn of(document: &Node) -> Self {
        let mut paths = HashSet::new();
        each_path(document, &mut |path| {
            paths.insert(path.place.position());
        });
        Self { paths, reads_files: true }
    }

    fn definition(&self, kind: DefinitionKind, node: &Node) -> Json {
        if kind == DefinitionKind::Destination {
            return self.destination(node);
        }
        let mut value = self.json(node, false);
        let file = node.get("query").and_then(|query| query.get("file")).and_then(Node::path);
        let file = file.filter(|_| self.reads_files);
        // One that cannot be read is reported by whoever needs the query.
        if let (DefinitionKind::Sync, Some(text)) = (kind, file.and_then(|path| read_text(&path).ok())) {
            value["query"] = text.into();
        }
        value
    }

    /// Which settings of a destination are texts is known to its kind.
    fn destination(&self, node: &Node) -> Json {
        let texts = outflow_destinations::text_settings(kind_of(node));
        let entries = node.entries().filter(|(_, value)| !matches!(value.value, Value::Null));
        let members =
            entries.map(|(key, value)| (key.name.clone(), self.json(value, texts.contains(&key.name))));
        Json::Object(members.collect())
    }

    /// A value. `as_written`: a number is the text that stands there. What is left empty is left
    /// out.
    fn json(&self, node: &Node, as_written: bool) -> Json {
        match &node.value {
            Value::Flag(_) | Value::Whole(_) | Value::Decimal(_) if as_written => {
                node.written.text.clone().into()
            }
            Value::Null => Json::Null,
            Value::Flag(flag) => (*flag).into(),
            Value::Whole(number) => (*number).into(),
            Value::Decimal(number) => Number::from_f64(*number).map_or(Json::Null, Json::Number),
            Value::Text(text) | Value::Unresolved(text) => {
                let text = with_rebased_references(node, text);
                let is_path = self.paths.contains(&node.place.position()) && !text.starts_with("${");
                if is_path { node.place.shown_path(&text).into() } else { text.into() }
            }
            Value::List(items) => items.iter().map(|item| self.json(item, as_written)).collect(),
            Value::Table(entries) => {
                let entries = entries.iter().filter(|(_, value)| !matches!(value.value, Value::Null));
                let members = entries.map(|(key, value)| (key.name.clone(), self.json(value, as_written)));
                Json::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

/// The text with the paths of `${file:…}` as they are from the project's folder.
fn with_rebased_references(node: &Node, text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, reference)) = rest.split_once("${file:") {
        let Some((path, behind)) = reference.split_once('}') else { break };
        out.push_str(before);
        out.push_str("${file:");
        out.push_str(&node.place.shown_path(path));
        out.push('}');
        rest = behind;
    }
    out + rest
}

fn kind_of(destination: &Node) -> &str {
    destination.get("type").and_then(Node::text).unwrap_or_default()
}

/// Calls `found` with each path that a document names.
pub(super) fn each_path(document: &Node, found: &mut impl FnMut(&Node)) {
    in_table(document, &keys::ROOT, found);
    let destinations = document.get("destinations").into_iter().flat_map(Node::entries);
    for (_, destination) in destinations {
        let paths = outflow_destinations::path_settings(kind_of(destination));
        let settings = destination.entries().filter(|(key, _)| paths.contains(&key.name));
        settings.for_each(|(_, path)| found(path));
    }
}

fn in_table(table: &Node, shape: &Shape, found: &mut impl FnMut(&Node)) {
    for (key, value) in table.entries() {
        if let Some(known) = shape.keys.iter().find(|known| known.name == key.name) {
            below(value, &known.kind, found);
        }
    }
}

fn below(node: &Node, kind: &Kind, found: &mut impl FnMut(&Node)) {
    match kind {
        Kind::Path if node.text().is_some() => found(node),
        Kind::Table(shape) => in_table(node, shape, found),
        Kind::Variants(shapes) => shapes.iter().for_each(|shape| in_table(node, shape, found)),
        Kind::List(kind) => node.items().iter().for_each(|item| below(item, kind, found)),
        Kind::Named(kind) => node.entries().for_each(|(_, value)| below(value, kind, found)),
        Kind::Either(kinds) => kinds.iter().for_each(|kind| below(node, kind, found)),
        _ => {}
    }
}
