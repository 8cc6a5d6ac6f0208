//! The form of a value: an example that is right, made of the table of keys.
//!
//! What always holds: what stands there as a value is taken, apart from names in capitals, which
//! stand for names of the author's.

use outflow_core::schema::{Key, Kind, Presence, Shape};

use super::super::fit;
use super::super::tree::{Node, Value};

/// What to write in place of a value: the form of the kind, with what is written where it belongs.
pub(super) fn of(node: &Node, name: &str, kind: &Kind) -> String {
    match kind {
        Kind::Table(found) => {
            let is_off = matches!(&node.value, Value::Flag(false))
                || matches!(node.written.text.as_str(), "off" | "no" | "none" | "false");
            let form = format!("write a table: `{name}: {}`", table(found, Some(node)));
            if is_off { format!("to have none, take the line out; else {form}") } else { form }
        }
        Kind::Variants(shapes) => {
            let forms: Vec<String> =
                shapes.iter().map(|shape| format!("`{name}: {}`", table(shape, None))).collect();
            format!("write a table: {}", forms.join(" or "))
        }
        Kind::Named(inner) if matches!(node.value, Value::List(_)) => {
            let form = example(inner);
            format!("give each a name in place of its `-`, as in `{name}: {{ NAME: {form} }}`")
        }
        Kind::Named(inner) => format!("write a table of names: `{name}: {{ NAME: {} }}`", example(inner)),
        Kind::List(inner) => format!("write a list: `{name}: [{}]`", example(inner)),
        kind => format!("write {}", kind.expected()),
    }
}

/// A table with the keys that it needs, or else its first one. What is written in place of the
/// table becomes the first of these that takes it.
fn table(shape: &Shape, node: Option<&Node>) -> String {
    let is_required = |key: &&Key| key.presence == Presence::Required;
    let mut keys: Vec<&Key> = shape.keys.iter().filter(is_required).collect();
    let scalar = node.filter(|node| {
        !node.referenced
            && matches!(node.value, Value::Text(_) | Value::Whole(_))
            && node.written.text != "off"
    });
    let takes = |key: &&Key| {
        scalar.is_some_and(|node| !matches!(key.kind, Kind::Secret) && fit::takes(&key.kind, node))
    };
    let taking = keys.iter().copied().find(takes).or_else(|| shape.keys.iter().find(takes));
    if let Some(taking) = taking
        && !keys.iter().any(|key| key.name == taking.name)
    {
        keys.insert(0, taking);
    }
    if keys.is_empty() {
        // Without a key that is always needed, the usual ones.
        let usual = ["host", "database", "user", "password"];
        let usual: Vec<&Key> = shape.keys.iter().filter(|key| usual.contains(&key.name)).collect();
        keys = if usual.is_empty() { shape.keys.iter().take(1).collect() } else { usual };
    }
    let member = |key: &&Key| {
        let value = match taking {
            Some(taking) if taking.name == key.name => scalar.map(|node| node.written.text.clone()),
            _ => None,
        };
        format!("{}: {}", key.name, value.unwrap_or_else(|| example(&key.kind)))
    };
    format!("{{ {} }}", keys.iter().map(member).collect::<Vec<_>>().join(", "))
}

/// A value that is right.
pub(super) fn example(kind: &Kind) -> String {
    match kind {
        Kind::Text => "NAME".to_owned(),
        Kind::Path => "./file".to_owned(),
        Kind::Secret => "${env:NAME}".to_owned(),
        Kind::Flag => "true".to_owned(),
        Kind::Whole { min, max } => 1_000.clamp(*min, *max).to_string(),
        Kind::Duration { min, max } => super::schedule::written_out(900.clamp(*min, *max)),
        Kind::Size => "1GiB".to_owned(),
        Kind::Time => "2026-01-31".to_owned(),
        Kind::Word(words) => words.first().copied().unwrap_or_default().to_owned(),
        Kind::Table(shape) => table(shape, None),
        Kind::Variants(shapes) => shapes.first().map(|shape| table(shape, None)).unwrap_or_default(),
        Kind::List(inner) => format!("[{}]", example(inner)),
        Kind::Named(inner) => format!("{{ NAME: {} }}", example(inner)),
        Kind::Either(kinds) => kinds.first().map(example).unwrap_or_default(),
    }
}
