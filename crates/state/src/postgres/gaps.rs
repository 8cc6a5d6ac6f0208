//! Gaps: calls that a destination has not got.

use async_trait::async_trait;
use outflow_core::ports::state::{Gap, GapCause, GapId, GapQueries, Membership, MissingCalls, Settlement};
use outflow_core::rules::{self, GapChanges};
use outflow_core::run::RunKind;
use outflow_core::{Code, Result, RunId, RunRecord, Timestamp};
use tokio_postgres::Row;

use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::rows::{self, Cells, RUN, bits, id};
use super::session::Session;
use super::text::escape;

const GAP: &str = "id, sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, \
     filled_by, closed_at, last, reason_code, reason";

#[async_trait]
impl<W: Send + Sync> GapQueries for PostgresState<W> {
    async fn open_gaps(&self) -> Result<Vec<Gap>> {
        self.pool.read(|s| async move { load_open_gaps(&s).await }).await
    }

    async fn gaps_of(&self, run: RunId) -> Result<Vec<Gap>> {
        let sql = format!("SELECT {GAP} FROM gaps WHERE opened_by = $1 OR filled_by = $1 ORDER BY id");
        self.all(&sql, &[&id(run)], gap).await
    }

    async fn membership(&self, sync: &str) -> Result<Membership> {
        self.pool.read(|s| async move { load_membership(&s, sync, i64::MAX).await }).await
    }

    async fn compared_with(&self, run: RunId) -> Result<Option<RunId>> {
        let sql = "SELECT compared_with FROM runs WHERE id = $1";
        let found = self.first(sql, &[&id(run)], |row| Cells::of(row).optional_run()).await?;
        Ok(found.flatten())
    }
}

/// Every gap that is not closed, oldest first.
pub(super) async fn load_open_gaps(t: &Session) -> Result<Vec<Gap>, Fault> {
    t.all(&format!("SELECT {GAP} FROM gaps WHERE closed_at IS NULL ORDER BY id"), &[], gap).await
}

/// What a run was compared with.
pub(super) async fn load_compared_with(t: &Session, run: RunId) -> Result<Option<RunId>, Fault> {
    let row = t.one("SELECT compared_with FROM runs WHERE id = $1", &[&id(run)]).await?;
    Ok(row.map(|row| Cells::of(&row).optional_run()).transpose()?.flatten())
}

/// To whom a sync sends, and has sent, before the run of this number.
pub(super) async fn load_membership(t: &Session, sync: &str, before: i64) -> Result<Membership, Fault> {
    let beginning = incremental(t, sync, before, true).await?;
    let previous = incremental(t, sync, before, false).await?;
    let sql =
        format!("SELECT {GAP} FROM gaps WHERE sync = $1 AND (closed_at IS NULL OR last >= $2) ORDER BY id");
    let last = previous.as_ref().map_or(i64::MAX, |run| id(run.id));
    let gaps = t.all(&sql, &[&escape(sync), &last], gap).await?;
    Ok(Membership { beginning, previous, gaps })
}

/// This many runs are looked at in one statement. Nearly every run reads all that is new.
const LOOKED_AT: i64 = 20;

/// The first run with calls, or the last run, that read all that is new and whose calls were to be
/// delivered.
async fn incremental(t: &Session, sync: &str, before: i64, first: bool) -> Result<Option<RunRecord>, Fault> {
    let (which, order) = if first { ("AND calls <> 0", "ASC") } else { ("", "DESC") };
    let sql = format!(
        "SELECT {RUN} FROM runs WHERE sync = $1 AND id > $2 AND id < $3 AND extracted_at IS NOT NULL
         AND state NOT IN ('awaiting_approval', 'rejected') {which} ORDER BY id {order} LIMIT $4"
    );
    let (mut after, mut before) = (0, before);
    loop {
        let page = t.all(&sql, &[&escape(sync), &after, &before, &LOOKED_AT], rows::run).await?;
        let Some(last) = page.last().map(|run| id(run.id)) else { return Ok(None) };
        if let Some(found) = page.into_iter().find(|run| run.spec.options.is_incremental()) {
            return Ok(Some(found));
        }
        match first {
            true => after = last,
            false => before = last,
        }
    }
}

/// Changes the gaps of destinations that are new to a sync, or away from it.
pub(super) async fn change_gaps(
    t: &Session,
    changes: GapChanges,
    (run, calls, at): (RunId, u64, Timestamp),
) -> Result<(), Fault> {
    open_gaps(t, changes.open).await?;
    for gap in changes.extend {
        let sql = "UPDATE gaps SET last = $2, calls = calls + $3 WHERE id = $1";
        t.execute(sql, &[&bits(gap.0), &id(run), &bits(calls)]).await?;
    }
    for gap in changes.close {
        let sql = "UPDATE gaps SET closed_at = $2 WHERE id = $1";
        t.execute(sql, &[&bits(gap.0), &at.as_microsecond()]).await?;
    }
    Ok(())
}

/// Opens the gap of calls that a settlement gives up.
pub(super) async fn give_up(t: &Session, settlement: &Settlement) -> Result<(), Fault> {
    let Settlement { run, destination, added, at, .. } = settlement;
    let found = t.one(&format!("SELECT {RUN} FROM runs WHERE id = $1"), &[&id(*run)]).await?;
    let Some(record) = found.as_ref().map(rows::run).transpose()? else { return Ok(()) };
    let compared = load_compared_with(t, *run).await?;
    let missing = rules::missing_where_given_up(&record, destination, added.cancelled, compared, *at);
    open_gaps(t, Vec::from_iter(missing)).await.map(drop)
}

/// The gaps of the run's destination say why it could not fill them.
pub(super) async fn explain_gaps(t: &Session, run: &RunRecord, reason: &(Code, String)) -> Result<(), Fault> {
    let RunKind::Backfill { first, until, .. } = &run.spec.options.kind else { return Ok(()) };
    let sql = "UPDATE gaps SET reason_code = $5, reason = $6 WHERE sync = $1 AND destination = $2
               AND first >= $3 AND last <= $4 AND closed_at IS NULL";
    let destination = run.spec.options.destination.as_deref().map(escape);
    let (first, until) = (id(*first), until.map_or(i64::MAX, id));
    let why = (reason.0.as_str(), escape(&reason.1));
    t.execute(sql, &[&escape(&run.sync), &destination, &first, &until, &why.0, &why.1]).await?;
    Ok(())
}

/// Opens a gap for each.
pub(super) async fn open_gaps(t: &Session, missing: Vec<MissingCalls>) -> Result<Vec<Gap>, Fault> {
    let sql = "INSERT INTO gaps (sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, last)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) RETURNING id";
    let mut gaps = Vec::new();
    for missing in missing {
        let row = t
            .one(
                sql,
                &[
                    &escape(&missing.sync),
                    &escape(&missing.destination),
                    &missing.start.as_deref().map(escape),
                    &id(missing.first),
                    &missing.compared_with.map(id),
                    &id(missing.opened_by),
                    &missing.cause.name(),
                    &bits(missing.calls),
                    &missing.opened_at.as_microsecond(),
                    &id(missing.last),
                ],
            )
            .await?
            .ok_or_else(|| unreadable("a gap without a number"))?;
        let number = GapId(Cells::of(&row).unsigned()?);
        gaps.push(Gap { id: number, missing, filled_by: None, closed_at: None, reason: None });
    }
    Ok(gaps)
}

/// The run fills these gaps; `at` closes them.
pub(super) async fn fill_gaps(
    t: &Session,
    gaps: &[GapId],
    run: RunId,
    at: Option<Timestamp>,
) -> Result<(), Fault> {
    let sql = "UPDATE gaps SET filled_by = $2, closed_at = $3
               WHERE id = $1 AND closed_at IS NULL AND coalesce(filled_by, $2) = $2";
    for gap in gaps {
        t.execute(sql, &[&bits(gap.0), &id(run), &at.map(Timestamp::as_microsecond)]).await?;
    }
    Ok(())
}

/// The gaps that a run was to fill are closed at this time; `None`: they are to be filled again.
pub(super) async fn settle_gaps(t: &Session, run: RunId, at: Option<Timestamp>) -> Result<(), Fault> {
    let sql = match at {
        Some(_) => "UPDATE gaps SET closed_at = $2 WHERE filled_by = $1 AND closed_at IS NULL",
        None => "UPDATE gaps SET filled_by = $2 WHERE filled_by = $1 AND closed_at IS NULL",
    };
    t.execute(sql, &[&id(run), &at.map(Timestamp::as_microsecond)]).await?;
    Ok(())
}

fn gap(row: &Row) -> Result<Gap, Fault> {
    let mut c = Cells::of(row);
    let id = GapId(c.unsigned()?);
    let (sync, destination, start) = (c.text()?, c.text()?, c.optional_text()?);
    let (first, compared_with, opened_by) = (c.run()?, c.optional_run()?, c.run()?);
    let (cause, calls, opened_at) = (c.word(GapCause::from_name)?, c.unsigned()?, c.time()?);
    let (filled_by, closed_at) = (c.optional_run()?, c.optional_time()?);
    let (last, reason) = (c.run()?, c.reason()?);
    let missing = MissingCalls {
        sync,
        destination,
        start,
        first,
        last,
        compared_with,
        opened_by,
        cause,
        calls,
        opened_at,
    };
    Ok(Gap { id, missing, filled_by, closed_at, reason })
}
