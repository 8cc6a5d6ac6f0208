//! Secrets, encrypted.

use async_trait::async_trait;
use outflow_core::Result;
use outflow_core::ports::state::{AuditEntry, SecretQueries, SecretRecord, Secrets};
use rusqlite::{Row, Transaction, params};

use super::Sqlite;
use super::audit::append;
use super::checksums::intact;
use super::connection::Writer;
use super::rows::{json, time, to_json};
use super::sql::all;

#[async_trait]
impl<W: Send + Sync> SecretQueries for Sqlite<W> {
    async fn secrets(&self) -> Result<Vec<SecretRecord>> {
        let sql = concat!(
            "SELECT name, record, addresses, set_at, set_by, key_id, wrapped, sealed, ",
            intact!("secrets", "name, record, addresses, set_at, set_by, key_id, wrapped, sealed"),
            " FROM secrets ORDER BY name"
        );
        self.readers.read(move |c| all(c, sql, [], secret)).await
    }
}

#[async_trait]
impl Secrets for Sqlite<Writer> {
    async fn set_secret(&self, secret: &SecretRecord, audit: &[AuditEntry]) -> Result<()> {
        let (secret, audit) = (secret.clone(), audit.to_vec());
        let write = move |t: &Transaction<'_>| {
            t.execute("DELETE FROM secrets WHERE name = ?1", [&secret.name])?;
            let SecretRecord { name, id, addresses, set_at, set_by, key_id, wrapped, sealed } = &secret;
            let sql = "INSERT INTO secrets (name, record, addresses, set_at, set_by, key_id, wrapped, sealed)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
            let (id, addresses) = (id.to_be_bytes(), to_json(addresses));
            let (set_at, set_by) = (set_at.as_microsecond(), to_json(set_by));
            t.execute(sql, params![name, id, addresses, set_at, set_by, key_id, wrapped, sealed])?;
            append(t, &audit)
        };
        self.writer.write(write).await
    }

    async fn reseal_secrets(&self, secrets: &[SecretRecord], audit: &[AuditEntry]) -> Result<u64> {
        let (secrets, audit) = (secrets.to_vec(), audit.to_vec());
        let write = move |t: &Transaction<'_>| {
            let sql = "UPDATE secrets SET key_id = ?3, wrapped = ?4, sealed = ?5
                       WHERE name = ?1 AND record = ?2";
            let (mut update, mut replaced) = (t.prepare_cached(sql)?, 0);
            for SecretRecord { name, id, key_id, wrapped, sealed, .. } in &secrets {
                replaced += update.execute(params![name, id.to_be_bytes(), key_id, wrapped, sealed])?;
            }
            append(t, &audit)?;
            Ok(replaced as u64)
        };
        self.writer.write(write).await
    }

    async fn remove_secret(&self, name: &str, audit: &[AuditEntry]) -> Result<bool> {
        let (name, audit) = (name.to_owned(), audit.to_vec());
        let write = move |t: &Transaction<'_>| {
            let is_gone = t.execute("DELETE FROM secrets WHERE name = ?1", [&name])? > 0;
            if is_gone {
                append(t, &audit)?;
            }
            Ok(is_gone)
        };
        self.writer.write(write).await
    }
}

fn secret(row: &Row<'_>) -> rusqlite::Result<SecretRecord> {
    Ok(SecretRecord {
        name: row.get(0)?,
        id: u128::from_be_bytes(row.get(1)?),
        addresses: json(row, 2)?,
        set_at: time(row, 3)?,
        set_by: json(row, 4)?,
        key_id: row.get(5)?,
        wrapped: row.get(6)?,
        sealed: row.get(7)?,
    })
}
