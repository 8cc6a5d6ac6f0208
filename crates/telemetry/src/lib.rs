//! What a running Outflow reports about itself: its log, its metrics, and alerts to their
//! receivers.
//!
//! No secret and no row value is in any of the three. The crate knows neither the project's files
//! nor the command line: callers pass settings in the types that are defined here.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

pub mod alerts;
pub mod http;
pub mod log;
pub mod metrics;
