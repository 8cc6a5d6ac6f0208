//! The application layer from outside, as a front end sees it.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod front_end;
mod secrets;
