//! Cutting calls into batches, in row order.
//!
//! A call whose key is under way in another batch is set aside and goes first into the next batch that may hold it; calls behind it with the same key are set aside
//! too. So calls with one key keep their order, and calls with other keys need not wait. What is set aside is bounded by one request for every eight that may be under way.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{Destination, Envelope, Limits};
use outflow_core::{CallMeta, Nulls};

use crate::delivery::ordering_keys::{AsItIs, Keys, Pair};

/// One call in a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// Its position in the run.
    pub(crate) position: u64,
    /// Its row's ordinal.
    pub(crate) ordinal: u64,
    /// Where it begins in the body.
    pub(crate) start: u32,
    /// Where it ends.
    pub(crate) end: u32,
    pair: Pair,
}

/// Calls that go in one request.
pub(crate) struct Batch {
    /// Its number, never 0. Numbers come again, long after the batch that had one before is settled.
    number: u16,
    /// The body up to the suffix.
    pub(crate) body: Vec<u8>,
    /// Its calls, in row order of each key.
    pub(crate) items: Vec<Item>,
}

/// What became of an offered call.
#[derive(Debug)]
pub(crate) enum Offer {
    /// It is in the batch or set aside.
    Taken,
    /// It is settled already: it will never be sent.
    Settled(Verdict),
    /// The batch is as full as it can be; offer the call again for the next one.
    Full,
}

/// Puts batches together for one delivery.
pub(crate) struct Batcher {
    destination: Arc<dyn Destination>,
    nulls: Nulls,
    limits: Limits,
    envelope: Envelope,
    keys: Keys,
    last: u16,
    aside: Vec<(Item, Vec<u8>)>,
    aside_keys: HashSet<u64, BuildHasherDefault<AsItIs>>,
    aside_bytes: usize,
    /// When so much is set aside, nothing more is cut until a batch is settled.
    aside_limit: usize,
}

impl Batcher {
    /// A batcher for a destination.
    pub(crate) fn new(destination: Arc<dyn Destination>, nulls: Nulls) -> Self {
        let limits = destination.limits().clone();
        let aside_limit = limits.request_bytes.saturating_mul((limits.concurrency / 8).max(1));
        let envelope = destination.envelope();
        Self {
            destination,
            nulls,
            limits,
            envelope,
            keys: Keys::default(),
            last: 0,
            aside: Vec::new(),
            aside_keys: HashSet::default(),
            aside_bytes: 0,
            aside_limit,
        }
    }

    /// Begins a batch with what was set aside and may go now.
    pub(crate) fn begin(&mut self) -> Batch {
        self.last = self.last.checked_add(1).unwrap_or(1);
        let mut batch = Batch {
            number: self.last,
            body: Vec::with_capacity(self.limits.request_bytes),
            items: Vec::new(),
        };
        batch.body.extend_from_slice(self.envelope.prefix);
        let waiting = std::mem::take(&mut self.aside);
        self.aside_keys.clear();
        self.aside_bytes = 0;
        for (item, bytes) in waiting {
            let fits = !self.waits(item.pair) && self.fits(&batch, bytes.len());
            if fits && self.keys.claim(item.pair, batch.number) {
                self.append(&mut batch, item, &bytes);
            } else {
                self.set_aside(item, bytes);
            }
        }
        batch
    }

    /// Offers the next call.
    pub(crate) fn offer(&mut self, batch: &mut Batch, position: u64, call: &CallMeta, json: &[u8]) -> Offer {
        if batch.items.len() >= self.limits.calls || self.aside_bytes >= self.aside_limit {
            return Offer::Full;
        }
        let verdict = self.destination.check(call, json);
        if verdict != Verdict::Send {
            return Offer::Settled(verdict);
        }
        // Encoded in its place; taken out again in the rare case that it may not stay.
        let (before, first) = (batch.body.len(), batch.items.is_empty());
        if !first {
            batch.body.extend_from_slice(self.envelope.separator);
        }
        let start = batch.body.len();
        self.destination.encode(call, json, self.nulls, &mut batch.body);
        let end = batch.body.len();
        if !first && end + self.envelope.suffix.len() > self.limits.request_bytes {
            batch.body.truncate(before);
            return Offer::Full;
        }
        let pair = Pair::of(call);
        let item = Item { position, ordinal: call.ordinal, start: start as u32, end: end as u32, pair };
        if self.waits(pair) || !self.keys.claim(pair, batch.number) {
            let bytes = batch.body[start..].to_vec();
            batch.body.truncate(before);
            self.set_aside(item, bytes);
        } else {
            batch.items.push(item);
        }
        Offer::Taken
    }

    /// Whether calls are set aside.
    pub(crate) fn holds_some(&self) -> bool {
        !self.aside.is_empty()
    }

    /// The batch is settled, or will never be sent.
    pub(crate) fn release(&mut self, batch: &Batch) {
        self.keys.release(batch.items.iter().map(|i| i.pair));
    }

    fn set_aside(&mut self, item: Item, bytes: Vec<u8>) {
        self.aside_keys.extend(item.pair.keys());
        self.aside_bytes += bytes.len();
        self.aside.push((item, bytes));
    }

    /// Whether a call that may have the same key was set aside before.
    fn waits(&self, pair: Pair) -> bool {
        !self.aside_keys.is_empty() && pair.keys().iter().any(|key| self.aside_keys.contains(key))
    }

    /// A batch takes any first call: what is too large for the destination was refused by its check.
    fn fits(&self, batch: &Batch, bytes: usize) -> bool {
        let envelope = self.envelope.separator.len() + self.envelope.suffix.len();
        batch.items.is_empty()
            || (batch.items.len() < self.limits.calls
                && batch.body.len() + bytes + envelope <= self.limits.request_bytes)
    }

    fn append(&self, batch: &mut Batch, mut item: Item, bytes: &[u8]) {
        if !batch.items.is_empty() {
            batch.body.extend_from_slice(self.envelope.separator);
        }
        item.start = batch.body.len() as u32;
        batch.body.extend_from_slice(bytes);
        item.end = batch.body.len() as u32;
        batch.items.push(item);
    }
}
