//! Tests of the testkit itself, and of rules that hold for the whole repository.

#![allow(clippy::unwrap_used, reason = "a test says what failed by panicking")]

mod circles;
mod client;
mod crash;
mod edges;
mod postgres;
mod program;
mod prose;
mod proxy;
mod receiver;
mod redshift;
mod sink;
mod tidy;
