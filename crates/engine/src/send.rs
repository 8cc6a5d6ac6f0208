//! Sending one batch until each of its calls is settled.
//!
//! Retries and halves of a batch go one after the other, so that calls with one key keep their order. Every try carries the same bytes, and so the same message ids.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use outflow_core::ports::destination::{Destination, Request};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{Clock, Code, Refusal, RunRecord, Timestamp};
use tokio::sync::{mpsc, watch};

use crate::cut::{Batch, Item};
use crate::extract::stopped;
use crate::progress::{Event, Progress};
use crate::retry::{Decision, Gate, decide};

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
    pub(crate) gate: Arc<Gate>,
    pub(crate) reports: mpsc::UnboundedSender<Report>,
    pub(crate) progress: Progress,
    /// Turns true when nothing more is to be sent.
    pub(crate) closed: watch::Receiver<bool>,
}

/// What came of a part of a batch.
enum Outcome {
    /// All of it is settled; these calls are refused, each by its place in the part.
    Settled(Vec<(usize, Refusal)>),
    /// It is to be sent in halves.
    Halve,
    /// It stays pending.
    Pending,
}

impl Sender {
    /// Returns the batch when all of it is settled, or when the delivery has been closed.
    pub(crate) async fn settle(mut self, mut batch: Batch) -> Batch {
        let suffix = self.destination.envelope().suffix;
        let mut body = std::mem::take(&mut batch.body);
        body.extend_from_slice(suffix);
        let body = Bytes::from(body);
        let mut parts: Vec<_> = std::iter::once(0..batch.items.len()).collect();
        while let Some(part) = parts.pop() {
            let items = &batch.items[part.clone()];
            let whole = items.len() == batch.items.len();
            let part_body = if whole { body.clone() } else { self.cut_out(&body, items) };
            match self.send(part_body, items).await {
                Outcome::Settled(refused) => self.report(&body, items, refused),
                Outcome::Halve => {
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Outcome::Pending => break,
            }
        }
        batch
    }

    /// Sends a body until something follows from an answer.
    async fn send(&mut self, body: Bytes, items: &[Item]) -> Outcome {
        let mut request = Request {
            run: self.run.id,
            sync: self.run.sync.clone(),
            call_type: self.run.call_type,
            first: items.first().map_or(0, |i| i.ordinal),
            calls: items.len(),
            body,
            attempt: 0,
        };
        let (mut among_successes, mut seen) = (0, self.gate.successes());
        loop {
            tokio::select! {
                () = self.gate.admit() => {}
                () = stopped(&mut self.closed) => return Outcome::Pending,
            }
            if *self.closed.borrow() {
                self.gate.answered();
                return Outcome::Pending;
            }
            request.attempt += 1;
            self.tell(Report::Sent { bytes: request.body.len() as u64, retry: request.attempt > 1 });
            let answer = self.destination.deliver(&request).await;
            match decide(answer, items.len(), Gate::is_suspect(among_successes)) {
                Decision::Settle(refused) => {
                    self.gate.succeeded();
                    return Outcome::Settled(refused);
                }
                Decision::Halve => {
                    self.gate.answered();
                    return Outcome::Halve;
                }
                Decision::Bury(refusal) => {
                    self.gate.answered();
                    return Outcome::Settled(vec![(0, refusal)]);
                }
                Decision::Halt(code, reason) => {
                    self.gate.answered();
                    self.tell(Report::Halt { code, reason });
                    return Outcome::Pending;
                }
                Decision::Again { code, reason, after } => {
                    let successes = self.gate.successes();
                    among_successes += u32::from(successes > seen);
                    seen = successes;
                    if !self.wait(code, reason, after) {
                        return Outcome::Pending;
                    }
                }
            }
        }
    }

    /// Tells the gate about a failure. `false`: it is time to give up.
    fn wait(&self, code: Code, reason: String, after: Option<std::time::Duration>) -> bool {
        match self.gate.failed(after, |n| self.destination.backoff(n)) {
            Some(wait) => {
                let destination = self.destination.name().to_owned();
                (self.progress)(Event::Retrying { destination, code, reason, seconds: wait.as_secs_f64() });
                true
            }
            None => {
                let reason =
                    format!("it has taken nothing for too long; the last answer was {code}: {reason}");
                self.tell(Report::Halt { code: Code::D020, reason });
                false
            }
        }
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
