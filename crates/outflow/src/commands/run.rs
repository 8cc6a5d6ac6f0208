//! `outflow run`: runs syncs now.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::run::{RunOptions, Trigger};
use outflow_core::{Clock, Code, Error, RunId, SyncSpec, SystemClock, Timestamp};
use outflow_engine::{Engine, Errors, RunRequest, schedule};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::holder::{Taken, take};
use super::outcome::{Outcome, exit, report};
use crate::cli::{Common, Run};
use crate::exit::Exit;
use crate::output::Printer;
use crate::progress::Display;
use crate::{signals, wiring};
use outflow_project::{Project, when};

/// A sync to run, how, and when it was due if its schedule says so.
pub struct Job {
    /// The sync.
    pub spec: SyncSpec,
    /// How its run differs from an ordinary one.
    pub options: RunOptions,
    /// When it was due.
    pub due_at: Option<Timestamp>,
}

/// The circumstances of runs.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// A destination is given up for now when it has taken nothing for this long.
    pub delivery_timeout: Duration,
    /// Do not wait for another process.
    pub no_wait: bool,
    /// How many run side by side.
    pub jobs: usize,
    /// New runs are made even if syncs have runs that are not at their end.
    pub beside: bool,
}

/// Runs what was asked for and prints what came of it.
pub async fn run(common: &Common, args: &Run, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let options = options(args, &project)?;
    let stop = signals::listen();
    let way = Way {
        delivery_timeout: args.delivery_timeout,
        no_wait: args.no_wait,
        jobs: args.jobs as usize,
        beside: false,
    };
    let asks = (!args.due).then(|| wanted(args, &project, &options));
    let state = match take(common, asks, way.no_wait, &stop, printer).await? {
        Taken::State(state) => state,
        Taken::Done(outcomes) => {
            report(&outcomes, printer);
            return Ok(exit(&outcomes));
        }
    };
    let engine = wiring::engine(common, &project, state, stop)?;
    let jobs = jobs(args, &project, &engine, &options)?;
    if jobs.is_empty() {
        printer.say(if args.due { "no sync is due" } else { "the project has no enabled sync" });
        if !printer.is_ndjson() {
            printer.document(&json!([]), |_| String::new());
        }
        return Ok(Exit::Done);
    }
    sweep(&engine, &project).await?;
    let ordinary = options.is_ordinary();
    let outcomes = run_all(&engine, &project, jobs, way, printer).await?;
    for run in outcomes.iter().filter_map(Outcome::resumed).filter(|_| !ordinary) {
        printer.say(&format!(
            "note: this finished run {run}, which was left unfinished; run again for your options to apply"
        ));
    }
    report(&outcomes, printer);
    Ok(exit(&outcomes))
}

/// Makes runs beside what the syncs have under way: replays, and to catch up. Prints them as `run` does. Gives the exit code and the runs that were made.
pub async fn perform(
    common: &Common,
    project: &Project,
    jobs: Vec<Job>,
    way: Way,
    printer: Printer,
) -> Result<(Exit, Vec<RunId>), Errors> {
    let stop = signals::listen();
    let asks = jobs.iter().map(|job| (job.spec.name.clone(), job.options.clone())).collect();
    let outcomes = match take(common, Some(asks), way.no_wait, &stop, printer).await? {
        Taken::Done(outcomes) => outcomes,
        Taken::State(state) => {
            let engine = wiring::engine(common, project, state, stop)?;
            run_all(&engine, project, jobs, way, printer).await?
        }
    };
    report(&outcomes, printer);
    let runs = outcomes.iter().filter_map(|o| if let Outcome::Ran(d) = o { Some(d.run) } else { None });
    Ok((exit(&outcomes), runs.collect()))
}

/// The runs to ask a running `serve` for.
fn wanted(args: &Run, project: &Project, options: &RunOptions) -> Vec<(String, RunOptions)> {
    let enabled = project.syncs.iter().filter(|s| s.enabled).map(|s| s.name.clone());
    let names: Vec<String> = if args.names.is_empty() { enabled.collect() } else { args.names.clone() };
    names.into_iter().map(|name| (name, options.clone())).collect()
}

fn options(args: &Run, project: &Project) -> Result<RunOptions, Error> {
    let since = args.since.as_deref().map(when::parse).transpose()?;
    if let Some(only) = &args.destination {
        project.known_destination(only)?;
    }
    Ok(RunOptions {
        full: args.full,
        since,
        limit: args.limit,
        only: args.destination.clone(),
        ..RunOptions::default()
    })
}

fn jobs(args: &Run, project: &Project, engine: &Engine, options: &RunOptions) -> Result<Vec<Job>, Errors> {
    if !args.names.is_empty() {
        let (mut jobs, mut errors): (Vec<Job>, Vec<Error>) = (Vec::new(), Vec::new());
        for name in &args.names {
            match project.sync(name) {
                Ok(spec) if jobs.iter().any(|j| j.spec.name == spec.name) => {}
                Ok(spec) => jobs.push(Job { spec: spec.clone(), options: options.clone(), due_at: None }),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors.into());
        }
        return Ok(jobs);
    }
    let mut jobs = Vec::new();
    for spec in project.syncs.iter().filter(|s| s.enabled) {
        let due_at = if args.due {
            match due(engine, spec)? {
                Some(slot) => Some(slot),
                None => continue,
            }
        } else {
            None
        };
        jobs.push(Job { spec: spec.clone(), options: options.clone(), due_at });
    }
    Ok(jobs)
}

/// The slot of a sync that has come and not been fired. One that was never seen is due at once, or waits for its calendar.
fn due(engine: &Engine, spec: &SyncSpec) -> Result<Option<Timestamp>, Error> {
    let (slots, now) = (schedule::Slots::of(&spec.schedule), SystemClock.now());
    let fired = match (engine.state.fired(&spec.name)?, &slots) {
        (Some(fired), _) => fired,
        (None, schedule::Slots::Cron(_)) => {
            engine.state.set_fired(&spec.name, now)?;
            now
        }
        (None, _) => Timestamp::MIN,
    };
    Ok(schedule::due(&slots, fired, now))
}

async fn sweep(engine: &Engine, project: &Project) -> Result<(), Error> {
    let (engine, keep) = (engine.clone(), project.keep);
    match tokio::task::spawn_blocking(move || engine.keep_house(keep)).await {
        Ok(kept) => kept,
        Err(join) => {
            Err(Error::new(Code::SpoolIo, "sweeping the spool ended before its time").caused_by(join))
        }
    }
}

/// Runs the jobs side by side; one that fails holds up no other.
async fn run_all(
    engine: &Engine,
    project: &Project,
    jobs: Vec<Job>,
    way: Way,
    printer: Printer,
) -> Result<Vec<Outcome>, Errors> {
    let display = Display::new(printer);
    let order: HashMap<String, usize> =
        jobs.iter().enumerate().map(|(i, j)| (j.spec.name.clone(), i)).collect();
    let places = Arc::new(Semaphore::new(way.jobs));
    let mut tasks = JoinSet::new();
    for Job { spec, options, due_at } in jobs {
        let warehouse = wiring::warehouse(project, &spec)?;
        let request = RunRequest {
            trigger: match (&options.replay, due_at) {
                (Some(_), _) => Trigger::Replay,
                (None, Some(_)) => Trigger::Schedule,
                (None, None) => Trigger::Manual,
            },
            options,
            due_at,
            delivery_timeout: Some(way.delivery_timeout),
            progress: display.of(&spec.name),
        };
        let (engine, places) = (engine.clone(), places.clone());
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            if *engine.stop.borrow() {
                let error =
                    Error::new(Code::Interrupted, format!("{} did not begin: interrupted", spec.name));
                return Outcome::Failed(spec.name, error.into());
            }
            let ended = if way.beside {
                engine.run_beside(&spec, warehouse.as_ref(), &request).await
            } else {
                engine.run(&spec, warehouse.as_ref(), &request).await
            };
            match ended {
                Ok(document) => Outcome::Ran(Box::new(document)),
                Err(errors) => Outcome::Failed(spec.name, errors),
            }
        });
    }
    let mut outcomes = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        let outcome =
            joined.map_err(|e| Error::new(Code::RunLost, "a run ended before its time").caused_by(e))?;
        if printer.is_ndjson() {
            printer.document(&outcome.document(), |_| String::new());
        }
        outcome.tell(printer);
        outcomes.push(outcome);
    }
    outcomes.sort_by_key(|o| order.get(o.sync()).copied());
    Ok(outcomes)
}
