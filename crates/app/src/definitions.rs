//! Definitions: what the project consists of, whoever owns it.
//!
//! What always holds: the project that runs is made of the files and of the server's definitions,
//! by one parser and one check (`outflow_project`). A process that holds the state knows the
//! server's definitions or fails; one that only looks goes on with the files if the state cannot
//! be read. What this does not do: run anything.

mod change;
mod difference;
mod documents;
mod files;
mod plan;
mod proposal;
mod rename;
mod renames;
mod text;
mod value;

use std::sync::Arc;

use outflow_core::ports::state::{
    AuditEntry, AuditResult, DefinitionContent, DefinitionFilter, DefinitionId, DefinitionKind,
    DefinitionStatus, DefinitionVersion, Owner, State, StateReader,
};
use outflow_core::{Actor, Clock as _, Error, SystemClock};
use outflow_engine::Errors;
use outflow_project::{Project, StoredDefinition};
use outflow_telemetry::log::as_error;
use tracing::debug;

use crate::App;

pub use change::{DefinitionEdit, DefinitionRequest};
pub use difference::KeyDifference;
pub use documents::{Comparison, DefinitionDocument, DraftProblem, DraftProblems, VersionList};
pub use plan::{ApplyDocument, PlanDocument, PlanRequest, PlannedAction, PlannedChange};
pub(crate) use proposal::Proposal;
pub use rename::RenameDocument;
pub(crate) use rename::Renaming;

/// How syncs that the files name otherwise than before are given their new names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Working {
    /// No task of this process works with runs yet: those that are unfinished go along.
    NotYet,
    /// Tasks may work with runs.
    Already,
}

/// The definitions of the server that are a part of the project that runs.
pub(crate) fn running(known: &[DefinitionVersion]) -> Result<Vec<StoredDefinition>, Error> {
    let is_part = |status, owner| status == DefinitionStatus::Enabled && owner == Owner::Server;
    let contents = known.iter().filter_map(|version| Some((version, version.content.as_ref()?)));
    let of_server = contents.filter(|(_, content)| is_part(content.status, content.owner));
    of_server.map(|(version, content)| stored(version, &content.value)).collect()
}

/// A version as the project reads it.
fn stored(version: &DefinitionVersion, value: &str) -> Result<StoredDefinition, Error> {
    let value = value::parsed(&version.id, value)?;
    Ok(StoredDefinition { id: version.id.clone(), version: version.version, value })
}

/// The entry of the audit log about a change. Values hold no secret, only references.
fn entry(
    actor: &Actor,
    id: &DefinitionId,
    old: Option<&DefinitionVersion>,
    new: Option<&DefinitionContent>,
) -> AuditEntry {
    let before = old.and_then(|old| old.content.as_ref()).map(|content| content.value.clone());
    let what = match (&before, new) {
        (None, _) => "create",
        (Some(_), Some(_)) => "update",
        (Some(_), None) => "delete",
    };
    AuditEntry {
        at: SystemClock.now(),
        actor: actor.clone(),
        action: format!("{}.{what}", id.kind.name()),
        subject: format!("{}/{}", id.kind.name(), id.name),
        before,
        after: new.map(|content| content.value.clone()),
        result: AuditResult::Done,
    }
}

fn known_or_none(read: Result<Vec<StoredDefinition>, Error>) -> Arc<[StoredDefinition]> {
    read.map(Arc::from).unwrap_or_else(|error| {
        debug!(error = as_error(&error), "the definitions of the server are not known");
        Arc::default()
    })
}

impl App {
    /// The server's definitions, as far as the state can be read: whoever needs the state finds out
    /// what is wrong with it.
    pub(crate) async fn look_for_stored(&self) -> Arc<[StoredDefinition]> {
        known_or_none(self.read_stored().await)
    }

    /// As [`App::look_for_stored`], with the draft of a sync of this name as if it were enabled.
    pub(crate) async fn look_for_stored_with(&self, sync: &str) -> Arc<[StoredDefinition]> {
        let read = async {
            let known = self.known_definitions().await?.unwrap_or_default();
            let mut stored = running(&known)?;
            let id = DefinitionId::new(DefinitionKind::Sync, sync);
            let found = known.iter().find(|version| version.id == id);
            if let Some((version, content)) = found.and_then(|found| Some((found, found.content.as_ref()?)))
                && content.status == DefinitionStatus::Draft
            {
                stored.push(self::stored(version, &content.value)?);
            }
            Ok(stored)
        };
        known_or_none(read.await)
    }

    async fn read_stored(&self) -> Result<Vec<StoredDefinition>, Error> {
        let enabled =
            DefinitionFilter { status: Some(DefinitionStatus::Enabled), ..DefinitionFilter::default() };
        running(&self.known_like(&enabled).await?.unwrap_or_default())
    }

    /// The project with the definitions that this state holds.
    ///
    /// # Errors
    /// Every problem of the files and the definitions; the state, if it cannot be read.
    pub(crate) async fn load_with(&self, state: &dyn StateReader) -> Result<Project, Errors> {
        let stored = running(&state.definitions().await?)?;
        Ok(self.read_files(Project::load, stored.into()).await??)
    }

    /// Brings the state up to the files: syncs that they have renamed go on under their new names,
    /// and what they define has its versions.
    ///
    /// # Errors
    /// C021: a sync cannot get its new name now. The state.
    pub(crate) async fn follow_files(
        &self,
        state: &dyn State,
        project: &Project,
        working: Working,
    ) -> Result<(), Error> {
        renames::follow(state, project, working).await?;
        files::record(state, project).await
    }
}
