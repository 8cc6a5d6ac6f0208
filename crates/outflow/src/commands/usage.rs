//! `outflow usage`: how many calls were sent in a month.

use outflow_app::{App, Errors, UsageDocument, UsageEntry, UsageRequest};
use outflow_core::Date;

use crate::cli::Usage;
use crate::exit::Exit;
use crate::output::{Printer, count, counted, table};

/// Prints them.
pub async fn usage(app: &App, args: &Usage, printer: Printer) -> Result<Exit, Errors> {
    let Usage { month, sync, days } = args;
    let document = app.usage(&UsageRequest { month: month.clone(), sync: sync.clone(), days: *days }).await?;
    if printer.is_ndjson() {
        document.entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        printer.document(&document, people);
    }
    Ok(Exit::Done)
}

fn people(document: &UsageDocument) -> String {
    if document.entries.is_empty() {
        return format!("nothing was sent in {}\n", document.month);
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
    table(&head, &rows) + &format!("{} in {} (UTC)\n", counted(document.calls, "call"), document.month)
}
