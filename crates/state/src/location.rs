//! Where a state is: a folder, or a schema on a PostgreSQL server.

use std::fmt;
use std::path::PathBuf;

use outflow_core::{Code, Error, Result};

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
        match text.split_once("://") {
            Some((scheme, _)) if scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) => {
                // The rest is not repeated: it may hold a password.
                let message = format!("the state cannot be at a URL that begins with {scheme}://");
                Err(Error::new(Code::InvalidValue, message)
                    .help("name a folder, or a URL that begins with postgres://"))
            }
            _ => Ok(Self::Folder(text.into())),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_url_is_a_folder_and_another_scheme_is_refused_without_its_secrets() {
        for folder in [".outflow", "/var/lib/outflow", "a:b/c", "./postgres"] {
            assert_eq!(Location::parse(folder).unwrap(), Location::Folder(folder.into()));
        }
        for url in ["mysql://u:s3cret@h/db", "s3://bucket/prefix", "sqlite:///x.db"] {
            let error = Location::parse(url).unwrap_err();
            assert_eq!(error.code(), Code::InvalidValue, "{url}");
            assert!(!format!("{error:?} {:?}", error.help_text()).contains("s3cret"), "{error:?}");
        }
    }
}
