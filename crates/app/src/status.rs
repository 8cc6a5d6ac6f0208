//! What runs, what waits, what is due next, and what is wrong.

use outflow_core::ports::state::{RunFilter, StateReader};
use outflow_core::ports::watch::Pending;
use outflow_core::{Clock as _, Error, RunId, RunState, SyncSpec, SystemClock, Timestamp};
use outflow_engine::schedule::{Slots, next_due};
use outflow_engine::{Errors, FORMAT_VERSION, LeftOutDocument, MissingDocument, Reason};
use serde::Serialize;

use crate::App;
use crate::alerts::{AlertDocument, firing};
use crate::control::{self, Answer, Request};
use crate::leftovers;
use crate::serving::Serving;

/// How the installation is.
#[derive(Debug, Serialize)]
pub struct StatusDocument {
    format_version: u32,
    /// The `serve` that is running, if one is.
    pub serving: Option<Serving>,
    /// The syncs.
    pub syncs: Vec<SyncStatus>,
    /// Calls of committed runs that are not settled.
    pub waiting: Vec<WaitingCalls>,
    /// Calls of lost runs that destinations have not got.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingDocument>,
    /// Destinations that runs leave out until they have caught up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutDocument>,
    /// What is wrong.
    pub alerts: Vec<AlertDocument>,
    /// What waits for destinations and syncs that the project no longer has.
    pub left_over: Vec<Error>,
    /// The time for which this holds.
    #[serde(skip)]
    pub at: Timestamp,
}

/// How a sync is.
#[derive(Debug, Serialize)]
pub struct SyncStatus {
    /// The sync.
    pub sync: String,
    /// Whether its schedule counts.
    pub enabled: bool,
    /// The next slot of its schedule; in the past if no process runs the sync.
    pub next_due: Option<Timestamp>,
    /// Its last run that was not skipped.
    pub last: Option<LastRun>,
}

/// The last run of a sync.
#[derive(Debug, Serialize)]
pub struct LastRun {
    /// The run.
    pub run: RunId,
    /// Its state.
    pub state: RunState,
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub ended_at: Option<Timestamp>,
    /// Why it is not further on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Calls that are not settled.
#[derive(Debug, Serialize)]
pub struct WaitingCalls {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// How many.
    pub calls: u64,
}

/// How many of the newest runs are looked at. If all of them are skips, the run that they wait for
/// has not ended.
const LOOKED_AT: u64 = 20;

impl App {
    /// How the installation is.
    pub async fn status(&self) -> Result<StatusDocument, Errors> {
        let project = self.load_without_secrets().await?;
        // A `serve` of another version is none that this process understands.
        let serving = match control::ask(&self.folder, &Request::Status).await? {
            Some(Answer::Status(serving)) => Some(serving),
            _ => None,
        };
        let at = SystemClock.now();
        let (state, mut syncs) = (self.reader().await?.state, Vec::new());
        for spec in &project.syncs {
            syncs.push(of_sync(&*state, spec, at).await?);
        }
        let left_over = leftovers::of(&*state, &project).await?;
        let waiting = state.pending().await?.into_iter().filter(|p| p.calls > 0);
        let waiting =
            waiting.map(|Pending { sync, destination, calls }| WaitingCalls { sync, destination, calls });
        let mut gaps = state.open_gaps().await?;
        let left_out = LeftOutDocument::of(&gaps);
        gaps.retain(|gap| !gap.is_left_out());
        Ok(StatusDocument {
            missing: gaps.into_iter().map(MissingDocument::from).collect(),
            left_out,
            format_version: FORMAT_VERSION,
            serving,
            syncs,
            waiting: waiting.collect(),
            alerts: firing(&*state).await?,
            left_over: left_over.into_iter().map(|leftover| leftover.finding).collect(),
            at,
        })
    }
}

async fn of_sync(state: &dyn StateReader, spec: &SyncSpec, now: Timestamp) -> Result<SyncStatus, Errors> {
    let slots = Slots::of(&spec.schedule);
    let next_due = next_due(&slots, state.fired(&spec.name).await?, now);
    let filter = RunFilter { sync: Some(spec.name.clone()), limit: LOOKED_AT };
    let last = match state.runs(&filter).await?.into_iter().find(|run| run.state != RunState::Skipped) {
        Some(run) => Some(run),
        None => state.unfinished_runs().await?.into_iter().rfind(|run| run.sync == spec.name),
    };
    Ok(SyncStatus {
        sync: spec.name.clone(),
        enabled: spec.enabled,
        next_due: next_due.filter(|_| spec.enabled),
        last: last.map(|run| LastRun {
            run: run.id,
            state: run.state,
            started_at: run.started_at,
            ended_at: run.ended_at,
            reason: run.reason.map(Reason::from),
        }),
    })
}
