//! `outflow run`: runs syncs now.

use std::time::Duration;

use outflow_app::{Errors, EstimateRequest, PreviewStart, RunOutcome, RunRequest, Selection, Selectors};
use outflow_core::{Code, Error};
use outflow_project::when;

use super::consent::allows_second_ids;
use super::list::selectors;
use super::{estimate, outcome};
use crate::cli::Run;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;
use crate::progress;

/// How long a dry run counts the rows of one sync.
const COUNTED_WITHIN: Duration = Duration::from_secs(30);

/// Runs what was requested and prints what came of it.
pub async fn run(front: &Front, args: &Run, printer: Printer) -> Result<Exit, Errors> {
    let mut request = request(args)?;
    if args.dry_run {
        return dry_run(front, &request, printer).await;
    }
    let outcomes = match front.run(&request, &progress::caller(printer)).await {
        Err(refused) if allows_second_ids(&refused, printer) => {
            request.yes = true;
            front.run(&request, &progress::caller(printer)).await?
        }
        ran => ran?,
    };
    if outcomes.is_empty() {
        printer.say(match &request.syncs {
            Selection::Due => "no sync is due",
            Selection::Matching(which) if !which.exclude.is_empty() => {
                "nothing is left to run: --exclude leaves out every sync that is selected"
            }
            _ => "the project has no enabled sync",
        });
    }
    for run in outcomes.iter().filter_map(RunOutcome::resumed).filter(|_| !request.is_incremental()) {
        printer.say(&format!(
            "note: this finished run {run}, which was left unfinished; run again for your options to apply"
        ));
    }
    outcome::report(&outcomes, printer);
    Ok(outcome::exit(&outcomes))
}

/// Says what the runs would come to.
async fn dry_run(front: &Front, request: &RunRequest, printer: Printer) -> Result<Exit, Errors> {
    let which = match &request.syncs {
        Selection::Matching(which) => which.clone(),
        _ => Selectors { select: vec!["*".to_owned()], exclude: Vec::new() },
    };
    let start = match request.since {
        _ if request.full => PreviewStart::First,
        Some(at) => PreviewStart::At(at),
        None => PreviewStart::Next,
    };
    let mut documents = Vec::new();
    for sync in front.list(&which).await?.syncs {
        let request = EstimateRequest { sync: sync.sync, start, timeout: COUNTED_WITHIN };
        documents.push(front.estimate(&request).await?);
    }
    estimate::print_all(&documents, printer);
    Ok(Exit::Done)
}

fn request(args: &Run) -> Result<RunRequest, Errors> {
    if args.new_ids && !(args.full || args.since.is_some()) {
        let message = "--new-ids sends again what was sent: it says nothing without --full or --since";
        return Err(Error::new(Code::ConflictingOptions, message).help("add one of them").into());
    }
    let which = selectors(&args.which);
    let syncs = match args.due {
        true => Selection::Due,
        false if which.is_empty() => Selection::Enabled,
        false => Selection::Matching(which),
    };
    Ok(RunRequest {
        syncs,
        full: args.full,
        since: args.since.as_deref().map(when::parse).transpose()?,
        limit: args.limit,
        destination: args.destination.clone(),
        new_ids: args.new_ids,
        yes: args.yes,
        delivery_timeout: args.delivery_timeout,
        wait: !args.no_wait,
        parallel: args.jobs as usize,
    })
}
