//! The actor of one sync: it decides when the next run begins, and why not now.

mod extraction;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{Code, Result, RunId, RunRecord, RunState, Timestamp};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::admission::{Hold, LeftOut, fills_gap, hold};
use super::queues::Busy;
use super::tasks::panicked;
use super::{RuntimeConfig, Shared, SyncRuntime, Trigger, Triggered, driver};
use crate::delivery::moments::later;
use crate::event::Event;
use crate::operations::backfill::{Fill, FillKey};
use crate::schedule::{Slots, jitter};
use crate::stop::stopped;

use extraction::{ExtractionOutcome, extract};

/// The wall clock can jump, so it is checked at least this often.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// The delays before a run that failed because of its source is retried, unless a slot comes
/// before. The last one repeats.
const RETRY_AFTER: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(120), Duration::from_secs(300), Duration::from_secs(900)];

/// A running extraction.
type Current = JoinHandle<Result<ExtractionOutcome>>;

/// What outlives an actor that fails: the next one of the sync takes it over.
#[derive(Clone)]
pub(super) struct ActorParts {
    name: String,
    inbox: Arc<Mutex<mpsc::Receiver<Trigger>>>,
    /// Locked while the sync is being extracted, and while a gap of it is.
    extracting: Arc<Mutex<()>>,
    filling: Arc<Mutex<()>>,
    /// The runs that an earlier process left behind, for the first actor; `None`: it has taken
    /// them, and the state is asked.
    open: Arc<Mutex<Option<Vec<RunRecord>>>>,
}

impl ActorParts {
    /// An earlier process left the runs `open` behind.
    pub(super) fn new(name: String, inbox: mpsc::Receiver<Trigger>, open: Vec<RunRecord>) -> Self {
        let (inbox, open) = (Arc::new(Mutex::new(inbox)), Arc::new(Mutex::new(Some(open))));
        Self { name, inbox, extracting: Arc::default(), filling: Arc::default(), open }
    }
}

pub(super) struct Actor {
    shared: Arc<Shared>,
    name: String,
    parts: ActorParts,
    current: Option<Current>,
    /// What fills a gap is extracted beside that, and is tried again at times of its own.
    filling: Option<Current>,
    /// Runs that were requested while the sync was busy, each once.
    wanted: VecDeque<RunOptions>,
    /// When a failed run is retried, and how often that was done in a row.
    retry: Option<Instant>,
    failures: usize,
    /// When a gap is filled if it is still open then, and how often that was tried.
    fills: HashMap<FillKey, (Instant, usize)>,
    /// A slot that has come and waits for the end of a reading, and why.
    delayed: Option<(Timestamp, Busy)>,
}

impl Actor {
    pub(super) fn new(shared: Arc<Shared>, parts: ActorParts) -> Self {
        let name = parts.name.clone();
        let (wanted, fills) = Default::default();
        let (current, filling, retry, delayed) = (None, None, None, None);
        Self { shared, name, parts, current, filling, wanted, retry, failures: 0, fills, delayed }
    }

    /// Ends when the engine stops, or with an error of the state.
    pub(super) async fn go(mut self) -> Result<()> {
        let mut config = self.shared.config.clone();
        let mut queues = self.shared.queues.changes.watch(&self.name);
        let mut stop = self.shared.config().engine.stop.clone();
        let inbox = self.parts.inbox.clone();
        let mut inbox = inbox.lock().await;
        // An extraction of an actor that failed goes on, and enqueues its run by itself.
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            extracted = self.parts.extracting.clone().lock_owned() => drop(extracted),
        }
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            filled = self.parts.filling.clone().lock_owned() => drop(filled),
        }
        let open = self.open_runs().await?;
        self.resume(open);
        loop {
            let wait = self.step().await?;
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                ended = ended(&mut self.current) => {
                    self.current = None;
                    self.after(ended?);
                }
                filled = ended(&mut self.filling) => {
                    self.filling = None;
                    filled?;
                }
                asked = inbox.recv() => match asked {
                    Some(trigger) => self.asked(trigger).await?,
                    None => break,
                },
                changed = config.changed() => match changed {
                    // A destination with a gap may be one of the sync's again.
                    Ok(()) => self.shared.gaps.set(&self.name, true),
                    Err(_) => break,
                },
                _ = queues.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        // An extraction also sees the stop and cancels its statement.
        for extraction in [self.current.take(), self.filling.take()].into_iter().flatten() {
            joined(extraction.await)?;
        }
        Ok(())
    }

    /// The runs that are to be extracted again: as the supervisor found them at its start, or, for
    /// an actor that takes another one's place, as the state has them.
    async fn open_runs(&self) -> Result<Vec<RunRecord>> {
        if let Some(found) = self.parts.open.lock().await.take() {
            return Ok(found);
        }
        let mut unfinished = self.shared.config().engine.state.unfinished_of(&self.name).await?;
        unfinished.retain(|run| matches!(run.state, RunState::Queued | RunState::Extracting));
        Ok(unfinished)
    }

    /// Restarts the extractions that an earlier process began: one that fills a gap, and another.
    fn resume(&mut self, open: Vec<RunRecord>) {
        let config = self.shared.config();
        let Some(sync_runtime) = config.sync_runtime(&self.name) else { return };
        for record in open {
            let is_free = if fills_gap(&record) { self.filling.is_none() } else { self.current.is_none() };
            if is_free {
                self.extract(&config, sync_runtime, record, true);
            }
        }
    }

    /// Begins what is due, records what is skipped, and returns how long nothing is due.
    async fn step(&mut self) -> Result<Duration> {
        let config = self.shared.config();
        let Some(sync_runtime) = config.sync_runtime(&self.name) else { return Ok(LOOK_AGAIN) };
        if let Some(is_new) = self.wanted.front().map(RunOptions::is_incremental)
            && let Ok(left_out) = self.free(&config, sync_runtime, is_new).await?
            && let Some(options) = self.wanted.pop_front()
            && config.engine.unfinished_backfill(&self.name, &options).await?.is_none()
        {
            self.begin(&config, sync_runtime, by_hand(&options), options, left_out, None).await?;
        }
        if !config.engine.paused.is_scheduled(&sync_runtime.spec) {
            return Ok(LOOK_AGAIN);
        }
        let slots = Slots::of(&sync_runtime.spec.schedule);
        let now = config.engine.clock.now();
        let lag = jitter(&self.name, slots.interval(now).unwrap_or_default());
        let by_slots = earlier(now, lag);
        let Some(position) = config.engine.position(&sync_runtime.spec, &slots, by_slots).await? else {
            self.fill(&config, sync_runtime).await?;
            return Ok(LOOK_AGAIN);
        };
        let fired = position.fired;
        position.reset.into_iter().for_each(|event| (self.shared.observer)(event));
        let (by, options) = (RunTrigger::Schedule, RunOptions::default());
        if let Some(slot) = position.due {
            self.skip_delayed(&config, sync_runtime, slot).await?;
            match self.free(&config, sync_runtime, true).await? {
                Err(busy) => self.put_off(&config, sync_runtime, slot, busy).await?,
                Ok(left_out) => {
                    self.delayed = None;
                    self.begin(&config, sync_runtime, by, options, left_out, Some(slot)).await?;
                }
            }
        } else if self.retry.is_some_and(|at| at <= Instant::now())
            && let Ok(left_out) = self.free(&config, sync_runtime, true).await?
        {
            self.begin(&config, sync_runtime, by, options, left_out, Some(fired)).await?;
        }
        self.fill(&config, sync_runtime).await?;
        let next = slots.after(by_slots).map(|slot| slot.duration_since(by_slots));
        let next = next.and_then(|d| Duration::try_from(d).ok()).unwrap_or(LOOK_AGAIN);
        // A retry is due while the sync is busy: the actor wakes when it no longer is.
        let retry =
            self.retry.map(|at| at.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero());
        Ok(next.min(retry.unwrap_or(LOOK_AGAIN)).min(LOOK_AGAIN))
    }

    /// Fills a gap, if nothing else is to be read, once the destination has got what waits for it.
    async fn fill(&mut self, config: &Arc<RuntimeConfig>, sync_runtime: &SyncRuntime) -> Result<()> {
        if !self.shared.gaps.may_have(&self.name) || self.occupied(config, false).await?.is_some() {
            return Ok(());
        }
        let gaps = config.engine.state.open_gaps().await?;
        self.shared.gaps.set(&self.name, gaps.iter().any(|gap| gap.missing.sync == self.name));
        let fills = config.engine.fills(&sync_runtime.spec).await?;
        self.fills.retain(|key, _| fills.iter().any(|fill| fill.key() == *key));
        let is_due = |fill: &&Fill| {
            let at = self.fills.get(&fill.key());
            at.is_none_or(|(at, _)| *at <= Instant::now())
                && self.shared.is_drained(config, &self.name, &fill.destination)
        };
        let Some(fill) = fills.iter().find(is_due).cloned() else { return Ok(()) };
        let tried = self.fills.get(&fill.key()).map_or(0, |(_, tried)| *tried);
        let again = later(Instant::now(), RETRY_AFTER[tried.min(RETRY_AFTER.len() - 1)]);
        self.fills.insert(fill.key(), (again, tried.saturating_add(1)));
        let (by, none) = (RunTrigger::Gap, LeftOut::default());
        self.begin(config, sync_runtime, by, fill.options, none, None).await.map(drop)
    }

    async fn asked(&mut self, trigger: Trigger) -> Result<()> {
        let config = self.shared.config();
        let Some(sync_runtime) = config.sync_runtime(&self.name) else { return Ok(()) };
        if let Some(run) = config.engine.unfinished_backfill(&self.name, &trigger.options).await? {
            let _ = trigger.reply.send(Ok(Triggered::Started(run.id)));
            return Ok(());
        }
        let is_new = trigger.options.is_incremental();
        let reply = match self.free(&config, sync_runtime, is_new).await? {
            Err(Busy { awaiting_approval: Some(error), .. }) => Err(error),
            Err(busy) => {
                if !self.wanted.contains(&trigger.options) {
                    self.wanted.push_back(trigger.options);
                }
                Ok(Triggered::Remembered { behind: busy.run })
            }
            Ok(left_out) => {
                let by = by_hand(&trigger.options);
                let run = self.begin(&config, sync_runtime, by, trigger.options, left_out, None).await?;
                Ok(Triggered::Started(run))
            }
        };
        // The requester may have ended.
        let _ = trigger.reply.send(reply);
        Ok(())
    }

    /// What the sync's next run leaves out, or what keeps it from beginning. `is_new`: it reads all
    /// that is new.
    async fn free(
        &mut self,
        config: &RuntimeConfig,
        sync_runtime: &SyncRuntime,
        is_new: bool,
    ) -> Result<std::result::Result<LeftOut, Busy>> {
        match self.occupied(config, is_new).await? {
            Some(busy) => Ok(Err(busy)),
            None => self.shared.admission(config, &sync_runtime.spec).await,
        }
    }

    /// A run that keeps what is new, or anything else of the sync, from being read.
    async fn occupied(&mut self, config: &RuntimeConfig, is_new: bool) -> Result<Option<Busy>> {
        let unfinished = config.engine.state.unfinished_of(&self.name).await?;
        if let Some(run) = unfinished.iter().find(|run| hold(run).keeps(is_new)) {
            let only = run.spec.options.destination.as_ref();
            let whom = only.map(|only| format!(" for {only}")).unwrap_or_default();
            let awaits = run.state == RunState::AwaitingApproval;
            return Ok(Some(Busy {
                run: Some(run.id),
                code: Code::RunInProgress,
                reason: format!("run {} is {}{whom}", run.id, run.state),
                awaiting_approval: awaits.then(|| crate::operations::approval::waits(run)),
                slot_waits: matches!(hold(run), Hold::Reading | Hold::Filling),
            }));
        }
        if self.current.is_some() {
            // The state has it as extracted already; the task is about to end.
            let outcome = ended(&mut self.current).await;
            self.current = None;
            self.after(outcome?);
        }
        if self.filling.is_some() && !is_new {
            let outcome = ended(&mut self.filling).await;
            self.filling = None;
            outcome?;
        }
        Ok(None)
    }

    /// A slot finds its sync busy: it is skipped, or waits until something has been read.
    async fn put_off(
        &mut self,
        config: &RuntimeConfig,
        sync_runtime: &SyncRuntime,
        slot: Timestamp,
        busy: Busy,
    ) -> Result<()> {
        if busy.slot_waits {
            self.delayed = Some((slot, busy));
            return Ok(());
        }
        self.delayed = None;
        self.skip(config, sync_runtime, slot, busy).await
    }

    /// A slot that has been waiting is skipped when the next one has come.
    async fn skip_delayed(
        &mut self,
        config: &RuntimeConfig,
        sync_runtime: &SyncRuntime,
        slot: Timestamp,
    ) -> Result<()> {
        let Some((earlier, busy)) = self.delayed.take_if(|(delayed, _)| *delayed < slot) else {
            return Ok(());
        };
        self.skip(config, sync_runtime, earlier, busy).await
    }

    async fn skip(
        &self,
        config: &RuntimeConfig,
        sync_runtime: &SyncRuntime,
        slot: Timestamp,
        busy: Busy,
    ) -> Result<()> {
        let request = driver::Request {
            options: RunOptions::default(),
            trigger: RunTrigger::Schedule,
            due_at: Some(slot),
            skipped: Vec::new(),
        };
        let new = driver::new_run(&config.engine, &sync_runtime.spec, request);
        let reason = (busy.code, busy.reason);
        let record = config.engine.state.skip_run(&new, busy.run, &reason).await?;
        (self.shared.observer)(Event::Skipped {
            sync: self.name.clone(),
            run: record.id,
            slot,
            reason: reason.1,
        });
        Ok(())
    }

    async fn begin(
        &mut self,
        config: &Arc<RuntimeConfig>,
        sync_runtime: &SyncRuntime,
        by: RunTrigger,
        options: RunOptions,
        left_out: LeftOut,
        slot: Option<Timestamp>,
    ) -> Result<RunId> {
        if by != RunTrigger::Gap {
            self.retry = None;
        }
        let request = driver::Request { options, trigger: by, due_at: slot, skipped: left_out.all };
        let record = driver::create(&config.engine, &sync_runtime.spec, request).await?;
        let run = record.id;
        if !record.spec.skipped.is_empty() {
            self.shared.gaps.set(&self.name, true);
        }
        for destination in left_out.new.into_iter().filter(|name| record.spec.skipped.contains(name)) {
            (self.shared.observer)(Event::DestinationSkipped { sync: self.name.clone(), run, destination });
        }
        self.extract(config, sync_runtime, record, false);
        Ok(run)
    }

    fn extract(
        &mut self,
        config: &Arc<RuntimeConfig>,
        sync_runtime: &SyncRuntime,
        record: RunRecord,
        resumed: bool,
    ) {
        driver::started(&self.shared, &record, resumed);
        let (shared, config, sync_runtime) = (self.shared.clone(), config.clone(), sync_runtime.clone());
        let (place, lock) = match fills_gap(&record) {
            true => (&mut self.filling, &self.parts.filling),
            false => (&mut self.current, &self.parts.extracting),
        };
        // Without an extraction in this place nothing else holds the lock.
        let lock = lock.clone().try_lock_owned();
        *place = Some(tokio::spawn(async move {
            let _lock = lock;
            extract(shared, config, sync_runtime, record).await
        }));
    }

    fn after(&mut self, outcome: ExtractionOutcome) {
        match outcome {
            ExtractionOutcome::Done | ExtractionOutcome::Stopped => self.failures = 0,
            ExtractionOutcome::TryAgain => {
                let pause = RETRY_AFTER[self.failures.min(RETRY_AFTER.len() - 1)];
                self.retry = Some(later(Instant::now(), pause));
                self.failures += 1;
            }
        }
    }
}

/// The trigger of a requested run.
fn by_hand(options: &RunOptions) -> RunTrigger {
    if options.replay().is_some() { RunTrigger::Replay } else { RunTrigger::Manual }
}

/// Waits for the running extraction; for ever if there is none.
async fn ended(current: &mut Option<Current>) -> Result<ExtractionOutcome> {
    match current {
        Some(current) => joined(current.await),
        None => std::future::pending().await,
    }
}

fn joined(
    joined: std::result::Result<Result<ExtractionOutcome>, tokio::task::JoinError>,
) -> Result<ExtractionOutcome> {
    joined.unwrap_or_else(|_| Err(panicked("task of an extraction")))
}
