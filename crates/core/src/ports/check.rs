//! The steps of a connection test, to a database or to a destination.

use std::time::Duration;

use crate::Error;

/// What a connection test checks, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The settings, and credentials that are fetched (IAM).
    Credentials,
    /// The SSH tunnel.
    Tunnel,
    /// The host name.
    Name,
    /// The TCP connection.
    Tcp,
    /// The way that a proxy opens.
    Proxy,
    /// Encryption and the certificate.
    Tls,
    /// The log-in; of a destination, whether it takes the key.
    Authentication,
    /// The database.
    Database,
    /// The server and its version.
    Server,
    /// The difference between its clock and ours.
    Clock,
    /// How far a replica is behind.
    Lag,
    /// Whose open transactions the account can see.
    Transactions,
    /// What can be read.
    Schemas,
    /// What else the account may do.
    Privileges,
    /// Whether a folder can be written to.
    Folder,
    /// Whether a test call is taken.
    Call,
}

impl Step {
    /// Its name in documents and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials",
            Self::Tunnel => "tunnel",
            Self::Name => "name",
            Self::Tcp => "tcp",
            Self::Proxy => "proxy",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Database => "database",
            Self::Server => "server",
            Self::Clock => "clock",
            Self::Lag => "lag",
            Self::Transactions => "transactions",
            Self::Schemas => "schemas",
            Self::Privileges => "privileges",
            Self::Folder => "folder",
            Self::Call => "call",
        }
    }
}

/// One line of a connection test. A step that does not apply (TLS of a file, the lag of a primary)
/// has no line.
#[derive(Debug)]
pub struct Check {
    /// What was checked.
    pub step: Step,
    /// What was found, in short: `TLS 1.3, certificate for *.example.com, expires in 210
    /// days`.
    pub summary: String,
    /// What is wrong with it. An error ends the test; warnings do not.
    pub problems: Vec<Error>,
    /// The same for machines: names in snake_case and values.
    pub details: Vec<(&'static str, serde_json::Value)>,
    /// How long the step took.
    pub took: Duration,
}
