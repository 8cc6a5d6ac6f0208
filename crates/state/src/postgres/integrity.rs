//! Finding what changed on the server's disk: the checksum of every row.
//!
//! What always holds: every row has a checksum, which a trigger keeps current (see
//! `migrations/postgres/0004_checksums.sql`). A statement that reads a run, a delivery, a sync or a
//! segment fails with T005 if the row is not what was written. References between tables are kept
//! by the server.
//!
//! What it does not do: check indices, which the server's `pg_amcheck` does, or repair.

use async_trait::async_trait;
use outflow_core::Result;
use outflow_core::ports::state::IntegrityQueries;

use super::checksums;
use super::fault::{Fault, unreadable};
use super::handle::PostgresState;

#[async_trait]
impl<W: Send + Sync> IntegrityQueries for PostgresState<W> {
    async fn installation_id(&self) -> Result<u128> {
        let sql = "SELECT id, intact('installation', to_jsonb(installation)) FROM installation";
        let id: Option<Vec<u8>> = self.first(sql, &[], |row| Ok(row.try_get(0)?)).await?;
        let id = id.unwrap_or_default().try_into();
        id.map(u128::from_be_bytes).map_err(|_| Fault::into_failed(unreadable("no id of the installation")))
    }

    async fn check_integrity(&self) -> Result<Vec<String>> {
        self.pool.read(|session| async move { checksums::damaged_rows(&session).await }).await
    }
}
