//! Whether a value fits its kind.

use outflow_core::schema::Kind;

use super::tree::{Node, Value};

/// Whether the value is of the right sort, whatever it holds.
pub(super) fn suits(kind: &Kind, value: &Value) -> bool {
    match kind {
        Kind::Table(_) | Kind::Variants(_) | Kind::Named(_) => matches!(value, Value::Table(_)),
        Kind::List(_) => matches!(value, Value::List(_)),
        Kind::Either(kinds) => kinds.iter().any(|k| suits(k, value)),
        _ => !matches!(value, Value::Table(_) | Value::List(_) | Value::Null),
    }
}

/// Whether a single value is right.
pub(super) fn fits(kind: &Kind, node: &Node) -> bool {
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

/// Whether a single value is right for a kind of single values.
pub(super) fn takes(kind: &Kind, node: &Node) -> bool {
    let is_single = !matches!(kind, Kind::Table(_) | Kind::Variants(_) | Kind::List(_) | Kind::Named(_));
    is_single && suits(kind, &node.value) && fits(kind, node)
}
