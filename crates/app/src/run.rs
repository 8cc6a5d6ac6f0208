//! Runs syncs now.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::Pause;
use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{BoxFuture, Code, Error, NextStep, SyncSpec, Timestamp};
use outflow_engine::serve::BacklogQuota;
use outflow_engine::serve::side::SideRequests;
use outflow_engine::{Engine, Errors, RunRequest as EngineRequest};
use outflow_project::{Part, Project};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::beside::Worker;
use crate::definitions::Working;
use crate::holder::{Handover, Taken};
use crate::leftovers::{self, Leftover};
use crate::list::Selectors;
use crate::making::{Circumstances, Job, due, make_run, observer};
use crate::{
    App, Caller, Event, Listener, RunOutcome, paused, recorded, renamed, second_ids, surroundings, wiring,
};

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
    /// Events count again: none gets the id that it had.
    pub new_ids: bool,
    /// Events may go out under second ids.
    pub yes: bool,
    /// A delivery stops when its destination has taken nothing for this long.
    pub delivery_timeout: Duration,
    /// Wait while another process holds the state.
    pub wait: bool,
    /// How many syncs run side by side.
    pub parallel: usize,
}

/// Which syncs. What a person has paused runs only if it is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every enabled one.
    Enabled,
    /// Every enabled one whose schedule says that it is due.
    Due,
    /// These.
    Named(Vec<String>),
    /// Those that these mean.
    Matching(Selectors),
}

impl Selection {
    /// The same with names in place of what means them.
    fn resolved(&self, project: &Project, pauses: &[Pause]) -> Result<Selection, Errors> {
        Ok(match self {
            Self::Matching(Selectors { select, exclude }) => {
                let is_paused = |name: &str| paused::of_sync(pauses, name).is_some();
                Self::Named(project.select(select, exclude, is_paused)?)
            }
            other => other.clone(),
        })
    }

    fn means(&self, spec: &SyncSpec, pauses: &[Pause]) -> bool {
        match self {
            Self::Named(names) => names.contains(&spec.name),
            Self::Enabled | Self::Due | Self::Matching(_) => {
                spec.enabled && paused::of_sync(pauses, &spec.name).is_none()
            }
        }
    }
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
            new_ids: false,
            yes: false,
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
        let Self { full, since, limit, destination, new_ids, .. } = self.clone();
        let kind = match since {
            _ if full => RunKind::Full,
            Some(at) => RunKind::Since { at },
            None => RunKind::Incremental,
        };
        RunOptions { kind, limit, destination, new_ids }
    }
}

impl App {
    /// Runs syncs and says what came of each, in the project's order or as they were named. No
    /// outcome: no sync is enabled or due.
    ///
    /// # Errors
    /// Problems of the project, unknown names, and the state if it cannot be taken. Q014: events
    /// would go out under second ids, which the request does not allow.
    pub fn run<'a>(
        &'a self,
        request: &'a RunRequest,
        caller: &'a Caller,
    ) -> BoxFuture<'a, Result<Vec<RunOutcome>, Errors>> {
        Box::pin(async move {
            let mut prepared = self.prepared(request).await;
            if let Err(errors) = &prepared
                && self.has_made_state(errors, request.wait, caller).await?
            {
                prepared = self.prepared(request).await;
            }
            let (request, project, pauses) = prepared?;
            let request = &request;
            let delivery_timeout = request.delivery_timeout;
            let handover = || Handover { runs: wanted(request, &project, &pauses), delivery_timeout };
            let wanted = (request.syncs != Selection::Due).then(handover);
            if request.syncs == Selection::Due
                && let Some(outcomes) = self.hand_over_due(request.wait, delivery_timeout, caller).await?
            {
                return Ok(outcomes);
            }
            let state = match self.take(wanted, request.wait, caller).await? {
                Taken::State(state) => state,
                Taken::Done(outcomes) => return Ok(outcomes),
            };
            self.follow_files(&*state, &project, Working::NotYet).await?;
            let engine = wiring::engine(&self.folder, &project, state, caller.stop.clone()).await?;
            surroundings::warnings(&project)
                .iter()
                .for_each(|warning| (caller.listener)(Event::Warning(warning)));
            engine
                .look_at_clock()
                .await?
                .into_iter()
                .for_each(|warning| (caller.listener)(Event::Warning(&warning)));
            let Jobs { jobs, removed } = jobs(request, &project, &engine, &caller.listener).await?;
            tell_leftovers(request, &project, &engine, caller).await?;
            let mut outcomes = Vec::new();
            for sync in removed {
                outcomes.extend(finish_removed(&engine, &sync, request, &caller.listener).await);
            }
            if jobs.is_empty() {
                return Ok(outcomes);
            }
            engine.apply_retention(project.keep).await?;
            let circumstances = Circumstances {
                delivery_timeout: request.delivery_timeout,
                wait: request.wait,
                parallel: request.parallel,
                beside: false,
            };
            let worker = Worker::new(&engine, project.clone(), circumstances, &caller.listener);
            jobs.iter().for_each(|job| worker.requests.announce(&job.spec.name));
            // What is due by its schedule is no request of a person.
            let is_asked = request.syncs != Selection::Due;
            let acts = if is_asked { recorded::acts_of(&jobs) } else { Vec::new() };
            recorded::begin(&*engine.state, &self.actor, &acts).await?;
            let requests = Some(&worker.requests);
            let work = run_all(&engine, &project, jobs, circumstances, &caller.listener, requests);
            let ran = worker.beside(&self.folder, work).await?;
            recorded::failures(&*engine.state, &self.actor, &acts, &ran).await;
            outcomes.extend(ran);
            Ok(outcomes)
        })
    }

    /// The request with the names of its syncs, the project with all that they need, and what is
    /// paused, unless something is to be refused before anything begins.
    pub(crate) async fn prepared(
        &self,
        request: &RunRequest,
    ) -> Result<(RunRequest, Arc<Project>, Vec<Pause>), Errors> {
        let project = self.load_to_use(self.look_for_stored().await).await?;
        let pauses = self.pauses_to_choose(&request.syncs).await;
        let request = RunRequest { syncs: request.syncs.resolved(&project, &pauses)?, ..request.clone() };
        if let Some(destination) = &request.destination {
            project.known_destination(destination)?;
        }
        let mut parts: Vec<Part> = project
            .syncs
            .iter()
            .filter(|spec| request.syncs.means(spec, &pauses))
            .flat_map(Project::parts_of)
            .collect();
        if let Some(only) = &request.destination {
            parts.retain(|part| !matches!(part, Part::Destination(name) if name != only));
        }
        let project = Arc::new(project.require(&parts)?);
        refuse_second_ids(&request, &project, &pauses).await?;
        self.refuse_renamed(&request, &project, &pauses).await?;
        Ok((request, project, pauses))
    }

    /// Q014 for each sync that looks renamed and whose events would go out under second ids, unless
    /// the request allows it.
    async fn refuse_renamed(
        &self,
        request: &RunRequest,
        project: &Project,
        pauses: &[Pause],
    ) -> Result<(), Errors> {
        if request.yes || request.new_ids {
            return Ok(());
        }
        let state = match self.reader().await {
            Ok(reader) => reader.state,
            // Nothing has run yet, or the run itself says what is wrong.
            Err(_) => return Ok(()),
        };
        let is_meant = |name: &str| {
            project.syncs.iter().any(|spec| spec.name == name && request.syncs.means(spec, pauses))
        };
        let renamed = renamed::of(&*state, project).await?;
        let refused = renamed.iter().filter(|renamed| renamed.sends_second_ids() && is_meant(&renamed.sync));
        let errors: Vec<_> = refused.map(|r| r.refusal(allowing(request, &r.sync))).collect();
        if errors.is_empty() { Ok(()) } else { Err(Errors(errors)) }
    }

    /// What is paused, where the choice of syncs depends on it. What is wrong with the state is
    /// reported by whoever takes it, and that decides by what the state says then.
    async fn pauses_to_choose(&self, syncs: &Selection) -> Vec<Pause> {
        match syncs {
            Selection::Named(_) => Vec::new(),
            _ => self.pauses().await.unwrap_or_default(),
        }
    }

    /// Makes runs beside those that the syncs have in progress: replays and backfills.
    pub(crate) async fn run_beside(
        &self,
        project: &Project,
        jobs: Vec<Job>,
        circumstances: Circumstances,
        caller: &Caller,
    ) -> Result<Vec<RunOutcome>, Errors> {
        let runs = jobs.iter().map(|job| (job.spec.name.clone(), job.options.clone())).collect();
        let wanted = Handover { runs, delivery_timeout: circumstances.delivery_timeout };
        match self.take(Some(wanted), circumstances.wait, caller).await? {
            Taken::Done(outcomes) => Ok(outcomes),
            Taken::State(state) => {
                let engine = wiring::engine(&self.folder, project, state, caller.stop.clone()).await?;
                let acts = recorded::acts_of(&jobs);
                recorded::begin(&*engine.state, &self.actor, &acts).await?;
                let ran = run_all(&engine, project, jobs, circumstances, &caller.listener, None).await?;
                recorded::failures(&*engine.state, &self.actor, &acts, &ran).await;
                Ok(ran)
            }
        }
    }
}

/// Q014 for each sync whose events would go out under second ids, unless the request allows it.
async fn refuse_second_ids(request: &RunRequest, project: &Project, pauses: &[Pause]) -> Result<(), Errors> {
    if request.yes || request.new_ids || request.is_incremental() {
        return Ok(());
    }
    let is_meant = |spec: &&SyncSpec| request.syncs.means(spec, pauses);
    let allows = |spec: &SyncSpec| allowing(request, &spec.name);
    second_ids::refuse(project, project.syncs.iter().filter(is_meant), allows).await
}

/// The same request for one sync, with a yes.
fn allowing(request: &RunRequest, sync: &str) -> NextStep {
    NextStep::RunWithSecondIds {
        sync: sync.to_owned(),
        full: request.full,
        since: request.since,
        limit: request.limit,
        destination: request.destination.clone(),
    }
}

/// The runs to request from a running `serve`.
pub(crate) fn wanted(request: &RunRequest, project: &Project, pauses: &[Pause]) -> Vec<(String, RunOptions)> {
    let is_meant = |spec: &&SyncSpec| request.syncs.means(spec, pauses);
    let names = match &request.syncs {
        Selection::Named(names) => names.clone(),
        Selection::Enabled | Selection::Due | Selection::Matching(_) => {
            project.syncs.iter().filter(is_meant).map(|s| s.name.clone()).collect()
        }
    };
    names.into_iter().map(|name| (name, request.options())).collect()
}

/// What is to be done.
struct Jobs {
    jobs: Vec<Job>,
    /// Named syncs that the project no longer has, and that have runs which have not ended.
    removed: Vec<String>,
}

impl From<Vec<Job>> for Jobs {
    fn from(jobs: Vec<Job>) -> Self {
        Self { jobs, removed: Vec::new() }
    }
}

/// Tells what waits for things that the project no longer has, of the syncs that are to run.
async fn tell_leftovers(
    request: &RunRequest,
    project: &Project,
    engine: &Engine,
    caller: &Caller,
) -> Result<(), Error> {
    for Leftover { sync, finding } in leftovers::of(&*engine.state, project).await? {
        let is_meant = match &request.syncs {
            // The run itself takes care of a removed sync that was named.
            Selection::Named(names) => names.contains(&sync) && finding.code() != Code::SyncRemoved,
            Selection::Enabled | Selection::Due | Selection::Matching(_) => true,
        };
        if is_meant {
            (caller.listener)(Event::LeftOver(&finding));
        }
    }
    Ok(())
}

/// Delivers what is left of a sync that the project no longer has. `None`: nothing was.
async fn finish_removed(
    engine: &Engine,
    sync: &str,
    request: &RunRequest,
    listener: &Listener,
) -> Option<RunOutcome> {
    let delivery = EngineRequest {
        trigger: RunTrigger::Manual,
        options: RunOptions::default(),
        due_at: None,
        delivery_timeout: Some(request.delivery_timeout),
        backlog: BacklogQuota::default(),
        side: None,
        observer: observer(listener, sync),
    };
    let outcome = match engine.finish_removed(sync, &delivery).await {
        Ok(document) => RunOutcome::Ran(Box::new(document?)),
        Err(errors) => RunOutcome::failed(sync.to_owned(), errors),
    };
    listener(Event::Ended(&outcome));
    Some(outcome)
}

async fn jobs(
    request: &RunRequest,
    project: &Project,
    engine: &Engine,
    listener: &Listener,
) -> Result<Jobs, Errors> {
    let options = request.options();
    let job = |spec: &SyncSpec, due_at| Job { spec: spec.clone(), options: options.clone(), due_at };
    let enabled = project.syncs.iter().filter(|spec| engine.paused.is_scheduled(spec));
    match &request.syncs {
        Selection::Named(names) => {
            let (mut jobs, mut errors): (Jobs, Vec<Error>) = (Vec::new().into(), Vec::new());
            for name in names {
                match project.sync(name) {
                    Ok(spec) if jobs.jobs.iter().any(|j| j.spec.name == spec.name) => {}
                    Ok(spec) => jobs.jobs.push(job(spec, None)),
                    Err(_) if engine.state.unfinished(name).await?.is_some() => {
                        jobs.removed.push(name.clone());
                    }
                    Err(error) => errors.push(error),
                }
            }
            if errors.is_empty() { Ok(jobs) } else { Err(errors.into()) }
        }
        Selection::Enabled | Selection::Matching(_) => {
            Ok(enabled.map(|spec| job(spec, None)).collect::<Vec<_>>().into())
        }
        Selection::Due => {
            let mut jobs = Vec::new();
            for spec in enabled {
                if let Some(slot) = due(engine, spec, listener).await? {
                    jobs.push(job(spec, Some(slot)));
                }
            }
            Ok(jobs.into())
        }
    }
}

/// Runs the jobs side by side; one that fails holds up no other. Those of `requests` take slots
/// that come meanwhile.
async fn run_all(
    engine: &Engine,
    project: &Project,
    jobs: Vec<Job>,
    circumstances: Circumstances,
    listener: &Listener,
    requests: Option<&Arc<SideRequests>>,
) -> Result<Vec<RunOutcome>, Errors> {
    let order: HashMap<String, usize> =
        jobs.iter().enumerate().map(|(i, j)| (j.spec.name.clone(), i)).collect();
    let slots = Arc::new(Semaphore::new(circumstances.parallel));
    let mut tasks = JoinSet::new();
    for job in jobs {
        let observer = observer(listener, &job.spec.name);
        let making = make_run(engine, project, job, circumstances, observer, requests)?;
        let slots = slots.clone();
        tasks.spawn(async move {
            let _slot = slots.acquire_owned().await;
            making.await
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
