//! The spool from outside, on a real disk.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod behaviour;
