//! `outflow cancel`: gives up calls that wait for a destination that the project no longer has.

use outflow_app::{CancelReport, CancelRequest, Errors};

use crate::cli::Cancel;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, table};
use crate::progress;

/// Gives the calls up and prints which ones.
pub async fn cancel(front: &Front, args: &Cancel, printer: Printer) -> Result<Exit, Errors> {
    let request =
        CancelRequest { destination: args.destination.clone(), sync: args.sync.clone(), wait: !args.no_wait };
    printer.document(&front.cancel(&request, &progress::caller(printer)).await?, people);
    Ok(Exit::Done)
}

fn people(report: &CancelReport) -> String {
    let rows: Vec<Vec<String>> =
        report.runs.iter().map(|r| vec![r.run.to_string(), r.sync.clone(), count(r.calls)]).collect();
    let calls = count(report.calls);
    format!("{calls} calls for {} are cancelled:\n", report.destination)
        + &table(&["run", "sync", "cancelled calls"], &rows)
}
