//! How far a delivery is: the record that the state keeps, and what of it is not persisted yet.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::{DeadLetter, DeliveryRecord, Settlement, State};
use outflow_core::{
    Code, DeliveryCounts, DeliveryState, Error, ErrorKind, Result, RunId, RunRecord, Timestamp,
};

use crate::delivery::send::Settled;
use crate::event::Event;

/// How many milliseconds to wait before a settlement is repeated.
const REPEAT_AFTER: [u64; 5] = [500, 1_000, 2_000, 4_000, 8_000];

/// The record of a delivery and its changes since the last settlement.
pub(crate) struct DeliveryProgress {
    pub(crate) record: DeliveryRecord,
    /// The counts that the last settlement led to.
    settled_counts: DeliveryCounts,
    /// Positions that are settled since then.
    ranges: Vec<(u64, u64)>,
    dead: Vec<DeadLetter>,
    has_changes: bool,
    /// Positions that need not be sent and are not in the record yet: they come in long runs.
    skipped: (u64, u64),
}

impl DeliveryProgress {
    /// A delivery that begins, or continues from its record.
    pub(crate) fn new(mut record: DeliveryRecord) -> Self {
        record.state = DeliveryState::Delivering;
        record.reason = None;
        Self {
            settled_counts: record.counts,
            record,
            ranges: Vec::new(),
            dead: Vec::new(),
            has_changes: false,
            skipped: (0, 0),
        }
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
        self.insert(start, end);
    }

    fn insert(&mut self, start: u64, end: u64) {
        if start == end {
            return;
        }
        self.record.settled.insert(start, end);
        match self.ranges.last_mut() {
            Some(last) if last.1 == start => last.1 = end,
            _ => self.ranges.push((start, end)),
        }
    }

    /// The call is not for this destination.
    pub(crate) fn filter(&mut self, position: u64) -> Result<()> {
        self.record.counts.filtered += 1;
        self.mark(position, position + 1)
    }

    /// The call was refused before it was sent.
    pub(crate) fn refuse(&mut self, letter: DeadLetter) -> Result<()> {
        self.record.counts.dead_letters += 1;
        self.mark(letter.position, letter.position + 1)?;
        self.dead.push(letter);
        Ok(())
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
    pub(crate) fn settle(&mut self, settled: Settled) -> Result<()> {
        self.record.counts.delivered += settled.delivered;
        self.record.counts.dead_letters += settled.dead.len() as u64;
        self.dead.extend(settled.dead);
        settled.positions.into_iter().try_for_each(|(start, end)| self.mark(start, end))
    }

    fn mark(&mut self, start: u64, end: u64) -> Result<()> {
        let pending = self.record.counts.pending;
        let left = end.checked_sub(start).and_then(|calls| pending.checked_sub(calls));
        self.record.counts.pending =
            left.ok_or_else(|| self.differs("more calls were settled than are pending"))?;
        self.insert(start, end);
        self.has_changes = true;
        Ok(())
    }

    /// E002 about this delivery.
    pub(crate) fn differs(&self, what: &str) -> Error {
        let message =
            format!("the numbers of the delivery to {} do not add up: {what}", self.record.destination);
        Error::new(Code::CountsDiffer, message)
    }

    /// What to persist, if something changed.
    pub(crate) fn take_changes(&mut self, run: RunId, now: Timestamp) -> Result<Option<Settlement>> {
        match std::mem::take(&mut self.has_changes) {
            true => self.settlement(run, now).map(Some),
            false => Ok(None),
        }
    }

    /// What changed since the last settlement. It counts as persisted from now on.
    fn settlement(&mut self, run: RunId, now: Timestamp) -> Result<Settlement> {
        self.flush_skipped();
        let added = self.record.counts.since(&self.settled_counts);
        let added = added.ok_or_else(|| self.differs("a count has fallen"))?;
        self.settled_counts = self.record.counts;
        let DeliveryRecord { destination, state, reason, sequence, .. } = &mut self.record;
        *sequence += 1;
        Ok(Settlement {
            run,
            destination: destination.clone(),
            sequence: *sequence,
            settled: std::mem::take(&mut self.ranges),
            added,
            dead: std::mem::take(&mut self.dead),
            state: *state,
            reason: reason.clone(),
            at: now,
        })
    }

    /// Ends the delivery with the state that follows from its counts. Returns what to persist.
    pub(crate) fn end(&mut self, run: RunId, now: Timestamp) -> Result<Settlement> {
        let counts = &self.record.counts;
        self.record.state = match (counts.pending, counts.dead_letters, &self.record.reason) {
            (0, 0, _) => DeliveryState::Succeeded,
            (0, _, _) => DeliveryState::Partial,
            (_, _, Some(_)) => DeliveryState::Stopped,
            (_, _, None) => DeliveryState::Delivering,
        };
        self.settlement(run, now)
    }

    /// The event that reports the end.
    pub(crate) fn ended(&self, run: &RunRecord) -> Event {
        let DeliveryRecord { destination, state, counts, reason, .. } = self.record.clone();
        let reason = reason.map(|(code, text)| (code, text.into()));
        Event::Delivered { sync: run.sync.clone(), run: run.id, destination, state, counts, reason }
    }
}

/// Persists a settlement. After an error that may pass it is repeated: if it counts already, that
/// changes nothing.
pub(crate) async fn persist(state: Arc<dyn State>, settlement: Settlement) -> Result<()> {
    let settlements = [settlement];
    for pause in REPEAT_AFTER {
        match state.settle(&settlements).await {
            Err(error) if error.code().kind() == ErrorKind::Transient => {
                tokio::time::sleep(Duration::from_millis(pause)).await;
            }
            done => return done,
        }
    }
    state.settle(&settlements).await
}
