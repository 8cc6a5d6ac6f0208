//! Reading warehouses: a small wire client for Redshift and PostgreSQL ([`Server`]), and SQLite ([`Sqlite`]), both behind
//! [`outflow_core::ports::warehouse`].
//!
//! What always holds: everything runs read-only; the end of a result is believed only when the server has said it in so many words;
//! memory grows with the bytes that really came, never with a length that somebody claims; no error holds a secret or a row value.
//! What it does not do: retry, pool connections, or understand values. Rows are handed on as the texts that came.

pub mod aws;
mod credentials;
pub mod kinds;
mod server;
mod settings;
mod setup;
mod sqlite;
mod tls;

pub use aws::{Aws, Iam};
pub use kinds::{DatabaseSettings, SettingProblem, SourceKind};
pub use server::{Server, ServerKind};
pub use settings::{Login, ServerSettings, Tunnel};
pub use setup::{PASSWORD_PLACE, ServiceAccount, parse_names};
pub use sqlite::Sqlite;
pub use tls::{Tls, TlsMode};
