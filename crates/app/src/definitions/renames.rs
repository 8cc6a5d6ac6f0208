//! Syncs that go on under another name, because the project says `renamed_from`.
//!
//! What always holds: a sync takes over what another one has reached only if it has never run and
//! the other one is gone from the project. What this does not do: guess; a sync that only looks
//! renamed is reported (`renamed`).

use outflow_core::ports::state::{AuditEntry, AuditResult, RunFilter, State, StateReader, SyncRename};
use outflow_core::{Actor, Clock as _, Error, SystemClock};
use outflow_project::Project;
use serde_json::json;
use tracing::info;

use super::Working;
use crate::renamed;

/// Gives the syncs that the project has renamed their new names in the state.
pub(super) async fn follow(state: &dyn State, project: &Project, working: Working) -> Result<(), Error> {
    for (sync, first) in &project.renames {
        let Some(from) = earlier_name(state, project, sync, first).await? else { continue };
        let rename = SyncRename {
            from: from.clone(),
            to: sync.clone(),
            with_unfinished: working == Working::NotYet,
            changes: Vec::new(),
        };
        let entry = AuditEntry {
            at: SystemClock.now(),
            actor: Actor::outflow(),
            action: "sync.rename".to_owned(),
            subject: format!("sync/{sync}"),
            before: Some(json!({ "name": from }).to_string()),
            after: Some(json!({ "name": sync, "renamed_from": first }).to_string()),
            result: AuditResult::Done,
        };
        state.rename_sync(&rename, &entry).await?;
        info!(sync, from, "a sync goes on under its new name");
    }
    Ok(())
}

/// The name under which the state has what the sync goes on from; `None` if it has run under its
/// own, or there is nothing to go on from.
async fn earlier_name(
    state: &dyn StateReader,
    project: &Project,
    sync: &str,
    first: &str,
) -> Result<Option<String>, Error> {
    let has_run = async |name: &str| -> Result<bool, Error> {
        let filter = RunFilter::newest(Some(name), 1);
        Ok(!state.runs(&filter).await?.is_empty())
    };
    if has_run(sync).await? {
        return Ok(None);
    }
    let is_gone = |name: &str| project.syncs.iter().all(|spec| spec.name != name);
    if is_gone(first) && has_run(first).await? {
        return Ok(Some(first.to_owned()));
    }
    // It may have had another name in between: its events begin with the same key.
    let key = project.syncs.iter().find(|spec| spec.name == sync).and_then(|spec| spec.ids.key);
    let Some(key) = key else { return Ok(None) };
    let gone = renamed::last_runs_of_gone(state, project).await?;
    Ok(gone.into_iter().find(|run| run.spec.ids.key == Some(key)).map(|run| run.sync))
}
