//! What runs, what waits, is stopped, held or left out, what is due next, and what is wrong.

use std::collections::BTreeMap;

use outflow_core::ports::state::{Gap, LatestRun, Overview, Pause, PauseKind};
use outflow_core::ports::watch::Pending;
use outflow_core::{
    BoxFuture, Clock as _, Code, DeliveryState, Error, RunId, RunRecord, RunState, SyncSpec, SystemClock,
    Timestamp,
};
use outflow_engine::schedule::{Slots, next_due};
use outflow_engine::{
    Errors, FORMAT_VERSION, LeftOutDocument, MissingDocument, Reason, UnsentDocument, paused_sentence,
};
use outflow_project::Project;
use serde::{Deserialize, Serialize};

use crate::alerts::{AlertDocument, firing_of};
use crate::control::{Answer, Request};
use crate::leftovers;
use crate::paused::of_sync as paused_since_of;
use crate::serving::{Serving, fingerprint};
use crate::{App, Caller};

/// How the installation is.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct StatusDocument {
    format_version: u32,
    /// The `serve` that is running, if one is.
    pub serving: Option<Serving>,
    /// The syncs.
    pub syncs: Vec<SyncStatus>,
    /// Syncs that the running `serve` has loaded otherwise than the project's files now say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_loaded: Vec<NotLoaded>,
    /// Destinations that a person has paused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paused: Vec<PausedDestination>,
    /// Runs that await approval.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<HeldRun>,
    /// Calls of committed runs that are not settled.
    pub waiting: Vec<WaitingCalls>,
    /// Calls of lost runs that destinations have not got.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<MissingDocument>,
    /// Destinations that runs leave out until they have caught up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOutDocument>,
    /// What destinations have not been sent because a person decided so, and are sent on request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsent: Vec<UnsentDocument>,
    /// What is wrong.
    pub alerts: Vec<AlertDocument>,
    /// What waits for destinations and syncs that the project no longer has.
    pub left_over: Vec<Error>,
    /// The time for which this holds.
    #[serde(skip)]
    pub at: Timestamp,
}

/// How a sync is.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SyncStatus {
    /// The sync.
    pub sync: String,
    /// Whether its schedule counts.
    pub enabled: bool,
    /// Since when a person has paused it, if one has.
    pub paused_since: Option<Timestamp>,
    /// The next slot of its schedule; in the past if no process runs the sync.
    pub next_due: Option<Timestamp>,
    /// Its last run that was not skipped.
    pub last: Option<LastRun>,
    /// Calls of this and earlier runs that no destination has settled yet, added up.
    pub undelivered: u64,
    /// A restore was noticed: its next run is compared with nothing (E126).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
}

/// A sync of which the running `serve` has another form than the files.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct NotLoaded {
    /// The sync.
    pub sync: String,
    /// What happened to it in the files.
    pub change: Change,
}

/// What happened to a sync in the files since they were loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It is written otherwise.
    Changed,
}

impl StatusDocument {
    /// For somebody who may not see values of rows: see [`Reason::hide_words`].
    pub fn hide_words(&mut self) {
        let last = self.syncs.iter_mut().filter_map(|sync| sync.last.as_mut()?.reason.as_mut());
        let held = self.held.iter_mut().filter_map(|run| run.reason.as_mut());
        let waiting = self.waiting.iter_mut().filter_map(|waits| waits.reason.as_mut());
        last.chain(held).chain(waiting).for_each(Reason::hide_words);
    }
}

/// A destination that a person has paused.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PausedDestination {
    /// The destination.
    pub destination: String,
    /// Since when.
    pub paused_since: Timestamp,
}

/// A run that awaits approval.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HeldRun {
    /// The run.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// Its calls.
    pub calls: u64,
    /// What a guard or a budget objected to.
    pub reason: Option<Reason>,
}

/// The last run of a sync.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WaitingCalls {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// How many.
    pub calls: u64,
    /// The oldest run that they belong to.
    pub oldest: Option<RunId>,
    /// Whether the destination stopped at that run.
    pub stopped: bool,
    /// Why it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

impl App {
    /// How the installation is.
    pub fn status<'a>(&'a self) -> BoxFuture<'a, Result<StatusDocument, Errors>> {
        Box::pin(async move {
            let project = self.look_at_project().await?;
            // A `serve` of another version is none that this process understands.
            let serving = match self.ask(&Request::Status, &Caller::silent()).await? {
                Some(Answer::Status(serving)) => Some(serving),
                _ => None,
            };
            let at = SystemClock.now();
            if serving.is_none() && self.is_new().await? {
                return Ok(StatusDocument::before_the_first_run(&project, at));
            }
            let state = self.reader().await?.state;
            let mut overview = state.overview().await?;
            let paused = paused(&overview.pauses, &project);
            let mut waiting = waiting(&overview);
            waiting.iter_mut().for_each(|waits| waits.as_paused(&paused));
            let syncs = project.syncs.iter().map(|spec| SyncStatus::of(spec, &overview, &waiting, at));
            let syncs = syncs.collect();
            let left_over = leftovers::among(&*state, &project, &overview).await?;
            let alerts = std::mem::take(&mut overview.alerts);
            let alerts = firing_of(&*state, alerts, &overview.open_gaps).await?;
            let mut gaps = overview.open_gaps;
            let unfinished = overview.unfinished.into_iter().map(|(run, _)| run);
            let held = unfinished.filter(|run| run.state == RunState::AwaitingApproval);
            let left_out = LeftOutDocument::of(&gaps);
            let sends = |sync: &str, destination: &str| {
                let spec = project.syncs.iter().find(|spec| spec.name == sync);
                spec.is_some_and(|spec| spec.connections.iter().any(|c| c.destination == destination))
            };
            let mut unsent = UnsentDocument::of(&gaps);
            unsent.retain(|unsent| sends(&unsent.sync, &unsent.destination));
            gaps.retain(Gap::is_lost);
            Ok(StatusDocument {
                missing: gaps.into_iter().map(MissingDocument::from).collect(),
                left_out,
                unsent,
                format_version: FORMAT_VERSION,
                not_loaded: serving
                    .as_ref()
                    .map(|s| not_loaded(&s.syncs, &project.syncs))
                    .unwrap_or_default(),
                serving,
                syncs,
                paused,
                held: held.map(HeldRun::from).collect(),
                waiting,
                alerts,
                left_over: left_over.into_iter().map(|leftover| leftover.finding).collect(),
                at,
            })
        })
    }
}

impl StatusDocument {
    /// Nothing has run, nothing waits, and nothing is known to be wrong.
    fn before_the_first_run(project: &Project, at: Timestamp) -> Self {
        let of_sync = |spec: &SyncSpec| SyncStatus {
            sync: spec.name.clone(),
            enabled: spec.enabled,
            paused_since: None,
            next_due: next_due(&Slots::of(&spec.schedule), None, at).filter(|_| spec.enabled),
            last: None,
            undelivered: 0,
            restored: false,
        };
        Self {
            format_version: FORMAT_VERSION,
            serving: None,
            syncs: project.syncs.iter().map(of_sync).collect(),
            not_loaded: Vec::new(),
            paused: Vec::new(),
            held: Vec::new(),
            waiting: Vec::new(),
            missing: Vec::new(),
            left_out: Vec::new(),
            unsent: Vec::new(),
            alerts: Vec::new(),
            left_over: Vec::new(),
            at,
        }
    }
}

impl From<RunRecord> for HeldRun {
    fn from(run: RunRecord) -> Self {
        Self { run: run.id, sync: run.sync, calls: run.rows.calls, reason: run.reason.map(Reason::from) }
    }
}

/// What waits for destinations, with the oldest run of each and how it stands.
fn waiting(overview: &Overview) -> Vec<WaitingCalls> {
    let pending = overview.pending().into_iter().filter(|p| p.calls > 0);
    let mut waiting: Vec<WaitingCalls> = pending
        .map(|Pending { sync, destination, calls }| WaitingCalls {
            sync,
            destination,
            calls,
            oldest: None,
            stopped: false,
            reason: None,
        })
        .collect();
    for (run, deliveries) in &overview.unfinished {
        for delivery in deliveries.iter().filter(|d| d.counts.pending > 0) {
            let is_its = |w: &&mut WaitingCalls| {
                w.oldest.is_none() && w.sync == run.sync && w.destination == delivery.destination
            };
            if let Some(waits) = waiting.iter_mut().find(is_its) {
                waits.oldest = Some(run.id);
                waits.stopped = delivery.state == DeliveryState::Stopped;
                waits.reason = delivery.reason.clone().map(Reason::from);
            }
        }
    }
    waiting
}

/// How the syncs of the files differ from those that `serve` has loaded. A sync that refers to a
/// variable that this process does not have cannot be compared.
fn not_loaded(loaded: &BTreeMap<String, String>, files: &[SyncSpec]) -> Vec<NotLoaded> {
    let mut found = Vec::new();
    for spec in files {
        let change = match loaded.get(&spec.name) {
            None if !loaded.is_empty() => Change::Added,
            Some(loaded) if *loaded != fingerprint(spec) && !format!("{spec:?}").contains("${env:") => {
                Change::Changed
            }
            Some(_) | None => continue,
        };
        found.push(NotLoaded { sync: spec.name.clone(), change });
    }
    let removed = loaded.keys().filter(|name| !files.iter().any(|spec| spec.name == **name));
    found.extend(removed.map(|sync| NotLoaded { sync: sync.clone(), change: Change::Removed }));
    found
}

impl SyncStatus {
    fn of(spec: &SyncSpec, overview: &Overview, waiting: &[WaitingCalls], now: Timestamp) -> Self {
        let name = &spec.name;
        let paused_since = paused_since_of(&overview.pauses, name);
        let next_due = next_due(&Slots::of(&spec.schedule), overview.fired.get(name).copied(), now);
        Self {
            sync: name.clone(),
            enabled: spec.enabled,
            paused_since,
            next_due: next_due.filter(|_| spec.enabled && paused_since.is_none()),
            last: overview.latest.get(name).cloned().flatten().map(LastRun::from),
            undelivered: waiting.iter().filter(|w| w.sync == *name).map(|w| w.calls).sum(),
            restored: overview.restored.contains(name),
        }
    }
}

impl From<LatestRun> for LastRun {
    fn from(latest: LatestRun) -> Self {
        let LatestRun { run, state, started_at, ended_at, reason } = latest;
        Self { run, state, started_at, ended_at, reason: reason.map(Reason::from) }
    }
}

/// The destinations of the project that a person has paused.
fn paused(pauses: &[Pause], project: &Project) -> Vec<PausedDestination> {
    let of = pauses.iter().filter(|pause| pause.of.kind == PauseKind::Destination);
    let known = of.filter(|pause| project.destinations.iter().any(|d| d.name == pause.of.name));
    let paused =
        |pause: &Pause| PausedDestination { destination: pause.of.name.clone(), paused_since: pause.since };
    known.map(paused).collect()
}

impl WaitingCalls {
    /// What the state says of a pause dates from the last delivery that began: the pause may have
    /// been given, or be over, since then.
    fn as_paused(&mut self, paused: &[PausedDestination]) {
        match paused.iter().find(|p| p.destination == self.destination) {
            Some(PausedDestination { paused_since, .. }) => {
                let message = paused_sentence(&self.destination, *paused_since);
                self.stopped = true;
                self.reason = Some(Reason::from((Code::DestinationPaused, message)));
            }
            None if self.reason.as_ref().is_some_and(|r| r.code == Code::DestinationPaused) => {
                (self.stopped, self.reason) = (false, None);
            }
            None => {}
        }
    }
}
