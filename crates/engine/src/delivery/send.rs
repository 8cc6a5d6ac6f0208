//! Sending one batch until each of its calls is settled.
//!
//! Retries and parts of a batch go one after the other, so that calls with one key keep their order. Every try carries the same bytes, and so the same message ids. The batch
//! keeps its permit until it is settled.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use outflow_core::ports::destination::{Destination, Request};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{Clock, Code, Refusal, Reply, RunRecord, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{debug, trace};

use crate::delivery::batcher::{Batch, Item};
use crate::delivery::bisection::Bisection;
use crate::delivery::limiter::{Failed, Failure, Permit};
use crate::delivery::retry::{Decision, PoisonBatchDetector, decide};
use crate::event::{Event, Observer};
use crate::stop::stopped;

/// What a batch's task tells its delivery.
pub(crate) enum Report {
    /// A request goes out.
    Sent { bytes: u64, retry: bool },
    /// Calls are settled.
    Settled { positions: Vec<(u64, u64)>, delivered: u64, dead: Vec<DeadLetter> },
    /// The destination stops; nothing more is to be sent.
    Halt { code: Code, reason: String },
}

/// Sends the batches of one delivery.
#[derive(Clone)]
pub(crate) struct Sender {
    pub(crate) destination: Arc<dyn Destination>,
    pub(crate) run: Arc<RunRecord>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How long the destination may take nothing, counted from `started` at the earliest; `None`: for ever.
    pub(crate) delivery_timeout: Option<Duration>,
    pub(crate) started: Instant,
    pub(crate) reports: mpsc::UnboundedSender<Report>,
    pub(crate) progress: Observer,
    /// Turns true when nothing more is to be sent.
    pub(crate) closed: watch::Receiver<bool>,
}

/// What came of a part of a batch.
enum Outcome {
    /// All of it is settled; these calls are refused, each by its place in the part.
    Settled(Vec<(usize, Refusal)>),
    /// The only call in it is refused.
    Buried(Refusal),
    /// One of its calls is refused.
    Bisect,
    /// It is too much for one request.
    Split,
    /// It stays pending.
    Pending,
}

impl Sender {
    /// Returns the batch when all of it is settled, or when the delivery has been closed.
    pub(crate) async fn settle(mut self, mut batch: Batch, mut permit: Permit) -> Batch {
        let suffix = self.destination.envelope().suffix;
        let mut body = std::mem::take(&mut batch.body);
        body.extend_from_slice(suffix);
        let body = Bytes::from(body);
        let mut parts = Bisection::new(batch.items.len());
        loop {
            let items = &batch.items[parts.next()];
            if items.is_empty() {
                break;
            }
            let whole = items.len() == batch.items.len();
            let part_body = if whole { body.clone() } else { self.cut_out(&body, items) };
            match self.send(part_body, items, &mut permit).await {
                Outcome::Settled(refused) => {
                    self.report(&body, items, refused);
                    parts.taken();
                }
                Outcome::Buried(refusal) => {
                    self.report(&body, items, vec![(0, refusal)]);
                    parts.buried();
                }
                Outcome::Bisect => parts.refused(),
                Outcome::Split => parts.too_many(),
                Outcome::Pending => break,
            }
        }
        batch
    }

    /// Sends a body until something follows from an answer.
    async fn send(&mut self, body: Bytes, items: &[Item], permit: &mut Permit) -> Outcome {
        let mut request = Request {
            run: self.run.id,
            sync: self.run.sync.clone(),
            call_type: self.run.call_type,
            first: items.first().map_or(0, |i| i.ordinal),
            calls: items.len(),
            body,
            attempt: 0,
        };
        let mut suspicion = PoisonBatchDetector::new(permit.tally());
        loop {
            tokio::select! {
                () = permit.again() => {}
                () = stopped(&mut self.closed) => return Outcome::Pending,
            }
            if *self.closed.borrow() {
                return Outcome::Pending;
            }
            request.attempt += 1;
            self.tell(Report::Sent { bytes: request.body.len() as u64, retry: request.attempt > 1 });
            let (calls, bytes, attempt) = (request.calls, request.body.len(), request.attempt);
            trace!(calls, bytes, attempt, "request sent");
            let Reply { answer, hint } = self.destination.deliver(&request).await;
            match decide(answer, items.len(), suspicion.is_strong()) {
                Decision::Settle(refused) => {
                    permit.succeeded(&hint);
                    return Outcome::Settled(refused);
                }
                Decision::Bisect => {
                    permit.answered(&hint);
                    return Outcome::Bisect;
                }
                Decision::Split => {
                    permit.answered(&hint);
                    return Outcome::Split;
                }
                Decision::DeadLetter(refusal) => {
                    permit.answered(&hint);
                    return Outcome::Buried(refusal);
                }
                Decision::Halt(code, reason) => {
                    permit.halted(code, &reason);
                    self.tell(Report::Halt { code, reason });
                    return Outcome::Pending;
                }
                Decision::Retry { code, reason, load, after } => {
                    let failed = Failed { code, reason: &reason, load, after };
                    let failure = permit.failed(&failed, |n| self.destination.backoff(n), &hint);
                    suspicion.failed(permit.tally());
                    if !self.goes_on(code, reason, failure) {
                        return Outcome::Pending;
                    }
                }
            }
        }
    }

    /// Whether the request is to be sent again; if not, it is time to give up.
    fn goes_on(&self, code: Code, reason: String, failure: Failure) -> bool {
        let quiet = failure.quiet.min(self.started.elapsed());
        if self.delivery_timeout.is_some_and(|limit| quiet + failure.wait > limit) {
            let (code, reason) = took_too_long(code, &reason);
            self.tell(Report::Halt { code, reason });
            return false;
        }
        let seconds = failure.wait.as_secs_f64();
        // Its reason is not logged: what the destination answered may repeat a secret or a row.
        debug!(code = code.as_str(), seconds, "request failed; it is sent again");
        (self.progress)(Event::Retrying {
            sync: self.run.sync.clone(),
            run: self.run.id,
            destination: self.destination.name().to_owned(),
            code,
            reason,
            seconds,
        });
        true
    }

    /// The body of a part of a batch.
    fn cut_out(&self, body: &Bytes, items: &[Item]) -> Bytes {
        let envelope = self.destination.envelope();
        let mut part =
            Vec::with_capacity(items.iter().map(|i| (i.end - i.start + 1) as usize).sum::<usize>() + 64);
        part.extend_from_slice(envelope.prefix);
        for (n, item) in items.iter().enumerate() {
            if n > 0 {
                part.extend_from_slice(envelope.separator);
            }
            part.extend_from_slice(&body[range(item)]);
        }
        part.extend_from_slice(envelope.suffix);
        Bytes::from(part)
    }

    fn report(&self, body: &Bytes, items: &[Item], refused: Vec<(usize, Refusal)>) {
        let mut dead = Vec::with_capacity(refused.len());
        for (place, refusal) in refused {
            if let Some(item) = items.get(place) {
                let message_id = message_id(&body[range(item)], &self.run, item.ordinal);
                dead.push(dead_letter(item.position, item.ordinal, message_id, refusal, self.clock.now()));
            }
        }
        let delivered = (items.len() - dead.len()) as u64;
        self.tell(Report::Settled { positions: ranges(items), delivered, dead });
    }

    fn tell(&self, report: Report) {
        // A delivery that no longer listens has ended with an error of its own; the calls stay pending.
        let _ = self.reports.send(report);
    }
}

/// Why a delivery gives up, after the last failure.
pub(crate) fn took_too_long(code: Code, reason: &str) -> (Code, String) {
    (
        Code::DeliveryTimeout,
        format!("it has taken nothing for too long; the last answer was {code}: {reason}"),
    )
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

/// The `messageId` of a call: what its JSON says, for a query may give its own; else the run's.
pub(crate) fn message_id(json: &[u8], run: &RunRecord, ordinal: u64) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(json).ok();
    match parsed.as_ref().and_then(|v| v.get("messageId")).and_then(|v| v.as_str()) {
        Some(id) => id.to_owned(),
        None => String::from_utf8_lossy(&run.key.message_id(ordinal)).into_owned(),
    }
}

fn range(item: &Item) -> Range<usize> {
    item.start as usize..item.end as usize
}

/// The positions of the items as few ranges.
fn ranges(items: &[Item]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for item in items {
        match ranges.last_mut() {
            Some(last) if last.1 == item.position => last.1 += 1,
            _ => ranges.push((item.position, item.position + 1)),
        }
    }
    ranges
}
