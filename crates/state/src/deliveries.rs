//! Deliveries, their dead letters and what they used: the statements that transactions of the store are made of.

use outflow_core::ports::state::{DeadLetter, DeliveryRecord, Replayed, Settled};
use outflow_core::run::RunSpec;
use outflow_core::{Code, Connection, DeliveryState, RunId, Timestamp};
use rusqlite::{Transaction, params};

use crate::errors::{Fault, impossible};
use crate::rows::to_json;
use crate::sql::{bits, id};

/// Adds to the day's usage what is settled more than was at the last time.
pub(crate) fn count_usage(
    t: &Transaction<'_>,
    run: RunId,
    delivery: &DeliveryRecord,
    at: Timestamp,
) -> Result<(), Fault> {
    let sql = "INSERT INTO usage (day, sync, destination, call_type, delivered, dead_letters)
               SELECT ?3, sync, destination, call_type, ?4 - delivered, ?5 - dead_letters
               FROM deliveries JOIN runs ON runs.id = run WHERE run = ?1 AND destination = ?2 AND (?4 > delivered OR ?5 > dead_letters)
               ON CONFLICT DO UPDATE SET delivered = delivered + excluded.delivered, dead_letters = dead_letters + excluded.dead_letters";
    let (day, counts) = (at.strftime("%Y-%m-%d").to_string(), &delivery.counts);
    let values =
        params![id(run), delivery.destination, day, bits(counts.delivered), bits(counts.dead_letters)];
    t.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// A delivery for each connection that the run pinned, with all its calls pending, or cancelled where the connection is skipped.
pub(crate) fn insert_deliveries(
    t: &Transaction<'_>,
    run: RunId,
    pinned: &RunSpec,
    calls: u64,
) -> Result<(), Fault> {
    let RunSpec { connections, skipped, .. } = pinned;
    let sql = "INSERT INTO deliveries (run, destination, place, state, calls, delivered, dead_letters, filtered, cancelled, discarded,
               pending, requests, retries, bytes, settled, reason_code, reason)
               VALUES (?1, ?2, ?3, ?4, ?5, 0, 0, 0, ?6, 0, ?7, 0, 0, 0, ?8, ?9, ?10)";
    let (mut insert, settled) = (t.prepare_cached(sql)?, to_json(&Settled::default()));
    for (place, Connection { destination, .. }) in (0_i64..).zip(connections) {
        let is_skipped = skipped.contains(destination);
        let (cancelled, pending) = if is_skipped { (calls, 0) } else { (0, calls) };
        let state = if pending == 0 { DeliveryState::Succeeded } else { DeliveryState::Delivering };
        insert.execute(params![
            id(run),
            destination,
            place,
            state.name(),
            bits(calls),
            bits(cancelled),
            bits(pending),
            settled,
            is_skipped.then_some(Code::DestinationSkipped.as_str()),
            is_skipped.then_some("skipped: too many calls waited for it"),
        ])?;
    }
    Ok(())
}

pub(crate) fn update_delivery(
    t: &Transaction<'_>,
    run: RunId,
    delivery: &DeliveryRecord,
) -> Result<(), Fault> {
    let sql = "UPDATE deliveries SET state = ?3, calls = ?4, delivered = ?5, dead_letters = ?6, filtered = ?7, cancelled = ?8,
               discarded = ?9, pending = ?10, requests = ?11, retries = ?12, bytes = ?13, settled = ?14, reason_code = ?15,
               reason = ?16 WHERE run = ?1 AND destination = ?2";
    let (counts, reason) = (&delivery.counts, delivery.reason.as_ref());
    let values = params![
        id(run),
        delivery.destination,
        delivery.state.name(),
        bits(counts.calls),
        bits(counts.delivered),
        bits(counts.dead_letters),
        bits(counts.filtered),
        bits(counts.cancelled),
        bits(counts.discarded),
        bits(counts.pending),
        bits(counts.requests),
        bits(counts.retries),
        bits(counts.bytes),
        to_json(&delivery.settled),
        reason.map(|r| r.0.as_str()),
        reason.map(|r| &r.1),
    ];
    if t.prepare_cached(sql)?.execute(values)? == 0 {
        let message = format!("run {run} has no delivery to {:?}", delivery.destination);
        return Err(impossible(message).into());
    }
    Ok(())
}

/// The dead letters are sent again by `by`.
pub(crate) fn mark_replayed(t: &Transaction<'_>, by: RunId, replayed: &Replayed) -> Result<(), Fault> {
    let sql =
        "UPDATE dead_letters SET replayed_by = ?4 WHERE run = ?1 AND destination = ?2 AND position = ?3";
    let mut mark = t.prepare_cached(sql)?;
    for position in &replayed.positions {
        mark.execute(params![id(replayed.run), replayed.destination, bits(*position), id(by)])?;
    }
    Ok(())
}

/// A letter that is there already is replaced: to settle the same twice is to settle it once.
pub(crate) fn insert_dead_letters(
    t: &Transaction<'_>,
    run: RunId,
    destination: &str,
    dead: &[DeadLetter],
) -> Result<(), Fault> {
    let sql = "INSERT OR REPLACE INTO dead_letters (run, destination, position, ordinal, message_id, code, status, reason, at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    let mut insert = t.prepare_cached(sql)?;
    for d in dead {
        insert.execute(params![
            id(run),
            destination,
            bits(d.position),
            bits(d.ordinal),
            d.message_id,
            d.code.as_str(),
            d.status,
            d.reason,
            d.at.as_microsecond(),
        ])?;
    }
    Ok(())
}
