//! A gap whose runs had another query than the sync has now, and that query does not run any more.
//!
//! What always holds: such a gap stays open and says why, until what the query needs is there again
//! or a run covers it with the present query. What passes by itself is no reason.

use outflow_core::codes::Area;
use outflow_core::run::RunKind;
use outflow_core::{Code, Error, NextStep, RunId, RunRecord};

use crate::Errors;

/// Whether an error can pass by itself within minutes.
pub(crate) fn passes(code: Code) -> bool {
    matches!(
        code,
        Code::HostNotResolved
            | Code::ConnectionRefused
            | Code::SourceTimeout
            | Code::StatementCancelled
            | Code::ConnectionBroken
            | Code::SourceUnavailable
            | Code::DiskReserveReached
    )
}

/// The errors of a run that was to fill a gap with the query of an earlier run: E123, if it failed
/// because of that query.
pub(crate) fn explained(record: &RunRecord, query_of: RunId, errors: Errors) -> Errors {
    let is_about_the_query = |error: &&Error| {
        let is_about_it = matches!(error.code().area(), Area::Source | Area::Query);
        (is_about_it || error.code() == Code::SourceChanged) && !passes(error.code())
    };
    let Some(cause) = errors.0.first().filter(is_about_the_query) else { return errors };
    let options = &record.spec.options;
    let destination = options.destination.clone().unwrap_or_default();
    let message = format!(
        "what {destination} lacks of {} is read with the query that run {query_of} had, which does not run any more: {}: {}",
        record.sync,
        cause.code(),
        cause.message()
    );
    let sync = record.sync.clone();
    let way_out = match &options.kind {
        RunKind::Backfill { start, .. } if start.parse::<i64>().is_ok() => {
            NextStep::BackfillSince { destination, sync, since: start.clone() }
        }
        _ => NextStep::RunFull { sync },
    };
    let error = Error::new(Code::GapQueryFailed, message)
        .help("make what that query needs available again, and it is sent; or have the present query read it")
        .next_step(way_out);
    match cause.quoted().cloned() {
        Some(quoted) => error.quoting(quoted).into(),
        None => error.into(),
    }
}
