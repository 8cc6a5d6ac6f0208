//! Remembers runs, cursors, deliveries and dead letters: implementations of the state port.
//!
//! What always holds: what the port promises (`outflow_core::ports::state`). The stores pass one list of
//! checks (`tests/it/conformance.rs`).
//!
//! What it does not do: decide. What a write changes is decided by `outflow_core::rules`; a store loads,
//! calls the rule and persists what it says, in one transaction.

mod sqlite;

pub use sqlite::SqliteStore;
