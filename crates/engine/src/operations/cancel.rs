//! Giving up calls that wait for a destination that the project no longer has.
//!
//! What always holds: nothing is given up without a person's request, and nothing of a destination
//! that the project has. What it does not do: send, or forget the run.

use outflow_core::ports::state::Settlement;
use outflow_core::{Code, DeliveryCounts, DeliveryState, Error, NextStep, Result, RunId, RunState};
use serde::{Deserialize, Serialize};

use crate::Engine;
use crate::delivery::progress::persist;
use crate::report::FORMAT_VERSION;

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CancelReport {
    /// The version of the document.
    pub format_version: u32,
    /// The destination.
    pub destination: String,
    /// The calls in all.
    pub calls: u64,
    /// The runs that had them.
    pub runs: Vec<CancelledCalls>,
}

/// What was given up of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CancelledCalls {
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// How many calls.
    pub calls: u64,
    /// How the run ended, if these were the last that it waited for.
    #[serde(skip)]
    pub ended: Option<RunState>,
}

impl Engine {
    /// Cancels the calls that wait for a destination that the project no longer has, of one sync or
    /// of all. Under a supervisor, deliveries must be paused.
    ///
    /// # Errors
    /// C012: the project has the destination. C011: nothing waits for it. Else those of the state.
    pub async fn cancel(&self, destination: &str, sync: Option<&str>) -> Result<CancelReport> {
        if self.has_destination(destination) {
            let message = format!("the project has the destination {destination}: its calls are delivered");
            return Err(Error::new(Code::ConflictingOptions, message)
                .help("take it out of the project first; its calls then wait, and can be given up"));
        }
        let mut runs = Vec::new();
        let unfinished = self.state.unfinished_runs().await?;
        let delivering = unfinished.into_iter().filter(|run| run.state == RunState::Delivering);
        for run in delivering.filter(|run| sync.is_none_or(|name| run.sync == name)) {
            let deliveries = self.state.deliveries(run.id).await?;
            let Some(delivery) = deliveries.into_iter().find(|d| d.destination == destination) else {
                continue;
            };
            let calls = delivery.counts.pending;
            if calls == 0 {
                continue;
            }
            let is_partial = delivery.counts.dead_letters > 0;
            let settlement = Settlement {
                run: run.id,
                destination: destination.to_owned(),
                sequence: delivery.sequence + 1,
                settled: Vec::new(),
                added: DeliveryCounts { cancelled: calls, ..DeliveryCounts::default() },
                dead: Vec::new(),
                state: if is_partial { DeliveryState::Partial } else { DeliveryState::Succeeded },
                reason: Some((
                    Code::DestinationRemoved,
                    "given up: the project no longer has the destination".to_owned(),
                )),
                at: self.clock.now(),
            };
            persist(self.state.clone(), settlement).await?;
            let ended = self.state.conclude(run.id, self.clock.now()).await?;
            runs.push(CancelledCalls { run: run.id, sync: run.sync, calls, ended });
        }
        if runs.is_empty() {
            let message = format!("no call waits for a destination {destination:?}");
            return Err(Error::new(Code::NoSuchSyncOrRun, message).next_step(NextStep::ListRuns));
        }
        let calls = runs.iter().map(|run| run.calls).sum();
        Ok(CancelReport { format_version: FORMAT_VERSION, destination: destination.to_owned(), calls, runs })
    }
}
