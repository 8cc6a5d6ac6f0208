//! The versions of what the files define.
//!
//! What always holds: after a record, the current versions whose owner is the files are exactly
//! what the files define. Nothing is written if nothing has changed. What this does not do: touch
//! what the server owns; a name of both has been refused before.

use outflow_core::ports::state::{
    AuditEntry, DefinitionChange, DefinitionContent, DefinitionId, DefinitionStatus, DefinitionVersion,
    Owner, State,
};
use outflow_core::{Actor, ActorKind, Error};
use outflow_project::{FILE, FileDefinition, Project};

/// Records what the files define.
pub(super) async fn record(state: &dyn State, project: &Project) -> Result<(), Error> {
    let known = state.definitions().await?;
    let changes = changes(&known, &project.definitions);
    if !changes.is_empty() {
        state.put_definitions(&changes).await?;
    }
    Ok(())
}

/// What differs between the versions and the files.
fn changes(known: &[DefinitionVersion], files: &[FileDefinition]) -> Vec<(DefinitionChange, AuditEntry)> {
    let of_files = |version: &&DefinitionVersion| {
        version.content.as_ref().is_some_and(|content| content.owner == Owner::Files)
    };
    let current = |id| known.iter().filter(of_files).find(|version| version.id == id);
    let given = files.iter().filter_map(|file| {
        let old = current(file.id.clone());
        let content = content(file);
        let is_same = old.is_some_and(|old| old.content.as_ref() == Some(&content));
        let place = Some(file.place.clone());
        if is_same && old.is_some_and(|old| old.place == place) {
            return None;
        }
        let entry = entry(&file.place, old, &file.id, Some(&content));
        let change = DefinitionChange { id: file.id.clone(), expected: None, content: Some(content), place };
        Some((change, entry))
    });
    let is_gone = |version: &&DefinitionVersion| files.iter().all(|file| file.id != version.id);
    let gone = known.iter().filter(of_files).filter(is_gone).map(|old| {
        let place = old.place.clone().unwrap_or_else(|| FILE.to_owned());
        let change = DefinitionChange { id: old.id.clone(), expected: None, content: None, place: None };
        (change, entry(&place, Some(old), &old.id, None))
    });
    given.chain(gone).collect()
}

fn content(file: &FileDefinition) -> DefinitionContent {
    DefinitionContent {
        owner: Owner::Files,
        status: DefinitionStatus::Enabled,
        value: file.value.to_string(),
    }
}

fn entry(
    place: &str,
    old: Option<&DefinitionVersion>,
    id: &DefinitionId,
    new: Option<&DefinitionContent>,
) -> AuditEntry {
    let file = place.split(':').next().unwrap_or(place);
    super::entry(&Actor::new(ActorKind::File, file), id, old, new)
}

#[cfg(test)]
mod tests {
    use outflow_core::Timestamp;
    use outflow_core::ports::state::DefinitionKind;
    use serde_json::json;

    use super::*;

    fn file(name: &str, line: u64, value: u64) -> FileDefinition {
        let id = DefinitionId::new(DefinitionKind::Sync, name);
        FileDefinition { id, place: format!("outflow.yaml:{line}"), value: json!({ "n": value }) }
    }

    fn version(name: &str, line: u64, owner: Owner, value: u64) -> DefinitionVersion {
        let FileDefinition { id, place, value } = file(name, line, value);
        let content =
            DefinitionContent { owner, status: DefinitionStatus::Enabled, value: value.to_string() };
        DefinitionVersion {
            id,
            version: 3,
            content: Some(content),
            place: Some(place),
            at: Timestamp::UNIX_EPOCH,
            by: Actor::local("ada"),
            renamed: None,
        }
    }

    #[test]
    fn only_what_differs_is_written_and_what_the_server_owns_stays() {
        let known = [
            version("same", 1, Owner::Files, 1),
            version("moved", 2, Owner::Files, 1),
            version("changed", 3, Owner::Files, 1),
            version("gone", 4, Owner::Files, 1),
            version("theirs", 5, Owner::Server, 1),
        ];
        let files = [file("same", 1, 1), file("moved", 9, 1), file("changed", 3, 2), file("new", 7, 1)];
        let changes = changes(&known, &files);
        let told: Vec<_> = changes
            .iter()
            .map(|(change, entry)| {
                let value = change.content.as_ref().map(|content| content.value.as_str());
                (change.id.name.as_str(), value, entry.action.as_str(), entry.actor.name.as_str())
            })
            .collect();
        assert_eq!(
            told,
            [
                ("moved", Some("{\"n\":1}"), "sync.update", "outflow.yaml"),
                ("changed", Some("{\"n\":2}"), "sync.update", "outflow.yaml"),
                ("new", Some("{\"n\":1}"), "sync.create", "outflow.yaml"),
                ("gone", None, "sync.delete", "outflow.yaml"),
            ]
        );
    }
}
