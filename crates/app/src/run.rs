//! Runs syncs now.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{Clock, Code, Error, SyncSpec, SystemClock, Timestamp};
use outflow_engine::{Engine, Errors, Observer, RunRequest as EngineRequest, schedule};
use outflow_project::Project;
use outflow_telemetry::log;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::holder::Taken;
use crate::{App, Caller, Event, Listener, RunOutcome, wiring};

/// Which syncs to run, and how.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The syncs.
    pub syncs: Selection,
    /// Everything, as in the first run.
    pub full: bool,
    /// What has changed since this time.
    pub since: Option<Timestamp>,
    /// No more rows than this.
    pub limit: Option<u64>,
    /// To this destination alone.
    pub destination: Option<String>,
    /// A delivery stops when its destination has taken nothing for this long.
    pub delivery_timeout: Duration,
    /// Wait while another process holds the state.
    pub wait: bool,
    /// How many syncs run side by side.
    pub parallel: usize,
}

/// Which syncs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every enabled one.
    Enabled,
    /// Every enabled one whose schedule says that it is due.
    Due,
    /// These.
    Named(Vec<String>),
}

impl RunRequest {
    /// An incremental run of these syncs that waits for the state.
    pub fn new(syncs: Selection) -> Self {
        Self {
            syncs,
            full: false,
            since: None,
            limit: None,
            destination: None,
            delivery_timeout: Duration::from_secs(600),
            wait: true,
            parallel: 4,
        }
    }

    /// Whether the runs are the syncs' usual ones, which move `last_sync_time`.
    pub fn is_incremental(&self) -> bool {
        self.options().is_incremental()
    }

    fn options(&self) -> RunOptions {
        let Self { full, since, limit, destination, .. } = self.clone();
        let kind = match since {
            _ if full => RunKind::Full,
            Some(at) => RunKind::Since { at },
            None => RunKind::Incremental,
        };
        RunOptions { kind, limit, destination }
    }
}

/// A sync to run, how, and when it was due if its schedule says so.
pub(crate) struct Job {
    pub(crate) spec: SyncSpec,
    pub(crate) options: RunOptions,
    pub(crate) due_at: Option<Timestamp>,
}

/// The circumstances of runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances {
    pub(crate) delivery_timeout: Duration,
    pub(crate) wait: bool,
    pub(crate) parallel: usize,
    /// New runs are made even if syncs have runs that have not ended.
    pub(crate) beside: bool,
}

impl App {
    /// Runs syncs and says what came of each, in the project's order or as they were named. No
    /// outcome: no sync is enabled or due.
    ///
    /// # Errors
    /// Problems of the project, unknown names, and the state if it cannot be taken.
    pub async fn run(&self, request: &RunRequest, caller: &Caller) -> Result<Vec<RunOutcome>, Errors> {
        let project = self.load()?;
        if let Some(destination) = &request.destination {
            project.known_destination(destination)?;
        }
        let wanted = (request.syncs != Selection::Due).then(|| wanted(request, &project));
        let state = match self.take(wanted, request.wait, caller).await? {
            Taken::State(state) => state,
            Taken::Done(outcomes) => return Ok(outcomes),
        };
        let engine = wiring::engine(&self.folder, &project, state, caller.stop.clone())?;
        let jobs = jobs(request, &project, &engine).await?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        engine.apply_retention(project.keep).await?;
        let circumstances = Circumstances {
            delivery_timeout: request.delivery_timeout,
            wait: request.wait,
            parallel: request.parallel,
            beside: false,
        };
        run_all(&engine, &project, jobs, circumstances, &caller.listener).await
    }

    /// Makes runs beside those that the syncs have in progress: replays and backfills.
    pub(crate) async fn run_beside(
        &self,
        project: &Project,
        jobs: Vec<Job>,
        circumstances: Circumstances,
        caller: &Caller,
    ) -> Result<Vec<RunOutcome>, Errors> {
        let wanted = jobs.iter().map(|job| (job.spec.name.clone(), job.options.clone())).collect();
        match self.take(Some(wanted), circumstances.wait, caller).await? {
            Taken::Done(outcomes) => Ok(outcomes),
            Taken::State(state) => {
                let engine = wiring::engine(&self.folder, project, state, caller.stop.clone())?;
                run_all(&engine, project, jobs, circumstances, &caller.listener).await
            }
        }
    }
}

/// The runs to request from a running `serve`.
fn wanted(request: &RunRequest, project: &Project) -> Vec<(String, RunOptions)> {
    let names = match &request.syncs {
        Selection::Named(names) => names.clone(),
        Selection::Enabled | Selection::Due => {
            project.syncs.iter().filter(|s| s.enabled).map(|s| s.name.clone()).collect()
        }
    };
    names.into_iter().map(|name| (name, request.options())).collect()
}

async fn jobs(request: &RunRequest, project: &Project, engine: &Engine) -> Result<Vec<Job>, Errors> {
    let options = request.options();
    let job = |spec: &SyncSpec, due_at| Job { spec: spec.clone(), options: options.clone(), due_at };
    let enabled = project.syncs.iter().filter(|s| s.enabled);
    match &request.syncs {
        Selection::Named(names) => {
            let (mut jobs, mut errors): (Vec<Job>, Vec<Error>) = (Vec::new(), Vec::new());
            for name in names {
                match project.sync(name) {
                    Ok(spec) if jobs.iter().any(|j| j.spec.name == spec.name) => {}
                    Ok(spec) => jobs.push(job(spec, None)),
                    Err(error) => errors.push(error),
                }
            }
            if errors.is_empty() { Ok(jobs) } else { Err(errors.into()) }
        }
        Selection::Enabled => Ok(enabled.map(|spec| job(spec, None)).collect()),
        Selection::Due => {
            let mut jobs = Vec::new();
            for spec in enabled {
                if let Some(slot) = due(engine, spec).await? {
                    jobs.push(job(spec, Some(slot)));
                }
            }
            Ok(jobs)
        }
    }
}

/// The slot of a sync that has come and has not been fired.
async fn due(engine: &Engine, spec: &SyncSpec) -> Result<Option<Timestamp>, Error> {
    let (slots, now) = (schedule::Slots::of(&spec.schedule), SystemClock.now());
    let fired = engine.last_fired(&spec.name, &slots, now).await?;
    Ok(fired.and_then(|fired| schedule::due(&slots, fired, now)))
}

/// Runs the jobs side by side; one that fails holds up no other.
async fn run_all(
    engine: &Engine,
    project: &Project,
    jobs: Vec<Job>,
    circumstances: Circumstances,
    listener: &Listener,
) -> Result<Vec<RunOutcome>, Errors> {
    let order: HashMap<String, usize> =
        jobs.iter().enumerate().map(|(i, j)| (j.spec.name.clone(), i)).collect();
    let slots = Arc::new(Semaphore::new(circumstances.parallel));
    let mut tasks = JoinSet::new();
    for Job { spec, options, due_at } in jobs {
        let warehouse = wiring::warehouse(project, &spec)?;
        let request = EngineRequest {
            trigger: match (options.replay(), due_at) {
                (Some(_), _) => RunTrigger::Replay,
                (None, Some(_)) => RunTrigger::Schedule,
                (None, None) => RunTrigger::Manual,
            },
            options,
            due_at,
            delivery_timeout: Some(circumstances.delivery_timeout),
            observer: observer(listener, &spec.name),
        };
        let (engine, slots) = (engine.clone(), slots.clone());
        let sync = spec.name.clone();
        let making = async move {
            let _slot = slots.acquire_owned().await;
            if *engine.stop.borrow() {
                let message = format!("{} did not begin: interrupted", spec.name);
                return RunOutcome::failed(spec.name, Error::new(Code::Interrupted, message));
            }
            let ended = if circumstances.beside {
                engine.run_beside(&spec, warehouse.as_ref(), &request).await
            } else {
                engine.run(&spec, warehouse.as_ref(), &request).await
            };
            match ended {
                Ok(document) => RunOutcome::Ran(Box::new(document)),
                Err(errors) => RunOutcome::failed(spec.name, errors),
            }
        };
        tasks.spawn(async move {
            // The text of a panic can hold a row value.
            tokio::spawn(making).await.unwrap_or_else(|_| {
                let message = format!("the run of {sync} ended unexpectedly");
                let error = Error::new(Code::TaskFailed, message).help("run it again: nothing is lost");
                RunOutcome::failed(sync, error)
            })
        });
    }
    let mut outcomes = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let outcome =
            joined.map_err(|e| Error::new(Code::TaskFailed, "a task ended unexpectedly").caused_by(e))?;
        listener(Event::Ended(&outcome));
        outcomes.push(outcome);
    }
    outcomes.sort_by_key(|o| order.get(o.sync()).copied());
    Ok(outcomes)
}

/// Passes the events of a sync's run on.
pub(crate) fn observer(listener: &Listener, sync: &str) -> Observer {
    let (listener, sync) = (listener.clone(), sync.to_owned());
    Arc::new(move |event| {
        log::event(&event);
        listener(Event::Run { sync: &sync, event });
    })
}
