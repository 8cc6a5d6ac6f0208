//! `outflow preview`: the first rows or calls of a run, without moving or sending anything.

use outflow_app::{
    Errors, PreviewCall, PreviewDocument, PreviewHttp, PreviewOfDestination, PreviewRefused, PreviewRequest,
    PreviewRow, PreviewShown, PreviewStart,
};
use outflow_core::{Error, with_unseen_shown};
use outflow_project::when;
use serde_json::Value;

use super::findings;
use crate::cli::Preview;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, counted, instant, short, table};

/// What `--since` takes.
const START_FORMS: &str = "write first, next, or a time: 2026-01-31, 2026-01-31T10:00:00Z or Unix seconds";

/// Reads and prints.
pub async fn preview(front: &Front, args: &Preview, printer: Printer) -> Result<Exit, Errors> {
    let request = PreviewRequest {
        sync: args.name.clone(),
        start: start_of(&args.start)?,
        calls: args.calls,
        requests: args.requests,
        limit: args.limit,
        once: args.once,
    };
    let shown = match front.preview(&request).await {
        Ok(shown) => shown,
        Err(failure) => {
            findings::print(&failure.findings, printer);
            return Err(failure.errors);
        }
    };
    // The other forms have them in the document.
    if printer.is_table() || printer.is_ndjson() {
        findings::print(&shown.findings, printer);
    }
    remarks(&shown, printer);
    if printer.is_ndjson() {
        lines(&shown.shown, printer);
    } else {
        printer.document(&shown, people);
    }
    let exit = if shown.rejected > 0 { Exit::WithLosses } else { Exit::Done };
    Ok(exit.or(findings::exit(&shown.findings)))
}

/// What is said beside the rows.
fn remarks(shown: &PreviewDocument, printer: Printer) {
    printer.say(&format!("last_sync_time = {}", instant(&shown.last_sync_time)));
    for (code, message) in &shown.warnings {
        printer.say(&format!("warning[{code}]: {message}"));
    }
    for f in &shown.row_findings {
        let column = f.column.as_ref().map(|c| format!(" in column {c:?}")).unwrap_or_default();
        printer.say(&format!("warning[{}]: {}{column}: {}", f.code, f.code.title(), counted(f.rows, "row")));
        if let Some(sample) = super::rejected::sample(f) {
            printer.say(&format!("  {sample}"));
        }
    }
}

/// What `--since` says.
pub fn start_of(text: &str) -> Result<PreviewStart, Error> {
    Ok(match text {
        "first" => PreviewStart::First,
        "next" => PreviewStart::Next,
        time => PreviewStart::At(when::parse(time).map_err(|e| e.help(START_FORMS))?),
    })
}

/// A line for each row or call; calls as they would be sent, byte for byte.
fn lines(shown: &PreviewShown, printer: Printer) {
    match shown {
        PreviewShown::Rows(rows) => rows.iter().for_each(|r| printer.document(r, |_| String::new())),
        PreviewShown::Calls(calls) => calls.iter().for_each(|call| match call {
            PreviewCall::Call(call) => printer.text(&format!("{call}\n")),
            PreviewCall::Rejected(_) => printer.document(call, |_| String::new()),
        }),
        PreviewShown::Destinations(all) => all.iter().for_each(|d| printer.document(d, |_| String::new())),
    }
}

fn people(document: &PreviewDocument) -> String {
    match &document.shown {
        PreviewShown::Calls(calls) if !calls.is_empty() => calls.iter().map(call).collect(),
        PreviewShown::Destinations(all) if !all.is_empty() => all.iter().map(requests).collect(),
        PreviewShown::Rows(rows) if !rows.is_empty() => {
            let names: Vec<&str> = document.columns.iter().map(|c| c.name.as_str()).collect();
            self::rows(&names, rows)
        }
        _ => "no rows\n".to_owned(),
    }
}

/// The requests of a destination, as they go over the wire.
fn requests(of: &PreviewOfDestination) -> String {
    let mut text = format!("{}: {}\n", of.destination, counted(of.requests.len() as u64, "request"));
    for PreviewHttp { method, address, headers, body, .. } in &of.requests {
        let headers: String = headers.iter().map(|h| format!("{}: {}\n", h.name, h.value)).collect();
        let body = body.trim_end_matches('\n');
        text.push_str(&with_unseen_shown(&format!("\n{method} {address}\n{headers}\n{body}\n")));
    }
    for PreviewRefused { row, code, reason } in &of.refused {
        text.push_str(&with_unseen_shown(&format!("row {row} is refused: {code} {reason}\n")));
    }
    text + "\n"
}

fn call(call: &PreviewCall) -> String {
    match call {
        PreviewCall::Call(call) => {
            let value: Value = serde_json::from_str(call).unwrap_or_default();
            let pretty = serde_json::to_string_pretty(&value).unwrap_or_default() + "\n";
            with_unseen_shown(&pretty).into_owned()
        }
        PreviewCall::Rejected(rejection) => super::rejected::line(rejection, "rejected: ") + "\n",
    }
}

fn rows(names: &[&str], rows: &[PreviewRow]) -> String {
    let cells = |r: &PreviewRow| -> Vec<String> {
        let text = |t: &Option<String>| {
            t.as_deref().map_or_else(|| "NULL".to_owned(), |t| short(&with_unseen_shown(t), 40))
        };
        r.cells.iter().map(|(_, cell)| text(cell)).collect()
    };
    let mut text = table(names, &rows.iter().map(cells).collect::<Vec<_>>());
    for rejection in rows.iter().filter_map(|row| row.rejected.as_ref()) {
        text += &(super::rejected::line(rejection, "rejected: ") + "\n");
    }
    text
}
