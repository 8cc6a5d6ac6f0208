//! `outflow runs`: lists runs, the newest first.

use outflow_app::{Errors, RunListEntry, RunsRequest};
use outflow_core::{Code, DeliveryCounts};

use crate::cli::Runs;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, Stream, count, pages, short, table, time};

const NOTHING: &str = "nothing has run yet\n";

/// Prints the list.
pub async fn runs(front: &Front, args: &Runs, printer: Printer) -> Result<Exit, Errors> {
    if front.is_new().await? {
        match printer.is_table() {
            true => printer.text(NOTHING),
            false => Stream::list(printer).end(),
        }
        return Ok(Exit::Done);
    }
    let request = RunsRequest { sync: args.sync.clone(), limit: args.limit, ..RunsRequest::default() };
    let mut list = front.runs(&request).await?;
    pages(printer, async || list.next().await, people).await?;
    list.warnings().await?.iter().for_each(|warning| printer.notice(warning));
    Ok(Exit::Done)
}

fn people(entries: &[RunListEntry]) -> String {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let d = &e.document;
            let sum = |f: fn(&DeliveryCounts) -> u64| -> u64 {
                d.destinations.iter().map(|(_, x)| f(&x.counts)).sum()
            };
            let stopped = d.destinations.iter().find_map(|(_, x)| x.reason.as_ref());
            let wrong = e.verified.as_ref().filter(|v| !v.differences.is_empty());
            let wrong = wrong
                .map(|v| format!("{} does not add up: {}", Code::CountsDiffer, v.differences.join("; ")));
            let why = d.reason.as_ref().or(stopped).map(|r| format!("{} {}", r.code, r.message));
            let why = wrong.or(why);
            vec![
                d.run.to_string(),
                d.sync.clone(),
                d.state.to_string(),
                time(e.started_at),
                count(d.rows.read),
                count(d.rows.calls),
                count(d.rows.rejected),
                count(d.rows.unchanged),
                count(sum(|c| c.delivered)),
                count(sum(|c| c.dead_letters)),
                count(sum(|c| c.pending)),
                short(&why.unwrap_or_default(), 60),
            ]
        })
        .collect();
    if rows.is_empty() {
        return NOTHING.to_owned();
    }
    let head = [
        "run",
        "sync",
        "state",
        "started",
        "read",
        "calls",
        "rejected",
        "unchanged",
        "delivered",
        "dead letters",
        "pending",
        "why",
    ];
    table(&head, &rows)
}
