//! Deliveries, their dead letters and what they used.

use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::state::{DeadLetter, Deliveries, DeliveryRecord, Replayed, Settlement};
use outflow_core::rules::{self, Used};
use outflow_core::{Result, RunId};
use rusqlite::{Transaction, params};

use super::Sqlite;
use super::connection::Writer;
use super::errors::{Fault, impossible};
use super::gaps::{compared_with, open_gaps};
use super::queries::run_record;
use super::rows::{self, DELIVERY, DELIVERY_INTACT, to_json};
use super::sql::{bits, id, one};

#[async_trait]
impl Deliveries for Sqlite<Writer> {
    async fn settle(&self, settlements: &[Settlement]) -> Result<()> {
        let settlements: Arc<[Settlement]> = settlements.into();
        self.writer.write(move |t| settlements.iter().try_for_each(|settlement| settle(t, settlement))).await
    }
}

fn settle(t: &Transaction<'_>, settlement: &Settlement) -> Result<(), Fault> {
    let Settlement { run, destination, .. } = settlement;
    let sql =
        format!("SELECT {DELIVERY}, {DELIVERY_INTACT} FROM deliveries WHERE run = ?1 AND destination = ?2");
    let found = one(t, &sql, params![id(*run), destination], rows::delivery)?;
    let mut record = found.ok_or_else(|| unknown(*run, destination))?;
    if let Some(used) = rules::settle(&mut record, settlement)? {
        update_delivery(t, *run, &record)?;
        insert_dead_letters(t, *run, destination, &settlement.dead)?;
        count_usage(t, settlement, used)?;
        let calls = settlement.added.cancelled;
        if calls > 0
            && let Some(record) = run_record(t, *run)?
        {
            let compared_with = compared_with(t, *run)?.flatten();
            let missing =
                rules::missing_where_given_up(&record, destination, calls, compared_with, settlement.at);
            open_gaps(t, Vec::from_iter(missing))?;
        }
    }
    Ok(())
}

/// Adds to the usage of the day.
fn count_usage(t: &Transaction<'_>, settlement: &Settlement, used: Used) -> Result<(), Fault> {
    if used == Used::default() {
        return Ok(());
    }
    let sql = "INSERT INTO usage (day, sync, destination, call_type, delivered, dead_letters)
               SELECT ?3, sync, ?2, call_type, ?4, ?5 FROM runs WHERE id = ?1
               ON CONFLICT DO UPDATE SET delivered = delivered + excluded.delivered,
               dead_letters = dead_letters + excluded.dead_letters";
    let day = rules::day(settlement.at).to_string();
    let (run, destination) = (id(settlement.run), &settlement.destination);
    let values = params![run, destination, day, bits(used.delivered), bits(used.dead_letters)];
    t.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

pub(super) fn insert_deliveries(
    t: &Transaction<'_>,
    run: RunId,
    deliveries: &[DeliveryRecord],
) -> Result<(), Fault> {
    let sql = format!(
        "INSERT INTO deliveries (run, place, {DELIVERY})
         VALUES (?1, ?18, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    );
    let mut insert = t.prepare_cached(&sql)?;
    for (place, delivery) in (0_i64..).zip(deliveries) {
        execute_with(&mut insert, run, delivery, Some(place))?;
    }
    Ok(())
}

pub(super) fn update_delivery(
    t: &Transaction<'_>,
    run: RunId,
    delivery: &DeliveryRecord,
) -> Result<(), Fault> {
    let sql =
        "UPDATE deliveries SET state = ?3, calls = ?4, delivered = ?5, dead_letters = ?6, filtered = ?7,
               cancelled = ?8, discarded = ?9, pending = ?10, requests = ?11, retries = ?12, bytes = ?13,
               settled = ?14, reason_code = ?15, reason = ?16, sequence = ?17
               WHERE run = ?1 AND destination = ?2";
    if execute_with(&mut t.prepare_cached(sql)?, run, delivery, None)? == 0 {
        return Err(unknown(run, &delivery.destination));
    }
    Ok(())
}

/// Executes a statement whose parameters are the run, the columns of [`DELIVERY`], and a place if
/// there is one.
fn execute_with(
    statement: &mut rusqlite::CachedStatement<'_>,
    run: RunId,
    delivery: &DeliveryRecord,
    place: Option<i64>,
) -> Result<usize, Fault> {
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
        bits(delivery.sequence),
    ];
    match place {
        None => Ok(statement.execute(values)?),
        Some(place) => {
            let place: &dyn rusqlite::ToSql = &place;
            Ok(statement.execute(&[values, &[place]].concat()[..])?)
        }
    }
}

fn unknown(run: RunId, destination: &str) -> Fault {
    impossible(format!("run {run} has no delivery to {destination:?}")).into()
}

/// The dead letters are sent again by `by`.
pub(super) fn mark_replayed(t: &Transaction<'_>, by: RunId, replayed: &Replayed) -> Result<(), Fault> {
    let sql =
        "UPDATE dead_letters SET replayed_by = ?4 WHERE run = ?1 AND destination = ?2 AND position = ?3";
    let mut mark = t.prepare_cached(sql)?;
    for position in &replayed.positions {
        mark.execute(params![id(replayed.run), replayed.destination, bits(*position), id(by)])?;
    }
    Ok(())
}

fn insert_dead_letters(
    t: &Transaction<'_>,
    run: RunId,
    destination: &str,
    dead: &[DeadLetter],
) -> Result<(), Fault> {
    let sql =
        "INSERT INTO dead_letters (run, destination, position, ordinal, message_id, code, status, reason, at)
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
