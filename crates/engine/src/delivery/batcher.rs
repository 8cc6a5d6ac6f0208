//! Puts records into batches, in row order.
//!
//! A batch goes to one endpoint. A record that cannot go with the current batch is *deferred* and
//! goes first into the next batch that can hold it: because a batch in flight holds its ordering
//! key, because an earlier record with its key is deferred, because it goes to another endpoint, or
//! because the record before it in its call filled the batch. So calls with one key keep their
//! order, calls with other keys need not wait, and the records of a call are sent in their order.
//!
//! What is deferred is bounded: at one request for every eight that may be in flight, at one for
//! every two if the destination has several endpoints, and by the records of one call beyond that.
//!
//! A call that becomes one record for the batch's endpoint is written in its place in the body: it
//! is copied once, and nothing is allocated for it.

use std::collections::HashSet;
use std::sync::Arc;

use outflow_core::hash::KeyHasher;
use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::{Destination, Endpoint, RecordEnd, Records};
use outflow_core::{CallMeta, Nulls, Refusal};

use crate::delivery::message_id::begins_alike;
use crate::delivery::ordering_keys::{KeyPair, KeysInFlight};

/// A record in a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    /// Its call's position in the run.
    pub(crate) position: u64,
    /// Its row's ordinal.
    pub(crate) ordinal: u64,
    /// Where it begins in the body.
    pub(crate) start: u32,
    /// Where it ends.
    pub(crate) end: u32,
    /// Its call is among the open calls: it has several records, or one without its `messageId`.
    pub(crate) is_tracked: bool,
    pub(crate) keys: KeyPair,
}

/// Records that go in one request.
pub(crate) struct Batch {
    /// Never 0. A number is used again long after the batch that had it before is settled.
    number: u16,
    /// An index into the destination's endpoints.
    pub(crate) endpoint: usize,
    /// The body up to the suffix.
    pub(crate) body: Vec<u8>,
    /// Its records, in row order of each key.
    pub(crate) items: Vec<Item>,
}

/// What became of an offered call.
#[derive(Debug)]
pub(crate) enum Offer {
    /// Its only record, which holds its `messageId`, is in the batch or deferred.
    Taken,
    /// Its records are in the batch or deferred. The caller counts them until all are settled.
    Tracked { records: usize },
    /// It is not for this destination.
    Filtered,
    /// The destination cannot take it.
    Refused(Refusal),
    /// No more fits into the batch: offer the call again for the next one.
    Full,
}

struct Deferred {
    item: Item,
    endpoint: usize,
    bytes: Vec<u8>,
}

/// Makes the batches of one delivery.
pub(crate) struct Batcher {
    destination: Arc<dyn Destination>,
    nulls: Nulls,
    endpoints: Vec<Endpoint>,
    keys: KeysInFlight,
    last_number: u16,
    last_endpoint: usize,
    /// The records of the call that was prepared last.
    ends: Vec<RecordEnd>,
    deferred: Vec<Deferred>,
    deferred_keys: HashSet<u64, KeyHasher>,
    deferred_bytes: usize,
    /// No more calls are taken when this much is deferred.
    deferred_limit: usize,
}

impl Batcher {
    /// A batcher for a destination.
    pub(crate) fn new(destination: Arc<dyn Destination>, nulls: Nulls) -> Self {
        let endpoints = destination.endpoints().to_vec();
        let largest = endpoints.iter().map(|e| e.limits.bytes).max().unwrap_or_default();
        let share = if endpoints.len() > 1 { 2 } else { 8 };
        let requests = (destination.limits().concurrency / share).max(1);
        Self {
            destination,
            nulls,
            endpoints,
            keys: KeysInFlight::default(),
            last_number: 0,
            last_endpoint: 0,
            ends: Vec::new(),
            deferred: Vec::new(),
            deferred_keys: HashSet::default(),
            deferred_bytes: 0,
            deferred_limit: largest.saturating_mul(requests),
        }
    }

    /// Begins a batch with the deferred records that can go now. The oldest of them decides the
    /// endpoint; without one, the first call does.
    pub(crate) fn begin(&mut self) -> Batch {
        self.last_number = self.last_number.checked_add(1).unwrap_or(1);
        let number = self.last_number;
        // The first deferred record of a key can go once no batch in flight holds the key.
        let oldest = self.deferred.iter().find(|d| self.keys.are_free(d.item.keys, number));
        let endpoint = oldest.map_or(self.last_endpoint, |d| d.endpoint);
        let capacity = self.endpoints[endpoint].limits.bytes;
        let body = Vec::with_capacity(capacity);
        let mut batch = Batch { number, endpoint, body, items: Vec::new() };
        self.direct(&mut batch, endpoint);
        let waiting = std::mem::take(&mut self.deferred);
        self.deferred_keys.clear();
        self.deferred_bytes = 0;
        for Deferred { item, endpoint, bytes } in waiting {
            if endpoint == batch.endpoint && self.fits(&batch, bytes.len()) && self.may_go(item.keys, number)
            {
                self.append(&mut batch, item, &bytes);
            } else {
                self.defer(item, endpoint, bytes);
            }
        }
        batch
    }

    /// Offers the next call.
    pub(crate) fn offer(&mut self, batch: &mut Batch, position: u64, call: &CallMeta, json: &[u8]) -> Offer {
        let Endpoint { envelope, limits } = &self.endpoints[batch.endpoint];
        if batch.items.len() >= limits.records || self.deferred_bytes >= self.deferred_limit {
            return Offer::Full;
        }
        // Written in its place; removed again in the rare case that it cannot stay.
        let (before, is_first) = (batch.body.len(), batch.items.is_empty());
        if !is_first {
            batch.body.extend_from_slice(&envelope.separator);
        }
        let start = batch.body.len();
        let mut records = Records::new(&mut batch.body, &mut self.ends);
        match self.destination.prepare(call, json, self.nulls, &mut records) {
            Verdict::Send if !self.ends.is_empty() => {}
            verdict => {
                batch.body.truncate(before);
                return match verdict {
                    Verdict::Refuse(refusal) => Offer::Refused(refusal),
                    Verdict::Send | Verdict::Filter => Offer::Filtered,
                };
            }
        }
        let keys = KeyPair::of(call);
        let mut item = Item { position, ordinal: call.ordinal, start: 0, end: 0, is_tracked: false, keys };
        let end = batch.body.len();
        if !matches!(self.ends[..], [only] if only.endpoint == batch.endpoint) {
            item.is_tracked = self.ends.len() > 1 || !begins_alike(&batch.body[start..], json);
            let bytes = batch.body[start..].to_vec();
            batch.body.truncate(before);
            return self.distribute(batch, item, start, &bytes);
        }
        if !is_first && end + envelope.suffix.len() > limits.bytes {
            batch.body.truncate(before);
            return Offer::Full;
        }
        item.is_tracked = !begins_alike(&batch.body[start..], json);
        if self.may_go(keys, batch.number) {
            (item.start, item.end) = (start as u32, end as u32);
            batch.items.push(item);
        } else {
            let bytes = batch.body[start..].to_vec();
            batch.body.truncate(before);
            self.defer(item, batch.endpoint, bytes);
        }
        if item.is_tracked { Offer::Tracked { records: 1 } } else { Offer::Taken }
    }

    /// Whether records are deferred.
    pub(crate) fn has_deferred(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// The batch is settled, or will never be sent.
    pub(crate) fn release(&mut self, batch: &Batch) {
        self.keys.release(batch.items.iter().map(|i| i.keys));
    }

    /// Places the records of a call that has several, or one for another endpoint than the batch's.
    /// `bytes` are those of all records, which began at `start` when their ends were noted.
    fn distribute(&mut self, batch: &mut Batch, item: Item, start: usize, bytes: &[u8]) -> Offer {
        let ends = std::mem::take(&mut self.ends);
        let first = ends[0];
        if batch.items.is_empty() {
            self.direct(batch, first.endpoint);
        }
        if first.endpoint == batch.endpoint && !self.fits(batch, first.end - start) {
            self.ends = ends;
            return Offer::Full;
        }
        let mut from = 0;
        for RecordEnd { endpoint, end } in &ends {
            let record = &bytes[from..end - start];
            from = end - start;
            if *endpoint == batch.endpoint
                && self.fits(batch, record.len())
                && self.may_go(item.keys, batch.number)
            {
                self.append(batch, item, record);
            } else {
                self.defer(item, *endpoint, record.to_vec());
            }
        }
        let records = ends.len();
        self.ends = ends;
        if item.is_tracked { Offer::Tracked { records } } else { Offer::Taken }
    }

    /// Sends an empty batch to an endpoint.
    fn direct(&mut self, batch: &mut Batch, endpoint: usize) {
        batch.endpoint = endpoint;
        self.last_endpoint = endpoint;
        batch.body.clear();
        batch.body.extend_from_slice(&self.endpoints[endpoint].envelope.prefix);
    }

    fn defer(&mut self, item: Item, endpoint: usize, bytes: Vec<u8>) {
        self.deferred_keys.extend(item.keys.keys());
        self.deferred_bytes += bytes.len();
        self.deferred.push(Deferred { item, endpoint, bytes });
    }

    /// Claims the keys for a batch, unless a record with one of them is deferred or in flight.
    fn may_go(&mut self, keys: KeyPair, batch: u16) -> bool {
        let is_deferred =
            !self.deferred_keys.is_empty() && keys.keys().iter().any(|key| self.deferred_keys.contains(key));
        !is_deferred && self.keys.claim(keys, batch)
    }

    /// A batch takes any first record: the destination refuses a record that no request can hold.
    fn fits(&self, batch: &Batch, bytes: usize) -> bool {
        let Endpoint { envelope, limits } = &self.endpoints[batch.endpoint];
        let around = envelope.separator.len() + envelope.suffix.len();
        batch.items.is_empty()
            || (batch.items.len() < limits.records && batch.body.len() + bytes + around <= limits.bytes)
    }

    fn append(&self, batch: &mut Batch, mut item: Item, bytes: &[u8]) {
        if !batch.items.is_empty() {
            batch.body.extend_from_slice(&self.endpoints[batch.endpoint].envelope.separator);
        }
        item.start = batch.body.len() as u32;
        batch.body.extend_from_slice(bytes);
        item.end = batch.body.len() as u32;
        batch.items.push(item);
    }
}

#[cfg(test)]
mod tests;
