//! Helping the author of a sync: what is said about a query, what it would read and send, and what
//! that would cost.
//!
//! What always holds: nothing is written, nothing is sent, and `last_sync_time` does not move.

pub mod advise;
pub mod catalogue;
pub mod estimate;
pub mod names;
pub mod preview;
pub mod requests;
pub mod subject;
mod times;
mod unstable;
