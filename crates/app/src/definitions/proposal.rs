//! What the project would be with some changes, before any is made.
//!
//! What always holds: a change is checked with all else that is defined, so nothing that runs loses
//! what it refers to. What the files own cannot be changed. What this does not do: write.

use outflow_core::ports::state::{
    AuditEntry, DefinitionChange, DefinitionContent, DefinitionId, DefinitionKind, DefinitionStatus,
    DefinitionVersion, Owner,
};
use outflow_core::{Actor, Code, Error};
use outflow_engine::Errors;
use outflow_project::{Project, StoredDefinition};
use serde_json::Value;

use crate::App;
use crate::findings::{self, Finding};

/// Changes, and what comes of them.
pub(crate) struct Proposal {
    /// The changes with their entries in the audit log.
    pub(crate) changes: Vec<(DefinitionChange, AuditEntry)>,
    /// The server's definitions that would be a part of the project.
    running: Vec<StoredDefinition>,
    /// Drafts that would change.
    drafts: Vec<StoredDefinition>,
}

impl Proposal {
    /// Puts changes over what there is.
    ///
    /// # Errors
    /// C020: the files own a definition. C005: a value is no table, or a draft is no sync.
    pub(crate) fn new(
        known: &[DefinitionVersion],
        changes: &[DefinitionChange],
        actor: &Actor,
    ) -> Result<Self, Errors> {
        let refused: Vec<Error> = changes.iter().filter_map(|change| refusal(known, change)).collect();
        if !refused.is_empty() {
            return Err(Errors(refused));
        }
        let current = |change: &DefinitionChange| known.iter().find(|version| version.id == change.id);
        let entry = |change: &DefinitionChange| {
            super::entry(actor, &change.id, current(change), change.content.as_ref())
        };
        let (mut running, mut drafts) = (super::running(known)?, Vec::new());
        for DefinitionChange { id, content, .. } in changes {
            running.retain(|stored| stored.id != *id);
            let Some(DefinitionContent { status, value, .. }) = content else { continue };
            let value = serde_json::from_str(value).map_err(|e| {
                Errors(vec![Error::new(Code::InvalidValue, format!("the value of {id} is no JSON: {e}"))])
            })?;
            let stored = StoredDefinition { id: id.clone(), version: 0, value };
            match status {
                DefinitionStatus::Enabled => running.push(stored),
                DefinitionStatus::Draft => drafts.push(stored),
            }
        }
        let changes = changes.iter().map(|change| (change.clone(), entry(change))).collect();
        Ok(Self { changes, running, drafts })
    }

    /// The problems of a draft that keep it out of the state: secrets, and what the server may not
    /// use.
    async fn refuse_drafts(&self, app: &App) -> Result<(), Errors> {
        let mut refused = Vec::new();
        for draft in &self.drafts {
            let found = app.problems_of(&self.running, draft).await?;
            let is_kept_out = |error: &Error| {
                matches!(error.code(), Code::SecretInFile | Code::NotAllowedHere | Code::DefinedTwice)
            };
            refused.extend(found.into_iter().filter(is_kept_out));
        }
        if refused.is_empty() { Ok(()) } else { Err(Errors(refused)) }
    }
}

/// Why a change cannot be made, whatever it says.
fn refusal(known: &[DefinitionVersion], change: &DefinitionChange) -> Option<Error> {
    let DefinitionChange { id, content, .. } = change;
    let current = known.iter().find(|version| version.id == *id);
    let owner = current.and_then(|version| version.content.as_ref()).map(|content| content.owner);
    if owner == Some(Owner::Files) {
        let place = current.and_then(|version| version.place.clone()).unwrap_or_default();
        let message = format!("{id} is managed by the file {place}");
        let error = Error::new(Code::OwnedByFiles, message).at(place);
        return Some(error.help("change the file, and reload"));
    }
    let content = content.as_ref()?;
    if content.status == DefinitionStatus::Draft && id.kind != DefinitionKind::Sync {
        let message = format!("{id} cannot be a draft");
        return Some(Error::new(Code::InvalidValue, message).help("only a sync can be one"));
    }
    None
}

impl App {
    /// The project with a proposal's changes.
    ///
    /// # Errors
    /// Every problem of the project that would be.
    pub(crate) async fn load_proposed(&self, proposal: &Proposal) -> Result<Project, Errors> {
        proposal.refuse_drafts(self).await?;
        Ok(self.read_files(Project::load, proposal.running.clone().into()).await??)
    }

    /// As [`App::load_proposed`], where secrets may be missing: another process has them.
    pub(crate) async fn look_at_proposed(&self, proposal: &Proposal) -> Result<(), Errors> {
        proposal.refuse_drafts(self).await?;
        self.read_files(Project::load_partly, proposal.running.clone().into()).await??;
        Ok(())
    }

    /// The project as if this definition said this, where secrets may be missing. Nothing is
    /// written.
    ///
    /// # Errors
    /// Every problem of the project that would be. C020: the files own the definition.
    pub(crate) async fn load_as_if(&self, id: DefinitionId, value: &Value) -> Result<Project, Errors> {
        let content = DefinitionContent {
            owner: Owner::Server,
            status: DefinitionStatus::Enabled,
            value: value.to_string(),
        };
        let change = DefinitionChange { id, expected: None, content: Some(content), place: None };
        let known = self.known_definitions().await?.unwrap_or_default();
        let proposal = Proposal::new(&known, &[change], &self.actor)?;
        Ok(self.read_files(Project::load_partly, proposal.running.into()).await??)
    }

    /// Why a draft cannot be enabled, if the rest is as given.
    pub(crate) async fn problems_of(
        &self,
        running: &[StoredDefinition],
        draft: &StoredDefinition,
    ) -> Result<Vec<Error>, Error> {
        let problems = match self.load_with_draft(running, draft).await? {
            Ok(project) => project.warnings,
            Err(problems) => problems,
        };
        Ok(problems.into_iter().filter(|error| is_of(draft, error)).collect())
    }

    /// As [`App::problems_of`], with what its query's text says.
    pub(super) async fn findings_of(
        &self,
        running: &[StoredDefinition],
        draft: &StoredDefinition,
    ) -> Result<Vec<Finding>, Error> {
        let (problems, of_query) = match self.load_with_draft(running, draft).await? {
            Ok(project) => {
                let of_query = findings::offline(&project, &draft.id.name);
                (project.warnings, of_query)
            }
            Err(problems) => (problems, Vec::new()),
        };
        let problems = problems.into_iter().filter(|error| is_of(draft, error)).map(Finding::from);
        Ok(problems.chain(of_query).collect())
    }

    /// The project with a draft as if it were enabled.
    async fn load_with_draft(
        &self,
        running: &[StoredDefinition],
        draft: &StoredDefinition,
    ) -> Result<Result<Project, Vec<Error>>, Error> {
        let mut with = running.to_vec();
        with.retain(|stored| stored.id != draft.id);
        with.push(draft.clone());
        self.read_files(Project::load, with.into()).await
    }
}

/// Whether an error is about a definition.
fn is_of(definition: &StoredDefinition, error: &Error) -> bool {
    let behind = |place: &str| place.strip_prefix(&definition.shown()).map(|rest| !rest.starts_with(", "));
    error.place().and_then(behind).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use outflow_core::Timestamp;

    use super::*;

    fn change(kind: DefinitionKind, name: &str, status: DefinitionStatus, value: &str) -> DefinitionChange {
        let content = DefinitionContent { owner: Owner::Server, status, value: value.to_owned() };
        let id = DefinitionId::new(kind, name);
        DefinitionChange { id, expected: None, content: Some(content), place: None }
    }

    #[test]
    fn what_files_own_stays_and_only_syncs_are_drafts() {
        let mut files = change(DefinitionKind::Sync, "users", DefinitionStatus::Enabled, "{}");
        files.content.as_mut().unwrap().owner = Owner::Files;
        let known = [DefinitionVersion {
            id: files.id.clone(),
            version: 3,
            content: files.content.clone(),
            place: Some("outflow.yaml:12".to_owned()),
            at: Timestamp::UNIX_EPOCH,
            by: Actor::local("ada"),
            renamed: None,
        }];
        let (enabled, draft) = (DefinitionStatus::Enabled, DefinitionStatus::Draft);
        let wrong = [
            change(DefinitionKind::Sync, "users", enabled, "{}"),
            change(DefinitionKind::Source, "shop", draft, "{}"),
        ];
        let refused = Proposal::new(&known, &wrong, &Actor::local("ada")).err().unwrap().0;
        assert_eq!(
            refused.iter().map(Error::code).collect::<Vec<_>>(),
            [Code::OwnedByFiles, Code::InvalidValue]
        );
        assert_eq!(refused[0].place(), Some("outflow.yaml:12"));
        let right = [
            change(DefinitionKind::Sync, "a", draft, "{}"),
            change(DefinitionKind::Sync, "b", enabled, "{}"),
        ];
        let proposal = Proposal::new(&known, &right, &Actor::local("ada")).unwrap();
        assert_eq!((proposal.running.len(), proposal.drafts.len()), (1, 1));
        assert_eq!(proposal.changes[0].1.action, "sync.create");
    }
}
