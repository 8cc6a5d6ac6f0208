//! Errors of a state on PostgreSQL, in the user's terms.
//!
//! What always holds: an error has the server's SQLSTATE, quotes its message, which is in no log,
//! and leaves its detail out, which may hold values of a row.

use std::error::Error as _;
use std::io;

use outflow_core::{Code, Error, ForeignText, NextStep};
use tokio_postgres::error::SqlState;

use super::address::Address;

/// What ends a read or a write: the database, silence, or something that has its own code already.
#[derive(Debug)]
pub(super) enum Fault {
    Sql(tokio_postgres::Error),
    /// There was no answer in time.
    Silence,
    Known(Error),
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Known(error)
    }
}

/// What can be done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The connection is of no use any more, and another one may be.
    Reconnect,
    /// The server has rolled back the transaction, and requests a retry.
    Repeat,
    /// Nothing.
    None,
}

impl Fault {
    pub(super) fn remedy(&self) -> Remedy {
        let error = match self {
            Self::Known(_) => return Remedy::None,
            Self::Silence => return Remedy::Reconnect,
            Self::Sql(error) => error,
        };
        match error.code().map(|state| state.code()) {
            // Serialization failure and deadlock.
            Some("40001" | "40P01") => Remedy::Repeat,
            // A server that stops, starts, is full or was demoted; 08: the connection itself.
            Some("57P01" | "57P02" | "57P03" | "57P05" | "53300" | "25006") => Remedy::Reconnect,
            Some(state) if state.starts_with("08") => Remedy::Reconnect,
            Some(_) => Remedy::None,
            None if error.is_closed() || is_broken_connection(error) => Remedy::Reconnect,
            None => Remedy::None,
        }
    }

    /// Whether it may pass by itself: a server that is away, or that has no room.
    pub(super) fn may_pass(&self) -> bool {
        let is_full = |error: &tokio_postgres::Error| error.code() == Some(&SqlState::DISK_FULL);
        self.remedy() == Remedy::Reconnect || matches!(self, Self::Sql(error) if is_full(error))
    }

    /// What may be logged of it: the SQLSTATE, or what the client says about the connection.
    fn text(&self) -> String {
        match self {
            Self::Known(error) => error.message().to_owned(),
            Self::Silence => "there was no answer in time".to_owned(),
            Self::Sql(error) => match error.as_db_error() {
                Some(db) => format!("SQLSTATE {}", db.code().code()),
                None => match error.source() {
                    Some(cause) => format!("{error}: {cause}"),
                    None => error.to_string(),
                },
            },
        }
    }

    /// The server's message.
    fn words(&self) -> ForeignText {
        let Self::Sql(error) = self else { return ForeignText::default() };
        error.as_db_error().map_or_else(ForeignText::default, |db| db.message().into())
    }

    /// T001: there is no connection to begin with.
    pub(super) fn into_unavailable(self, address: &Address) -> Error {
        let Self::Known(error) = self else {
            let text = self.text();
            return Error::new(Code::StateUnavailable, format!("cannot open the state {address}: {text}"))
                .quoting(self.words())
                .help(self.opening_help())
                .caused_by(text);
        };
        error
    }

    fn opening_help(&self) -> &'static str {
        let Self::Sql(error) = self else {
            return "check that the server runs and can be reached from here";
        };
        match error.code().map(|state| state.code()) {
            Some(state) if state.starts_with("28") => "check user, password and pg_hba.conf of the server",
            Some("3D000") => "create the database, or name another one in the URL",
            Some("42501") => "give the role the rights that docs/OPERATING.md lists",
            Some("53300") => "raise max_connections: a process of Outflow uses up to six connections",
            Some(_) => "the server's log says more",
            None if is_broken_connection(error) => "check that the server runs and can be reached from here",
            None => "check sslmode, sslrootcert and password in the URL, and the server's certificate",
        }
    }

    /// Whether the server says that what it has is damaged: XX001, XX002.
    fn is_damage(&self) -> bool {
        let damage = [SqlState::DATA_CORRUPTED, SqlState::INDEX_CORRUPTED];
        matches!(self, Self::Sql(error) if error.code().is_some_and(|code| damage.contains(code)))
    }

    /// T004: reading or writing failed; T005 if the state is damaged.
    pub(super) fn into_failed(self) -> Error {
        let Self::Known(error) = self else {
            let text = self.text();
            if self.is_damage() {
                return Error::new(Code::StateDamaged, format!("the state is damaged: {text}"))
                    .quoting(self.words())
                    .help("stop Outflow, check the server's disk, and restore the schema from a backup")
                    .next_step(NextStep::VerifyAll)
                    .caused_by(text);
            }
            let help = match self.remedy() {
                Remedy::Reconnect => "nothing of it counts; once the server answers, run again",
                Remedy::Repeat | Remedy::None => "the log of the PostgreSQL server says more",
            };
            return Error::new(Code::StateIo, format!("the state cannot be read or written: {text}"))
                .quoting(self.words())
                .help(help)
                .caused_by(text);
        };
        error
    }

    /// T004: the connection was lost during COMMIT, and the server has not been reachable since.
    pub(super) fn to_unknown(&self) -> Error {
        let text = self.text();
        let message =
            format!("the state's server was lost while it wrote, and whether that counts is open: {text}");
        Error::new(Code::StateIo, message)
            .quoting(self.words())
            .help("once the server answers, run again: the work goes on from what the state holds")
            .caused_by(text)
    }
}

/// Whether the network or the other side ended it, in contrast to a handshake that was refused.
fn is_broken_connection(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return !matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
        }
        cause = inner.source();
    }
    false
}

/// T005: a state of an older version is not what was written, and stays as it is.
pub(super) fn damaged_before_upgrade(what: &str) -> Error {
    Error::new(Code::StateDamaged, format!("the state is damaged, and was not brought up to date: {what}"))
        .help(
            "check the server's disk, and restore the schema from a backup; the version that wrote it can still \
             check all of it",
        )
}

/// T001: the server is too old.
pub(super) fn too_old(address: &Address, version: &str) -> Error {
    Error::new(
        Code::StateUnavailable,
        format!("the server of the state {address} is PostgreSQL {version}; the state needs 14 or newer"),
    )
    .help("upgrade the server, or name a newer one")
}

/// T001: texts would not come back as they were.
pub(super) fn wrong_encoding(address: &Address, encoding: &str) -> Error {
    Error::new(
        Code::StateUnavailable,
        format!("the database of the state {address} has the encoding {encoding}; the state needs UTF8"),
    )
    .help("create a database for the state: CREATE DATABASE outflow ENCODING 'UTF8' TEMPLATE template0")
}

/// T001: there is no state yet.
pub(super) fn nothing_yet(address: &Address) -> Error {
    Error::new(Code::StateUnavailable, format!("nothing has run yet: there is no state in {address}"))
        .help("run a sync first, or name the right state with --state")
}

/// T001: the tables are those of an older version, and a reader does not change them.
pub(super) fn not_migrated(address: &Address, found: i64, known: i64) -> Error {
    Error::new(
        Code::StateUnavailable,
        format!("the state in {address} has format {found}; this version reads format {known}"),
    )
    .help("a run or a server of this version brings the state up to date")
}

/// T001: sessions are shared, so that neither a claim nor a setting holds.
pub(super) fn shared_sessions(address: &Address) -> Error {
    Error::new(Code::StateUnavailable, format!("a pooler between here and {address} shares its sessions"))
        .help("connect to the server itself, or let the pooler work in session mode")
}

/// T002: another process has the claim.
pub(super) fn held(address: &Address, holder: Option<String>) -> Error {
    let who = holder.map(|holder| format!(" ({holder})")).unwrap_or_default();
    Error::new(Code::StateHeld, format!("another process{who} works with the state in {address}"))
        .help("wait until it has finished, or stop it: what it began is then taken over at once")
}

/// T002 in the middle of work.
pub(super) fn taken_over() -> Error {
    Error::new(Code::StateHeld, "another process has taken the state over")
        .help("leave the work to it: it finishes what this one began")
}

/// T003: written by a newer version.
pub(super) fn newer(address: &Address, found: i64, known: i64) -> Error {
    Error::new(
        Code::StateTooNew,
        format!("the state in {address} has format {found}; this version knows formats up to {known}"),
    )
    .help("use the version of Outflow that wrote it, or a newer one")
}

/// T004: a value that this version cannot read.
pub(super) fn unreadable(what: impl std::fmt::Display) -> Fault {
    Error::new(Code::StateIo, format!("the state holds {what}"))
        .help("another program changed the tables, or this is a mistake in Outflow; please report it")
        .into()
}

/// T004: a step that the life of a run does not have.
pub(super) fn impossible(message: String) -> Fault {
    Error::new(Code::StateIo, message).help("this is a mistake in Outflow; please report it").into()
}
