//! Which ordering keys are under way.
//!
//! Calls with one key must not overtake each other. Keys are folded into a table of slots; a slot belongs to the batch that holds a call of it until that batch is
//! settled. Two keys that share a slot only make each other wait, so the table may be small and needs no look-up of keys.

use outflow_core::CallMeta;

/// The owner of a slot that nobody owns.
const NOBODY: u16 = 0;

/// The table.
pub(crate) struct Slots {
    owner: Vec<u16>,
    mask: u64,
}

/// The slots of a call: the second one differs from the first for an alias alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pair(u32, u32);

impl Slots {
    /// A table in which `calls` under way collide rarely. At most 1 MiB, so that it stays in a processor's own cache.
    pub(crate) fn new(calls: usize) -> Self {
        let size = (calls.saturating_mul(32)).next_power_of_two().clamp(1 << 12, 1 << 19);
        Self { owner: vec![NOBODY; size], mask: size as u64 - 1 }
    }

    /// The slots of a call.
    pub(crate) fn of(&self, call: &CallMeta) -> Pair {
        let first = (call.key & self.mask) as u32;
        Pair(first, if call.key2 == 0 { first } else { (call.key2 & self.mask) as u32 })
    }

    /// Gives the slots to `batch` if nobody else owns one of them. Batches are numbered from 1.
    pub(crate) fn claim(&mut self, pair: Pair, batch: u16) -> bool {
        let free = |owner: u16| owner == NOBODY || owner == batch;
        let (a, b) = (pair.0 as usize, pair.1 as usize);
        if !free(self.owner[a]) || !free(self.owner[b]) {
            return false;
        }
        self.owner[a] = batch;
        self.owner[b] = batch;
        true
    }

    /// The batch that owned these is settled.
    pub(crate) fn release(&mut self, pairs: impl IntoIterator<Item = Pair>) {
        for pair in pairs {
            self.owner[pair.0 as usize] = NOBODY;
            self.owner[pair.1 as usize] = NOBODY;
        }
    }
}

impl Pair {
    /// Both slots.
    pub(crate) fn slots(self) -> [u32; 2] {
        [self.0, self.1]
    }
}
