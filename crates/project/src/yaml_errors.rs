//! What the YAML parser says, in words that lead to the cure.
//!
//! What always holds: the place is one that the cure applies to, which need not be the one at which
//! the parser gave up.

use outflow_core::characters::{self, Oddity};
use outflow_core::{Code, Error};

use super::cures::schedule;
use super::keys;

/// The line, the column and the error for what the parser says at a place.
pub(super) fn told(text: &str, at: (usize, usize), info: &str) -> (usize, usize, Error) {
    let (line, column) = at;
    let here = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    if info.starts_with("duplicated key") {
        let skipped = here.chars().skip(column.saturating_sub(1));
        let key: String = skipped.take_while(|c| *c != ':').take(80).collect();
        return (line, column, twice(key.trim()));
    }
    let error = |message: &str, help: String| Error::new(Code::InvalidYaml, message.to_owned()).help(help);
    if let Some((line, column)) = tab(text, line) {
        let help = "put two spaces in place of each tab; most editors do so on request".to_owned();
        return (line, column, error("YAML is indented by spaces, and this line by a tab", help));
    }
    if let Some((line, column, message, help)) = odd_character(text, line) {
        return (line, column, Error::new(Code::LookalikeInFile, message).help(help));
    }
    // The value that a sign of YAML begins, on this line or before it.
    for number in (line.saturating_sub(1)..=line).rev().filter(|n| *n > 0) {
        let Some(found) = text.lines().nth(number - 1).and_then(sign) else { continue };
        let (column, message, help) = found;
        return (number, column, error(&message, help));
    }
    for number in (line.saturating_sub(1)..=line).rev().filter(|n| *n > 0) {
        let Some(found) = text.lines().nth(number - 1).and_then(colon) else { continue };
        let (column, message, help) = found;
        return (number, column, error(&message, help));
    }
    let help = "look for a missing quote or a wrong indentation here and in the lines above".to_owned();
    (line, column, error(info, help))
}

/// A key that stands in a table twice.
pub(super) fn twice(key: &str) -> Error {
    Error::new(Code::DuplicateName, format!("the key {key:?} stands here twice")).help("keep one of them")
}

/// The first line, from the one before the error on, that a tab indents.
fn tab(text: &str, line: usize) -> Option<(usize, usize)> {
    let from = line.saturating_sub(2);
    let around = text.lines().enumerate().skip(from).take(3);
    around.into_iter().find_map(|(number, line)| {
        let blanks = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
        Some((number + 1, blanks.find('\t')? + 1))
    })
}

/// A character near the error that is not what it looks like to YAML.
fn odd_character(text: &str, line: usize) -> Option<(usize, usize, String, &'static str)> {
    let from = line.saturating_sub(2);
    for (number, line) in text.lines().enumerate().skip(from).take(2) {
        // A comment may hold whatever it likes.
        let line = line.split(" #").next().unwrap_or(line);
        for (column, c) in line.chars().enumerate() {
            let Some(odd) = characters::odd(c) else { continue };
            let help = match odd.what {
                Oddity::Blank => "type plain blanks in its place",
                Oddity::Invisible | Oddity::Direction | Oddity::Control => {
                    "delete it, or type the line again"
                }
                Oddity::Quote => "write a plain quote, \" or ', in its place",
                Oddity::Fullwidth => "write the plain character in its place",
                Oddity::Dash | Oddity::Letter => continue,
            };
            return Some((number + 1, column + 1, format!("the line holds {odd}"), help));
        }
    }
    None
}

/// A key of a project without its colon or without the blank behind it, or a text of one line with
/// a second colon: the column, a sentence and the cure.
fn colon(line: &str) -> Option<(usize, String, String)> {
    let content = line.trim_start_matches([' ', '-']);
    let column = line[..line.len() - content.len()].chars().count() + 1;
    let end = content.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    let (key, rest) = content.split_at(end);
    if !keys::is_known(key) {
        return None;
    }
    let value = rest.trim_start_matches([':', ' ', '=']).trim_end();
    let form = format!("write `{key}: {value}`");
    if rest.starts_with(' ') && !rest.contains(": ") && !rest.ends_with(':') {
        return Some((column, format!("the colon behind {key:?} is missing"), form));
    }
    if rest.starts_with('=') {
        return Some((column, format!("{key:?} is followed by = and not by a colon"), form));
    }
    if rest.starts_with(':') && !rest.starts_with(": ") && rest.len() > 1 {
        return Some((column, format!("the blank behind the colon of {key:?} is missing"), form));
    }
    let is_plain = !value.starts_with(['"', '\'', '{', '[', '|', '>']);
    let (before, _) = value.split_once(": ").filter(|_| rest.starts_with(": ") && is_plain)?;
    let column =
        line.find(value).map_or(column, |at| line[..at].chars().count() + before.chars().count() + 1);
    let message = "a text of one line holds `: `, which YAML takes for the end of a key".to_owned();
    let help = match key {
        "query" => "write `query: |`, and the query below it, indented by two spaces more".to_owned(),
        _ if value.contains('"') => {
            format!("put the text in quotes: {key}: '{}'", value.replace('\'', "\'\'"))
        }
        _ => format!("put the text in quotes: {key}: \"{value}\""),
    };
    Some((column, message, help))
}

/// A value that begins with a sign that means something to YAML: its column, a sentence and the
/// cure.
fn sign(line: &str) -> Option<(usize, String, String)> {
    line.match_indices(": ").find_map(|(at, _)| {
        let rest = &line[at + 2..];
        let value = rest.trim_start();
        let column = line[..line.len() - value.len()].chars().count() + 1;
        let what = match value.chars().next()? {
            '*' => "`*` in front of a value names an anchor in YAML",
            '&' => "`&` in front of a value makes an anchor in YAML",
            '!' => "`!` in front of a value is a tag in YAML",
            '%' | '@' | '`' => "YAML takes no value that begins so",
            '{' if value.starts_with("{{") || value.starts_with("{%") => {
                let help =
                    "Outflow expands no templates of other tools: write ${env:NAME} for what is kept elsewhere";
                return Some((column, "a template of another tool stands here".to_owned(), help.to_owned()));
            }
            _ => return None,
        };
        let key = line[..at].rsplit([',', '{', '[']).next().unwrap_or_default();
        let key = key.trim_start_matches([' ', '-']).trim();
        let is_flow = line[..at].contains('{');
        let end = value.find(", ").or_else(|| value.find('}')).filter(|_| is_flow).unwrap_or(value.len());
        let plain = value[..end].trim();
        if ["schedule", "every"].contains(&key) {
            return Some((column, what.to_owned(), schedule::cure(plain)));
        }
        let quoted = if plain.contains('"') { format!("'{plain}'") } else { format!("\"{plain}\"") };
        Some((column, what.to_owned(), format!("put the value in quotes: {key}: {quoted}")))
    })
}
