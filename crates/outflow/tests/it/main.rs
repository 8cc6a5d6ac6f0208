//! The real binary, end to end: a real PostgreSQL, a receiver that misbehaves on demand, kills and
//! signals.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bad_input;
mod commands;
mod crash;
mod demo;
mod endurance;
mod examples;
mod fuzz;
mod guards;
mod hostile;
mod incremental;
mod isolation;
mod kills;
mod limits;
mod logs;
mod redshift;
mod replay;
mod room;
mod run;
mod secrets;
mod serve;
mod serving;
mod slow;
mod state;
mod stop;
mod support;
mod watch;
mod ways;
