//! Renaming a sync.
//!
//! What always holds: the sync keeps what it has reached, or nothing changes. One that the files
//! own is renamed there; the error says how. What this does not do: change a file.

use outflow_core::ports::state::{
    AuditEntry, AuditResult, DefinitionChange, DefinitionContent, DefinitionId, DefinitionKind,
    DefinitionVersion, Owner, SyncRename,
};
use outflow_core::{Actor, BoxFuture, Clock as _, Code, Error, SystemClock};
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::documents::no_such;
use super::proposal::Proposal;
use super::value::parsed;
use crate::control::{self, Answer, Request};
use crate::{App, Caller, holder};

/// A sync has another name.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RenameDocument {
    format_version: u32,
    /// The name that it had.
    pub from: String,
    /// The name that it has.
    pub to: String,
}

/// A rename, checked and ready.
pub(crate) struct Renaming {
    /// What the project would be.
    pub(crate) proposal: Proposal,
    /// The operation of the state.
    pub(crate) rename: SyncRename,
    /// Its entry in the audit log.
    pub(crate) entry: AuditEntry,
}

impl App {
    /// Gives a sync of the server another name. It keeps `last_sync_time`, history, backlog and the
    /// ids of its events.
    ///
    /// # Errors
    /// C020: the files own it. C021: it cannot get that name now. C022: there is no such sync.
    /// Every problem of the project that would be. The state, if it cannot be taken.
    pub fn rename_sync<'a>(
        &'a self,
        from: &'a str,
        to: &'a str,
        wait: bool,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<RenameDocument, Errors>> {
        Box::pin(async move {
            let request = Request::Rename { from: from.to_owned(), to: to.to_owned() };
            let done =
                RenameDocument { format_version: FORMAT_VERSION, from: from.to_owned(), to: to.to_owned() };
            if let Some(known) = self.known_definitions().await? {
                self.look_at_proposed(&Renaming::new(&known, from, to, &self.actor)?.proposal).await?;
            }
            match self.ask(&request, caller).await? {
                Some(Answer::Renamed) => return Ok(done),
                Some(_) => return Err(control::other_answer().into()),
                None => {}
            }
            let state = holder::open_state(self, wait, caller).await?;
            let mut renaming = Renaming::new(&state.definitions().await?, from, to, &self.actor)?;
            self.look_at_proposed(&renaming.proposal).await?;
            renaming.rename.with_unfinished = true;
            state.rename_sync(&renaming.rename, &renaming.entry).await?;
            Ok(done)
        })
    }
}

impl Renaming {
    /// Puts a rename over what there is.
    ///
    /// # Errors
    /// C020 and C022.
    pub(crate) fn new(
        known: &[DefinitionVersion],
        from: &str,
        to: &str,
        actor: &Actor,
    ) -> Result<Self, Errors> {
        let id = |name: &str| DefinitionId::new(DefinitionKind::Sync, name);
        let current =
            known.iter().find(|version| version.id == id(from)).ok_or_else(|| no_such(&id(from)))?;
        let content = current.content.as_ref().ok_or_else(|| no_such(&id(from)))?;
        if content.owner == Owner::Files {
            return Err(owned_by_files(current, from, to).into());
        }
        let mut value = parsed(&id(from), &content.value)?;
        // The first name stays the one that the ids of events begin with.
        if let Value::Object(members) = &mut value {
            members.entry("renamed_from").or_insert_with(|| from.into());
        }
        let content = DefinitionContent { value: value.to_string(), ..content.clone() };
        let old =
            DefinitionChange { id: id(from), expected: Some(current.version), content: None, place: None };
        let new = DefinitionChange { id: id(to), expected: Some(0), content: Some(content), place: None };
        let changes = vec![old, new];
        let entry = AuditEntry {
            at: SystemClock.now(),
            actor: actor.clone(),
            action: "sync.rename".to_owned(),
            subject: format!("sync/{to}"),
            before: Some(json!({ "name": from }).to_string()),
            after: Some(json!({ "name": to }).to_string()),
            result: AuditResult::Done,
        };
        let proposal = Proposal::new(known, &changes, actor)?;
        let rename = SyncRename { from: from.to_owned(), to: to.to_owned(), with_unfinished: false, changes };
        Ok(Self { proposal, rename, entry })
    }
}

fn owned_by_files(current: &DefinitionVersion, from: &str, to: &str) -> Error {
    let place = current.place.clone().unwrap_or_default();
    let value =
        current.content.as_ref().and_then(|content| serde_json::from_str::<Value>(&content.value).ok());
    let first = value.as_ref().and_then(|value| value.get("renamed_from")?.as_str()).unwrap_or(from);
    let help = format!(
        "write `{to}:` there in place of `{from}:`, with a line `renamed_from: {first}` below it, and reload: \
         it keeps what it has reached"
    );
    Error::new(Code::OwnedByFiles, format!("sync {from} is managed by the file {place}")).at(place).help(help)
}
