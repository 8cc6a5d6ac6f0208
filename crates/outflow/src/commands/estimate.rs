//! `outflow estimate`: what a run would come to, without moving or sending anything.

use outflow_app::{Errors, EstimateDocument, EstimateRequest, EstimatedBy, Share};

use super::preview::start_of;
use crate::cli::Estimate;
use crate::exit::Exit;
use crate::front::Front;
use crate::output::{Printer, count, counted, instant, table};

/// Estimates and prints.
pub async fn estimate(front: &Front, args: &Estimate, printer: Printer) -> Result<Exit, Errors> {
    let (sync, start, timeout) = (args.name.clone(), start_of(&args.start)?, args.timeout);
    let document = front.estimate(&EstimateRequest { sync, start, timeout }).await?;
    if printer.is_table() {
        document.warnings.iter().for_each(|w| printer.error(w));
    }
    printer.document(&document, people);
    Ok(Exit::Done)
}

/// Prints those of several syncs, for `run --dry-run`.
pub fn print_all(documents: &[EstimateDocument], printer: Printer) {
    let warn = |d: &EstimateDocument| d.warnings.iter().for_each(|w| printer.error(w));
    if printer.is_ndjson() {
        return documents.iter().for_each(|d| printer.document(d, |_| String::new()));
    }
    if printer.is_table() {
        documents.iter().for_each(warn);
    }
    let one = |d: &EstimateDocument| format!("{}: {}", d.sync, people(d));
    let all = |documents: &&[EstimateDocument]| match documents {
        [] => "no sync is meant\n".to_owned(),
        documents => documents.iter().map(one).collect::<Vec<_>>().join("\n") + "\nnothing was sent\n",
    };
    printer.document(&documents, all);
}

fn people(found: &EstimateDocument) -> String {
    let about = &found.about;
    let reason =
        found.rows.not_counted.as_ref().map(|e| format!(" ({}: {})", e.code(), e.full_message().reveal()));
    let reason = reason.unwrap_or_default();
    let rows = match (found.rows.expected, found.rows.by) {
        (Some(rows), EstimatedBy::Count) => counted(rows, "row"),
        (Some(rows), _) => format!(
            "about {}, as the database's plan expects; it did not count them{reason}",
            counted(rows, "row")
        ),
        (None, _) => format!(
            "nobody knows how many rows: the database neither counts them{reason} nor expects a number"
        ),
    };
    let mut text = format!("{about}, from last_sync_time = {}: {rows}\n", instant(&found.last_sync_time));
    if found.sample.rows > 0 {
        text += &format!(
            "of the first {}, {} would be rejected\n",
            counted(found.sample.rows, "row"),
            count(found.sample.rejected)
        );
    }
    let line = |(name, share): &(String, Option<Share>)| {
        let s = share.as_ref()?;
        Some(vec![name.clone(), count(s.calls), count(s.requests), size(s.bytes), time(s.seconds)])
    };
    let lines: Vec<_> = found.destinations.iter().filter_map(line).collect();
    if found.rows.expected.is_none() {
        return text;
    }
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
