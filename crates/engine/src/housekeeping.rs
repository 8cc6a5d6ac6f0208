//! Giving room back: segments past their time, and what belongs to no run.

use std::collections::HashSet;
use std::time::Duration;

use outflow_core::{Result, RunId};

use crate::Engine;

impl Engine {
    /// Deletes the segments of runs that ended more than `keep` ago, and orphans. What the next run of a sync is compared with stays. Blocks.
    ///
    /// Only the holder of the state may call it, and not while a run extracts.
    pub fn sweep(&self, keep: Duration) -> Result<Vec<RunId>> {
        let compared: HashSet<RunId> = self.state.compared_runs()?.into_iter().collect();
        let before =
            self.clock.now() - jiff::SignedDuration::try_from(keep).unwrap_or(jiff::SignedDuration::MAX);
        let mut swept = self.state.runs_with_old_segments(before)?;
        for &run in &swept {
            // The state forgets first: a segment that it names is always there.
            self.state.forget_segments(run)?;
            self.spool.remove(run, compared.contains(&run))?;
        }
        for run in self.spool.runs()? {
            let segments = self.state.segments(run)?;
            if !segments.is_empty() {
                // A purge that was interrupted may have left the segments that it had replaced.
                self.spool.tidy(run, &segments)?;
                continue;
            }
            let known = self.state.run(run)?;
            let orphan = match &known {
                None => true,
                Some(record) => record.state.is_final(),
            };
            if orphan && !compared.contains(&run) {
                self.spool.remove(run, false)?;
                swept.push(run);
            }
        }
        Ok(swept)
    }
}
