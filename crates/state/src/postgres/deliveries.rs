//! Progress at destinations: deliveries, their dead letters and what they used.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::state::{DeadLetter, Deliveries, DeliveryRecord, Replayed, Settlement};
use outflow_core::rules::{self, Used};
use outflow_core::{CallType, Result, RunId};

use super::fault::{Fault, impossible};
use super::gaps::give_up;
use super::handle::PostgresState;
use super::rows::{self, Cells, DELIVERY, bits, id, to_json};
use super::session::Session;
use super::text::escape;
use super::write::Writes;

#[async_trait]
impl Deliveries for PostgresState<Writes> {
    async fn settle(&self, settlements: &[Settlement]) -> Result<()> {
        self.write(|t| async move { settle(&t, settlements).await }).await
    }
}

/// A delivery with what its usage is counted under.
struct Found {
    sync: String,
    call_type: CallType,
    record: DeliveryRecord,
}

/// Loads all deliveries at once. What is written of each then travels at once.
async fn settle(t: &Arc<Session>, settlements: &[Settlement]) -> Result<(), Fault> {
    let mut found = load_settled(t, settlements).await?;
    for s in settlements {
        let Some(found) = found.get_mut(&(s.run, s.destination.clone())) else {
            return Err(impossible(format!("run {} has no delivery to {:?}", s.run, s.destination)));
        };
        let Some(used) = rules::settle(&mut found.record, s)? else { continue };
        tokio::try_join!(
            biased;
            update_delivery(t, s.run, &found.record),
            insert_dead_letters(t, s.run, &s.destination, &s.dead),
            add_usage(t, found, s, used),
        )?;
        if s.added.cancelled > 0 {
            give_up(t, s).await?;
        }
    }
    Ok(())
}

async fn load_settled(
    t: &Session,
    settlements: &[Settlement],
) -> Result<BTreeMap<(RunId, String), Found>, Fault> {
    let sql = format!(
        "SELECT run, sync, call_type, {DELIVERY} FROM deliveries JOIN runs ON runs.id = run
         WHERE (run, destination) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))"
    );
    let runs: Vec<i64> = settlements.iter().map(|s| id(s.run)).collect();
    let destinations: Vec<_> = settlements.iter().map(|s| escape(&s.destination)).collect();
    let found = t
        .all(&sql, &[&runs, &destinations], |row| {
            let mut c = Cells::of(row);
            let (run, sync, call_type) = (c.run()?, c.text()?, c.word(CallType::from_name)?);
            let record = rows::delivery_cells(&mut c)?;
            Ok(((run, record.destination.clone()), Found { sync, call_type, record }))
        })
        .await?;
    Ok(found.into_iter().collect())
}

async fn add_usage(t: &Session, of: &Found, settlement: &Settlement, used: Used) -> Result<(), Fault> {
    if used == Used::default() {
        return Ok(());
    }
    let sql = "INSERT INTO usage (day, sync, destination, call_type, delivered, dead_letters)
               VALUES ($1, $2, $3, $4, $5, $6)
               ON CONFLICT (day, sync, destination, call_type) DO UPDATE SET
               delivered = usage.delivered + excluded.delivered,
               dead_letters = usage.dead_letters + excluded.dead_letters";
    let (day, destination) = (rules::day(settlement.at).to_string(), escape(&settlement.destination));
    let (delivered, dead) = (bits(used.delivered), bits(used.dead_letters));
    t.execute(sql, &[&day, &escape(&of.sync), &destination, &of.call_type.name(), &delivered, &dead]).await?;
    Ok(())
}

pub(super) async fn load_deliveries(t: &Session, run: RunId) -> Result<Vec<DeliveryRecord>, Fault> {
    let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE run = $1 ORDER BY place");
    t.all(&sql, &[&id(run)], rows::delivery).await
}

pub(super) async fn insert_deliveries(
    t: &Session,
    run: RunId,
    deliveries: &[DeliveryRecord],
) -> Result<(), Fault> {
    let sql =
        "INSERT INTO deliveries (run, destination, place, state, calls, delivered, dead_letters, filtered,
               cancelled, discarded, pending, requests, retries, bytes, settled, sequence)
               VALUES ($1, $2, $3, 'delivering', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', 0)";
    for (place, delivery) in (0_i64..).zip(deliveries) {
        t.execute(sql, &[&id(run), &escape(&delivery.destination), &place]).await?;
        update_delivery(t, run, delivery).await?;
    }
    Ok(())
}

pub(super) async fn update_delivery(t: &Session, run: RunId, delivery: &DeliveryRecord) -> Result<(), Fault> {
    let sql =
        "UPDATE deliveries SET state = $3, calls = $4, delivered = $5, dead_letters = $6, filtered = $7,
               cancelled = $8, discarded = $9, pending = $10, requests = $11, retries = $12, bytes = $13,
               settled = $14, reason_code = $15, reason = $16, sequence = $17
               WHERE run = $1 AND destination = $2";
    let counts = &delivery.counts;
    let (code, reason) = delivery.reason.as_ref().map(|r| (r.0.as_str(), escape(&r.1))).unzip();
    let touched = t
        .execute(
            sql,
            &[
                &id(run),
                &escape(&delivery.destination),
                &delivery.state.name(),
                &bits(counts.calls),
                &bits(counts.delivered),
                &bits(counts.dead_letters),
                &bits(counts.filtered),
                &bits(counts.cancelled),
                &bits(counts.discarded),
                &bits(counts.pending),
                &bits(counts.requests),
                &bits(counts.retries),
                &bits(counts.bytes),
                &to_json(&delivery.settled),
                &code,
                &reason,
                &bits(delivery.sequence),
            ],
        )
        .await?;
    match touched {
        0 => Err(impossible(format!("run {run} has no delivery to {:?}", delivery.destination))),
        _ => Ok(()),
    }
}

/// The dead letters are sent again by `by`.
pub(super) async fn mark_replayed(t: &Session, by: RunId, replayed: &Replayed) -> Result<(), Fault> {
    let sql = "UPDATE dead_letters SET replayed_by = $4
               WHERE run = $1 AND destination = $2 AND position = ANY($3)";
    let positions: Vec<i64> = replayed.positions.iter().map(|p| bits(*p)).collect();
    t.execute(sql, &[&id(replayed.run), &escape(&replayed.destination), &positions, &id(by)]).await?;
    Ok(())
}

async fn insert_dead_letters(
    t: &Session,
    run: RunId,
    destination: &str,
    dead: &[DeadLetter],
) -> Result<(), Fault> {
    if dead.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO dead_letters
               (run, destination, position, ordinal, message_id, code, status, reason, at)
               SELECT $1, $2, * FROM unnest($3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::int[],
               $8::text[], $9::bigint[])
               ON CONFLICT (run, destination, position) DO UPDATE SET ordinal = excluded.ordinal,
               message_id = excluded.message_id, code = excluded.code, status = excluded.status,
               reason = excluded.reason, at = excluded.at, replayed_by = NULL";
    let numbers = |of: fn(&DeadLetter) -> i64| dead.iter().map(of).collect::<Vec<i64>>();
    let message_ids: Vec<_> = dead.iter().map(|d| escape(&d.message_id)).collect();
    let codes: Vec<&str> = dead.iter().map(|d| d.code.as_str()).collect();
    let statuses: Vec<Option<i32>> = dead.iter().map(|d| d.status.map(i32::from)).collect();
    let reasons: Vec<_> = dead.iter().map(|d| escape(&d.reason)).collect();
    t.execute(
        sql,
        &[
            &id(run),
            &escape(destination),
            &numbers(|d| bits(d.position)),
            &numbers(|d| bits(d.ordinal)),
            &message_ids,
            &codes,
            &statuses,
            &reasons,
            &numbers(|d| d.at.as_microsecond()),
        ],
    )
    .await?;
    Ok(())
}
