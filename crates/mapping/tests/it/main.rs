//! The rules of shaping, seen from outside.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests, which clippy does not know")]

mod calls;
mod convert;
mod equality;
mod events;
mod left_out;
mod places;
mod placing;
mod reference;
mod support;
mod values;
