//! Forgetting runs that are long over, so that the state does not grow for ever.
//!
//! What always holds: only what is no longer needed is deleted. Runs stay that are not at their
//! end, that still have segments, that the next run will be compared with, that guards look back
//! at, that replay a run which is still there, those at the ends of a gap that is not closed, and
//! the first and the last one that say to whom a sync sends, and all since then:
//! [`RunReader::gap`](crate::RunReader::gap) says the same before and after.
//!
//! What it does not do: touch what was used (`outflow usage`), segments, or schedules.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use outflow_core::{Result, RunId};

use crate::Engine;
use crate::extract::guard::PAST_RUNS;

/// How many runs are checked, and deleted, in one transaction.
const PAGE: u64 = 1_000;

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
            needed.extend([gap.missing.first, gap.missing.last, gap.missing.opened_by]);
        }
        let mut newest = HashMap::new();
        loop {
            let page = self.state.ended_runs(before, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(forgotten) };
            after = last.id;
            let mut gone = Vec::new();
            for run in &page {
                if !newest.contains_key(&run.sync) {
                    let members = self.state.membership(&run.sync).await?;
                    needed.extend(members.beginning.map(|run| run.id));
                    newest.insert(run.sync.clone(), members.previous.map(|run| run.id));
                    needed.extend(self.looked_back_at(&run.sync).await?);
                }
                let is_newest = newest[&run.sync].is_some_and(|newest| run.id >= newest);
                if run.replays.is_none() && !is_newest && !needed.contains(&run.id) {
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
}
