//! A client of the API: what [`outflow_app::App`] does here, done by a server.
//!
//! [`Server`] has the use cases of `App` under the same names, with the same requests and the same
//! documents, so that a front end prints what comes back without knowing where it comes from.
//!
//! What always holds: a problem of the server is the same errors that the use case gives locally,
//! with their codes, places, hints and next steps; every wait ends; a request that changes
//! something is sent once. What it does not do: keep a token, read a file, or print.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod answer;
mod ask;
mod authoring;
mod decide;
mod events;
mod follow;
mod installation;
mod lists;
mod people;
mod problem;
mod runs;
mod server;

pub use authoring::Plan;
pub use events::{RunEvents, ServerEvent};
pub use lists::{AuditEntries, DeadLetters, RejectedRows, Runs};
pub use server::{Me, Server, ServerOptions};

use outflow_app::Errors;
use outflow_core::BoxFuture;

/// What a use case gives once the server has answered.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Errors>>;
