//! Giving room back: segments past their time, what belongs to no run, and runs that are long over.

use std::collections::HashSet;
use std::time::Duration;

use outflow_core::{Result, RunId};
use tokio::task::block_in_place;

use crate::Engine;

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
    /// Deletes and forgets what is past its time.
    ///
    /// Only the holder of the state may call it, and not while a run extracts.
    ///
    /// # Errors
    /// What the spool and the state say.
    pub async fn keep_house(&self, keep: Keep) -> Result<()> {
        self.sweep(keep.segments).await?;
        self.forget(keep.runs).await.map(drop)
    }

    /// Deletes the segments of runs that ended more than `keep` ago, and orphans. What the next run of a sync is compared with stays.
    ///
    /// Only the holder of the state may call it, and not while a run extracts.
    pub async fn sweep(&self, keep: Duration) -> Result<Vec<RunId>> {
        let compared: HashSet<RunId> = self.state.compared_runs().await?.into_iter().collect();
        let before =
            self.clock.now() - jiff::SignedDuration::try_from(keep).unwrap_or(jiff::SignedDuration::MAX);
        let mut swept = self.state.runs_with_old_segments(before).await?;
        for &run in &swept {
            // The state forgets first: a segment that it names is always there.
            self.state.forget_segments(run).await?;
            block_in_place(|| self.spool.remove(run, compared.contains(&run)))?;
            tracing::debug!(run = run.0, "segments deleted");
        }
        for run in block_in_place(|| self.spool.runs())? {
            let segments = self.state.segments(run).await?;
            if !segments.is_empty() {
                // A purge that was interrupted may have left the segments that it had replaced.
                block_in_place(|| self.spool.tidy(run, &segments))?;
                continue;
            }
            let known = self.state.run(run).await?;
            let orphan = match &known {
                None => true,
                Some(record) => record.state.is_final(),
            };
            if orphan && !compared.contains(&run) {
                block_in_place(|| self.spool.remove(run, false))?;
                tracing::debug!(run = run.0, "orphaned segments deleted");
                swept.push(run);
            }
        }
        Ok(swept)
    }
}
