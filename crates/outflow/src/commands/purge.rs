//! `outflow purge`: removes a person from what is kept.

use std::sync::Arc;

use outflow_core::{Code, Error, RunId};
use outflow_engine::Errors;
use outflow_engine::operations::purge::PurgeReport;

use crate::cli::{Common, Purge};
use crate::control::{self, Ask};
use crate::exit::Exit;
use crate::output::{Printer, count, table};
use crate::{signals, wiring};

/// Removes it, or says what would be removed.
pub async fn purge(common: &Common, args: &Purge, printer: Printer) -> Result<Exit, Errors> {
    let report = match args.dry_run {
        true => wiring::reader(common)?.purge(&args.key, true)?,
        false => remove(common, args, printer).await?,
    };
    printer.document(&report, people);
    Ok(Exit::Done)
}

async fn remove(common: &Common, args: &Purge, printer: Printer) -> Result<PurgeReport, Error> {
    let ask = Ask::Purge { id: args.key.clone() };
    if let Some(answer) = control::ask(&wiring::state_dir(common), &ask).await? {
        return serde_json::from_value(answer).map_err(|e| {
            Error::new(Code::StateHeld, "the running Outflow gave another answer than a report").caused_by(e)
        });
    }
    let stop = signals::listen();
    let state = Arc::new(super::holder::open_state(common, args.no_wait, &stop, printer).await?);
    let engine = outflow_engine::Engine { stop, ..wiring::keeper(common, state)? };
    let id = args.key.clone();
    tokio::task::block_in_place(move || engine.purge(&id, false))
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
