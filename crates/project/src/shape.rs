//! What a table of the project may hold, and the one check that holds a tree against it.
//!
//! The tables are in `keys`; `schema` turns the same ones into JSON Schema. A value that came
//! through a reference is never repeated in a problem.

use outflow_core::Code;

use super::document::{Key as Name, Node, Value};
use super::{Problems, suggestion};

/// A table and its keys.
pub(super) struct Shape {
    /// What the table is, for people: `a sync`.
    pub(super) what: &'static str,
    pub(super) keys: &'static [Key],
    /// Other keys are somebody else's to check.
    pub(super) open: bool,
}

/// A key of a table.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) about: &'static str,
    pub(super) presence: Presence,
}

/// Whether a key must be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Optional,
    Required,
}

/// What a value must be.
pub(super) enum Kind {
    /// Text that is not blank.
    Text,
    /// A path, relative to the file that it stands in.
    Path,
    /// A `${…}` reference and nothing that is the secret itself.
    Secret,
    Flag,
    Whole {
        min: i64,
        max: i64,
    },
    /// A duration of at least so many seconds.
    Duration {
        min: u64,
    },
    Size,
    /// A date, with or without a time.
    Time,
    Word(&'static [&'static str]),
    Table(&'static Shape),
    /// One of these tables; which one, the reader of the table says.
    Variants(&'static [&'static Shape]),
    List(&'static Kind),
    /// Names of the user's choice, each with such a value.
    Named(&'static Kind),
    Either(&'static [Kind]),
}

impl Key {
    pub(super) const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self { name, kind, about, presence: Presence::Optional }
    }

    pub(super) const fn required(self) -> Self {
        Self { presence: Presence::Required, ..self }
    }
}

impl Kind {
    /// What the value should be, for people.
    fn wanted(&self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Secret => "a reference to a secret".to_owned(),
            Self::Flag => "true or false".to_owned(),
            Self::Whole { min, max } if min == max => format!("the number {min}"),
            Self::Whole { min, max } => format!("a whole number from {min} to {max}"),
            Self::Duration { min: 0 | 1 } => "a duration such as 30s, 15m, 1h or 7d".to_owned(),
            Self::Duration { min } => format!("a duration of {min}s or more, such as 15m, 1h or 7d"),
            Self::Size => "a size such as 500MB, 1GiB or a number of bytes".to_owned(),
            Self::Time => "a time such as 2026-01-31 or 2026-01-31T10:00:00Z".to_owned(),
            Self::Word(words) => words.join(" | "),
            Self::Table(shape) => shape.what.to_owned(),
            Self::Variants(_) | Self::Named(_) => "a table".to_owned(),
            Self::List(kind) => format!("a list of which each is {}", kind.wanted()),
            Self::Either(kinds) => kinds.iter().map(Kind::wanted).collect::<Vec<_>>().join(", or "),
        }
    }

    /// Whether the value is of the right sort, whatever it holds.
    fn suits(&self, value: &Value) -> bool {
        match self {
            Self::Table(_) | Self::Variants(_) | Self::Named(_) => matches!(value, Value::Table(_)),
            Self::List(_) => matches!(value, Value::List(_)),
            Self::Either(kinds) => kinds.iter().any(|k| k.suits(value)),
            _ => !matches!(value, Value::Table(_) | Value::List(_) | Value::Null),
        }
    }

    /// Whether a single value is right.
    fn fits(&self, node: &Node) -> bool {
        match self {
            Self::Text | Self::Path => node.text().is_some_and(|t| !t.trim().is_empty()),
            Self::Secret => node.text().is_some() && node.referenced,
            Self::Flag => node.flag().is_some(),
            Self::Whole { min, max } => node.whole().is_some_and(|n| (*min..=*max).contains(&n)),
            Self::Duration { min } => node.duration().is_some_and(|d| d.as_secs() >= *min),
            Self::Size => node.size().is_some(),
            Self::Time => node.text().is_some_and(|t| crate::when::parse(t).is_ok()),
            Self::Word(words) => node.text().is_some_and(|t| words.contains(&t)),
            Self::Either(kinds) => kinds.iter().any(|k| k.suits(&node.value) && k.fits(node)),
            Self::Table(_) | Self::Variants(_) | Self::List(_) | Self::Named(_) => true,
        }
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
    if matches!(node.value, Value::Broken) {
        return;
    }
    if let Kind::Either(kinds) = kind {
        let mut suiting = kinds.iter().filter(|k| k.suits(&node.value));
        if let (Some(only), None) = (suiting.next(), suiting.next()) {
            return check(node, name, only, problems);
        }
    }
    if !kind.suits(&node.value) || !kind.fits(node) {
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
    let wanted = kind.wanted();
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

/// Names go into places, paths and labels: letters, digits, `_` and `-`, at most 64 of them.
fn check_name(key: &Name, problems: &mut Problems) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if key.name.is_empty() || key.name.len() > 64 || !key.name.chars().all(is_plain) {
        let message = format!("{:?} cannot be a name", key.name.chars().take(70).collect::<String>());
        problems.add(
            &key.place,
            Code::InvalidValue,
            message,
            "use letters, digits, _ and -, at most 64 of them",
        );
    }
}
