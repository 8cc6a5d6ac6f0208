//! Temporary.

mod bad_input;
mod support;
