//! Writing into the audit log what people ask for.
//!
//! What always holds: whatever changes something is in the log before it is done, with who asked.
//! If it fails or is refused, a second entry says why. What one transaction does has one entry,
//! in that transaction. What it does not do: record what schedules do; the history of runs has it.

use outflow_core::ports::state::{AuditEntry, AuditResult, State};
use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{Actor, Clock as _, Error, SystemClock};
use outflow_engine::Errors;
use outflow_telemetry::log::as_error;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tracing::warn;

use crate::control::{Answer, Request};
use crate::making::Job;
use crate::{App, Caller, RunOutcome, control, holder};

/// The action of a purge.
const PURGE: &str = "person.purge";

/// Something that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Act {
    /// What: `sync.run`.
    pub(crate) action: &'static str,
    /// To what: `sync/users`.
    pub(crate) subject: String,
    /// How.
    pub(crate) details: Option<Value>,
}

impl Act {
    pub(crate) fn new(action: &'static str, subject: impl Into<String>) -> Self {
        Self { action, subject: subject.into(), details: None }
    }

    pub(crate) fn with(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// A run of a sync that a person asks for.
    pub(crate) fn run(sync: &str, options: &RunOptions) -> Self {
        let (action, mut details) = match &options.kind {
            RunKind::Incremental => ("sync.run", json!({ "kind": "incremental" })),
            RunKind::Full => ("sync.run", json!({ "kind": "full" })),
            RunKind::Since { at } => ("sync.run", json!({ "kind": "since", "since": at })),
            RunKind::Backfill { start, first, .. } => {
                ("sync.backfill", json!({ "start": start, "first": first }))
            }
            RunKind::Replay(replay) => {
                let mut details = json!({ "run": replay.run, "mode": replay.mode });
                if let Some(code) = replay.code {
                    details["code"] = json!(code);
                }
                ("sync.replay", details)
            }
        };
        if let Some(limit) = options.limit {
            details["limit"] = json!(limit);
        }
        if let Some(destination) = &options.destination {
            details["destination"] = json!(destination);
        }
        if options.new_ids {
            details["new_ids"] = json!(true);
        }
        Self::new(action, format!("sync/{sync}")).with(details)
    }

    pub(crate) fn purge(id: &str, installation: u128) -> Self {
        Self::new(PURGE, person(id, installation))
    }

    pub(crate) fn cancel(destination: &str, sync: Option<&str>) -> Self {
        let act = Self::new("destination.cancel", format!("destination/{destination}"));
        match sync {
            Some(sync) => act.with(json!({ "sync": sync })),
            None => act,
        }
    }

    pub(crate) fn approve(run: outflow_core::RunId) -> Self {
        Self::new("run.approve", format!("run/{run}"))
    }

    pub(crate) fn reject(run: outflow_core::RunId, skip_window: bool) -> Self {
        Self::new("run.reject", format!("run/{run}")).with(json!({ "skip_window": skip_window }))
    }

    /// What a request asks for, if it changes something.
    pub(crate) fn of(request: &Request, installation: u128) -> Option<Self> {
        Some(match request {
            Request::Run { sync, options } => Self::run(sync, options),
            Request::Reload => Self::new("project.reload", "project"),
            Request::Purge { id } => Self::purge(id, installation),
            Request::Cancel { destination, sync } => Self::cancel(destination, sync.as_deref()),
            Request::Approve { run } => Self::approve(*run),
            Request::Reject { run, skip_window } => Self::reject(*run, *skip_window),
            Request::Adopt { run } => Self::new("run.adopt", format!("run/{run}")),
            Request::TestAlerts => Self::new("alerts.test", "alerts"),
            // The slots of schedules; what only asks; and what has its entry in its transaction.
            Request::Due
            | Request::Status
            | Request::Pause { .. }
            | Request::Resume { .. }
            | Request::Define { .. }
            | Request::Rename { .. }
            | Request::People { .. }
            | Request::SetSecret { .. }
            | Request::RemoveSecret { .. }
            | Request::RotateSecrets => return None,
        })
    }

    /// The entry about it.
    pub(crate) fn entry(&self, actor: &Actor, result: AuditResult) -> AuditEntry {
        AuditEntry {
            at: SystemClock.now(),
            actor: actor.clone(),
            action: self.action.to_owned(),
            subject: self.subject.clone(),
            before: None,
            after: self.details.as_ref().map(Value::to_string),
            result,
        }
    }

    /// The entry that says why it was not done.
    fn failure(&self, actor: &Actor, error: &Error) -> AuditEntry {
        // A message about a person may name them.
        let may_say = self.action != PURGE;
        let after = may_say.then(|| json!({ "error": error.message() }).to_string());
        AuditEntry { after, ..self.entry(actor, AuditResult::of(error)) }
    }
}

/// A person whose calls are removed: only a hash of their id is kept.
fn person(id: &str, installation: u128) -> String {
    let mut hash = Sha256::new();
    hash.update(installation.to_be_bytes());
    hash.update(id);
    let hash: String = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("person/{hash}")
}

/// Writes that these begin.
pub(crate) async fn begin(state: &dyn State, actor: &Actor, acts: &[Act]) -> Result<(), Error> {
    let entries: Vec<_> = acts.iter().map(|act| act.entry(actor, AuditResult::Begun)).collect();
    if entries.is_empty() { Ok(()) } else { state.record(&entries).await }
}

/// Writes why something was not done. That this cannot be written is logged: the error itself
/// counts for more.
pub(crate) async fn fail(state: &dyn State, actor: &Actor, act: &Act, error: &Error) {
    if let Err(unwritten) = state.record(&[act.failure(actor, error)]).await {
        warn!(action = act.action, error = as_error(&unwritten), "not in the audit log");
    }
}

/// Does something, with its entries.
pub(crate) async fn recorded<T, E: Why + From<Error>>(
    state: &dyn State,
    actor: &Actor,
    act: Option<Act>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    begin(state, actor, act.as_slice()).await?;
    let done = work.await;
    if let (Some(act), Some(error)) = (&act, done.as_ref().err().and_then(Why::why)) {
        fail(state, actor, act, error).await;
    }
    done
}

/// Does something that has its entry in its own transaction; only its failure is written here.
pub(crate) async fn failing<T>(
    state: &dyn State,
    actor: &Actor,
    act: &Act,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let done = work.await;
    if let Err(error) = &done {
        fail(state, actor, act, error).await;
    }
    done
}

/// What the audit log says of these jobs.
pub(crate) fn acts_of(jobs: &[Job]) -> Vec<Act> {
    jobs.iter().map(|job| Act::run(&job.spec.name, &job.options)).collect()
}

/// Writes into the audit log which runs did not come about. What became of the others is in the
/// history of runs.
pub(crate) async fn failures(state: &dyn State, actor: &Actor, acts: &[Act], outcomes: &[RunOutcome]) {
    for outcome in outcomes {
        let RunOutcome::Failed { sync, errors } = outcome else { continue };
        let subject = format!("sync/{sync}");
        if let (Some(act), Some(error)) = (acts.iter().find(|a| a.subject == subject), errors.why()) {
            fail(state, actor, act, error).await;
        }
    }
}

/// Says why something was not done.
pub(crate) trait Why {
    /// The first error.
    fn why(&self) -> Option<&Error>;
}

impl Why for Error {
    fn why(&self) -> Option<&Error> {
        Some(self)
    }
}

impl Why for Errors {
    fn why(&self) -> Option<&Error> {
        self.0.first()
    }
}

impl App {
    /// Has an act that needs no state written into the log: by the process that holds the state,
    /// or by this one.
    pub(crate) async fn record(&self, request: Request, caller: &Caller) -> Result<(), Error> {
        match self.ask(&request, caller).await? {
            Some(Answer::Recorded) => return Ok(()),
            Some(_) => return Err(control::other_answer()),
            None => {}
        }
        // One that is about to end answers no more: then the state is free.
        let by_worker = control::ask_worker(&self.folder, &request, &self.actor).await;
        if matches!(by_worker, Ok(Some(Answer::Recorded))) {
            return Ok(());
        }
        let state = holder::open_state(self, true, caller).await?;
        begin(&*state, &self.actor, Act::of(&request, state.installation()).as_slice()).await
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::run::{Replay, ReplayMode};
    use outflow_core::{Code, RunId};

    use super::*;

    #[test]
    fn a_person_is_a_hash_that_other_installations_do_not_share() {
        let act = Act::of(&Request::Purge { id: "ada@example.com".to_owned() }, 1).unwrap();
        assert!(!format!("{act:?}").contains("ada"), "{act:?}");
        assert_eq!(act.subject.len(), "person/".len() + 32);
        assert_ne!(act.subject, person("ada@example.com", 2));
    }

    #[test]
    fn a_run_says_how_it_differs_from_others() {
        let replay = Replay {
            run: RunId(7),
            mode: ReplayMode::Rejected,
            code: Some(Code::Interrupted),
            force: false,
            start: None,
        };
        let options = RunOptions {
            limit: Some(5),
            destination: Some("journeys".to_owned()),
            new_ids: true,
            ..RunOptions::of(RunKind::Replay(replay))
        };
        let act = Act::run("users", &options);
        assert_eq!((act.action, act.subject.as_str()), ("sync.replay", "sync/users"));
        let expected = json!({
            "run": 7, "mode": "rejected", "code": "E001", "limit": 5, "destination": "journeys",
            "new_ids": true
        });
        assert_eq!(act.details.unwrap(), expected);
    }
}
