//! The state from outside: what the port promises, and what processes do to each other.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod conformance;
mod crash;
mod integrity;
mod made;
mod model;
mod opening;
mod postgres;
mod stores;
mod tampering;
