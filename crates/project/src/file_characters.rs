//! Characters of the project's files that are not what they look like, and templates of other
//! tools.
//!
//! What always holds: a description may hold any character but those that turn the direction of
//! text. What it does not do: look into queries, which `outflow_query` reads by the rules of their
//! database.

use outflow_core::Code;
use outflow_core::characters::{self, Oddity};

use super::Problems;
use super::tree::{Node, Place, Value};

/// Keys whose text is looked at elsewhere, or read by people alone.
const FREE: [&str; 2] = ["query", "description"];

/// What YAML makes of `{{ x }}` without quotes: a table with a table in place of its key.
const TABLE_AS_KEY: &str = "{…}";
const TEMPLATE: &str = "the value is a template of another tool";
const EXPANDS_NONE: &str =
    "Outflow expands no templates of other tools: write ${env:NAME} for what is kept elsewhere";

/// Reports everything of a file.
pub(super) fn check(text: &str, root: &Node, start: &Place, problems: &mut Problems) {
    for (number, line) in text.lines().enumerate() {
        for (column, c) in line.chars().enumerate() {
            let Some(odd) = characters::odd(c).filter(|odd| odd.what == Oddity::Direction) else { continue };
            let place = Place { line: number + 1, column: column + 1, ..start.clone() };
            let message = format!("the line holds {odd}: what is shown is not what is read");
            problems.add(&place, Code::LookalikeInFile, message, "delete it, or type the line again");
        }
    }
    values(root, false, problems);
}

/// Reports the same of a definition of the server.
pub(super) fn check_stored(node: &Node, problems: &mut Problems) {
    directions(node, problems);
    values(node, false, problems);
}

/// Characters that change the direction of what is shown.
fn directions(node: &Node, problems: &mut Problems) {
    let found = node
        .text()
        .and_then(|text| text.chars().filter_map(characters::odd).find(|odd| odd.what == Oddity::Direction));
    if let Some(odd) = found {
        let message = format!("the value holds {odd}: what is shown is not what is read");
        problems.add(&node.place, Code::LookalikeInFile, message, "delete it, or type the value again");
    }
    node.items().iter().for_each(|item| directions(item, problems));
    node.entries().for_each(|(_, value)| directions(value, problems));
}

fn values(node: &Node, in_sync: bool, problems: &mut Problems) {
    match &node.value {
        Value::Text(text) => value(node, text, in_sync, problems),
        Value::List(items) => items.iter().for_each(|item| values(item, in_sync, problems)),
        Value::Table(entries) => {
            for (key, node) in entries {
                if key.name == TABLE_AS_KEY {
                    problems.add(&key.place, Code::InvalidValue, TEMPLATE, EXPANDS_NONE);
                    continue;
                }
                name(&key.name, &key.place, problems);
                let is_free = FREE.contains(&key.name.as_str()) && matches!(node.value, Value::Text(_));
                if !is_free {
                    values(node, in_sync || key.name == "syncs", problems);
                }
            }
        }
        _ => {}
    }
}

fn name(name: &str, place: &Place, problems: &mut Problems) {
    if let Some((_, odd)) = characters::unseen(name).filter(|(_, odd)| odd.what != Oddity::Direction) {
        let help = "type the key again";
        problems.add(place, Code::LookalikeInFile, format!("the key holds {odd}"), help);
    } else if let Some(plain) = characters::lookalike(name) {
        let message = format!("the key {name:?} holds letters that are not Latin");
        problems.add(place, Code::LookalikeInFile, message, format!("write {plain:?} in Latin letters"));
    }
}

fn value(node: &Node, text: &str, in_sync: bool, problems: &mut Problems) {
    let mut say =
        |message: String, help: &str| problems.add(&node.place, Code::LookalikeInFile, message, help);
    if let Some((_, odd)) = characters::unseen(text).filter(|(_, odd)| odd.what != Oddity::Direction) {
        return say(
            format!("the value holds {odd}"),
            "type the value again; it often comes along from a web page",
        );
    }
    let quote = |c: char| characters::odd(c).filter(|odd| odd.what == Oddity::Quote);
    let ends = [text.chars().next().and_then(quote), text.chars().next_back().and_then(quote)];
    if let Some(odd) = ends.into_iter().flatten().next() {
        return say(format!("{odd} is a part of the value"), "write plain quotes, \" or ', around it");
    }
    if text.contains("{{") || text.contains("{%") {
        problems.add(&node.place, Code::InvalidValue, TEMPLATE, EXPANDS_NONE);
    } else if in_sync && text.contains("${") {
        let help = "references work below sources, destinations, alerts and state; write the value itself";
        problems.add(&node.place, Code::InvalidValue, "a reference is not replaced in a sync", help);
    }
}
