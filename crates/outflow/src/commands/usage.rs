//! `outflow usage`: how many calls were sent in a month.

use std::collections::BTreeMap;

use outflow_core::{CallType, Clock as _, Code, Date, Error, SystemClock};
use outflow_engine::Errors;
use serde::Serialize;

use crate::cli::{Common, Usage};
use crate::exit::Exit;
use crate::output::{Printer, count, table};
use crate::wiring;

/// The month's calls.
#[derive(Serialize)]
struct Document {
    format_version: u32,
    /// `2026-11`.
    month: String,
    /// Delivered calls and dead letters of all entries.
    calls: u64,
    entries: Vec<Entry>,
}

/// Calls of one type, of one sync, to one destination.
#[derive(Serialize)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Date>,
    sync: String,
    destination: String,
    #[serde(rename = "type")]
    call_type: CallType,
    calls: u64,
    delivered: u64,
    dead_letters: u64,
}

/// Prints them.
pub fn usage(common: &Common, args: &Usage, printer: Printer) -> Result<Exit, Errors> {
    let first = match &args.month {
        Some(month) => parse(month)?,
        None => jiff::tz::TimeZone::UTC.to_datetime(SystemClock.now()).date().first_of_month(),
    };
    let used = wiring::reader(common)?.state.usage(first, first.last_of_month())?;
    let mut sums = BTreeMap::<_, (u64, u64)>::new();
    for u in used.into_iter().filter(|u| args.sync.as_ref().is_none_or(|sync| *sync == u.sync)) {
        let key = (args.days.then_some(u.day), u.sync, u.destination, u.call_type.name());
        let sum = sums.entry(key).or_default();
        sum.0 += u.delivered;
        sum.1 += u.dead_letters;
    }
    let entries: Vec<Entry> = sums
        .into_iter()
        .filter_map(|((day, sync, destination, name), (delivered, dead_letters))| {
            let call_type = CallType::from_name(name)?;
            Some(Entry {
                day,
                sync,
                destination,
                call_type,
                calls: delivered + dead_letters,
                delivered,
                dead_letters,
            })
        })
        .collect();
    if printer.is_ndjson() {
        entries.iter().for_each(|e| printer.document(e, |_| String::new()));
        return Ok(Exit::Done);
    }
    let calls = entries.iter().map(|e| e.calls).sum();
    let month = first.strftime("%Y-%m").to_string();
    printer.document(&Document { format_version: 1, month, calls, entries }, people);
    Ok(Exit::Done)
}

fn parse(month: &str) -> Result<Date, Error> {
    let day = if month.len() == 7 { format!("{month}-01").parse().ok() } else { None };
    day.ok_or_else(|| {
        Error::new(Code::InvalidValue, format!("{month:?} is not a month")).help("write it like 2026-11")
    })
}

fn people(document: &Document) -> String {
    if document.entries.is_empty() {
        return format!("nothing was sent in {}\n", document.month);
    }
    let row = |e: &Entry| {
        let mut row: Vec<String> = e.day.iter().map(Date::to_string).collect();
        row.extend([e.sync.clone(), e.destination.clone(), e.call_type.to_string()]);
        row.extend([e.calls, e.delivered, e.dead_letters].map(count));
        row
    };
    let mut head = vec!["sync", "destination", "type", "calls", "delivered", "dead letters"];
    if document.entries.iter().any(|e| e.day.is_some()) {
        head.insert(0, "day");
    }
    let rows: Vec<_> = document.entries.iter().map(row).collect();
    table(&head, &rows) + &format!("{} calls in {} (UTC)\n", count(document.calls), document.month)
}
