//! `outflow estimate`: what a run would come to, without moving or sending anything.

use outflow_core::SystemClock;
use outflow_core::ports::state::SyncState;
use outflow_engine::Errors;
use outflow_engine::authoring::estimate::{self, By, Estimate};
use outflow_engine::authoring::preview::As;
use serde_json::{Map, Value, json};

use super::preview::{start_of, sync_state};
use crate::cli::{Common, Estimate as Args};
use crate::exit::Exit;
use crate::output::{Printer, count, error_document, table};
use crate::wiring;
use outflow_project::Project;

/// Estimates and prints.
pub async fn estimate(common: &Common, args: &Args, printer: Printer) -> Result<Exit, Errors> {
    let project = Project::load(&common.project)?;
    let spec = project.sync(&args.name)?;
    let start = start_of(&args.start)?;
    let state = if start == As::Next { sync_state(common, &spec.name)? } else { SyncState::default() };
    let destinations = wiring::destinations(&project)?;
    let warehouse = wiring::warehouse(&project, spec)?;
    let found = estimate::estimate(
        spec,
        &state,
        warehouse.as_ref(),
        &destinations,
        &SystemClock,
        start,
        args.timeout,
    )
    .await?;

    let mut document = json!({
        "format_version": 1,
        "sync": spec.name,
        "type": spec.call_type,
        "last_sync_time": found.last_sync_time,
        "about": found.about.name(),
        "rows": { "expected": found.rows, "by": found.by.name() },
        "sample": { "rows": found.sampled, "rejected": found.sampled_rejected },
        "destinations": shares(&found),
        "warnings": found.warnings.iter().map(error_document).collect::<Vec<_>>(),
    });
    if let Some(error) = &found.not_counted {
        document["rows"]["not_counted"] = error_document(error);
    }
    if printer.is_table() {
        found.warnings.iter().for_each(|w| printer.error(w));
    }
    printer.document(&document, |_| people(&found));
    Ok(Exit::Done)
}

/// Each destination's numbers, or null where nobody knows how many rows there are.
fn shares(found: &Estimate) -> Value {
    let share = |(name, s): &(String, estimate::Share)| {
        let numbers = json!({
            "calls": s.calls, "filtered": s.filtered, "refused": s.refused, "requests": s.requests, "bytes": s.bytes,
            "seconds": s.seconds,
        });
        (name.clone(), if found.rows.is_some() { numbers } else { Value::Null })
    };
    Value::Object(found.destinations.iter().map(share).collect::<Map<_, _>>())
}

fn people(found: &Estimate) -> String {
    let about = found.about.name();
    let reason = found.not_counted.as_ref().map(|e| format!(" ({}: {})", e.code(), e.message()));
    let reason = reason.unwrap_or_default();
    let rows = match (found.rows, found.by) {
        (Some(rows), By::Count) => format!("{} rows", count(rows)),
        (Some(rows), _) => format!(
            "about {} rows, as the database's plan expects; it did not count them{reason}",
            count(rows)
        ),
        (None, _) => format!(
            "nobody knows how many rows: the database neither counts them{reason} nor expects a number"
        ),
    };
    let mut text = format!("{about}, from last_sync_time = {}: {rows}\n", found.last_sync_time);
    if found.sampled > 0 {
        text += &format!(
            "of the first {} rows, {} would be rejected\n",
            count(found.sampled),
            count(found.sampled_rejected)
        );
    }
    if found.rows.is_none() {
        return text;
    }
    let line = |(name, s): &(String, estimate::Share)| {
        vec![name.clone(), count(s.calls), count(s.requests), size(s.bytes), time(s.seconds)]
    };
    let lines: Vec<_> = found.destinations.iter().map(line).collect();
    text += &table(&["destination", "calls at most", "requests", "bytes", "time"], &lines);
    text
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", count(bytes.div_ceil(1_000))),
        _ => format!("{} MB", count(bytes.div_ceil(1_000_000))),
    }
}

fn time(seconds: f64) -> String {
    let seconds = seconds.ceil() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
