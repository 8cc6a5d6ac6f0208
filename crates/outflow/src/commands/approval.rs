//! `outflow approve` and `outflow reject`: what becomes of a run that a guard holds.

use std::sync::Arc;

use outflow_core::ports::state::State as _;
use outflow_core::run::{RunOptions, Trigger};
use outflow_core::{Code, Error, RunId};
use outflow_engine::{Engine, Errors, RunDocument, RunRequest, Seconds};
use outflow_state::SqliteState;

use super::{follow, outcome};
use crate::cli::{Approve, Common, Reject};
use crate::control::{self, Ask};
use crate::exit::Exit;
use crate::output::Printer;
use crate::progress::Display;
use crate::{signals, wiring};
use outflow_project::Project;

/// Releases the run and follows its delivery, or delivers it.
pub async fn approve(common: &Common, args: &Approve, printer: Printer) -> Result<Exit, Errors> {
    let run = RunId(args.run);
    let dir = wiring::state_dir(common);
    // Who mistypes the number hears so before anything waits for the state or reads the project.
    let sync = SqliteState::open_read_only(&dir)?.run(run)?.ok_or_else(|| unknown(run))?.sync;
    let document = match control::ask(&dir, &Ask::Approve { run }).await? {
        Some(_) => {
            printer.say(&format!("{sync}: run {run} is approved; the running Outflow delivers it"));
            follow::to_its_end(common, run).await?
        }
        None => {
            let engine = engine(common, args.no_wait, printer).await?;
            engine.approve(run).await?;
            let request = RunRequest {
                options: RunOptions::default(),
                trigger: Trigger::Manual,
                due_at: None,
                delivery_timeout: Some(args.delivery_timeout),
                progress: Display::new(printer).of(&sync),
            };
            // Runs of a sync go out in their order, so it may be an older one that did not get through.
            match engine.finish(&sync, &request).await? {
                Some(document) => document,
                None => recorded(&engine, run)?,
            }
        }
    };
    Ok(outcome::tell(document, printer))
}

/// Drops the run and prints what is left of it.
pub async fn reject(common: &Common, args: &Reject, printer: Printer) -> Result<Exit, Errors> {
    let run = RunId(args.run);
    let ask = Ask::Reject { run, skip_window: args.skip_window };
    let engine = match control::ask(&wiring::state_dir(common), &ask).await? {
        Some(_) => wiring::reader(common)?,
        None => {
            let engine = engine(common, args.no_wait, printer).await?;
            engine.reject(run, args.skip_window).await?;
            engine
        }
    };
    let document = recorded(&engine, run)?;
    let moved = match &document.next_last_sync_time {
        Some(next) => format!("the next run reads from {next}"),
        None => "last_sync_time did not move: the next run reads the same rows again".to_owned(),
    };
    printer.document(&document, |d| format!("run {} of {} is rejected; {moved}\n", d.run, d.sync));
    Ok(Exit::Done)
}

/// An engine that holds the state, as nobody else does.
async fn engine(common: &Common, no_wait: bool, printer: Printer) -> Result<Engine, Errors> {
    let project = Project::load(&common.project)?;
    let stop = signals::listen();
    let state = Arc::new(super::holder::open_state(common, no_wait, &stop, printer).await?);
    Ok(wiring::engine(common, &project, state, stop)?)
}

fn recorded(engine: &Engine, run: RunId) -> Result<RunDocument, Error> {
    let record = engine.state.run(run)?.ok_or_else(|| unknown(run))?;
    let seconds = Seconds::between(&record);
    Ok(RunDocument::of(&record, engine.state.deliveries(run)?, false, seconds))
}

fn unknown(run: RunId) -> Error {
    Error::new(Code::NoSuchSyncOrRun, format!("there is no run {run}")).help("`outflow runs` lists the runs")
}
