//! Gaps: calls that a destination has not got.

use async_trait::async_trait;
use outflow_core::ports::state::{Gap, GapCause, GapId, GapQueries, Membership, MissingCalls};
use outflow_core::rules::GapChanges;
use outflow_core::run::RunKind;
use outflow_core::{Code, Result, RunId, RunRecord, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};

use super::Sqlite;
use super::errors::Fault;
use super::rows::{self, RUN, optional, time, unsigned, word};
use super::sql::{all, bits, id, one};

const GAP: &str = "id, sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, \
     filled_by, closed_at, last, reason_code, reason";

#[async_trait]
impl<W: Send + Sync> GapQueries for Sqlite<W> {
    async fn open_gaps(&self) -> Result<Vec<Gap>> {
        self.readers.read(load_open_gaps).await
    }

    async fn gaps_of(&self, run: RunId) -> Result<Vec<Gap>> {
        let sql = format!("SELECT {GAP} FROM gaps WHERE opened_by = ?1 OR filled_by = ?1 ORDER BY id");
        self.readers.read(move |c| all(c, &sql, [id(run)], gap)).await
    }

    async fn membership(&self, sync: &str) -> Result<Membership> {
        let sync = sync.to_owned();
        self.readers.read(move |c| membership(c, &sync, RunId(u64::MAX >> 1))).await
    }

    async fn compared_with(&self, run: RunId) -> Result<Option<RunId>> {
        let found = self.readers.read(move |c| compared_with(c, run)).await?;
        Ok(found.flatten())
    }
}

/// Every gap that is not closed, oldest first.
pub(super) fn load_open_gaps(c: &Connection) -> rusqlite::Result<Vec<Gap>> {
    all(c, &format!("SELECT {GAP} FROM gaps WHERE closed_at IS NULL ORDER BY id"), [], gap)
}

/// What a run was compared with; the outer `None`: there is no such run.
pub(super) fn compared_with(c: &rusqlite::Connection, run: RunId) -> rusqlite::Result<Option<Option<RunId>>> {
    let read = |row: &Row<'_>| Ok(optional(row, 0, unsigned)?.map(RunId));
    one(c, "SELECT compared_with FROM runs WHERE id = ?1", [id(run)], read)
}

/// To whom a sync sends, and has sent, before this run.
pub(super) fn membership(c: &Connection, sync: &str, before: RunId) -> rusqlite::Result<Membership> {
    let beginning = incremental(c, sync, before, "AND calls <> 0", "ASC")?;
    let previous = incremental(c, sync, before, "", "DESC")?;
    let sql =
        format!("SELECT {GAP} FROM gaps WHERE sync = ?1 AND (closed_at IS NULL OR last >= ?2) ORDER BY id");
    let last = previous.as_ref().map_or(i64::MAX, |run| id(run.id));
    let gaps = all(c, &sql, params![sync, last], gap)?;
    Ok(Membership { beginning, previous, gaps })
}

/// The first run, in this order, that read all that is new and whose calls were to be delivered.
fn incremental(
    c: &Connection,
    sync: &str,
    before: RunId,
    which: &str,
    order: &str,
) -> rusqlite::Result<Option<RunRecord>> {
    let sql = format!(
        "SELECT {RUN} FROM runs WHERE sync = ?1 AND id < ?2 AND extracted_at IS NOT NULL
         AND state NOT IN ('awaiting_approval', 'rejected') {which} ORDER BY id {order}"
    );
    let mut statement = c.prepare_cached(&sql)?;
    let mut found = statement.query_map(params![sync, id(before)], rows::run)?;
    // Nearly every run is one.
    found.find(|run| run.as_ref().map_or(true, |run| run.spec.options.is_incremental())).transpose()
}

/// Changes the gaps of destinations that are new to a sync, or away from it.
pub(super) fn change_gaps(
    t: &Transaction<'_>,
    changes: GapChanges,
    (run, calls, at): (RunId, u64, Timestamp),
) -> Result<(), Fault> {
    open_gaps(t, changes.open)?;
    for gap in changes.extend {
        let sql = "UPDATE gaps SET last = ?2, calls = calls + ?3 WHERE id = ?1";
        t.prepare_cached(sql)?.execute(params![bits(gap.0), id(run), bits(calls)])?;
    }
    for gap in changes.close {
        let sql = "UPDATE gaps SET closed_at = ?2 WHERE id = ?1";
        t.prepare_cached(sql)?.execute(params![bits(gap.0), at.as_microsecond()])?;
    }
    Ok(())
}

/// The gaps of the run's destination say why it could not fill them.
pub(super) fn explain_gaps(
    t: &Transaction<'_>,
    run: &RunRecord,
    reason: &(Code, String),
) -> Result<(), Fault> {
    let RunKind::Backfill { first, until, .. } = &run.spec.options.kind else { return Ok(()) };
    let sql = "UPDATE gaps SET reason_code = ?5, reason = ?6 WHERE sync = ?1 AND destination = ?2
               AND first >= ?3 AND last <= ?4 AND closed_at IS NULL";
    let until = until.map_or(i64::MAX, id);
    let values =
        params![run.sync, run.spec.options.destination, id(*first), until, reason.0.as_str(), reason.1];
    t.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// Opens a gap for each.
pub(super) fn open_gaps(t: &Transaction<'_>, missing: Vec<MissingCalls>) -> Result<Vec<Gap>, Fault> {
    let sql = "INSERT INTO gaps (sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, last)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let mut insert = t.prepare_cached(sql)?;
    let mut gaps = Vec::new();
    for missing in missing {
        insert.execute(params![
            missing.sync,
            missing.destination,
            missing.start,
            id(missing.first),
            missing.compared_with.map(id),
            id(missing.opened_by),
            missing.cause.name(),
            bits(missing.calls),
            missing.opened_at.as_microsecond(),
            id(missing.last),
        ])?;
        let number = GapId(t.last_insert_rowid().cast_unsigned());
        gaps.push(Gap { id: number, missing, filled_by: None, closed_at: None, reason: None });
    }
    Ok(gaps)
}

/// The run fills these gaps; `at` closes them.
pub(super) fn fill_gaps(
    t: &Transaction<'_>,
    gaps: &[GapId],
    run: RunId,
    at: Option<Timestamp>,
) -> Result<(), Fault> {
    let sql = "UPDATE gaps SET filled_by = ?2, closed_at = ?3
               WHERE id = ?1 AND closed_at IS NULL AND coalesce(filled_by, ?2) = ?2";
    for gap in gaps {
        t.prepare_cached(sql)?.execute(params![bits(gap.0), id(run), at.map(Timestamp::as_microsecond)])?;
    }
    Ok(())
}

/// The gaps that a run was to fill are closed at this time; `None`: they are to be filled again.
pub(super) fn settle_gaps(t: &Transaction<'_>, run: RunId, at: Option<Timestamp>) -> Result<(), Fault> {
    let sql = match at {
        Some(_) => "UPDATE gaps SET closed_at = ?2 WHERE filled_by = ?1 AND closed_at IS NULL",
        None => "UPDATE gaps SET filled_by = ?2 WHERE filled_by = ?1 AND closed_at IS NULL",
    };
    t.prepare_cached(sql)?.execute(params![id(run), at.map(Timestamp::as_microsecond)])?;
    Ok(())
}

fn gap(row: &Row<'_>) -> rusqlite::Result<Gap> {
    let run = |i| unsigned(row, i).map(RunId);
    Ok(Gap {
        id: GapId(unsigned(row, 0)?),
        missing: MissingCalls {
            sync: row.get(1)?,
            destination: row.get(2)?,
            start: row.get(3)?,
            first: run(4)?,
            last: run(12)?,
            compared_with: optional(row, 5, unsigned)?.map(RunId),
            opened_by: run(6)?,
            cause: word(row, 7, GapCause::from_name)?,
            calls: unsigned(row, 8)?,
            opened_at: time(row, 9)?,
        },
        filled_by: optional(row, 10, unsigned)?.map(RunId),
        closed_at: optional(row, 11, time)?,
        reason: rows::reason(row, 13)?,
    })
}
