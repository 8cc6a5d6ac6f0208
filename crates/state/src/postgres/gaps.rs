//! Gaps: calls that a destination has not got.

use async_trait::async_trait;
use outflow_core::ports::state::{Gap, GapCause, GapId, GapQueries, MissingCalls};
use outflow_core::{Result, RunId, Timestamp};
use tokio_postgres::Row;

use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::rows::{Cells, bits, id};
use super::session::Session;
use super::text::escape;

const GAP: &str = "id, sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at, \
     filled_by, closed_at";

#[async_trait]
impl<W: Send + Sync> GapQueries for PostgresState<W> {
    async fn open_gaps(&self) -> Result<Vec<Gap>> {
        let sql = format!("SELECT {GAP} FROM gaps WHERE closed_at IS NULL ORDER BY id");
        self.all(&sql, &[], gap).await
    }

    async fn gaps_of(&self, run: RunId) -> Result<Vec<Gap>> {
        let sql = format!("SELECT {GAP} FROM gaps WHERE opened_by = $1 OR filled_by = $1 ORDER BY id");
        self.all(&sql, &[&id(run)], gap).await
    }

    async fn compared_with(&self, run: RunId) -> Result<Option<RunId>> {
        let sql = "SELECT compared_with FROM runs WHERE id = $1";
        let found = self.first(sql, &[&id(run)], |row| Cells::of(row).optional_run()).await?;
        Ok(found.flatten())
    }
}

/// What a run was compared with.
pub(super) async fn load_compared_with(t: &Session, run: RunId) -> Result<Option<RunId>, Fault> {
    let row = t.one("SELECT compared_with FROM runs WHERE id = $1", &[&id(run)]).await?;
    Ok(row.map(|row| Cells::of(&row).optional_run()).transpose()?.flatten())
}

/// Opens a gap for each.
pub(super) async fn open_gaps(t: &Session, missing: Vec<MissingCalls>) -> Result<Vec<Gap>, Fault> {
    let sql = "INSERT INTO gaps (sync, destination, start, first, compared_with, opened_by, cause, calls, opened_at)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id";
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
                ],
            )
            .await?
            .ok_or_else(|| unreadable("a gap without a number"))?;
        let number = GapId(Cells::of(&row).unsigned()?);
        gaps.push(Gap { id: number, missing, filled_by: None, closed_at: None });
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
    Ok(Gap {
        id: GapId(c.unsigned()?),
        missing: MissingCalls {
            sync: c.text()?,
            destination: c.text()?,
            start: c.optional_text()?,
            first: c.run()?,
            compared_with: c.optional_run()?,
            opened_by: c.run()?,
            cause: c.word(GapCause::from_name)?,
            calls: c.unsigned()?,
            opened_at: c.time()?,
        },
        filled_by: c.optional_run()?,
        closed_at: c.optional_time()?,
    })
}
