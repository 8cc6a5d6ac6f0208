//! The one check that compares a tree of the project with the tables of settings, and the values
//! that adapters read from it.
//!
//! The tables are in `keys` and in the adapters; `schema` turns the same ones into JSON Schema. A
//! value that came through a reference is never repeated in a problem.

use outflow_core::Code;
use outflow_core::schema::{Key, Kind, Presence, Shape};
use serde_json::{Map, Value as Json};

use super::document::{self, Node, Value};
use super::fit::{fits, suits};
use super::{Problems, cures, suggestion};

/// Takes numbers and truth values for the text that stands there, wherever a text is wanted: who
/// names a source `007` means that name.
pub(super) fn take_as_written(node: &mut Node, kind: &Kind) {
    match kind {
        Kind::Text | Kind::Path => node.take_as_written(),
        Kind::Either(kinds) => {
            if kinds.iter().any(|kind| matches!(kind, Kind::Text | Kind::Path)) {
                node.take_as_written();
            }
            for kind in *kinds {
                if matches!(kind, Kind::Table(_) | Kind::List(_)) {
                    take_as_written(node, kind);
                }
            }
        }
        Kind::Table(shape) => table_as_written(node, shape),
        Kind::Variants(shapes) => shapes.iter().for_each(|shape| table_as_written(node, shape)),
        Kind::List(kind) => {
            if let Value::List(items) = &mut node.value {
                items.iter_mut().for_each(|item| take_as_written(item, kind));
            }
        }
        Kind::Named(kind) => {
            if let Value::Table(entries) = &mut node.value {
                entries.iter_mut().for_each(|(_, value)| take_as_written(value, kind));
            }
        }
        Kind::Secret | Kind::Flag | Kind::Whole { .. } | Kind::Duration { .. } => {}
        Kind::Size | Kind::Time | Kind::Word(_) => {}
    }
}

/// The same for each value of a table.
pub(super) fn table_as_written(node: &mut Node, shape: &Shape) {
    let Value::Table(entries) = &mut node.value else { return };
    for (key, value) in entries {
        if let Some(known) = shape.keys.iter().find(|known| known.name == key.name) {
            take_as_written(value, &known.kind);
        }
    }
}

/// The values of a table as its adapter reads them: paths complete, durations in whole seconds, and
/// null for what is given and wrong, which has been reported. What is absent or unknown is left
/// out.
pub(super) fn values(node: &Node, shape: &Shape) -> Map<String, Json> {
    // What a number or a mode will be is not known: the default stands in for it.
    let is_known = |(key, node): &(&Key, &Node)| {
        !matches!(node.value, Value::Unresolved(_))
            || matches!(key.kind, Kind::Text | Kind::Secret | Kind::Path)
    };
    let given = shape.keys.iter().filter_map(|key| Some((key, node.get(key.name)?))).filter(is_known);
    given.map(|(key, node)| (key.name.to_owned(), value(node, &key.kind))).collect()
}

fn value(node: &Node, kind: &Kind) -> Json {
    if let Value::Unresolved(text) = &node.value {
        return text.as_str().into();
    }
    if !suits(kind, &node.value) || !fits(kind, node) {
        return Json::Null;
    }
    match kind {
        Kind::Text | Kind::Secret | Kind::Word(_) | Kind::Time => node.text().into(),
        Kind::Path => node.path().map(|path| path.display().to_string()).into(),
        Kind::Flag => node.flag().into(),
        Kind::Whole { .. } => node.whole().into(),
        Kind::Duration { .. } => node.duration().map(|d| d.as_secs()).into(),
        Kind::Size => node.size().into(),
        Kind::Table(shape) => Json::Object(values(node, shape)),
        Kind::List(kind) => node.items().iter().map(|item| value(item, kind)).collect(),
        Kind::Named(kind) => {
            node.entries().map(|(key, node)| (key.name.clone(), value(node, kind))).collect()
        }
        Kind::Either(kinds) => kinds
            .iter()
            .find(|kind| suits(kind, &node.value) && fits(kind, node))
            .map_or(Json::Null, |kind| value(node, kind)),
        // Whoever knows which table it is reads it with that one.
        Kind::Variants(_) => Json::Null,
    }
}

/// Checks a table and all below it.
pub(super) fn check_table(node: &Node, shape: &Shape, problems: &mut Problems) {
    for (key, value) in node.entries() {
        match shape.keys.iter().find(|k| k.name == key.name) {
            // A key that is left empty counts as absent.
            Some(known) if !matches!(value.value, Value::Null) => {
                check(value, known.name, &known.kind, problems)
            }
            Some(_) => {}
            None if key.name == MERGE => merge(key, problems),
            None if shape.open => {}
            None => unknown(key, shape, problems),
        }
    }
    // What a merge key would bring is not known to be missing.
    if node.entries().any(|(key, _)| key.name == MERGE) {
        return;
    }
    for key in shape.keys.iter().filter(|k| k.presence == Presence::Required && node.get(k.name).is_none()) {
        let message = format!("{:?} is missing", key.name);
        let words = match key.kind {
            Kind::Word(words) => format!(": one of {}", words.join(", ")),
            _ => String::new(),
        };
        let help = format!("{} needs it: {}{words}", shape.what, key.about);
        problems.add(&node.place, Code::MissingKey, message, help);
    }
}

/// The merge key of YAML 1.1.
const MERGE: &str = "<<";

fn merge(key: &document::Key, problems: &mut Problems) {
    let help = "write the keys out; an alias, `key: *anchor`, stands for a whole value";
    problems.add(&key.place, Code::UnsupportedKey, "merge keys, `<<`, are not supported", help);
}

fn unknown(key: &document::Key, shape: &Shape, problems: &mut Problems) {
    let names: Vec<_> = shape.keys.iter().map(|k| k.name).collect();
    if let Some(help) = cures::elsewhere(&key.name, shape.what) {
        return problems.add(&key.place, Code::UnknownKey, format!("unknown key {:?}", key.name), help);
    }
    let help = match cures::synonym(&key.name, &names) {
        Some(ours) => format!("did you mean {ours:?}?"),
        None if key.name.starts_with("x-") || key.name.starts_with('.') => {
            "a table for anchors has no place here: put the anchor, `key: &name …`, where the value stands first, \
             and the alias, `key: *name`, where it is used again"
                .to_owned()
        }
        None => suggestion(&key.name, &format!("{} may have", shape.what), &names),
    };
    problems.add(&key.place, Code::UnknownKey, format!("unknown key {:?}", key.name), help);
}

/// Text at whose ends stands white space, which cannot be seen: a block of YAML ends with a line
/// break.
fn blank_ends(node: &Node, name: &str, problems: &mut Problems) {
    let is_free = node.referenced || ["query", "description"].contains(&name);
    if let Some(text) = node.text().filter(|text| !is_free && text.trim() != *text) {
        let what = if text.trim_end() == text { "beginning" } else { "end" };
        let message = format!("{name:?} has white space at its {what}");
        let help = "take it away; a text of one line stands behind its key, not in a block";
        problems.add(&node.place, Code::InvalidValue, message, help);
    }
}

fn check(node: &Node, name: &str, kind: &Kind, problems: &mut Problems) {
    if matches!(node.value, Value::Unresolved(_)) {
        return;
    }
    if let Kind::Either(kinds) = kind {
        let mut suiting = kinds.iter().filter(|k| suits(k, &node.value));
        if let (Some(only), None) = (suiting.next(), suiting.next()) {
            return check(node, name, only, problems);
        }
    }
    if !suits(kind, &node.value) || !fits(kind, node) {
        return wrong(node, name, kind, problems);
    }
    match kind {
        Kind::Text | Kind::Path => blank_ends(node, name, problems),
        Kind::Table(shape) => check_table(node, shape, problems),
        Kind::List(kind) => node.items().iter().for_each(|item| check(item, name, kind, problems)),
        Kind::Named(kind) => {
            for (key, value) in node.entries() {
                if key.name == MERGE {
                    merge(key, problems);
                    continue;
                }
                check_name(key, problems);
                check(value, &key.name, kind, problems);
            }
        }
        _ => {}
    }
}

fn wrong(node: &Node, name: &str, kind: &Kind, problems: &mut Problems) {
    if matches!(kind, Kind::Secret)
        && matches!(node.value, Value::Text(_) | Value::Whole(_) | Value::Decimal(_))
    {
        let message = format!("{name:?} is written into the {}", node.place.holder());
        let help = node.place.home_of_secrets();
        return problems.add(&node.place, Code::SecretInFile, message, help);
    }
    let (found, help) = cures::cure(node, name, kind);
    problems.add(&node.place, Code::InvalidValue, format!("{name:?} {found}"), help);
}

/// Names go into places, paths, labels and command lines: letters, digits, `_` and `-`, at most 64
/// of them, and no `-` at the beginning, where a command would take it for an option.
fn check_name(key: &document::Key, problems: &mut Problems) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let name = &key.name;
    let is_option = name.starts_with('-');
    if name.is_empty() || name.len() > 64 || is_option || !name.chars().all(is_plain) {
        let message = format!("{:?} cannot be a name", name.chars().take(70).collect::<String>());
        problems.add(
            &key.place,
            Code::InvalidValue,
            message,
            "use letters, digits, _ and -, at most 64 of them, and no - at the beginning",
        );
    }
}
