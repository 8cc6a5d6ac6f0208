//! Sends calls of an earlier run again.

use std::time::Duration;

use outflow_core::run::ReplayMode;
use outflow_core::{BoxFuture, Code, RunId};
use outflow_engine::Errors;

use crate::look::RunName;
use crate::making::{Circumstances, Job};
use crate::{App, Caller, Event, RunOutcome};

/// What to send again, and how.
#[derive(Clone, Debug)]
pub struct ReplayRequest {
    /// The run.
    pub run: RunName,
    /// Only dead letters with this code.
    pub code: Option<Code>,
    /// Only those of this destination; with all calls: where they go.
    pub destination: Option<String>,
    /// How; otherwise as is usual for the type of the sync.
    pub mode: Option<ReplayMode>,
    /// Also what was replayed before, and calls that may overwrite a newer state.
    pub force: bool,
    /// A delivery stops when its destination has taken nothing for this long.
    pub delivery_timeout: Duration,
    /// Wait while another process holds the state.
    pub wait: bool,
}

/// What is to be replayed.
#[derive(Clone, Debug)]
pub struct ReplayPlan {
    /// The earlier run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How.
    pub mode: ReplayMode,
    /// How many rows the run rejected.
    pub rejected: u64,
    /// To which destinations; none if there is nothing to replay.
    pub destinations: Vec<String>,
}

/// What came of a replay.
pub struct ReplayReport {
    /// What was to be replayed.
    pub plan: ReplayPlan,
    /// The runs.
    pub outcomes: Vec<RunOutcome>,
    /// For each run, the refused keys that the query's result does not have any more.
    pub not_in_result: Vec<Vec<String>>,
}

impl App {
    /// Replays. If there is nothing to replay, the plan has no destination and there is no outcome.
    pub fn replay<'a>(
        &'a self,
        request: &'a ReplayRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<ReplayReport, Errors>> {
        Box::pin(async move {
            let (plan, all, project, spec) = self.planned(request).await?;
            let reader = self.reader().await?;
            if all.is_empty() {
                return Ok(ReplayReport { plan, outcomes: Vec::new(), not_in_result: Vec::new() });
            }
            (caller.listener)(Event::Replaying(&plan));
            let job = |options| Job { spec: spec.clone(), options, due_at: None };
            let ReplayRequest { delivery_timeout, wait, .. } = *request;
            // One after the other: two of one sync would be in each other's way.
            let circumstances = Circumstances { delivery_timeout, wait, parallel: 1, beside: true };
            let jobs = all.into_iter().map(job).collect();
            let outcomes = self.run_beside(&project, jobs, circumstances, caller).await?;
            let runs: Vec<RunId> = outcomes.iter().filter_map(|o| o.document().map(|d| d.run)).collect();
            let mut not_in_result = Vec::new();
            for run in runs {
                not_in_result.push(reader.not_given(run).await?);
            }
            Ok(ReplayReport { plan, outcomes, not_in_result })
        })
    }
}
