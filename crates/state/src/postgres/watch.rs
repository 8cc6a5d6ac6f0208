//! The health of syncs: alerts, audits, and the numbers that they rest on.

use async_trait::async_trait;
use outflow_core::ports::state::{Watch, WatchQueries};
use outflow_core::ports::watch::{AlertRecord, Audit, ClockRecord, Standing};
use outflow_core::{Code, Result, RunId, Timestamp};
use tokio_postgres::Row;

use super::fault::Fault;
use super::handle::PostgresState;
use super::rows::{self, Cells, NAMES, id, to_json};
use super::session::Session;
use super::text::escape;
use super::write::Writes;

const ALERT: &str = "kind, subject, code, message, since, recovered_at, reported";

/// How each of [`NAMES`] is doing. Each part reads the newest runs of one sync and stops at the
/// first that answers it, or the window of time. An event that was sent takes nothing back after a
/// restore: see `Origin`.
const STANDINGS: &str = "
    SELECT name, failures.failed, failure.reason_code, failure.reason, latest.id, latest.rows_read, latest.rejected,
        (SELECT started_at FROM runs WHERE sync = name ORDER BY id LIMIT 1),
        success.ended_at, slots.fired, slots.skipped,
        held.id, held.reason_code, held.reason, audit.run, audit.differences,
        (SELECT watermark_open_us FROM syncs WHERE syncs.name = names.name),
        EXISTS (SELECT 1 FROM syncs JOIN runs ON runs.id = baseline_run CROSS JOIN installation
                WHERE syncs.name = names.name AND baseline_run <= CASE
                WHEN runs.call_type IN ('track', 'page', 'screen') THEN parted_after ELSE restored_after END)
    FROM names
    LEFT JOIN LATERAL (
        SELECT ended_at FROM runs WHERE sync = name
        AND state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial') AND state <> 'delivering'
        ORDER BY id DESC LIMIT 1
    ) success ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS failed FROM runs WHERE sync = name AND state = 'failed' AND id > coalesce(
            (SELECT id FROM runs WHERE sync = name AND extracted_at IS NOT NULL ORDER BY id DESC LIMIT 1), 0)
    ) failures
    LEFT JOIN LATERAL (
        SELECT reason_code, reason FROM runs WHERE sync = name AND state = 'failed' AND failures.failed > 0
        ORDER BY id DESC LIMIT 1
    ) failure ON true
    LEFT JOIN LATERAL (
        SELECT id, rows_read, rejected FROM runs WHERE sync = name AND rows_read > 0 ORDER BY id DESC LIMIT 1
    ) latest ON true
    CROSS JOIN LATERAL (
        SELECT count(*) AS fired, count(*) FILTER (WHERE state = 'skipped') AS skipped FROM runs
        WHERE started_at BETWEEN $1 AND $2 AND sync = name AND trigger = 'schedule'
    ) slots
    LEFT JOIN LATERAL (
        SELECT id, reason_code, reason FROM runs
        WHERE sync = name AND ended_at IS NULL AND state = 'awaiting_approval' ORDER BY id LIMIT 1
    ) held ON true
    LEFT JOIN LATERAL (
        SELECT run, differences FROM audits JOIN runs ON runs.id = run WHERE sync = name
        ORDER BY run DESC LIMIT 1
    ) audit ON true
    WHERE name IS NOT NULL ORDER BY name";

#[async_trait]
impl<W: Send + Sync> WatchQueries for PostgresState<W> {
    async fn alerts(&self) -> Result<Vec<AlertRecord>> {
        self.pool.read(|s| async move { load_alerts(&s).await }).await
    }

    async fn standings(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Standing>> {
        self.all(
            &format!("{NAMES}{STANDINGS}"),
            &[&since.as_microsecond(), &until.as_microsecond()],
            standing,
        )
        .await
    }

    async fn next_audit(&self, before: Timestamp) -> Result<Option<RunId>> {
        let sql = "SELECT id FROM runs WHERE state IN ('succeeded', 'succeeded_with_rejected', 'partial')
                   AND ended_at < $1
                   AND EXISTS (SELECT 1 FROM segments WHERE run = runs.id)
                   AND NOT EXISTS (SELECT 1 FROM audits WHERE run = runs.id) ORDER BY id LIMIT 1";
        self.first(sql, &[&before.as_microsecond()], rows::run_id).await
    }

    async fn clock(&self) -> Result<Option<ClockRecord>> {
        self.first("SELECT record FROM clock", &[], |row| Cells::of(row).json()).await
    }

    async fn audit(&self, run: RunId) -> Result<Option<Audit>> {
        let sql = "SELECT at, differences FROM audits WHERE run = $1";
        self.first(sql, &[&id(run)], |row| audit(&mut Cells::of(row))).await
    }
}

#[async_trait]
impl Watch for PostgresState<Writes> {
    async fn put_alerts(&self, alerts: &[AlertRecord]) -> Result<()> {
        let sql = &format!(
            "INSERT INTO alerts ({ALERT}) VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (kind, subject) DO UPDATE SET code = excluded.code, message = excluded.message,
             since = excluded.since, recovered_at = excluded.recovered_at, reported = excluded.reported"
        );
        self.write(|t| async move {
            for a in alerts {
                let (code, since) = (a.code.map(Code::as_str), a.since.as_microsecond());
                let recovered_at = a.recovered_at.map(Timestamp::as_microsecond);
                let (kind, subject, message) = (escape(&a.kind), escape(&a.subject), escape(&a.message));
                t.execute(sql, &[&kind, &subject, &code, &message, &since, &recovered_at, &a.reported])
                    .await?;
            }
            Ok(())
        })
        .await
    }

    async fn alert_reported(&self, alert: &AlertRecord) -> Result<()> {
        let sql = match alert.recovered_at {
            None => "UPDATE alerts SET reported = true WHERE kind = $1 AND subject = $2 AND since = $3",
            Some(_) => {
                "DELETE FROM alerts
                 WHERE kind = $1 AND subject = $2 AND since = $3 AND recovered_at IS NOT NULL"
            }
        };
        self.write(|t| async move {
            let (kind, subject) = (escape(&alert.kind), escape(&alert.subject));
            t.execute(sql, &[&kind, &subject, &alert.since.as_microsecond()]).await?;
            Ok(())
        })
        .await
    }

    async fn set_clock(&self, record: &ClockRecord) -> Result<()> {
        let sql = "INSERT INTO clock (record) VALUES ($1)
                   ON CONFLICT (one) DO UPDATE SET record = excluded.record";
        let record = &to_json(record);
        self.write(|t| async move {
            t.execute(sql, &[record]).await?;
            Ok(())
        })
        .await
    }

    async fn set_audit(&self, run: RunId, audit: &Audit) -> Result<()> {
        let sql = "INSERT INTO audits (run, at, differences) VALUES ($1, $2, $3)
                   ON CONFLICT (run) DO UPDATE SET at = excluded.at, differences = excluded.differences";
        self.write(|t| async move {
            let values = (audit.at.as_microsecond(), to_json(&audit.differences));
            t.execute(sql, &[&id(run), &values.0, &values.1]).await?;
            Ok(())
        })
        .await
    }
}

/// Every alert, by kind and subject.
pub(super) async fn load_alerts(s: &Session) -> Result<Vec<AlertRecord>, Fault> {
    s.all(&format!("SELECT {ALERT} FROM alerts ORDER BY kind, subject"), &[], alert).await
}

/// `at, differences`.
pub(super) fn audit(c: &mut Cells<'_>) -> Result<Audit, Fault> {
    Ok(Audit { at: c.time()?, differences: c.json()? })
}

fn alert(row: &Row) -> Result<AlertRecord, Fault> {
    let mut c = Cells::of(row);
    Ok(AlertRecord {
        kind: c.text()?,
        subject: c.text()?,
        code: c.get::<Option<&str>>()?.and_then(Code::from_name),
        message: c.text()?,
        since: c.time()?,
        recovered_at: c.optional_time()?,
        reported: c.get()?,
    })
}

fn standing(row: &Row) -> Result<Standing, Fault> {
    let mut c = Cells::of(row);
    let (sync, failed, reason) = (c.text()?, c.unsigned()?, c.reason()?.map(|(code, _)| code));
    let (id, read, rejected) = (c.optional_run()?, c.get::<Option<i64>>()?, c.get::<Option<i64>>()?);
    let counts = read.zip(rejected).map(|(read, rejected)| (read.cast_unsigned(), rejected.cast_unsigned()));
    Ok(Standing {
        sync,
        failed,
        reason,
        last_rows: id.zip(counts).map(|(id, (read, rejected))| (id, read, rejected)),
        first_started: c.optional_time()?,
        last_success: c.optional_time()?,
        slots: c.unsigned()?,
        skipped: c.unsigned()?,
        awaiting_approval: {
            let run = c.optional_run()?;
            let reason = c.reason()?;
            run.map(|run| (run, reason))
        },
        wrong: {
            let run = c.optional_run()?;
            let differences: Option<Vec<String>> = c.optional_json()?;
            run.filter(|_| differences.is_some_and(|found| !found.is_empty()))
        },
        open_since: c.optional_time()?,
        restored: c.get()?,
    })
}
