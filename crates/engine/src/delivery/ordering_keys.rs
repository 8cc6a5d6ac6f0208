//! The ordering keys in flight.
//!
//! Calls with one key must not overtake each other. A key belongs to the batch that holds a record
//! with it until that batch is settled.

use std::collections::{HashMap, HashSet};

use outflow_core::CallMeta;
use outflow_core::hash::KeyHasher;

/// The ordering keys of a call: the second differs from the first for an alias alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyPair(u64, u64);

impl KeyPair {
    /// The keys of a call.
    pub(crate) fn of(call: &CallMeta) -> Self {
        Self(call.key, if call.key2 == 0 { call.key } else { call.key2 })
    }

    /// Both keys.
    pub(crate) fn keys(self) -> [u64; 2] {
        [self.0, self.1]
    }
}

/// The keys in flight, and the batches that hold them.
#[derive(Default)]
pub(crate) struct KeysInFlight {
    owner: HashMap<u64, u16, KeyHasher>,
}

impl KeysInFlight {
    /// Gives the keys to `batch` if no other batch holds one of them.
    pub(crate) fn claim(&mut self, pair: KeyPair, batch: u16) -> bool {
        let KeyPair(a, b) = pair;
        if b != a && self.owner.get(&b).is_some_and(|owner| *owner != batch) {
            return false;
        }
        if *self.owner.entry(a).or_insert(batch) != batch {
            return false;
        }
        if b != a {
            self.owner.insert(b, batch);
        }
        true
    }

    /// Whether `batch` could claim the keys.
    pub(crate) fn are_free(&self, pair: KeyPair, batch: u16) -> bool {
        pair.keys().iter().all(|key| self.owner.get(key).is_none_or(|owner| *owner == batch))
    }

    /// The batch that held these is settled.
    pub(crate) fn release(&mut self, pairs: impl IntoIterator<Item = KeyPair>) {
        for KeyPair(a, b) in pairs {
            self.owner.remove(&a);
            if b != a {
                self.owner.remove(&b);
            }
        }
    }
}

/// The keys of records that must not be overtaken.
#[derive(Default)]
pub(crate) struct KeySet(HashSet<u64, KeyHasher>);

impl KeySet {
    /// Whether one of the keys is in the set.
    pub(crate) fn holds(&self, pair: KeyPair) -> bool {
        !self.0.is_empty() && pair.keys().iter().any(|key| self.0.contains(key))
    }

    /// Adds both keys.
    pub(crate) fn insert(&mut self, pair: KeyPair) {
        self.0.extend(pair.keys());
    }

    /// Removes all keys.
    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}
