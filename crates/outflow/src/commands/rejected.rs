//! `outflow rejected`: the rows of a run that could not become a call.

use outflow_core::ports::spool::Rejection;
use outflow_core::run::FindingCount;
use outflow_engine::{Errors, wait};
use serde_json::{Value, json};

use super::look;
use crate::cli::{Common, Rejected};
use crate::exit::Exit;
use crate::output::{Printer, count, plain, short, table};
use crate::wiring;

/// Prints them, grouped by cause, with the rows themselves.
pub fn rejected(common: &Common, args: &Rejected, printer: Printer) -> Result<Exit, Errors> {
    let engine = wiring::reader(common)?;
    let record = look::run(&engine, &args.run)?;
    let only = args.code.as_deref().map(look::code).transpose()?;
    let findings = engine.state.findings(record.id)?;
    let segments = engine.state.segments(record.id)?;
    let limit = if args.limit == 0 { usize::MAX } else { args.limit as usize };
    let mut rows: Vec<Rejection> = Vec::new();
    let mut rejections = wait(engine.spool.rejections(record.id, &segments))?;
    while rows.len() < limit
        && let Some(read) = wait(rejections.next())?
    {
        rows.extend(read.into_iter().filter(|r| only.is_none_or(|code| r.code == code)));
    }
    rows.truncate(limit);
    if printer.is_ndjson() {
        rows.iter().for_each(|r| printer.document(r, |_| String::new()));
        return Ok(Exit::Done);
    }
    let groups: Vec<Value> = findings
        .iter()
        .map(|f| json!({ "code": f.code, "title": f.code.title(), "column": f.column, "rows": f.rows, "sent": f.code.is_warning() }))
        .collect();
    let document = json!({
        "format_version": 1, "run": record.id, "sync": record.sync, "rejected": record.rows.rejected,
        "findings": groups, "rows": rows,
    });
    let gone = record.rows.rejected > 0 && segments.is_empty();
    printer.document(&document, |_| people(&record.sync, record.rows.rejected, &findings, &rows, gone));
    Ok(Exit::Done)
}

fn people(sync: &str, total: u64, findings: &[FindingCount], rows: &[Rejection], gone: bool) -> String {
    let mut text = format!("{sync}: {} rows rejected\n", count(total));
    if !findings.is_empty() {
        let groups: Vec<Vec<String>> = findings
            .iter()
            .map(|f| {
                let sent = if f.code.is_warning() { "sent all the same" } else { "rejected" };
                let column = f.column.clone().unwrap_or_default();
                vec![f.code.to_string(), f.code.title().to_owned(), column, count(f.rows), sent.to_owned()]
            })
            .collect();
        text += &table(&["code", "what", "column", "rows", "and the row is"], &groups);
    }
    if gone {
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
    if (rows.len() as u64) < total && !gone {
        text += &format!(
            "\n{} of {} shown; --limit 0 shows all, --output ndjson exports them\n",
            rows.len(),
            count(total)
        );
    }
    text
}
