//! `outflow runs`: lists runs, the newest first.

use outflow_core::ports::state::RunFilter;
use outflow_engine::{Errors, RunListEntry};

use crate::cli::{Common, Runs};
use crate::exit::Exit;
use crate::output::{Printer, count, short, table};
use crate::wiring;

/// Prints the list.
pub fn runs(common: &Common, args: &Runs, printer: Printer) -> Result<Exit, Errors> {
    let engine = wiring::reader(common)?;
    let mut entries = Vec::new();
    for record in engine.state.runs(&RunFilter { sync: args.sync.clone(), limit: args.limit })? {
        entries.push(RunListEntry::of(&record, engine.state.deliveries(record.id)?));
    }
    if printer.is_ndjson() {
        entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        printer.document(&entries, |entries| people(entries));
    }
    Ok(Exit::Done)
}

fn people(entries: &[RunListEntry]) -> String {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let d = &e.document;
            let sum = |f: fn(&outflow_core::DeliveryCounts) -> u64| -> u64 {
                d.destinations.iter().map(|(_, x)| f(&x.counts)).sum()
            };
            let stopped = d.destinations.iter().find_map(|(_, x)| x.reason.as_ref());
            let why = d.reason.as_ref().or(stopped).map(|r| format!("{} {}", r.code, r.message));
            vec![
                d.run.to_string(),
                d.sync.clone(),
                d.state.to_string(),
                e.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                count(d.rows.read),
                count(d.rows.calls),
                count(d.rows.rejected),
                count(d.rows.unchanged),
                count(sum(|c| c.delivered)),
                count(sum(|c| c.dead_letters)),
                count(sum(|c| c.pending)),
                short(&why.unwrap_or_default(), 60),
            ]
        })
        .collect();
    if rows.is_empty() {
        return "nothing has run yet\n".to_owned();
    }
    let head = [
        "run",
        "sync",
        "state",
        "started",
        "read",
        "calls",
        "rejected",
        "unchanged",
        "delivered",
        "dead letters",
        "pending",
        "why",
    ];
    table(&head, &rows)
}
