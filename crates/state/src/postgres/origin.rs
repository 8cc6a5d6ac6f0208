//! What tells of a restore: the spool's marks, and which table of which server this is.

use async_trait::async_trait;
use outflow_core::ports::state::{Origin, OriginQueries, Origins, Place};
use outflow_core::{Result, RunId};
use tokio_postgres::Row;

use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::rows::{Cells, id, to_json};
use super::write::Writes;

/// Names of what a place has, each with a statement that gives it. A server may refuse the first
/// two: some that providers run do.
const PLACES: [(&str, &str); 3] = [
    ("system", "SELECT system_identifier::text FROM pg_control_system()"),
    ("timeline", "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)"),
    ("table", "SELECT 'installation'::regclass::oid::text"),
];

#[async_trait]
impl<W: Send + Sync> OriginQueries for PostgresState<W> {
    async fn origin(&self) -> Result<Origin> {
        let sql = "SELECT mark, mark_before, place, restored_after, parted_after,
                   intact('installation', to_jsonb(installation)) FROM installation";
        Ok(self.first(sql, &[], origin).await?.unwrap_or_default())
    }

    async fn place(&self) -> Result<Place> {
        let mut place = Place::new();
        for (name, sql) in PLACES {
            let found = self.first(sql, &[], |row| Cells::of(row).text()).await;
            place.extend(found.ok().flatten().map(|found| (name.to_owned(), found)));
        }
        Ok(place)
    }

    async fn last_run(&self) -> Result<Option<RunId>> {
        let sql = "SELECT last_run FROM installation WHERE last_run > 0";
        self.first(sql, &[], |row| Cells::of(row).run()).await
    }
}

#[async_trait]
impl Origins for PostgresState<Writes> {
    async fn set_origin(&self, origin: &Origin) -> Result<()> {
        let sql = "UPDATE installation SET mark = $1, mark_before = $2, place = $3, restored_after = $4,
                   parted_after = $5";
        let mark = |mark: Option<u128>| mark.map(|mark| mark.to_be_bytes().to_vec());
        let (now, before) = (&mark(origin.mark), &mark(origin.mark_before));
        let (restored, parted) = (&origin.restored_after.map(id), &origin.parted_after.map(id));
        let place = &to_json(&origin.place);
        self.write(|t| async move {
            t.execute(sql, &[now, before, place, restored, parted]).await?;
            Ok(())
        })
        .await
    }
}

fn origin(row: &Row) -> Result<Origin, Fault> {
    let mut c = Cells::of(row);
    let mark = |found: Option<Vec<u8>>| -> Result<Option<u128>, Fault> {
        let bytes = found.map(|bytes| bytes.try_into().map_err(|_| unreadable("a mark of another length")));
        Ok(bytes.transpose()?.map(u128::from_be_bytes))
    };
    Ok(Origin {
        mark: mark(c.get()?)?,
        mark_before: mark(c.get()?)?,
        place: c.json()?,
        restored_after: c.optional_run()?,
        parted_after: c.optional_run()?,
    })
}
