//! The tables, and how a state of an older version becomes one of this version.
//!
//! Migrations are numbered from 1 on, with the numbers and names of those for SQLite. The table
//! `migrations` lists those that the schema has. A migration that was released never changes.
//!
//! What always holds: only who has the claim's lock migrates, and all that is missing is one
//! transaction.

use outflow_core::{Result, hash};

use super::address::Address;
use super::checksums;
use super::fault::{Fault, damaged_before_upgrade, newer, not_migrated, nothing_yet};
use super::session::Session;

/// Names and statements, in order: the first is number 1.
const MIGRATIONS: &[(&str, &str)] = &[
    ("initial", include_str!("../../migrations/postgres/0001_initial.sql")),
    ("gaps", include_str!("../../migrations/postgres/0002_gaps.sql")),
    ("clocks", include_str!("../../migrations/postgres/0003_clocks.sql")),
    ("checksums", include_str!("../../migrations/postgres/0004_checksums.sql")),
    ("late_rows", include_str!("../../migrations/postgres/0005_late_rows.sql")),
    ("restores", include_str!("../../migrations/postgres/0006_restores.sql")),
    ("every_gap", include_str!("../../migrations/postgres/0007_every_gap.sql")),
    ("pauses", include_str!("../../migrations/postgres/0008_pauses.sql")),
    ("audit", include_str!("../../migrations/postgres/0009_audit.sql")),
    ("people", include_str!("../../migrations/postgres/0010_people.sql")),
    ("definitions", include_str!("../../migrations/postgres/0011_definitions.sql")),
    ("secrets", include_str!("../../migrations/postgres/0012_secrets.sql")),
    ("lists", include_str!("../../migrations/postgres/0013_lists.sql")),
];

/// The number of this version's last migration.
const CURRENT: i64 = MIGRATIONS.len() as i64;

/// The migration from which on rows have checksums.
const CHECKSUMS: i64 = 4;

/// The number of the last migration that the schema has; 0: there are no tables.
async fn format(session: &Session, address: &Address) -> Result<i64, Fault> {
    let table = format!("{}.migrations", address.schema);
    let found = session.one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?;
    if !found.map(|row| row.try_get::<_, bool>(0)).transpose()?.unwrap_or_default() {
        return Ok(0);
    }
    let row = session.one("SELECT coalesce(max(number), 0) FROM migrations", &[]).await?;
    let format = row.map(|row| row.try_get(0)).transpose()?.unwrap_or_default();
    if format > CURRENT {
        return Err(newer(address, format, CURRENT).into());
    }
    Ok(format)
}

/// Checks that a reader can read the tables.
pub(super) async fn check(session: &Session, address: &Address) -> Result<(), Fault> {
    match format(session, address).await? {
        CURRENT => Ok(()),
        0 => Err(nothing_yet(address).into()),
        older => Err(not_migrated(address, older, CURRENT).into()),
    }
}

/// Takes the tables to the current format. The caller has the claim's lock. A row that is not what
/// was written is an error (T005): a migration computes new checksums, which would hide it.
pub(super) async fn migrate(session: &Session, address: &Address) -> Result<(), Fault> {
    let found = format(session, address).await?;
    if found == CURRENT {
        return Ok(());
    }
    session.batch("BEGIN").await?;
    if found >= CHECKSUMS
        && let Some(problem) = checksums::damaged_rows(session).await?.first()
    {
        return Err(damaged_before_upgrade(problem).into());
    }
    if found == 0 {
        create_schema(session, &address.schema).await?;
    }
    for (number, (name, sql)) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
        session.batch(sql).await?;
        session.execute("INSERT INTO migrations (number, name) VALUES ($1, $2)", &[&number, name]).await?;
    }
    if found == 0 {
        let id = hash::random()?.to_be_bytes();
        let sql = "INSERT INTO installation (id, last_run) VALUES ($1, 0)";
        session.execute(sql, &[&id.as_slice()]).await?;
    }
    session.batch("COMMIT").await
}

/// `CREATE SCHEMA IF NOT EXISTS` requires the right to create one even if it exists.
async fn create_schema(session: &Session, schema: &str) -> Result<(), Fault> {
    let exists = session.one("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await?;
    if exists.is_none() {
        session.batch(&format!("CREATE SCHEMA {schema}")).await?;
    }
    let sql = "CREATE TABLE migrations (number bigint PRIMARY KEY, name text NOT NULL,
               applied_at timestamptz NOT NULL DEFAULT now())";
    session.batch(sql).await
}
