//! What people have paused.

use async_trait::async_trait;
use outflow_core::ports::state::{AuditEntry, Pausable, Pause, PauseKind, PauseQueries, Pauses};
use outflow_core::{Result, Timestamp};
use tokio_postgres::Row;

use super::audit::append;
use super::fault::Fault;
use super::handle::PostgresState;
use super::rows::Cells;
use super::text::escape;
use super::write::Writes;

/// What is paused, for [`pause`].
pub(super) const PAUSES: &str =
    "SELECT kind, name, since, intact('pauses', to_jsonb(pauses)) FROM pauses ORDER BY kind, name";

#[async_trait]
impl<W: Send + Sync> PauseQueries for PostgresState<W> {
    async fn pauses(&self) -> Result<Vec<Pause>> {
        self.all(PAUSES, &[], pause).await
    }
}

#[async_trait]
impl Pauses for PostgresState<Writes> {
    async fn pause(&self, what: &[Pausable], at: Timestamp, audit: &[AuditEntry]) -> Result<()> {
        let sql = "INSERT INTO pauses (kind, name, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        self.write(|t| async move {
            for Pausable { kind, name } in what {
                t.execute(sql, &[&kind.name(), &escape(name), &at.as_microsecond()]).await?;
            }
            append(&t, audit).await
        })
        .await
    }

    async fn resume(&self, what: &[Pausable], audit: &[AuditEntry]) -> Result<()> {
        let sql = "DELETE FROM pauses WHERE kind = $1 AND name = $2";
        self.write(|t| async move {
            for Pausable { kind, name } in what {
                t.execute(sql, &[&kind.name(), &escape(name)]).await?;
            }
            append(&t, audit).await
        })
        .await
    }
}

pub(super) fn pause(row: &Row) -> Result<Pause, Fault> {
    let mut c = Cells::of(row);
    let of = Pausable { kind: c.word(PauseKind::from_name)?, name: c.text()? };
    Ok(Pause { of, since: c.time()? })
}
