//! Remembers runs, cursors and dead letters in SQLite.
//!
//! What always holds:
//! - A store open for writing holds the lock of its folder, and every write proves in its own transaction that nobody
//!   has taken the folder over since (promise 4, also where the lock was deleted or does not work).
//! - Every write is one transaction, durable when the method returns (WAL with `synchronous=FULL`).
//! - The equations of promise 1 are constraints of the tables: numbers that do not add up are refused.
//!
//! What it does not do: decide. It refuses steps that a run's life does not have, and chooses none. Reading alone needs no
//! lock and goes on while another process writes.

mod errors;
mod lock;
mod rows;
mod schema;
mod sql;
mod sqlite;
mod store;
mod watch;

pub use sqlite::SqliteState;
