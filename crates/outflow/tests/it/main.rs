//! The real binary, end to end: a real PostgreSQL, a receiver that misbehaves on demand, kills and signals.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bad_input;
mod commands;
mod crash;
mod demo;
mod guards;
mod hostile;
mod incremental;
mod limits;
mod redshift;
mod replay;
mod run;
mod secrets;
mod serve;
mod stop;
mod support;
mod watch;
mod ways;
