//! Moving a project into the server: what would change, the change, and the way back.
//!
//! What always holds: an export that is applied changes nothing. What stands in no file is left
//! alone unless it is asked for. What this does not do: move the operator's keys (`state`,
//! `metrics`, `definitions`); what a target changes is moved as changed.

use outflow_core::BoxFuture;
use std::path::PathBuf;
use std::sync::Arc;

use outflow_core::ports::state::{
    DefinitionChange, DefinitionContent, DefinitionId, DefinitionStatus, DefinitionVersion, Owner,
};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::{FileDefinition, Origin, Project};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::{KeyDifference, differences};
use super::documents::DefinitionDocument;
use super::value::parsed;
use crate::{App, Caller};

/// Which project is moved into the server.
#[derive(Clone, Debug)]
pub struct PlanRequest {
    /// Its folder.
    pub folder: PathBuf,
    /// What the server owns and the project does not have is removed.
    pub prune: bool,
}

/// What happens to a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedAction {
    /// It is new.
    Create,
    /// It says something else.
    Update,
    /// It is removed.
    Delete,
}

/// A change that a plan has.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlannedChange {
    /// Of what.
    #[serde(flatten)]
    pub id: DefinitionId,
    /// What happens.
    pub action: PlannedAction,
    /// The version that it replaces; 0: there is none.
    pub version: u64,
    /// The keys that differ.
    pub keys: Vec<KeyDifference>,
    #[serde(skip)]
    change: Option<DefinitionChange>,
}

/// What would change.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PlanDocument {
    format_version: u32,
    /// The changes, settings first and syncs last.
    pub changes: Vec<PlannedChange>,
    /// How many definitions say what they are to say.
    pub unchanged: usize,
    /// What the server owns and the project does not have, and is left alone.
    pub left_alone: Vec<DefinitionId>,
}

impl PlanDocument {
    /// The changes of the state.
    pub(super) fn changes(&self) -> impl Iterator<Item = &DefinitionChange> {
        self.changes.iter().filter_map(|planned| planned.change.as_ref())
    }

    /// Nothing would change.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// What has changed.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ApplyDocument {
    format_version: u32,
    /// The definitions as they are now.
    pub definitions: Vec<DefinitionDocument>,
}

impl App {
    /// What would change if a project were moved into the server.
    ///
    /// # Errors
    /// Every problem of the project. The state, if it cannot be read.
    pub fn plan<'a>(&'a self, request: &'a PlanRequest) -> BoxFuture<'a, Result<PlanDocument, Errors>> {
        Box::pin(async move {
            let origin = Origin { dir: request.folder.clone(), ..self.origin.clone() };
            let from = App { origin, ..self.clone() };
            let project = from.read_files(Project::load_partly, Arc::default()).await??;
            let known = self.known_definitions().await?.unwrap_or_default();
            plan(&known, &project.definitions, request.prune)
        })
    }

    /// The project in a folder as one text, with its queries in it, as a server takes it.
    ///
    /// # Errors
    /// Every problem of the project.
    pub fn project_text<'a>(&'a self) -> BoxFuture<'a, Result<String, Errors>> {
        Box::pin(async move {
            let project = self.read_files(Project::load_partly, Arc::default()).await??;
            let all: Vec<(DefinitionId, Value)> =
                project.definitions.into_iter().map(|file| (file.id, file.value)).collect();
            Ok(outflow_project::export(&all))
        })
    }

    /// Makes the changes of a plan, all or none.
    ///
    /// # Errors
    /// Every problem of the project that would be. C018: something has changed since the plan was
    /// made. C020: the server's files own a definition. The state, if it cannot be taken.
    pub fn apply<'a>(
        &'a self,
        plan: &'a PlanDocument,
        wait: bool,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<ApplyDocument, Errors>> {
        Box::pin(async move {
            let changes: Vec<DefinitionChange> = plan.changes().cloned().collect();
            let definitions = match changes.is_empty() {
                true => Vec::new(),
                false => self.put_definitions(changes, wait, caller).await?,
            };
            Ok(ApplyDocument { format_version: FORMAT_VERSION, definitions })
        })
    }

    /// Everything that is defined and no draft, whoever owns it, as the text of one `outflow.yaml`.
    /// What the files define is taken from the files as they are now.
    ///
    /// # Errors
    /// Every problem of the project. The state, if it cannot be read.
    pub fn export<'a>(&'a self) -> BoxFuture<'a, Result<String, Errors>> {
        Box::pin(async move {
            let known = self.known_definitions().await?.unwrap_or_default();
            let stored = super::running(&known)?;
            let project = self.read_files(Project::load_partly, stored.clone().into()).await??;
            let of_files = project.definitions.into_iter().map(|file| (file.id, file.value));
            let of_server = stored.into_iter().map(|stored| (stored.id, stored.value));
            let all: Vec<(DefinitionId, Value)> = of_files.chain(of_server).collect();
            Ok(outflow_project::export(&all))
        })
    }
}

/// Compares what there is with what the project says.
pub(super) fn plan(
    known: &[DefinitionVersion],
    files: &[FileDefinition],
    prune: bool,
) -> Result<PlanDocument, Errors> {
    let (mut changes, mut left_alone, mut unchanged) = (Vec::new(), Vec::new(), 0_usize);
    for FileDefinition { id, value, .. } in files {
        let current = known.iter().find(|version| version.id == *id);
        let old = current.and_then(|version| version.content.as_ref());
        let before = old.map(|content| parsed(id, &content.value)).transpose()?;
        let is_draft = old.is_some_and(|content| content.status == DefinitionStatus::Draft);
        if before.as_ref() == Some(value) && !is_draft {
            unchanged = unchanged.saturating_add(1);
            continue;
        }
        let action = if old.is_some() { PlannedAction::Update } else { PlannedAction::Create };
        changes.push(planned(id, action, current, Some(value), before.as_ref()));
    }
    let of_server = known.iter().filter_map(|version| Some((version, version.content.as_ref()?)));
    for (version, content) in of_server.filter(|(_, content)| content.owner == Owner::Server) {
        if files.iter().any(|file| file.id == version.id) {
            continue;
        }
        // A draft is no part of a project yet.
        if !prune || content.status == DefinitionStatus::Draft {
            left_alone.push(version.id.clone());
            continue;
        }
        let before = parsed(&version.id, &content.value)?;
        changes.push(planned(&version.id, PlannedAction::Delete, Some(version), None, Some(&before)));
    }
    changes.sort_by(|a, b| a.id.kind.position().cmp(&b.id.kind.position()).then(a.id.name.cmp(&b.id.name)));
    Ok(PlanDocument { format_version: FORMAT_VERSION, changes, unchanged, left_alone })
}

fn planned(
    id: &DefinitionId,
    action: PlannedAction,
    current: Option<&DefinitionVersion>,
    value: Option<&Value>,
    before: Option<&Value>,
) -> PlannedChange {
    let version = current.map_or(0, |version| version.version);
    let content = value.map(|value| DefinitionContent {
        owner: Owner::Server,
        status: DefinitionStatus::Enabled,
        value: value.to_string(),
    });
    let change = DefinitionChange { id: id.clone(), expected: Some(version), content, place: None };
    PlannedChange { id: id.clone(), action, version, keys: differences(before, value), change: Some(change) }
}

#[cfg(test)]
mod tests {
    use outflow_core::ports::state::DefinitionKind;
    use outflow_core::{Actor, Timestamp};
    use serde_json::json;

    use super::*;

    fn version(name: &str, status: DefinitionStatus, value: &Value) -> DefinitionVersion {
        DefinitionVersion {
            id: DefinitionId::new(DefinitionKind::Sync, name),
            version: 3,
            content: Some(DefinitionContent { owner: Owner::Server, status, value: value.to_string() }),
            place: None,
            at: Timestamp::UNIX_EPOCH,
            by: Actor::local("ada"),
            renamed: None,
        }
    }

    #[test]
    fn a_plan_has_what_differs_and_leaves_alone_what_it_is_not_asked_for() {
        let (enabled, draft) = (DefinitionStatus::Enabled, DefinitionStatus::Draft);
        let known = [
            version("same", enabled, &json!({ "a": 1, "b": 2 })),
            version("other", enabled, &json!({ "a": 1 })),
            version("gone", enabled, &json!({})),
            version("draft", draft, &json!({})),
            version("enabled", draft, &json!({})),
        ];
        let file = |name: &str, value: Value| FileDefinition {
            id: DefinitionId::new(DefinitionKind::Sync, name),
            place: String::new(),
            value,
        };
        // The order of keys is none.
        let files = [
            file("same", json!({ "b": 2, "a": 1 })),
            file("other", json!({ "a": 2 })),
            file("new", json!({})),
            file("enabled", json!({})),
        ];
        let told = |prune| {
            let plan = plan(&known, &files, prune).unwrap();
            let changes: Vec<_> =
                plan.changes.iter().map(|c| (c.id.name.clone(), c.action, c.version)).collect();
            let left: Vec<_> = plan.left_alone.iter().map(|id| id.name.clone()).collect();
            (changes, left, plan.unchanged)
        };
        let (create, update, delete) = (PlannedAction::Create, PlannedAction::Update, PlannedAction::Delete);
        let name = str::to_owned;
        let mut expected =
            vec![(name("enabled"), update, 3), (name("new"), create, 0), (name("other"), update, 3)];
        assert_eq!(told(false), (expected.clone(), vec![name("gone"), name("draft")], 1));
        expected.insert(1, (name("gone"), delete, 3));
        assert_eq!(told(true), (expected, vec![name("draft")], 1));
    }
}
