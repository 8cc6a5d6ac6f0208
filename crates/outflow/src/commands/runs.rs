//! `outflow runs`: lists runs, the newest first.

use outflow_core::ports::state::RunFilter;
use outflow_core::{Clock as _, Code, SystemClock};
use outflow_engine::{Engine, Errors, RunListEntry};

use crate::cli::{Common, Runs};
use crate::exit::Exit;
use crate::output::{Printer, count, short, table};
use crate::wiring;
use outflow_project::Project;

/// Prints the list.
pub fn runs(common: &Common, args: &Runs, printer: Printer) -> Result<Exit, Errors> {
    let engine = wiring::reader(common)?;
    known(&engine, common, args.sync.as_deref())?;
    let mut entries = Vec::new();
    for record in engine.state.runs(&RunFilter { sync: args.sync.clone(), limit: args.limit })? {
        let (deliveries, audit) = (engine.state.deliveries(record.id)?, engine.state.audit(record.id)?);
        entries.push(RunListEntry::of(&record, deliveries, audit));
    }
    if printer.is_ndjson() {
        entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        printer.document(&entries, |entries| people(entries));
    }
    let warnings = outflow_engine::serve::skip_advice::warnings(
        &*engine.state,
        args.sync.as_deref(),
        SystemClock.now(),
    )?;
    warnings.iter().for_each(|warning| printer.notice(warning));
    Ok(Exit::Done)
}

/// A sync that has never run is one of the project's, or a slip.
fn known(engine: &Engine, common: &Common, sync: Option<&str>) -> Result<(), Errors> {
    let Some(name) = sync else { return Ok(()) };
    if !engine.state.runs(&RunFilter { sync: Some(name.to_owned()), limit: 1 })?.is_empty() {
        return Ok(());
    }
    // A project that cannot be read says nothing about names.
    match Project::load_without_secrets(&common.project) {
        Ok(project) => project.sync(name).map(drop).map_err(Errors::from),
        Err(_) => Ok(()),
    }
}

fn people(entries: &[RunListEntry]) -> String {
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|e| {
            let d = &e.document;
            let sum = |f: fn(&outflow_core::DeliveryCounts) -> u64| -> u64 {
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
                e.started_at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
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
        return "nothing has run yet\n".to_owned();
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
