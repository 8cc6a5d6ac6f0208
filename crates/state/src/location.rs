//! Where a state is: a folder, or a schema on a PostgreSQL server.

use std::fmt;
use std::path::PathBuf;

use outflow_core::Result;

use crate::postgres::Address;

/// Where a state is. Shown, it names no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder with an SQLite database.
    Folder(PathBuf),
    /// A schema on a PostgreSQL server.
    Postgres(Box<Address>),
}

impl Location {
    /// Reads what a person wrote: a URL `postgres://…`, or else the path of a folder.
    ///
    /// # Errors
    /// `InvalidValue` or `UnknownKey`: the URL is wrong.
    pub fn parse(text: &str) -> Result<Self> {
        if Address::is_meant(text) {
            return Ok(Self::Postgres(Box::new(Address::parse(text)?)));
        }
        Ok(Self::Folder(text.into()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Postgres(address) => address.fmt(f),
        }
    }
}
