//! Destinations as the engine uses them, against servers on the loopback and folders on disk.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod build;
mod check;
mod deliver;
mod file;
mod support;
mod tls;
mod vectors;
