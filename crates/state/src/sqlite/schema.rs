//! The tables, and how a state of an older version becomes one of this version.
//!
//! Migrations are numbered from 1 on. The table `migrations` lists those that the database has. A
//! migration that was released never changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use outflow_core::{Result, hash};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};

use super::checksums;
use super::errors::{cannot_open, damaged_before_upgrade, damaged_or, earlier_layout, failed, newer};
use super::sql::all;

/// Names and statements, in order: the first is number 1.
const MIGRATIONS: &[(&str, &str)] = &[
    ("initial", include_str!("../../migrations/sqlite/0001_initial.sql")),
    ("gaps", include_str!("../../migrations/sqlite/0002_gaps.sql")),
    ("clocks", include_str!("../../migrations/sqlite/0003_clocks.sql")),
    ("checksums", include_str!("../../migrations/sqlite/0004_checksums.sql")),
    ("late_rows", include_str!("../../migrations/sqlite/0005_late_rows.sql")),
    ("restores", include_str!("../../migrations/sqlite/0006_restores.sql")),
    ("every_gap", include_str!("../../migrations/sqlite/0007_every_gap.sql")),
    ("pauses", include_str!("../../migrations/sqlite/0008_pauses.sql")),
    ("audit", include_str!("../../migrations/sqlite/0009_audit.sql")),
    ("people", include_str!("../../migrations/sqlite/0010_people.sql")),
    ("definitions", include_str!("../../migrations/sqlite/0011_definitions.sql")),
    ("secrets", include_str!("../../migrations/sqlite/0012_secrets.sql")),
    ("lists", include_str!("../../migrations/sqlite/0013_lists.sql")),
];

/// The number of this version's last migration.
pub(crate) const CURRENT: i64 = MIGRATIONS.len() as i64;

/// The migration from which on rows have checksums.
const CHECKSUMS: i64 = 4;

/// The number of the database's last migration; 0 for an empty database.
///
/// # Errors
/// `StateTooNew`: a newer version migrated it. `StateUnavailable`: it is no state, or one of a
/// layout from before the migrations were numbered.
pub(crate) fn checked_version(connection: &Connection, dir: &Path) -> Result<i64> {
    let path = dir.join(super::FILE);
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
///
/// # Errors
/// T005: a row is not what was written. A migration computes new checksums, which would hide it.
pub(crate) fn migrate(connection: &mut Connection, found: i64) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    if (CHECKSUMS..CURRENT).contains(&found)
        && let Some(problem) = checksums::damaged_rows(&transaction).map_err(failed)?.first()
    {
        return Err(damaged_before_upgrade(problem));
    }
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
        let tables = checksums::tables(&connection).unwrap();
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

    /// A run to these destinations as an older version had it; those of `missed` got nothing of it.
    fn run(c: &Connection, id: i64, query: &str, to: &[(&str, Option<&str>)], backfills: Option<&str>) {
        let connections: Vec<_> =
            to.iter().map(|(name, _)| format!(r#"{{"destination":"{name}","nulls":"send"}}"#)).collect();
        let options = match backfills {
            Some(name) => {
                format!(r#"{{"kind":{{"backfill":{{"start":"1","first":1}}}},"destination":"{name}"}}"#)
            }
            None => r#"{"kind":"incremental"}"#.to_owned(),
        };
        let spec = format!(
            r#"{{"source":"s.m","query":"{query}","connections":[{}],"options":{options}}}"#,
            connections.join(",")
        );
        let sql = "INSERT INTO runs (id, key, sync, call_type, state, trigger, spec, due_at, started_at,
                   extracted_at, ended_at, last_sync_time, rows_read, calls)
                   VALUES (?1, zeroblob(16), 'users', 'track', 'succeeded', 'schedule', ?2, 1, 1, 1, 1, ?1, 5, 5)";
        c.execute(sql, (id, spec)).unwrap();
        let sql = "INSERT INTO deliveries (run, destination, place, state, calls, delivered, dead_letters,
                   filtered, cancelled, discarded, pending, requests, retries, bytes, settled, reason_code,
                   reason, sequence)
                   VALUES (?1, ?2, ?3, 'succeeded', 5, ?4, 0, 0, ?5, 0, 0, 1, 0, 9, '{}', ?6, ?6, 0)";
        for (place, (name, missed)) in (0_i64..).zip(to) {
            let (delivered, cancelled) = if missed.is_some() { (0, 5) } else { (5, 0) };
            c.execute(sql, (id, name, place, delivered, cancelled, missed)).unwrap();
        }
    }

    /// What followed from the history of runs until then is a row for each.
    #[test]
    fn a_state_of_an_older_version_gets_its_gaps_once() {
        let mut c = Connection::open_in_memory().unwrap();
        checksums::register(&c).unwrap();
        let before = MIGRATIONS.iter().position(|(name, _)| *name == "every_gap").unwrap();
        let sql = "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT";
        c.execute_batch(sql).unwrap();
        MIGRATIONS[..before].iter().for_each(|(_, sql)| c.execute_batch(sql).unwrap());
        run(&c, 1, "q", &[("a", None)], None);
        run(&c, 2, "p", &[("a", None)], None);
        run(&c, 3, "p", &[("a", None), ("b", None), ("c", None)], None);
        run(&c, 4, "p", &[("a", None)], None);
        run(&c, 5, "r", &[("a", None)], None);
        run(&c, 6, "r", &[("b", None)], Some("b"));
        run(&c, 7, "r", &[("a", None), ("b", Some("D101")), ("c", None)], None);
        // Some calls of a person were purged.
        run(&c, 8, "r", &[("a", Some("G001")), ("b", None)], None);
        migrate(&mut c, before as i64).unwrap();
        let sql =
            "SELECT destination || ' ' || cause || ' ' || first || ' ' || last || ' ' || calls FROM gaps
                   WHERE opened_by = first AND start = first AND closed_at IS NULL ORDER BY id";
        let found: Vec<String> = all(&c, sql, [], |row| row.get(0)).unwrap();
        assert_eq!(found, ["c new 1 2 10", "c away 4 4 5", "c away 5 8 10", "b away 7 7 5"]);
        let sums = "SELECT count(*) FROM gaps WHERE sum <> row_sum(id, sync, destination, start, first,
                    compared_with, opened_by, cause, calls, opened_at, filled_by, closed_at, last, reason_code,
                    reason)";
        assert_eq!(c.query_row(sums, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    }
}
