//! `outflow run`: runs syncs now.

use std::io::IsTerminal as _;

use outflow_app::{App, Errors, RunOutcome, RunRequest, Selection};
use outflow_core::{Code, Error};
use outflow_project::when;

use super::outcome;
use crate::cli::Run;
use crate::exit::Exit;
use crate::output::Printer;
use crate::progress;

/// Runs what was requested and prints what came of it.
pub async fn run(app: &App, args: &Run, printer: Printer) -> Result<Exit, Errors> {
    let mut request = request(args)?;
    let outcomes = match app.run(&request, &progress::caller(printer)).await {
        Err(Errors(refused)) if refused.iter().all(|e| e.code() == Code::SecondIds) && may_ask() => {
            refused.iter().for_each(|error| printer.say(error.message()));
            request.yes = agrees(printer);
            if !request.yes {
                return Err(Errors(refused));
            }
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

/// Whether a person sits at a terminal who can answer.
fn may_ask() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

fn agrees(printer: Printer) -> bool {
    printer.say("send them? [y/N]");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
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
