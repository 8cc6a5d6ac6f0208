//! Looking at runs, deliveries, and what can be deleted.

use async_trait::async_trait;
use outflow_core::ports::spool::SegmentInfo;
use outflow_core::ports::state::{
    DeadLetter, DeliveryQueries, DeliveryRecord, PastRun, RetentionQueries, RowsRead, RunFilter, RunQueries,
    SyncState, Usage,
};
use outflow_core::ports::watch::Pending;
use outflow_core::run::FindingCount;
use outflow_core::{Date, Result, RunId, RunRecord, Timestamp};
use rusqlite::{Connection, Row, params, params_from_iter};

use crate::filter::{self, Statement, Value};

use super::Sqlite;
use super::rows::{
    self, DELIVERY, DELIVERY_INTACT, LETTER_INTACT, RUN, SCHEDULE_INTACT, SEGMENT_INTACT, SYNC, SYNC_INTACT,
};
use super::sql::{all, capped, id, one};

#[async_trait]
impl<W: Send + Sync> RunQueries for Sqlite<W> {
    async fn sync(&self, name: &str) -> Result<SyncState> {
        let name = name.to_owned();
        self.readers.read(move |c| sync(c, &name)).await
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>> {
        self.readers.read(move |c| run_record(c, run)).await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>> {
        let filter = filter.clone();
        self.readers.read(move |c| runs(c, &filter)).await
    }

    async fn runs_since(&self, sync: &str, since: Timestamp) -> Result<Vec<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = ?1 AND started_at >= ?2 ORDER BY id DESC");
        let sync = sync.to_owned();
        self.readers.read(move |c| all(c, &sql, params![sync, since.as_microsecond()], rows::run)).await
    }

    async fn past_runs(&self, sync: &str, limit: u64) -> Result<Vec<PastRun>> {
        let sql = format!(
            "SELECT {RUN}, columns FROM runs WHERE sync = ?1
             AND state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial')
             ORDER BY id DESC LIMIT ?2"
        );
        let sync = sync.to_owned();
        self.readers.read(move |c| all(c, &sql, params![sync, capped(limit)], rows::past_run)).await
    }

    async fn runs_begun_by(&self, sync: &str, clock: Timestamp, limit: u64) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "SELECT {RUN} FROM runs WHERE sync = ?1 AND clock <= ?2
             AND state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial')
             ORDER BY id DESC LIMIT ?3"
        );
        let (sync, clock) = (sync.to_owned(), clock.as_microsecond());
        self.readers.read(move |c| all(c, &sql, params![sync, clock, capped(limit)], rows::run)).await
    }

    async fn unfinished(&self, sync: &str) -> Result<Option<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = ?1 AND ended_at IS NULL ORDER BY id LIMIT 1");
        let sync = sync.to_owned();
        self.readers.read(move |c| one(c, &sql, [sync], rows::run)).await
    }

    async fn unfinished_of(&self, sync: &str) -> Result<Vec<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = ?1 AND ended_at IS NULL ORDER BY id");
        let sync = sync.to_owned();
        self.readers.read(move |c| all(c, &sql, [sync], rows::run)).await
    }

    async fn unfinished_runs(&self) -> Result<Vec<RunRecord>> {
        self.readers.read(unfinished_runs).await
    }

    async fn segments(&self, run: RunId) -> Result<Vec<SegmentInfo>> {
        let sql = format!(
            "SELECT kind, number, first, entries, bytes, locator, {SEGMENT_INTACT} FROM segments
             WHERE run = ?1 ORDER BY kind, number"
        );
        self.readers.read(move |c| all(c, &sql, [id(run)], rows::segment)).await
    }

    async fn findings(&self, run: RunId) -> Result<Vec<FindingCount>> {
        let sql = "SELECT code, column_name, rows, samples FROM findings WHERE run = ?1 ORDER BY place";
        self.readers.read(move |c| all(c, sql, [id(run)], rows::finding)).await
    }

    async fn fired(&self, sync: &str) -> Result<Option<Timestamp>> {
        let sync = sync.to_owned();
        let sql = format!("SELECT fired, {SCHEDULE_INTACT} FROM schedules WHERE sync = ?1");
        self.readers.read(move |c| one(c, &sql, [sync], rows::timestamp)).await
    }

    async fn fired_by(&self, sync: &str, until: Timestamp) -> Result<Option<Timestamp>> {
        let (sync, until) = (sync.to_owned(), until.as_microsecond());
        let sql = "SELECT due_at FROM runs WHERE sync = ?1 AND trigger = 'schedule' AND due_at <= ?2
                   ORDER BY due_at DESC LIMIT 1";
        self.readers.read(move |c| one(c, sql, params![sync, until], rows::timestamp)).await
    }
}

#[async_trait]
impl<W: Send + Sync> DeliveryQueries for Sqlite<W> {
    async fn deliveries(&self, run: RunId) -> Result<Vec<DeliveryRecord>> {
        self.readers.read(move |c| deliveries(c, run)).await
    }

    async fn dead_letters(
        &self,
        run: RunId,
        destination: &str,
        from: u64,
        limit: u64,
    ) -> Result<Vec<DeadLetter>> {
        let sql = format!(
            "SELECT position, ordinal, message_id, code, status, reason, at, replayed_by, {LETTER_INTACT}
             FROM dead_letters WHERE run = ?1 AND destination = ?2 AND position >= ?4
             ORDER BY position LIMIT ?3"
        );
        let destination = destination.to_owned();
        let read = move |c: &Connection| {
            let values = params![id(run), destination, capped(limit), capped(from)];
            all(c, &sql, values, rows::dead_letter)
        };
        self.readers.read(read).await
    }

    async fn pending(&self) -> Result<Vec<Pending>> {
        let sql = "SELECT sync, destination, sum(pending) FROM runs JOIN deliveries ON run = runs.id
                   WHERE ended_at IS NULL GROUP BY sync, destination ORDER BY sync, destination";
        self.readers.read(move |c| all(c, sql, [], rows::pending)).await
    }

    async fn usage(&self, from: Date, to: Date) -> Result<Vec<Usage>> {
        let sql = "SELECT day, sync, destination, call_type, delivered, dead_letters FROM usage
                   WHERE day BETWEEN ?1 AND ?2 ORDER BY day, sync, destination, call_type";
        self.readers.read(move |c| all(c, sql, [from.to_string(), to.to_string()], rows::usage)).await
    }

    async fn rows_read(
        &self,
        from: Timestamp,
        until: Timestamp,
        sync: Option<&str>,
    ) -> Result<Vec<RowsRead>> {
        let sql = "SELECT sync, count(*), sum(rows_read) FROM runs
                   WHERE started_at >= ?1 AND started_at < ?2 AND state <> 'skipped'
                   AND (?3 IS NULL OR sync = ?3) GROUP BY sync ORDER BY sync";
        let values = (from.as_microsecond(), until.as_microsecond(), sync.map(str::to_owned));
        self.readers.read(move |c| all(c, sql, values, rows::rows_read)).await
    }
}

#[async_trait]
impl<W: Send + Sync> RetentionQueries for Sqlite<W> {
    async fn runs_with_old_segments(&self, before: Timestamp) -> Result<Vec<RunId>> {
        let sql = "SELECT id FROM runs WHERE ended_at < ?1
                   AND EXISTS (SELECT 1 FROM segments WHERE run = runs.id) ORDER BY id";
        self.readers.read(move |c| all(c, sql, [before.as_microsecond()], rows::run_id)).await
    }

    async fn ended_runs(&self, before: Timestamp, after: RunId, limit: u64) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "SELECT {RUN} FROM runs WHERE id > ?2 AND ended_at < ?1
             AND NOT EXISTS (SELECT 1 FROM segments WHERE run = runs.id) ORDER BY id LIMIT ?3"
        );
        let read = move |c: &Connection| {
            all(c, &sql, params![before.as_microsecond(), id(after), capped(limit)], rows::run)
        };
        self.readers.read(read).await
    }

    async fn compared_runs(&self) -> Result<Vec<RunId>> {
        let sql = "SELECT baseline_run FROM syncs WHERE baseline_run IS NOT NULL
                   UNION SELECT compared_with FROM runs WHERE ended_at IS NULL AND compared_with IS NOT NULL
                   UNION SELECT compared_with FROM gaps WHERE closed_at IS NULL AND compared_with IS NOT NULL
                   ORDER BY 1";
        self.readers.read(move |c| all(c, sql, [], rows::run_id)).await
    }
}

/// The runs that a filter means, the newest first.
pub(super) fn runs(c: &Connection, filter: &RunFilter) -> rusqlite::Result<Vec<RunRecord>> {
    let bounds = match filter::bounds(filter, '?') {
        None => None,
        Some(statement) => {
            let read = |row: &Row<'_>| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?));
            let found = one(c, &statement.sql, values(&statement), read)?.flatten();
            let Some(bounds) = found else { return Ok(Vec::new()) };
            Some(bounds)
        }
    };
    let statement = filter::runs(RUN, filter, bounds, '?');
    all(c, &statement.sql, values(&statement), rows::run)
}

fn values(statement: &Statement) -> impl rusqlite::Params + use<> {
    let value = |value: &Value| match value {
        Value::Text(text) => rusqlite::types::Value::from(text.clone()),
        Value::Number(number) => rusqlite::types::Value::from(*number),
    };
    params_from_iter(statement.values.iter().map(value).collect::<Vec<_>>())
}

/// One run.
pub(super) fn run_record(c: &Connection, run: RunId) -> rusqlite::Result<Option<RunRecord>> {
    one(c, &format!("SELECT {RUN} FROM runs WHERE id = ?1"), [id(run)], rows::run)
}

/// Every run that is not in a final state, oldest first.
pub(super) fn unfinished_runs(c: &Connection) -> rusqlite::Result<Vec<RunRecord>> {
    // With the plus they are sorted. Without it SQLite goes through all runs, in that order.
    all(c, &format!("SELECT {RUN} FROM runs WHERE ended_at IS NULL ORDER BY +id"), [], rows::run)
}

/// A sync's state.
pub(super) fn sync(c: &Connection, name: &str) -> rusqlite::Result<SyncState> {
    let found =
        one(c, &format!("SELECT {SYNC}, {SYNC_INTACT} FROM syncs WHERE name = ?1"), [name], rows::sync)?;
    Ok(found.unwrap_or_default())
}

/// A run's deliveries.
pub(super) fn deliveries(c: &Connection, run: RunId) -> rusqlite::Result<Vec<DeliveryRecord>> {
    let sql = format!("SELECT {DELIVERY}, {DELIVERY_INTACT} FROM deliveries WHERE run = ?1 ORDER BY place");
    all(c, &sql, [id(run)], rows::delivery)
}
