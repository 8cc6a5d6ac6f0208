//! Lost runs and the gaps that they leave, as the supervisor sees them: when a run is lost, and
//! which syncs may have a gap that their actor fills.
//!
//! What it does not do: say what is missing. The state knows that.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use outflow_core::ports::state::State;
use outflow_core::{Code, Result};

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

/// Whether a delivery that ends with this error loses its run: its calls cannot be read, or their
/// number is not the state's. Each further delivery would end like it.
pub(super) fn loses_run(code: Code) -> bool {
    matches!(code, Code::SegmentDamaged | Code::SegmentMissing | Code::CountsDiffer)
}
