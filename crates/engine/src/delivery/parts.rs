//! The records of a batch that are not settled, in the parts in which they are sent.
//!
//! A record that was refused alone, so that it is open whom the refusal concerns, is *held*: the
//! others are sent around it. What always holds: a record that shares an ordering key with a held
//! one, directly or through others, stays behind it.

use outflow_core::Refusal;

use crate::delivery::batcher::Item;
use crate::delivery::bisection::Bisection;
use crate::delivery::limiter::Doubt;
use crate::delivery::ordering_keys::KeySet;

/// A record that was refused alone.
pub(crate) struct HeldRecord {
    pub(crate) item: Item,
    pub(crate) doubt: Doubt,
    pub(crate) refusal: Refusal,
}

/// The records of a batch that are not settled.
pub(crate) struct Parts {
    /// Those that can be sent, in row order, from where the bisection has got to.
    items: Vec<Item>,
    pub(crate) bisection: Bisection,
    held: Vec<HeldRecord>,
    /// Those behind held ones, in row order.
    behind: Vec<Item>,
    /// The keys of `held` and `behind`.
    keys: KeySet,
}

impl Parts {
    /// All records of a batch.
    pub(crate) fn new(items: &[Item]) -> Self {
        Self {
            items: items.to_vec(),
            bisection: Bisection::new(items.len()),
            held: Vec::new(),
            behind: Vec::new(),
            keys: KeySet::default(),
        }
    }

    /// The records to send next; empty when none can be sent.
    pub(crate) fn next(&self) -> &[Item] {
        &self.items[self.bisection.next()]
    }

    /// Holds the next record, which was refused alone.
    pub(crate) fn hold(&mut self, doubt: Doubt, refusal: Refusal) {
        let at = self.bisection.next().start;
        let mut rest = self.items.split_off(at).into_iter();
        let Some(item) = rest.next() else { return };
        self.keys.insert(item.keys);
        self.held.push(HeldRecord { item, doubt, refusal });
        self.items.clear();
        for item in rest {
            if self.keys.holds(item.keys) {
                self.keys.insert(item.keys);
                self.behind.push(item);
            } else {
                self.items.push(item);
            }
        }
        self.bisection = self.bisection.of_rest(self.items.len());
    }

    /// The record that was held last: a witness for its refusal is one for the others.
    pub(crate) fn last_held(&self) -> Option<&HeldRecord> {
        self.held.last()
    }

    /// The held records are settled; those behind them can be sent. Returns the held ones.
    pub(crate) fn release(&mut self) -> Vec<HeldRecord> {
        let rest = self.items.split_off(self.bisection.next().start);
        self.items = rest;
        self.items.append(&mut self.behind);
        // A batch's body has its records in the order in which they may be sent.
        self.items.sort_unstable_by_key(|item| item.start);
        self.keys.clear();
        self.bisection = self.bisection.of_rest(self.items.len());
        std::mem::take(&mut self.held)
    }
}
