//! Keeps every enabled sync of the project running.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use outflow_core::ports::state::{DefinitionChange, Pausable, State, StateReader};
use outflow_core::{Actor, BoxFuture, Clock as _, Code, Error, NextStep, SystemClock, Timestamp};
use outflow_engine::serve::{self, Event, Observer, RuntimeConfig, Triggered};
use outflow_engine::{Engine, Errors};
use outflow_project::Project;
use outflow_telemetry::alerts::{self, Notifier, Pace};
use outflow_telemetry::log::{self, as_error};
use outflow_telemetry::metrics::{self, Recorder};
use serde_json::json;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::control::{Answer, DueAnswer, Request, Socket};
use crate::definitions::{DefinitionDocument, Proposal, Renaming, Working};
use crate::front::{FrontEnd, Listening, ServerSettings, Threads};
use crate::leftovers::{self, Leftover};
use crate::live::Live;
use crate::pause::Change;
use crate::paused::{self, PauseEntry};
use crate::people;
use crate::recorded::{Act, begin, recorded};
use crate::renamed::{self, Renamed};
use crate::secret_documents::SecretChange;
use crate::serving::Serving;
use crate::slot::Serves;
use crate::{App, Caller, StateLocation, holder, surroundings, user, wiring};

/// How often the state is tried again, and how often the log repeats that it is waited for.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
const SAY_AGAIN: Duration = Duration::from_secs(60);

/// How to serve.
#[derive(Clone)]
pub struct ServeRequest {
    /// Wait while another process holds the state.
    pub wait: bool,
    /// Where Prometheus reads metrics; otherwise where the project says.
    pub metrics: Option<SocketAddr>,
    /// Where the API is served; otherwise where the project says.
    pub listen: Option<SocketAddr>,
    /// Who answers there.
    pub front_end: Option<Arc<dyn FrontEnd>>,
}

impl App {
    /// Runs until the caller stops it. Each message of `reload` has the project read again.
    ///
    /// # Errors
    /// Problems of the project, the state if it cannot be taken, and what ends the supervisor.
    pub fn serve<'a>(
        &'a self,
        request: ServeRequest,
        reload: mpsc::Receiver<()>,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<(), Errors>> {
        Box::pin(async move {
            let since = SystemClock.now();
            let recorder = Arc::new(Recorder::new(since));
            let mut project = self.load().await;
            if let Err(errors) = &project
                && self.has_made_state(errors, request.wait, caller).await?
            {
                project = self.load().await;
            }
            let project = project?;
            info!("opening the state");
            let location = self.location().await?;
            let missing = if matches!(location, StateLocation::Folder(_)) { "room" } else { "the state" };
            let store = outflow_state::open_waiting(&location, wait_for(missing, caller.stop.clone()));
            let state = holder::claim_unless_stopped(&*store, request.wait, caller).await?;
            // What the state holds counts, and not what could be read of it before it was taken.
            let project = match state.definitions().await?.is_empty() {
                true => project,
                false => self.load_with(&*state).await?,
            };
            let metrics = match request.metrics.or(project.metrics) {
                Some(address) => Some(Arc::new(metrics::listen(address).await?)),
                None => None,
            };
            let receivers = wiring::receivers(&project);
            begin(&*state, &self.actor, &[Act::new("outflow.serve", "outflow")]).await?;
            let (notifier, dispatch) = alerts::start(receivers, state.clone(), Pace::default());
            let live = Live::new(since);
            let observer = observer(recorder.clone(), notifier.clone(), live.clone());
            let engine = wiring::engine(&self.folder, &project, state, caller.stop.clone()).await?;
            let socket = Arc::new(Socket::listen(&self.folder)?);
            self.people.set_provider(wiring::provider(&project));
            let api = self.listen(&request, &project).await?;
            let config = runtime(&project, engine).await?;
            self.follow_files(&*config.engine.state, &project, Working::NotYet).await?;
            for warning in surroundings::warnings(&project) {
                warn!(error = as_error(&warning), "the environment");
            }
            log_leftovers(&*config.engine.state, &project).await?;
            let syncs = config.syncs.iter().filter(|m| config.engine.paused.is_scheduled(&m.spec)).count();
            let address = metrics.as_ref().and_then(|m| m.local_addr().ok()).map(tracing::field::display);
            let api_address = api.as_ref().map(|api| api.address().to_string());
            info!(syncs, pid = std::process::id(), metrics = address, api = api_address, "serving");
            let (handle, supervising) = serve::start(config, observer);
            let reloading = Arc::default();
            let service = Service { app: self.clone(), handle: handle.clone(), notifier, since, reloading };
            let answering = service.clone();
            let answers = Box::new(move |request, actor| {
                Box::pin(answering.clone().answer(request, actor)) as BoxFuture<_>
            });
            let threads = api.is_some().then(Threads::start).transpose()?.map(Arc::new);
            let reader = match &threads {
                None => wiring::reader(&location, &self.folder).await?,
                // Its connections are served by the threads that read.
                Some(threads) => {
                    let folder = self.folder.clone();
                    threads.run(async move { wiring::reader(&location, &folder).await }).await??
                }
            };
            let of = (recorder.clone(), handle.clone());
            let pages = Box::new(move || {
                let (recorder, handle) = of.clone();
                Box::pin(async move { metrics::page(&recorder, &handle).await }) as BoxFuture<_>
            });
            let _filled = self.slot.fill(Serves {
                answers,
                reader,
                live: live.clone(),
                metrics: pages,
                threads: Handle::current(),
            });
            let mut beside = JoinSet::new();
            beside.spawn(kept(&handle, "live events", move || {
                let live = live.clone();
                for_ever(async move { live.report_progress().await })
            }));
            if let (Some(api), Some(threads)) = (api, threads) {
                if let Some((token, until)) = self.offer_set_up().await? {
                    (caller.listener)(crate::Event::SetUp { token: &token, until });
                }
                (caller.listener)(crate::Event::Listening(api.address()));
                beside.spawn(kept(&handle, "API", move || {
                    let answering = threads.run(api.answer());
                    for_ever(async move { drop(answering.await) })
                }));
            }
            if let Some(listener) = metrics {
                let (recorder, of) = (recorder.clone(), handle.clone());
                beside.spawn(kept(&handle, "metrics", move || {
                    for_ever(metrics::answer(listener.clone(), recorder.clone(), of.clone()))
                }));
            }
            beside.spawn(kept(&handle, "notifier of alerts", move || dispatch.clone().run()));
            let answering = service.clone();
            beside.spawn(kept(&handle, "control socket", move || {
                let (socket, answering) = (socket.clone(), answering.clone());
                for_ever(async move {
                    socket.serve(move |request, actor| answering.clone().answer(request, actor)).await;
                })
            }));
            let reload = Arc::new(tokio::sync::Mutex::new(reload));
            beside.spawn(kept(&handle, "reload", move || service.clone().reload_each_time(reload.clone())));
            let ended = supervising.await;
            // The socket goes with its task, before the state is let go.
            beside.shutdown().await;
            ended?;
            info!("stopped");
            Ok(())
        })
    }
}

impl App {
    /// Has the front end take its address, if there are both.
    async fn listen(
        &self,
        request: &ServeRequest,
        project: &Project,
    ) -> Result<Option<Box<dyn Listening>>, Error> {
        let listen = request.listen.or(project.server.listen);
        let (Some(_), Some(front_end)) = (listen, &request.front_end) else { return Ok(None) };
        let settings = ServerSettings { listen, ..project.server.clone() };
        front_end.listen(self.clone(), settings).await.map(Some)
    }
}

/// A task beside the supervisor that is kept alive.
fn kept<F>(
    handle: &serve::Handle,
    task: &'static str,
    make: impl Fn() -> F + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static
where
    F: Future<Output = Result<(), Error>> + Send + 'static,
{
    let handle = handle.clone();
    async move {
        if let Err(error) = handle.keep(task, make).await {
            error!(error = as_error(&error), "trouble");
        }
    }
}

/// A task that never ends by itself.
async fn for_ever(task: impl Future<Output = ()>) -> Result<(), Error> {
    task.await;
    Err(Error::new(Code::TaskFailed, "a task ended that never ends by itself"))
}

/// What cannot be written to the state may not happen. While the disk is full or the server is
/// away, all work that needs the state waits, and continues when it can.
fn wait_for(
    missing: &'static str,
    stop: watch::Receiver<bool>,
) -> impl Fn(&Error) -> BoxFuture<'static, bool> + Send + Sync + 'static {
    let logged = Mutex::new(None::<Instant>);
    move |error| {
        let mut logged = logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|at| at.elapsed() >= SAY_AGAIN) {
            *logged = Some(Instant::now());
            error!(error = as_error(error), "waiting for {missing}");
        }
        drop(logged);
        let mut stop = stop.clone();
        Box::pin(async move { tokio::time::timeout(LOOK_AGAIN, stop.wait_for(|stop| *stop)).await.is_err() })
    }
}

/// Passes the supervisor's notices on.
fn observer(recorder: Arc<Recorder>, notifier: Notifier, live: Live) -> Observer {
    Arc::new(move |event: Event| {
        log::event(&event);
        recorder.observe(&event);
        live.observe(&event);
        if matches!(event, Event::Alert { .. }) {
            notifier.wake();
        }
    })
}

/// Answers requests to the process that serves.
#[derive(Clone)]
struct Service {
    app: App,
    handle: serve::Handle,
    notifier: Notifier,
    since: Timestamp,
    /// One reload at a time: an earlier one that takes long must not replace what a later one read.
    reloading: Arc<tokio::sync::Mutex<()>>,
}

impl Service {
    /// Does what is asked for, with its entries in the audit log.
    async fn answer(self, request: Request, actor: Actor) -> Result<Answer, Error> {
        let state = self.handle.config().engine.state.clone();
        let act = Act::of(&request, state.installation());
        recorded(&*state, &actor, act, self.perform(&*state, request, &actor)).await
    }

    async fn perform(self, state: &dyn State, request: Request, actor: &Actor) -> Result<Answer, Error> {
        Ok(match request {
            Request::Run { sync, options } => match self.handle.trigger(&sync, options).await? {
                Triggered::Started(run) => Answer::Started(run),
                Triggered::Remembered { behind } => Answer::Queued { behind },
            },
            // Its slots are watched here.
            Request::Due => Answer::Due(DueAnswer::default()),
            Request::Reload => {
                self.reload().await.map_err(first)?;
                Answer::Reloaded
            }
            Request::Cancel { destination, sync } => {
                let report = self.handle.cancel(&destination, sync.as_deref()).await?;
                info!(destination, calls = report.calls, "calls cancelled");
                Answer::Cancelled(report)
            }
            Request::Pause { what } => Answer::Paused(self.change_pauses(actor, Change::Pause, what).await?),
            Request::People { change } => {
                let state = self.handle.config().engine.state.clone();
                Answer::People(people::make(&*state, actor, change).await?)
            }
            Request::Resume { what } => {
                Answer::Paused(self.change_pauses(actor, Change::Resume, what).await?)
            }
            Request::Define { changes } => {
                Answer::Defined(self.define(&changes, actor).await.map_err(first)?)
            }
            Request::Rename { from, to } => {
                self.rename(&from, &to, actor).await.map_err(first)?;
                Answer::Renamed
            }
            Request::Purge { id } => {
                let purge = |engine: Engine| async move { engine.purge(&id).await };
                let report = self.handle.with_deliveries_paused(purge).await?;
                info!(runs = report.runs.len(), "purged");
                Answer::Purged(report)
            }
            Request::Status => Answer::Status(Serving::of(&self.handle, self.since)),
            Request::Approve { run } => {
                self.handle.approve(run).await?;
                Answer::Accepted { run }
            }
            Request::Reject { run, skip_window } => {
                self.handle.reject(run, skip_window).await?;
                Answer::Accepted { run }
            }
            Request::Adopt { run } => {
                self.handle.enqueue(run).await?;
                Answer::Accepted { run }
            }
            // Its entry is all that was asked for.
            Request::TestAlerts => Answer::Recorded,
            Request::SetSecret { name, value, uses } => {
                let app = self.app.by(actor.clone());
                let change = app.keep_secret(state, &name, &value.secret(), &uses).await?;
                info!(secret = name, existed = change.existed, "secret set");
                Answer::SecretChanged(self.in_force(change).await)
            }
            Request::RemoveSecret { name } => {
                let change = self.app.by(actor.clone()).drop_secret(state, &name).await?;
                info!(secret = name, "secret removed");
                Answer::SecretChanged(change)
            }
            Request::RotateSecrets => {
                let rotation = self.app.by(actor.clone()).rotate(state).await?;
                info!(key = rotation.key_id, resealed = rotation.resealed, "secrets encrypted again");
                Answer::SecretsRotated(rotation)
            }
        })
    }

    /// Takes a secret that was set into force, if anything uses it. A project that has another
    /// mistake goes on with what it had, and the change says so.
    async fn in_force(&self, change: SecretChange) -> SecretChange {
        if change.used_by.is_empty() {
            return change;
        }
        let not_in_force = self.reload().await.err().map(|errors| first(errors).message().to_owned());
        SecretChange { not_in_force, ..change }
    }

    async fn reload_each_time(
        self,
        reload: Arc<tokio::sync::Mutex<mpsc::Receiver<()>>>,
    ) -> Result<(), Error> {
        let mut reload = reload.lock().await;
        while reload.recv().await.is_some() {
            let state = self.handle.config().engine.state.clone();
            let act = Act::new("project.reload", "project").with(json!({ "by": "a signal" }));
            if let Err(errors) = recorded(&*state, &user::local(), Some(act), self.reload()).await {
                errors.0.iter().for_each(|e| error!(error = as_error(e), "reload refused"));
            }
        }
        Ok(())
    }

    /// Pauses or resumes, and takes what follows into force as a reload does, but with the project
    /// that was loaded last: a mistake in its files delays no pause.
    async fn change_pauses(
        &self,
        actor: &Actor,
        change: Change,
        what: Vec<Pausable>,
    ) -> Result<Vec<PauseEntry>, Error> {
        let _alone = self.reloading.lock().await;
        let config = RuntimeConfig::clone(&self.handle.config());
        let state = config.engine.state.clone();
        let entries = match change {
            Change::Pause => paused::pause(&*state, actor, what).await?,
            Change::Resume => paused::resume(&*state, actor, what).await?,
        };
        for PauseEntry { of, paused_since, changed } in &entries {
            let since = paused_since.map(tracing::field::display);
            info!(kind = of.kind.name(), name = of.name, since, changed, "pause");
        }
        let engine = config.engine.with_pauses(&state.pauses().await?);
        self.handle.reload(RuntimeConfig { engine, ..config });
        Ok(entries)
    }

    /// The new project takes the place of the old one as a whole, or not at all.
    async fn reload(&self) -> Result<(), Errors> {
        let _alone = self.reloading.lock().await;
        let state = self.handle.config().engine.state.clone();
        let project = self.app.load_with(&*state).await?;
        let config = self.config_of(&project).await?;
        self.follow_files(&project).await?;
        self.take(config, &project).await
    }

    /// Brings the state up to the files. A sync that has another name now begins no run under the
    /// old one meanwhile.
    async fn follow_files(&self, project: &Project) -> Result<(), Errors> {
        let before = RuntimeConfig::clone(&self.handle.config());
        if !project.renames.is_empty() {
            self.retire(|name| project.syncs.iter().all(|spec| spec.name != name));
        }
        let followed = self.app.follow_files(&*before.engine.state, project, Working::Already).await;
        if followed.is_err() {
            self.handle.reload(before);
        }
        Ok(followed?)
    }

    /// Takes syncs out of what is kept running.
    fn retire(&self, is_meant: impl Fn(&str) -> bool) {
        let mut config = RuntimeConfig::clone(&self.handle.config());
        config.syncs.retain(|sync| !is_meant(&sync.spec.name));
        self.handle.reload(config);
    }

    /// Makes changes of definitions, which come into force as by a reload, or does not.
    async fn define(
        &self,
        changes: &[DefinitionChange],
        actor: &Actor,
    ) -> Result<Vec<DefinitionDocument>, Errors> {
        let _alone = self.reloading.lock().await;
        let state = self.handle.config().engine.state.clone();
        let proposal = Proposal::new(&state.definitions().await?, changes, actor)?;
        let project = self.app.load_proposed(&proposal).await?;
        let config = self.config_of(&project).await?;
        self.follow_files(&project).await?;
        let made = state.put_definitions(&proposal.changes).await?;
        self.take(config, &project).await?;
        Ok(made.into_iter().flatten().map(DefinitionDocument::of).collect())
    }

    /// Gives a sync of the server another name, which comes into force as by a reload.
    async fn rename(&self, from: &str, to: &str, actor: &Actor) -> Result<(), Errors> {
        let _alone = self.reloading.lock().await;
        let state = self.handle.config().engine.state.clone();
        let renaming = Renaming::new(&state.definitions().await?, from, to, actor)?;
        let project = self.app.load_proposed(&renaming.proposal).await?;
        let config = self.config_of(&project).await?;
        // It begins no run under the old name meanwhile. One that is unfinished is refused.
        let before = RuntimeConfig::clone(&self.handle.config());
        if state.unfinished_of(from).await?.is_empty() {
            self.retire(|name| name == from);
        }
        if let Err(error) = state.rename_sync(&renaming.rename, &renaming.entry).await {
            self.handle.reload(before);
            return Err(error.into());
        }
        info!(from, to, "a sync goes on under its new name");
        self.take(config, &project).await
    }

    /// What is kept running of a project.
    async fn config_of(&self, project: &Project) -> Result<RuntimeConfig, Errors> {
        let engine = self.handle.config().engine.clone();
        let pauses = engine.state.pauses().await?;
        let engine = Engine { budgets: wiring::budgets(project), ..engine }
            .with_destinations(wiring::destinations(project)?)
            .with_pauses(&pauses);
        runtime(project, engine).await
    }

    /// Brings a project into force.
    async fn take(&self, config: RuntimeConfig, project: &Project) -> Result<(), Errors> {
        self.handle.reload(config);
        self.app.loaded.forget();
        self.notifier.set(wiring::receivers(project));
        self.app.people.set_provider(wiring::provider(project));
        log_leftovers(&*self.handle.config().engine.state, project).await?;
        Ok(())
    }
}

/// What is kept running. A sync that looks renamed, and would send its events again under second
/// ids, waits for a person.
async fn runtime(project: &Project, engine: Engine) -> Result<RuntimeConfig, Errors> {
    let renamed = renamed::of(&*engine.state, project).await?;
    let withheld = renamed.into_iter().filter(Renamed::sends_second_ids).map(|renamed| renamed.sync);
    Ok(wiring::config(project, engine.withholding(withheld.collect()))?)
}

/// Logs what waits for things that the project no longer has.
async fn log_leftovers(state: &dyn StateReader, project: &Project) -> Result<(), Error> {
    for Leftover { sync, finding } in leftovers::of(state, project).await? {
        warn!(sync, error = as_error(&finding), "left over");
    }
    Ok(())
}

/// One error for several.
fn first(errors: Errors) -> Error {
    let more = errors.0.len().saturating_sub(1);
    let mut errors = errors.0.into_iter();
    match errors.next() {
        Some(error) if more > 0 => Error::new(error.code(), format!("{} (and {more} more)", error.message()))
            .quoting(error.quoted().cloned().unwrap_or_default())
            .next_step(NextStep::Validate),
        Some(error) => error,
        None => Error::new(Code::Interrupted, "stopped"),
    }
}
