//! What people have paused.

use async_trait::async_trait;
use outflow_core::ports::state::{AuditEntry, Pausable, Pause, PauseKind, PauseQueries, Pauses};
use outflow_core::{Result, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};

use super::Sqlite;
use super::audit::append;
use super::checksums::intact;
use super::connection::Writer;
use super::rows::{time, word};
use super::sql::all;

#[async_trait]
impl<W: Send + Sync> PauseQueries for Sqlite<W> {
    async fn pauses(&self) -> Result<Vec<Pause>> {
        self.readers.read(pauses).await
    }
}

/// What is paused.
pub(super) fn pauses(c: &Connection) -> rusqlite::Result<Vec<Pause>> {
    let sql = concat!(
        "SELECT kind, name, since, ",
        intact!("pauses", "kind, name, since"),
        " FROM pauses ORDER BY kind, name"
    );
    all(c, sql, [], pause)
}

#[async_trait]
impl Pauses for Sqlite<Writer> {
    async fn pause(&self, what: &[Pausable], at: Timestamp, audit: &[AuditEntry]) -> Result<()> {
        let (what, audit) = (what.to_vec(), audit.to_vec());
        let write = move |t: &Transaction<'_>| {
            let sql = "INSERT INTO pauses (kind, name, since) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
            let mut insert = t.prepare_cached(sql)?;
            for Pausable { kind, name } in &what {
                insert.execute(params![kind.name(), name, at.as_microsecond()])?;
            }
            append(t, &audit)
        };
        self.writer.write(write).await
    }

    async fn resume(&self, what: &[Pausable], audit: &[AuditEntry]) -> Result<()> {
        let (what, audit) = (what.to_vec(), audit.to_vec());
        let write = move |t: &Transaction<'_>| {
            let mut delete = t.prepare_cached("DELETE FROM pauses WHERE kind = ?1 AND name = ?2")?;
            for Pausable { kind, name } in &what {
                delete.execute(params![kind.name(), name])?;
            }
            append(t, &audit)
        };
        self.writer.write(write).await
    }
}

fn pause(row: &Row<'_>) -> rusqlite::Result<Pause> {
    let of = Pausable { kind: word(row, 0, PauseKind::from_name)?, name: row.get(1)? };
    Ok(Pause { of, since: time(row, 2)? })
}
