//! `outflow backfill`: sends a destination what it has missed.

use outflow_app::{BackfillRequest, Errors};
use outflow_project::when;

use super::consent::allows_second_ids;
use super::outcome;
use crate::cli::Backfill;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::Printer;
use crate::progress;

/// Backfills and prints what came of it.
pub async fn backfill(front: &Front, args: &Backfill, printer: Printer) -> Result<Exit, Errors> {
    let mut request = BackfillRequest {
        destination: args.destination.clone(),
        sync: args.sync.clone(),
        since: args.since.as_deref().map(when::parse).transpose()?,
        yes: args.yes,
        delivery_timeout: args.delivery.delivery_timeout,
        wait: !args.delivery.no_wait,
    };
    let outcomes = match front.backfill(&request, &progress::caller(printer)).await {
        Err(refused) if allows_second_ids(&refused, printer) => {
            request.yes = true;
            front.backfill(&request, &progress::caller(printer)).await?
        }
        filled => filled?,
    };
    outcome::report(&outcomes, printer);
    Ok(outcome::exit(&outcomes))
}
