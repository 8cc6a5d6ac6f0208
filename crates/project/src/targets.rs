//! Targets: what differs between environments. `targets: { dev: { … } }` changes the project where
//! `--target dev` names it.
//!
//! What always holds: a table is merged key by key, anything else is replaced, and what is empty
//! takes the key out. A table whose `type` changes is replaced as a whole: the keys of one type
//! mean nothing to another. What comes of it is checked as any project, with the places of the
//! target.

use outflow_core::Code;

use super::document::{Documents, Key, Node, Value};
use super::tree::Written;
use super::{Problems, suggestion};

/// The key of the targets.
const KEY: &str = "targets";
/// The keys whose entries may stand in any file of the project.
const NAMED: [&str; 3] = ["sources", "destinations", "syncs"];

/// Changes the project as the target says.
pub(super) fn apply(documents: &mut Documents, target: Option<&str>, problems: &mut Problems) {
    let Some(target) = target else { return };
    let mut names = Vec::new();
    let mut found = Vec::new();
    for targets in documents.all.iter_mut().filter_map(|document| document.get_mut(KEY)) {
        names.extend(targets.entries().map(|(key, _)| key.name.clone()));
        if let Value::Table(entries) = &mut targets.value {
            found.extend(entries.extract_if(.., |(key, _)| key.name == target));
        }
    }
    let Some(root) = documents.all.first() else { return };
    if found.is_empty() {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let message = format!("there is no target {target:?}");
        let is_variable = std::env::var("OUTFLOW_TARGET").is_ok_and(|variable| variable == target);
        let (asks, leave) = match is_variable {
            true => ("OUTFLOW_TARGET asks for it", "unset OUTFLOW_TARGET"),
            false => ("--target asks for it", "leave --target out"),
        };
        let help = match names.is_empty() {
            true => {
                format!("the project has no targets: {leave}, or write `targets: {{ {target}: {{ … }} }}`")
            }
            false => suggestion(target, "the targets are", &names),
        };
        let message = format!("{message}, and {asks}");
        return problems.add(&root.place.clone(), Code::UnknownReference, message, help);
    }
    for (_, changes) in found {
        let Value::Table(changes) = changes.value else { continue };
        for (key, change) in changes {
            change_key(documents, key, change, problems);
        }
    }
}

fn change_key(documents: &mut Documents, key: Key, change: Node, problems: &mut Problems) {
    if ["include", "version", KEY].contains(&key.name.as_str()) {
        let message = format!("a target cannot change {:?}", key.name);
        return problems.add(&key.place, Code::UnknownKey, message, "take it out");
    }
    let is_named = NAMED.contains(&key.name.as_str());
    match change.value {
        Value::Table(entries) if is_named => {
            for (name, entry) in entries {
                let has = |document: &Node| {
                    document.get(&key.name).is_some_and(|all| all.get(&name.name).is_some())
                };
                // What has all that it needs is new. Anything else changes what there is.
                let needed = if key.name == "syncs" { "query" } else { "type" };
                let is_whole = matches!(entry.value, Value::Null) || entry.get(needed).is_some();
                if !documents.incomplete && !is_whole && !documents.all.iter().any(has) {
                    let what = key.name.trim_end_matches('s');
                    let all = documents.all.iter().filter_map(|document| document.get(&key.name));
                    let known: Vec<&str> =
                        all.flat_map(Node::entries).map(|(k, _)| k.name.as_str()).collect();
                    let message =
                        format!("the target changes {what} {:?}, which the project lacks", name.name);
                    let help = suggestion(&name.name, &format!("the {} are", key.name), &known);
                    problems.add(&name.place, Code::UnknownReference, message, help);
                    continue;
                }
                let at = documents.all.iter().position(has).unwrap_or_default();
                let (name_of, place) = (key.name.clone(), change.place.clone());
                let value = Value::Table(vec![(name, entry)]);
                let table = Node { place, value, referenced: false, written: Written::default() };
                let key = Key { name: name_of, place: key.place.clone() };
                merge_key(&mut documents.all[at], key, table);
            }
        }
        value => {
            let at = documents.all.iter().position(|document| document.get(&key.name).is_some());
            merge_key(&mut documents.all[at.unwrap_or_default()], key, Node { value, ..change });
        }
    }
}

/// Puts the change of a key into a table.
fn merge_key(table: &mut Node, key: Key, change: Node) {
    let Value::Table(entries) = &mut table.value else { return };
    match entries.iter_mut().find(|(known, _)| known.name == key.name) {
        Some((_, old)) => merge(old, change),
        None => entries.push((key, change)),
    }
}

fn merge(old: &mut Node, change: Node) {
    let is_other = |new: &Node| {
        let kind = new.get("type").and_then(Node::text);
        kind.is_some() && kind != old.get("type").and_then(Node::text)
    };
    match (&old.value, change.value) {
        (Value::Table(_), Value::Table(changes)) => {
            let change = Node { value: Value::Table(changes), ..change };
            if is_other(&change) {
                *old = change;
            } else if let Value::Table(changes) = change.value {
                changes.into_iter().for_each(|(key, change)| merge_key(old, key, change));
            }
        }
        (_, value) => *old = Node { value, ..change },
    }
}
