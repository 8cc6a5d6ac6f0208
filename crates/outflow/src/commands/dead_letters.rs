//! `outflow dead-letters`: the calls of a run that a destination refused for good, with its answer.

use outflow_app::{App, DeadLetterList, DeadLettersRequest, Errors};
use serde_json::Value;

use crate::cli::DeadLetters;
use crate::exit::Exit;
use crate::output::{Printer, count, plain, short, table};

/// Prints them.
pub async fn dead_letters(app: &App, args: &DeadLetters, printer: Printer) -> Result<Exit, Errors> {
    let DeadLetters { run, destination, limit } = args;
    let request = DeadLettersRequest { run: run.name(), destination: destination.clone(), limit: *limit };
    let list = app.dead_letters(&request).await?;
    if printer.is_ndjson() {
        list.entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        printer.document(&list, people);
    }
    Ok(Exit::Done)
}

fn people(list: &DeadLetterList) -> String {
    let DeadLetterList { run, sync, dead_letters: total, causes, entries, .. } = list;
    let mut text = format!("{sync}: {} dead letters in run {run}\n", count(*total));
    let rows: Vec<Vec<String>> = causes
        .iter()
        .map(|c| {
            let status = c.status.map_or_else(String::new, |s| s.to_string());
            let numbers = [c.dead_letters, c.replayed].map(count);
            [vec![c.destination.clone(), c.code.to_string(), status, short(&c.reason, 60)], numbers.to_vec()]
                .concat()
        })
        .collect();
    if !rows.is_empty() {
        text += &table(&["destination", "code", "status", "reason", "calls", "replayed"], &rows);
    }
    for e in entries {
        let status = e.letter.status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
        text += &format!("\n{}: {}{status} {}\n", e.destination, e.letter.code, plain(&e.letter.reason));
        text += &format!("  row {}, messageId {}\n", count(e.letter.ordinal + 1), e.letter.message_id);
        if let Some(run) = e.letter.replayed_by {
            text += &format!("  replayed by run {run}\n");
        }
        text += &match &e.call {
            Value::Null => "  the call itself is no longer kept\n".to_owned(),
            call => format!("  {}\n", short(&call.to_string(), 300)),
        };
    }
    let open = causes.iter().any(|c| c.replayed < c.dead_letters);
    if open && entries.iter().any(|e| !e.call.is_null()) {
        text += &format!("\nwhen the cause is fixed: outflow replay {run}\n");
    }
    if (entries.len() as u64) < *total {
        text += &format!(
            "\n{} of {} shown; --limit 0 shows all, --output ndjson exports them\n",
            entries.len(),
            count(*total)
        );
    }
    text
}
