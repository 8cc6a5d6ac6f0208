//! The second half of a run, for one destination: walk the segments, send, settle, remember.
//!
//! What always holds: a call counts as settled only after the destination's answer, and what is settled is remembered together with its dead letters in one
//! transaction. A crash between an answer and that transaction sends those calls again, with the same message ids.

pub(crate) mod batcher;
pub(crate) mod bisection;
pub mod limiter;
pub(crate) mod ordering_keys;
pub(crate) mod prefetcher;
pub mod rate_limiter;
pub mod retry;
pub(crate) mod send;

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::outcome::Verdict;
use outflow_core::ports::destination::Destination;
use outflow_core::ports::state::{DeadLetter, DeliveryRecord, State};
use outflow_core::{CallFlags, Code, DeliveryState, Error, Result, RunId, RunRecord};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, MissedTickBehavior};
use tracing::Instrument as _;

use self::batcher::{Batch, Batcher, Offer};
use self::limiter::{DestinationLimiter, Health, Permit};
use self::prefetcher::Prefetcher;
use self::send::{Report, Sender, dead_letter, message_id, took_too_long};
use crate::event::{Event, Observer};
use crate::stop::stopped;
use crate::{Engine, blocking};

/// Progress is remembered this often …
const REMEMBER_EVERY: Duration = Duration::from_millis(100);
/// … or after so many batches, whichever comes first.
const REMEMBER_BATCHES: usize = 64;
/// Requests under way may take this long to end after a stop.
const GRACE: Duration = Duration::from_secs(10);
/// When more than half of so many first calls are refused alike, the destination is held.
const TRIAL_CALLS: u64 = 1_000;

impl Engine {
    /// Delivers what is pending of a run to one destination. Returns where the delivery stands.
    pub(crate) async fn deliver(
        &self,
        run: &RunRecord,
        record: DeliveryRecord,
        delivery_timeout: Option<Duration>,
        observer: &Observer,
    ) -> Result<DeliveryState> {
        if matches!(record.state, DeliveryState::Succeeded | DeliveryState::Partial) {
            return Ok(record.state);
        }
        let Some(destination) = self.destinations.get(&record.destination).cloned() else {
            return self.cancel(run, record, observer).await;
        };
        let run = Arc::new(run.clone());
        let nulls = run.pinned.connections.iter().find(|c| c.destination == record.destination);
        let nulls = nulls.map(|c| c.nulls).unwrap_or_default();
        let (state, id) = (self.state.clone(), run.id);
        let segments = blocking(move || state.segments(id)).await?;
        let limiter = self.limiters.of(destination.as_ref());
        let prefetcher = Prefetcher::start(self.spool.clone(), run.id, segments, record.settled.low);
        let (reports, inbox) = mpsc::unbounded_channel();
        let (close, closed) = watch::channel(false);
        let sender = Sender {
            destination: destination.clone(),
            run: run.clone(),
            clock: self.clock.clone(),
            delivery_timeout,
            started: Instant::now(),
            reports,
            progress: observer.clone(),
            closed,
        };
        let delivery = Delivery {
            state: self.state.clone(),
            run,
            batcher: Batcher::new(destination.clone(), nulls),
            destination,
            health: limiter.watch(),
            limiter,
            admission: None,
            stuck: false,
            sender,
            prefetcher,
            inbox,
            close,
            book: Book::new(record),
            trial: HashMap::new(),
            tasks: JoinSet::new(),
            stop: self.stop.clone(),
            progress: observer.clone(),
        };
        delivery.go().await
    }

    /// The destination is no longer in the project: what is pending for it is cancelled.
    async fn cancel(
        &self,
        run: &RunRecord,
        mut record: DeliveryRecord,
        progress: &Observer,
    ) -> Result<DeliveryState> {
        record.counts.cancelled += std::mem::take(&mut record.counts.pending);
        let mut book = Book::new(record);
        let end = book.end();
        remember(self.state.clone(), run.id, book.record.clone(), Vec::new(), self.clock.now()).await?;
        progress(book.ended(run));
        Ok(end)
    }
}

type Admission = Pin<Box<dyn Future<Output = Permit> + Send>>;

struct Delivery {
    state: Arc<dyn State>,
    run: Arc<RunRecord>,
    destination: Arc<dyn Destination>,
    limiter: Arc<DestinationLimiter>,
    health: watch::Receiver<Health>,
    /// Waits for the permit of the next batch.
    admission: Option<Admission>,
    /// Nothing can be cut until a batch is settled.
    stuck: bool,
    sender: Sender,
    batcher: Batcher,
    prefetcher: Prefetcher,
    inbox: mpsc::UnboundedReceiver<Report>,
    close: watch::Sender<bool>,
    book: Book,
    trial: HashMap<(Code, Option<u16>), u64>,
    tasks: JoinSet<Batch>,
    stop: watch::Receiver<bool>,
    progress: Observer,
}

impl Delivery {
    async fn go(mut self) -> Result<DeliveryState> {
        let mut tick = tokio::time::interval(REMEMBER_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut remembering: Option<JoinHandle<Result<()>>> = None;
        let mut grace: Option<Instant> = None;
        loop {
            self.ask().await?;
            if self.tasks.is_empty() && self.admission.is_none() {
                break;
            }
            let full = self.book.batches >= REMEMBER_BATCHES;
            let deadline = grace.unwrap_or_else(Instant::now);
            tokio::select! {
                permit = admitted(&mut self.admission), if self.admission.is_some() => self.send(permit).await?,
                (code, reason) = hopeless(&mut self.health, &self.limiter, &self.sender), if !self.is_closed() => self.halt(code, reason),
                Some(joined) = self.tasks.join_next() => self.joined(joined)?,
                Some(report) = self.inbox.recv() => self.take(report),
                done = wait_for(&mut remembering), if remembering.is_some() => done?,
                _ = tick.tick(), if remembering.is_none() && !full => remembering = self.remember(),
                () = std::future::ready(()), if full && remembering.is_none() => remembering = self.remember(),
                () = stopped(&mut self.stop), if !self.is_closed() => {
                    self.shut();
                    grace = Some(Instant::now() + GRACE);
                }
                () = tokio::time::sleep_until(deadline), if grace.is_some() => self.tasks.abort_all(),
            }
        }
        while let Ok(report) = self.inbox.try_recv() {
            self.take(report);
        }
        if remembering.is_some() {
            wait_for(&mut remembering).await?;
        }
        let end = self.book.end();
        let dead = std::mem::take(&mut self.book.dead);
        let now = self.sender.clock.now();
        remember(self.state.clone(), self.run.id, self.book.record.clone(), dead, now).await?;
        (self.progress)(self.book.ended(&self.run));
        Ok(end)
    }

    /// Asks for a permit if there is something to send and room for it. Bodies are made only with one.
    async fn ask(&mut self) -> Result<()> {
        let queues = self.destination.limits().concurrency.max(2);
        let may = !self.is_closed() && !self.stuck && self.tasks.len() < queues;
        if may && self.admission.is_none() && self.has_more().await? {
            self.admission = Some(Box::pin(self.limiter.clone().admit()));
        }
        Ok(())
    }

    /// Cuts a batch and sends it. A permit that is of no use goes back.
    async fn send(&mut self, permit: Permit) -> Result<()> {
        match self.next_batch().await? {
            Some(batch) => {
                drop(self.tasks.spawn(self.sender.clone().settle(batch, permit).in_current_span()));
            }
            None => self.stuck = true,
        }
        Ok(())
    }

    /// Whether there are calls that have not been cut. Skips those that are not for this destination to have.
    async fn has_more(&mut self) -> Result<bool> {
        while let Some(block) = self.prefetcher.block().await? {
            while let Some(call) = block.block.calls.get(block.next) {
                let position = block.block.first + block.next as u64;
                if !call.unchanged && !self.book.record.settled.contains(position) {
                    return Ok(true);
                }
                self.book.skip(position);
                block.next += 1;
            }
        }
        Ok(self.batcher.holds_some())
    }

    /// The next batch, or `None` if there is nothing to send now.
    async fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = self.batcher.begin();
        'full: while let Some(block) = self.prefetcher.block().await? {
            while let Some(call) = block.block.calls.get(block.next) {
                let position = block.block.first + block.next as u64;
                if call.unchanged || self.book.record.settled.contains(position) {
                    self.book.skip(position);
                } else if call.meta.flags.has(CallFlags::PURGED) {
                    // A purge has cancelled it: it is neither settled nor pending.
                } else {
                    let json = block.block.json(call);
                    match self.batcher.offer(&mut batch, position, &call.meta, json) {
                        Offer::Full => break 'full,
                        Offer::Taken => {}
                        Offer::Settled(Verdict::Refuse(refusal)) => {
                            let id = message_id(json, &self.run, call.meta.ordinal);
                            let at = self.sender.clock.now();
                            self.book.refuse(dead_letter(position, call.meta.ordinal, id, refusal, at));
                        }
                        Offer::Settled(_) => self.book.filter(position),
                    }
                }
                block.next += 1;
            }
        }
        if batch.items.is_empty() {
            return Ok(None);
        }
        Ok(Some(batch))
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Sent { bytes, retry } => {
                let counts = &mut self.book.record.counts;
                counts.requests += 1;
                counts.retries += u64::from(retry);
                counts.bytes += bytes;
                self.book.dirty = true;
            }
            Report::Settled { positions, delivered, dead } => {
                self.judge_trial(&dead);
                self.book.settle(&positions, delivered, dead);
            }
            Report::Halt { code, reason } => self.halt(code, reason),
        }
    }

    /// A destination that refuses most of the first calls alike has not met bad calls: it, or the query, is set up wrongly.
    fn judge_trial(&mut self, dead: &[DeadLetter]) {
        let counts = &self.book.record.counts;
        if counts.delivered + counts.dead_letters >= TRIAL_CALLS || self.is_closed() {
            return;
        }
        for letter in dead {
            let alike = self.trial.entry((letter.code, letter.status)).or_default();
            *alike += 1;
            if *alike > TRIAL_CALLS / 2 {
                let reason = format!(
                    "{alike} of the first calls were refused alike ({}: {}); the rest stays pending",
                    letter.code, letter.reason
                );
                return self.halt(Code::MostCallsRefused, reason);
            }
        }
    }

    fn halt(&mut self, code: Code, reason: String) {
        self.book.record.reason.get_or_insert((code, reason));
        self.shut();
    }

    /// Nothing more is cut or sent; what is under way comes to its end.
    fn shut(&mut self) {
        self.admission = None;
        self.close.send_replace(true);
        self.prefetcher.stop();
    }

    fn is_closed(&self) -> bool {
        *self.close.borrow()
    }

    fn joined(&mut self, joined: std::result::Result<Batch, tokio::task::JoinError>) -> Result<()> {
        // Reports come before the task ends; they are in the inbox by now.
        while let Ok(report) = self.inbox.try_recv() {
            self.take(report);
        }
        match joined {
            Ok(batch) => {
                self.batcher.release(&batch);
                self.stuck = false;
                self.book.batches += 1;
                (self.progress)(Event::Delivering {
                    sync: self.run.sync.clone(),
                    run: self.run.id,
                    destination: self.destination.name().to_owned(),
                    counts: self.book.record.counts,
                });
                Ok(())
            }
            // Given up after a stop; the calls stay pending.
            Err(join) if join.is_cancelled() => Ok(()),
            Err(join) => {
                Err(Error::new(Code::DestinationAnswerInvalid, "a request ended before its time")
                    .caused_by(join))
            }
        }
    }

    fn remember(&mut self) -> Option<JoinHandle<Result<()>>> {
        let (record, dead) = self.book.take_changes()?;
        let now = self.sender.clock.now();
        Some(tokio::spawn(remember(self.state.clone(), self.run.id, record, dead, now)))
    }
}

async fn admitted(admission: &mut Option<Admission>) -> Permit {
    let permit = match admission {
        Some(admission) => admission.await,
        None => std::future::pending().await,
    };
    *admission = None;
    permit
}

/// Resolves when there is no sense in waiting: the destination is paused, or takes nothing for too long.
async fn hopeless(
    health: &mut watch::Receiver<Health>,
    limiter: &DestinationLimiter,
    sender: &Sender,
) -> (Code, String) {
    loop {
        let now = health.borrow_and_update().clone();
        let deadline = match now {
            Health::Paused { code, reason, .. } => return (code, reason),
            Health::Failing { code, reason, .. } => {
                let deadline =
                    sender.delivery_timeout.map(|limit| limiter.last_success().max(sender.started) + limit);
                if deadline.is_some_and(|deadline| limiter.next_request() >= deadline) {
                    return took_too_long(code, &reason);
                }
                deadline
            }
            Health::Healthy => None,
        };
        tokio::select! {
            // It cannot end while the limiter is held.
            _ = health.changed() => {}
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
        }
    }
}

async fn remember(
    state: Arc<dyn State>,
    run: RunId,
    record: DeliveryRecord,
    dead: Vec<DeadLetter>,
    now: outflow_core::Timestamp,
) -> Result<()> {
    blocking(move || state.settle(run, &record, &dead, now)).await
}

async fn wait_for(handle: &mut Option<JoinHandle<Result<()>>>) -> Result<()> {
    let Some(running) = handle else { return Ok(()) };
    let done = running.await;
    *handle = None;
    done.map_err(|join| {
        Error::new(Code::StateIo, "remembering progress ended before its time").caused_by(join)
    })?
}

/// The delivery's record, and what of it is not remembered yet.
struct Book {
    record: DeliveryRecord,
    dead: Vec<DeadLetter>,
    dirty: bool,
    batches: usize,
    /// Skipped positions that are not in the record yet: they come in long runs.
    skipped: (u64, u64),
}

impl Book {
    fn new(mut record: DeliveryRecord) -> Self {
        record.state = DeliveryState::Delivering;
        record.reason = None;
        Self { record, dead: Vec::new(), dirty: false, batches: 0, skipped: (0, 0) }
    }

    /// The call is not for this destination to have, or has been settled before.
    fn skip(&mut self, position: u64) {
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

    fn filter(&mut self, position: u64) {
        self.record.counts.filtered += 1;
        self.settled(position, position + 1);
    }

    fn refuse(&mut self, letter: DeadLetter) {
        self.settle(&[(letter.position, letter.position + 1)], 0, vec![letter]);
    }

    fn settle(&mut self, positions: &[(u64, u64)], delivered: u64, dead: Vec<DeadLetter>) {
        self.record.counts.delivered += delivered;
        self.record.counts.dead_letters += dead.len() as u64;
        self.dead.extend(dead);
        for &(start, end) in positions {
            self.settled(start, end);
        }
    }

    fn settled(&mut self, start: u64, end: u64) {
        self.record.counts.pending -= end - start;
        self.record.settled.insert(start, end);
        self.dirty = true;
    }

    fn take_changes(&mut self) -> Option<(DeliveryRecord, Vec<DeadLetter>)> {
        self.batches = 0;
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        self.flush_skipped();
        Some((self.record.clone(), std::mem::take(&mut self.dead)))
    }

    /// Sets the state that the numbers say.
    fn end(&mut self) -> DeliveryState {
        self.flush_skipped();
        let counts = &self.record.counts;
        self.record.state = match (counts.pending, counts.dead_letters, &self.record.reason) {
            (0, 0, _) => DeliveryState::Succeeded,
            (0, _, _) => DeliveryState::Partial,
            (_, _, Some(_)) => DeliveryState::Stopped,
            (_, _, None) => DeliveryState::Delivering,
        };
        self.record.state
    }

    fn ended(&self, run: &RunRecord) -> Event {
        let DeliveryRecord { destination, state, counts, reason, .. } = self.record.clone();
        Event::Delivered { sync: run.sync.clone(), run: run.id, destination, state, counts, reason }
    }
}
