//! Runs on the real spool and the real state, with a warehouse and destinations that follow a
//! script.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod alerts;
mod bounds;
mod calendar;
mod clocks;
mod combined;
mod delivery;
mod extraction;
mod fan_out;
mod fixed_rows;
mod gaps;
mod guards;
mod history;
mod ids;
mod in_flight;
mod incremental;
mod isolation;
mod misbehaviour;
mod panics;
mod parts;
mod paused;
mod read_only;
mod refusals;
mod removed;
mod replay;
mod restores;
mod serve;
mod served;
