//! The one check that compares a tree of the project with the tables of settings, and the values
//! that adapters read from it.
//!
//! The tables are in `keys` and in the adapters; `schema` turns the same ones into JSON Schema. A
//! value that came through a reference is never repeated in a problem.

use outflow_core::Code;
use outflow_core::schema::{Key, Kind, Presence, Shape};
use serde_json::{Map, Value as Json};

use super::document::{self, Node, Value};
use super::{Problems, suggestion};

/// Whether the value is of the right sort, whatever it holds.
fn suits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Table(_) | Kind::Variants(_) | Kind::Named(_) => matches!(value, Value::Table(_)),
        Kind::List(_) => matches!(value, Value::List(_)),
        Kind::Either(kinds) => kinds.iter().any(|k| suits(k, value)),
        _ => !matches!(value, Value::Table(_) | Value::List(_) | Value::Null),
    }
}

/// Whether a single value is right.
fn fits(kind: &Kind, node: &Node) -> bool {
    match kind {
        Kind::Text | Kind::Path => node.text().is_some_and(|t| !t.trim().is_empty()),
        Kind::Secret => node.text().is_some() && node.referenced,
        Kind::Flag => node.flag().is_some(),
        Kind::Whole { min, max } => node.whole().is_some_and(|n| (*min..=*max).contains(&n)),
        Kind::Duration { min, max } => node.duration().is_some_and(|d| (*min..=*max).contains(&d.as_secs())),
        Kind::Size => node.size().is_some(),
        Kind::Time => node.text().is_some_and(|t| crate::when::parse(t).is_ok()),
        Kind::Word(words) => node.text().is_some_and(|t| words.contains(&t)),
        Kind::Either(kinds) => kinds.iter().any(|k| suits(k, &node.value) && fits(k, node)),
        Kind::Table(_) | Kind::Variants(_) | Kind::List(_) | Kind::Named(_) => true,
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
            None if shape.open => {}
            None => {
                let names: Vec<_> = shape.keys.iter().map(|k| k.name).collect();
                let introduction = format!("{} may have", shape.what);
                let message = format!("unknown key {:?}", key.name);
                problems.add(
                    &key.place,
                    Code::UnknownKey,
                    message,
                    suggestion(&key.name, &introduction, &names),
                );
            }
        }
    }
    for key in shape.keys.iter().filter(|k| k.presence == Presence::Required && node.get(k.name).is_none()) {
        let message = format!("{:?} is missing", key.name);
        problems.add(
            &node.place,
            Code::MissingKey,
            message,
            format!("{} needs it: {}", shape.what, key.about),
        );
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
        Kind::Table(shape) => check_table(node, shape, problems),
        Kind::List(kind) => node.items().iter().for_each(|item| check(item, name, kind, problems)),
        Kind::Named(kind) => {
            for (key, value) in node.entries() {
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
        let message = format!("{name:?} is written into the file");
        let help = "keep it in an environment variable, ${env:NAME}, or in a file of its own, ${file:/run/secrets/name}; \
                    change the secret if others can read this file";
        return problems.add(&node.place, Code::SecretInFile, message, help);
    }
    let wanted = kind.expected();
    let (found, help) = match &node.value {
        Value::Null => ("is empty".to_owned(), format!("write {wanted}")),
        Value::Text(text) if !node.referenced => {
            (format!("cannot be {:?}", text.chars().take(60).collect::<String>()), format!("write {wanted}"))
        }
        Value::Whole(_) | Value::Decimal(_) | Value::Flag(_) if matches!(kind, Kind::Text | Kind::Path) => {
            ("must be a text".to_owned(), "put quotes around it".to_owned())
        }
        _ => ("has a value of the wrong kind".to_owned(), format!("write {wanted}")),
    };
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
