//! Errors of the state, in the user's terms.

use std::path::Path;

use outflow_core::{Code, Error, NextStep};
use rusqlite::ErrorCode;

/// What the error of a row begins with whose checksum is wrong.
pub(crate) const DAMAGED_ROW: &str = "a row fails its checksum: table ";

/// What ends a transaction: the database, or something that has its own code already.
pub(crate) enum Fault {
    Sql(rusqlite::Error),
    Known(Error),
}

impl Fault {
    /// Whether the disk had no room. SQLite reports that before anything of a transaction counts.
    pub(crate) fn is_full_disk(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull))
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Sql(error) => failed(error),
            Fault::Known(error) => error,
        }
    }
}

/// T001: the state cannot be opened.
pub(crate) fn cannot_open(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    let cause = cause.into();
    Error::new(Code::StateUnavailable, format!("cannot open the state {}: {cause}", path.display()))
        .help("the state folder must be on a local disk that is not full, and writable by this user")
        .caused_by(cause)
}

/// T001: a state from before the migrations were numbered.
pub(crate) fn earlier_layout(dir: &Path) -> Error {
    let dir = dir.display();
    Error::new(
        Code::StateUnavailable,
        format!("the state in {dir} is of an early layout that this version cannot read"),
    )
    .help("finish its runs with the version that wrote it, then begin with another folder: --state")
}

/// T001: there is no state yet.
pub(crate) fn nothing_yet(dir: &Path) -> Error {
    Error::new(Code::StateUnavailable, format!("nothing has run yet: there is no state in {}", dir.display()))
        .help("run a sync first, or name the right state folder with --state")
}

/// T001: the tables are those of an older version, and a reader does not change them.
pub(crate) fn not_migrated(dir: &Path, found: i64, known: i64) -> Error {
    let dir = dir.display();
    Error::new(
        Code::StateUnavailable,
        format!("the state in {dir} has format {found}; this version reads format {known}"),
    )
    .help("a run or a server of this version brings the state up to date")
}

/// T001: a state that cannot be read where nothing can be written.
pub(crate) fn unclean_on_read_only(dir: &Path, bytes: u64) -> Error {
    let dir = dir.display();
    Error::new(
        Code::StateUnavailable,
        format!("the state in {dir} was not closed ({bytes} bytes are in its log), and nothing can be written there"),
    )
    .help("copy the folder to a disk that can be written to, and name the copy with --state")
}

/// T002: another process holds the state.
pub(crate) fn held(dir: &Path) -> Error {
    Error::new(Code::StateHeld, format!("another process works with the state in {}", dir.display()))
        .help("wait until it has finished, or stop it: what it began is then taken over at once")
}

/// T002 in the middle of work.
pub(crate) fn taken_over() -> Error {
    Error::new(Code::StateHeld, "another process has taken the state over")
        .help("leave the work to it: it finishes what this one began")
}

/// T003: written by a newer version.
pub(crate) fn newer(dir: &Path, found: i64, known: i64) -> Error {
    let dir = dir.display();
    Error::new(
        Code::StateTooNew,
        format!("the state in {dir} has format {found}; this version knows formats up to {known}"),
    )
    .help("use the version of Outflow that wrote it, or a newer one")
}

/// T005: the database is not what was written.
pub(crate) fn damaged(what: &str) -> Error {
    Error::new(Code::StateDamaged, format!("the state is damaged: {what}"))
        .help("stop Outflow, check the disk, and restore the state's folder as a whole from a backup")
        .next_step(NextStep::VerifyAll)
}

/// T005: a state of an older version is not what was written, and stays as it is.
pub(crate) fn damaged_before_upgrade(what: &str) -> Error {
    Error::new(Code::StateDamaged, format!("the state is damaged, and was not brought up to date: {what}"))
        .help(
            "check the disk, and restore the state's folder as a whole from a backup; the version that wrote it \
             can still check all of it",
        )
}

/// Whether this is the error of a damaged row.
fn is_damaged_row(error: &rusqlite::Error) -> bool {
    let text = match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.as_str(),
        rusqlite::Error::UserFunctionError(error) => return error.to_string().starts_with(DAMAGED_ROW),
        _ => return false,
    };
    text.contains(DAMAGED_ROW)
}

/// T005 if the database says that it is damaged, else another error.
pub(crate) fn damaged_or(cause: rusqlite::Error, other: impl FnOnce(rusqlite::Error) -> Error) -> Error {
    let is_corrupt = cause.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt);
    if is_corrupt || is_damaged_row(&cause) {
        return damaged(&cause.to_string()).caused_by(cause);
    }
    other(cause)
}

/// T004: reading or writing failed; T005 if the database is damaged.
pub(crate) fn failed(cause: rusqlite::Error) -> Error {
    damaged_or(cause, unreadable)
}

fn unreadable(cause: rusqlite::Error) -> Error {
    const WHAT: &str = "the state cannot be read or written";
    // The text of a result code is fixed; that of any other error may quote a stored value.
    let error = match &cause {
        rusqlite::Error::SqliteFailure(code, _) => Error::new(Code::StateIo, format!("{WHAT}: {code}")),
        _ => Error::new(Code::StateIo, WHAT),
    };
    error
        .quoting(cause.to_string())
        .help("check that the disk of the state folder is not full and in good health, then run again")
        .caused_by(cause)
}

/// T004: a task of the store did not come to its end.
pub(crate) fn broken_off(cause: tokio::task::JoinError) -> Error {
    Error::new(Code::StateIo, "a task that reads or writes the state ended before its time").caused_by(cause)
}

/// T004: a step that the life of a run does not have.
pub(crate) fn impossible(message: String) -> Error {
    Error::new(Code::StateIo, message).help("this is a mistake in Outflow; please report it")
}
