//! Reading many things at once: the part of the port for lists. The statements of one method go to
//! the server together where none needs the answer of another.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use outflow_core::ports::state::{DeliveryRecord, LatestRun, ListQueries, ListedRun, Overview, RunFilter};
use outflow_core::ports::watch::Audit;
use outflow_core::{Result, RunId, RunRecord, RunState, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Fault;
use super::handle::PostgresState;
use super::rows::{self, Cells, DELIVERY, NAMES, RUN, id};
use super::session::Session;
use super::text::escape;
use super::{gaps, pauses, watch};
use crate::filter::{self, Statement, Value};

/// Syncs whose next run is compared with nothing. An event that was sent takes nothing back: see
/// `Origin`.
const RESTORED: &str =
    "SELECT syncs.name FROM syncs JOIN runs ON runs.id = baseline_run CROSS JOIN installation
     WHERE baseline_run <= CASE WHEN runs.call_type IN ('track', 'page', 'screen')
     THEN parted_after ELSE restored_after END";

#[async_trait]
impl<W: Send + Sync> ListQueries for PostgresState<W> {
    async fn listed_runs(&self, filter: &RunFilter) -> Result<Vec<ListedRun>> {
        self.pool.read(|s| async move { listed_runs(&s, filter).await }).await
    }

    async fn overview(&self) -> Result<Overview> {
        self.pool.read(|s| async move { overview(&s).await }).await
    }

    async fn last_extracted_of_others(&self, syncs: &[String]) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "{NAMES} SELECT {RUN} FROM names JOIN runs ON id = (SELECT r.id FROM runs r
             WHERE r.sync = name AND r.extracted_at IS NOT NULL ORDER BY r.id DESC LIMIT 1)
             WHERE name <> ALL ($1) ORDER BY sync"
        );
        let syncs: Vec<String> = syncs.iter().map(|sync| escape(sync).into_owned()).collect();
        self.all(&sql, &[&syncs], rows::run).await
    }
}

async fn listed_runs(s: &Session, filter: &RunFilter) -> Result<Vec<ListedRun>, Fault> {
    let runs = runs(s, filter).await?;
    let ids = ids(runs.iter());
    let (deliveries, audits) = tokio::join!(deliveries_of(s, &ids), audits_of(s, &ids));
    let (mut deliveries, mut audits) = (deliveries?, audits?);
    let listed = |record: RunRecord| ListedRun {
        deliveries: deliveries.remove(&record.id).unwrap_or_default(),
        audit: audits.remove(&record.id),
        record,
    };
    Ok(runs.into_iter().map(listed).collect())
}

/// The runs that a filter means, the newest first.
pub(super) async fn runs(s: &Session, filter: &RunFilter) -> Result<Vec<RunRecord>, Fault> {
    let bounds = match filter::bounds(filter, '$') {
        None => None,
        Some(statement) => {
            let read = |row: &Row| {
                let mut c = Cells::of(row);
                Ok(c.get::<Option<i64>>()?.zip(c.get::<Option<i64>>()?))
            };
            let found = all(s, &statement, read).await?;
            let Some(bounds) = found.into_iter().next().flatten() else { return Ok(Vec::new()) };
            Some(bounds)
        }
    };
    all(s, &filter::runs(RUN, filter, bounds, '$'), rows::run).await
}

async fn all<T>(
    s: &Session,
    statement: &Statement,
    read: fn(&Row) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let value = |value: &Value| -> Box<dyn ToSql + Send + Sync> {
        match value {
            Value::Text(text) => Box::new(escape(text).into_owned()),
            Value::Number(number) => Box::new(*number),
        }
    };
    let values: Vec<Box<dyn ToSql + Send + Sync>> = statement.values.iter().map(value).collect();
    let values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    s.all(&statement.sql, &values, read).await
}

async fn overview(s: &Session) -> Result<Overview, Fault> {
    let unfinished = format!("SELECT {RUN} FROM runs WHERE ended_at IS NULL ORDER BY id");
    let of_runs = async {
        let unfinished = s.all(&unfinished, &[], rows::run).await?;
        let mut deliveries = deliveries_of(s, &ids(unfinished.iter())).await?;
        let with_deliveries = |run: RunRecord| {
            let own = deliveries.remove(&run.id).unwrap_or_default();
            (run, own)
        };
        Ok::<_, Fault>(unfinished.into_iter().map(with_deliveries).collect())
    };
    let fired = "SELECT sync, fired, intact('schedules', to_jsonb(schedules)) FROM schedules";
    let (unfinished, latest, fired, restored, pauses, open_gaps, alerts) = tokio::join!(
        of_runs,
        latest(s),
        s.all(fired, &[], slot),
        s.all(RESTORED, &[], |row| Cells::of(row).text()),
        s.all(pauses::PAUSES, &[], pauses::pause),
        gaps::load_open_gaps(s),
        watch::load_alerts(s),
    );
    Ok(Overview {
        unfinished: unfinished?,
        latest: latest?,
        fired: fired?.into_iter().collect(),
        restored: restored?.into_iter().collect(),
        pauses: pauses?,
        open_gaps: open_gaps?,
        alerts: alerts?,
    })
}

fn slot(row: &Row) -> Result<(String, Timestamp), Fault> {
    let mut c = Cells::of(row);
    Ok((c.text()?, c.time()?))
}

/// Every sync that a run is kept of, with the newest one that was not skipped.
async fn latest(s: &Session) -> Result<BTreeMap<String, Option<LatestRun>>, Fault> {
    let sql = format!(
        "{NAMES} SELECT name, CASE WHEN intact('runs', to_jsonb(runs)) THEN id END, state, started_at, ended_at,
         reason_code, reason FROM names LEFT JOIN runs ON id =
         (SELECT r.id FROM runs r WHERE r.sync = name AND r.state <> 'skipped' ORDER BY r.id DESC LIMIT 1)
         WHERE name IS NOT NULL"
    );
    let read = |row: &Row| {
        let mut c = Cells::of(row);
        let (name, Some(run)) = (c.text()?, c.optional_run()?) else {
            return Ok((Cells::of(row).text()?, None));
        };
        let run = LatestRun {
            run,
            state: c.word(RunState::from_name)?,
            started_at: c.time()?,
            ended_at: c.optional_time()?,
            reason: c.reason()?,
        };
        Ok((name, Some(run)))
    };
    Ok(s.all(&sql, &[], read).await?.into_iter().collect())
}

/// The deliveries of these runs, in the order of their connections.
async fn deliveries_of(s: &Session, runs: &[i64]) -> Result<HashMap<RunId, Vec<DeliveryRecord>>, Fault> {
    let sql = format!("SELECT run, {DELIVERY} FROM deliveries WHERE run = ANY ($1) ORDER BY run, place");
    let read = |row: &Row| {
        let mut c = Cells::of(row);
        Ok((c.run()?, rows::delivery_cells(&mut c)?))
    };
    let mut found = HashMap::<RunId, Vec<DeliveryRecord>>::new();
    for (run, delivery) in s.all(&sql, &[&runs], read).await? {
        found.entry(run).or_default().push(delivery);
    }
    Ok(found)
}

/// What the audits of these runs found.
async fn audits_of(s: &Session, runs: &[i64]) -> Result<HashMap<RunId, Audit>, Fault> {
    let sql = "SELECT run, at, differences FROM audits WHERE run = ANY ($1)";
    let read = |row: &Row| {
        let mut c = Cells::of(row);
        Ok((c.run()?, watch::audit(&mut c)?))
    };
    Ok(s.all(sql, &[&runs], read).await?.into_iter().collect())
}

fn ids<'a>(runs: impl Iterator<Item = &'a RunRecord>) -> Vec<i64> {
    runs.map(|run| id(run.id)).collect()
}
