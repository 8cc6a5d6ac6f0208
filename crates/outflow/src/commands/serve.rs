//! `outflow serve`: keeps every enabled sync of the project running.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outflow_core::ports::state::State;
use outflow_core::{Clock as _, Error, SystemClock, Timestamp};
use outflow_engine::serve::{self, Notice, Observer, Triggered};
use outflow_engine::{Engine, Errors};
use outflow_telemetry::alerts::{self, Notifier, Pace};
use outflow_telemetry::log::Log;
use outflow_telemetry::metrics::{self, Recorder};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::status::Serving;
use crate::cli::{Common, LogFormat, Serve};
use crate::control::{Ask, Socket};
use crate::exit::Exit;
use crate::output::Printer;
use crate::{signals, wiring};
use outflow_project::Project;

/// A full disk is looked at this often, and told of no more often than that.
const LOOK_FOR_ROOM: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// Runs until a signal.
pub async fn serve(common: &Common, args: &Serve, printer: Printer) -> Result<Exit, Errors> {
    let since = SystemClock.now();
    let recorder = Arc::new(Recorder::new(since));
    let project = Project::load(&common.project)?;
    let stop = signals::listen();
    let format = if printer.is_machine() { LogFormat::Json } else { LogFormat::Text };
    let log = Log::new(args.log_format.unwrap_or(format).into());
    log.info("opening the state", &[]);
    let state = super::holder::open_state(common, args.no_wait, &stop, printer.silent()).await?;
    let state: Arc<dyn State> = Arc::new(state.without_room(wait_for_room(log, stop.clone())));
    let socket = Socket::listen(&wiring::state_dir(common))?;
    let metrics = match args.metrics.or(project.metrics) {
        Some(address) => Some(metrics::listen(address).await?),
        None => None,
    };
    let (notifier, telling) = alerts::start(wiring::receivers(&project), state.clone(), Pace::default(), log);
    let observer = observer(log, recorder.clone(), notifier.clone());
    let config = wiring::config(&project, wiring::engine(common, &project, state, stop)?)?;
    let syncs = config.members.iter().filter(|m| m.spec.enabled).count();
    let mut fields = vec![("syncs", json!(syncs)), ("pid", json!(std::process::id()))];
    fields.extend(metrics.as_ref().and_then(|m| m.local_addr().ok()).map(|a| ("metrics", json!(a))));
    log.info("serving", &fields);
    let (handle, supervising) = serve::start(config, observer);
    let keeper = Keeper { common: common.clone(), handle: handle.clone(), notifier, log, since };
    let mut beside = JoinSet::new();
    if let Some(listener) = metrics {
        beside.spawn(metrics::answer(listener, recorder, handle));
    }
    beside.spawn(async move {
        if let Err(error) = telling.await {
            log.error("trouble", &[], &error);
        }
    });
    let answering = keeper.clone();
    beside.spawn(socket.serve(move |ask| answering.clone().answer(ask)));
    beside.spawn(keeper.on_hang_up());
    let ended = supervising.await;
    // The socket goes with its task, before the state is let go.
    beside.shutdown().await;
    ended?;
    log.info("stopped", &[]);
    Ok(Exit::Done)
}

/// What cannot be remembered may not go on. While the disk is full, everything stands where it needs the state, and goes on by itself when there is room.
fn wait_for_room(log: Log, stop: watch::Receiver<bool>) -> impl Fn(&Error) -> bool + Send + Sync {
    let (told, runtime) = (Mutex::new(None::<Instant>), Handle::current());
    move |error| {
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            *told = Some(Instant::now());
            log.error("waiting for room", &[], error);
        }
        drop(told);
        let mut stop = stop.clone();
        let stopped = async { stop.wait_for(|stop| *stop).await.is_ok() };
        runtime.block_on(async { tokio::time::timeout(LOOK_FOR_ROOM, stopped).await }).is_err()
    }
}

/// Who hears what the supervisor tells.
fn observer(log: Log, recorder: Arc<Recorder>, notifier: Notifier) -> Observer {
    Arc::new(move |notice: Notice| {
        log.notice(&notice);
        recorder.observe(&notice);
        if matches!(notice, Notice::Alert { .. }) {
            notifier.wake();
        }
    })
}

/// What signals and the control socket work on.
#[derive(Clone)]
struct Keeper {
    common: Common,
    handle: serve::Handle,
    notifier: Notifier,
    log: Log,
    since: Timestamp,
}

impl Keeper {
    async fn answer(self, ask: Ask) -> Result<Value, Error> {
        match ask {
            Ask::Run { sync, options } => Ok(match self.handle.trigger(&sync, options).await? {
                Triggered::Started(run) => json!({ "started": run }),
                Triggered::Remembered { behind } => json!({ "remembered": true, "behind": behind }),
            }),
            Ask::Reload => match self.reload() {
                Ok(()) => Ok(json!({ "reloaded": true })),
                Err(errors) => Err(first(errors)),
            },
            Ask::Purge { id } => {
                let report =
                    self.handle.with_deliveries_paused(move |engine| engine.purge(&id, false)).await?;
                let removed = report.runs.len();
                self.log.info("purged", &[("runs", json!(removed))]);
                Ok(serde_json::to_value(report).unwrap_or_default())
            }
            Ask::Status => {
                Ok(serde_json::to_value(Serving::of(&self.handle, self.since)).unwrap_or_default())
            }
            Ask::Approve { run } => self.handle.approve(run).await.map(|()| json!({ "run": run })),
            Ask::Reject { run, skip_window } => {
                self.handle.reject(run, skip_window).await.map(|()| json!({ "run": run }))
            }
            Ask::Adopt { run } => self.handle.enqueue(run).await.map(|()| json!({ "run": run })),
        }
    }

    /// Reads the project again at each SIGHUP.
    async fn on_hang_up(self) {
        let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
        while hang_up.recv().await.is_some() {
            if let Err(errors) = self.reload() {
                errors.0.iter().for_each(|e| self.log.error("reload refused", &[], e));
            }
        }
    }

    /// The new project takes the place of the old one as a whole, or not at all.
    fn reload(&self) -> Result<(), Errors> {
        let project = Project::load(&self.common.project)?;
        let engine = Engine {
            destinations: wiring::destinations(&project)?,
            budgets: wiring::budgets(&project),
            ..self.handle.config().engine.clone()
        };
        self.handle.reload(wiring::config(&project, engine)?);
        self.notifier.set(wiring::receivers(&project));
        Ok(())
    }
}

/// One error that speaks for several.
fn first(errors: Errors) -> Error {
    let more = errors.0.len().saturating_sub(1);
    let mut errors = errors.0.into_iter();
    match errors.next() {
        Some(error) if more > 0 => {
            Error::new(error.code(), format!("{} (and {more} more: outflow validate)", error.message()))
        }
        Some(error) => error,
        None => Error::new(outflow_core::Code::Interrupted, "stopped"),
    }
}
