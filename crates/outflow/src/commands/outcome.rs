//! What came of the syncs that a command was to run: for people, and as an exit code.

use outflow_app::{
    DeliveryDocument, EarlierDocument, Errors, MissingDocument, Reason, RunDocument, RunOutcome,
};
use outflow_core::{Code, DeliveryState, Error, NextStep, RowCounts, RunId, RunState};

use crate::exit::Exit;
use crate::hints;
use crate::output::{Printer, count, counted, instant, plain, table};

/// Prints what ended a sync's run, or what stopped its destinations.
pub fn tell(outcome: &RunOutcome, printer: Printer) {
    let document = match outcome {
        RunOutcome::Failed { errors, .. } => return errors.0.iter().for_each(|e| printer.error(e)),
        RunOutcome::Queued { .. } | RunOutcome::Skipped { .. } => return,
        RunOutcome::Ran(document) => document,
    };
    if let (RunState::AwaitingApproval, Some(reason)) = (document.state, &document.reason) {
        let run = document.run;
        let error = Error::new(reason.code, reason.message.clone())
            .at(format!("run {run} of {}", document.sync))
            .help(format!("nothing was sent: look at it with `outflow rejected {run}`"))
            .next_step(NextStep::Approve { run })
            .next_step(NextStep::Reject { run });
        printer.error(&error);
    }
    let stopped = document.destinations.iter().filter(|(_, d)| d.state == DeliveryState::Stopped);
    let error = |(name, d): &(String, DeliveryDocument)| {
        Some(stop(document, (document.run, name), d.reason.as_ref()?, d.counts.pending))
    };
    stopped.filter_map(error).for_each(|e| printer.error(&e));
    for EarlierDocument { destination, run, calls, reason } in &document.earlier {
        printer.error(&stop(document, (*run, destination), reason, *calls));
    }
    missing(&document.missing).for_each(|e| printer.error(&e));
}

/// Why a destination has stopped in a run of the document's sync, with what stays pending.
fn stop(document: &RunDocument, (run, name): (RunId, &str), reason: &Reason, pending: u64) -> Error {
    let message = format!("{name}: {}: {}", reason.code.title(), plain(&reason.message));
    let cure = hints::of_stop(reason.code).map(|cure| format!("{cure}. ")).unwrap_or_default();
    let hint = hints::of_reason(reason.code, name).filter(|_| reason.code == Code::DestinationPaused);
    let again = || format!("`outflow run {}` tries again and goes on with them", document.sync);
    let help = format!("{cure}{}; {}", stay(pending), hint.unwrap_or_else(again));
    Error::new(reason.code, message).at(format!("run {run} of {}", document.sync)).help(help)
}

/// What destinations have not got, each as an error.
pub fn missing(gaps: &[MissingDocument]) -> impl Iterator<Item = Error> {
    gaps.iter().map(|gap| {
        let help = match gap.filled_by {
            Some(run) => format!("run {run} sends them"),
            None => format!(
                "`outflow run {}` reads them again and sends {} what it lacks",
                gap.sync, gap.destination
            ),
        };
        Error::new(Code::CallsMissing, gap.sentence())
            .at(format!("run {} of {}", gap.run, gap.sync))
            .help(help)
    })
}

/// What the syncs' runs mean for the exit code.
pub fn exit(outcomes: &[RunOutcome]) -> Exit {
    let of = |outcome: &RunOutcome| match outcome {
        RunOutcome::Ran(document) => exit_of(document),
        RunOutcome::Failed { errors, .. } => Exit::of_all(errors),
        RunOutcome::Queued { .. } | RunOutcome::Skipped { .. } => Exit::Busy,
    };
    outcomes.iter().map(of).fold(Exit::Done, Exit::or)
}

/// What a run's document means for the exit code.
pub fn exit_of(document: &RunDocument) -> Exit {
    if matches!(
        document.state,
        RunState::Failed | RunState::AwaitingApproval | RunState::Lost | RunState::Cancelled
    ) {
        let of = |r: &Reason| Exit::of(&Error::new(r.code, r.message.clone()));
        return document.reason.as_ref().map_or(Exit::Failed, of);
    }
    let any = |is: &dyn Fn(&DeliveryDocument) -> bool| document.destinations.iter().any(|(_, d)| is(d));
    if any(&|d| d.state == DeliveryState::Stopped && !is_paused(d)) {
        return Exit::Destination;
    }
    if document.earlier.iter().any(|earlier| earlier.reason.code != Code::DestinationPaused) {
        return Exit::Destination;
    }
    // Calls are pending although no destination stopped, or another process still reads: a signal
    // stopped the run, or this process that followed it. What a person has paused is no failure.
    let is_open = !document.state.is_final() && !any(&is_paused);
    if any(&|d| d.state == DeliveryState::Delivering) || is_open {
        return Exit::Interrupted;
    }
    let rest = if document.has_losses() { Exit::WithLosses } else { Exit::Done };
    if document.missing.is_empty() { rest } else { Exit::Failed }
}

/// Whether a delivery waits only because a person has paused its destination.
fn is_paused(delivery: &DeliveryDocument) -> bool {
    let is_known = |reason: &Reason| reason.code == Code::DestinationPaused;
    delivery.state == DeliveryState::Stopped && delivery.reason.as_ref().is_some_and(is_known)
}

/// Prints what came of syncs. With `ndjson` each was printed when it ended.
pub fn report(outcomes: &[RunOutcome], printer: Printer) {
    if printer.is_ndjson() {
        return;
    }
    let documents: Vec<&RunDocument> = outcomes.iter().filter_map(RunOutcome::document).collect();
    match outcomes {
        [] => printer.document(&outcomes, |_| String::new()),
        [RunOutcome::Queued { .. } | RunOutcome::Skipped { .. }] if printer.is_table() => {}
        [one] => printer.document(one, |_| people(&documents)),
        all => printer.document(&all, |_| summary(&documents, failed(all))),
    }
}

/// A line of the table for each sync that has no run.
fn failed(outcomes: &[RunOutcome]) -> Vec<Vec<String>> {
    let row = |sync: &str, errors: &Errors| {
        let code = errors.0.first().map(|error| format!(" {}", error.code())).unwrap_or_default();
        let mut row = vec![sync.to_owned()];
        row.resize(COLUMNS.len() - 1, "-".to_owned());
        row.push(format!("{}{code}", RunState::Failed));
        row
    };
    let rows = outcomes.iter().filter_map(|outcome| match outcome {
        RunOutcome::Failed { sync, errors } => Some(row(sync, errors)),
        _ => None,
    });
    rows.collect()
}

const COLUMNS: [&str; 10] = [
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

/// Runs for people: a line for each destination, the rows of each run, and where to look next.
pub fn people(documents: &[&RunDocument]) -> String {
    summary(documents, Vec::new())
}

/// The same, with lines for syncs that have no run.
fn summary(documents: &[&RunDocument], failed: Vec<Vec<String>>) -> String {
    let mut rows = Vec::new();
    for d in documents {
        for (name, delivery) in &d.destinations {
            let c = delivery.counts;
            let mut row = vec![d.sync.clone(), d.call_type.to_string(), d.run.to_string(), name.clone()];
            row.extend([c.calls, c.delivered, c.dead_letters, c.filtered, c.pending].map(count));
            // The state of the run, where it says more than that of the delivery.
            row.push(match d.state {
                RunState::AwaitingApproval | RunState::SucceededWithRejected => d.state.to_string(),
                _ => delivery.state.to_string(),
            });
            rows.push(row);
        }
    }
    rows.extend(failed);
    let mut text = if rows.is_empty() { String::new() } else { table(&COLUMNS, &rows) };
    for d in documents {
        text += &format!("{}: {}", d.sync, sum(&d.rows));
        if let Some(next) = &d.next_last_sync_time {
            text += &format!("; the next run reads from {}", instant(next));
        }
        text.push('\n');
        if let (RunState::AwaitingApproval, Some(reason)) = (d.state, &d.reason) {
            text += &format!("  awaits approval: {} {}\n", reason.code, plain(&reason.message));
            text += &format!(
                "  nothing was sent; outflow approve {0} delivers it, outflow reject {0} drops it\n",
                d.run
            );
        }
        if d.rows.rejected > 0 {
            text += &format!("  rejected rows and their reasons: outflow rejected {}\n", d.run);
            if d.state.is_final() {
                text += &format!("  once they are fixed: outflow replay {} --rejected\n", d.run);
            }
        }
        if d.destinations.iter().any(|(_, x)| x.counts.dead_letters > 0) {
            text += &format!("  dead letters and their reasons: outflow dead-letters {}\n", d.run);
        }
        for (name, x) in &d.destinations {
            let Some(reason) = &x.reason else { continue };
            let is_stopped = x.state == DeliveryState::Stopped;
            let stopped = if is_stopped { " stopped" } else { "" };
            let hint = hints::of_reason(reason.code, name).map(|h| format!("; {h}")).unwrap_or_default();
            text += &format!("  {name}{stopped}: {} {}{hint}\n", reason.code, plain(&reason.message));
            if is_stopped {
                let then = if is_paused(x) { "" } else { "; the next run goes on with them" };
                text += &format!("  {}{then}\n", stay(x.counts.pending));
            }
        }
        for EarlierDocument { destination, run, calls, reason } in &d.earlier {
            let said = plain(&reason.message);
            text += &format!("  {destination} stopped in run {run}: {} {said}\n", reason.code);
            text += &format!("  {}\n", stay(*calls));
        }
    }
    text
}

fn stay(calls: u64) -> String {
    let stay = if calls == 1 { "stays" } else { "stay" };
    format!("{} {stay} pending", counted(calls, "call"))
}

/// The rows of a run in a line.
pub fn sum(rows: &RowCounts) -> String {
    format!(
        "{} read = {} + {} rejected + {} unchanged",
        counted(rows.read, "row"),
        counted(rows.calls, "call"),
        count(rows.rejected),
        count(rows.unchanged)
    )
}
