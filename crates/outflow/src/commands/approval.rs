//! `outflow approve` and `outflow reject`: what becomes of a run that awaits approval.

use outflow_app::{ApproveRequest, Errors, RejectRequest, RunName};

use super::outcome;
use crate::cli::{Approve, Reject};
use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;
use crate::progress;

/// Approves the run and prints what came of its delivery.
pub async fn approve(front: &Front, args: &Approve, printer: Printer) -> Result<Exit, Errors> {
    let request = ApproveRequest {
        run: RunName::parse(Some(&args.run)),
        delivery_timeout: args.delivery_timeout,
        wait: !args.no_wait,
    };
    let outcomes = [front.approve(&request, &progress::caller(printer)).await?];
    outcome::report(&outcomes, printer);
    Ok(outcome::exit(&outcomes))
}

/// Drops the run and prints what is left of it.
pub async fn reject(front: &Front, args: &Reject, printer: Printer) -> Result<Exit, Errors> {
    let request = RejectRequest {
        run: RunName::parse(Some(&args.run)),
        skip_window: args.skip_window,
        wait: !args.no_wait,
    };
    let document = front.reject(&request, &progress::caller(printer)).await?;
    let moved = match &document.next_last_sync_time {
        Some(next) => format!("the next run reads from {next}"),
        None => "last_sync_time did not move: the next run reads the same rows again".to_owned(),
    };
    printer.document(&document, |d| format!("run {} of {} is rejected; {moved}\n", d.run, d.sync));
    Ok(Exit::Done)
}
