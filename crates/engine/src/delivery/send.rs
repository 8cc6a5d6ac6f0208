//! Sends one batch until each of its records is settled.
//!
//! Retries and parts of a batch go one after another, so that calls with one key keep their order.
//! Every attempt carries the same bytes, and so the same message ids. The batch keeps its permit
//! until it is settled.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outflow_core::ports::destination::{Destination, Endpoint, Request};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{Clock, Code, Refusal, Reply, RunRecord, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, trace};

use crate::delivery::batcher::{Batch, Item};
use crate::delivery::doubts;
use crate::delivery::limiter::{Doubt, Failed, Failure, Permit, Verdict};
use crate::delivery::message_id::message_id;
use crate::delivery::parts::{HeldRecord, Parts};
use crate::delivery::retry::{Decision, PoisonBatchDetector, decide};
use crate::event::{Event, Observer};
use crate::stop::stopped;

/// A record that is refused alone is sent this often once others are taken …
const CONFIRMATIONS: u32 = 4;
/// … with the waits of a destination that fails, up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What the task of a batch reports to its delivery.
pub(crate) enum BatchEvent {
    /// A request is sent.
    Sent { bytes: u64, is_retry: bool },
    /// The batch waits until it is known whom a refusal concerns.
    Held,
    /// Records are settled.
    Settled(Settled),
    /// The destination stops: nothing more is to be sent.
    Halted { code: Code, reason: String },
}

/// What an answer settles.
#[derive(Default)]
pub(crate) struct Settled {
    /// The positions of settled calls, as ranges.
    pub(crate) positions: Vec<(u64, u64)>,
    /// How many of these calls are delivered.
    pub(crate) delivered: u64,
    /// The others.
    pub(crate) dead: Vec<DeadLetter>,
    /// Records of open calls, which are settled when all their records are.
    pub(crate) records: Vec<SettledRecord>,
}

/// A settled record of an open call.
pub(crate) struct SettledRecord {
    /// The call's position.
    pub(crate) position: u64,
    /// Why the record was refused; `None`: it is delivered.
    pub(crate) refusal: Option<Refusal>,
}

/// Sends the batches of one delivery.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) run: Arc<RunRecord>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long the destination may accept nothing, counted from `started` at the earliest;
    /// `None`: without limit.
    pub(crate) delivery_timeout: Option<Duration>,
    pub(crate) started: Instant,
    pub(crate) events: mpsc::UnboundedSender<BatchEvent>,
    pub(crate) observer: Observer,
    /// Whether records are sent that were refused while others were taken.
    pub(crate) confirms: bool,
    /// Becomes true when nothing more is to be sent.
    pub(crate) closed: watch::Receiver<bool>,
}

/// What became of a part of a batch.
enum PartOutcome {
    /// All of it is settled; these records are refused, each by its index in the part.
    Settled(Vec<(usize, Refusal)>),
    /// Its only record is refused.
    DeadLetter(Refusal),
    /// One of its records is refused.
    Bisect,
    /// It is too large for one request.
    Split,
    /// It is refused, and it is open whether that concerns one of its records or all requests.
    Doubted(Doubt, Refusal),
    /// It stays pending.
    Pending,
}

impl Sender {
    /// Returns the batch when all of it is settled, or when the delivery has been closed.
    pub(crate) async fn settle(mut self, mut batch: Batch, mut permit: Permit) -> Batch {
        let endpoint = batch.endpoint;
        permit.set_endpoint(endpoint);
        let mut body = std::mem::take(&mut batch.body);
        body.extend_from_slice(&self.endpoint(endpoint).envelope.suffix);
        let body = Bytes::from(body);
        let mut parts = Parts::new(&batch.items);
        let mut doubt: Option<Doubt> = None;
        loop {
            doubt = doubt.filter(|doubt| !permit.is_witnessed(*doubt));
            parts.bisection.set_one_by_one(doubt.is_some());
            let is_held = parts.last_held().is_some();
            let items = parts.next();
            if items.is_empty() || (is_held && permit.is_suspended()) {
                if is_held && self.judge(&body, endpoint, &mut parts, &mut permit).await {
                    continue;
                }
                break;
            }
            let whole = items.len() == batch.items.len();
            let part_body = if whole { body.clone() } else { self.part(endpoint, &body, items) };
            match self.send(endpoint, part_body, items, &mut permit).await {
                PartOutcome::Settled(refused) => {
                    self.report(&body, items, refused);
                    parts.bisection.accepted();
                }
                PartOutcome::DeadLetter(refusal) => {
                    self.report(&body, items, vec![(0, refusal)]);
                    parts.bisection.dead_letter();
                }
                PartOutcome::Bisect => parts.bisection.refused(),
                PartOutcome::Split => parts.bisection.too_many(),
                PartOutcome::Doubted(new, refusal) => {
                    doubt = Some(new);
                    match items.len() {
                        1 => parts.hold(new, refusal),
                        _ => parts.bisection.refused(),
                    }
                }
                PartOutcome::Pending => break,
            }
        }
        batch
    }

    /// Waits until it is known whom the refusals of the held records concern. Returns whether the
    /// batch goes on: then they are settled.
    async fn judge(&mut self, body: &Bytes, endpoint: usize, parts: &mut Parts, permit: &mut Permit) -> bool {
        let Some(held) = parts.last_held() else { return true };
        self.notify(BatchEvent::Held);
        let verdict = tokio::select! {
            verdict = permit.verdict(held.doubt) => verdict,
            () = stopped(&mut self.closed) => None,
        };
        let HeldRecord { item, refusal, .. } = held;
        match verdict {
            Some(Verdict::Call) => self.confirm(body, endpoint, parts.release(), permit).await,
            Some(Verdict::Delivery) => {
                let reason = doubts::of_sync(&self.named(body, item), refusal);
                self.notify(BatchEvent::Halted { code: Code::SyncRefused, reason });
                false
            }
            Some(Verdict::Destination) => {
                let (code, reason) = (refusal.code, doubts::of_all(&self.named(body, item), refusal));
                permit.halted(code, &reason);
                self.notify(BatchEvent::Halted { code, reason });
                false
            }
            None => false,
        }
    }

    /// Sends records again, a few times, of which each was refused alone while others are taken:
    /// what is refused each time is a dead letter. A service that answers so for a moment only, or
    /// on one of its machines, gets its calls. Returns whether all of them are settled.
    async fn confirm(
        &mut self,
        body: &Bytes,
        endpoint: usize,
        mut held: Vec<HeldRecord>,
        permit: &mut Permit,
    ) -> bool {
        let _confirming = permit.confirming();
        // The delivery has room for another batch meanwhile.
        self.notify(BatchEvent::Held);
        self.confirms = true;
        for attempt in 1..=CONFIRMATIONS {
            let pause = self.destination.backoff(attempt).min(LONGEST_PAUSE);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopped(&mut self.closed) => return false,
            }
            for HeldRecord { item, doubt, refusal } in std::mem::take(&mut held) {
                let part = self.part(endpoint, body, &[item]);
                match self.send(endpoint, part, &[item], permit).await {
                    PartOutcome::Settled(refused) => self.report(body, &[item], refused),
                    PartOutcome::DeadLetter(refusal) => self.report(body, &[item], vec![(0, refusal)]),
                    PartOutcome::Doubted(doubt, refusal) => held.push(HeldRecord { item, doubt, refusal }),
                    // Not for a single record.
                    PartOutcome::Bisect | PartOutcome::Split => {
                        held.push(HeldRecord { item, doubt, refusal })
                    }
                    PartOutcome::Pending => return false,
                }
            }
        }
        self.confirms = false;
        for HeldRecord { item, refusal, .. } in held {
            let refusal = Refusal { code: Code::CallRefusedAlone, ..refusal };
            self.report(body, &[item], vec![(0, refusal)]);
        }
        true
    }

    /// A call, so that a person finds it: rows count from 1, as in lists of them.
    fn named(&self, body: &Bytes, item: &Item) -> String {
        let id = message_id(&body[range(item)], &self.run, item.ordinal);
        format!("row {}, messageId {id}", item.ordinal.saturating_add(1))
    }

    fn endpoint(&self, index: usize) -> &Endpoint {
        &self.destination.endpoints()[index]
    }

    /// Sends a body until an answer decides what becomes of it.
    async fn send(
        &mut self,
        endpoint: usize,
        body: Bytes,
        items: &[Item],
        permit: &mut Permit,
    ) -> PartOutcome {
        let mut request = Request {
            run: self.run.id,
            key: self.run.key,
            sync: self.run.sync.clone(),
            call_type: self.run.call_type,
            endpoint,
            first: items.first().map_or(0, |i| i.ordinal),
            records: items.len(),
            body,
            attempt: 0,
        };
        let mut poison = PoisonBatchDetector::new(permit.tally());
        loop {
            tokio::select! {
                () = permit.readmit() => {}
                () = stopped(&mut self.closed) => return PartOutcome::Pending,
            }
            if *self.closed.borrow() {
                return PartOutcome::Pending;
            }
            request.attempt += 1;
            let bytes = request.body.len() as u64;
            self.notify(BatchEvent::Sent { bytes, is_retry: request.attempt > 1 });
            let (records, attempt) = (request.records, request.attempt);
            trace!(records, bytes, attempt, "request sent");
            let Reply { answer, hint } = self.destination.deliver(&request).await;
            match decide(answer, items.len(), poison.suspects()) {
                Decision::Settle(refused) => {
                    permit.succeeded(&hint);
                    return PartOutcome::Settled(refused);
                }
                Decision::Bisect => {
                    permit.answered(&hint);
                    return PartOutcome::Bisect;
                }
                Decision::Split => {
                    permit.answered(&hint);
                    return PartOutcome::Split;
                }
                Decision::DeadLetter(refusal) => {
                    permit.answered(&hint);
                    return PartOutcome::DeadLetter(refusal);
                }
                Decision::Doubt(refusal) => {
                    let is_auth = refusal.status == Some(401);
                    return match permit.doubted(&hint, items.len() == 1 && !self.confirms, is_auth) {
                        Some(doubt) => PartOutcome::Doubted(doubt, refusal),
                        None => PartOutcome::Pending,
                    };
                }
                Decision::Halt(code, reason) => {
                    permit.halted(code, &reason);
                    self.notify(BatchEvent::Halted { code, reason });
                    return PartOutcome::Pending;
                }
                Decision::Retry { code, reason, load, after } => {
                    let failed = Failed { code, reason: &reason, load, after };
                    let failure = permit.failed(&failed, |n| self.destination.backoff(n), &hint);
                    poison.failed(permit.tally());
                    if !self.retries(code, reason, failure, after.is_some()) {
                        return PartOutcome::Pending;
                    }
                }
            }
        }
    }

    /// Whether the request is sent again; otherwise the delivery times out. `is_asked`: the
    /// destination states the wait.
    fn retries(&self, code: Code, reason: String, failure: Failure, is_asked: bool) -> bool {
        let quiet = failure.quiet.min(self.started.elapsed());
        if let Some(limit) = self.delivery_timeout
            && quiet.saturating_add(failure.wait) > limit
        {
            let (code, reason) = match is_asked && failure.wait.saturating_mul(2) > limit {
                true => waits_too_long(code, &reason, limit),
                false => took_too_long(code, &reason),
            };
            self.notify(BatchEvent::Halted { code, reason });
            return false;
        }
        let seconds = failure.wait.as_secs_f64();
        // The reason is not logged: what the destination answered may repeat a secret or a row.
        debug!(code = code.as_str(), seconds, "request failed; it is sent again");
        (self.observer)(Event::Retrying {
            sync: self.run.sync.clone(),
            run: self.run.id,
            destination: self.destination.name().to_owned(),
            code,
            reason: reason.into(),
            seconds,
            gives_up: self.delivery_timeout.map(|limit| limit.saturating_sub(quiet).as_secs_f64()),
        });
        true
    }

    /// The body of a part of a batch.
    fn part(&self, endpoint: usize, body: &Bytes, items: &[Item]) -> Bytes {
        let envelope = &self.endpoint(endpoint).envelope;
        let records: usize = items.iter().map(|i| range(i).len() + envelope.separator.len()).sum();
        let size = envelope.prefix.len() + records + envelope.suffix.len();
        let mut part = Vec::with_capacity(size);
        part.extend_from_slice(&envelope.prefix);
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                part.extend_from_slice(&envelope.separator);
            }
            part.extend_from_slice(&body[range(item)]);
        }
        part.extend_from_slice(&envelope.suffix);
        Bytes::from(part)
    }

    fn report(&self, body: &Bytes, items: &[Item], refused: Vec<(usize, Refusal)>) {
        let mut refused: HashMap<usize, Refusal> = refused.into_iter().collect();
        let mut settled = Settled::default();
        for (index, item) in items.iter().enumerate() {
            let position = item.position;
            let refusal = if refused.is_empty() { None } else { refused.remove(&index) };
            if item.is_tracked {
                settled.records.push(SettledRecord { position, refusal });
                continue;
            }
            match settled.positions.last_mut() {
                Some(last) if last.1 == position => last.1 += 1,
                _ => settled.positions.push((position, position + 1)),
            }
            match refusal {
                Some(refusal) => {
                    let id = message_id(&body[range(item)], &self.run, item.ordinal);
                    settled.dead.push(dead_letter(position, item.ordinal, id, refusal, self.clock.now()));
                }
                None => settled.delivered += 1,
            }
        }
        self.notify(BatchEvent::Settled(settled));
    }

    fn notify(&self, event: BatchEvent) {
        // A delivery that no longer receives has ended with an error; the calls stay pending.
        let _ = self.events.send(event);
    }
}

/// Why a delivery times out that has this much left of its time, after what it was answered last.
pub(crate) fn timed_out(said: Option<(Code, String)>, left: Duration, limit: Duration) -> (Code, String) {
    match said {
        // With most of its time left, the wait ends it.
        Some((code, reason)) if left.saturating_mul(2) > limit => waits_too_long(code, &reason, limit),
        Some((code, reason)) => took_too_long(code, &reason),
        None => still_waits(),
    }
}

/// Why a delivery times out, after the last failure.
fn took_too_long(code: Code, reason: &str) -> (Code, String) {
    (
        Code::DeliveryTimeout,
        format!("it has taken nothing for too long; the last answer was {code}: {reason}"),
    )
}

/// Why a delivery times out before its time is up: its next request could only go after that.
fn waits_too_long(code: Code, reason: &str, limit: Duration) -> (Code, String) {
    let limit = limit.as_secs();
    let reason = format!(
        "the next request may not go within the {limit}s in which it has to take something; the last answer was {code}: \
         {reason}"
    );
    (Code::DeliveryTimeout, reason)
}

/// Why a delivery times out while the destination is well as far as is known.
fn still_waits() -> (Code, String) {
    let reason = "it has taken nothing for too long: no request could be sent, or none was answered yet";
    (Code::DeliveryTimeout, reason.to_owned())
}

/// A dead letter of a refusal.
pub(crate) fn dead_letter(
    position: u64,
    ordinal: u64,
    message_id: String,
    refusal: Refusal,
    at: Timestamp,
) -> DeadLetter {
    let Refusal { code, status, reason } = refusal;
    DeadLetter { position, ordinal, message_id, code, status, reason, at, replayed_by: None }
}

fn range(item: &Item) -> Range<usize> {
    item.start as usize..item.end as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_that_ends_before_its_time_says_that_the_wait_is_too_long() {
        let seconds = Duration::from_secs;
        let said = || Some((Code::DestinationThrottled, "429: it asks to wait 1d".to_owned()));
        let told = |left| timed_out(said(), seconds(left), seconds(600)).1;
        assert!(told(599).starts_with("the next request may not go within the 600s"), "{}", told(599));
        assert!(told(599).ends_with("D015: 429: it asks to wait 1d"), "{}", told(599));
        assert!(told(3).starts_with("it has taken nothing for too long"), "{}", told(3));
    }
}
