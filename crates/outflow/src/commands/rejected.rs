//! `outflow rejected`: the rows of a run that could not become a call.

use outflow_app::{Errors, RejectedRequest, RejectedSummary, Rejection};
use outflow_core::run::FindingCount;
use outflow_core::with_unseen_shown;
use serde_json::Value;

use super::code;
use crate::cli::Rejected;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, Stream, count, counted, plain, short, table};

/// Prints them, grouped by cause, with the rows themselves.
pub async fn rejected(front: &Front, args: &Rejected, printer: Printer) -> Result<Exit, Errors> {
    let only = args.code.as_deref().map(code).transpose()?;
    let request = RejectedRequest { run: args.run.name(), limit: args.limit, code: only, from: 0 };
    let mut rejected = front.rejected(&request).await?;
    if printer.is_table() {
        printer.text(&head(rejected.summary()));
    }
    let (mut stream, mut shown) = (Stream::object(printer, rejected.summary(), "rows"), 0);
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
        printer.text(&tail(rejected.summary(), shown));
    } else {
        stream.end();
    }
    Ok(Exit::Done)
}

fn head(summary: &RejectedSummary) -> String {
    let RejectedSummary { sync, rejected: total, findings, gone, .. } = summary;
    let mut text = format!("{sync}: {} rejected\n", counted(*total, "row"));
    if !findings.is_empty() {
        let groups: Vec<Vec<String>> = findings
            .iter()
            .map(|f| {
                let sent = if f.sent { "sent all the same" } else { "rejected" };
                let column = f.column.clone().unwrap_or_default();
                vec![f.code.to_string(), f.title.to_string(), column, count(f.rows), sent.to_owned()]
            })
            .collect();
        text += &table(&["code", "what", "column", "rows", "and the row is"], &groups);
    }
    for first in findings.iter().filter_map(|finding| finding.first.as_ref()) {
        text += &format!("left out in {}\n", line_with_id(first));
    }
    if *gone {
        text += "the rows themselves are no longer kept\n";
    }
    text
}

/// One line about a rejected row: its place in the result, the code, the column and the reason.
/// `mark` stands before the code.
pub fn line(rejection: &Rejection, mark: &str) -> String {
    let Rejection { ordinal, code, column, reason, .. } = rejection;
    let column = column.as_ref().map(|name| format!(" in column {:?}", plain(name))).unwrap_or_default();
    format!("row {}: {mark}{code}{column}: {}", count(ordinal + 1), with_unseen_shown(&plain(reason)))
}

/// The same, with who the row is about.
fn line_with_id(rejection: &Rejection) -> String {
    const IDS: [&str; 5] = ["userId", "anonymousId", "groupId", "email", "traits.email"];
    let text = line(rejection, "");
    let given = |id: &&str| {
        let (name, value) = rejection.row.iter().find(|(name, _)| name.eq_ignore_ascii_case(id))?;
        let value = value.as_str().filter(|value| !value.trim().is_empty())?;
        Some(format!(" ({} {:?}):", plain(name), with_unseen_shown(&short(value, 60))))
    };
    match IDS.iter().find_map(given) {
        Some(id) => text.replacen(':', &id, 1),
        None => text,
    }
}

/// The first row of a finding, if it was kept, without its value: what a run prints is often read
/// as a log.
pub fn first(finding: &FindingCount) -> Option<String> {
    let rejection: Rejection = serde_json::from_str(finding.samples.first()?).ok()?;
    let Rejection { ordinal, code, .. } = rejection;
    let what = code.title();
    Some(format!("first in row {}: {code} {what}; `outflow rejected` shows the value", count(ordinal + 1)))
}

/// The first row of a finding, if it was kept.
pub fn sample(finding: &FindingCount) -> Option<String> {
    let rejection: Rejection = serde_json::from_str(finding.samples.first()?).ok()?;
    Some(line_with_id(&rejection))
}

fn row(rejection: &Rejection) -> String {
    let row = &rejection.row;
    let cell = |(name, value): (&String, &Value)| match value {
        Value::String(s) => format!("{} = {:?}", plain(name), short(s, 60)),
        _ => format!("{} is NULL", plain(name)),
    };
    let cells: Vec<String> = row.iter().map(cell).collect();
    format!("\n{}\n  {}\n", line(rejection, ""), cells.join(", "))
}

fn tail(summary: &RejectedSummary, shown: u64) -> String {
    if shown >= summary.rejected || summary.gone {
        return String::new();
    }
    let (shown, total) = (count(shown), count(summary.rejected));
    format!("\n{shown} of {total} shown; --limit 0 shows all, --output ndjson exports them\n")
}
