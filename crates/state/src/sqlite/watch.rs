//! The part of the port that watches: alerts, audits, and how syncs are doing.

use async_trait::async_trait;
use outflow_core::ports::state::{Watch, WatchQueries};
use outflow_core::ports::watch::{AlertRecord, Audit, ClockRecord, Standing};
use outflow_core::{Code, Result, RunId, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};

use super::Sqlite;
use super::connection::Writer;
use super::rows::{self, optional, time, to_json, unsigned};
use super::sql::{NAMES, all, id, one};

const ALERT: &str = "kind, subject, code, message, since, recovered_at, reported";

#[async_trait]
impl<W: Send + Sync> WatchQueries for Sqlite<W> {
    async fn alerts(&self) -> Result<Vec<AlertRecord>> {
        self.readers.read(alerts).await
    }

    async fn standings(&self, since: Timestamp, until: Timestamp) -> Result<Vec<Standing>> {
        let read = move |c: &Connection| {
            let sql = format!("{NAMES} SELECT name FROM names WHERE name IS NOT NULL");
            let syncs = all(c, &sql, [], |row| row.get(0))?;
            syncs.into_iter().map(|sync| standing(c, sync, [since, until])).collect()
        };
        self.readers.read(read).await
    }

    async fn next_audit(&self, before: Timestamp) -> Result<Option<RunId>> {
        let sql = "SELECT id FROM runs WHERE state IN ('succeeded', 'succeeded_with_rejected', 'partial')
                   AND ended_at < ?1
                   AND id IN (SELECT run FROM segments) AND id NOT IN (SELECT run FROM audits)
                   ORDER BY id LIMIT 1";
        self.readers.read(move |c| one(c, sql, [before.as_microsecond()], rows::run_id)).await
    }

    async fn clock(&self) -> Result<Option<ClockRecord>> {
        self.readers.read(|c| one(c, "SELECT record FROM clock", [], |row| rows::json(row, 0))).await
    }

    async fn audit(&self, run: RunId) -> Result<Option<Audit>> {
        let sql = "SELECT at, differences FROM audits WHERE run = ?1";
        self.readers.read(move |c| one(c, sql, [id(run)], audit)).await
    }
}

#[async_trait]
impl Watch for Sqlite<Writer> {
    async fn put_alerts(&self, alerts: &[AlertRecord]) -> Result<()> {
        let alerts = alerts.to_vec();
        let write = move |t: &Transaction<'_>| {
            let sql = format!("INSERT OR REPLACE INTO alerts ({ALERT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
            let mut insert = t.prepare_cached(&sql)?;
            for a in &alerts {
                insert.execute(params![
                    a.kind,
                    a.subject,
                    a.code.map(Code::as_str),
                    a.message,
                    a.since.as_microsecond(),
                    a.recovered_at.map(Timestamp::as_microsecond),
                    a.reported,
                ])?;
            }
            Ok(())
        };
        self.writer.write(write).await
    }

    async fn alert_reported(&self, alert: &AlertRecord) -> Result<()> {
        let sql = match alert.recovered_at {
            None => "UPDATE alerts SET reported = 1 WHERE kind = ?1 AND subject = ?2 AND since = ?3",
            Some(_) => {
                "DELETE FROM alerts WHERE kind = ?1 AND subject = ?2 AND since = ?3
                 AND recovered_at IS NOT NULL"
            }
        };
        let a = alert.clone();
        let write = move |t: &Transaction<'_>| {
            t.prepare_cached(sql)?.execute(params![a.kind, a.subject, a.since.as_microsecond()])?;
            Ok(())
        };
        self.writer.write(write).await
    }

    async fn set_clock(&self, record: &ClockRecord) -> Result<()> {
        let record = to_json(record);
        let write = move |t: &Transaction<'_>| {
            t.execute("INSERT OR REPLACE INTO clock (one, record) VALUES (1, ?1)", [record.as_str()])?;
            Ok(())
        };
        self.writer.write(write).await
    }

    async fn set_audit(&self, run: RunId, audit: &Audit) -> Result<()> {
        let audit = audit.clone();
        let write = move |t: &Transaction<'_>| {
            let sql = "INSERT OR REPLACE INTO audits (run, at, differences) VALUES (?1, ?2, ?3)";
            t.execute(sql, params![id(run), audit.at.as_microsecond(), to_json(&audit.differences)])?;
            Ok(())
        };
        self.writer.write(write).await
    }
}

/// Each statement reads the newest runs of one sync and stops at the first that answers it, or the
/// window of time.
fn standing(c: &Connection, sync: String, window: [Timestamp; 2]) -> rusqlite::Result<Standing> {
    let of = [sync.as_str()];
    let sql = "SELECT count(*), coalesce(sum(state = 'skipped'), 0) FROM runs
               WHERE started_at BETWEEN ?2 AND ?3 AND sync = ?1 AND trigger = 'schedule'";
    let [since, until] = window.map(Timestamp::as_microsecond);
    let slots = |row: &Row<'_>| Ok((unsigned(row, 0)?, unsigned(row, 1)?));
    let (slots, skipped) = one(c, sql, params![sync, since, until], slots)?.unwrap_or_default();
    let extracted = "coalesce((SELECT max(id) FROM runs WHERE sync = ?1 AND extracted_at IS NOT NULL), 0)";
    let sql = format!("SELECT count(*) FROM runs WHERE sync = ?1 AND state = 'failed' AND id > {extracted}");
    let failed = one(c, &sql, of, |row| unsigned(row, 0))?.unwrap_or_default();
    let sql =
        "SELECT reason_code, reason FROM runs WHERE sync = ?1 AND state = 'failed' ORDER BY id DESC LIMIT 1";
    let reason = if failed > 0 { one(c, sql, of, |row| rows::reason(row, 0))?.flatten() } else { None };
    let reason = reason.map(|(code, _)| code);
    let sql =
        "SELECT id, rows_read, rejected FROM runs WHERE sync = ?1 AND rows_read > 0 ORDER BY id DESC LIMIT 1";
    let last_rows = one(c, sql, of, |row| Ok((rows::run_id(row)?, unsigned(row, 1)?, unsigned(row, 2)?)))?;
    let sql = "SELECT started_at FROM runs WHERE sync = ?1 ORDER BY id LIMIT 1";
    let first_started = one(c, sql, of, rows::timestamp)?;
    // In the words of the index `delivered_runs`.
    let sql = "SELECT ended_at FROM runs
               WHERE sync = ?1 AND state IN ('delivering', 'succeeded', 'succeeded_with_rejected', 'partial')
               AND state <> 'delivering' ORDER BY id DESC LIMIT 1";
    let last_success = one(c, sql, of, rows::timestamp)?;
    let sql = "SELECT id, reason_code, reason FROM runs WHERE sync = ?1 AND ended_at IS NULL AND state = 'awaiting_approval' ORDER BY id LIMIT 1";
    let awaiting_approval = one(c, sql, of, |row| Ok((rows::run_id(row)?, rows::reason(row, 1)?)))?;
    let sql = "SELECT run, differences = '[]' FROM runs CROSS JOIN audits ON run = runs.id WHERE sync = ?1
               ORDER BY runs.id DESC LIMIT 1";
    let wrong = one(c, sql, of, |row| Ok((rows::run_id(row)?, row.get::<_, bool>(1)?)))?;
    let wrong = wrong.filter(|(_, right)| !right).map(|(run, _)| run);
    let sql = "SELECT watermark_open_us FROM syncs WHERE name = ?1 AND watermark_open_us IS NOT NULL";
    let open_since = one(c, sql, of, rows::timestamp)?;
    // An event that was sent takes nothing back: see `Origin`.
    let sql = "SELECT 1 FROM syncs JOIN runs ON runs.id = baseline_run JOIN installation
               WHERE name = ?1 AND baseline_run <= CASE WHEN call_type IN ('track', 'page', 'screen')
               THEN parted_after ELSE restored_after END";
    let restored = one(c, sql, of, |_| Ok(()))?.is_some();
    Ok(Standing {
        sync,
        failed,
        reason,
        last_rows,
        first_started,
        last_success,
        slots,
        skipped,
        awaiting_approval,
        wrong,
        open_since,
        restored,
    })
}

/// Every alert, by kind and subject.
pub(super) fn alerts(c: &Connection) -> rusqlite::Result<Vec<AlertRecord>> {
    all(c, &format!("SELECT {ALERT} FROM alerts ORDER BY kind, subject"), [], alert)
}

fn alert(row: &Row<'_>) -> rusqlite::Result<AlertRecord> {
    let code: Option<String> = row.get(2)?;
    Ok(AlertRecord {
        kind: row.get(0)?,
        subject: row.get(1)?,
        code: code.and_then(|name| Code::from_name(&name)),
        message: row.get(3)?,
        since: time(row, 4)?,
        recovered_at: optional(row, 5, time)?,
        reported: row.get(6)?,
    })
}

/// `at, differences`.
pub(super) fn audit(row: &Row<'_>) -> rusqlite::Result<Audit> {
    Ok(Audit { at: time(row, 0)?, differences: rows::json(row, 1)? })
}
