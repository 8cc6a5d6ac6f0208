//! What a run keeps of its sync, and what becomes of a sync whose run failed or was lost.

use outflow_core::ports::state::{State, SyncState};
use outflow_core::run::{RunOptions, RunSpec};
use outflow_core::{
    Code, Connection, Error, FirstRun, Nulls, RunId, RunRecord, RunState, SyncSpec, Timestamp,
};

use crate::{Engine, Errors, blocking};

impl Engine {
    /// Ends a run whose extraction failed. The errors come back, with the state's own if it had one too.
    pub(crate) async fn fail(&self, spec: &SyncSpec, record: &RunRecord, mut errors: Errors) -> Errors {
        let end = match errors.0.first().map(Error::code) {
            Some(Code::Interrupted) => RunState::Cancelled,
            _ => RunState::Failed,
        };
        let (state, run, now, reason) = (self.state.clone(), record.id, self.clock.now(), errors.reason());
        let from_now = spec.first_run == FirstRun::Now && record.pinned.options.is_ordinary();
        let (name, cursor_of) = (spec.name.clone(), spec.cursor.clone());
        let ended = blocking(move || {
            let begun = if from_now { first_attempt(&*state, &name, run, cursor_of)? } else { None };
            state.end_run(run, end, now, Some(reason), begun.as_ref())
        });
        if let Err(error) = ended.await {
            errors.0.push(error);
        }
        errors
    }

    /// Ends a run whose segments are gone, and gives its window back to the sync. `false`: another delivery of
    /// the run has ended it already.
    pub(crate) async fn lose(&self, record: &RunRecord, error: &Error) -> outflow_core::Result<bool> {
        let (state, run, now) = (self.state.clone(), record.id, self.clock.now());
        let reason = Some((Code::RunLost, error.message().to_owned()));
        blocking(move || {
            let record = state.run(run)?.ok_or_else(|| gone(run))?;
            if record.state.is_final() {
                return Ok(false);
            }
            let before = state.sync(&record.sync)?;
            let last = before.clock_us == record.clock.map(Timestamp::as_microsecond);
            let moved = last && record.pinned.options.is_ordinary();
            let rewind = moved.then(|| give_back(&record, before));
            match state.end_run(run, RunState::Lost, now, reason, rewind.as_ref()) {
                // Two deliveries that find the loss at once: one of them ends the run.
                Err(_) if state.run(run)?.is_some_and(|r| r.state.is_final()) => Ok(false),
                ended => ended.map(|()| true),
            }
        })
        .await
    }
}

/// What a run of this sync keeps of it. Who asks for something out of the ordinary means skipped destinations, too.
pub(crate) fn pinned(spec: &SyncSpec, options: &RunOptions, mut skipped: Vec<String>) -> RunSpec {
    if !options.is_ordinary() {
        skipped.clear();
    }
    let mut connections = spec.connections.clone();
    if let Some(only) = &options.only {
        connections.retain(|c| c.destination == *only);
        if connections.is_empty() && options.replay.is_some() {
            // All calls of a run may go to a destination that the sync has not had.
            connections.push(Connection { destination: only.clone(), nulls: Nulls::default() });
        }
    }
    RunSpec {
        source: format!("{}.{}", spec.source, spec.database),
        query: spec.query.clone(),
        connections,
        options: options.clone(),
        guards: spec.guards.clone(),
        skipped,
    }
}

/// The sync as the run pinned it: an edit of the project does not reach a run that exists.
pub(crate) fn pinned_spec(spec: &SyncSpec, record: &RunRecord) -> SyncSpec {
    SyncSpec {
        query: record.pinned.query.clone(),
        call_type: record.call_type,
        connections: record.pinned.connections.clone(),
        ..spec.clone()
    }
}

/// The sync's state as it was before the run: its query's own start value. What it sent counts for nothing, as nobody knows how far it came.
fn give_back(record: &RunRecord, before: SyncState) -> SyncState {
    let start = record.last_sync_time.as_deref().unwrap_or("0");
    // A cursor's value says nothing about the clock, where the run may have begun anywhere.
    let seconds = start.parse::<i64>().ok().filter(|_| before.cursor.is_none()).unwrap_or(0);
    SyncState {
        clock_us: Some(seconds.saturating_mul(1_000_000)),
        cursor: before.cursor.is_some().then(|| start.to_owned()),
        run: None,
        fingerprint: None,
        ..before
    }
}

/// `first_run: now` means the first try, also if that failed: what has come since is new. `None`: the sync has a start, or the try came not so far.
fn first_attempt(
    state: &dyn State,
    sync: &str,
    run: RunId,
    cursor_of: Option<String>,
) -> outflow_core::Result<Option<SyncState>> {
    let before = state.sync(sync)?;
    let tried = state.run(run)?.and_then(|r| r.clock.zip(r.last_sync_time));
    let Some((clock, value)) = tried.filter(|_| before.clock_us.is_none()) else { return Ok(None) };
    let cursor = cursor_of.is_some().then_some(value);
    let clock_us = Some(clock.as_microsecond());
    Ok(Some(SyncState { clock_us, first_us: clock_us, cursor, cursor_of, ..before }))
}

pub(crate) fn gone(run: RunId) -> Error {
    Error::new(Code::StateIo, format!("run {run} is not in the state"))
}
