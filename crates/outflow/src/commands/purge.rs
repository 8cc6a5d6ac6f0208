//! `outflow purge`: removes a person from what is kept.

use outflow_app::{Errors, PurgeReport, PurgeRequest};
use outflow_core::RunId;

use crate::cli::Purge;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, table};
use crate::progress;

/// Removes the person, or says what would be removed.
pub async fn purge(front: &Front, args: &Purge, printer: Printer) -> Result<Exit, Errors> {
    let request = PurgeRequest { id: args.key.clone(), dry_run: args.dry_run, wait: !args.no_wait };
    let report = front.purge(&request, &progress::caller(printer)).await?;
    printer.document(&report, people);
    Ok(Exit::Done)
}

fn people(report: &PurgeReport) -> String {
    let rows: Vec<Vec<String>> = report
        .runs
        .iter()
        .map(|r| {
            let mut row = vec![r.run.to_string(), r.sync.clone()];
            row.extend([r.calls, r.rejections, r.samples, r.dead_letters, r.cancelled].map(count));
            row
        })
        .collect();
    let mut text = match (rows.is_empty(), report.dry_run) {
        (true, _) => "nothing is kept of this person\n".to_owned(),
        (false, true) => "would be removed:\n".to_owned(),
        (false, false) => "removed:\n".to_owned(),
    };
    if !rows.is_empty() {
        let head = ["run", "sync", "calls", "rejected rows", "samples", "dead letters", "cancelled calls"];
        text += &table(&head, &rows);
    }
    if !report.reading.is_empty() {
        let runs: Vec<String> = report.reading.iter().map(RunId::to_string).collect();
        text += &format!("being read now: {}; purge again when they have been\n", runs.join(", "));
    }
    text
}
