//! The real binary, end to end: a real PostgreSQL, a receiver that misbehaves on demand, kills and
//! signals.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod answers;
mod audit_log;
mod bad_input;
mod bad_values;
mod clocks;
mod commands;
mod crash;
mod definitions;
mod demo;
mod endurance;
mod examples;
mod fuzz;
mod gaps;
mod guards;
mod held;
mod hostile;
mod ids;
mod incremental;
mod isolation;
mod kills;
mod late;
mod limits;
mod logs;
mod long_lists;
mod pause;
mod people;
mod redshift;
mod removed;
mod replay;
mod restores;
mod room;
mod run;
mod secrets;
mod serve;
mod serving;
mod slow;
mod state;
mod stop;
mod support;
mod tutorial;
mod values;
mod watch;
mod ways;
