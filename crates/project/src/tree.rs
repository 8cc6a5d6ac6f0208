//! A file of the project as a tree in which everything knows its place.
//!
//! What always holds: a scalar is kept as it is written beside what YAML makes of it. What it does
//! not do: read files or YAML.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use saphyr::Marker;

use super::units;

/// A file of the project.
pub(super) struct File {
    /// Its number in the order of reading.
    pub(super) number: usize,
    /// Its path as the user would write it.
    pub(super) shown: String,
    /// Its folder: relative paths in it begin here.
    pub(super) dir: PathBuf,
    /// Of a definition of the server: the path of each value in it. A place's line is the number
    /// of one.
    pub(super) paths: Option<Vec<String>>,
}

impl File {
    /// A file of a person.
    pub(super) fn on_disk(number: usize, shown: String, dir: PathBuf) -> Self {
        Self { number, shown, dir, paths: None }
    }
}

/// A place in a file, counted from 1.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) file: Arc<File>,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    /// The path of a file that is named at this place.
    pub(super) fn path(&self, named: &str) -> PathBuf {
        // Without `./` in the middle.
        self.file.dir.join(named).components().collect()
    }

    /// The same path as the user would write it from the project's folder.
    pub(super) fn shown_path(&self, named: &str) -> String {
        if self.is_stored() {
            return named.to_owned();
        }
        Path::new(&self.file.shown).with_file_name("").join(named).display().to_string()
    }

    /// The place of a mark in the same file.
    pub(super) fn marked(&self, marker: Marker) -> Place {
        Place { file: self.file.clone(), line: marker.line().max(1), column: marker.col() + 1 }
    }

    /// Whether it is in a definition of the server.
    pub(super) fn is_stored(&self) -> bool {
        self.file.paths.is_some()
    }

    /// What holds the value: for messages.
    pub(super) fn holder(&self) -> &'static str {
        if self.is_stored() { "definition" } else { "file" }
    }

    /// Where a secret is kept that stands there itself.
    pub(super) fn home_of_secrets(&self) -> &'static str {
        if self.is_stored() {
            return "keep it as a secret of the server, ${secret:NAME}; change it if others can read this definition";
        }
        "keep it in an environment variable, ${env:NAME}, or in a file of its own, ${file:/run/secrets/name}; \
         change the secret if others can read this file"
    }

    /// The file and the line, or the definition.
    pub(super) fn line_of_file(&self) -> String {
        if self.is_stored() { self.file.shown.clone() } else { format!("{}:{}", self.file.shown, self.line) }
    }

    pub(super) fn position(&self) -> (usize, usize, usize) {
        (self.file.number, self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(paths) = &self.file.paths else {
            return write!(f, "{}:{}:{}", self.file.shown, self.line, self.column);
        };
        match paths.get(self.line.saturating_sub(1)).filter(|path| !path.is_empty()) {
            Some(path) => write!(f, "{}: {path}", self.file.shown),
            None => f.write_str(&self.file.shown),
        }
    }
}

/// A value in a file. It may hold a secret, so it cannot be printed.
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// The value, or a part of it, came through a `${…}` reference and is not shown.
    pub(super) referenced: bool,
    /// How a scalar is written in the file.
    pub(super) written: Written,
}

/// How a scalar is written in the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Written {
    /// Its text, whatever YAML makes of it.
    pub(super) text: String,
    /// The lines of the file that YAML has joined to one text, without the escapes of its quotes;
    /// empty if each line of the text is one of the file.
    pub(super) joined: Vec<String>,
    /// An escape of double quotes that makes a character that cannot be seen there.
    pub(super) escape: Option<String>,
    /// Something follows ` #` on its line, which YAML takes for a comment.
    pub(super) comment: Option<String>,
}

/// What a value is.
pub(super) enum Value {
    Null,
    Flag(bool),
    Whole(i64),
    Decimal(f64),
    Text(String),
    List(Vec<Node>),
    Table(Vec<(Key, Node)>),
    /// A text with a reference to something that is not there, as it is written. That is reported
    /// apart, to whoever needs it.
    Unresolved(String),
}

/// A key of a table.
pub(super) struct Key {
    pub(super) name: String,
    pub(super) place: Place,
}

impl Node {
    /// The value of a key; one that is left empty counts as absent.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let (_, node) = self.entries().find(|(k, _)| k.name == key)?;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&Key, &Node)> {
        let entries = match &self.value {
            Value::Table(entries) => entries.as_slice(),
            _ => &[],
        };
        entries.iter().map(|(key, node)| (key, node))
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The value of a key, to be changed.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match &mut self.value {
            Value::Table(entries) => entries.iter_mut().find(|(k, _)| k.name == key).map(|(_, node)| node),
            _ => None,
        }
    }

    /// Whether it, or something in it, refers to what is not there.
    pub(super) fn is_unresolved(&self) -> bool {
        matches!(self.value, Value::Unresolved(_))
            || self.items().iter().any(Node::is_unresolved)
            || self.entries().any(|(_, node)| node.is_unresolved())
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Unresolved(text) => Some(text),
            _ => None,
        }
    }

    /// Makes a number or a truth value the text that stands in the file.
    pub(super) fn take_as_written(&mut self) {
        let is_scalar = matches!(self.value, Value::Flag(_) | Value::Whole(_) | Value::Decimal(_));
        if is_scalar && !self.referenced {
            self.value = Value::Text(self.written.text.clone());
        }
    }

    /// A whole number; a reference gives it as text.
    pub(super) fn whole(&self) -> Option<i64> {
        match &self.value {
            Value::Whole(number) => Some(*number),
            Value::Text(text) if self.referenced => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// A whole number from 0 on.
    pub(super) fn count(&self) -> Option<u64> {
        self.whole().and_then(|n| u64::try_from(n).ok())
    }

    pub(super) fn flag(&self) -> Option<bool> {
        match &self.value {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) if self.referenced => text.trim().parse().ok(),
            _ => None,
        }
    }

    pub(super) fn duration(&self) -> Option<Duration> {
        units::duration(self.text()?)
    }

    pub(super) fn size(&self) -> Option<u64> {
        match &self.value {
            Value::Whole(bytes) => u64::try_from(*bytes).ok(),
            _ => units::size(self.text()?),
        }
    }

    /// A path, from the folder of the file that names it.
    pub(super) fn path(&self) -> Option<PathBuf> {
        Some(self.place.path(self.text()?))
    }
}
