//! Reading many things at once: the part of the port for lists, each method in one snapshot.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use outflow_core::ports::state::{DeliveryRecord, LatestRun, ListQueries, ListedRun, Overview, RunFilter};
use outflow_core::ports::watch::Audit;
use outflow_core::{Result, RunId, RunRecord, RunState, Timestamp};
use rusqlite::{Connection, Row};

use super::rows::{
    self, DELIVERY, DELIVERY_INTACT, RUN, RUN_INTACT, SCHEDULE_INTACT, optional, time, to_json, unsigned,
    word,
};
use super::sql::{NAMES, all, id};
use super::{Sqlite, gaps, pauses, queries, watch};

/// Syncs whose next run is compared with nothing. An event that was sent takes nothing back: see
/// `Origin`.
const RESTORED: &str = "SELECT name FROM syncs JOIN runs ON runs.id = baseline_run JOIN installation
     WHERE baseline_run <= CASE WHEN call_type IN ('track', 'page', 'screen')
     THEN parted_after ELSE restored_after END";

#[async_trait]
impl<W: Send + Sync> ListQueries for Sqlite<W> {
    async fn listed_runs(&self, filter: &RunFilter) -> Result<Vec<ListedRun>> {
        let filter = filter.clone();
        let read = move |c: &Connection| {
            let runs = queries::runs(c, &filter)?;
            let ids: Vec<RunId> = runs.iter().map(|run| run.id).collect();
            let (mut deliveries, mut audits) = (deliveries_of(c, &ids)?, audits_of(c, &ids)?);
            let listed = |record: RunRecord| ListedRun {
                deliveries: deliveries.remove(&record.id).unwrap_or_default(),
                audit: audits.remove(&record.id),
                record,
            };
            Ok(runs.into_iter().map(listed).collect())
        };
        self.readers.read(read).await
    }

    async fn overview(&self) -> Result<Overview> {
        self.readers.read(overview).await
    }

    async fn last_extracted_of_others(&self, syncs: &[String]) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "{NAMES} SELECT {RUN} FROM names JOIN runs ON id = (SELECT max(id) FROM runs r
             WHERE r.sync = name AND r.extracted_at IS NOT NULL)
             WHERE name NOT IN (SELECT value FROM json_each(?1)) ORDER BY sync"
        );
        let syncs = to_json(&syncs);
        self.readers.read(move |c| all(c, &sql, [syncs], rows::run)).await
    }
}

fn overview(c: &Connection) -> rusqlite::Result<Overview> {
    let unfinished = queries::unfinished_runs(c)?;
    let ids: Vec<RunId> = unfinished.iter().map(|run| run.id).collect();
    let mut deliveries = deliveries_of(c, &ids)?;
    let with_deliveries = |run: RunRecord| {
        let own = deliveries.remove(&run.id).unwrap_or_default();
        (run, own)
    };
    let sql = format!("SELECT sync, fired, {SCHEDULE_INTACT} FROM schedules");
    let fired: Vec<(String, Timestamp)> = all(c, &sql, [], |row| Ok((row.get(0)?, time(row, 1)?)))?;
    Ok(Overview {
        unfinished: unfinished.into_iter().map(with_deliveries).collect(),
        latest: latest(c)?,
        fired: fired.into_iter().collect(),
        restored: all(c, RESTORED, [], |row| row.get(0))?.into_iter().collect(),
        pauses: pauses::pauses(c)?,
        open_gaps: gaps::load_open_gaps(c)?,
        alerts: watch::alerts(c)?,
    })
}

/// Every sync that a run is kept of, with the newest one that was not skipped.
fn latest(c: &Connection) -> rusqlite::Result<BTreeMap<String, Option<LatestRun>>> {
    let sql = format!(
        "{NAMES} SELECT name, id, state, started_at, ended_at, reason_code, reason,
         CASE WHEN id IS NOT NULL THEN {RUN_INTACT} END
         FROM names LEFT JOIN runs ON id =
         (SELECT max(id) FROM runs r WHERE r.sync = name AND r.state <> 'skipped')
         WHERE name IS NOT NULL"
    );
    let read = |row: &Row<'_>| {
        let run = optional(row, 1, unsigned)?.map(|run| -> rusqlite::Result<LatestRun> {
            Ok(LatestRun {
                run: RunId(run),
                state: word(row, 2, RunState::from_name)?,
                started_at: time(row, 3)?,
                ended_at: optional(row, 4, time)?,
                reason: rows::reason(row, 5)?,
            })
        });
        Ok((row.get(0)?, run.transpose()?))
    };
    Ok(all(c, &sql, [], read)?.into_iter().collect())
}

/// The deliveries of these runs, in the order of their connections.
fn deliveries_of(c: &Connection, runs: &[RunId]) -> rusqlite::Result<HashMap<RunId, Vec<DeliveryRecord>>> {
    let sql = format!(
        "SELECT {DELIVERY}, {DELIVERY_INTACT}, run FROM deliveries
         WHERE run IN (SELECT value FROM json_each(?1)) ORDER BY run, place"
    );
    let at = DELIVERY.split(',').count() + 1;
    let mut found = HashMap::<RunId, Vec<DeliveryRecord>>::new();
    for (run, delivery) in all(c, &sql, [listed(runs)], |row| Ok((unsigned(row, at)?, rows::delivery(row)?)))?
    {
        found.entry(RunId(run)).or_default().push(delivery);
    }
    Ok(found)
}

/// What the audits of these runs found.
fn audits_of(c: &Connection, runs: &[RunId]) -> rusqlite::Result<HashMap<RunId, Audit>> {
    let sql = "SELECT at, differences, run FROM audits WHERE run IN (SELECT value FROM json_each(?1))";
    let read = |row: &Row<'_>| Ok((RunId(unsigned(row, 2)?), watch::audit(row)?));
    Ok(all(c, sql, [listed(runs)], read)?.into_iter().collect())
}

/// Numbers of runs for `json_each`.
fn listed(runs: &[RunId]) -> String {
    to_json(&runs.iter().map(|run| id(*run)).collect::<Vec<_>>())
}
