//! Secrets, encrypted.

use async_trait::async_trait;
use outflow_core::Result;
use outflow_core::ports::state::{AuditEntry, SecretQueries, SecretRecord, Secrets};
use tokio_postgres::Row;

use super::audit::append;
use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::rows::{Cells, to_json};
use super::text::escape;
use super::write::Writes;

#[async_trait]
impl<W: Send + Sync> SecretQueries for PostgresState<W> {
    async fn secrets(&self) -> Result<Vec<SecretRecord>> {
        let sql = "SELECT name, record, addresses, set_at, set_by, key_id, wrapped, sealed,
                   intact('secrets', to_jsonb(secrets)) FROM secrets ORDER BY name";
        self.all(sql, &[], secret).await
    }
}

#[async_trait]
impl Secrets for PostgresState<Writes> {
    async fn set_secret(&self, secret: &SecretRecord, audit: &[AuditEntry]) -> Result<()> {
        let SecretRecord { name, id, addresses, set_at, set_by, key_id, wrapped, sealed } = secret;
        let sql = "INSERT INTO secrets (name, record, addresses, set_at, set_by, key_id, wrapped, sealed)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let (name, id, addresses) = (&escape(name), &id.to_be_bytes().to_vec(), &to_json(addresses));
        let (set_at, set_by) = (&set_at.as_microsecond(), &to_json(set_by));
        self.write(|t| async move {
            t.execute("DELETE FROM secrets WHERE name = $1", &[name]).await?;
            t.execute(sql, &[name, id, addresses, set_at, set_by, key_id, wrapped, sealed]).await?;
            append(&t, audit).await
        })
        .await
    }

    async fn reseal_secrets(&self, secrets: &[SecretRecord], audit: &[AuditEntry]) -> Result<u64> {
        let sql = "UPDATE secrets SET key_id = $3, wrapped = $4, sealed = $5
                   WHERE name = $1 AND record = $2";
        self.write(|t| async move {
            let mut replaced = 0;
            for SecretRecord { name, id, key_id, wrapped, sealed, .. } in secrets {
                let id = id.to_be_bytes().to_vec();
                replaced += t.execute(sql, &[&escape(name), &id, key_id, wrapped, sealed]).await?;
            }
            append(&t, audit).await?;
            Ok(replaced)
        })
        .await
    }

    async fn remove_secret(&self, name: &str, audit: &[AuditEntry]) -> Result<bool> {
        self.write(|t| async move {
            let sql = "DELETE FROM secrets WHERE name = $1";
            let is_gone = t.execute(sql, &[&escape(name)]).await? > 0;
            if is_gone {
                append(&t, audit).await?;
            }
            Ok(is_gone)
        })
        .await
    }
}

fn secret(row: &Row) -> Result<SecretRecord, Fault> {
    let mut c = Cells::of(row);
    let name = c.text()?;
    let id: Vec<u8> = c.get()?;
    let id = id.try_into().map_err(|_| unreadable("an id of a secret of another length"))?;
    Ok(SecretRecord {
        name,
        id: u128::from_be_bytes(id),
        addresses: c.json()?,
        set_at: c.time()?,
        set_by: c.json()?,
        key_id: c.text()?,
        wrapped: c.get()?,
        sealed: c.get()?,
    })
}
