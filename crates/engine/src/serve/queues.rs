//! Delivery queues: for each sync and destination the runs that are to be delivered, in run order,
//! one at a time.
//!
//! A queue has a task as long as it holds a run. When a destination stops, its run stays at the
//! head of the queue; the queue continues when the destination's limiter is resumed, when the
//! project is reloaded, or after a while, with one probe.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outflow_core::ports::state::DeliveryRecord;
use outflow_core::{
    BoxFuture, Code, DeliveryCounts, DeliveryState, Error, Result, RunId, RunRecord, RunState, Timestamp,
};
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::conclude::conclude;
use super::losses::loses_run;
use super::reported::Reported;
use super::tasks::{contained, keep, panicked};
use super::wakeups::Wakeups;
use super::{Mode, RuntimeConfig, Shared};
use crate::delivery::DeliveryMode;
use crate::delivery::limiter::Health;
use crate::delivery::moments::later;
use crate::event::{Event, Observer};
use crate::schedule::Slots;
use crate::spans;
use crate::stop::stopped;

/// A stopped destination is probed after this time, which doubles after each probe …
const PROBE_AFTER: Duration = Duration::from_secs(300);
/// … up to this.
const PROBE_AFTER_MOST: Duration = Duration::from_secs(3600);

type Key = (String, String);

/// The status of a queue.
#[derive(Clone, Debug, Serialize)]
pub struct QueueStatus {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// The runs in it, including the one that is being delivered.
    pub runs: Vec<RunId>,
    /// The bytes of their segments.
    pub bytes: u64,
    /// Since when the first of them has been waiting.
    pub since: Option<Timestamp>,
    /// Whether its destination is degraded: then it does not keep the sync busy.
    pub degraded: bool,
}

/// What keeps a sync busy.
pub(super) struct Busy {
    /// The run, if it is one.
    pub(super) run: Option<RunId>,
    pub(super) code: Code,
    pub(super) reason: String,
    /// The run awaits approval: no further run request is queued while it does.
    pub(super) awaiting_approval: Option<Error>,
    /// A slot waits for the end of this, until the next slot comes, before it is skipped.
    pub(super) slot_waits: bool,
}

/// All queues.
pub struct DeliveryQueues {
    inner: Mutex<Inner>,
    /// Wakes what watches the queues of a sync whenever one of them changes.
    pub(super) changes: Wakeups,
    failure: watch::Sender<Option<Arc<Error>>>,
}

#[derive(Default)]
struct Inner {
    queues: BTreeMap<Key, Queue>,
    tasks: JoinSet<()>,
}

/// A run in a queue.
struct Waiting {
    run: RunId,
    /// The bytes of its segments.
    bytes: u64,
    /// When it was committed.
    since: Timestamp,
}

#[derive(Default)]
struct Queue {
    runs: VecDeque<Waiting>,
    /// Whether it has a task.
    has_task: bool,
    degraded: bool,
}

impl Default for DeliveryQueues {
    fn default() -> Self {
        Self { inner: Mutex::default(), changes: Wakeups::default(), failure: watch::Sender::new(None) }
    }
}

impl DeliveryQueues {
    pub(super) fn status(&self) -> Vec<QueueStatus> {
        let inner = self.lock();
        let queues = inner.queues.iter().filter(|(_, q)| !q.runs.is_empty());
        let status = queues.map(|((sync, destination), q)| QueueStatus {
            sync: sync.clone(),
            destination: destination.clone(),
            runs: q.runs.iter().map(|r| r.run).collect(),
            bytes: q.runs.iter().map(|r| r.bytes).fold(0, u64::saturating_add),
            since: q.runs.front().map(|r| r.since),
            degraded: q.degraded,
        });
        status.collect()
    }

    /// The bytes of the runs that wait for some destination, each run once: its destinations share
    /// its segments. A run that a destination is getting does not wait for it.
    pub(super) fn waiting_bytes(&self) -> u64 {
        let inner = self.lock();
        let behind = |q: &Queue| usize::from(!q.degraded);
        let waiting = inner.queues.values().flat_map(|q| q.runs.iter().skip(behind(q)));
        let each: BTreeMap<RunId, u64> = waiting.map(|w| (w.run, w.bytes)).collect();
        each.into_values().fold(0, u64::saturating_add)
    }

    /// Resolves when a queue could not persist its progress.
    pub(super) async fn failed(&self) -> Error {
        let mut failure = self.failure.subscribe();
        let error = failure.wait_for(Option::is_some).await.ok().and_then(|found| found.clone());
        match error {
            Some(error) => shared_error(error),
            None => std::future::pending().await,
        }
    }

    /// Whether a queue has, or had, a task whose end was not awaited.
    pub(super) fn has_tasks(&self) -> bool {
        !self.lock().tasks.is_empty()
    }

    /// Resolves when no queue has a task, with an error if one could not persist its progress.
    pub(super) async fn ended(&self) -> Result<()> {
        loop {
            let mut tasks = std::mem::take(&mut self.lock().tasks);
            if tasks.is_empty() {
                return self.failure.borrow().clone().map_or(Ok(()), |error| Err(shared_error(error)));
            }
            while let Some(joined) = tasks.join_next().await {
                if joined.is_err() {
                    self.fail(panicked("delivery queue"));
                }
            }
        }
    }

    /// The first failure counts.
    fn fail(&self, error: Error) {
        self.failure.send_if_modified(|failure| {
            let is_first = failure.is_none();
            if is_first {
                *failure = Some(Arc::new(error));
            }
            is_first
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a run at the end of a queue. A run that is there already stays where it is.
    fn push(&self, key: Key, record: &RunRecord) {
        let mut inner = self.lock();
        let queue = inner.queues.entry(key).or_default();
        if !queue.runs.iter().any(|r| r.run == record.id) {
            let since = record.extracted_at.unwrap_or(record.started_at);
            queue.runs.push_back(Waiting { run: record.id, bytes: record.spool_bytes, since });
        }
    }

    /// Removes a run from a queue, or from all queues. Returns whether no queue holds it now.
    pub(super) fn drop_run(&self, key: Option<&Key>, run: RunId) -> bool {
        let mut inner = self.lock();
        let mut syncs = BTreeSet::new();
        for (k, queue) in inner.queues.iter_mut().filter(|(k, _)| key.is_none_or(|key| *k == key)) {
            let before = queue.runs.len();
            queue.runs.retain(|r| r.run != run);
            if queue.runs.len() < before {
                syncs.insert(k.0.clone());
            }
        }
        let is_gone = !inner.queues.values().flat_map(|queue| &queue.runs).any(|r| r.run == run);
        drop(inner);
        syncs.iter().for_each(|sync| self.changes.wake(sync));
        is_gone
    }

    /// The run at the head; without one the task of the queue ends.
    fn head(&self, key: &Key) -> Option<RunId> {
        let mut inner = self.lock();
        let queue = inner.queues.get_mut(key)?;
        let head = queue.runs.front().map(|r| r.run);
        if head.is_none() {
            inner.queues.remove(key);
        }
        head
    }

    /// Sets whether a queue is degraded. Returns whether that changed.
    fn set_degraded(&self, key: &Key, degraded: bool) -> bool {
        let mut inner = self.lock();
        let Some(queue) = inner.queues.get_mut(key) else { return false };
        let changed = std::mem::replace(&mut queue.degraded, degraded) != degraded;
        drop(inner);
        if changed {
            self.changes.wake(&key.0);
        }
        changed
    }
}

/// An error from one that is shared.
fn shared_error(error: Arc<Error>) -> Error {
    let copy = Error::new(error.code(), error.message().to_owned());
    copy.quoting(error.quoted().cloned().unwrap_or_default()).caused_by(error)
}

/// Puts a run's open deliveries into their queues. A run without any ends.
pub(super) async fn enqueue(shared: &Arc<Shared>, run: RunId) -> Result<()> {
    let config = shared.config();
    let state = &config.engine.state;
    let (record, deliveries) = (state.run(run).await?, state.deliveries(run).await?);
    let Some(record) = record else { return Ok(()) };
    if record.state.is_final() {
        (shared.observer)(Event::Ended { sync: record.sync, run, state: record.state });
        return Ok(());
    }
    if let (RunState::AwaitingApproval, Some((code, reason))) = (record.state, record.reason.clone()) {
        (shared.observer)(Event::AwaitingApproval { sync: record.sync, run, code, reason });
        return Ok(());
    }
    for delivery in deliveries.iter().filter(|d| is_open(d)) {
        let key = (record.sync.clone(), delivery.destination.clone());
        shared.queues.push(key.clone(), &record);
        serve(shared, key);
    }
    if !deliveries.iter().any(is_open) {
        conclude(shared, &config, &record.sync, run).await?;
    }
    shared.queues.changes.wake(&record.sync);
    Ok(())
}

fn is_open(delivery: &DeliveryRecord) -> bool {
    matches!(delivery.state, DeliveryState::Delivering | DeliveryState::Stopped)
}

/// Starts the task of a queue, unless it has one.
fn serve(shared: &Arc<Shared>, key: Key) {
    let mut inner = shared.queues.lock();
    while inner.tasks.try_join_next().is_some() {}
    let Some(queue) = inner.queues.get_mut(&key).filter(|q| !q.has_task) else { return };
    queue.has_task = true;
    let shared = shared.clone();
    inner.tasks.spawn(async move {
        let task = format!("delivery of {} to {}", key.0, key.1);
        let make = || DeliveryQueue { shared: shared.clone(), key: key.clone(), stops: 0 }.go();
        // Only its own calls wait for a queue that is down.
        let when_down = || -> BoxFuture<'static, ()> {
            let queue = DeliveryQueue { shared: shared.clone(), key: key.clone(), stops: 0 };
            Box::pin(async move { queue.report_degraded(true) })
        };
        let ended = match shared.mode {
            Mode::Serve => keep(&shared, &task, make, &when_down).await,
            Mode::Once { .. } => contained(make()).await.unwrap_or_else(|_| Err(panicked(&task))),
        };
        if let Err(error) = ended {
            shared.queues.fail(error);
        }
    });
}

/// The task of a queue.
struct DeliveryQueue {
    shared: Arc<Shared>,
    key: Key,
    /// How often the destination has stopped in a row.
    stops: u32,
}

impl DeliveryQueue {
    /// Delivers until the queue is empty or the process stops. An error is one of the state.
    async fn go(mut self) -> Result<()> {
        let mut stop = self.shared.config().engine.stop.clone();
        let shared = self.shared.clone();
        while let Some(run) = self.shared.queues.head(&self.key) {
            let not_paused = shared.deliveries_paused.read().await;
            if *stop.borrow() {
                return Ok(());
            }
            let config = self.shared.config();
            let (reported, resumes) = (Arc::new(Reported::default()), self.resumes(&config));
            let state = self.deliver(&config, run, &mut stop, &reported).await?;
            drop(not_paused);
            let is_settled = matches!(state, DeliveryState::Succeeded | DeliveryState::Partial);
            let mut is_last = false;
            if is_settled {
                self.stops = 0;
                self.report_degraded(false);
                is_last = self.shared.queues.drop_run(Some(&self.key), run);
            } else if state == DeliveryState::Stopped {
                self.report_degraded(true);
            }
            // Only now, so that the observer sees the queue in its new state.
            if let Some(notice) = reported.end() {
                (self.shared.observer)(notice);
            }
            match state {
                // The last queue with this run ends it.
                _ if is_last => conclude(&self.shared, &config, &self.key.0, run).await?,
                _ if !is_settled && self.shared.mode != Mode::Serve => return Ok(()),
                DeliveryState::Stopped => self.wait(&config, resumes, &mut stop).await,
                // The project was reloaded, or the process stops.
                _ => {}
            }
        }
        Ok(())
    }

    /// Delivers one run until it is settled, its destination stops, the project is reloaded or the
    /// process stops.
    async fn deliver(
        &self,
        config: &Arc<RuntimeConfig>,
        run: RunId,
        stop: &mut watch::Receiver<bool>,
        reported: &Arc<Reported>,
    ) -> Result<DeliveryState> {
        let state = &config.engine.state;
        let found = (state.run(run).await?, state.deliveries(run).await?);
        let (Some(record), deliveries) = found else { return Ok(DeliveryState::Succeeded) };
        let Some(delivery) = deliveries.into_iter().find(|d| d.destination == self.key.1) else {
            return Ok(DeliveryState::Succeeded);
        };
        let Some(entered) = self.shared.losses.enter(run).await else { return Ok(DeliveryState::Delivering) };
        let (halt, halted) = watch::channel(false);
        let (yields, yielded) = watch::channel(false);
        (self.shared.observer)(self.stands(run, delivery.counts));
        let engine = crate::Engine { stop: halted, ..config.engine.clone() };
        let mode = match self.shared.mode {
            Mode::Serve => DeliveryMode::Kept,
            Mode::Once { delivery_timeout } => DeliveryMode::Asked(delivery_timeout),
        };
        let observer = self.observer(reported);
        let mut reloads = self.shared.config.clone();
        let mut look = tokio::time::interval(look_every(config));
        let span = spans::delivery(&record, &delivery.destination);
        let delivering = engine.deliver(&record, delivery, mode, yielded, &observer).instrument(span);
        tokio::pin!(delivering);
        let delivered = loop {
            tokio::select! {
                delivered = &mut delivering => break delivered,
                () = stopped(stop), if !*halt.borrow() => drop(halt.send_replace(true)),
                // Requests in flight end by themselves: given up, they would be sent again.
                () = replaced(&mut reloads, config), if !*yields.borrow() => drop(yields.send_replace(true)),
                () = self.shared.losses.found(run), if !*yields.borrow() => drop(yields.send_replace(true)),
                _ = look.tick() => self.look(config, reported),
            }
        };
        match delivered {
            Err(error) if loses_run(error.code()) => self.shared.lose(config, &record, entered, error).await,
            other => other,
        }
    }

    fn stands(&self, run: RunId, counts: DeliveryCounts) -> Event {
        let (sync, destination) = self.key.clone();
        Event::Delivering { sync, run, destination, counts }
    }

    /// Passes the events of a delivery on. Its end is kept until the queue is as the end says.
    fn observer(&self, reported: &Arc<Reported>) -> Observer {
        let (reported, observer) = (reported.clone(), self.shared.observer.clone());
        Arc::new(move |event| match event {
            Event::Delivered { .. } => reported.set_end(event),
            event => {
                if matches!(event, Event::Delivering { .. }) {
                    reported.set_settled();
                }
                observer(event);
            }
        })
    }

    /// Checks whether the destination is degraded. It has recovered only once it accepts calls.
    fn look(&self, config: &RuntimeConfig, reported: &Reported) {
        let Some(destination) = config.engine.destinations.get(&self.key.1) else { return };
        let has_settled = reported.take_settled();
        match config.engine.limiters.of(destination.as_ref()).health() {
            Health::Healthy if has_settled => self.report_degraded(false),
            Health::Paused { .. } | Health::Waiting { .. } => self.report_degraded(true),
            Health::Failing { since, .. } if since.elapsed() > self.patience(config) => {
                self.report_degraded(true)
            }
            Health::Healthy | Health::Failing { .. } => {}
        }
    }

    /// How long a destination may fail before it is degraded: max(5 minutes, one interval).
    fn patience(&self, config: &RuntimeConfig) -> Duration {
        let interval = config
            .sync_runtime(&self.key.0)
            .and_then(|m| Slots::of(&m.spec.schedule).interval(config.engine.clock.now()));
        interval.unwrap_or_default().max(config.limits.degraded_after)
    }

    fn report_degraded(&self, degraded: bool) {
        if self.shared.queues.set_degraded(&self.key, degraded) {
            let (sync, destination) = self.key.clone();
            (self.shared.observer)(Event::Degraded { sync, destination, degraded });
        }
    }

    /// How often the destination was resumed.
    fn resumes(&self, config: &RuntimeConfig) -> Option<u64> {
        let destination = config.engine.destinations.get(&self.key.1)?;
        Some(config.engine.limiters.of(destination.as_ref()).resumes())
    }

    /// Waits until a stopped destination is to be probed. It had been resumed `before` times when
    /// the delivery began: another queue may have done it again since the delivery saw it paused.
    async fn wait(
        &mut self,
        config: &Arc<RuntimeConfig>,
        before: Option<u64>,
        stop: &mut watch::Receiver<bool>,
    ) {
        let wait = PROBE_AFTER.saturating_mul(1 << self.stops.min(8)).min(PROBE_AFTER_MOST);
        self.stops = self.stops.saturating_add(1);
        let mut reloads = self.shared.config.clone();
        let Some(destination) = config.engine.destinations.get(&self.key.1) else {
            // Only another project, or a person who resumes it or gives the calls up, changes
            // anything.
            tokio::select! {
                () = stopped(stop) => {}
                () = replaced(&mut reloads, config) => {}
            }
            return;
        };
        let limiter = config.engine.limiters.of(destination.as_ref());
        let mut changes = limiter.watch();
        if Some(limiter.resumes()) != before {
            return;
        }
        let deadline = later(Instant::now(), wait);
        loop {
            tokio::select! {
                () = stopped(stop) => return,
                () = replaced(&mut reloads, config) => break,
                changed = changes.changed() => {
                    if changed.is_err() || !matches!(limiter.health(), Health::Paused { .. }) {
                        return;
                    }
                }
                () = tokio::time::sleep_until(deadline) => break,
            }
        }
        limiter.resume();
    }
}

/// How often the health of a destination is looked at.
fn look_every(config: &RuntimeConfig) -> Duration {
    config.limits.degraded_after.checked_div(20).unwrap_or_default().max(Duration::from_millis(1))
}

/// Resolves when another config is in force.
async fn replaced(reloads: &mut watch::Receiver<Arc<RuntimeConfig>>, config: &Arc<RuntimeConfig>) {
    if reloads.wait_for(|current| !Arc::ptr_eq(current, config)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
