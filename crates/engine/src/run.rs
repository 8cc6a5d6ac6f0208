//! What a run stores of its sync, and what a failed or lost run changes in its sync's state.

use outflow_core::ports::state::{Cursor, StateReader, SyncState, Watermark};
use outflow_core::run::{RunOptions, RunSpec};
use outflow_core::{
    Code, Connection, Error, EventIds, FirstRun, Nulls, RunId, RunRecord, RunState, SyncSpec,
};

use crate::{Engine, Errors};

impl Engine {
    /// Ends a run whose extraction failed. Returns the errors, with the state's own if there is one
    /// too.
    pub(crate) async fn fail(&self, spec: &SyncSpec, record: &RunRecord, mut errors: Errors) -> Errors {
        let end = match errors.0.first().map(Error::code) {
            Some(Code::Interrupted) => RunState::Cancelled,
            _ => RunState::Failed,
        };
        let (state, run, now, reason) = (&self.state, record.id, self.clock.now(), errors.reason());
        let from_now = spec.first_run == FirstRun::Now && record.spec.options.is_incremental();
        let ended = async {
            let begun = if from_now { first_attempt(&**state, spec, run).await? } else { None };
            state.end_run(run, end, now, Some(reason), begun.as_ref()).await
        };
        if let Err(error) = ended.await {
            errors.0.push(error);
        }
        errors
    }

    /// Ends a run whose calls cannot be sent any more. For each destination that lacks some a gap
    /// opens. `false`: another delivery of the run has ended it already.
    pub(crate) async fn lose(&self, record: &RunRecord, error: &Error) -> outflow_core::Result<bool> {
        let (state, run, now) = (&self.state, record.id, self.clock.now());
        if state.run(run).await?.ok_or_else(|| gone(run))?.state.is_final() {
            return Ok(false);
        }
        let reason = (Code::RunLost, format!("{}: {}", error.code(), error.message()));
        match state.lose_run(run, now, &reason).await {
            // Two deliveries that find the loss at once: one of them ends the run.
            Err(_) if state.run(run).await?.is_some_and(|r| r.state.is_final()) => Ok(false),
            ended => ended.map(|_| true),
        }
    }
}

/// What a run of this sync stores of it. A run with options is also for skipped
/// destinations, too.
pub(crate) fn run_spec(spec: &SyncSpec, options: &RunOptions, mut skipped: Vec<String>) -> RunSpec {
    if !options.is_incremental() {
        skipped.clear();
    }
    let mut connections = spec.connections.clone();
    if let Some(only) = &options.destination {
        connections.retain(|c| c.destination == *only);
        if connections.is_empty() && options.replay().is_some() {
            // All calls of a run may go to a destination that the sync has not had.
            connections.push(Connection { destination: only.clone(), nulls: Nulls::default() });
        }
    }
    RunSpec {
        source: source_of(spec),
        query: spec.query.clone(),
        connections,
        options: options.clone(),
        guards: spec.guards.clone(),
        skipped,
        ids: EventIds { key: spec.ids.key.filter(|_| !options.new_ids), ..spec.ids.clone() },
    }
}

/// `source.database` of a sync.
pub(crate) fn source_of(spec: &SyncSpec) -> String {
    format!("{}.{}", spec.source, spec.database)
}

/// The sync as it was when the run was created: an edit of the project does not reach a run that
/// exists.
pub(crate) fn spec_of_run(spec: &SyncSpec, record: &RunRecord) -> SyncSpec {
    SyncSpec {
        query: record.spec.query.clone(),
        call_type: record.call_type,
        connections: record.spec.connections.clone(),
        ids: record.spec.ids.clone(),
        ..spec.clone()
    }
}

/// `first_run: now` means the first try, also if that failed: what has come since is new. `None`:
/// the sync has a start, or the try came not so far.
async fn first_attempt(
    state: &dyn StateReader,
    spec: &SyncSpec,
    run: RunId,
) -> outflow_core::Result<Option<SyncState>> {
    let before = state.sync(&spec.name).await?;
    let tried = state.run(run).await?.and_then(|r| r.clock.zip(r.last_sync_time));
    let Some((clock, value)) = tried.filter(|_| before.watermark.is_none()) else { return Ok(None) };
    let clock_us = clock.as_microsecond();
    let first_us = Some(clock_us);
    let watermark = Watermark { clock_us, first_us, next_us: first_us, ..Watermark::default() };
    let next = Some(value.clone());
    let cursor =
        spec.cursor.clone().map(|column| Cursor { value, column: Some(column), next, history: Vec::new() });
    Ok(Some(SyncState { watermark: Some(watermark), cursor, ..before }))
}

pub(crate) fn gone(run: RunId) -> Error {
    Error::new(Code::StateIo, format!("run {run} is not in the state"))
}
