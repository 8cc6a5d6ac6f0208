//! The REST API of `outflow serve`: a thin skin on the use cases of `outflow_app`.
//!
//! What always holds:
//! - Each handler has a permission as its first argument, or it is no handler ([`routes`]). Who
//!   asks is found out before anything of the request's body is read.
//! - Every answer that is no document of a use case is a problem (RFC 9457) with a code and the
//!   request's id, and every answer has the headers of [`envelope`].
//! - Everything is bounded: connections, heads, bodies, time, pages, listeners.
//! - What the API answers is what `openapi.json` says; both come from the same handlers.
//!
//! What it does not do: decide anything about syncs and runs, open the state, or keep anything of
//! its own over a restart.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod access;
mod api;
mod authenticator;
mod client;
mod context;
mod cookies;
mod cross_site;
mod envelope;
mod extract;
mod fields;
mod hidden_body;
mod idempotency;
mod listener;
mod openapi;
mod page;
mod patience;
mod peer;
mod precondition;
mod problem;
mod reply;
mod request_id;
mod routes;
mod stalls;
mod stream;
mod tls;
mod web;

pub use access::{May, Permission, Principal};
pub use authenticator::Authenticator;
pub use listener::Server;
pub use openapi::document;
