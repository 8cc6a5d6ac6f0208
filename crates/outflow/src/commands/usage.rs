//! `outflow usage`: how many calls were sent in a month.

use outflow_app::{Errors, RowsRead, UsageDocument, UsageEntry, UsageRequest};
use outflow_core::Date;

use crate::cli::Usage;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, counted, table};

/// Prints them.
pub async fn usage(front: &Front, args: &Usage, printer: Printer) -> Result<Exit, Errors> {
    let Usage { month, sync, days } = args;
    let document =
        front.usage(&UsageRequest { month: month.clone(), sync: sync.clone(), days: *days }).await?;
    if printer.is_ndjson() {
        document.entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        printer.document(&document, people);
    }
    Ok(Exit::Done)
}

fn people(document: &UsageDocument) -> String {
    let rows = |read: &RowsRead| {
        format!("{} read {} in {}", read.sync, counted(read.rows, "row"), counted(read.runs, "run"))
    };
    let read: Vec<String> = document.read.iter().map(rows).collect();
    let read = if read.is_empty() { String::new() } else { format!("{}\n", read.join("; ")) };
    if document.entries.is_empty() {
        return format!("nothing was sent in {}\n{read}", document.month);
    }
    let row = |e: &UsageEntry| {
        let mut row: Vec<String> = e.day.iter().map(Date::to_string).collect();
        row.extend([e.sync.clone(), e.destination.clone(), e.call_type.to_string()]);
        row.extend([e.calls, e.delivered, e.dead_letters].map(count));
        row
    };
    let mut head = vec!["sync", "destination", "type", "calls", "delivered", "dead letters"];
    if document.entries.iter().any(|e| e.day.is_some()) {
        head.insert(0, "day");
    }
    let rows: Vec<_> = document.entries.iter().map(row).collect();
    // A call that goes to two destinations is one to each, so they are not added up.
    let got = |(name, calls): (&String, &u64)| format!("{name} got {}", counted(*calls, "call"));
    let got: Vec<String> = document.destinations.iter().map(got).collect();
    table(&head, &rows) + &format!("{} in {} (UTC)\n{read}", got.join("; "), document.month)
}
