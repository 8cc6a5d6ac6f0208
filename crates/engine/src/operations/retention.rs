//! Giving room back: segments past their time, what belongs to no run, and runs that are long over.

use std::collections::HashSet;
use std::time::Duration;

use outflow_core::{Result, RunId};

use crate::{Engine, wait};

/// How long what is not needed any more is kept, from the run's end on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Segments: calls and rejected rows.
    pub segments: Duration,
    /// Runs with their counts and dead letters.
    pub runs: Duration,
}

impl Default for Keep {
    fn default() -> Self {
        let days = |n: u64| Duration::from_secs(n * 24 * 3600);
        Self { segments: days(7), runs: days(90) }
    }
}

impl Engine {
    /// Deletes and forgets what is past its time. Blocks.
    ///
    /// Only the holder of the state may call it, and not while a run extracts.
    ///
    /// # Errors
    /// What the spool and the state say.
    pub fn keep_house(&self, keep: Keep) -> Result<()> {
        self.sweep(keep.segments)?;
        self.forget(keep.runs).map(drop)
    }

    /// Deletes the segments of runs that ended more than `keep` ago, orphans, and the hashes of
    /// runs that no sync's next run is compared with. Blocks.
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
            wait(self.spool.remove(run))?;
            tracing::debug!(run = run.0, "segments deleted");
        }
        for run in wait(self.spool.runs())? {
            let segments = self.state.segments(run)?;
            if !segments.is_empty() {
                // A purge that was interrupted may have left the segments that it had replaced.
                wait(self.spool.remove_orphans(run, &segments))?;
            } else if self.is_over(run)? {
                wait(self.spool.remove(run))?;
                tracing::debug!(run = run.0, "orphaned segments deleted");
                swept.push(run);
            }
        }
        for run in wait(self.baseline.runs())? {
            if !compared.contains(&run) && self.is_over(run)? {
                wait(self.baseline.remove(run))?;
            }
        }
        Ok(swept)
    }

    /// Whether a run is in a final state, or unknown.
    fn is_over(&self, run: RunId) -> Result<bool> {
        Ok(self.state.run(run)?.is_none_or(|record| record.state.is_final()))
    }
}
