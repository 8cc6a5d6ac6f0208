//! What came of the syncs that a command was to run: for people, for documents and as an exit code.

use outflow_core::{DeliveryState, Error, RunState};
use outflow_engine::{Errors, RunDocument};
use serde_json::{Value, json};

use crate::exit::Exit;
use crate::output::{Printer, count, error_document, plain, table};
use crate::progress;

/// What came of one sync.
pub enum Outcome {
    /// It ran.
    Ran(Box<RunDocument>),
    /// It did not.
    Failed(String, Errors),
    /// A running `serve` does it later.
    Remembered(String),
}

impl Outcome {
    /// The sync.
    pub fn sync(&self) -> &str {
        match self {
            Self::Ran(document) => &document.sync,
            Self::Failed(sync, _) | Self::Remembered(sync) => sync,
        }
    }

    /// Prints what ended it, or what stopped its destinations.
    pub fn tell(&self, printer: Printer) {
        let document = match self {
            Self::Failed(_, errors) => return errors.0.iter().for_each(|e| printer.error(e)),
            Self::Remembered(_) => return,
            Self::Ran(document) => document,
        };
        if let (RunState::AwaitingApproval, Some(reason)) = (document.state, &document.reason) {
            let run = document.run;
            let error = Error::new(reason.code, reason.message.clone())
                .at(format!("run {run} of {}", document.sync))
                .help(format!(
                    "nothing was sent: look at it with `outflow rejected {run}`; then `outflow approve {run}` delivers it, `outflow reject {run}` drops it"
                ));
            printer.error(&error);
        }
        let stopped = document.destinations.iter().filter(|(_, d)| d.state == DeliveryState::Stopped);
        let error = |(name, d): &(String, outflow_engine::DeliveryDocument)| {
            let reason = d.reason.as_ref()?;
            let message = format!("{name}: {}", plain(&reason.message));
            let help = format!(
                "{} calls stay pending; `outflow run {}` goes on with them",
                count(d.counts.pending),
                document.sync
            );
            Some(
                Error::new(reason.code, message)
                    .at(format!("run {} of {}", document.run, document.sync))
                    .help(help),
            )
        };
        stopped.filter_map(error).for_each(|e| printer.error(&e));
    }

    /// The run that an earlier process had left unfinished, if it was one.
    pub fn resumed(&self) -> Option<outflow_core::RunId> {
        match self {
            Self::Ran(document) => document.resumed.then_some(document.run),
            Self::Failed(..) | Self::Remembered(_) => None,
        }
    }

    /// The run's document, or what went wrong.
    pub fn document(&self) -> Value {
        match self {
            Self::Ran(document) => serde_json::to_value(document).unwrap_or_default(),
            Self::Failed(sync, errors) => {
                let errors: Vec<Value> = errors.0.iter().map(error_document).collect();
                json!({ "format_version": 1, "sync": sync, "state": RunState::Failed, "errors": errors })
            }
            Self::Remembered(sync) => json!({ "format_version": 1, "sync": sync, "state": RunState::Queued }),
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::Ran(document) => exit_of(document),
            Self::Failed(_, errors) => errors.0.iter().map(Exit::of).fold(Exit::Done, Exit::or),
            Self::Remembered(_) => Exit::Busy,
        }
    }
}

pub fn exit(outcomes: &[Outcome]) -> Exit {
    outcomes.iter().map(Outcome::exit).fold(Exit::Done, Exit::or)
}

/// What a run's document means for the exit code.
pub fn exit_of(document: &RunDocument) -> Exit {
    if matches!(
        document.state,
        RunState::Failed | RunState::AwaitingApproval | RunState::Lost | RunState::Cancelled
    ) {
        let of = |r: &outflow_engine::Reason| Exit::of(&Error::new(r.code, r.message.clone()));
        return document.reason.as_ref().map_or(Exit::Failed, of);
    }
    let stands = |state| document.destinations.iter().any(|(_, d)| d.state == state);
    if stands(DeliveryState::Stopped) {
        return Exit::Destination;
    }
    // Calls are pending although no destination stopped: someone stopped us.
    if stands(DeliveryState::Delivering) {
        return Exit::Interrupted;
    }
    if document.has_losses() { Exit::WithLosses } else { Exit::Done }
}

/// Prints a run that another command took further, with what stopped it.
pub fn tell(document: RunDocument, printer: Printer) -> Exit {
    let outcome = Outcome::Ran(Box::new(document));
    outcome.tell(printer);
    if printer.is_ndjson() {
        printer.document(&outcome.document(), |_| String::new());
    }
    let exit = outcome.exit();
    report(&[outcome], printer);
    exit
}

pub fn report(outcomes: &[Outcome], printer: Printer) {
    if printer.is_ndjson() {
        return;
    }
    let documents: Vec<&RunDocument> = outcomes
        .iter()
        .filter_map(|o| if let Outcome::Ran(d) = o { Some(d.as_ref()) } else { None })
        .collect();
    match outcomes {
        [Outcome::Remembered(_)] if printer.is_table() => {}
        [one] => printer.document(&one.document(), |_| people(&documents)),
        all => {
            let all: Vec<Value> = all.iter().map(Outcome::document).collect();
            printer.document(&all, |_| people(&documents));
        }
    }
}

/// Runs for people: a line for each destination, the rows of each run, and where to look next.
pub fn people(documents: &[&RunDocument]) -> String {
    let mut rows = Vec::new();
    for d in documents {
        for (name, delivery) in &d.destinations {
            let c = delivery.counts;
            let mut row = vec![d.sync.clone(), d.call_type.to_string(), d.run.to_string(), name.clone()];
            row.extend([c.calls, c.delivered, c.dead_letters, c.filtered, c.pending].map(count));
            row.push(delivery.state.to_string());
            rows.push(row);
        }
    }
    let head = [
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
    let mut text = if rows.is_empty() { String::new() } else { table(&head, &rows) };
    for d in documents {
        text += &format!("{}: {}", d.sync, progress::sum(&d.rows));
        if let Some(next) = &d.next_last_sync_time {
            text += &format!("; the next run reads from {next}");
        }
        text.push('\n');
        if let (RunState::AwaitingApproval, Some(reason)) = (d.state, &d.reason) {
            text += &format!("  held: {} {}\n", reason.code, plain(&reason.message));
            text += &format!(
                "  nothing was sent; outflow approve {0} delivers it, outflow reject {0} drops it\n",
                d.run
            );
        }
        if d.rows.rejected > 0 {
            text += &format!("  rejected rows and their reasons: outflow rejected {}\n", d.run);
        }
        if d.destinations.iter().any(|(_, x)| x.counts.dead_letters > 0) {
            text += &format!("  dead letters and their reasons: outflow dead-letters {}\n", d.run);
        }
        for (name, x) in &d.destinations {
            let Some(reason) = &x.reason else { continue };
            let is_stopped = x.state == DeliveryState::Stopped;
            let stopped = if is_stopped { " stopped" } else { "" };
            text += &format!("  {name}{stopped}: {} {}\n", reason.code, plain(&reason.message));
            if is_stopped {
                let pending = count(x.counts.pending);
                text += &format!("  its {pending} calls stay pending; the next run goes on with them\n");
            }
        }
    }
    text
}
