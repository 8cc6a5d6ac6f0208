//! The ordering keys that a replay by query requests: rows with other keys are left out.

use std::collections::{HashMap, HashSet};

use outflow_core::CallMeta;

/// Ordering keys of dead letters, with their positions, and which of them a result gave.
#[derive(Default)]
pub(crate) struct WantedKeys {
    pub(crate) positions: HashMap<(u64, u64), Vec<u64>>,
    pub(crate) seen: HashSet<(u64, u64)>,
}

impl WantedKeys {
    /// Whether this call has one of the keys.
    pub(crate) fn take(&mut self, call: &CallMeta) -> bool {
        let key = (call.key, call.key2);
        let wanted = self.positions.contains_key(&key);
        if wanted {
            self.seen.insert(key);
        }
        wanted
    }
}
