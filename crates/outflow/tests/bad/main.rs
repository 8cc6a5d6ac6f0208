//! Temporary.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

mod bad_input;
mod commands;
mod support;
