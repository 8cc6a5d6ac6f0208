//! Giving room back: segments past their time, what belongs to no run, and runs that are long over.

use std::collections::HashSet;
use std::time::Duration;

use outflow_core::run::RunKind;
use outflow_core::{Result, RunId, RunRecord, RunState};

use crate::Engine;

/// How long what is not needed any more is kept, from the run's end on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// Segments: calls and rejected rows.
    pub segments: Duration,
    /// Runs with their counts and dead letters.
    pub runs: Duration,
    /// Entries of the audit log; `None`: for ever.
    pub audit: Option<Duration>,
}

impl Default for RetentionPolicy {
    fn default() -> Self {
        let days = |n: u64| Duration::from_secs(n * 24 * 3600);
        Self { segments: days(7), runs: days(90), audit: None }
    }
}

impl Engine {
    /// Deletes what is older than the retention policy keeps, by a clock that has stood for a day.
    ///
    /// Only the holder of the state may call it, and not while a run extracts.
    ///
    /// # Errors
    /// What the spool and the state say.
    pub async fn apply_retention(&self, keep: RetentionPolicy) -> Result<()> {
        self.sweep(keep.segments).await?;
        self.forget(keep.runs).await?;
        if let Some(keep) = keep.audit {
            self.state.expire_audit(self.long_ago(keep).await?, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Deletes the segments of runs that ended more than `keep` ago, orphans, and the hashes of
    /// runs that no sync's next run is compared with.
    ///
    /// Only the holder of the state may call it. Runs may go on meanwhile. So a run is first found
    /// to be over, and only then the state is asked what it names of it: after the end of a run
    /// that only shrinks.
    pub async fn sweep(&self, keep: Duration) -> Result<Vec<RunId>> {
        let before = self.long_ago(keep).await?;
        let mut swept = self.state.runs_with_old_segments(before).await?;
        for &run in &swept {
            // The state is changed first, so that a segment that it names always exists.
            self.state.forget_segments(run).await?;
            self.spool.remove(run).await?;
            tracing::debug!(run = run.0, "segments deleted");
        }
        for run in self.spool.runs().await? {
            let is_over = self.is_over(run).await?;
            let segments = self.state.segments(run).await?;
            if !segments.is_empty() {
                // A purge that was interrupted may have left the segments that it had replaced.
                self.spool.remove_orphans(run, &segments).await?;
            } else if is_over {
                self.spool.remove(run).await?;
                tracing::debug!(run = run.0, "orphaned segments deleted");
                swept.push(run);
            }
        }
        let mut over = Vec::new();
        for run in self.baseline.runs().await? {
            if self.is_over(run).await? {
                over.push(run);
            }
        }
        let compared: HashSet<RunId> = self.state.compared_runs().await?.into_iter().collect();
        let unfinished = self.state.unfinished_runs().await?.into_iter();
        // What fills a gap is compared with hashes that a newer run may have made needless.
        let filling: HashSet<String> = unfinished.filter(is_being_filled).map(|run| run.sync).collect();
        for run in over.into_iter().filter(|run| !compared.contains(run)) {
            let record = self.state.run(run).await?;
            if record.is_none_or(|record| !filling.contains(&record.sync)) {
                self.baseline.remove(run).await?;
            }
        }
        Ok(swept)
    }

    /// Whether a run is in a final state, or unknown.
    async fn is_over(&self, run: RunId) -> Result<bool> {
        Ok(self.state.run(run).await?.is_none_or(|record| record.state.is_final()))
    }
}

/// Whether a run reads what fills a gap.
fn is_being_filled(run: &RunRecord) -> bool {
    let fills = matches!(run.spec.options.kind, RunKind::Backfill { .. });
    fills && matches!(run.state, RunState::Queued | RunState::Extracting)
}
