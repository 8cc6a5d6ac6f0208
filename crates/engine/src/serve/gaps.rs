//! Which syncs may have a gap that their actor fills, as the supervisor sees it.
//!
//! What it does not do: say what is missing. The state knows that.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use outflow_core::Result;
use outflow_core::ports::state::State;

/// The syncs that may have gaps, so that an actor need not ask the state at each step.
#[derive(Default)]
pub(super) struct SyncsWithGaps(Mutex<BTreeSet<String>>);

impl SyncsWithGaps {
    /// Whether a sync may have a gap.
    pub(super) fn may_have(&self, sync: &str) -> bool {
        self.lock().contains(sync)
    }

    /// Notes whether a sync may have a gap.
    pub(super) fn set(&self, sync: &str, may_have: bool) {
        let mut syncs = self.lock();
        if may_have {
            syncs.insert(sync.to_owned());
        } else {
            syncs.remove(sync);
        }
    }

    /// Adds the syncs whose gaps the state has.
    pub(super) async fn find(&self, state: &dyn State) -> Result<()> {
        for gap in state.open_gaps().await? {
            self.set(&gap.missing.sync, true);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
