//! Runs syncs on their schedules: the supervisor behind `outflow serve`.
//!
//! ```text
//! slots, triggers --> actor of a sync --extraction--> queues of the sync, one for each destination --> limiters
//! ```
//!
//! Each sync has an [`actor`] that watches its slots and begins its runs, and for each destination
//! a delivery queue ([`queues`]) that delivers those runs one after another, in run order. Actors
//! and queues share only [`DeliveryQueues`]: whether a sync is busy.
//!
//! What always holds:
//! - A sync has at most one run that is queued or extracting, and one for all destinations that
//!   awaits approval. While it has one, and while none of its healthy destinations is free, it is
//!   busy ([`busy`]): a slot that finds it so is recorded as a skipped run with the reason.
//! - Runs wait in order for a destination that is behind. One that is beyond its quota is left out
//!   by new runs; what it missed reaches it once it has caught up.
//! - A destination that is paused, or has been failing for longer than max(5 minutes, one
//!   interval), is degraded: it is no healthy one.
//! - A slot fires once, also across restarts: it is marked in the transaction that creates its run,
//!   or its skip.
//! - A reload replaces the whole config at once or not at all. Existing runs keep their run spec;
//!   credentials and addresses are the new ones.
//! - After a crash, runs continue at the next start: extractions restart under their own number,
//!   deliveries continue from their cursors.
//!
//! What it does not do: read files, or open connections. The caller supplies the configuration.

mod actor;
mod admission;
pub mod alert;
mod audit;
mod busy;
mod conclude;
pub(crate) mod driver;
mod gaps;
mod losses;
pub(crate) mod once;
mod queues;
pub mod quiet;
mod recovery;
mod reported;
pub mod side;
pub mod skip_advice;
mod sweep;
pub(crate) mod tasks;
mod wakeups;
mod watch;

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::RunOptions;
use outflow_core::{BoxFuture, Code, Error, Result, RunId, SyncSpec};
use tokio::sync::{Notify, RwLock, Semaphore, mpsc, oneshot, watch as watching};
use tokio::task::JoinSet;

use crate::Engine;
pub use crate::event::{Event, Observer};
use crate::operations::cancel::CancelReport;
use crate::operations::retention::RetentionPolicy;
use crate::serve::alert::Rules;
use actor::{Actor, ActorParts};
pub use busy::BacklogQuota;
use gaps::SyncsWithGaps;
pub use queues::{DeliveryQueues, QueueStatus};
pub use tasks::{RestartPolicy, TaskStatus};
use tasks::{Tasks, WhenDown, keep, panicked};

/// A sync and the database that it reads.
#[derive(Clone)]
pub struct SyncRuntime {
    /// The sync.
    pub spec: SyncSpec,
    /// Its database.
    pub warehouse: Arc<dyn Warehouse>,
}

/// Limits on what runs concurrently, and on backlogs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyLimits {
    /// Extractions in all.
    pub extractions: usize,
    /// Extractions of each database (`source.database`) with its own limit.
    pub databases: BTreeMap<String, usize>,
    /// Extractions of every other database.
    pub per_database: usize,
    /// What may wait for destinations that are behind.
    pub backlog: BacklogQuota,
    /// A destination that fails for longer, or for longer than its sync's interval, is degraded.
    pub degraded_after: Duration,
    /// A run is audited this long after its end.
    pub audit_after: Duration,
    /// How a task that fails is started again.
    pub restarts: RestartPolicy,
}

impl Default for ConcurrencyLimits {
    fn default() -> Self {
        Self {
            extractions: 8,
            databases: BTreeMap::new(),
            per_database: 2,
            backlog: BacklogQuota::default(),
            degraded_after: Duration::from_secs(300),
            audit_after: Duration::from_secs(60),
            restarts: RestartPolicy::default(),
        }
    }
}

/// A project, ready to run. A reload replaces it.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// The engine, with the project's destinations.
    pub engine: Engine,
    /// Every sync, enabled or not.
    pub syncs: Vec<SyncRuntime>,
    /// Limits on what runs concurrently, and on backlogs.
    pub limits: ConcurrencyLimits,
    /// How long ended runs are kept.
    pub keep: RetentionPolicy,
    /// The thresholds of alerts.
    pub rules: Rules,
}

impl RuntimeConfig {
    pub(crate) fn sync_runtime(&self, sync: &str) -> Option<&SyncRuntime> {
        self.syncs.iter().find(|m| m.spec.name == sync)
    }
}

/// The answer to a run request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triggered {
    /// It begins.
    Started(RunId),
    /// The sync is busy; the run begins when it no longer is. An equal request that waits already
    /// is not repeated.
    Remembered {
        /// The run that keeps the sync busy, if it is one.
        behind: Option<RunId>,
    },
}

/// A run request.
pub(crate) struct Trigger {
    pub(crate) options: RunOptions,
    pub(crate) reply: oneshot::Sender<Result<Triggered>>,
}

/// State that all actors and queues share.
pub(crate) struct Shared {
    pub(crate) config: watching::Receiver<Arc<RuntimeConfig>>,
    pub(crate) queues: DeliveryQueues,
    losses: losses::Losses,
    gaps: SyncsWithGaps,
    pub(crate) observer: Observer,
    /// Read-locked while a queue delivers, and write-locked while deliveries are paused.
    pub(crate) deliveries_paused: RwLock<()>,
    pub(crate) mode: Mode,
    pub(crate) tasks: Tasks,
    /// Permits for extractions, in all and for each database, with their numbers.
    permits: Mutex<HashMap<String, (usize, Arc<Semaphore>)>>,
}

/// What the supervisor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Keeping syncs running: a queue waits for a destination that has stopped.
    Serve,
    /// One run: a queue ends when its destination stops, or has taken nothing for this long
    /// (`None`: never).
    Once { delivery_timeout: Option<Duration> },
}

impl Shared {
    pub(crate) fn new(
        config: watching::Receiver<Arc<RuntimeConfig>>,
        observer: Observer,
        mode: Mode,
    ) -> Self {
        Self {
            config,
            queues: DeliveryQueues::default(),
            losses: losses::Losses::default(),
            gaps: SyncsWithGaps::default(),
            observer,
            deliveries_paused: RwLock::default(),
            mode,
            tasks: Tasks::default(),
            permits: Mutex::default(),
        }
    }

    pub(crate) fn config(&self) -> Arc<RuntimeConfig> {
        self.config.borrow().clone()
    }

    /// The permits of a kind. A new number applies to extractions that acquire a permit from now
    /// on.
    fn permits(&self, key: &str, size: usize) -> Arc<Semaphore> {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = permits.entry(key.to_owned()).or_insert_with(|| (size, Arc::new(Semaphore::new(size))));
        if entry.0 != size {
            *entry = (size, Arc::new(Semaphore::new(size)));
        }
        entry.1.clone()
    }

    /// The permits that an extraction from this database takes, in this order: one of the database
    /// and one among all. An extraction that waits for one takes no permit that comes after it.
    /// What fills gaps takes one of fewer permits of each kind before: it leaves one to what is
    /// new, where there are several.
    pub(crate) fn permits_for(&self, database: &str, fills_gap: bool) -> Vec<Arc<Semaphore>> {
        let limits = self.config().limits.clone();
        let own = limits.databases.get(database).copied().unwrap_or(limits.per_database);
        let kinds = [(format!("database {database}"), own), ("all".to_owned(), limits.extractions)];
        let fewer = kinds
            .iter()
            .filter(|_| fills_gap)
            .map(|(kind, permits)| self.permits(&format!("gaps, {kind}"), permits.saturating_sub(1).max(1)));
        fewer.chain(kinds.iter().map(|(kind, permits)| self.permits(kind, *permits))).collect()
    }
}

/// A handle to a running supervisor.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    config: watching::Sender<Arc<RuntimeConfig>>,
    asks: mpsc::Sender<(String, Trigger)>,
}

impl Handle {
    /// Requests a run of a sync.
    ///
    /// # Errors
    /// C011: there is no such sync. E001: the supervisor stops.
    pub async fn trigger(&self, sync: &str, options: RunOptions) -> Result<Triggered> {
        let (reply, answer) = oneshot::channel();
        let stops =
            || Error::new(Code::Interrupted, "Outflow is about to stop").help("ask again when it runs");
        self.asks.send((sync.to_owned(), Trigger { options, reply })).await.map_err(|_| stops())?;
        answer.await.map_err(|_| stops())?
    }

    /// Makes all actors check the clock and the state, after one of them was changed.
    pub fn wake(&self) {
        self.shared.queues.changes.wake_all();
    }

    /// Replaces the config.
    pub fn reload(&self, config: RuntimeConfig) {
        config.engine.limiters.keep(config.engine.all_destinations());
        self.config.send_replace(Arc::new(config));
        (self.shared.observer)(Event::Reloaded);
    }

    /// The config in force.
    pub fn config(&self) -> Arc<RuntimeConfig> {
        self.shared.config()
    }

    /// The status of the queues.
    pub fn queues(&self) -> Vec<QueueStatus> {
        self.shared.queues.status()
    }

    /// The tasks that have failed since the process began.
    pub fn tasks(&self) -> Vec<TaskStatus> {
        self.shared.tasks.status()
    }

    /// Runs a task beside the supervisor's own until the process stops. What fails is made again.
    ///
    /// # Errors
    /// Those of the state, and what ends the task during a stop.
    pub async fn keep<F>(&self, task: &str, make: impl Fn() -> F) -> Result<()>
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        keep(&self.shared, task, make, NOTHING_MORE).await
    }

    /// Does work while no queue delivers. Requests in flight end first, within their grace, and
    /// deliveries continue afterwards.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn with_deliveries_paused<T, F: Future<Output = Result<T>>>(
        &self,
        work: impl FnOnce(Engine) -> F,
    ) -> Result<T> {
        // A new config interrupts deliveries; they cannot continue, because the write lock was
        // requested before.
        let rest = async {
            self.config.send_replace(Arc::new(RuntimeConfig::clone(&self.config())));
            std::future::pending::<Infallible>().await
        };
        let _paused = tokio::select! {
            biased;
            paused = self.shared.deliveries_paused.write() => paused,
            never = rest => match never {},
        };
        work(self.config().engine.clone()).await
    }

    /// Gives up what waits for a destination that the project no longer has: see
    /// [`Engine::cancel`].
    ///
    /// # Errors
    /// Those of that method.
    pub async fn cancel(&self, destination: &str, sync: Option<&str>) -> Result<CancelReport> {
        let report = self
            .with_deliveries_paused(|engine| async move { engine.cancel(destination, sync).await })
            .await?;
        for run in &report.runs {
            conclude::drop_cancelled(&self.shared, run, destination).await?;
        }
        Ok(report)
    }

    /// Approves a run and enqueues it: see [`Engine::approve`].
    ///
    /// # Errors
    /// Those of that method.
    pub async fn approve(&self, run: RunId) -> Result<()> {
        let record = self.config().engine.approve(run).await?;
        (self.shared.observer)(Event::Approved { sync: record.sync, run });
        self.enqueue(run).await
    }

    /// Rejects a run that awaits approval: see [`Engine::reject`].
    ///
    /// # Errors
    /// Those of that method.
    pub async fn reject(&self, run: RunId, skip_window: bool) -> Result<()> {
        self.config().engine.reject(run, skip_window).await?;
        self.shared.gaps.find(&*self.config().engine.state).await?;
        self.enqueue(run).await?;
        // The sync is no longer busy with it.
        if let Some(record) = self.config().engine.state.run(run).await? {
            self.shared.queues.changes.wake(&record.sync);
        }
        Ok(())
    }

    /// Enqueues a run that did not become ready by an extraction here: an approved one or a replay.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn enqueue(&self, run: RunId) -> Result<()> {
        queues::enqueue(&self.shared, run).await
    }
}

/// Starts a supervisor. The future ends after the config's engine was stopped and all tasks have
/// ended.
pub fn start(config: RuntimeConfig, observer: Observer) -> (Handle, impl Future<Output = Result<()>>) {
    let nudge = Arc::new(Notify::new());
    let observer = nudging(observer, nudge.clone());
    let (config, receiver) = watching::channel(Arc::new(config));
    let shared = Arc::new(Shared::new(receiver, observer, Mode::Serve));
    let (asks, inbox) = mpsc::channel(64);
    let handle = Handle { shared: shared.clone(), config, asks };
    (handle, supervise(shared, inbox, nudge))
}

/// Wakes the watch after a notice that can change an alert.
fn nudging(observer: Observer, nudge: Arc<Notify>) -> Observer {
    Arc::new(move |notice| {
        if !matches!(notice, Event::Alert { .. } | Event::Delivering { .. } | Event::Started { .. }) {
            nudge.notify_one();
        }
        observer(notice);
    })
}

async fn supervise(
    shared: Arc<Shared>,
    mut asks: mpsc::Receiver<(String, Trigger)>,
    nudge: Arc<Notify>,
) -> Result<()> {
    let mut config = shared.config.clone();
    let mut stop = shared.config().engine.stop.clone();
    let mut open = recovery::recover(&shared).await?;
    let mut actors: HashMap<String, mpsc::Sender<Trigger>> = HashMap::new();
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    tasks.spawn({
        let shared = shared.clone();
        let when_down = {
            let shared = shared.clone();
            move || -> BoxFuture<'static, ()> { Box::pin(watch::report_end(shared.clone())) }
        };
        let make = {
            let shared = shared.clone();
            move || watch::go(shared.clone(), nudge.clone())
        };
        async move { keep(&shared, watch::TASK, make, &when_down).await }
    });
    tasks.spawn(kept(&shared, "audit", audit::go));
    tasks.spawn(kept(&shared, "retention", sweep::go));
    let failure = loop {
        for sync_runtime in &config.borrow_and_update().syncs {
            let name = sync_runtime.spec.name.clone();
            actors.entry(name.clone()).or_insert_with(|| {
                let (asks, inbox) = mpsc::channel(16);
                let parts = ActorParts::new(name.clone(), inbox, open.remove(&name).unwrap_or_default());
                let make = move |shared| Actor::new(shared, parts.clone()).go();
                tasks.spawn(kept(&shared, schedule_of(&name), make));
                asks
            });
        }
        tokio::select! {
            () = crate::stop::stopped(&mut stop) => break Ok(()),
            changed = config.changed() => if changed.is_err() { break Ok(()) },
            Some((sync, trigger)) = asks.recv() => match actors.get(&sync).filter(|_| shared.config().sync_runtime(&sync).is_some()) {
                Some(_) if shared.tasks.is_down(&schedule_of(&sync)) => {
                    let _ = trigger.reply.send(Err(panicked(&schedule_of(&sync))));
                }
                // An actor that takes nothing does not block the others.
                Some(actor) => if let Err(refused) = actor.try_send(trigger) {
                    let message = format!("too many requests wait for {sync}");
                    let error = Error::new(Code::RunInProgress, message).help("ask again later");
                    let _ = refused.into_inner().reply.send(Err(error));
                },
                None => {
                    let error = Error::new(Code::NoSuchSyncOrRun, format!("there is no sync {sync:?}"));
                    let _ = trigger.reply.send(Err(error));
                }
            },
            Some(joined) = tasks.join_next() => {
                // Tasks end before a stop only when the state cannot be written.
                if let Err(error) = joined.unwrap_or_else(|_| Err(panicked("supervisor of a task"))) { break Err(error) }
            }
            error = shared.queues.failed() => break Err(error),
        }
    };
    failure?;
    while let Some(joined) = tasks.join_next().await {
        joined.unwrap_or_else(|_| Err(panicked("supervisor of a task")))?;
    }
    shared.queues.ended().await?;
    shared.tasks.at_the_end()
}

/// A task that is down has no further consequence.
const NOTHING_MORE: WhenDown<'static> = &|| Box::pin(std::future::ready(()));

/// The name of an actor's task.
fn schedule_of(sync: &str) -> String {
    format!("schedule of {sync}")
}

/// A task that is kept alive.
fn kept<F>(
    shared: &Arc<Shared>,
    task: impl Into<String>,
    make: impl Fn(Arc<Shared>) -> F + Send + Sync + 'static,
) -> impl Future<Output = Result<()>> + Send + 'static
where
    F: Future<Output = Result<()>> + Send + 'static,
{
    let (shared, task) = (shared.clone(), task.into());
    async move { keep(&shared, &task, || make(shared.clone()), NOTHING_MORE).await }
}
