//! `outflow rejected`: the rows of a run that could not become a call.

use outflow_app::{App, Errors, RejectedRequest, RejectedSummary, Rejection};
use serde_json::Value;

use super::code;
use crate::cli::Rejected;
use crate::exit::Exit;
use crate::output::{Printer, Stream, count, plain, short, table};

/// Prints them, grouped by cause, with the rows themselves.
pub async fn rejected(app: &App, args: &Rejected, printer: Printer) -> Result<Exit, Errors> {
    let only = args.code.as_deref().map(code).transpose()?;
    let request = RejectedRequest { run: args.run.name(), limit: args.limit, code: only };
    let mut rejected = app.rejected(&request).await?;
    if printer.is_table() {
        printer.text(&head(&rejected.summary));
    }
    let (mut stream, mut shown) = (Stream::object(printer, &rejected.summary, "rows"), 0);
    loop {
        let page = rejected.next().await?;
        if page.is_empty() {
            break;
        }
        shown += page.len() as u64;
        if printer.is_table() {
            printer.text(&page.iter().map(row).collect::<String>());
        } else {
            page.iter().for_each(|rejection| stream.entry(rejection));
        }
    }
    if printer.is_table() {
        printer.text(&tail(&rejected.summary, shown));
    } else {
        stream.end();
    }
    Ok(Exit::Done)
}

fn head(summary: &RejectedSummary) -> String {
    let RejectedSummary { sync, rejected: total, findings, gone, .. } = summary;
    let mut text = format!("{sync}: {} rows rejected\n", count(*total));
    if !findings.is_empty() {
        let groups: Vec<Vec<String>> = findings
            .iter()
            .map(|f| {
                let sent = if f.sent { "sent all the same" } else { "rejected" };
                let column = f.column.clone().unwrap_or_default();
                vec![f.code.to_string(), f.title.to_owned(), column, count(f.rows), sent.to_owned()]
            })
            .collect();
        text += &table(&["code", "what", "column", "rows", "and the row is"], &groups);
    }
    if *gone {
        text += "the rows themselves are no longer kept\n";
    }
    text
}

fn row(rejection: &Rejection) -> String {
    let Rejection { code, reason, row, .. } = rejection;
    let cell = |(name, value): (&String, &Value)| match value {
        Value::String(s) => format!("{} = {:?}", plain(name), short(s, 60)),
        _ => format!("{} is NULL", plain(name)),
    };
    let cells: Vec<String> = row.iter().map(cell).collect();
    format!("\n{}: {code} {}\n  {}\n", place(rejection), plain(reason), cells.join(", "))
}

/// The row, and the column if it is one that is wrong.
pub fn place(rejection: &Rejection) -> String {
    let column = rejection.column.as_ref().map(|name| format!(", column {}", plain(name)));
    format!("row {}{}", count(rejection.ordinal + 1), column.unwrap_or_default())
}

fn tail(summary: &RejectedSummary, shown: u64) -> String {
    if shown >= summary.rejected || summary.gone {
        return String::new();
    }
    let (shown, total) = (count(shown), count(summary.rejected));
    format!("\n{shown} of {total} shown; --limit 0 shows all, --output ndjson exports them\n")
}
