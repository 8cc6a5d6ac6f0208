//! The tables, and how a state of an older version becomes one of this version.
//!
//! Migrations are numbered from 1 on. The table `migrations` lists those that the database has. A
//! migration that was released never changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use outflow_core::{Result, hash};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::checksums;
use super::errors::{cannot_open, damaged_or, earlier_layout, failed, newer};
use super::sql::all;

/// Names and statements, in order: the first is number 1.
const MIGRATIONS: &[(&str, &str)] = &[
    ("initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    ("gaps", include_str!("../../migrations/sqlite/0002_gaps.sql")),
    ("clocks", include_str!("../../migrations/sqlite/0003_clocks.sql")),
    ("checksums", include_str!("../../migrations/sqlite/0004_checksums.sql")),
    ("late_rows", include_str!("../../migrations/sqlite/0005_late_rows.sql")),
    ("restores", include_str!("../../migrations/sqlite/0006_restores.sql")),
];

/// The number of this version's last migration.
pub(crate) const CURRENT: i64 = MIGRATIONS.len() as i64;

/// The number of the database's last migration; 0 for an empty database.
///
/// # Errors
/// `StateTooNew`: a newer version migrated it. `StateUnavailable`: it is no state, or one of a
/// layout from before the migrations were numbered.
pub(crate) fn checked_version(connection: &Connection, dir: &Path) -> Result<i64> {
    let path = dir.join("state.db");
    let found = version(connection).map_err(|e| damaged_or(e, |e| cannot_open(&path, e)))?;
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

/// The tables whose rows have a checksum, with the columns that it is made of, in their order.
pub(crate) fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migrations'
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let names: Vec<String> = all(connection, sql, [], |row| row.get(0))?;
    let columns = |table: String| {
        let sql = "SELECT name FROM pragma_table_info(?1) WHERE name <> 'sum' ORDER BY cid";
        Ok((table.clone(), all(connection, sql, [table], |row| row.get(0))?))
    };
    names.into_iter().map(columns).collect()
}

/// The tables, indices and triggers that are not as this version makes them.
pub(crate) fn differences(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let sql =
        "SELECT name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let listed = |connection: &Connection| -> rusqlite::Result<BTreeMap<String, Option<String>>> {
        Ok(all(connection, sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?.into_iter().collect())
    };
    let mut fresh = Connection::open_in_memory()?;
    checksums::register(&fresh)?;
    if migrate(&mut fresh, 0).is_err() {
        return Ok(vec!["the schema".to_owned()]);
    }
    let (found, wanted) = (listed(connection)?, listed(&fresh)?);
    let names = found.keys().chain(wanted.keys()).filter(|name| found.get(*name) != wanted.get(*name));
    let names: BTreeSet<String> = names.cloned().collect();
    Ok(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table that a later migration makes or changes needs its checksum, too.
    #[test]
    fn every_row_of_every_table_has_a_checksum_of_all_its_columns() {
        let mut connection = Connection::open_in_memory().unwrap();
        checksums::register(&connection).unwrap();
        migrate(&mut connection, 0).unwrap();
        let tables = tables(&connection).unwrap();
        assert!(tables.len() > 10, "{tables:?}");
        for (table, columns) in tables {
            for event in ["insert", "update"] {
                let sql = "SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND name = ?1";
                let name = format!("{table}_sum_{event}");
                let trigger: String = connection
                    .query_row(sql, [&name], |row| row.get(0))
                    .unwrap_or_else(|e| panic!("there is no trigger {name}: {e}"));
                let trigger: String = trigger.split_whitespace().collect::<Vec<_>>().join(" ");
                let new: Vec<String> = columns.iter().map(|c| format!("NEW.{c}")).collect();
                assert!(trigger.contains(&format!("row_sum( {} )", new.join(", "))), "{name}: {trigger}");
                let of = format!("AFTER UPDATE OF {} ON", columns.join(", "));
                assert!(event == "insert" || trigger.contains(&of), "{name}: {trigger}");
            }
        }
    }
}
