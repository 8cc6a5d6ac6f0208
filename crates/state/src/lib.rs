//! Remembers runs, cursors, deliveries and dead letters: implementations of the state port.
//!
//! What always holds: what the port promises (`outflow_core::ports::state`). The stores pass one
//! list of checks (`tests/it/conformance.rs`).
//!
//! What it does not do: decide. What a write changes is decided by `outflow_core::rules`; a store
//! loads, calls the rule and persists what it says, in one transaction.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod filter;
mod location;
mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use outflow_core::ports::state::StateStore;
use outflow_core::{BoxFuture, Error, files};

pub use location::Location;
pub use postgres::{Address, PostgresStore};
pub use sqlite::{SqliteStore, register_functions};

/// The store at this location. Opens nothing.
pub fn open(location: &Location) -> Arc<dyn StateStore> {
    match location {
        Location::Folder(dir) => Arc::new(SqliteStore::new(dir)),
        Location::Postgres(address) => Arc::new(PostgresStore::new((**address).clone())),
    }
}

/// Whether there is nothing in this folder that could be opened.
pub fn is_empty(folder: &Path) -> bool {
    !files::exists(&folder.join(sqlite::FILE))
}

/// As [`open`], but a write that finds no room, or for long no server, waits for `again` and is
/// repeated if that is true.
pub fn open_waiting(
    location: &Location,
    again: impl Fn(&Error) -> BoxFuture<'static, bool> + Send + Sync + 'static,
) -> Arc<dyn StateStore> {
    match location {
        Location::Folder(dir) => Arc::new(SqliteStore::new(dir).without_room(again)),
        Location::Postgres(address) => Arc::new(PostgresStore::new((**address).clone()).without_room(again)),
    }
}
