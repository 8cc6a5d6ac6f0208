//! Keeping syncs running: what `outflow serve` does.
//!
//! ```text
//! slots, triggers --> actor of a sync --extraction--> queues of the sync, one for each destination --> limiters
//! ```
//!
//! Each sync has an [`actor`] that watches its slots and begins its runs, and for each destination a [`queues`] queue that delivers those runs one after the other, in
//! run order. Actors and queues know of each other only what is in [`DeliveryQueues`]: whether a sync is busy.
//!
//! What always holds:
//! - A sync has at most one run that is queued, extracting or held. A slot that finds it busy is recorded as a skipped run, with what stood in the way.
//! - A destination that is paused, or has been failing for longer than max(5 minutes, one interval), is lagging: it makes nobody busy, and its runs wait in order.
//! - A slot fires once, also over a restart: it is marked in the transaction that creates its run, or its skip.
//! - A reload replaces the whole config at once or not at all. Runs that exist keep what they pinned; credentials and addresses are the new ones.
//! - What was under way when the process died goes on when it starts: extractions begin again under their own number, deliveries from their cursors.
//!
//! What it does not do: read files, or open connections of its own. The config comes from outside.

mod actor;
pub mod alert;
mod audit;
mod driver;
pub(crate) mod once;
mod queues;
pub mod skip_advice;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outflow_core::ports::warehouse::Warehouse;
use outflow_core::run::RunOptions;
use outflow_core::{Code, Error, Result, RunId, RunState, SyncSpec};
use tokio::sync::{Notify, RwLock, Semaphore, mpsc, oneshot, watch as watching};
use tokio::task::JoinSet;

pub use crate::event::{Event, Observer};
use crate::operations::retention::Keep;
use crate::serve::alert::Rules;
use crate::{Engine, blocking};
use actor::Actor;
pub use queues::{DeliveryQueues, QueueStatus};

/// What is past its time is looked for this often.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// A sync and the database that it reads.
#[derive(Clone)]
pub struct SyncRuntime {
    /// The sync.
    pub spec: SyncSpec,
    /// Its database.
    pub warehouse: Arc<dyn Warehouse>,
}

/// How much may go on side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Extractions in all.
    pub extractions: usize,
    /// Extractions of each database (`source.database`), where it is not the default.
    pub databases: BTreeMap<String, usize>,
    /// Extractions of a database that is not in the table.
    pub per_database: usize,
    /// Bytes of segments that may wait for one lagging destination of one sync.
    pub backlog_bytes: u64,
    /// Destinations that new runs leave out when so much waits for them. For others the sync waits.
    pub skips: BTreeSet<String>,
    /// A destination that fails for longer, or for longer than its sync's interval, is lagging.
    pub lags_after: Duration,
    /// So long after its end a run is recounted.
    pub audit_after: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            extractions: 8,
            databases: BTreeMap::new(),
            per_database: 2,
            backlog_bytes: 10 << 30,
            skips: BTreeSet::new(),
            lags_after: Duration::from_secs(300),
            audit_after: Duration::from_secs(60),
        }
    }
}

/// A project, ready to run. A reload brings another one.
#[derive(Clone)]
pub struct RuntimeConfig {
    /// The engine, with the project's destinations.
    pub engine: Engine,
    /// Every sync, enabled or not.
    pub members: Vec<SyncRuntime>,
    /// How much may go on side by side.
    pub limits: Limits,
    /// How long what is over is kept.
    pub keep: Keep,
    /// From when on something is wrong.
    pub rules: Rules,
}

impl RuntimeConfig {
    pub(crate) fn sync_runtime(&self, sync: &str) -> Option<&SyncRuntime> {
        self.members.iter().find(|m| m.spec.name == sync)
    }
}

/// What came of asking for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triggered {
    /// It begins.
    Started(RunId),
    /// The sync is busy; the run begins when it is not. Asking twice is asking once.
    Remembered {
        /// The run in the way, if it is one.
        behind: Option<RunId>,
    },
}

/// Someone asks for a run.
pub(crate) struct Trigger {
    pub(crate) options: RunOptions,
    pub(crate) reply: oneshot::Sender<Result<Triggered>>,
}

/// What all actors and queues share.
pub(crate) struct Shared {
    pub(crate) config: watching::Receiver<Arc<RuntimeConfig>>,
    pub(crate) queues: DeliveryQueues,
    pub(crate) observer: Observer,
    /// Held for reading while a queue delivers, for writing by whoever needs all of them to rest.
    pub(crate) quiet: RwLock<()>,
    pub(crate) mode: Mode,
    /// Permits for extractions, in all and for each database, with their numbers.
    permits: Mutex<HashMap<String, (usize, Arc<Semaphore>)>>,
}

/// What the supervisor is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Keeping syncs running: a queue waits for a destination that has stopped.
    Serve,
    /// One run: a queue ends when its destination stops, or has taken nothing for this long (`None`: never).
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
            observer,
            quiet: RwLock::default(),
            mode,
            permits: Mutex::default(),
        }
    }

    pub(crate) fn config(&self) -> Arc<RuntimeConfig> {
        self.config.borrow().clone()
    }

    /// The permits of a kind. A new number counts for extractions that ask from now on.
    fn permits(&self, key: &str, size: usize) -> Arc<Semaphore> {
        let mut permits = self.permits.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = permits.entry(key.to_owned()).or_insert_with(|| (size, Arc::new(Semaphore::new(size))));
        if entry.0 != size {
            *entry = (size, Arc::new(Semaphore::new(size)));
        }
        entry.1.clone()
    }

    /// A permit for an extraction from this database, and one among all. The database's comes first: an
    /// extraction that waits for it takes no permit of others.
    pub(crate) fn permits_for(&self, database: &str) -> [Arc<Semaphore>; 2] {
        let limits = self.config().limits.clone();
        let own = limits.databases.get(database).copied().unwrap_or(limits.per_database);
        [self.permits(&format!("database {database}"), own), self.permits("all", limits.extractions)]
    }
}

/// A running supervisor: the way to ask it for something.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
    config: watching::Sender<Arc<RuntimeConfig>>,
    asks: mpsc::Sender<(String, Trigger)>,
}

impl Handle {
    /// Asks for a run of a sync.
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

    /// Has everybody look at the clock and at the state again, for whoever changed one of them.
    pub fn wake(&self) {
        self.shared.queues.touch();
    }

    /// Replaces the config.
    pub fn reload(&self, config: RuntimeConfig) {
        config.engine.limiters.keep(config.engine.destinations.values().map(AsRef::as_ref));
        self.config.send_replace(Arc::new(config));
        self.shared.queues.touch();
        (self.shared.observer)(Event::Reloaded);
    }

    /// The config in force.
    pub fn config(&self) -> Arc<RuntimeConfig> {
        self.shared.config()
    }

    /// Where the queues stand.
    pub fn queues(&self) -> Vec<QueueStatus> {
        self.shared.queues.status()
    }

    /// Does blocking work while no queue delivers. What is under way comes to its end first, within its grace, and goes on afterwards.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn with_deliveries_paused<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Engine) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        // DeliveryQueues rest for a new config, and then find the way closed: it is asked for before.
        let rest = async {
            self.config.send_replace(Arc::new(RuntimeConfig::clone(&self.config())));
            std::future::pending::<Infallible>().await
        };
        let _quiet = tokio::select! {
            biased;
            quiet = self.shared.quiet.write() => quiet,
            never = rest => match never {},
        };
        let engine = self.config().engine.clone();
        blocking(move || work(&engine)).await
    }

    /// Releases a held run and takes it up: see [`Engine::release`].
    ///
    /// # Errors
    /// As there.
    pub async fn approve(&self, run: RunId) -> Result<()> {
        let record = self.config().engine.approve(run).await?;
        (self.shared.observer)(Event::Approved { sync: record.sync, run });
        self.enqueue(run).await
    }

    /// Discards a held run: see [`Engine::discard`].
    ///
    /// # Errors
    /// As there.
    pub async fn reject(&self, run: RunId, skip_window: bool) -> Result<()> {
        self.config().engine.reject(run, skip_window).await?;
        self.enqueue(run).await?;
        self.wake();
        Ok(())
    }

    /// Takes up runs that became ready to be delivered by another way than an extraction: released ones, replays.
    ///
    /// # Errors
    /// What the state says.
    pub async fn enqueue(&self, run: RunId) -> Result<()> {
        queues::enqueue(&self.shared, run).await
    }
}

/// Starts a supervisor. The future ends when the config's engine has been told to stop and everything under way has come to its end.
pub fn start(config: RuntimeConfig, observer: Observer) -> (Handle, impl Future<Output = Result<()>>) {
    let nudge = Arc::new(Notify::new());
    let observer = nudging(observer, nudge.clone());
    let (config, receiver) = watching::channel(Arc::new(config));
    let shared = Arc::new(Shared::new(receiver, observer, Mode::Serve));
    let (asks, inbox) = mpsc::channel(64);
    let handle = Handle { shared: shared.clone(), config, asks };
    (handle, supervise(shared, inbox, nudge))
}

/// Has the watch look soon after something has happened that may change an alert.
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
    queues::recover(&shared).await?;
    let mut actors: HashMap<String, mpsc::Sender<Trigger>> = HashMap::new();
    let mut tasks: JoinSet<Result<()>> = JoinSet::new();
    tasks.spawn(watch::go(shared.clone(), nudge));
    tasks.spawn(audit::go(shared.clone()));
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let failure = loop {
        for sync_runtime in &config.borrow_and_update().members {
            let name = sync_runtime.spec.name.clone();
            actors.entry(name.clone()).or_insert_with(|| {
                let (asks, inbox) = mpsc::channel(16);
                tasks.spawn(Actor::new(shared.clone(), name, inbox).go());
                asks
            });
        }
        tokio::select! {
            () = crate::stop::stopped(&mut stop) => break Ok(()),
            changed = config.changed() => if changed.is_err() { break Ok(()) },
            _ = sweep.tick() => {
                // Not while a purge replaces segments; the next time will do.
                let Ok(_resting) = shared.quiet.try_read() else { continue };
                let config = shared.config();
                if let Err(error) = blocking(move || config.engine.keep_house(config.keep)).await {
                    (shared.observer)(Event::Problem { error: Arc::new(error) });
                }
            }
            Some((sync, trigger)) = asks.recv() => match actors.get(&sync).filter(|_| shared.config().sync_runtime(&sync).is_some()) {
                Some(actor) => drop(actor.send(trigger).await),
                None => {
                    let error = Error::new(Code::NoSuchSyncOrRun, format!("there is no sync {sync:?}"));
                    let _ = trigger.reply.send(Err(error));
                }
            },
            Some(joined) = tasks.join_next() => {
                // They end by themselves only when the state cannot be written any more.
                let ended = joined.unwrap_or_else(|e| Err(Error::new(Code::CountsDiffer, "a sync's task broke down").caused_by(e)));
                if let Err(error) = ended { break Err(error) }
            }
            error = shared.queues.failed() => break Err(error),
        }
    };
    failure?;
    while let Some(joined) = tasks.join_next().await {
        joined.map_err(|e| Error::new(Code::CountsDiffer, "a sync's task broke down").caused_by(e))??;
    }
    shared.queues.ended().await
}

/// Whether a run in this state keeps its sync busy by itself.
pub(crate) const fn occupies(state: RunState) -> bool {
    matches!(state, RunState::Queued | RunState::Extracting | RunState::AwaitingApproval)
}
