//! The tables, and how a state of an older version becomes one of this version.
//!
//! Migrations are numbered from 1 on. The table `migrations` lists those that the database has. A
//! migration that was released never changes.

use std::path::Path;

use outflow_core::{Result, hash};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::errors::{cannot_open, earlier_layout, failed, newer};

/// Names and statements, in order: the first is number 1.
const MIGRATIONS: &[(&str, &str)] = &[
    ("initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    ("gaps", include_str!("../../migrations/sqlite/0002_gaps.sql")),
];

/// The number of this version's last migration.
const CURRENT: i64 = MIGRATIONS.len() as i64;

/// The number of the database's last migration; 0 for an empty database.
///
/// # Errors
/// `StateTooNew`: a newer version migrated it. `StateUnavailable`: it is no state, or one of a
/// layout from before the migrations were numbered.
pub(crate) fn checked_version(connection: &Connection, dir: &Path) -> Result<i64> {
    let found = version(connection).map_err(|e| cannot_open(&dir.join("state.db"), e))?;
    match found {
        Some(found) if (0..=CURRENT).contains(&found) => Ok(found),
        Some(found) => Err(newer(dir, found, CURRENT)),
        None => Err(earlier_layout(dir)),
    }
}

/// `None`: there are tables but no migrations.
fn version(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let table = |name| {
        let sql = "SELECT 1 FROM sqlite_schema WHERE name = ?1";
        connection.query_row(sql, [name], |_| Ok(())).optional().map(|found| found.is_some())
    };
    if !table("migrations")? {
        return Ok(if table("installation")? { None } else { Some(0) });
    }
    let sql = "SELECT number FROM migrations ORDER BY number DESC LIMIT 1";
    connection.query_row(sql, [], |row| row.get(0)).map(Some)
}

/// Takes the database from migration `found` to the current one.
pub(crate) fn migrate(connection: &mut Connection, found: i64) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    if found == 0 {
        let sql = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT";
        transaction.execute_batch(sql).map_err(failed)?;
    }
    for (number, (name, sql)) in (1_i64..).zip(MIGRATIONS).skip(found as usize) {
        transaction.execute_batch(sql).map_err(failed)?;
        let sql = "INSERT INTO migrations (number, name) VALUES (?1, ?2)";
        transaction.execute(sql, (number, name)).map_err(failed)?;
    }
    if found == 0 {
        let id = hash::random()?.to_be_bytes();
        transaction
            .execute("INSERT INTO installation (one, id, holder) VALUES (1, ?1, 0)", [id.as_slice()])
            .map_err(failed)?;
    }
    transaction.commit().map_err(failed)
}
