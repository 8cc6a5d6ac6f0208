//! The part of the port that watches: alerts, audits, and how syncs are doing.

use outflow_core::ports::watch::{AlertRecord, Audit, Pending, Standing, Watch};
use outflow_core::{Code, Result, RunId, RunRecord, Timestamp};
use rusqlite::{Connection, Row, params};

use crate::SqliteState;
use crate::rows::{self, RUN, optional, time, to_json, unsigned};
use crate::sql::{all, id, one};

const ALERT: &str = "kind, subject, code, message, since, recovered_at, told";

impl Watch for SqliteState {
    fn alerts(&self) -> Result<Vec<AlertRecord>> {
        self.read(|c| all(c, &format!("SELECT {ALERT} FROM alerts ORDER BY kind, subject"), [], alert))
    }

    fn put_alerts(&self, alerts: &[AlertRecord]) -> Result<()> {
        self.write(|t| {
            let sql = format!("INSERT OR REPLACE INTO alerts ({ALERT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
            let mut insert = t.prepare_cached(&sql)?;
            for a in alerts {
                insert.execute(params![
                    a.kind,
                    a.subject,
                    a.code.map(Code::as_str),
                    a.message,
                    a.since.as_microsecond(),
                    a.recovered_at.map(Timestamp::as_microsecond),
                    a.told,
                ])?;
            }
            Ok(())
        })
    }

    fn alert_told(&self, a: &AlertRecord) -> Result<()> {
        let sql = match a.recovered_at {
            None => "UPDATE alerts SET told = 1 WHERE kind = ?1 AND subject = ?2 AND since = ?3",
            Some(_) => {
                "DELETE FROM alerts WHERE kind = ?1 AND subject = ?2 AND since = ?3 AND recovered_at IS NOT NULL"
            }
        };
        self.write(|t| {
            t.prepare_cached(sql)?.execute(params![a.kind, a.subject, a.since.as_microsecond()])?;
            Ok(())
        })
    }

    fn standings(&self, since: Timestamp) -> Result<Vec<Standing>> {
        self.read(|c| {
            // Steps over the index from name to name, however many runs there are.
            let sql = "WITH RECURSIVE names(name) AS (SELECT min(sync) FROM runs UNION ALL
                       SELECT (SELECT min(sync) FROM runs WHERE sync > name) FROM names WHERE name IS NOT NULL)
                       SELECT name FROM names WHERE name IS NOT NULL";
            let syncs = all(c, sql, [], |row| row.get(0))?;
            syncs.into_iter().map(|sync| standing(c, sync, since)).collect()
        })
    }

    fn pending(&self) -> Result<Vec<Pending>> {
        let sql = "SELECT sync, destination, sum(pending) FROM runs JOIN deliveries ON run = runs.id
                   WHERE ended_at IS NULL GROUP BY sync, destination ORDER BY sync, destination";
        self.read(|c| all(c, sql, [], pending))
    }

    fn runs_since(&self, sync: &str, since: Timestamp) -> Result<Vec<RunRecord>> {
        let sql = format!("SELECT {RUN} FROM runs WHERE sync = ?1 AND started_at >= ?2 ORDER BY id DESC");
        self.read(|c| all(c, &sql, params![sync, since.as_microsecond()], rows::run))
    }

    fn next_audit(&self, before: Timestamp) -> Result<Option<RunId>> {
        let sql = "SELECT id FROM runs WHERE state IN ('succeeded', 'partial') AND ended_at < ?1
                   AND id IN (SELECT run FROM segments) AND id NOT IN (SELECT run FROM audits) ORDER BY id LIMIT 1";
        self.read(|c| one(c, sql, [before.as_microsecond()], rows::run_id))
    }

    fn set_audit(&self, run: RunId, audit: &Audit) -> Result<()> {
        self.write(|t| {
            let sql = "INSERT OR REPLACE INTO audits (run, at, differences) VALUES (?1, ?2, ?3)";
            t.execute(sql, params![id(run), audit.at.as_microsecond(), to_json(&audit.differences)])?;
            Ok(())
        })
    }

    fn audit(&self, run: RunId) -> Result<Option<Audit>> {
        self.read(|c| one(c, "SELECT at, differences FROM audits WHERE run = ?1", [id(run)], audit))
    }
}

/// Each statement reads the newest runs of one sync and stops at the first that answers it, or the window of time.
fn standing(c: &Connection, sync: String, since: Timestamp) -> rusqlite::Result<Standing> {
    let of = [sync.as_str()];
    let sql = "SELECT count(*), coalesce(sum(state = 'skipped'), 0) FROM runs
               WHERE started_at >= ?2 AND sync = ?1 AND trigger = 'schedule'";
    let slots = |row: &Row<'_>| Ok((unsigned(row, 0)?, unsigned(row, 1)?));
    let (slots, skipped) = one(c, sql, params![sync, since.as_microsecond()], slots)?.unwrap_or_default();
    let extracted = "coalesce((SELECT max(id) FROM runs WHERE sync = ?1 AND extracted_at IS NOT NULL), 0)";
    let sql = format!("SELECT count(*) FROM runs WHERE sync = ?1 AND state = 'failed' AND id > {extracted}");
    let failed = one(c, &sql, of, |row| unsigned(row, 0))?.unwrap_or_default();
    let sql =
        "SELECT reason_code, reason FROM runs WHERE sync = ?1 AND state = 'failed' ORDER BY id DESC LIMIT 1";
    let reason = if failed > 0 { one(c, sql, of, |row| rows::reason(row, 0))?.flatten() } else { None };
    let sql =
        "SELECT id, rows_read, rejected FROM runs WHERE sync = ?1 AND rows_read > 0 ORDER BY id DESC LIMIT 1";
    let last_rows = one(c, sql, of, |row| Ok((rows::run_id(row)?, unsigned(row, 1)?, unsigned(row, 2)?)))?;
    let sql = "SELECT started_at FROM runs WHERE sync = ?1 ORDER BY id LIMIT 1";
    let first_started = one(c, sql, of, rows::timestamp)?;
    let sql = "SELECT ended_at FROM runs WHERE sync = ?1 AND state IN ('succeeded', 'partial') ORDER BY id DESC LIMIT 1";
    let last_success = one(c, sql, of, rows::timestamp)?;
    let settled =
        "coalesce((SELECT max(id) FROM runs WHERE sync = ?1 AND state IN ('succeeded', 'partial')), 0)";
    let sql = format!(
        "SELECT id FROM runs WHERE sync = ?1 AND state = 'lost' AND id > {settled} ORDER BY id DESC LIMIT 1"
    );
    let lost = one(c, &sql, of, rows::run_id)?;
    let sql = "SELECT id, reason_code, reason FROM runs WHERE sync = ?1 AND ended_at IS NULL AND state = 'awaiting_approval' ORDER BY id LIMIT 1";
    let held = one(c, sql, of, |row| Ok((rows::run_id(row)?, rows::reason(row, 1)?)))?;
    let sql = "SELECT run, differences = '[]' FROM audits JOIN runs ON runs.id = run WHERE sync = ?1 ORDER BY run DESC LIMIT 1";
    let wrong = one(c, sql, of, |row| Ok((rows::run_id(row)?, row.get::<_, bool>(1)?)))?;
    let wrong = wrong.filter(|(_, right)| !right).map(|(run, _)| run);
    Ok(Standing {
        sync,
        failed,
        reason,
        last_rows,
        first_started,
        last_success,
        slots,
        skipped,
        lost,
        held,
        wrong,
    })
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
        told: row.get(6)?,
    })
}

fn pending(row: &Row<'_>) -> rusqlite::Result<Pending> {
    Ok(Pending { sync: row.get(0)?, destination: row.get(1)?, calls: unsigned(row, 2)? })
}

fn audit(row: &Row<'_>) -> rusqlite::Result<Audit> {
    Ok(Audit { at: time(row, 0)?, differences: rows::json(row, 1)? })
}
