//! Finding what changed on disk: checksums of rows, and the check of the whole database.
//!
//! What always holds: every row of every table has a checksum, which triggers keep current (see
//! `migrations/sqlite/0002_checksums.sql`). A statement that reads a run, a delivery, a sync or a
//! segment fails with T005 if the row is not what was written. What no statement that reads rows can
//! see, such as an index that lost an entry, [`check`] finds.
//!
//! What it does not do: repair.

use async_trait::async_trait;
use outflow_core::ports::state::IntegrityQueries;
use outflow_core::{Result, hash};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::Sqlite;
use super::schema;
use super::sql::all;

/// What the error of a row begins with whose checksum is wrong.
const DAMAGED: &str = "a row fails its checksum: table ";
/// The problems of one kind that are listed.
const LISTED: usize = 20;

/// The last column of what reads a row of this table: an error if the row is damaged.
macro_rules! intact {
    ($table:literal, $columns:literal) => {
        concat!("intact('", $table, "', ", $table, ".sum, ", $columns, ")")
    };
}
pub(super) use intact;

#[async_trait]
impl<W: Send + Sync> IntegrityQueries for Sqlite<W> {
    async fn installation_id(&self) -> Result<u128> {
        let read = |c: &Connection| {
            c.query_row(&format!("SELECT id, {INSTALLATION} FROM installation"), [], |row| row.get(0))
        };
        Ok(u128::from_be_bytes(self.readers.read(read).await?))
    }

    async fn check_integrity(&self) -> Result<Vec<String>> {
        self.readers.read(|c| Ok(check(c))).await
    }
}

/// Checks the row of the installation.
pub(super) const INSTALLATION: &str = intact!("installation", "one, id, holder");

/// Makes the functions of statements and triggers known to a connection.
pub(super) fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function("row_sum", -1, flags, |context| Ok(sum(context, 0)))?;
    connection.create_scalar_function("intact", -1, flags, |context| {
        let found: Option<i64> = context.get(1)?;
        if found == Some(sum(context, 2)) {
            return Ok(true);
        }
        let table: String = context.get(0)?;
        Err(rusqlite::Error::UserFunctionError(format!("{DAMAGED}{table}").into()))
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

/// Whether this is the error of a damaged row.
pub(super) fn is_damaged_row(error: &rusqlite::Error) -> bool {
    let text = match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.as_str(),
        rusqlite::Error::UserFunctionError(error) => return error.to_string().starts_with(DAMAGED),
        _ => return false,
    };
    text.contains(DAMAGED)
}

/// What is wrong with the structure of the database, as far as a quick look tells.
pub(super) fn quick_check(connection: &Connection) -> Vec<String> {
    pragma(connection, "PRAGMA quick_check(20)")
}

/// Everything that is wrong.
fn check(connection: &Connection) -> Vec<String> {
    let mut problems = pragma(connection, "PRAGMA integrity_check(20)");
    match schema::differences(connection) {
        Ok(names) => problems.extend(names.into_iter().map(|name| format!("{name} is not as it was made"))),
        Err(error) => problems.push(format!("the schema cannot be read: {error}")),
    }
    match references(connection) {
        Ok(found) => problems.extend(found),
        Err(error) => problems.push(format!("the references cannot be checked: {error}")),
    }
    match schema::tables(connection) {
        Ok(tables) => {
            for (table, columns) in tables {
                match rows(connection, &table, &columns) {
                    Ok(found) => problems.extend(found),
                    Err(error) => problems.push(format!("the table {table} cannot be read: {error}")),
                }
            }
        }
        Err(error) => problems.push(format!("the tables cannot be listed: {error}")),
    }
    problems
}

/// The lines of a check, if they say more than that all is well.
fn pragma(connection: &Connection, sql: &str) -> Vec<String> {
    let text = |row: &Row<'_>| row.get::<_, String>(0);
    match all(connection, sql, [], text) {
        Ok(lines) => lines.into_iter().filter(|line| line != "ok").collect(),
        Err(error) => vec![format!("the database cannot be read: {error}")],
    }
}

fn references(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let pair = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let sql = "SELECT \"table\", parent FROM pragma_foreign_key_check";
    let found: Vec<(String, String)> = all(connection, sql, [], pair)?;
    let listed = found.iter().take(LISTED);
    Ok(listed.map(|(table, parent)| format!("a row of {table} names a row of {parent} that is gone")).collect())
}

/// The rows of a table whose checksum is wrong. Only numbers of runs are shown.
fn rows(connection: &Connection, table: &str, columns: &[String]) -> rusqlite::Result<Vec<String>> {
    let run = ["run", "id"].into_iter().find(|name| columns.iter().any(|c| c == name) && table != "installation");
    let (shown, columns) = (run.unwrap_or("NULL"), columns.join(", "));
    let sql = format!("SELECT {shown} FROM {table} NOT INDEXED WHERE sum IS NOT row_sum({columns}) LIMIT {LISTED}");
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
