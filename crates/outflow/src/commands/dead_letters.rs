//! `outflow dead-letters`: the calls of a run that a destination refused for good, with its answer.

use outflow_app::{DeadLetterDocument, DeadLetterSummary, DeadLettersRequest, Errors};
use serde_json::Value;

use crate::cli::DeadLetters;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, Stream, count, counted, plain, short, table};

/// Prints them.
pub async fn dead_letters(front: &Front, args: &DeadLetters, printer: Printer) -> Result<Exit, Errors> {
    let DeadLetters { run, destination, limit } = args;
    let (run, destination) = (run.name(), destination.clone());
    let request = DeadLettersRequest { run, destination, limit: *limit, ..DeadLettersRequest::default() };
    let mut list = front.dead_letters(&request).await?;
    if printer.is_table() {
        printer.text(&head(list.summary()));
    }
    let (mut stream, mut shown, mut kept) = (Stream::object(printer, list.summary(), "entries"), 0, false);
    while let Some(letter) = list.next().await? {
        shown += 1;
        kept |= !letter.call.is_null();
        if printer.is_table() {
            printer.text(&entry(&letter));
        } else {
            stream.entry(&letter);
        }
    }
    if printer.is_table() {
        printer.text(&tail(list.summary(), shown, kept));
    } else {
        stream.end();
    }
    Ok(Exit::Done)
}

fn head(summary: &DeadLetterSummary) -> String {
    let DeadLetterSummary { run, sync, dead_letters: total, causes, causes_of, .. } = summary;
    let mut text = format!("{sync}: {} in run {run}\n", counted(*total, "dead letter"));
    let rows: Vec<Vec<String>> = causes
        .iter()
        .flatten()
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
    if let Some(counted) = causes_of {
        text += &format!(
            "these are the causes of {} of them, the first ones of each destination\n",
            count(*counted)
        );
    }
    text
}

fn entry(e: &DeadLetterDocument) -> String {
    let status = e.letter.status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
    let mut text = format!("\n{}: {}{status} {}\n", e.destination, e.letter.code, plain(&e.letter.reason));
    text += &format!("  row {}, messageId {}\n", count(e.letter.ordinal + 1), plain(&e.letter.message_id));
    if let Some(run) = e.letter.replayed_by {
        text += &format!("  replayed by run {run}\n");
    }
    text += &match &e.call {
        Value::Null => "  the call itself is no longer kept\n".to_owned(),
        call => format!("  {}\n", short(&call.to_string(), 300)),
    };
    text
}

fn tail(summary: &DeadLetterSummary, shown: u64, kept: bool) -> String {
    let DeadLetterSummary { run, dead_letters: total, causes, .. } = summary;
    let mut text = String::new();
    if kept && causes.iter().flatten().any(|c| c.replayed < c.dead_letters) {
        text += &format!("\nwhen the cause is fixed: outflow replay {run}\n");
    }
    if shown < *total {
        let (shown, total) = (count(shown), count(*total));
        text += &format!("\n{shown} of {total} shown; --limit 0 shows all, --output ndjson exports them\n");
    }
    text
}
