//! The ports: what the engine needs from outside. Adapters implement them; only the binary puts the
//! two together.

pub mod baseline;
pub mod check;
pub mod destination;
pub mod spool;
pub mod state;
pub mod warehouse;
pub mod watch;
