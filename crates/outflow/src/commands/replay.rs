//! `outflow replay`: sends calls of an earlier run again.

use outflow_core::run::{ReplayMode, RunOptions};
use outflow_core::{Code, Error, RunRecord};
use outflow_engine::Errors;
use outflow_engine::operations::replay::{ReplayRequest, usual_way};
use serde_json::json;

use super::look;
use super::run::{Job, Way, perform};
use crate::cli::{self, Common, RunName};
use crate::exit::Exit;
use crate::output::{Printer, count, plain};
use crate::wiring;
use outflow_project::Project;

/// So many people are named whom the query does not give any more.
const NAMED: usize = 20;

/// Replays what was asked for; nothing to replay is no error.
pub async fn replay(common: &Common, args: &cli::Replay, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let reader = wiring::reader(common)?;
    let record = look::run(&reader, &RunName { run: Some(args.run.clone()) })?;
    let request = request(args, &record)?;
    let spec = project.sync(&record.sync)?.clone();
    if let Some(destination) = &args.destination {
        project.known_destination(destination)?;
    }
    let plan = reader.plan_replay(&request)?;
    drop(reader);
    if plan.is_empty() {
        printer.say(&nothing(&record, &request));
        if !printer.is_ndjson() {
            printer.document(&json!([]), |_| String::new());
        }
        return Ok(Exit::Done);
    }
    printer.say(&told(&record, &request, &plan));
    let jobs = plan.into_iter().map(|options| Job { spec: spec.clone(), options, due_at: None }).collect();
    // One after the other: two of one sync would find each other in the way.
    let way =
        Way { delivery_timeout: args.way.delivery_timeout, no_wait: args.way.no_wait, jobs: 1, beside: true };
    let (exit, runs) = perform(common, &project, jobs, way, printer).await?;
    let reader = wiring::reader(common)?;
    for run in runs {
        let ids = reader.not_given(run)?;
        if !ids.is_empty() {
            let named: Vec<String> = ids.iter().take(NAMED).map(|id| plain(id)).collect();
            let more = if ids.len() > NAMED { ", …" } else { "" };
            printer.say(&format!(
                "{} refused keys are not in the query's result any more and were not sent: {}{more}",
                count(ids.len() as u64),
                named.join(", ")
            ));
        }
    }
    Ok(exit)
}

fn request(args: &cli::Replay, record: &RunRecord) -> Result<ReplayRequest, Error> {
    let again = match (args.all, args.as_sent, args.requery) {
        (true, ..) => Some(ReplayMode::All),
        (_, true, _) => Some(ReplayMode::AsSent),
        (.., true) => Some(ReplayMode::Requery),
        _ => None,
    };
    Ok(ReplayRequest {
        run: record.id,
        destination: args.destination.clone(),
        code: args.code.as_deref().map(look::code).transpose()?,
        again,
        force: args.force,
    })
}

fn nothing(record: &RunRecord, request: &ReplayRequest) -> String {
    if request.again == Some(ReplayMode::All) {
        return format!("run {} of {} has no calls", record.id, record.sync);
    }
    let code: String = request.code.map(|c: Code| format!(" with {c}")).unwrap_or_default();
    let yet = if request.force { "" } else { " that was not replayed (--force replays again)" };
    format!("run {} of {} has no dead letter{code}{yet}", record.id, record.sync)
}

fn told(record: &RunRecord, request: &ReplayRequest, plan: &[RunOptions]) -> String {
    let destinations: Vec<&str> = plan.iter().filter_map(|o| o.only.as_deref()).collect();
    let what = match request.again.unwrap_or_else(|| usual_way(record.call_type)) {
        ReplayMode::All => "all calls, as they were sent",
        ReplayMode::AsSent => "dead letters, as they were sent",
        ReplayMode::Requery => "the rows of dead letters, as the query gives them now",
    };
    format!("replaying run {} of {} to {}: {what}", record.id, record.sync, destinations.join(", "))
}
