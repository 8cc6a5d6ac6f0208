//! `outflow backfill`: sends a destination what it has missed.

use outflow_core::run::RunOptions;
use outflow_core::{Code, Error, SyncSpec};
use outflow_engine::Errors;
use serde_json::json;

use super::run::{Job, Way, perform};
use crate::cli::{Backfill, Common};
use crate::exit::Exit;
use crate::output::Printer;
use crate::wiring;
use outflow_project::{Project, when};

/// Runs each sync from where the destination's gap begins, to that destination alone.
pub async fn backfill(common: &Common, args: &Backfill, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    project.known_destination(&args.destination)?;
    let since = args.since.as_deref().map(when::parse).transpose()?;
    let mut jobs = Vec::new();
    for spec in syncs(&project, args)? {
        let only = Some(args.destination.clone());
        let options = match since {
            Some(since) => RunOptions { only, since: Some(since), ..RunOptions::default() },
            None => match wiring::reader(common)?.gap(&spec.name, &args.destination)? {
                Some(start) => {
                    printer.say(&format!("{}: reading from {start} for {}", spec.name, args.destination));
                    RunOptions { only, start: Some(start), ..RunOptions::default() }
                }
                None => {
                    printer.say(&format!("{}: {} has missed nothing", spec.name, args.destination));
                    continue;
                }
            },
        };
        jobs.push(Job { spec, options, due_at: None });
    }
    if jobs.is_empty() {
        if !printer.is_ndjson() {
            printer.document(&json!([]), |_| String::new());
        }
        return Ok(Exit::Done);
    }
    let way =
        Way { delivery_timeout: args.way.delivery_timeout, no_wait: args.way.no_wait, jobs: 4, beside: true };
    perform(common, &project, jobs, way, printer).await.map(|(exit, _)| exit)
}

/// The sync that is named, or every enabled one that has the destination.
fn syncs(project: &Project, args: &Backfill) -> Result<Vec<SyncSpec>, Error> {
    let has = |spec: &SyncSpec| spec.connections.iter().any(|c| c.destination == args.destination);
    let Some(name) = &args.sync else {
        return Ok(project.syncs.iter().filter(|s| s.enabled && has(s)).cloned().collect());
    };
    let spec = project.sync(name)?;
    if !has(spec) {
        return Err(Error::new(
            Code::NoSuchSyncOrRun,
            format!("{name} does not send to {}", args.destination),
        )
        .help(format!("add {} to its destinations first", args.destination)));
    }
    Ok(vec![spec.clone()])
}
