//! The requests that a destination would get for some calls.
//!
//! What always holds: bodies are put together as a delivery does it, and nothing is sent. What this
//! does not do: wait for answers, so that a call whose person is in an earlier request stands in
//! the next one as if that had been answered.

use std::sync::Arc;

use outflow_core::ports::destination::{Destination, Request, ShownRequest};
use outflow_core::{Code, Nulls, RunId, RunKey, SyncSpec};

use super::preview::PreviewRow;
use crate::delivery::batcher::{Batch, Batcher, Offer};

/// A request before it is sent.
#[derive(Debug)]
pub struct Draft {
    /// What is shown of it.
    pub request: ShownRequest,
    /// Its body before compression.
    pub body: Vec<u8>,
    /// How many records are in it.
    pub records: usize,
}

/// A call that the destination cannot take.
#[derive(Debug)]
pub struct Refused {
    /// The row of its call, from 0 on.
    pub row: u64,
    /// Why.
    pub code: Code,
    /// Why, in a sentence, with the value in question.
    pub reason: String,
}

/// What a destination would get.
#[derive(Debug, Default)]
pub struct Drafts {
    /// The requests, in their order.
    pub requests: Vec<Draft>,
    /// Calls that it would refuse before they are sent.
    pub refused: Vec<Refused>,
    /// Calls that are not for it.
    pub filtered: u64,
}

impl Drafts {
    /// What this destination would get for the calls of these rows.
    pub fn of(
        destination: &Arc<dyn Destination>,
        nulls: Nulls,
        spec: &SyncSpec,
        rows: &[PreviewRow],
    ) -> Self {
        let mut drafting = Drafting {
            destination,
            spec,
            batcher: Batcher::new(destination.clone(), nulls),
            made: Self::default(),
        };
        let calls = rows.iter().filter_map(|row| Some((row.meta.as_ref()?, row.call.as_ref().ok()?)));
        let mut batch = drafting.batcher.begin();
        for (position, (meta, call)) in (0..).zip(calls) {
            let mut offer = drafting.batcher.offer(&mut batch, position, meta, call.as_bytes());
            while matches!(offer, Offer::Full) {
                batch = drafting.next(batch);
                offer = drafting.batcher.offer(&mut batch, position, meta, call.as_bytes());
            }
            match offer {
                Offer::Refused(refusal) => {
                    let (code, reason) = (refusal.code, refusal.reason);
                    drafting.made.refused.push(Refused { row: meta.ordinal, code, reason });
                }
                Offer::Filtered => drafting.made.filtered += 1,
                Offer::Taken | Offer::Tracked { .. } | Offer::Full => {}
            }
        }
        while !batch.items.is_empty() {
            batch = drafting.next(batch);
        }
        drafting.made
    }
}

struct Drafting<'a> {
    destination: &'a Arc<dyn Destination>,
    spec: &'a SyncSpec,
    batcher: Batcher,
    made: Drafts,
}

impl Drafting<'_> {
    /// Takes a batch as a request that was answered, and begins the next one.
    fn next(&mut self, mut batch: Batch) -> Batch {
        if let Some(first) = batch.items.first() {
            let mut body = std::mem::take(&mut batch.body);
            body.extend_from_slice(&self.destination.endpoints()[batch.endpoint].envelope.suffix);
            let request = Request {
                run: RunId(0),
                key: RunKey(0),
                sync: self.spec.name.clone(),
                call_type: self.spec.call_type,
                endpoint: batch.endpoint,
                first: first.ordinal,
                records: batch.items.len(),
                body: body.clone().into(),
                attempt: 1,
            };
            let (request, records) = (self.destination.show(&request), batch.items.len());
            self.made.requests.push(Draft { request, body, records });
        }
        self.batcher.release(&batch);
        self.batcher.begin()
    }
}
