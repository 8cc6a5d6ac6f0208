//! The application layer from outside, as a front end sees it.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod definitions;
mod front_end;
mod people;
mod secrets;
