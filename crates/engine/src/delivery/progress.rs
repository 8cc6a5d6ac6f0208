//! How far a delivery is: the record that the state keeps, and what of it is not persisted yet.

use std::sync::Arc;

use outflow_core::ports::state::{DeadLetter, DeliveryRecord, State};
use outflow_core::{DeliveryState, Result, RunId, RunRecord, Timestamp};

use crate::blocking;
use crate::delivery::send::Settled;
use crate::event::Event;

/// The record of a delivery and its changes since it was last persisted.
pub(crate) struct DeliveryProgress {
    pub(crate) record: DeliveryRecord,
    dead: Vec<DeadLetter>,
    has_changes: bool,
    /// Positions that need not be sent and are not in the record yet: they come in long runs.
    skipped: (u64, u64),
}

impl DeliveryProgress {
    /// A delivery that begins, or goes on from its record.
    pub(crate) fn new(mut record: DeliveryRecord) -> Self {
        record.state = DeliveryState::Delivering;
        record.reason = None;
        Self { record, dead: Vec::new(), has_changes: false, skipped: (0, 0) }
    }

    /// Whether a call need not be sent because it was settled earlier.
    pub(crate) fn is_settled(&self, position: u64) -> bool {
        self.record.settled.contains(position)
    }

    /// The call is unchanged or was settled earlier.
    pub(crate) fn skip(&mut self, position: u64) {
        if self.skipped.1 != position {
            self.flush_skipped();
            self.skipped = (position, position);
        }
        self.skipped.1 = position + 1;
    }

    fn flush_skipped(&mut self) {
        let (start, end) = std::mem::take(&mut self.skipped);
        self.record.settled.insert(start, end);
    }

    /// The call is not for this destination.
    pub(crate) fn filter(&mut self, position: u64) {
        self.record.counts.filtered += 1;
        self.mark(position, position + 1);
    }

    /// The call was refused before it was sent.
    pub(crate) fn refuse(&mut self, letter: DeadLetter) {
        self.record.counts.dead_letters += 1;
        self.mark(letter.position, letter.position + 1);
        self.dead.push(letter);
    }

    /// A request was sent.
    pub(crate) fn count_request(&mut self, bytes: u64, retry: bool) {
        let counts = &mut self.record.counts;
        counts.requests += 1;
        counts.retries += u64::from(retry);
        counts.bytes += bytes;
        self.has_changes = true;
    }

    /// Calls were settled by an answer.
    pub(crate) fn settle(&mut self, settled: Settled) {
        self.record.counts.delivered += settled.delivered;
        self.record.counts.dead_letters += settled.dead.len() as u64;
        self.dead.extend(settled.dead);
        for (start, end) in settled.positions {
            self.mark(start, end);
        }
    }

    fn mark(&mut self, start: u64, end: u64) {
        self.record.counts.pending -= end - start;
        self.record.settled.insert(start, end);
        self.has_changes = true;
    }

    /// The record and the dead letters to persist, if something changed.
    pub(crate) fn take_changes(&mut self) -> Option<(DeliveryRecord, Vec<DeadLetter>)> {
        if !std::mem::take(&mut self.has_changes) {
            return None;
        }
        self.flush_skipped();
        Some((self.record.clone(), std::mem::take(&mut self.dead)))
    }

    /// Ends the delivery with the state that follows from its counts. Returns what to persist.
    pub(crate) fn end(&mut self) -> (DeliveryRecord, Vec<DeadLetter>) {
        self.flush_skipped();
        let counts = &self.record.counts;
        self.record.state = match (counts.pending, counts.dead_letters, &self.record.reason) {
            (0, 0, _) => DeliveryState::Succeeded,
            (0, _, _) => DeliveryState::Partial,
            (_, _, Some(_)) => DeliveryState::Stopped,
            (_, _, None) => DeliveryState::Delivering,
        };
        (self.record.clone(), std::mem::take(&mut self.dead))
    }

    /// The event that reports the end.
    pub(crate) fn ended(&self, run: &RunRecord) -> Event {
        let DeliveryRecord { destination, state, counts, reason, .. } = self.record.clone();
        Event::Delivered { sync: run.sync.clone(), run: run.id, destination, state, counts, reason }
    }
}

/// Writes a record together with its new dead letters.
pub(crate) async fn persist(
    state: Arc<dyn State>,
    run: RunId,
    record: DeliveryRecord,
    dead: Vec<DeadLetter>,
    now: Timestamp,
) -> Result<()> {
    blocking(move || state.settle(run, &record, &dead, now)).await
}
