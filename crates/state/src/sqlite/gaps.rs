//! Gaps: calls that a destination has not got.

use async_trait::async_trait;
use outflow_core::ports::state::{Gap, GapCause, GapId, GapQueries, MissingCalls};
use outflow_core::{Result, RunId, Timestamp};
use rusqlite::{Row, Transaction, params};

use super::Sqlite;
use super::errors::Fault;
use super::rows::{optional, time, unsigned, word};
use super::sql::{all, bits, id, one};

const GAP: &str = "id, sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, \
     filled_by, closed_at";

#[async_trait]
impl<W: Send + Sync> GapQueries for Sqlite<W> {
    async fn open_gaps(&self) -> Result<Vec<Gap>> {
        let sql = format!("SELECT {GAP} FROM gaps WHERE closed_at IS NULL ORDER BY id");
        self.readers.read(move |c| all(c, &sql, [], gap)).await
    }

    async fn gaps_of(&self, run: RunId) -> Result<Vec<Gap>> {
        let sql = format!("SELECT {GAP} FROM gaps WHERE opened_by = ?1 OR filled_by = ?1 ORDER BY id");
        self.readers.read(move |c| all(c, &sql, [id(run)], gap)).await
    }

    async fn compared_with(&self, run: RunId) -> Result<Option<RunId>> {
        let found = self.readers.read(move |c| compared_with(c, run)).await?;
        Ok(found.flatten())
    }
}

/// What a run was compared with; the outer `None`: there is no such run.
pub(super) fn compared_with(c: &rusqlite::Connection, run: RunId) -> rusqlite::Result<Option<Option<RunId>>> {
    let read = |row: &Row<'_>| Ok(optional(row, 0, unsigned)?.map(RunId));
    one(c, "SELECT compared_with FROM runs WHERE id = ?1", [id(run)], read)
}

/// Opens a gap for each.
pub(super) fn open_gaps(t: &Transaction<'_>, missing: Vec<MissingCalls>) -> Result<Vec<Gap>, Fault> {
    let sql = "INSERT INTO gaps (sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
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
        ])?;
        let number = GapId(t.last_insert_rowid().cast_unsigned());
        gaps.push(Gap { id: number, missing, filled_by: None, closed_at: None });
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
            compared_with: optional(row, 5, unsigned)?.map(RunId),
            opened_by: run(6)?,
            cause: word(row, 7, GapCause::from_name)?,
            calls: unsigned(row, 8)?,
            opened_at: time(row, 9)?,
        },
        filled_by: optional(row, 10, unsigned)?.map(RunId),
        closed_at: optional(row, 11, time)?,
    })
}
