//! A project as one file: the text of `outflow.yaml` for definitions.
//!
//! What always holds: the same definitions give the same bytes, whatever their order; every YAML
//! parser reads every scalar as it was; and a text of several lines, a query above all, stands as a
//! block that YAML does not change. What this does not do: keep comments.

use std::fmt::Write as _;

use outflow_core::ports::state::{DefinitionId, DefinitionKind};
use serde_json::{Map, Value as Json};

/// Keys that come first in a table, in this order; all others follow by name.
const FIRST: [&str; 21] = [
    "version",
    "id",
    "type",
    "name",
    "description",
    "tags",
    "source",
    "host",
    "port",
    "database",
    "user",
    "password",
    "query",
    "file",
    "schedule",
    "every",
    "cron",
    "timezone",
    "databases",
    "region",
    "url",
];

/// The text of a project with these definitions.
pub fn export(definitions: &[(DefinitionId, Json)]) -> String {
    let mut sorted: Vec<&(DefinitionId, Json)> = definitions.iter().collect();
    sorted.sort_by_key(|(id, _)| (id.kind.position(), rank(&id.name)));
    let mut out = String::from("version: 1\n");
    let of = |kind: DefinitionKind| sorted.iter().filter(move |(id, _)| id.kind == kind);
    for (id, value) in of(DefinitionKind::Setting) {
        entry(&mut out, &id.name, value, 0);
    }
    for kind in [DefinitionKind::Source, DefinitionKind::Destination, DefinitionKind::Sync] {
        let Some(key) = kind.key().filter(|_| of(kind).next().is_some()) else { continue };
        let _ = writeln!(out, "{key}:");
        of(kind).for_each(|(id, value)| entry(&mut out, &id.name, value, 1));
    }
    out
}

/// Where a key stands in its table.
fn rank(key: &str) -> (usize, &str) {
    (FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len()), key)
}

/// `key: value` at a depth.
fn entry(out: &mut String, key: &str, value: &Json, depth: usize) {
    indent(out, depth);
    out.push_str(&scalar(key));
    out.push(':');
    behind(out, value, depth, key == "query");
}

/// The value behind a colon or a dash.
fn behind(out: &mut String, value: &Json, depth: usize, is_query: bool) {
    match value {
        Json::Object(members) if !members.is_empty() => {
            out.push('\n');
            table(out, members, depth.saturating_add(1));
        }
        Json::Array(items) if !items.is_empty() => {
            out.push('\n');
            items.iter().for_each(|item| self::item(out, item, depth.saturating_add(1)));
        }
        Json::String(text) if (is_query || text.contains('\n')) && is_block(text) => {
            block(out, text, depth.saturating_add(1));
        }
        value => {
            let _ = writeln!(out, " {}", flow(value));
        }
    }
}

fn table(out: &mut String, members: &Map<String, Json>, depth: usize) {
    let mut sorted: Vec<(&String, &Json)> = members.iter().collect();
    sorted.sort_by_key(|(key, _)| rank(key));
    sorted.into_iter().for_each(|(key, value)| entry(out, key, value, depth));
}

/// An item of a list. Tables and lists in it stand in one line.
fn item(out: &mut String, value: &Json, depth: usize) {
    indent(out, depth);
    let _ = writeln!(out, "- {}", flow(value));
}

/// A value in one line.
fn flow(value: &Json) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(flag) => flag.to_string(),
        Json::Number(number) => decimal(&number.to_string()),
        Json::String(text) => scalar(text),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(members) if members.is_empty() => "{}".to_owned(),
        Json::Object(members) => {
            let mut sorted: Vec<(&String, &Json)> = members.iter().collect();
            sorted.sort_by_key(|(key, _)| rank(key));
            let members = sorted.into_iter().map(|(key, value)| format!("{}: {}", scalar(key), flow(value)));
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A number as YAML 1.1 reads it, too: a decimal has a point, an exponent its sign.
fn decimal(number: &str) -> String {
    let Some((digits, exponent)) = number.split_once(['e', 'E']) else { return number.to_owned() };
    let point = if digits.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['+', '-']) { "" } else { "+" };
    format!("{digits}{point}e{sign}{exponent}")
}

/// Words that some YAML parser takes for something else than a text.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// A text of one line: plain if every parser reads it as a text, else in double quotes.
fn scalar(text: &str) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_word)
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    // A duration, `15m`: no parser takes it for a number.
    let unit = text.strip_suffix(['s', 'm', 'h', 'd']);
    let is_duration = unit.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
    if is_plain || is_duration { text.to_owned() } else { quoted(text) }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xffff => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out.push('"');
    out
}

/// Whether every parser takes the character as it is.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
        && u32::from(c) & 0xfffe != 0xfffe
}

/// Whether a block holds the text as it is.
fn is_block(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\n' | '\t') || is_printable(c)) && !text.trim().is_empty()
}

/// A block that keeps its lines, and the line breaks at its end.
fn block(out: &mut String, text: &str, depth: usize) {
    // Where the first line begins with white space, the indentation has to be said.
    let first = text.lines().find(|line| !line.is_empty()).unwrap_or_default();
    let is_indented = text.starts_with('\n') || first.starts_with([' ', '\t']);
    let lines = text.trim_end_matches('\n');
    let keep = match text.len().saturating_sub(lines.len()) {
        0 => "-",
        1 => "",
        _ => "+",
    };
    let _ = writeln!(out, " |{}{keep}", if is_indented { "2" } else { "" });
    let ends = if keep == "+" { text.strip_suffix('\n').unwrap_or(text) } else { lines };
    for line in ends.split('\n') {
        if !line.is_empty() {
            indent(out, depth);
        }
        out.push_str(line);
        out.push('\n');
    }
}

fn indent(out: &mut String, depth: usize) {
    (0..depth).for_each(|_| out.push_str("  "));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_project_is_written_for_people_and_for_every_parser() {
        let id = DefinitionId::new;
        let definitions = [
            (
                id(DefinitionKind::Sync, "users"),
                json!({ "schedule": { "every": "15m" }, "query": "SELECT 1 -- # no comment\n  FROM x\n", "enabled": false,
                    "source": "shop.main", "tags": ["on", "daily", 7], "type": "track", "description": "a: \"b\" \u{85}" }),
            ),
            (id(DefinitionKind::Setting, "limits"), json!({ "backlog": 1.5e300, "extractions": 3 })),
            (
                id(DefinitionKind::Destination, "007"),
                json!({ "type": "webhook", "headers": {}, "url": "https://h/?a=1", "write_key": "${secret:K}" }),
            ),
            (
                id(DefinitionKind::Source, "shop"),
                json!({ "type": "sqlite", "databases": { "main": { "path": "x.db" } },
                    "destinations": [{ "nulls": "omit", "name": "no" }, "out"] }),
            ),
        ];
        let text = export(&definitions);
        let expected = r#"version: 1
limits:
  backlog: 1.5e+300
  extractions: 3
sources:
  shop:
    type: sqlite
    databases:
      main:
        path: x.db
    destinations:
      - { name: "no", nulls: omit }
      - out
destinations:
  "007":
    type: webhook
    url: "https://h/?a=1"
    headers: {}
    write_key: "${secret:K}"
syncs:
  users:
    type: track
    description: "a: \"b\" \u0085"
    tags:
      - "on"
      - daily
      - 7
    source: shop.main
    query: |
      SELECT 1 -- # no comment
        FROM x
    schedule:
      every: 15m
    enabled: false
"#;
        assert_eq!(text, expected);
        let mut turned = definitions;
        turned.reverse();
        assert_eq!(export(&turned), expected);
    }
}
