//! Files as trees in which everything knows its place.
//!
//! A `${…}` reference needs no quotes, not even inside `{ … }`, where YAML itself would take its
//! braces for its own.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use outflow_core::{Code, Error, files};
use saphyr::{LoadableYamlNode, MarkedYamlOwned, Marker, ScalarOwned, YamlDataOwned};

use super::{FILE, Problems, units};

/// A larger file is no project file.
pub(super) const MAX_BYTES: u64 = 4 << 20;
/// Deeper nesting is refused before the YAML parser, which is recursive, sees it.
const MAX_INDENT: usize = 256;

/// A file of the project.
struct File {
    /// Its number in the order of reading.
    number: usize,
    /// Its path as the user would write it.
    shown: String,
    /// Its folder: relative paths in it begin here.
    dir: PathBuf,
}

/// A place in a file, counted from 1.
#[derive(Clone)]
pub(super) struct Place {
    file: Arc<File>,
    line: usize,
    column: usize,
}

impl Place {
    /// The path of a file that is named at this place.
    pub(super) fn path(&self, named: &str) -> PathBuf {
        // Without `./` in the middle.
        self.file.dir.join(named).components().collect()
    }

    /// The same path as the user would write it from the project's folder.
    pub(super) fn shown_path(&self, named: &str) -> String {
        Path::new(&self.file.shown).with_file_name("").join(named).display().to_string()
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
        write!(f, "{}:{}:{}", self.file.shown, self.line, self.column)
    }
}

/// A value in a file. It may hold a secret, so it cannot be printed.
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
    /// The value, or a part of it, came through a `${…}` reference and is not shown.
    pub(super) referenced: bool,
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

/// The documents of a project.
#[derive(Default)]
pub(super) struct Documents {
    /// The project's file first, then what it includes.
    pub(super) all: Vec<Node>,
    /// A file could not be read: names may be missing that are no mistake.
    pub(super) incomplete: bool,
    /// The files so far. None is read twice, so includes end.
    seen: Vec<PathBuf>,
}

/// Reads the project's file and the files that it includes.
pub(super) fn load(dir: &Path, problems: &mut Problems) -> Documents {
    let mut documents = Documents::default();
    let path = dir.join(FILE);
    match read(&path, Arc::new(File { number: 0, shown: FILE.to_owned(), dir: dir.to_owned() })) {
        Ok(root) => {
            documents.seen.push(path);
            documents.add(root, problems);
        }
        Err((place, error)) => {
            let is_missing = error.code() == Code::ProjectFileUnreadable;
            let help = format!("a project is a folder with a file {FILE}: `outflow init` writes one");
            problems.add_error(&place, if is_missing { error.help(help) } else { error });
        }
    }
    documents
}

impl Documents {
    /// Adds a document and what it includes.
    fn add(&mut self, document: Node, problems: &mut Problems) {
        let include = document.get("include");
        let includes =
            include.map(|i| if i.items().is_empty() { std::slice::from_ref(i) } else { i.items() });
        let includes: Vec<(Place, String)> = includes
            .unwrap_or_default()
            .iter()
            .filter_map(|node| Some((node.place.clone(), node.text()?.to_owned())))
            .collect();
        self.all.push(document);
        for (place, named) in includes {
            self.include(&place, &named, problems);
        }
    }

    fn include(&mut self, place: &Place, named: &str, problems: &mut Problems) {
        let path = place.path(named);
        let is_same = |other: &PathBuf| match (other.canonicalize(), path.canonicalize()) {
            (Ok(a), Ok(b)) => a == b,
            _ => *other == path,
        };
        if self.seen.iter().any(is_same) {
            let message = format!("{named:?} is a part of the project already");
            return problems.add(place, Code::DuplicateName, message, "take this line out");
        }
        let dir = path.parent().map(Path::to_owned).unwrap_or_default();
        let included =
            read(&path, Arc::new(File { number: self.seen.len(), shown: place.shown_path(named), dir }));
        self.seen.push(path);
        match included {
            Ok(included) => self.add(included, problems),
            Err((start, error)) => {
                self.incomplete = true;
                if error.code() == Code::ProjectFileUnreadable {
                    let help = "paths are relative to the file that they stand in";
                    problems.add_error(place, error.at(place.to_string()).help(help));
                } else {
                    problems.add_error(&start, error);
                }
            }
        }
    }
}

fn read(path: &Path, file: Arc<File>) -> Result<Node, (Place, Error)> {
    let start = Place { file, line: 1, column: 1 };
    let fail = |place: &Place, error: Error| (place.clone(), error.at(place.to_string()));
    let text = read_text(path).map_err(|e| fail(&start, e))?;
    let (text, marks) = shield(&text);
    if let Some(line) = text.lines().position(|l| indent(l) > MAX_INDENT) {
        let place = Place { line: line + 1, ..start.clone() };
        return Err(fail(
            &place,
            Error::new(Code::InvalidYaml, "the file is nested too deep").help("indent it less"),
        ));
    }
    let documents = MarkedYamlOwned::load_from_str(&text).map_err(|e| {
        let place = start.marked(*e.marker());
        if e.info().starts_with("duplicated key") {
            let line = text.lines().nth(place.line - 1).unwrap_or_default();
            let key: String =
                line.chars().skip(place.column - 1).take_while(|c| *c != ':').take(80).collect();
            let error =
                Error::new(Code::DuplicateName, format!("the key {:?} stands here twice", key.trim()));
            return fail(&place, error.help("keep one of them"));
        }
        let error = Error::new(Code::InvalidYaml, e.info().to_owned());
        fail(
            &place,
            error.help("look for a missing quote or a wrong indentation here and in the lines above"),
        )
    })?;
    let mut documents = documents.into_iter();
    let root = match documents.next() {
        Some(node) => convert(node, &start, marks),
        None => Node { place: start.clone(), value: Value::Null, referenced: false },
    };
    if let Some(second) = documents.next() {
        let place = start.marked(second.span.start);
        let error = Error::new(Code::InvalidYaml, "the file holds a second YAML document");
        return Err(fail(
            &place,
            error.help("take the line `---` out, or put the rest into a file of its own"),
        ));
    }
    match root.value {
        Value::Table(_) => Ok(root),
        // A file of comments alone.
        Value::Null => Ok(Node { value: Value::Table(Vec::new()), ..root }),
        _ => Err(fail(
            &root.place,
            Error::new(Code::InvalidYaml, "the file is not a table of keys").help("begin with `version: 1`"),
        )),
    }
}

/// The text of a file that the project names.
pub(super) fn read_text(path: &Path) -> Result<String, Error> {
    files::read_text(path, MAX_BYTES)
        .map_err(|e| Error::new(Code::ProjectFileUnreadable, format!("{} {e}", path.display())).caused_by(e))
}

/// Puts two characters that the text does not have in place of the braces of each `${…}`.
fn shield(text: &str) -> (String, [char; 2]) {
    let mut unused = ('\u{e000}'..='\u{f8ff}').filter(|c| !text.contains(*c));
    let (Some(open), Some(close)) = (unused.next(), unused.next()) else {
        return (text.to_owned(), ['{', '}']);
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, reference) = rest.split_at(start);
        out.push_str(before);
        match reference[2..]
            .find(['{', '}', '\n', '"', '\''])
            .filter(|&i| reference[2 + i..].starts_with('}'))
        {
            Some(length) => {
                out.extend(['$', open]);
                out.push_str(&reference[2..2 + length]);
                out.push(close);
                rest = &reference[length + 3..];
            }
            None => {
                out.push_str("${");
                rest = &reference[2..];
            }
        }
    }
    out.push_str(rest);
    (out, [open, close])
}

/// How far a line's content is indented by blanks and by signs that open lists and keys on the same
/// line.
fn indent(line: &str) -> usize {
    let bytes = line.as_bytes();
    let opens = |i: usize| {
        bytes[i].is_ascii_whitespace()
            || (b"-?:".contains(&bytes[i]) && bytes.get(i + 1).is_none_or(u8::is_ascii_whitespace))
    };
    (0..bytes.len()).find(|&i| !opens(i)).unwrap_or(0)
}

impl Place {
    fn marked(&self, marker: Marker) -> Place {
        Place { file: self.file.clone(), line: marker.line().max(1), column: marker.col() + 1 }
    }
}

fn convert(node: MarkedYamlOwned, file: &Place, marks: [char; 2]) -> Node {
    let place = file.marked(node.span.start);
    let plain = |text: String| text.replace(marks[0], "{").replace(marks[1], "}");
    let value = match node.data {
        YamlDataOwned::Value(scalar) => match scalar {
            ScalarOwned::Null => Value::Null,
            ScalarOwned::Boolean(flag) => Value::Flag(flag),
            ScalarOwned::Integer(number) => Value::Whole(number),
            ScalarOwned::FloatingPoint(number) => Value::Decimal(*number),
            ScalarOwned::String(text) => Value::Text(plain(text)),
        },
        YamlDataOwned::Sequence(items) => {
            Value::List(items.into_iter().map(|item| convert(item, file, marks)).collect())
        }
        YamlDataOwned::Mapping(entries) => Value::Table(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let key = convert(key, file, marks);
                    let name = match key.value {
                        Value::Text(name) => name,
                        Value::Whole(number) => number.to_string(),
                        Value::Flag(flag) => flag.to_string(),
                        _ => String::new(),
                    };
                    (Key { name, place: key.place }, convert(value, file, marks))
                })
                .collect(),
        ),
        // A tag says what the reader should make of a value; here the keys say that.
        YamlDataOwned::Tagged(_, inner) => convert(*inner, file, marks).value,
        YamlDataOwned::BadValue | YamlDataOwned::Alias(_) | YamlDataOwned::Representation(..) => Value::Null,
    };
    Node { place, value, referenced: false }
}
