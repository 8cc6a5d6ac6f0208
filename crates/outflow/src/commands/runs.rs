//! `outflow runs`: lists runs, the newest first.

use std::collections::BTreeMap;

use outflow_core::ports::state::RunFilter;
use outflow_core::{Clock as _, Code, Error, RunRecord, SystemClock};
use outflow_engine::{Engine, Errors, RunListEntry, schedule};

use crate::cli::{Common, Runs};
use crate::exit::Exit;
use crate::output::{Printer, count, short, table};
use crate::project::Project;
use crate::wiring;

/// So many of the newest runs are looked at for skips: a day of a sync that is due every minute, several times over.
const LOOKED_AT: u64 = 10_000;

/// Prints the list.
pub fn runs(common: &Common, args: &Runs, printer: Printer) -> Result<Exit, Errors> {
    let engine = wiring::reader(common)?;
    known(&engine, common, args.sync.as_deref())?;
    let mut entries = Vec::new();
    for record in engine.state.runs(&RunFilter { sync: args.sync.clone(), limit: args.limit })? {
        entries.push(RunListEntry::of(&record, engine.state.deliveries(record.id)?));
    }
    if printer.is_ndjson() {
        entries.iter().for_each(|e| printer.document(e, |_| String::new()));
    } else {
        printer.document(&entries, |entries| people(entries));
    }
    tell_crowded(&engine, args.sync.as_deref(), printer)?;
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

/// Says which syncs skip many of their slots, and what would fit them.
fn tell_crowded(engine: &Engine, sync: Option<&str>, printer: Printer) -> Result<(), Error> {
    let now = SystemClock.now();
    let mut by_sync: BTreeMap<String, Vec<RunRecord>> = BTreeMap::new();
    for run in engine.state.runs(&RunFilter { sync: sync.map(str::to_owned), limit: LOOKED_AT })? {
        by_sync.entry(run.sync.clone()).or_default().push(run);
    }
    for (name, runs) in by_sync {
        let Some(crowded) = schedule::crowded(&runs, now) else { continue };
        let message =
            format!("{} of {} slots of the last 24 hours found {name} busy", crowded.skipped, crowded.slots);
        let help = match crowded.fits {
            Some(fits) => format!("nearly all of its runs fit into {}m: `schedule: {{ every: {}m }}`", fits.as_secs() / 60, fits.as_secs() / 60),
            None => "its runs take longer than a day, or none has ended: read less in a run, or look at what holds it up".to_owned(),
        };
        printer.notice(&Error::new(Code::E101, message).at(format!("sync {name}")).help(help));
    }
    Ok(())
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
            let why = d.reason.as_ref().or(stopped).map(|r| format!("{} {}", r.code, r.message));
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
