//! A person's decision about a run that awaits approval: approve or reject it.
//!
//! What always holds: `last_sync_time` moves in the transaction that releases the run, or in the
//! one that discards it with its window; a run that is merely discarded leaves it, so that the next
//! run reads the same rows again.

use outflow_core::run::RunKind;
use outflow_core::{Code, Error, NextStep, Result, RunId, RunRecord, RunState};

use crate::Engine;

impl Engine {
    /// Approves a run that awaits approval, and returns its new record. Its deliveries must then
    /// begin: by the queues of a supervisor, or by [`Engine::finish`].
    ///
    /// # Errors
    /// C011: there is no such run. C012: it does not await approval.
    pub async fn approve(&self, run: RunId) -> Result<RunRecord> {
        let record = self.awaiting_approval(run).await?;
        let state = self.state.approve(run, self.clock.now()).await?;
        Ok(RunRecord { state, reason: None, ..record })
    }

    /// Rejects a run that awaits approval: its calls count as discarded, its segments are deleted.
    /// With `skip_window` the sync's next run begins where it would have begun had the run been
    /// sent; a gap that the run was to fill is given up.
    ///
    /// # Errors
    /// C011: there is no such run. C012: it does not await approval, or it is one that never moves
    /// `last_sync_time`.
    pub async fn reject(&self, run: RunId, skip_window: bool) -> Result<()> {
        let record = self.awaiting_approval(run).await?;
        let options = &record.spec.options;
        let fills = matches!(options.kind, RunKind::Backfill { .. });
        if skip_window && !options.is_incremental() && !fills {
            let message = format!("run {run} was asked for with options and moves last_sync_time in no case");
            return Err(Error::new(Code::ConflictingOptions, message).next_step(NextStep::Reject { run }));
        }
        self.state.reject(run, self.clock.now(), skip_window).await?;
        // The state no longer names the run's files. If this fails, they are orphans and removed
        // later.
        self.spool.remove(run).await?;
        self.baseline.remove(run).await
    }

    async fn awaiting_approval(&self, run: RunId) -> Result<RunRecord> {
        let Some(record) = self.state.run(run).await? else {
            return Err(Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}"))
                .next_step(NextStep::ListRuns));
        };
        if record.state != RunState::AwaitingApproval {
            let message = format!("run {run} of {} is {}, not awaiting_approval", record.sync, record.state);
            return Err(Error::new(Code::ConflictingOptions, message).next_step(NextStep::ListRuns));
        }
        Ok(record)
    }
}

/// E006: the run waits for a person.
pub(crate) fn waits(record: &RunRecord) -> Error {
    let why =
        record.reason.as_ref().map_or_else(String::new, |(code, reason)| format!(" ({code}: {reason})"));
    Error::new(Code::AwaitingApproval, format!("run {} of {} awaits approval{why}", record.id, record.sync))
        .next_step(NextStep::Approve { run: record.id })
        .next_step(NextStep::Reject { run: record.id })
}
