//! `outflow run`: runs syncs now.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::run::{RunOptions, Trigger};
use outflow_core::{Clock, Code, DeliveryState, Error, RunId, RunState, SyncSpec, SystemClock, Timestamp};
use outflow_engine::{Engine, Errors, RunDocument, RunRequest, schedule};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::holder::{Taken, take};
use crate::cli::{Common, Run};
use crate::exit::Exit;
use crate::output::{Printer, count, table};
use crate::progress::Display;
use crate::project::Project;
use crate::{progress, signals, when, wiring};

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
    pub deliver_for: Duration,
    /// Do not wait for another process.
    pub no_wait: bool,
    /// How many run side by side.
    pub jobs: usize,
    /// New runs are made even if syncs have runs that are not at their end.
    pub beside: bool,
}

/// What came of one sync.
pub enum Outcome {
    /// It ran.
    Ran(Box<RunDocument>),
    /// It did not.
    Failed(String, Errors),
    /// A running `serve` does it later.
    Remembered(String),
}

/// Runs what was asked for and prints what came of it.
pub async fn run(common: &Common, args: &Run, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let options = options(args, &project)?;
    let stop = signals::listen();
    let way =
        Way { deliver_for: args.deliver_for, no_wait: args.no_wait, jobs: args.jobs as usize, beside: false };
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

fn exit(outcomes: &[Outcome]) -> Exit {
    outcomes.iter().map(Outcome::exit).fold(Exit::Done, Exit::or)
}

/// The runs to ask a running `serve` for.
fn wanted(args: &Run, project: &Project, options: &RunOptions) -> Vec<(String, RunOptions)> {
    let enabled = project.syncs.iter().filter(|s| s.enabled).map(|s| s.name.clone());
    let names: Vec<String> = if args.names.is_empty() { enabled.collect() } else { args.names.clone() };
    names.into_iter().map(|name| (name, options.clone())).collect()
}

fn options(args: &Run, project: &Project) -> Result<RunOptions, Error> {
    let since = args.since.as_deref().map(when::parse).transpose()?;
    if let Some(only) = &args.only {
        project.known_destination(only)?;
    }
    Ok(RunOptions {
        full: args.full,
        since,
        limit: args.limit,
        only: args.only.clone(),
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
        Err(join) => Err(Error::new(Code::P003, "sweeping the spool ended before its time").caused_by(join)),
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
            deliver_for: Some(way.deliver_for),
            progress: display.of(&spec.name),
        };
        let (engine, places) = (engine.clone(), places.clone());
        tasks.spawn(async move {
            let _place = places.acquire_owned().await;
            if *engine.stop.borrow() {
                let error = Error::new(Code::E001, format!("{} did not begin: interrupted", spec.name));
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
            joined.map_err(|e| Error::new(Code::E003, "a run ended before its time").caused_by(e))?;
        if printer.is_ndjson() {
            printer.document(&outcome.document(), |_| String::new());
        }
        outcome.tell(printer);
        outcomes.push(outcome);
    }
    outcomes.sort_by_key(|o| order.get(o.sync()).copied());
    Ok(outcomes)
}

impl Outcome {
    fn sync(&self) -> &str {
        match self {
            Self::Ran(document) => &document.sync,
            Self::Failed(sync, _) | Self::Remembered(sync) => sync,
        }
    }

    /// Prints what ended it, or what stopped its destinations.
    pub fn tell(&self, printer: Printer) {
        let document = match self {
            Self::Failed(_, errors) => return errors.0.iter().for_each(|e| printer.error(e)),
            Self::Remembered(_) => return,
            Self::Ran(document) => document,
        };
        if let (RunState::Held, Some(reason)) = (document.state, &document.reason) {
            let run = document.run;
            let error = Error::new(reason.code, reason.message.clone())
                .at(format!("run {run} of {}", document.sync))
                .help(format!(
                    "nothing was sent: look at it with `outflow rejected {run}`; then `outflow release {run}` delivers it, `outflow discard {run}` drops it"
                ));
            printer.error(&error);
        }
        let stopped = document.destinations.iter().filter(|(_, d)| d.state == DeliveryState::Stopped);
        let error = |(name, d): &(String, outflow_engine::DeliveryDocument)| {
            let reason = d.reason.as_ref()?;
            let message = format!("{name}: {}", crate::output::plain(&reason.message));
            let help = format!(
                "{} calls stay pending; `outflow run {}` goes on with them",
                count(d.counts.pending),
                document.sync
            );
            Some(
                Error::new(reason.code, message)
                    .at(format!("run {} of {}", document.run, document.sync))
                    .help(help),
            )
        };
        stopped.filter_map(error).for_each(|e| printer.error(&e));
    }

    /// The run that an earlier process had left unfinished, if it was one.
    fn resumed(&self) -> Option<outflow_core::RunId> {
        match self {
            Self::Ran(document) => document.resumed.then_some(document.run),
            Self::Failed(..) | Self::Remembered(_) => None,
        }
    }

    /// The run's document, or what went wrong.
    fn document(&self) -> Value {
        match self {
            Self::Ran(document) => serde_json::to_value(document).unwrap_or_default(),
            Self::Failed(sync, errors) => {
                let errors: Vec<Value> = errors.0.iter().map(error_document).collect();
                json!({ "format_version": 1, "sync": sync, "state": RunState::Failed, "errors": errors })
            }
            Self::Remembered(sync) => json!({ "format_version": 1, "sync": sync, "state": RunState::Queued }),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Ran(document) => exit_of(document),
            Self::Failed(_, errors) => errors.0.iter().map(Exit::of).fold(Exit::Done, Exit::or),
            Self::Remembered(_) => Exit::Busy,
        }
    }
}

/// An error as a document.
pub fn error_document(error: &Error) -> Value {
    let mut document = json!({ "code": error.code(), "message": error.message() });
    for (key, value) in [("place", error.place()), ("help", error.help_text())] {
        if let Some(value) = value {
            document[key] = json!(value);
        }
    }
    document
}

/// What a run's document means for the exit code.
pub fn exit_of(document: &RunDocument) -> Exit {
    if matches!(document.state, RunState::Failed | RunState::Held | RunState::Lost | RunState::Cancelled) {
        let of = |r: &outflow_engine::Reason| Exit::of(&Error::new(r.code, r.message.clone()));
        return document.reason.as_ref().map_or(Exit::Failed, of);
    }
    let stands = |state| document.destinations.iter().any(|(_, d)| d.state == state);
    if stands(DeliveryState::Stopped) {
        return Exit::Destination;
    }
    // Calls are pending although no destination stopped: someone stopped us.
    if stands(DeliveryState::Delivering) {
        return Exit::Interrupted;
    }
    if document.has_losses() { Exit::WithLosses } else { Exit::Done }
}

/// Prints a run that another command took further, with what stopped it.
pub fn tell(document: RunDocument, printer: Printer) -> Exit {
    let outcome = Outcome::Ran(Box::new(document));
    outcome.tell(printer);
    if printer.is_ndjson() {
        printer.document(&outcome.document(), |_| String::new());
    }
    let exit = outcome.exit();
    report(&[outcome], printer);
    exit
}

fn report(outcomes: &[Outcome], printer: Printer) {
    if printer.is_ndjson() {
        return;
    }
    let documents: Vec<&RunDocument> = outcomes
        .iter()
        .filter_map(|o| if let Outcome::Ran(d) = o { Some(d.as_ref()) } else { None })
        .collect();
    match outcomes {
        [Outcome::Remembered(_)] if printer.is_table() => {}
        [one] => printer.document(&one.document(), |_| people(&documents)),
        all => {
            let all: Vec<Value> = all.iter().map(Outcome::document).collect();
            printer.document(&all, |_| people(&documents));
        }
    }
}

/// Runs for people: a line for each destination, the rows of each run, and where to look next.
pub fn people(documents: &[&RunDocument]) -> String {
    let mut rows = Vec::new();
    for d in documents {
        for (name, delivery) in &d.destinations {
            let c = delivery.counts;
            let mut row = vec![d.sync.clone(), d.call_type.to_string(), d.run.to_string(), name.clone()];
            row.extend([c.calls, c.delivered, c.dead_letters, c.filtered, c.pending].map(count));
            row.push(delivery.state.to_string());
            rows.push(row);
        }
    }
    let head = [
        "sync",
        "type",
        "run",
        "destination",
        "calls",
        "delivered",
        "dead letters",
        "filtered",
        "pending",
        "state",
    ];
    let mut text = if rows.is_empty() { String::new() } else { table(&head, &rows) };
    for d in documents {
        text += &format!("{}: {}", d.sync, progress::sum(&d.rows));
        if let Some(next) = &d.next_last_sync_time {
            text += &format!("; the next run reads from {next}");
        }
        text.push('\n');
        if let (RunState::Held, Some(reason)) = (d.state, &d.reason) {
            text += &format!("  held: {} {}\n", reason.code, crate::output::plain(&reason.message));
            text += &format!(
                "  nothing was sent; outflow release {0} delivers it, outflow discard {0} drops it\n",
                d.run
            );
        }
        if d.rows.rejected > 0 {
            text += &format!("  rejected rows and their reasons: outflow rejected {}\n", d.run);
        }
        if d.destinations.iter().any(|(_, x)| x.counts.dead_letters > 0) {
            text += &format!("  dead letters and their reasons: outflow dead-letters {}\n", d.run);
        }
        for (name, x) in &d.destinations {
            if let Some(reason) = &x.reason {
                text +=
                    &format!("  {name} stopped: {} {}\n", reason.code, crate::output::plain(&reason.message));
                text += &format!(
                    "  its {} calls stay pending; the next run goes on with them\n",
                    count(x.counts.pending)
                );
            }
        }
    }
    text
}
