//! One sync: when its next run begins, and why not now.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::NewRun;
use outflow_core::run::{RunOptions, Trigger as By};
use outflow_core::{Code, Error, Result, RunId, RunRecord, RunState, SyncSpec, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::notice::Notice;
use super::queues::Busy;
use super::{RuntimeConfig, Shared, SyncRuntime, Trigger, Triggered, occupies, queues};
use crate::extract::Extractor;
use crate::operations::skip::but_not_all;
use crate::run::pinned;
use crate::schedule::{Slots, due, jitter};
use crate::stop::stopped;
use crate::{Errors, blocking};

/// The wall clock may jump, so nobody sleeps longer than this without looking at it.
const LOOK_AGAIN: Duration = Duration::from_secs(20);

/// How soon a run that its source failed is tried again, if no slot comes before. The last one goes on.
const RETRY_AFTER: [Duration; 4] =
    [Duration::from_secs(60), Duration::from_secs(120), Duration::from_secs(300), Duration::from_secs(900)];

/// An extraction under way.
type Current = JoinHandle<Result<Outcome>>;

/// How an extraction ended.
enum Outcome {
    /// Committed, failed for good, or held.
    Done,
    /// The source or the disk failed it in a way that passes.
    TryAgain,
    /// The process stops.
    Stopped,
}

/// Destinations that an ordinary run leaves out.
struct LeftOut {
    /// As the run before did.
    before: Vec<String>,
    /// And those for which too much waits now.
    now: Vec<String>,
}

pub(super) struct Actor {
    shared: Arc<Shared>,
    name: String,
    inbox: mpsc::Receiver<Trigger>,
    current: Option<Current>,
    /// Runs that were asked for while the sync was busy, each once.
    wanted: VecDeque<RunOptions>,
    /// When a failed run is tried again, and how often that has been done in a row.
    retry: Option<Instant>,
    failures: usize,
}

impl Actor {
    pub(super) fn new(shared: Arc<Shared>, name: String, inbox: mpsc::Receiver<Trigger>) -> Self {
        Self { shared, name, inbox, current: None, wanted: VecDeque::new(), retry: None, failures: 0 }
    }

    /// Ends when the engine stops, or with an error of the state.
    pub(super) async fn go(mut self) -> Result<()> {
        let mut config = self.shared.config.clone();
        let mut queues = self.shared.queues.changes();
        let mut stop = self.shared.config().engine.stop.clone();
        self.resume().await?;
        loop {
            let wait = self.step().await?;
            tokio::select! {
                biased;
                () = stopped(&mut stop) => break,
                ended = ended(&mut self.current) => {
                    self.current = None;
                    self.after(ended?);
                }
                asked = self.inbox.recv() => match asked {
                    Some(trigger) => self.asked(trigger).await?,
                    None => break,
                },
                changed = config.changed() => if changed.is_err() { break },
                _ = queues.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        // The extraction has been told to stop, too, and cancels its statement.
        match self.current.take() {
            Some(current) => joined(current.await).map(drop),
            None => Ok(()),
        }
    }

    /// Goes on with an extraction that an earlier process began.
    async fn resume(&mut self) -> Result<()> {
        let config = self.shared.config();
        if let Some(sync_runtime) = config.sync_runtime(&self.name) {
            let left_out = self.left_out(&config, sync_runtime).await?;
            self.shared.queues.set_skipped(&self.name, left_out.before);
        }
        let (state, name) = (config.engine.state.clone(), self.name.clone());
        let unfinished = blocking(move || state.unfinished_runs()).await?;
        let open = unfinished
            .into_iter()
            .find(|r| r.sync == name && matches!(r.state, RunState::Queued | RunState::Extracting));
        if let (Some(record), Some(sync_runtime)) = (open, config.sync_runtime(&self.name)) {
            self.extract(&config, sync_runtime, record, true);
        }
        Ok(())
    }

    /// Begins what is due, records what is skipped, and tells how long nothing will be due.
    async fn step(&mut self) -> Result<Duration> {
        let config = self.shared.config();
        let Some(sync_runtime) = config.sync_runtime(&self.name) else { return Ok(LOOK_AGAIN) };
        if !self.wanted.is_empty()
            && self.busy(&config).await?.is_none()
            && let Some(options) = self.wanted.pop_front()
        {
            self.begin(&config, sync_runtime, by_hand(&options), options, None).await?;
        }
        if !sync_runtime.spec.enabled {
            return Ok(LOOK_AGAIN);
        }
        let slots = Slots::of(&sync_runtime.spec.schedule);
        let now = config.engine.clock.now();
        let lag = jitter(&self.name, slots.interval(now).unwrap_or_default());
        let Some(fired) = self.fired(&config, &slots, now).await? else { return Ok(LOOK_AGAIN) };
        let by_slots = now - jiff::SignedDuration::try_from(lag).unwrap_or_default();
        if let Some(slot) = due(&slots, fired, by_slots) {
            match self.busy(&config).await? {
                Some(busy) => self.skip(&config, sync_runtime, slot, busy).await?,
                None => {
                    self.begin(&config, sync_runtime, By::Schedule, RunOptions::default(), Some(slot))
                        .await?;
                }
            }
        } else if self.retry.is_some_and(|at| at <= Instant::now()) && self.busy(&config).await?.is_none() {
            self.begin(&config, sync_runtime, By::Schedule, RunOptions::default(), Some(fired)).await?;
        }
        let next = slots.after(by_slots).map(|slot| slot.duration_since(by_slots));
        let next = next.and_then(|d| Duration::try_from(d).ok()).unwrap_or(LOOK_AGAIN);
        // A retry that is due finds the sync busy: what ends that wakes the actor.
        let retry =
            self.retry.map(|at| at.saturating_duration_since(Instant::now())).filter(|wait| !wait.is_zero());
        Ok(next.min(retry.unwrap_or(LOOK_AGAIN)).min(LOOK_AGAIN))
    }

    /// The last slot that counts as fired. A sync that is seen for the first time is due at once, or waits for its calendar.
    async fn fired(
        &self,
        config: &RuntimeConfig,
        slots: &Slots,
        now: Timestamp,
    ) -> Result<Option<Timestamp>> {
        let (state, name) = (config.engine.state.clone(), self.name.clone());
        let fired = blocking(move || state.fired(&name)).await?;
        match (fired, slots) {
            (Some(fired), _) => Ok(Some(fired)),
            (None, Slots::Manual) => Ok(None),
            (None, Slots::Every { .. }) => Ok(Some(Timestamp::MIN)),
            (None, Slots::Cron(_)) => {
                let (state, name) = (config.engine.state.clone(), self.name.clone());
                blocking(move || state.set_fired(&name, now)).await?;
                Ok(Some(now))
            }
        }
    }

    async fn asked(&mut self, trigger: Trigger) -> Result<()> {
        let config = self.shared.config();
        let Some(sync_runtime) = config.sync_runtime(&self.name) else { return Ok(()) };
        let busy = self.busy(&config).await?;
        let reply = match busy {
            Some(Busy { held: Some(error), .. }) => Err(error),
            Some(busy) => {
                if !self.wanted.contains(&trigger.options) {
                    self.wanted.push_back(trigger.options);
                }
                Ok(Triggered::Remembered { behind: busy.run })
            }
            None => {
                let by = by_hand(&trigger.options);
                Ok(Triggered::Started(self.begin(&config, sync_runtime, by, trigger.options, None).await?))
            }
        };
        // Who asked may have gone.
        let _ = trigger.reply.send(reply);
        Ok(())
    }

    /// What keeps the sync busy.
    async fn busy(&mut self, config: &RuntimeConfig) -> Result<Option<Busy>> {
        let (state, name) = (config.engine.state.clone(), self.name.clone());
        let unfinished = blocking(move || state.unfinished_runs()).await?;
        if let Some(run) = unfinished.iter().find(|r| r.sync == name && occupies(r.state)) {
            let reason = format!("run {} is {}", run.id, run.state);
            let held =
                (run.state == RunState::AwaitingApproval).then(|| crate::operations::approval::waits(run));
            return Ok(Some(Busy { run: Some(run.id), code: Code::RunInProgress, reason, held }));
        }
        if self.current.is_some() {
            // Its extraction is over for the state; the task is about to end.
            let outcome = ended(&mut self.current).await;
            self.current = None;
            self.after(outcome?);
        }
        if let Some(busy) = self.shared.queues.busy(&self.name) {
            return Ok(Some(busy));
        }
        self.full(config).await
    }

    /// A backlog that is full and whose destination new runs do not leave out.
    async fn full(&self, config: &RuntimeConfig) -> Result<Option<Busy>> {
        let full = self.shared.queues.full(config, &self.name);
        let Some(sync_runtime) = config.sync_runtime(&self.name).filter(|_| !full.is_empty()) else {
            return Ok(None);
        };
        let left_out = self.left_out(config, sync_runtime).await?.now;
        let waited_for = full.into_iter().find(|queue| !left_out.contains(&queue.destination));
        Ok(waited_for.map(|queue| Busy {
            run: queue.runs.first().copied(),
            code: Code::BacklogFull,
            reason: format!(
                "{} bytes wait for {}, which lags; {} are allowed",
                queue.bytes, queue.destination, config.limits.backlog_bytes
            ),
            held: None,
        }))
    }

    /// The destinations that the next ordinary run leaves out.
    async fn left_out(&self, config: &RuntimeConfig, sync_runtime: &SyncRuntime) -> Result<LeftOut> {
        let (engine, spec) = (config.engine.clone(), sync_runtime.spec.clone());
        let before = blocking(move || engine.skipped(&spec)).await?;
        let full = self.shared.queues.full(config, &self.name).into_iter().map(|queue| queue.destination);
        let mut now = before.clone();
        now.extend(full.filter(|name| config.limits.skips.contains(name) && !before.contains(name)));
        Ok(LeftOut { before, now: but_not_all(&sync_runtime.spec, now) })
    }

    async fn skip(
        &self,
        config: &RuntimeConfig,
        sync_runtime: &SyncRuntime,
        slot: Timestamp,
        busy: Busy,
    ) -> Result<()> {
        let new = new_run(config, sync_runtime, By::Schedule, RunOptions::default(), Some(slot), Vec::new());
        let (state, reason) = (config.engine.state.clone(), (busy.code, busy.reason));
        let text = reason.1.clone();
        let record = blocking(move || state.skip_run(&new, busy.run, &reason)).await?;
        (self.shared.observer)(Notice::Skipped {
            sync: self.name.clone(),
            run: record.id,
            slot,
            reason: text,
        });
        Ok(())
    }

    async fn begin(
        &mut self,
        config: &Arc<RuntimeConfig>,
        sync_runtime: &SyncRuntime,
        by: By,
        options: RunOptions,
        slot: Option<Timestamp>,
    ) -> Result<RunId> {
        self.retry = None;
        let LeftOut { before, now } = self.left_out(config, sync_runtime).await?;
        let new = new_run(config, sync_runtime, by, options, slot, now);
        let state = config.engine.state.clone();
        let record = blocking(move || state.create_run(&new)).await?;
        let run = record.id;
        if record.pinned.options.is_ordinary() {
            self.shared.queues.set_skipped(&self.name, record.pinned.skipped.clone());
        }
        for destination in record.pinned.skipped.iter().filter(|name| !before.contains(name)).cloned() {
            (self.shared.observer)(Notice::DestinationSkipped { sync: self.name.clone(), run, destination });
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
        let run = record.id;
        (self.shared.observer)(Notice::Started { sync: self.name.clone(), run, resumed });
        let (shared, config, sync_runtime) = (self.shared.clone(), config.clone(), sync_runtime.clone());
        self.current = Some(tokio::spawn(extract(shared, config, sync_runtime, record)));
    }

    fn after(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Done | Outcome::Stopped => self.failures = 0,
            Outcome::TryAgain => {
                self.retry = Some(Instant::now() + RETRY_AFTER[self.failures.min(RETRY_AFTER.len() - 1)]);
                self.failures += 1;
            }
        }
    }
}

/// What sets a run off that someone asks for.
fn by_hand(options: &RunOptions) -> By {
    if options.replay.is_some() { By::Replay } else { By::Manual }
}

/// Waits for the extraction under way; for ever if there is none.
async fn ended(current: &mut Option<Current>) -> Result<Outcome> {
    match current {
        Some(current) => joined(current.await),
        None => std::future::pending().await,
    }
}

fn joined(joined: std::result::Result<Result<Outcome>, tokio::task::JoinError>) -> Result<Outcome> {
    joined.unwrap_or_else(|e| Err(Error::new(Code::CountsDiffer, "an extraction broke down").caused_by(e)))
}

fn new_run(
    config: &RuntimeConfig,
    sync_runtime: &SyncRuntime,
    trigger: By,
    options: RunOptions,
    slot: Option<Timestamp>,
    skipped: Vec<String>,
) -> NewRun {
    let now = config.engine.clock.now();
    let spec = &sync_runtime.spec;
    NewRun {
        sync: spec.name.clone(),
        call_type: spec.call_type,
        trigger,
        pinned: pinned(spec, &options, skipped),
        due_at: slot.unwrap_or(now),
        started_at: now,
    }
}

/// Waits for its places, extracts, and hands the run to the queues. An error is one of the state: the supervisor cannot go on with it.
async fn extract(
    shared: Arc<Shared>,
    config: Arc<RuntimeConfig>,
    sync_runtime: SyncRuntime,
    record: RunRecord,
) -> Result<Outcome> {
    let mut stop = config.engine.stop.clone();
    let places = shared.places_for(&record.pinned.source);
    let both = async {
        let [own, all] = places;
        (own.acquire_owned().await, all.acquire_owned().await)
    };
    let _places = tokio::select! {
        places = both => places,
        () = stopped(&mut stop) => return Ok(Outcome::Stopped),
    };
    let spec = crate::run::pinned_spec(&sync_runtime.spec, &record);
    let (observer, sync, run) = (shared.observer.clone(), record.sync.clone(), record.id);
    let told = observer.clone();
    let progress: crate::Progress = Arc::new(move |event| match event {
        crate::Event::Reading { notes, .. } if !notes.is_empty() => {
            let note = notes
                .into_iter()
                .map(|note| note.text)
                .reduce(|a, b| format!("{a}; {b}"))
                .unwrap_or_default();
            told(Notice::Noted { sync: sync.clone(), run, note })
        }
        crate::Event::Extracted { rows, seconds, .. } => {
            told(Notice::Extracted { sync: sync.clone(), run, rows, seconds });
        }
        _ => {}
    });
    let extractor = Extractor {
        engine: &config.engine,
        spec: &spec,
        warehouse: sync_runtime.warehouse.as_ref(),
        run: &record,
        progress: &progress,
    };
    match extractor.run().await {
        Ok(()) => queues::enqueue(&shared, run).await.map(|()| Outcome::Done),
        // The run stays as it is; the next process begins it again.
        Err(_) if *stop.borrow() => Ok(Outcome::Stopped),
        Err(errors) => fail(&config, &spec, &record, errors, &observer).await,
    }
}

async fn fail(
    config: &RuntimeConfig,
    spec: &SyncSpec,
    record: &RunRecord,
    errors: Errors,
    observer: &super::Observer,
) -> Result<Outcome> {
    let passes = errors.0.iter().all(|e| passes(e.code()));
    let mut told = Vec::new();
    for error in config.engine.fail(spec, record, errors).await.0 {
        if matches!(error.code(), Code::StateHeld | Code::StateIo) {
            return Err(error);
        }
        told.push(Arc::new(error));
    }
    observer(Notice::Failed { sync: record.sync.clone(), run: record.id, errors: told });
    Ok(if passes { Outcome::TryAgain } else { Outcome::Done })
}

/// What may be better in some minutes without anybody's doing.
fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::HostNotResolved
            | Code::ConnectionRefused
            | Code::SourceTimeout
            | Code::StatementCancelled
            | Code::ConnectionBroken
            | Code::SourceUnavailable
            | Code::DiskReserveReached
    )
}
