//! Skipped destinations: runs leave them out, as more waits for them than may.
//!
//! What always holds: a destination that a run has left out is left out by the incremental runs
//! that follow, until a run from where its gap begins (`outflow backfill`) has been extracted: what
//! it missed has one beginning. Its calls in the runs that leave it out are counted as cancelled,
//! with E007. No run leaves out all of its destinations.
//!
//! What it does not do: drop the backlog, which is delivered in order as before.

use outflow_core::{Result, RunRecord, SyncSpec};

use crate::Engine;
use crate::operations::backfill::{LOOKED_AT, closes_gaps};

impl Engine {
    /// The sync's destinations that its next incremental run leaves out, as the last one did.
    pub(crate) async fn skipped(&self, spec: &SyncSpec) -> Result<Vec<String>> {
        let past = self.state.past_runs(&spec.name, LOOKED_AT).await?;
        let telling = |run: &&RunRecord| run.spec.options.is_incremental() || closes_gaps(run);
        let is_skipped = |name: &String| {
            let has = |run: &&RunRecord| run.spec.connections.iter().any(|c| c.destination == *name);
            let last = past.iter().map(|run| &run.record).filter(telling).find(has);
            last.is_some_and(|run| run.spec.skipped.contains(name))
        };
        let names = spec.connections.iter().map(|c| &c.destination);
        Ok(but_not_all(spec, names.filter(|name| is_skipped(name)).cloned().collect()))
    }
}

/// A run that went nowhere would be of no use: where nothing is left, nothing is left out.
pub(crate) fn but_not_all(spec: &SyncSpec, skipped: Vec<String>) -> Vec<String> {
    if spec.connections.iter().all(|c| skipped.contains(&c.destination)) { Vec::new() } else { skipped }
}
