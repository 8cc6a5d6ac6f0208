//! Forgetting runs that are long over, so that the state does not grow for ever.
//!
//! What always holds: only what is no longer needed is deleted. Runs stay that are not at their
//! end, that still have segments, that the next run will be compared with, that guards look back
//! at, that replay a run which is still there, whose calls are missing somewhere, and those at
//! which a destination's gap may begin or end: [`RunReader::gap`](crate::RunReader::gap) says the
//! same before and after.
//!
//! What it does not do: touch what was used (`outflow usage`), segments, or schedules.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use outflow_core::{Result, RunId, RunRecord};

use crate::Engine;
use crate::extract::guard::PAST_RUNS;
use crate::operations::backfill::{closes_gaps, counts_for_gaps};

/// How many runs are checked, and deleted, in one transaction.
const PAGE: u64 = 1_000;

/// The destinations that got all calls of a sync's last run that counts; `None` where the next one
/// stays in any case.
type Reached = BTreeMap<String, Option<BTreeSet<String>>>;

impl Engine {
    /// Deletes runs that ended more than `keep` ago, and returns how many. Only the holder of the
    /// state may call it.
    ///
    /// # Errors
    /// What the state says.
    pub async fn forget(&self, keep: Duration) -> Result<u64> {
        let before = self.long_ago(keep).await?;
        let (mut after, mut forgotten) = (RunId(0), 0);
        let mut needed: HashSet<RunId> = self.state.compared_runs().await?.into_iter().collect();
        for gap in self.state.open_gaps().await? {
            needed.extend([gap.missing.first, gap.missing.opened_by]);
        }
        let mut reached = Reached::new();
        loop {
            let page = self.state.ended_runs(before, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(forgotten) };
            after = last.id;
            let mut gone = Vec::new();
            for run in &page {
                if !reached.contains_key(&run.sync) {
                    reached.insert(run.sync.clone(), None);
                    needed.extend(self.looked_back_at(&run.sync).await?);
                }
                let is_an_edge = self.is_an_edge(run, &mut reached).await?;
                if !is_an_edge && run.replays.is_none() && !needed.contains(&run.id) {
                    gone.push(run.id);
                }
            }
            forgotten += gone.len() as u64;
            if !gone.is_empty() {
                self.state.forget_runs(&gone).await?;
            }
        }
    }

    /// The runs that guards compare the next one with, and some more.
    async fn looked_back_at(&self, sync: &str) -> Result<impl Iterator<Item = RunId> + use<>> {
        let past = self.state.past_runs(sync, 3 * PAST_RUNS as u64).await?;
        Ok(past.into_iter().map(|past| past.record.id))
    }

    /// Whether a gap may begin or end here: a run that closes gaps, the first run that counts
    /// behind it, and each that reached others than the one before.
    async fn is_an_edge(&self, run: &RunRecord, reached: &mut Reached) -> Result<bool> {
        if !counts_for_gaps(run) {
            return Ok(false);
        }
        if closes_gaps(run) {
            reached.insert(run.sync.clone(), None);
            return Ok(true);
        }
        if !run.spec.options.is_incremental() || run.rows.calls == 0 {
            return Ok(false);
        }
        let now: BTreeSet<String> = self
            .state
            .deliveries(run.id)
            .await?
            .into_iter()
            .filter(|d| d.counts.cancelled == 0 && d.counts.discarded == 0)
            .map(|d| d.destination)
            .collect();
        let before = reached.insert(run.sync.clone(), Some(now.clone())).flatten();
        Ok(before != Some(now))
    }
}
