//! Reading many things at once: lists of runs, and how all syncs are.
//!
//! What always holds: the number of statements does not depend on how many runs or syncs there are,
//! and what comes back is what the methods for single things give. What this does not do: read more
//! than is shown. A list goes straight to its page.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;

use super::{DeliveryRecord, Gap, Pause, RunFilter};
use crate::ports::watch::{AlertRecord, Audit, Pending};
use crate::{Code, Result, RunId, RunRecord, RunState};

/// A run with what a list shows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRun {
    /// The run.
    pub record: RunRecord,
    /// Its deliveries, in the order of its connections.
    pub deliveries: Vec<DeliveryRecord>,
    /// What its audit found, if there was one.
    pub audit: Option<Audit>,
}

/// The newest run of a sync that was not skipped, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatestRun {
    /// The run.
    pub run: RunId,
    /// Its state.
    pub state: RunState,
    /// Its start.
    pub started_at: Timestamp,
    /// Its end.
    pub ended_at: Option<Timestamp>,
    /// Why it is not further on.
    pub reason: Option<(Code, String)>,
}

/// How all syncs are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// Every run that is not in a final state, oldest first, with its deliveries.
    pub unfinished: Vec<(RunRecord, Vec<DeliveryRecord>)>,
    /// Every sync that a run is kept of, with the newest one that was not skipped.
    pub latest: BTreeMap<String, Option<LatestRun>>,
    /// The last slot that was fired, by sync.
    pub fired: BTreeMap<String, Timestamp>,
    /// Syncs after a restore, before their next run: see
    /// [`Standing::restored`](crate::ports::watch::Standing::restored).
    pub restored: BTreeSet<String>,
    /// What is paused.
    pub pauses: Vec<Pause>,
    /// Every gap that is not closed, oldest first.
    pub open_gaps: Vec<Gap>,
    /// As [`alerts`](super::WatchQueries::alerts) gives them.
    pub alerts: Vec<AlertRecord>,
}

impl Overview {
    /// As [`pending`](super::DeliveryQueries::pending) gives it.
    pub fn pending(&self) -> Vec<Pending> {
        let mut sums = BTreeMap::<(&str, &str), u64>::new();
        for (run, deliveries) in &self.unfinished {
            for delivery in deliveries {
                let sum = sums.entry((&run.sync, &delivery.destination)).or_default();
                *sum = sum.saturating_add(delivery.counts.pending);
            }
        }
        let pending = |((sync, destination), calls): ((&str, &str), u64)| Pending {
            sync: sync.to_owned(),
            destination: destination.to_owned(),
            calls,
        };
        sums.into_iter().map(pending).collect()
    }
}

/// Looking at many things at once.
#[async_trait]
pub trait ListQueries: Send + Sync {
    /// As [`runs`](super::RunQueries::runs), each with its deliveries and its audit.
    async fn listed_runs(&self, filter: &RunFilter) -> Result<Vec<ListedRun>>;

    /// How all syncs are. Each part is as the method for it gives it; a write between two of them
    /// may be in the later one alone.
    async fn overview(&self) -> Result<Overview>;

    /// The newest run that was extracted of each sync that is none of these, by sync.
    async fn last_extracted_of_others(&self, syncs: &[String]) -> Result<Vec<RunRecord>>;
}
