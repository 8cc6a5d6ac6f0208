//! Looking at runs, at deliveries and for what can be deleted: one method, one statement.

use async_trait::async_trait;
use outflow_core::ports::spool::SegmentInfo;
use outflow_core::ports::state::{
    DeadLetter, DeliveryQueries, DeliveryRecord, PastRun, RetentionQueries, RowsRead, RunFilter, RunQueries,
    SyncState, Usage,
};
use outflow_core::ports::watch::Pending;
use outflow_core::run::FindingCount;
use outflow_core::{Date, Result, RunId, RunRecord, Timestamp};

use super::handle::PostgresState;
use super::lists;
use super::rows::{self, Cells, DELIVERY, RUN, SYNC, capped, id};
use super::session::Values;
use super::text::escape;

impl<W: Send + Sync> PostgresState<W> {
    /// Every row of one statement.
    pub(super) async fn all<T: Send>(
        &self,
        sql: &str,
        values: Values<'_>,
        read: fn(&tokio_postgres::Row) -> Result<T, super::fault::Fault>,
    ) -> Result<Vec<T>> {
        self.pool.read(|s| async move { s.all(sql, values, read).await }).await
    }

    /// The first row of one statement.
    pub(super) async fn first<T: Send>(
        &self,
        sql: &str,
        values: Values<'_>,
        read: fn(&tokio_postgres::Row) -> Result<T, super::fault::Fault>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, values, read).await?.into_iter().next())
    }
}

#[async_trait]
impl<W: Send + Sync> RunQueries for PostgresState<W> {
    async fn sync(&self, name: &str) -> Result<SyncState> {
        let sql = format!("SELECT {SYNC}, intact('syncs', to_jsonb(syncs)) FROM syncs WHERE name = $1");
        Ok(self.first(&sql, &[&escape(name)], rows::sync).await?.unwrap_or_default())
    }

    async fn run(&self, run: RunId) -> Result<Option<RunRecord>> {
        self.first(&format!("SELECT {RUN} FROM runs WHERE id = $1"), &[&id(run)], rows::run).await
    }

    async fn runs(&self, filter: &RunFilter) -> Result<Vec<RunRecord>> {
        self.pool.read(|s| async move { lists::runs(&s, filter).await }).await
    }

    async fn runs_since(&self, sync: &str, since: Timestamp) -> Result<Vec<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = $1 AND started_at >= $2 ORDER BY id DESC");
        self.all(&sql, &[&escape(sync), &since.as_microsecond()], rows::run).await
    }

    async fn past_runs(&self, sync: &str, limit: u64) -> Result<Vec<PastRun>> {
        let sql = format!(
            "SELECT {RUN}, columns FROM runs
             WHERE sync = $1 AND state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial')
             ORDER BY id DESC LIMIT $2"
        );
        self.all(&sql, &[&escape(sync), &capped(limit)], rows::past_run).await
    }

    async fn runs_begun_by(&self, sync: &str, clock: Timestamp, limit: u64) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "SELECT {RUN} FROM runs WHERE sync = $1 AND clock <= $2
             AND state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial')
             ORDER BY id DESC LIMIT $3"
        );
        self.all(&sql, &[&escape(sync), &clock.as_microsecond(), &capped(limit)], rows::run).await
    }

    async fn unfinished(&self, sync: &str) -> Result<Option<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = $1 AND ended_at IS NULL ORDER BY id LIMIT 1");
        self.first(&sql, &[&escape(sync)], rows::run).await
    }

    async fn unfinished_of(&self, sync: &str) -> Result<Vec<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = $1 AND ended_at IS NULL ORDER BY id");
        self.all(&sql, &[&escape(sync)], rows::run).await
    }

    async fn unfinished_runs(&self) -> Result<Vec<RunRecord>> {
        self.all(&format!("SELECT {RUN} FROM runs WHERE ended_at IS NULL ORDER BY id"), &[], rows::run).await
    }

    async fn segments(&self, run: RunId) -> Result<Vec<SegmentInfo>> {
        let sql =
            "SELECT kind, number, first, entries, bytes, locator, intact('segments', to_jsonb(segments))
                   FROM segments WHERE run = $1 ORDER BY kind, number";
        self.all(sql, &[&id(run)], rows::segment).await
    }

    async fn findings(&self, run: RunId) -> Result<Vec<FindingCount>> {
        let sql = "SELECT code, column_name, rows, samples FROM findings WHERE run = $1 ORDER BY place";
        self.all(sql, &[&id(run)], rows::finding).await
    }

    async fn fired(&self, sync: &str) -> Result<Option<Timestamp>> {
        let sql = "SELECT fired, intact('schedules', to_jsonb(schedules)) FROM schedules WHERE sync = $1";
        self.first(sql, &[&escape(sync)], |row| Cells::of(row).time()).await
    }

    async fn fired_by(&self, sync: &str, until: Timestamp) -> Result<Option<Timestamp>> {
        let sql = "SELECT due_at FROM runs WHERE sync = $1 AND trigger = 'schedule' AND due_at <= $2
                   ORDER BY due_at DESC LIMIT 1";
        self.first(sql, &[&escape(sync), &until.as_microsecond()], |row| Cells::of(row).time()).await
    }
}

#[async_trait]
impl<W: Send + Sync> DeliveryQueries for PostgresState<W> {
    async fn deliveries(&self, run: RunId) -> Result<Vec<DeliveryRecord>> {
        let sql = format!("SELECT {DELIVERY} FROM deliveries WHERE run = $1 ORDER BY place");
        self.all(&sql, &[&id(run)], rows::delivery).await
    }

    async fn dead_letters(
        &self,
        run: RunId,
        destination: &str,
        from: u64,
        limit: u64,
    ) -> Result<Vec<DeadLetter>> {
        let sql = "SELECT position, ordinal, message_id, code, status, reason, at, replayed_by
                   FROM dead_letters WHERE run = $1 AND destination = $2 AND position >= $4
                   ORDER BY position LIMIT $3";
        let values: Values<'_> = &[&id(run), &escape(destination), &capped(limit), &capped(from)];
        self.all(sql, values, rows::dead_letter).await
    }

    async fn pending(&self) -> Result<Vec<Pending>> {
        let sql = "SELECT sync, destination, sum(pending)::bigint FROM runs JOIN deliveries ON run = runs.id
                   WHERE ended_at IS NULL GROUP BY sync, destination ORDER BY sync, destination";
        self.all(sql, &[], |row| {
            let mut c = Cells::of(row);
            Ok(Pending { sync: c.text()?, destination: c.text()?, calls: c.unsigned()? })
        })
        .await
    }

    async fn usage(&self, from: Date, to: Date) -> Result<Vec<Usage>> {
        let sql = "SELECT day, sync, destination, call_type, delivered, dead_letters FROM usage
                   WHERE day BETWEEN $1 AND $2 ORDER BY day, sync, destination, call_type";
        self.all(sql, &[&from.to_string(), &to.to_string()], rows::usage).await
    }

    async fn rows_read(
        &self,
        from: Timestamp,
        until: Timestamp,
        sync: Option<&str>,
    ) -> Result<Vec<RowsRead>> {
        let sql = "SELECT sync, count(*), sum(rows_read)::bigint FROM runs
                   WHERE started_at >= $1 AND started_at < $2 AND state <> 'skipped'
                   AND ($3::text IS NULL OR sync = $3) GROUP BY sync ORDER BY sync";
        let (from, until) = (from.as_microsecond(), until.as_microsecond());
        self.all(sql, &[&from, &until, &sync], |row| {
            let mut c = Cells::of(row);
            Ok(RowsRead { sync: c.text()?, runs: c.unsigned()?, rows: c.unsigned()? })
        })
        .await
    }
}

#[async_trait]
impl<W: Send + Sync> RetentionQueries for PostgresState<W> {
    async fn runs_with_old_segments(&self, before: Timestamp) -> Result<Vec<RunId>> {
        let sql = "SELECT id FROM runs
                   WHERE ended_at < $1 AND EXISTS (SELECT 1 FROM segments WHERE run = runs.id) ORDER BY id";
        self.all(sql, &[&before.as_microsecond()], rows::run_id).await
    }

    async fn ended_runs(&self, before: Timestamp, after: RunId, limit: u64) -> Result<Vec<RunRecord>> {
        let sql = format!(
            "SELECT {RUN} FROM runs WHERE id > $2 AND ended_at < $1
             AND NOT EXISTS (SELECT 1 FROM segments WHERE run = runs.id) ORDER BY id LIMIT $3"
        );
        self.all(&sql, &[&before.as_microsecond(), &id(after), &capped(limit)], rows::run).await
    }

    async fn compared_runs(&self) -> Result<Vec<RunId>> {
        let sql = "SELECT baseline_run FROM syncs WHERE baseline_run IS NOT NULL
                   UNION SELECT compared_with FROM runs WHERE ended_at IS NULL AND compared_with IS NOT NULL
                   UNION SELECT compared_with FROM gaps WHERE closed_at IS NULL AND compared_with IS NOT NULL
                   ORDER BY 1";
        self.all(sql, &[], rows::run_id).await
    }
}
