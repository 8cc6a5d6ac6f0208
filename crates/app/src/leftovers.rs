//! What is left of things that the project no longer has: calls that wait for a destination, runs
//! of a sync, and what a sync that looks renamed had sent.
//!
//! What always holds: it only reads and reports. Nothing is dropped because a name is gone.

use std::collections::{BTreeMap, BTreeSet};

use outflow_core::ports::state::{Overview, StateReader};
use outflow_core::{Code, DeliveryState, Error, NextStep, RunId, RunState};
use outflow_project::Project;

use crate::renamed;

/// Something that waits for what is gone, as a finding.
pub(crate) struct Leftover {
    pub(crate) sync: String,
    pub(crate) finding: Error,
}

/// The runs and calls of one sync that wait for one destination.
#[derive(Default)]
struct Waiting {
    runs: Vec<RunId>,
    calls: u64,
}

/// Everything that is left of what the project no longer has, by sync and destination.
pub(crate) async fn of(state: &dyn StateReader, project: &Project) -> Result<Vec<Leftover>, Error> {
    among(state, project, &state.overview().await?).await
}

/// As [`of`], of a state whose overview was read before.
pub(crate) async fn among(
    state: &dyn StateReader,
    project: &Project,
    overview: &Overview,
) -> Result<Vec<Leftover>, Error> {
    let mut waiting = BTreeMap::<(String, String), Waiting>::new();
    let mut removed_syncs = BTreeMap::<String, Vec<RunId>>::new();
    for (run, deliveries) in &overview.unfinished {
        if project.syncs.iter().all(|sync| sync.name != run.sync) {
            removed_syncs.entry(run.sync.clone()).or_default().push(run.id);
        }
        if run.state != RunState::Delivering {
            continue;
        }
        for delivery in deliveries {
            if matches!(delivery.state, DeliveryState::Delivering | DeliveryState::Stopped) {
                let waiting = waiting.entry((run.sync.clone(), delivery.destination.clone())).or_default();
                waiting.runs.push(run.id);
                waiting.calls += delivery.counts.pending;
            }
        }
    }
    let destinations: BTreeSet<&str> = project.destinations.iter().map(|d| d.name.as_str()).collect();
    let mut found = Vec::new();
    for ((sync, destination), waiting) in waiting {
        let known = project.syncs.iter().find(|spec| spec.name == sync);
        let finding = if !destinations.contains(destination.as_str()) {
            Some(destination_removed(&sync, &destination, &waiting))
        } else {
            let left = known.filter(|spec| spec.connections.iter().all(|c| c.destination != destination));
            left.map(|_| still_delivered(&sync, &destination, &waiting))
        };
        found.extend(finding.map(|finding| Leftover { sync, finding }));
    }
    found.extend(removed_syncs.into_iter().map(|(sync, runs)| {
        let finding = sync_removed(&sync, &runs);
        Leftover { sync, finding }
    }));
    found.extend(renamed::among(state, project, overview).await?.into_iter().map(|renamed| {
        let finding = renamed.finding();
        Leftover { sync: renamed.sync, finding }
    }));
    Ok(found)
}

fn destination_removed(sync: &str, destination: &str, waiting: &Waiting) -> Error {
    let Waiting { runs, calls } = waiting;
    let message = format!(
        "{calls} calls of {sync} ({}) wait for {destination}, which the project no longer has",
        listed(runs)
    );
    Error::new(Code::DestinationRemoved, message)
        .help(
            "put it back to have them delivered; to rename it, keep the old name until nothing waits for it",
        )
        .next_step(NextStep::Cancel { destination: destination.to_owned() })
}

fn still_delivered(sync: &str, destination: &str, waiting: &Waiting) -> Error {
    let Waiting { runs, calls } = waiting;
    let message = format!(
        "{calls} calls of {sync} ({}) wait for {destination}, which the sync no longer has: they are still delivered",
        listed(runs)
    );
    Error::new(Code::StillDelivered, message)
}

fn sync_removed(sync: &str, runs: &[RunId]) -> Error {
    let message = format!("{} of {sync} wait, and the project no longer has that sync", listed(runs));
    Error::new(Code::SyncRemoved, message).next_step(NextStep::Run { sync: sync.to_owned() })
}

/// `run 3`, or `runs 3, 4, 5 and 12 more`.
fn listed(runs: &[RunId]) -> String {
    const LISTED: usize = 5;
    let shown: Vec<String> = runs.iter().take(LISTED).map(RunId::to_string).collect();
    let more = runs.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("run{} {}{more}", if runs.len() == 1 { "" } else { "s" }, shown.join(", "))
}
