//! `outflow preview`: the first rows or calls of a run, without moving or sending anything.

use outflow_core::ports::state::{State, SyncState};
use outflow_core::{Code, Error, SystemClock};
use outflow_engine::Errors;
use outflow_engine::authoring::advise::{self, Depth};
use outflow_engine::authoring::preview::{self, As, PreviewRow};
use outflow_state::SqliteState;
use serde_json::{Map, Value, json};

use super::findings::{Finding, subject};
use crate::cli::{Common, Preview};
use crate::exit::Exit;
use crate::output::{Printer, short, table};
use crate::wiring;
use outflow_project::{Project, when};

/// What `--since` takes.
const START_FORMS: &str = "write first, next, or a time: 2026-01-31, 2026-01-31T10:00:00Z or Unix seconds";

/// Reads and prints.
pub async fn preview(common: &Common, args: &Preview, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let spec = project.sync(&args.name)?;
    let start = start_of(&args.start)?;
    let state = if start == As::Next { sync_state(common, &spec.name)? } else { SyncState::default() };
    let warehouse = wiring::warehouse(&project, spec)?;
    let advice = advise::ask(subject(&project, spec), warehouse.as_ref(), Depth::Types).await?;
    let findings = Finding::of_advice(spec, advice);
    let shown =
        match preview::preview(spec, &state, warehouse.as_ref(), &SystemClock, start, args.limit).await {
            Ok(shown) => shown,
            Err(errors) => return Err(with_findings(errors, findings, printer)),
        };
    // The other forms have them in the document.
    if printer.is_table() || printer.is_ndjson() {
        findings.iter().for_each(|f| f.print(printer));
    }
    printer.say(&format!("last_sync_time = {}", shown.last_sync_time));
    let told = |code: Code| {
        code == Code::GroupWithoutPerson && findings.iter().any(|f| f.code() == Code::GroupWithoutUserId)
    };
    for (code, message) in shown.warnings.iter().filter(|(code, _)| !told(*code)) {
        printer.say(&format!("warning[{code}]: {message}"));
    }
    for f in &shown.findings {
        let column = f.column.as_ref().map(|c| format!(" in column {c:?}")).unwrap_or_default();
        printer.say(&format!("warning[{}]: {}{column}: {} rows", f.code, f.code.title(), f.rows));
    }
    let names: Vec<&str> = shown.columns.iter().map(|c| c.name.as_str()).collect();
    let documents: Vec<Value> =
        shown.rows.iter().map(|r| if args.calls { call(r) } else { row(&names, r) }).collect();
    if printer.is_ndjson() {
        for (document, r) in documents.iter().zip(&shown.rows) {
            match (&r.call, args.calls) {
                // As it would be sent, byte for byte.
                (Ok(call), true) => printer.text(&format!("{call}\n")),
                _ => printer.document(document, |_| String::new()),
            }
        }
    } else {
        let types: Vec<Value> = shown
            .columns
            .iter()
            .map(|c| json!({ "name": c.name, "type": c.ty.name(), "declared": c.declared }))
            .collect();
        let document = json!({
            "format_version": 1, "sync": spec.name, "type": spec.call_type, "last_sync_time": shown.last_sync_time,
            "columns": types, (if args.calls { "calls" } else { "rows" }): documents,
            "findings": findings.iter().map(Finding::document).collect::<Vec<_>>(),
        });
        printer.document(&document, |_| people(&names, &shown.rows, args.calls));
    }
    let rejected = shown.rows.iter().any(|r| r.call.is_err());
    let exit = if rejected { Exit::WithLosses } else { Exit::Done };
    Ok(findings.iter().map(Finding::exit).fold(exit, Exit::or))
}

/// Why there is nothing to show. What the database says against a query that has a finding for it already goes without saying.
fn with_findings(errors: Errors, findings: Vec<Finding>, printer: Printer) -> Errors {
    let (wrong, other): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_error);
    other.iter().for_each(|f| f.print(printer));
    let mut all: Vec<Error> = wrong.into_iter().map(Finding::into_error).collect();
    let told = |e: &Error| match e.code() {
        Code::DatabaseError => all
            .iter()
            .any(|f| matches!(f.code(), Code::TimestampComparedWithNumber | Code::TextComparedWithNumber)),
        code => all.iter().any(|f| f.code() == code && f.message() == e.message()),
    };
    let rest: Vec<Error> = errors.0.into_iter().filter(|e| !told(e)).collect();
    all.extend(rest);
    Errors(all)
}

/// What `--since` says.
pub fn start_of(text: &str) -> Result<As, Error> {
    Ok(match text {
        "first" => As::First,
        "next" => As::Next,
        time => As::At(when::parse(time).map_err(|e| e.help(START_FORMS))?),
    })
}

/// What has run so far; nothing at all is not an error here.
pub fn sync_state(common: &Common, sync: &str) -> Result<SyncState, Error> {
    match SqliteState::open_read_only(&wiring::state_dir(common)) {
        Ok(state) => state.sync(sync),
        Err(error) if error.code() == Code::StateUnavailable => Ok(SyncState::default()),
        Err(error) => Err(error),
    }
}

fn call(row: &PreviewRow) -> Value {
    match &row.call {
        Ok(call) => serde_json::from_str(call).unwrap_or_default(),
        Err(rejection) => json!({ "rejected": rejection }),
    }
}

fn row(names: &[&str], row: &PreviewRow) -> Value {
    let cells = names.iter().zip(&row.fields).map(|(n, f)| ((*n).to_owned(), json!(f)));
    let mut document: Map<String, Value> = Map::new();
    document.insert("row".to_owned(), Value::Object(cells.collect()));
    if let Err(rejection) = &row.call {
        document.insert(
            "rejected".to_owned(),
            json!({ "code": rejection.code, "column": rejection.column, "reason": rejection.reason }),
        );
    }
    Value::Object(document)
}

fn people(names: &[&str], rows: &[PreviewRow], calls: bool) -> String {
    if rows.is_empty() {
        return "no rows\n".to_owned();
    }
    let mut text = String::new();
    if calls {
        for r in rows {
            text += &match &r.call {
                Ok(call) => {
                    let value: Value = serde_json::from_str(call).unwrap_or_default();
                    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
                }
                Err(rejection) => format!("rejected: {} {}\n", rejection.code, rejection.reason),
            };
        }
        return text;
    }
    let cells = |r: &PreviewRow| -> Vec<String> {
        let field = |f: &Option<String>| f.as_deref().map_or_else(|| "NULL".to_owned(), |t| short(t, 40));
        r.fields.iter().map(field).collect()
    };
    text += &table(names, &rows.iter().map(cells).collect::<Vec<_>>());
    for (n, r) in rows.iter().enumerate() {
        if let Err(rejection) = &r.call {
            text += &format!("row {}: rejected: {} {}\n", n + 1, rejection.code, rejection.reason);
        }
    }
    text
}
