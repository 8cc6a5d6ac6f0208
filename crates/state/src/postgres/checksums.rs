//! The rows of all tables against their checksums: for the check of the whole state, and before a
//! migration.
//!
//! What always holds: it changes nothing and shows no value of a row. What it does not do: compute
//! checksums, which triggers do (see `migrations/postgres/0004_checksums.sql`).

use super::fault::Fault;
use super::session::Session;

/// The damaged rows of one table that are listed.
const LISTED: usize = 20;

/// The rows whose checksum is wrong, in sentences.
pub(super) async fn damaged_rows(session: &Session) -> Result<Vec<String>, Fault> {
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
