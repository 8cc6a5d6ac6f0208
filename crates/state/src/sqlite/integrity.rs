//! The check of the whole database: structure, references, and the checksum of every row.
//!
//! What always holds: it changes nothing, shows no value of a row, and finds what no statement that
//! reads rows can see, such as an index that lost an entry. What it does not do: repair.

use async_trait::async_trait;
use outflow_core::Result;
use outflow_core::ports::state::IntegrityQueries;
use rusqlite::{Connection, Row};

use super::Sqlite;
use super::checksums::{self, INSTALLATION, LISTED};
use super::schema;
use super::sql::all;

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
    match checksums::tables(connection) {
        Ok(tables) => {
            for (table, columns) in tables {
                match checksums::damaged_rows_of(connection, &table, &columns) {
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
    Ok(listed
        .map(|(table, parent)| format!("a row of {table} names a row of {parent} that is gone"))
        .collect())
}
