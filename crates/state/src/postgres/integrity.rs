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

use super::fault::{Fault, unreadable};
use super::handle::PostgresState;
use super::session::Session;

/// The damaged rows of one table that are listed.
const LISTED: usize = 20;

#[async_trait]
impl<W: Send + Sync> IntegrityQueries for PostgresState<W> {
    async fn installation_id(&self) -> Result<u128> {
        let sql = "SELECT id, intact('installation', to_jsonb(installation)) FROM installation";
        let id: Option<Vec<u8>> = self.first(sql, &[], |row| Ok(row.try_get(0)?)).await?;
        let id = id.unwrap_or_default().try_into();
        id.map(u128::from_be_bytes).map_err(|_| Fault::into_failed(unreadable("no id of the installation")))
    }

    async fn check_integrity(&self) -> Result<Vec<String>> {
        self.pool.read(|session| async move { check(&session).await }).await
    }
}

async fn check(session: &Session) -> Result<Vec<String>, Fault> {
    let sql = "SELECT table_name::text, bool_or(column_name = 'id'), bool_or(column_name = 'run'),
               bool_or(column_name = 'sum')
               FROM information_schema.columns WHERE table_schema = current_schema()
               AND table_name NOT IN ('migrations', 'claims') GROUP BY table_name ORDER BY table_name";
    let found =
        session.all(sql, &[], |row| Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(3)?)));
    let tables: Vec<(String, bool, bool, bool)> = found.await?;
    let mut problems = Vec::new();
    for (table, has_id, has_run, has_sum) in tables {
        if !has_sum {
            problems.push(format!("the table {table} has no checksums"));
            continue;
        }
        let run = match (has_run, has_id && table != "installation") {
            (true, _) => "run",
            (false, true) => "id",
            (false, false) => "NULL::bigint",
        };
        let sql = format!(
            "SELECT {run} FROM {table} WHERE sum IS DISTINCT FROM row_sum(to_jsonb({table})) LIMIT {LISTED}"
        );
        let damaged: Vec<Option<i64>> = session.all(&sql, &[], |row| Ok(row.try_get(0)?)).await?;
        problems.extend(damaged.into_iter().map(|run| match run {
            Some(run) => format!("a row of {table} fails its checksum: run {run}"),
            None => format!("a row of {table} fails its checksum"),
        }));
    }
    Ok(problems)
}
