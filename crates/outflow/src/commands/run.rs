//! `outflow run`: runs syncs now.

use outflow_app::{App, Errors, RunOutcome, RunRequest, Selection};
use outflow_core::{Code, Error};
use outflow_project::when;

use super::consent::allows_second_ids;
use super::outcome;
use crate::cli::Run;
use crate::exit::Exit;
use crate::output::Printer;
use crate::progress;

/// Runs what was requested and prints what came of it.
pub async fn run(app: &App, args: &Run, printer: Printer) -> Result<Exit, Errors> {
    let mut request = request(args)?;
    let outcomes = match app.run(&request, &progress::caller(printer)).await {
        Err(refused) if allows_second_ids(&refused, printer) => {
            request.yes = true;
            app.run(&request, &progress::caller(printer)).await?
        }
        ran => ran?,
    };
    if outcomes.is_empty() {
        printer.say(if args.due { "no sync is due" } else { "the project has no enabled sync" });
    }
    for run in outcomes.iter().filter_map(RunOutcome::resumed).filter(|_| !request.is_incremental()) {
        printer.say(&format!(
            "note: this finished run {run}, which was left unfinished; run again for your options to apply"
        ));
    }
    outcome::report(&outcomes, printer);
    Ok(outcome::exit(&outcomes))
}

fn request(args: &Run) -> Result<RunRequest, Errors> {
    if args.new_ids && !(args.full || args.since.is_some()) {
        let message = "--new-ids sends again what was sent: it says nothing without --full or --since";
        return Err(Error::new(Code::ConflictingOptions, message).help("add one of them").into());
    }
    let syncs = match (args.due, args.names.as_slice()) {
        (true, _) => Selection::Due,
        (false, []) => Selection::Enabled,
        (false, names) => Selection::Named(names.to_vec()),
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
