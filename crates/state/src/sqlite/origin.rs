//! What tells of a restore: the spool's marks, and when the file of the database was made.

use std::time::UNIX_EPOCH;

use async_trait::async_trait;
use outflow_core::ports::state::{Origin, OriginQueries, Origins, Place};
use outflow_core::{Result, RunId};
use rusqlite::{Connection, Row, Transaction, params};
use tokio::task::spawn_blocking;

use super::Sqlite;
use super::checksums::INSTALLATION;
use super::connection::Writer;
use super::errors::broken_off;
use super::rows::{json, optional, to_json, unsigned};
use super::sql::{id, one};

#[async_trait]
impl<W: Send + Sync> OriginQueries for Sqlite<W> {
    async fn origin(&self) -> Result<Origin> {
        let sql = format!(
            "SELECT mark, mark_before, place, restored_after, parted_after, {INSTALLATION} FROM installation"
        );
        let read = move |c: &Connection| one(c, &sql, [], origin);
        Ok(self.readers.read(read).await?.unwrap_or_default())
    }

    async fn place(&self) -> Result<Place> {
        let path = self.readers.dir().join("state.db");
        let made = spawn_blocking(move || std::fs::metadata(path).and_then(|found| found.created()).ok());
        let since = made.await.map_err(broken_off)?.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        Ok(since.map(|since| ("made".to_owned(), since.as_nanos().to_string())).into_iter().collect())
    }

    async fn last_run(&self) -> Result<Option<RunId>> {
        let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'runs' AND seq > 0";
        self.readers.read(|c| one(c, sql, [], |row| unsigned(row, 0).map(RunId))).await
    }
}

#[async_trait]
impl Origins for Sqlite<Writer> {
    async fn set_origin(&self, origin: &Origin) -> Result<()> {
        let origin = origin.clone();
        let write = move |t: &Transaction<'_>| {
            let sql = "UPDATE installation SET mark = ?1, mark_before = ?2, place = ?3, restored_after = ?4,
                       parted_after = ?5";
            let mark = |mark: Option<u128>| mark.map(u128::to_be_bytes);
            let Origin { mark: now, mark_before, place, restored_after, parted_after } = &origin;
            let (restored, parted) = (restored_after.map(id), parted_after.map(id));
            t.execute(sql, params![mark(*now), mark(*mark_before), to_json(place), restored, parted])?;
            Ok(())
        };
        self.writer.write(write).await
    }
}

fn origin(row: &Row<'_>) -> rusqlite::Result<Origin> {
    let mark = |i| row.get::<_, Option<[u8; 16]>>(i).map(|mark| mark.map(u128::from_be_bytes));
    let run = |i| optional(row, i, unsigned).map(|run| run.map(RunId));
    Ok(Origin {
        mark: mark(0)?,
        mark_before: mark(1)?,
        place: json(row, 2)?,
        restored_after: run(3)?,
        parted_after: run(4)?,
    })
}
