//! The connection test of a SQLite file: it opens, and it has tables.

use std::path::Path;

use outflow_core::ports::warehouse::{Check, Step};
use outflow_core::{Code, Error, Result};
use serde_json::json;
use tokio::time::Instant;

use super::reader;

/// Opens the file and counts. Runs on a thread that may wait for the disk.
pub(super) fn run(path: &Path, report: &mut dyn FnMut(Check)) {
    let begun = Instant::now();
    let name = path.display().to_string();
    let check = |step, begun: Instant, summary: String, problems: Vec<Error>| {
        let problems =
            problems.into_iter().map(|e| if e.place().is_some() { e } else { e.at(name.clone()) }).collect();
        Check { step, summary, problems, details: Vec::new(), took: begun.elapsed() }
    };
    let connection = match reader::open(path) {
        Ok(connection) => connection,
        Err(error) => return report(check(Step::Database, begun, error.code().title().into(), vec![error])),
    };
    report(Check {
        details: vec![("path", json!(name))],
        ..check(Step::Database, begun, name.clone(), Vec::new())
    });

    let begun = Instant::now();
    let version = rusqlite::version();
    let server = check(Step::Server, begun, format!("SQLite {version}, opened read-only"), Vec::new());
    report(Check {
        details: vec![("kind", json!("sqlite")), ("version", json!(format!("SQLite {version}")))],
        ..server
    });

    let begun = Instant::now();
    let schemas = match tables(&connection) {
        Ok(tables) => {
            let none = (tables == 0)
                .then(|| Error::new(Code::NoReadableTable, "the file has no table").help("check the path"));
            let line = check(Step::Schemas, begun, format!("{tables} tables"), none.into_iter().collect());
            Check { details: vec![("tables", json!(tables))], ..line }
        }
        Err(error) => check(Step::Schemas, begun, error.code().title().into(), vec![error]),
    };
    report(schemas);
}

fn tables(connection: &rusqlite::Connection) -> Result<i64> {
    const COUNT: &str = "SELECT count(*) FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
    connection.query_row(COUNT, [], |row| row.get(0)).map_err(|e| super::failure::of_statement(e, COUNT))
}
