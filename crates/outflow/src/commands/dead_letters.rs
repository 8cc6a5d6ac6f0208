//! `outflow dead-letters`: the calls of a run that a destination refused for good, with what it said.

use outflow_core::ports::spool::{CallBlock, SegmentKind, SpoolReader};
use outflow_core::ports::state::DeadLetter;
use outflow_core::{Result, RunRecord};
use outflow_engine::operations::causes::Cause;
use outflow_engine::{Engine, Errors, wait};
use serde::Serialize;
use serde_json::{Value, json};

use super::look;
use crate::cli::{Common, DeadLetters};
use crate::exit::Exit;
use crate::output::{Printer, count, plain, short, table};
use crate::wiring;

/// A dead letter with its call.
#[derive(Serialize)]
struct Entry {
    destination: String,
    #[serde(flatten)]
    letter: DeadLetter,
    /// The call; null once its segment is no longer kept.
    call: Value,
}

/// Prints them.
pub fn dead_letters(common: &Common, args: &DeadLetters, printer: Printer) -> Result<Exit, Errors> {
    let engine = wiring::reader(common)?;
    let record = look::run(&engine, &args.run)?;
    let limit = if args.limit == 0 { u64::MAX >> 1 } else { args.limit };
    let (mut entries, mut causes, mut total) = (Vec::new(), Vec::new(), 0);
    for delivery in engine.state.deliveries(record.id)? {
        if args.destination.as_ref().is_some_and(|d| *d != delivery.destination) {
            continue;
        }
        total += delivery.counts.dead_letters;
        causes.extend(engine.causes(record.id, &delivery.destination)?);
        let letters = engine.state.dead_letters(record.id, &delivery.destination, 0, limit)?;
        let calls = calls(&engine, &record, &letters)?;
        for (letter, call) in letters.into_iter().zip(calls) {
            entries.push(Entry { destination: delivery.destination.clone(), letter, call });
        }
    }
    if printer.is_ndjson() {
        entries.iter().for_each(|e| printer.document(e, |_| String::new()));
        return Ok(Exit::Done);
    }
    let document = json!({
        "format_version": 1, "run": record.id, "sync": record.sync, "dead_letters": total, "causes": causes,
        "entries": entries,
    });
    printer.document(&document, |_| people(&record, total, &causes, &entries));
    Ok(Exit::Done)
}

/// The calls of dead letters, which come in position order.
fn calls(engine: &Engine, record: &RunRecord, letters: &[DeadLetter]) -> Result<Vec<Value>> {
    let Some(first) = letters.first() else { return Ok(Vec::new()) };
    let mut segments = engine.state.segments(record.id)?;
    segments.retain(|s| s.kind == SegmentKind::Calls);
    if segments.is_empty() {
        return Ok(vec![Value::Null; letters.len()]);
    }
    let mut reader = wait(engine.spool.read(record.id, &segments, first.position))?;
    let mut block = CallBlock::default();
    letters.iter().map(|letter| call_at(reader.as_mut(), &mut block, letter.position)).collect()
}

fn call_at(reader: &mut dyn SpoolReader, block: &mut CallBlock, position: u64) -> Result<Value> {
    while position >= block.first + block.calls.len() as u64 {
        if !wait(reader.next(block))? {
            return Ok(Value::Null);
        }
    }
    let call = position.checked_sub(block.first).and_then(|i| block.calls.get(i as usize));
    Ok(call.and_then(|c| serde_json::from_slice(block.json(c)).ok()).unwrap_or_default())
}

fn people(record: &RunRecord, total: u64, causes: &[Cause], entries: &[Entry]) -> String {
    let mut text = format!("{}: {} dead letters in run {}\n", record.sync, count(total), record.id);
    let rows: Vec<Vec<String>> = causes
        .iter()
        .map(|c| {
            let status = c.status.map_or_else(String::new, |s| s.to_string());
            let numbers = [c.dead_letters, c.replayed].map(count);
            [vec![c.destination.clone(), c.code.to_string(), status, short(&c.reason, 60)], numbers.to_vec()]
                .concat()
        })
        .collect();
    if !rows.is_empty() {
        text += &table(&["destination", "code", "status", "reason", "calls", "replayed"], &rows);
    }
    for e in entries {
        let status = e.letter.status.map(|s| format!(" (HTTP {s})")).unwrap_or_default();
        text += &format!("\n{}: {}{status} {}\n", e.destination, e.letter.code, plain(&e.letter.reason));
        text += &format!("  row {}, messageId {}\n", count(e.letter.ordinal + 1), e.letter.message_id);
        if let Some(run) = e.letter.replayed_by {
            text += &format!("  replayed by run {run}\n");
        }
        text += &match &e.call {
            Value::Null => "  the call itself is no longer kept\n".to_owned(),
            call => format!("  {}\n", short(&call.to_string(), 300)),
        };
    }
    let open = causes.iter().any(|c| c.replayed < c.dead_letters);
    if open && entries.iter().any(|e| !e.call.is_null()) {
        text += &format!("\nwhen the cause is mended: outflow replay {}\n", record.id);
    }
    if (entries.len() as u64) < total {
        text += &format!(
            "\n{} of {} shown; --limit 0 shows all, --output ndjson exports them\n",
            entries.len(),
            count(total)
        );
    }
    text
}
