//! What destinations have missed: where the gap of one begins, and which are new to a sync.

use outflow_core::ports::state::RunFilter;
use outflow_core::run::RunKind;
use outflow_core::{NextStep, Result, RunRecord, RunState};

use crate::event::Note;
use crate::{Engine, RunReader};

impl RunReader {
    /// The `last_sync_time` of the oldest run whose calls did not all reach this destination, as it
    /// was not among the run's destinations, was skipped, or had been taken out of the project. A
    /// run from there on to this destination alone closes the gap, and then there is none until the
    /// next.
    ///
    /// # Errors
    /// What the state says.
    pub async fn gap(&self, sync: &str, destination: &str) -> Result<Option<String>> {
        let runs = self.state.runs(&RunFilter { sync: Some(sync.to_owned()), limit: 0 }).await?;
        let mut gap = None;
        for run in runs.iter().rev().filter(|run| counts_for_gaps(run)) {
            let deliveries = self.state.deliveries(run.id).await?;
            let delivery = deliveries.iter().find(|d| d.destination == destination);
            match delivery.filter(|d| d.counts.cancelled + d.counts.discarded == 0) {
                None if run.spec.options.is_incremental() && run.rows.calls > 0 => {
                    gap = gap.or_else(|| run.last_sync_time.clone());
                }
                Some(_) if closes_gaps(run) => gap = None,
                _ => {}
            }
        }
        Ok(gap)
    }
}

impl Engine {
    /// What is to be said of destinations that get the sync's calls for the first time although it
    /// has been running.
    pub(crate) async fn newcomers(&self, run: &RunRecord) -> Result<Vec<Note>> {
        let past = self.state.past_runs(&run.sync, LOOKED_AT).await?;
        let ordinary = |run: &&RunRecord| run.spec.options.is_incremental();
        let Some(last) = past.iter().map(|past| &past.record).find(ordinary).filter(|_| ordinary(&run))
        else {
            return Ok(Vec::new());
        };
        let has = |name: &str| last.spec.connections.iter().any(|c| c.destination == name);
        let new = run.spec.connections.iter().map(|c| c.destination.as_str()).filter(|name| !has(name));
        let note = |name: &str| Note {
            text: format!("{name} is new and gets what is read from now on"),
            next: Some(NextStep::Backfill { destination: name.to_owned() }),
        };
        Ok(new.map(note).collect())
    }
}

/// The last incremental run is searched among this many. Only replays and runs with options can
/// come before it.
pub(crate) const LOOKED_AT: u64 = 100;

/// Whether what a run has read can be missing somewhere. The window of a lost run is read again by
/// the next one, and what a person has rejected is not missing.
pub(crate) fn counts_for_gaps(run: &RunRecord) -> bool {
    run.extracted_at.is_some() && !matches!(run.state, RunState::Lost | RunState::Rejected)
}

/// Whether a run was made to fill a gap.
pub(crate) fn closes_gaps(run: &RunRecord) -> bool {
    matches!(run.spec.options.kind, RunKind::Backfill { .. })
}
