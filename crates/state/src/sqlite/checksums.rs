//! The checksum of every row: how it is computed, and how a read compares it.
//!
//! What always holds: triggers keep it current (see `migrations/sqlite/0004_checksums.sql`). A
//! statement that reads a run, a delivery, a sync or a segment fails with T005 if the row is not
//! what was written.

use outflow_core::hash;
use rusqlite::Connection;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;

use super::errors::DAMAGED_ROW;

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
