//! What is paused in the state, and changes of it.
//!
//! What always holds: a pause that is given again changes nothing. What it does not do: know what
//! the project has; whoever calls it does.

use outflow_core::ports::state::{AuditEntry, AuditResult, Pausable, Pause, PauseKind, State};
use outflow_core::{Actor, Clock as _, Error, SystemClock, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How one sync or destination is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PauseEntry {
    /// What it is, and its name.
    #[serde(flatten)]
    pub of: Pausable,
    /// Since when it is paused; `None`: it is not.
    pub paused_since: Option<Timestamp>,
    /// It was otherwise before.
    pub changed: bool,
}

/// Pauses these in the state, for this actor.
pub(crate) async fn pause(
    state: &dyn State,
    actor: &Actor,
    what: Vec<Pausable>,
) -> Result<Vec<PauseEntry>, Error> {
    let before = state.pauses().await?;
    let audit = audit(&before, &what, actor, "pause");
    state.pause(&what, SystemClock.now(), &audit).await?;
    entries(&before, &state.pauses().await?, what)
}

/// Resumes these in the state, for this actor.
pub(crate) async fn resume(
    state: &dyn State,
    actor: &Actor,
    what: Vec<Pausable>,
) -> Result<Vec<PauseEntry>, Error> {
    let before = state.pauses().await?;
    let audit = audit(&before, &what, actor, "resume");
    state.resume(&what, &audit).await?;
    entries(&before, &state.pauses().await?, what)
}

/// What the audit log says of it.
fn audit(before: &[Pause], what: &[Pausable], actor: &Actor, change: &str) -> Vec<AuditEntry> {
    let entry = |of: &Pausable| AuditEntry {
        at: SystemClock.now(),
        actor: actor.clone(),
        action: format!("{}.{change}", of.kind.name()),
        subject: format!("{}/{}", of.kind.name(), of.name),
        before: Some(json!({ "paused_since": since(before, of) }).to_string()),
        after: Some(json!({ "paused": change == "pause" }).to_string()),
        result: AuditResult::Done,
    };
    what.iter().map(entry).collect()
}

fn entries(before: &[Pause], after: &[Pause], what: Vec<Pausable>) -> Result<Vec<PauseEntry>, Error> {
    let entry = |of: Pausable| {
        let (earlier, paused_since) = (since(before, &of), since(after, &of));
        PauseEntry { of, paused_since, changed: earlier != paused_since }
    };
    Ok(what.into_iter().map(entry).collect())
}

/// Since when something is paused, if it is.
pub(crate) fn since(pauses: &[Pause], of: &Pausable) -> Option<Timestamp> {
    pauses.iter().find(|pause| pause.of == *of).map(|pause| pause.since)
}

/// Since when a sync is paused, if it is.
pub(crate) fn of_sync(pauses: &[Pause], name: &str) -> Option<Timestamp> {
    since(pauses, &Pausable { kind: PauseKind::Sync, name: name.to_owned() })
}
