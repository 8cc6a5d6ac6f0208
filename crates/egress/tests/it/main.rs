//! Egress against servers that behave as scripted, over real sockets on the loopback.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod answers;
mod authority;
mod faults;
mod guard;
mod pieces;
mod proxies;
mod server;
mod smtp;
mod tls;
