//! Drives one delivery: cuts batches, sends them, and persists what is settled.
//!
//! A delivery is in one of two states. While it is *sending*, it requests a permit of the limiter
//! whenever there is something to send, and makes a batch once it has one. When the destination is
//! halted or the process stops, it is *draining*: nothing new is sent and requests in flight end.
//! It ends when no request is in flight and none can be made.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::destination::Destination;
use outflow_core::ports::spool::SegmentInfo;
use outflow_core::ports::state::{DeliveryRecord, State};
use outflow_core::run::RunKind;
use outflow_core::{CallFlags, Code, DeliveryState, Error, Result, RunRecord};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, Interval, MissedTickBehavior};
use tracing::Instrument as _;

use crate::Engine;
use crate::delivery::batcher::{Batch, Batcher, Offer};
use crate::delivery::error_threshold::ErrorThreshold;
use crate::delivery::limiter::{DestinationLimiter, Flow, Health, Permit, Urgency};
use crate::delivery::message_id::message_id;
use crate::delivery::moments::later;
use crate::delivery::open_calls::{OpenCall, OpenCalls};
use crate::delivery::prefetcher::Prefetcher;
use crate::delivery::progress::{DeliveryProgress, persist};
use crate::delivery::send::{BatchEvent, Sender, Settled, dead_letter, timed_out};
use crate::event::{Event, Observer};
use crate::serve::tasks::panicked;
use crate::stop::stopped;

/// Progress is persisted this often …
const PERSIST_EVERY: Duration = Duration::from_millis(100);
/// … or after this number of batches, whichever comes first.
const PERSIST_BATCHES: usize = 64;
/// No more batches than this are held beside those in flight.
const MOST_HELD: usize = 100;
/// How long requests in flight may take to end after a stop.
const GRACE: Duration = Duration::from_secs(10);

/// What a delivery does.
enum Phase {
    /// It makes batches and sends them.
    Sending,
    /// It sends nothing more. Requests in flight end; after a stop they are aborted at `until`.
    Draining { until: Option<Instant> },
}

/// What a delivery waits for.
enum Wakeup {
    /// The limiter admits the next batch.
    Admitted(Permit),
    /// It makes no sense to go on: the destination is paused or has timed out.
    Halted(Code, String),
    /// The task of a batch reports.
    Reported(BatchEvent),
    /// The task of a batch ended.
    BatchEnded(std::result::Result<Batch, JoinError>),
    /// It is time to persist progress.
    PersistDue,
    /// Progress was persisted.
    Persisted(Result<()>),
    /// The project was reloaded, or deliveries are paused: requests in flight end by themselves.
    Yielded,
    /// The process stops.
    StopRequested,
    /// The time for requests in flight after a stop is over.
    GraceOver,
}

type Admission = Pin<Box<dyn Future<Output = Permit> + Send>>;

/// How a delivery goes.
pub(super) struct Terms {
    /// How long the destination may take nothing.
    pub(super) timeout: Option<Duration>,
    /// Whether the delivery only finds out if the destination still refuses most calls.
    pub(super) probes: bool,
    /// Locked while progress is persisted.
    pub(super) persisting: Arc<Mutex<()>>,
    /// Becomes true when the delivery is to end and go on under another configuration.
    pub(super) yielded: watch::Receiver<bool>,
}

/// A delivery in progress.
pub(super) struct Delivery {
    phase: Phase,
    state: Arc<dyn State>,
    run: Arc<RunRecord>,
    destination: Arc<dyn Destination>,
    limiter: Arc<DestinationLimiter>,
    /// Its share in the limiter.
    flow: Flow,
    /// Whether a batch has ever waited until it was known whom a refusal concerns.
    has_held: bool,
    /// What the limiter knows: the batches in flight, if no other can be sent.
    last_batches: Option<usize>,
    health: watch::Receiver<Health>,
    prefetcher: Prefetcher,
    batcher: Batcher,
    open_calls: OpenCalls,
    progress: DeliveryProgress,
    threshold: ErrorThreshold,
    sender: Sender,
    events: mpsc::UnboundedReceiver<BatchEvent>,
    /// Waits for the permit of the next batch.
    admission: Option<Admission>,
    /// No batch can be made until one in flight is settled.
    is_blocked: bool,
    /// The batches in flight.
    batches: JoinSet<Batch>,
    /// How many batches ended since progress was last persisted.
    ended_batches: usize,
    tick: Interval,
    persisting: Option<JoinHandle<Result<()>>>,
    persist_lock: Arc<Mutex<()>>,
    /// Why the calls cannot be read.
    failure: Option<Error>,
    /// Tells the tasks of the batches to send nothing more.
    close: watch::Sender<bool>,
    stop: watch::Receiver<bool>,
    yielded: watch::Receiver<bool>,
}

impl Delivery {
    /// A delivery of what is pending of a run, which `segments` hold.
    pub(super) fn new(
        engine: &Engine,
        run: &RunRecord,
        record: DeliveryRecord,
        destination: Arc<dyn Destination>,
        segments: Vec<SegmentInfo>,
        terms: Terms,
        observer: &Observer,
    ) -> Self {
        let connection = run.spec.connections.iter().find(|c| c.destination == record.destination);
        let nulls = connection.map(|c| c.nulls).unwrap_or_default();
        let limiter = engine.limiters.of(destination.as_ref());
        let run = Arc::new(run.clone());
        let (sent_events, events) = mpsc::unbounded_channel();
        let (close, closed) = watch::channel(false);
        let sender = Sender {
            destination: destination.clone(),
            run: run.clone(),
            clock: engine.clock.clone(),
            delivery_timeout: terms.timeout,
            started: Instant::now(),
            events: sent_events,
            observer: observer.clone(),
            confirms: false,
            closed,
        };
        let mut tick = tokio::time::interval(PERSIST_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            phase: Phase::Sending,
            state: engine.state.clone(),
            health: limiter.watch(),
            flow: limiter.join(&run.sync, urgency(&run)),
            has_held: false,
            last_batches: None,
            limiter,
            prefetcher: Prefetcher::start(engine.spool.clone(), &run, segments, record.settled.low),
            run,
            batcher: Batcher::new(destination.clone(), nulls),
            destination,
            open_calls: OpenCalls::default(),
            progress: DeliveryProgress::new(record),
            threshold: if terms.probes { ErrorThreshold::probing() } else { ErrorThreshold::default() },
            sender,
            events,
            admission: None,
            is_blocked: false,
            batches: JoinSet::new(),
            ended_batches: 0,
            tick,
            persisting: None,
            persist_lock: terms.persisting,
            failure: None,
            close,
            stop: engine.stop.clone(),
            yielded: terms.yielded,
        }
    }

    /// Delivers until every call is settled, the destination is halted, the calls cannot be read or
    /// the process stops.
    pub(super) async fn run(mut self) -> Result<DeliveryState> {
        loop {
            let requested = self.request_permit().await;
            requested.unwrap_or_else(|error| self.fail(error));
            if self.batches.is_empty() && self.admission.is_none() {
                break;
            }
            match self.wait().await {
                Wakeup::Admitted(permit) => {
                    let sent = self.send_batch(permit).await;
                    sent.unwrap_or_else(|error| self.fail(error));
                }
                Wakeup::Halted(code, reason) => self.halt(code, reason),
                Wakeup::Reported(event) => self.on_event(event)?,
                Wakeup::BatchEnded(ended) => self.on_batch_ended(ended)?,
                Wakeup::PersistDue => self.start_persisting()?,
                Wakeup::Persisted(result) => result?,
                Wakeup::Yielded => self.drain(None),
                Wakeup::StopRequested => self.drain(Some(later(Instant::now(), GRACE))),
                Wakeup::GraceOver => self.batches.abort_all(),
            }
        }
        self.end().await
    }

    async fn wait(&mut self) -> Wakeup {
        let is_sending = matches!(self.phase, Phase::Sending);
        let until = match self.phase {
            Phase::Sending => None,
            Phase::Draining { until } => until,
        };
        let persists_now = self.ended_batches >= PERSIST_BATCHES;
        let deadline = until.unwrap_or_else(Instant::now);
        tokio::select! {
            permit = admitted(&mut self.admission), if self.admission.is_some() => Wakeup::Admitted(permit),
            (code, reason) = halted(&mut self.health, &self.limiter, &self.sender), if is_sending => {
                Wakeup::Halted(code, reason)
            }
            Some(ended) = self.batches.join_next() => Wakeup::BatchEnded(ended),
            Some(event) = self.events.recv() => Wakeup::Reported(event),
            result = persisted(&mut self.persisting), if self.persisting.is_some() => {
                Wakeup::Persisted(result)
            }
            () = persist_due(&mut self.tick, persists_now), if self.persisting.is_none() => {
                Wakeup::PersistDue
            }
            () = stopped(&mut self.yielded), if is_sending => Wakeup::Yielded,
            () = stopped(&mut self.stop), if until.is_none() => Wakeup::StopRequested,
            () = tokio::time::sleep_until(deadline), if until.is_some() => Wakeup::GraceOver,
        }
    }

    /// Requests a permit if there is something to send and room for it. Bodies are made only with
    /// one.
    async fn request_permit(&mut self) -> Result<()> {
        let room = self.destination.limits().concurrency.max(2);
        // Batches that wait for a verdict take no room from the others, which may be witnesses.
        let held = if self.has_held { self.flow.held().min(MOST_HELD) } else { 0 };
        let may_send = matches!(self.phase, Phase::Sending)
            && !self.is_blocked
            && self.batches.len() < room.saturating_add(held)
            && !(self.has_held && self.flow.is_suspended());
        if may_send && self.admission.is_none() && self.has_more().await? {
            self.admission = Some(Box::pin(self.flow.admit()));
        }
        if self.has_held {
            let last = self.admission.is_none().then(|| self.batches.len());
            if std::mem::replace(&mut self.last_batches, last) != last {
                self.flow.set_last_batches(last);
            }
        }
        Ok(())
    }

    /// Makes a batch and sends it. A permit that cannot be used is returned.
    async fn send_batch(&mut self, permit: Permit) -> Result<()> {
        match self.next_batch().await? {
            Some(batch) => {
                let settling = self.sender.clone().settle(batch, permit).in_current_span();
                drop(self.batches.spawn(settling));
            }
            None => self.is_blocked = true,
        }
        Ok(())
    }

    /// Whether there are calls to send. Skips those that need not be sent.
    async fn has_more(&mut self) -> Result<bool> {
        while let Some(block) = self.prefetcher.block().await? {
            while let Some(call) = block.block.calls.get(block.next) {
                let position = block.block.first + block.next as u64;
                if !call.unchanged && !self.progress.is_settled(position) {
                    return Ok(true);
                }
                self.progress.skip(position);
                block.next += 1;
            }
        }
        Ok(self.batcher.has_deferred())
    }

    /// The next batch, or `None` if there is nothing to send now.
    async fn next_batch(&mut self) -> Result<Option<Batch>> {
        let mut batch = self.batcher.begin();
        'full: while let Some(block) = self.prefetcher.block().await? {
            while let Some(call) = block.block.calls.get(block.next) {
                let position = block.block.first + block.next as u64;
                if call.unchanged || self.progress.is_settled(position) {
                    self.progress.skip(position);
                } else if call.meta.flags.has(CallFlags::PURGED) {
                    // A purge cancelled it: it is neither settled nor pending.
                } else {
                    let json = block.block.json(call);
                    let ordinal = call.meta.ordinal;
                    match self.batcher.offer(&mut batch, position, &call.meta, json) {
                        Offer::Full => break 'full,
                        Offer::Taken => {}
                        Offer::Tracked { records } => {
                            let message_id = message_id(json, &self.run, ordinal);
                            let call = OpenCall { ordinal, message_id, records, refusal: None };
                            self.open_calls.open(position, call);
                        }
                        Offer::Filtered => self.progress.filter(position)?,
                        Offer::Refused(refusal) => {
                            let id = message_id(json, &self.run, ordinal);
                            let at = self.sender.clock.now();
                            self.progress.refuse(dead_letter(position, ordinal, id, refusal, at))?;
                        }
                    }
                }
                block.next += 1;
            }
        }
        Ok((!batch.items.is_empty()).then_some(batch))
    }

    fn on_event(&mut self, event: BatchEvent) -> Result<()> {
        match event {
            BatchEvent::Sent { bytes, is_retry } => self.progress.count_request(bytes, is_retry),
            BatchEvent::Held => self.has_held = true,
            BatchEvent::Settled(settled) => return self.on_settled(settled),
            BatchEvent::Halted { code, reason } => self.halt(code, reason),
        }
        Ok(())
    }

    fn on_settled(&mut self, mut settled: Settled) -> Result<()> {
        let at = self.sender.clock.now();
        for record in std::mem::take(&mut settled.records) {
            if let Some(call) = self.open_calls.settle(record, at) {
                settled.positions.push((call.position, call.position + 1));
                settled.delivered += u64::from(call.dead.is_none());
                settled.dead.extend(call.dead);
            }
        }
        if matches!(self.phase, Phase::Sending)
            && let Some(reason) = self.threshold.check(settled.delivered, &settled.dead)
        {
            self.halt(Code::MostCallsRefused, reason);
        }
        self.progress.settle(settled)
    }

    /// Takes in the events of the tasks that have ended.
    fn take_events(&mut self) -> Result<()> {
        while let Ok(event) = self.events.try_recv() {
            self.on_event(event)?;
        }
        Ok(())
    }

    fn on_batch_ended(&mut self, ended: std::result::Result<Batch, JoinError>) -> Result<()> {
        // A task reports before it ends.
        self.take_events()?;
        match ended {
            Ok(batch) => {
                self.batcher.release(&batch);
                self.is_blocked = false;
                self.ended_batches += 1;
                (self.sender.observer)(Event::Delivering {
                    sync: self.run.sync.clone(),
                    run: self.run.id,
                    destination: self.destination.name().to_owned(),
                    counts: self.progress.record.counts,
                });
                Ok(())
            }
            // Aborted after a stop; the calls stay pending.
            Err(join) if join.is_cancelled() => Ok(()),
            Err(_) => Err(panicked(&format!("request to {}", self.destination.name()))),
        }
    }

    fn halt(&mut self, code: Code, reason: String) {
        self.progress.record.reason.get_or_insert((code, reason));
        if matches!(self.phase, Phase::Sending) {
            self.drain(None);
        }
    }

    /// The calls cannot be read, so the source is read again. What has arrived must be known then:
    /// requests in flight end and are persisted.
    fn fail(&mut self, error: Error) {
        self.failure.get_or_insert(error);
        if matches!(self.phase, Phase::Sending) {
            self.drain(None);
        }
    }

    fn drain(&mut self, until: Option<Instant>) {
        self.phase = Phase::Draining { until };
        self.admission = None;
        self.close.send_replace(true);
        self.prefetcher.stop();
    }

    fn start_persisting(&mut self) -> Result<()> {
        self.ended_batches = 0;
        if let Some(settlement) = self.progress.take_changes(self.run.id, self.sender.clock.now())? {
            // Nothing else is being persisted now, so the lock is free.
            let lock = self.persist_lock.clone().try_lock_owned();
            let persisting = persist(self.state.clone(), settlement);
            self.persisting = Some(tokio::spawn(async move {
                let _lock = lock;
                persisting.await
            }));
        }
        Ok(())
    }

    async fn end(mut self) -> Result<DeliveryState> {
        self.take_events()?;
        if self.persisting.is_some() {
            persisted(&mut self.persisting).await?;
        }
        let settlement = self.progress.end(self.run.id, self.sender.clock.now())?;
        persist(self.state.clone(), settlement).await?;
        if let Some(error) = self.failure {
            return Err(error);
        }
        let left = self.progress.record.counts.pending;
        if left > 0 && matches!(self.phase, Phase::Sending) {
            // Every call was read and settled: a delivery that continues would end like this again.
            return Err(self.progress.differs(&format!("{left} calls are pending that no segment holds")));
        }
        (self.sender.observer)(self.progress.ended(&self.run));
        Ok(self.progress.record.state)
    }
}

/// Backfills and replays leave what is new the first turn.
const fn urgency(run: &RunRecord) -> Urgency {
    match run.spec.options.kind {
        RunKind::Backfill { .. } | RunKind::Replay(_) => Urgency::Backfill,
        RunKind::Incremental | RunKind::Full | RunKind::Since { .. } => Urgency::New,
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

/// Resolves when it makes no sense to go on: the destination is paused, or has taken nothing for
/// longer than the delivery's time limit, whatever it waits for.
async fn halted(
    health: &mut watch::Receiver<Health>,
    limiter: &DestinationLimiter,
    sender: &Sender,
) -> (Code, String) {
    loop {
        let now = health.borrow_and_update().clone();
        let (last, said) = match now {
            Health::Paused { code, reason, .. } => return (code, reason),
            Health::Failing { code, reason, .. } => (limiter.last_success(), Some((code, reason))),
            Health::Waiting { reason, .. } => {
                (limiter.last_answer(), Some((Code::DestinationThrottled, reason)))
            }
            Health::Healthy => (limiter.last_answer(), None),
        };
        let deadline = sender.delivery_timeout.map(|limit| later(last.max(sender.started), limit));
        if deadline.is_some_and(|deadline| limiter.next_request() >= deadline) {
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now())).unwrap_or_default();
            return timed_out(said, left, sender.delivery_timeout.unwrap_or_default());
        }
        tokio::select! {
            // The channel stays open because `limiter` holds its other end.
            _ = health.changed() => {}
            () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
        }
    }
}

async fn persist_due(tick: &mut Interval, is_due: bool) {
    if !is_due {
        tick.tick().await;
    }
}

async fn persisted(persisting: &mut Option<JoinHandle<Result<()>>>) -> Result<()> {
    let Some(running) = persisting else { return Ok(()) };
    let result = running.await;
    *persisting = None;
    result.unwrap_or_else(|_| Err(panicked("task that persists the progress of a delivery")))
}
