//! SQLite's errors as coded ones.
//!
//! What always holds: SQLite's own words are [quoted](Error::quoting), because some of them quote a
//! value (`bad JSON path`), and so are in no log.

use std::path::Path;

use outflow_core::files::ReadFailure;
use outflow_core::{Code, Error};
use rusqlite::ErrorCode;

/// The file itself cannot be used.
pub(crate) fn of_file(cause: rusqlite::Error, path: &Path) -> Error {
    let (message, help) = match cause.sqlite_error_code() {
        Some(ErrorCode::CannotOpen) => (
            "the SQLite file cannot be opened",
            "check the path and the rights; it is relative to the project's folder",
        ),
        Some(ErrorCode::NotADatabase) => ("the file is not a SQLite database", "check the path"),
        Some(ErrorCode::DatabaseCorrupt) => ("the SQLite file is damaged", "restore it from a copy"),
        _ => return of_statement(cause, "").at(path.display().to_string()),
    };
    Error::new(Code::SqliteUnreadable, message).at(path.display().to_string()).help(help).caused_by(cause)
}

/// There is something else than a file.
pub(crate) fn no_file(failure: &ReadFailure, path: &Path) -> Error {
    Error::new(Code::SqliteUnreadable, format!("the SQLite file {failure}"))
        .at(path.display().to_string())
        .help("check the path; it is relative to the project's folder")
}

/// A statement failed.
pub(crate) fn of_statement(cause: rusqlite::Error, sql: &str) -> Error {
    let (text, offset) = match &cause {
        rusqlite::Error::SqlInputError { msg, offset, .. } => (msg.clone(), usize::try_from(*offset).ok()),
        rusqlite::Error::SqliteFailure(error, message) => {
            (message.clone().unwrap_or_else(|| error.to_string()), None)
        }
        rusqlite::Error::MultipleStatement => ("the query has more than one statement".into(), None),
        rusqlite::Error::Empty => ("the query is empty".into(), None),
        other => (other.to_string(), None),
    };
    let (code, help) = classify(&cause, &text);
    let mut error = Error::new(code, code.title()).quoting(text);
    if let Some(before) = offset.and_then(|offset| sql.get(..offset)) {
        let line = 1 + before.matches('\n').count();
        let column = 1 + before.rsplit('\n').next().map_or(0, |rest| rest.chars().count());
        error = error.at(format!("line {line}, column {column} of the query"));
    }
    if !help.is_empty() {
        error = error.help(help);
    }
    // The cause is not kept: it quotes the whole query.
    error
}

fn classify(cause: &rusqlite::Error, text: &str) -> (Code, &'static str) {
    const ONE_SELECT: &str = "a query must be one SELECT, or WITH ... SELECT";
    match cause {
        rusqlite::Error::MultipleStatement => {
            return (Code::MultipleStatements, "write one statement in each query");
        }
        rusqlite::Error::Empty => return (Code::QueryNotReadOnly, ONE_SELECT),
        rusqlite::Error::NulError(_) => {
            return (Code::SyntaxError, "take the NUL character out of the query");
        }
        _ => {}
    }
    match cause.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => (Code::StatementCancelled, ""),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            Code::SourceUnavailable,
            "another process writes to the file: try again, or put it into WAL mode",
        ),
        Some(ErrorCode::ReadOnly) => (Code::QueryNotReadOnly, ONE_SELECT),
        Some(ErrorCode::TooBig) => (
            Code::RowTooLarge,
            "no value may be larger than 64 MiB: leave the large column out, or shorten it in the query",
        ),
        Some(ErrorCode::AuthorizationForStatementDenied) => (Code::QueryNotReadOnly, ONE_SELECT),
        Some(
            ErrorCode::NotADatabase
            | ErrorCode::DatabaseCorrupt
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen,
        ) => (
            Code::SqliteUnreadable,
            "check the file with PRAGMA integrity_check, and that its folder can be read",
        ),
        _ if ["no such table", "no such column", "no such view", "ambiguous column"]
            .iter()
            .any(|t| text.contains(t)) =>
        {
            (
                Code::UnknownTableOrColumn,
                "check the spelling; a text stands in single quotes, a name in double quotes",
            )
        }
        _ if ["syntax error", "incomplete input", "unrecognized token"].iter().any(|t| text.contains(t)) => {
            let help = "look at this place and just before it: mostly a comma or a parenthesis is missing, or one too many";
            (Code::SyntaxError, help)
        }
        _ => (Code::DatabaseError, ""),
    }
}
