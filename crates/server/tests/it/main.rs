//! The API from outside, over TCP, on an installation that serves.

#![allow(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod answers;
mod definitions;
mod description;
mod fuzz;
mod limits;
mod lists;
mod live;
mod metrics;
mod oidc;
mod previews;
mod served;
mod upkeep;
mod walk;
mod web;
