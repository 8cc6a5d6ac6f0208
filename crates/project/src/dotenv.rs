//! `.env` beside `outflow.yaml`: values for `${env:NAME}` that the environment does not have.
//!
//! What always holds: a value is what stands in the file. Nothing is replaced in it, so a password
//! may hold a `$`. The environment wins over the file, and no problem shows a value.
//!
//! A line is `NAME=VALUE`, with `export ` before it if one likes. Blanks around a value go. What
//! stands in quotes ends at the closing one: single quotes keep everything, double ones know
//! `\n`, `\t`, `\"` and `\\`. A `#` begins a comment at the start of a line, behind a blank, or
//! behind a closing quote.

use std::collections::HashMap;
use std::path::Path;

use outflow_core::{Code, Error, files};

use super::document::MAX_BYTES;
use super::secrets::Variables;

/// The file's name.
const FILE: &str = ".env";

/// What the file holds.
#[derive(Default)]
pub(super) struct Dotenv {
    /// Values by name.
    pub(super) values: HashMap<String, String>,
    /// The names that lines begin with that cannot be read.
    pub(super) broken: Vec<String>,
}

impl Dotenv {
    /// The names of its variables, and those of the environment.
    pub(super) fn variables(&self) -> Variables {
        let mut in_file: Vec<String> = self.values.keys().cloned().collect();
        in_file.sort_unstable();
        let in_environment = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        Variables { in_file, in_environment: in_environment.collect() }
    }
}

/// The file in this folder; nothing if there is none.
pub(super) fn read(dir: &Path, problems: &mut Vec<Error>) -> Dotenv {
    let text = match files::read_text(&dir.join(FILE), MAX_BYTES) {
        Ok(text) => text,
        Err(files::ReadFailure::Missing) => return Dotenv::default(),
        Err(failure) => {
            problems.push(Error::new(Code::ProjectFileUnreadable, format!("{FILE} {failure}")));
            return Dotenv::default();
        }
    };
    let mut dotenv = Dotenv::default();
    for (n, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        match entry(line) {
            Ok(Some((name, value))) => {
                dotenv.values.insert(name.to_owned(), value);
            }
            Ok(None) => {}
            Err(what) => {
                let name = name_of(line);
                let help = match (what, name) {
                    (NO_SIGN, Some(name)) if line.contains(':') => {
                        format!("write {name}=VALUE: a line of {FILE} has = where YAML has a colon")
                    }
                    _ => "write NAME=VALUE, and put a value with blanks or # in single quotes".to_owned(),
                };
                dotenv.broken.extend(name.map(str::to_owned));
                problems.push(
                    Error::new(Code::ProjectFileUnreadable, format!("a line of {FILE} {what}"))
                        .at(format!("{FILE}:{}", n.saturating_add(1)))
                        .help(help),
                );
            }
        }
    }
    dotenv
}

const NO_SIGN: &str = "has no =";

/// The name that a line begins with that cannot be read, if it is followed by a sign: what stands
/// there without one can be a secret.
fn name_of(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, _) = line.split_once([':', '='])?;
    let name = name.trim_end();
    let is_plain = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (!name.is_empty() && !name.as_bytes()[0].is_ascii_digit() && name.bytes().all(is_plain)).then_some(name)
}

fn entry(line: &str) -> Result<Option<(&str, String)>, &'static str> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=').ok_or(NO_SIGN)?;
    let name = name.trim_end();
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    if name.is_empty() || !name.bytes().all(is_plain) || name.as_bytes()[0].is_ascii_digit() {
        return Err("begins with something that is no name");
    }
    let value = value.trim_start();
    let (value, behind) = match value.chars().next() {
        Some('\'') => {
            let (value, behind) = value[1..].split_once('\'').ok_or("has a quote that is not closed")?;
            (value.to_owned(), behind)
        }
        Some('"') => double_quoted(&value[1..])?,
        _ => {
            let is_comment = |(at, c): &(usize, char)| *c == '#' && value[..*at].ends_with([' ', '\t']);
            let comment = value.char_indices().find(is_comment).map_or(value.len(), |(at, _)| at);
            (value[..comment].trim_end().to_owned(), "")
        }
    };
    match behind.trim_start() {
        "" => Ok(Some((name, value))),
        comment if comment.starts_with('#') => Ok(Some((name, value))),
        _ => Err("goes on behind the closing quote"),
    }
}

fn double_quoted(text: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[at + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, 't')) => value.push('\t'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                Some((_, c)) => value.extend(['\\', c]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("has a quote that is not closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_what_stands_in_the_file() {
        for (line, value) in [
            ("KEY=value", "value"),
            ("export KEY = value  # the key", "value"),
            ("KEY=pa$$word#1", "pa$$word#1"),
            ("KEY='pa$s \"w\" # d'  # quoted", "pa$s \"w\" # d"),
            ("KEY=\"a\\n\\\"b\\\" \\d\\\\\"", "a\n\"b\" \\d\\"),
            ("KEY=a=b==", "a=b=="),
            ("KEY=", ""),
        ] {
            assert_eq!(entry(line), Ok(Some(("KEY", value.to_owned()))), "{line}");
        }
        for line in ["", "  ", "# KEY=value"] {
            assert_eq!(entry(line), Ok(None), "{line}");
        }
    }

    #[test]
    fn a_line_that_is_wrong_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), "A=1\nsup3r-secret\n1B='x\nC=\"x\nD='x' y\nE=2\r\n").unwrap();
        let mut problems = Vec::new();
        let dotenv = read(dir.path(), &mut problems);
        let mut names: Vec<_> = dotenv.values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        names.sort_unstable();
        assert_eq!(names, [("A", "1"), ("E", "2")]);
        let places: Vec<_> = problems.iter().filter_map(|e| e.place()).collect();
        assert_eq!(places, [".env:2", ".env:3", ".env:4", ".env:5"]);
        assert!(!format!("{problems:?}").contains("sup3r"));
        let mut none = Vec::new();
        assert!(read(&dir.path().join("nowhere"), &mut none).values.is_empty() && none.is_empty());
        assert_eq!(dotenv.broken, ["C", "D"], "of the others, what stands there may be a secret");
    }
}
