//! The checksum of every row: how it is computed, and how a read compares it.
//!
//! What always holds: triggers keep it current (see `migrations/sqlite/0004_checksums.sql`). A
//! statement that reads a run, a delivery, a sync or a segment fails with T005 if the row is not
//! what was written. The rows of all tables are compared by the check of the whole state, and
//! before a migration.

use outflow_core::hash;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::errors::DAMAGED_ROW;
use super::sql::all;

/// The last column of what reads a row of this table: an error if the row is damaged.
macro_rules! intact {
    ($table:literal, $columns:literal) => {
        concat!("intact('", $table, "', ", $table, ".sum, ", $columns, ")")
    };
}
pub(super) use intact;

/// Checks the row of the installation.
pub(super) const INSTALLATION: &str =
    intact!("installation", "one, id, holder, mark, mark_before, place, restored_after, parted_after");

/// The problems of one kind that are listed.
pub(super) const LISTED: usize = 20;

/// Makes the functions of statements and triggers known to a connection: to write to a state, a
/// tool needs them.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("row_sum", -1, flags, |context| Ok(sum(context, 0)))?;
    connection.create_scalar_function("intact", -1, flags, |context| {
        let found: Option<i64> = context.get(1)?;
        if found == Some(sum(context, 2)) {
            return Ok(true);
        }
        let table: String = context.get(0)?;
        Err(rusqlite::Error::UserFunctionError(format!("{DAMAGED_ROW}{table}").into()))
    })
}

/// The checksum of the values from this one on.
fn sum(values: &Context<'_>, from: usize) -> i64 {
    let mut bytes = Vec::with_capacity(512);
    for i in from..values.len() {
        let (kind, value): (u8, &[u8]) = match values.get_raw(i) {
            ValueRef::Null => (0, &[]),
            ValueRef::Integer(n) => {
                bytes.push(1);
                bytes.extend_from_slice(&n.to_le_bytes());
                continue;
            }
            ValueRef::Real(n) => {
                bytes.push(2);
                bytes.extend_from_slice(&n.to_le_bytes());
                continue;
            }
            ValueRef::Text(text) => (3, text),
            ValueRef::Blob(blob) => (4, blob),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
        bytes.extend_from_slice(value);
    }
    hash::checksum(&bytes).cast_signed()
}

/// The tables whose rows have a checksum, with the columns that it is made of, in their order.
pub(super) fn tables(connection: &Connection) -> rusqlite::Result<Vec<(String, Vec<String>)>> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'migrations'
               AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name";
    let names: Vec<String> = all(connection, sql, [], |row| row.get(0))?;
    let columns = |table: String| {
        let sql = "SELECT name FROM pragma_table_info(?1) WHERE name <> 'sum' ORDER BY cid";
        Ok((table.clone(), all(connection, sql, [table], |row| row.get(0))?))
    };
    names.into_iter().map(columns).collect()
}

/// The rows of all tables whose checksum is wrong. Only numbers of runs are shown.
pub(super) fn damaged_rows(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut found = Vec::new();
    for (table, columns) in tables(connection)? {
        found.extend(damaged_rows_of(connection, &table, &columns)?);
    }
    Ok(found)
}

/// The rows of a table whose checksum is wrong. Only numbers of runs are shown.
pub(super) fn damaged_rows_of(
    connection: &Connection,
    table: &str,
    columns: &[String],
) -> rusqlite::Result<Vec<String>> {
    let run =
        ["run", "id"].into_iter().find(|name| columns.iter().any(|c| c == name) && table != "installation");
    let (shown, columns) = (run.unwrap_or("NULL"), columns.join(", "));
    let sql =
        format!("SELECT {shown} FROM {table} NOT INDEXED WHERE sum IS NOT row_sum({columns}) LIMIT {LISTED}");
    let number = |row: &Row<'_>| match row.get_ref(0)? {
        ValueRef::Integer(run) => Ok(Some(run.cast_unsigned())),
        _ => Ok(None),
    };
    let found: Vec<Option<u64>> = all(connection, &sql, [], number)?;
    let text = |run: Option<u64>| match run {
        Some(run) => format!("a row of {table} fails its checksum: run {run}"),
        None => format!("a row of {table} fails its checksum"),
    };
    Ok(found.into_iter().map(text).collect())
}
