//! What the message ids of events are made of: the project's `id`, a sync's name, `renamed_from`
//! and `event_key`.
//!
//! What always holds: two syncs of a project never have one key.

use outflow_core::{CallType, Code, EventIds, SyncKey};

use super::Problems;
use super::document::{Key, Node};
use super::names::defined_twice;

/// How long an `id` may be.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=64;

/// The project's `id`. Only the first file has one.
pub(super) fn of_project<'a>(documents: &'a [Node], problems: &mut Problems) -> Option<&'a str> {
    let (first, others) = documents.split_first()?;
    let (stored, included): (Vec<&Node>, Vec<&Node>) = others.iter().partition(|d| d.place.is_stored());
    for node in included.iter().filter_map(|document| document.get("id")) {
        let help = "write it at the top of outflow.yaml";
        problems.add(&node.place, Code::InvalidValue, "an included file has no \"id\"", help);
    }
    let stored = stored.iter().find_map(|document| document.get("id"));
    if let (Some(first), Some(stored)) = (first.get("id"), stored) {
        defined_twice("setting \"id\"", &first.place, &stored.place, problems);
    }
    let node = first.get("id").or(stored)?;
    let id = node.text()?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if LENGTH.contains(&id.len()) && id.bytes().all(is_plain) {
        return Some(id);
    }
    let help = "take a random text of 8 to 64 letters, digits, `-` and `_`, and keep it";
    problems.add(&node.place, Code::InvalidValue, "\"id\" is not of the form of an id", help);
    None
}

/// What one sync says.
pub(super) fn of_sync(
    id: Option<&str>,
    key: &Key,
    node: &Node,
    syncs: &[(&Key, &Node)],
    problems: &mut Problems,
) -> EventIds {
    let event_key = event_key(node, problems);
    let mut first_name = key.name.as_str();
    if let Some(from) = node.get("renamed_from")
        && let Some(name) = from.text()
    {
        let is_theirs = |(other, of): &&(&Key, &Node)| {
            let origin = of.get("renamed_from").and_then(Node::text).unwrap_or(&other.name);
            other.name != key.name && origin == name
        };
        if let Some((other, _)) = syncs.iter().find(is_theirs) {
            let message = format!("the ids of {:?} begin with the name {name:?}, too", other.name);
            let help = "two syncs cannot have the ids of one; take renamed_from out of one of them";
            problems.add(&from.place, Code::DuplicateName, message, help);
        }
        first_name = name;
    }
    match id {
        Some(id) => EventIds { key: Some(SyncKey::new(id, first_name)), event_key, form: EventIds::FORM },
        None => EventIds { key: None, event_key, form: 0 },
    }
}

/// The syncs that say `renamed_from`, with the name that they had first.
pub(super) fn renames(syncs: &[(&Key, &Node)]) -> Vec<(String, String)> {
    let named = syncs.iter().filter_map(|(key, node)| {
        let first = node.get("renamed_from")?.text()?;
        (first != key.name).then(|| (key.name.clone(), first.to_owned()))
    });
    named.collect()
}

fn event_key(node: &Node, problems: &mut Problems) -> Vec<String> {
    let Some(list) = node.get("event_key") else { return Vec::new() };
    let call_type = node.get("type").and_then(Node::text).and_then(CallType::from_name);
    if call_type.is_some_and(|t| !matches!(t, CallType::Track | CallType::Page | CallType::Screen)) {
        let message = "\"event_key\" is for track, page and screen: other calls say how something is";
        let help = "take it out: the same state sent again has to have another id";
        problems.add(&list.place, Code::InvalidValue, message, help);
        return Vec::new();
    }
    let mut names: Vec<String> = Vec::new();
    for item in list.items() {
        let Some(name) = item.text() else { continue };
        if names.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let message = format!("the column {name:?} is in the list twice");
            problems.add(&item.place, Code::DuplicateName, message, "keep one of them");
        } else {
            names.push(name.to_owned());
        }
    }
    if names.is_empty() {
        let help = "name the columns that tell events apart, or take it out";
        problems.add(&list.place, Code::InvalidValue, "\"event_key\" names no column", help);
    }
    names
}
