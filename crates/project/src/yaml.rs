//! YAML to a tree.
//!
//! What always holds: a scalar keeps the text that stands in the file, and what YAML makes of that
//! text is kept beside it. A `${…}` reference needs no quotes, not even inside `{ … }`, where YAML
//! itself would take its braces for its own. Keys are texts, whatever YAML would make of them. Tags
//! are refused, for no tag has a meaning here.

use std::borrow::Cow;

use outflow_core::{Code, Error};
use saphyr::{MarkedYamlOwned, ScalarOwned, ScalarStyle, YamlDataOwned, YamlLoader};
use saphyr_parser::{Parser, Tag};

use super::tree::{Key, Node, Place, Value, Written};
use super::{Problems, file_characters, yaml_errors};

/// Deeper nesting is refused before the YAML parser, which is recursive, sees it.
const MAX_INDENT: usize = 256;

/// A place and what is wrong there.
type Failure = (Place, Error);

/// The tree of a text.
pub(super) fn read(text: &str, start: &Place, problems: &mut Problems) -> Result<Node, Failure> {
    // YAML reads each of them as the same line break.
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let fail = |place: &Place, error: Error| Err((place.clone(), error.at(place.to_string())));
    let (shielded, marks) = shield(&text);
    if let Some(line) = shielded.lines().position(|l| indent(l) > MAX_INDENT) {
        let place = Place { line: line + 1, ..start.clone() };
        let error = Error::new(Code::InvalidYaml, "the file is nested too deep").help("indent it less");
        return fail(&place, error);
    }
    let mut loader = YamlLoader::<MarkedYamlOwned>::default();
    loader.early_parse(false);
    let parsed = Parser::new_from_str(&shielded).load(&mut loader, true);
    if let Some(error) = parsed.err().or_else(|| loader.error().cloned()) {
        let at = start.marked(*error.marker());
        let (line, column, error) = yaml_errors::told(&text, (at.line, at.column), error.info());
        return fail(&Place { line, column, ..start.clone() }, error);
    }
    let mut documents = loader.into_documents().into_iter();
    let file = Converter { start, marks, lines: text.lines().collect() };
    let root = match documents.next() {
        Some(node) => file.node(node)?,
        None => Node::empty(start.clone()),
    };
    if let Some(second) = documents.next() {
        let place = start.marked(second.span.start);
        let error = Error::new(Code::InvalidYaml, "the file holds a second YAML document")
            .help("take the line `---` out, or put the rest into a file of its own");
        return fail(&place, error);
    }
    file_characters::check(&text, &root, start, problems);
    match root.value {
        Value::Table(_) => Ok(root),
        // A file of comments alone.
        Value::Null => Ok(Node { value: Value::Table(Vec::new()), ..root }),
        _ => {
            let error = Error::new(Code::InvalidYaml, "the file is not a table of keys");
            fail(&root.place, error.help("begin with `version: 1`"))
        }
    }
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

/// Makes our tree of the parser's.
struct Converter<'a> {
    start: &'a Place,
    marks: [char; 2],
    /// The lines of the file.
    lines: Vec<&'a str>,
}

impl Converter<'_> {
    fn node(&self, node: MarkedYamlOwned) -> Result<Node, Failure> {
        let place = self.start.marked(node.span.start);
        let mut written = Written::default();
        let value = match node.data {
            YamlDataOwned::Representation(text, style, tag) => {
                let text = text.replace(self.marks[0], "{").replace(self.marks[1], "}");
                let (first, last) = (node.span.start, node.span.end);
                // An end at the beginning of a line belongs to the line before.
                let last = if last.col() == 0 { last.line().saturating_sub(1) } else { last.line() };
                written = self.written(&text, style, (first.line(), first.col()), last);
                self.scalar(text, style, tag.as_ref(), &place)?
            }
            YamlDataOwned::Sequence(items) => {
                Value::List(items.into_iter().map(|item| self.node(item)).collect::<Result<_, _>>()?)
            }
            YamlDataOwned::Mapping(entries) => {
                let mut table: Vec<(Key, Node)> = Vec::new();
                for (key, value) in entries {
                    let key = self.node(key)?;
                    let name = match key.value {
                        Value::List(_) => "[…]".to_owned(),
                        Value::Table(_) => "{…}".to_owned(),
                        _ => key.written.text,
                    };
                    if table.iter().any(|(other, _)| other.name == name) {
                        let error = yaml_errors::twice(&name).at(key.place.to_string());
                        return Err((key.place, error));
                    }
                    table.push((Key { name, place: key.place }, self.node(value)?));
                }
                Value::Table(table)
            }
            YamlDataOwned::Tagged(tag, _) => return Err(tagged(&tag.to_string(), &place)),
            YamlDataOwned::Value(_) | YamlDataOwned::BadValue | YamlDataOwned::Alias(_) => Value::Null,
        };
        Ok(Node { place, value, referenced: false, written })
    }

    /// What YAML makes of a scalar.
    fn scalar(
        &self,
        text: String,
        style: ScalarStyle,
        tag: Option<&Tag>,
        place: &Place,
    ) -> Result<Value, Failure> {
        let is_core = |tag: &&Tag| tag.is_yaml_core_schema() && tag.suffix != "binary";
        if let Some(tag) = tag.filter(|tag| !is_core(tag)) {
            return Err(tagged(&tag.to_string(), place));
        }
        let tag = tag.map(|tag| Cow::Owned(tag.clone()));
        let parsed = ScalarOwned::parse_from_cow_and_metadata(Cow::Borrowed(&text), style, tag.as_ref());
        Ok(match parsed {
            Some(ScalarOwned::Null) => Value::Null,
            Some(ScalarOwned::Boolean(flag)) => Value::Flag(flag),
            Some(ScalarOwned::Integer(number)) => Value::Whole(number),
            Some(ScalarOwned::FloatingPoint(number)) => Value::Decimal(*number),
            Some(ScalarOwned::String(_)) | None => Value::Text(text),
        })
    }

    /// How a scalar stands in the file: from this line and column, both of the parser, to this
    /// line.
    fn written(
        &self,
        text: &str,
        style: ScalarStyle,
        (line, column): (usize, usize),
        last: usize,
    ) -> Written {
        let mut written = Written { text: text.to_owned(), ..Written::default() };
        if style == ScalarStyle::Literal {
            return written;
        }
        let first = line.saturating_sub(1);
        let lines = self.lines.get(first..last.max(line).min(self.lines.len())).unwrap_or_default();
        // An alias stands for what is written elsewhere, and is looked at there.
        let begins = lines.first().and_then(|l| l.chars().nth(column));
        if begins == Some('*') {
            return written;
        }
        if lines.len() > 1 {
            let plain = |line: &&str| match style {
                ScalarStyle::DoubleQuoted => line.replace("\\\"", "\"").replace("\\\\", "\\"),
                ScalarStyle::SingleQuoted => line.replace("''", "'"),
                _ => (*line).to_owned(),
            };
            written.joined = lines.iter().map(plain).collect();
        }
        if style == ScalarStyle::DoubleQuoted {
            written.escape = lines.iter().find_map(|line| odd_escape(line));
        }
        if style == ScalarStyle::Plain {
            written.comment = lines.iter().find_map(|line| comment(line, text));
        }
        written
    }
}

impl Node {
    fn empty(place: Place) -> Self {
        Self { place, value: Value::Null, referenced: false, written: Written::default() }
    }
}

/// An escape that makes a character that cannot be seen: `\_` is a no-break space.
fn odd_escape(line: &str) -> Option<String> {
    let mut rest = line;
    while let Some((_, escape)) = rest.split_once('\\') {
        let c = escape.chars().next()?;
        if "_NLPbeavf0xuU".contains(c) {
            return Some(format!("\\{c}"));
        }
        rest = &escape[c.len_utf8()..];
    }
    None
}

/// What follows ` #` in a line, if the text of a scalar ends there.
fn comment(line: &str, text: &str) -> Option<String> {
    let at = [" #", "\t#"].iter().filter_map(|mark| line.find(mark)).min()?;
    let word = line[..at].split_whitespace().next_back()?;
    (text.ends_with(word) && !text.contains(" #")).then(|| line[at..].trim().to_owned())
}

/// A tag: whoever writes one wants something done that is not done here.
fn tagged(tag: &str, place: &Place) -> Failure {
    let message = format!("the tag {tag} means nothing here");
    let help = "take it out; a value that is kept elsewhere is a reference: ${env:NAME} or ${file:/run/secrets/name}";
    (place.clone(), Error::new(Code::UnsupportedKey, message).at(place.to_string()).help(help))
}
