//! Where a destination's gap begins: what runs have read and it never got.

use outflow_core::ports::state::RunFilter;
use outflow_core::{Result, RunRecord, RunState};

use crate::Engine;

impl Engine {
    /// The `last_sync_time` of the oldest run whose calls did not all reach this destination, as it was not among the run's destinations, was detached, or had been taken out of the
    /// project. A run from there on to this destination alone closes the gap, and then there is none until the next. Blocks.
    ///
    /// # Errors
    /// What the state says.
    pub fn gap(&self, sync: &str, destination: &str) -> Result<Option<String>> {
        let runs = self.state.runs(&RunFilter { sync: Some(sync.to_owned()), limit: 0 })?;
        let mut gap = None;
        for run in runs.iter().rev().filter(|run| counts_for_gaps(run)) {
            let deliveries = self.state.deliveries(run.id)?;
            let delivery = deliveries.iter().find(|d| d.destination == destination);
            match delivery.filter(|d| d.counts.cancelled + d.counts.discarded == 0) {
                None if run.pinned.options.is_ordinary() && run.rows.calls > 0 => {
                    gap = gap.or_else(|| run.last_sync_time.clone());
                }
                Some(_) if closes_gaps(run) => gap = None,
                _ => {}
            }
        }
        Ok(gap)
    }
}

/// Whether what a run has read can be missing somewhere. The window of a lost run is read again by the next one, and what a person has dropped is not missed.
pub(crate) fn counts_for_gaps(run: &RunRecord) -> bool {
    run.extracted_at.is_some() && !matches!(run.state, RunState::Lost | RunState::Discarded)
}

/// Whether a run was made to fill a gap.
pub(crate) fn closes_gaps(run: &RunRecord) -> bool {
    run.pinned.options.start.is_some() && run.pinned.options.replay.is_none()
}
