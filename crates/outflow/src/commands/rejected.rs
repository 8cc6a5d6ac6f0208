//! `outflow rejected`: the rows of a run that could not become a call.

use outflow_app::{App, Errors, RejectedRequest, RejectedRows};
use serde_json::Value;

use super::code;
use crate::cli::Rejected;
use crate::exit::Exit;
use crate::output::{Printer, count, plain, short, table};

/// Prints them, grouped by cause, with the rows themselves.
pub async fn rejected(app: &App, args: &Rejected, printer: Printer) -> Result<Exit, Errors> {
    let only = args.code.as_deref().map(code).transpose()?;
    let request = RejectedRequest { run: args.run.name(), limit: args.limit, code: only };
    let document = app.rejected(&request).await?;
    if printer.is_ndjson() {
        document.rows.iter().for_each(|r| printer.document(r, |_| String::new()));
    } else {
        printer.document(&document, people);
    }
    Ok(Exit::Done)
}

fn people(document: &RejectedRows) -> String {
    let RejectedRows { sync, rejected: total, findings, rows, gone, .. } = document;
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
    for r in rows {
        text += &format!("\nrow {}: {} {}\n", count(r.ordinal + 1), r.code, plain(&r.reason));
        let cells: Vec<String> = r
            .row
            .iter()
            .map(|(name, value)| match value {
                Value::String(s) => format!("{name} = {:?}", short(s, 60)),
                _ => format!("{name} is NULL"),
            })
            .collect();
        text += &format!("  {}\n", cells.join(", "));
    }
    if (rows.len() as u64) < *total && !gone {
        text += &format!(
            "\n{} of {} shown; --limit 0 shows all, --output ndjson exports them\n",
            rows.len(),
            count(*total)
        );
    }
    text
}
