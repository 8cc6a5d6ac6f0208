//! Asking SQLite, and numbers in its form.

use outflow_core::RunId;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};

/// Steps over the index from name to name, however many runs there are.
pub(crate) const NAMES: &str = "WITH RECURSIVE names(name) AS (SELECT min(sync) FROM runs UNION ALL
     SELECT (SELECT min(sync) FROM runs WHERE sync > name) FROM names WHERE name IS NOT NULL)";

/// The first row.
pub(crate) fn one<T>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    read: fn(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    c.prepare_cached(sql)?.query_row(values, read).optional()
}

/// Every row.
pub(crate) fn all<T>(
    c: &Connection,
    sql: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    c.prepare_cached(sql)?.query_map(values, read)?.collect()
}

/// A run's number.
pub(crate) fn id(run: RunId) -> i64 {
    bits(run.0)
}

/// SQLite's integers are signed: the bits stay.
pub(crate) fn bits(n: u64) -> i64 {
    n.cast_signed()
}

/// A number of rows.
pub(crate) fn capped(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
