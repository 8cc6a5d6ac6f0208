//! Reading warehouses: a small wire client for Redshift and PostgreSQL ([`Server`]), and SQLite
//! ([`Sqlite`]), both behind [`outflow_core::ports::warehouse`].
//!
//! What always holds: everything runs read-only; a result ends only when the server confirms it
//! (CommandComplete); memory grows with the bytes received, never with a length that a peer
//! announces; no error holds a secret or a row value. What it does not do: retry, pool connections,
//! or understand values. Rows are handed on as the texts that came.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

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
pub use setup::{PASSWORD_PLACE, ServiceAccount, parse_names, quoted};
pub use sqlite::Sqlite;
pub use tls::{Tls, TlsMode};
