//! The only way out over HTTP and SMTP, and the TLS settings of every client.
//!
//! A [`Client`] sends requests to prepared [`Target`]s over kept connections. What always holds: a
//! name is looked up, its addresses are filtered by the [`AddressPolicy`], and the connection goes
//! to an address that passed, without a second look-up; through a proxy, the name and the address
//! of the proxy are checked; every wait has a deadline; an answer is read to a limit, and its
//! compression undone. What it does not do: repeat a request, follow a redirect, ask for a
//! compression, interpret a status.
//!
//! The pool is our own, a hundred lines over hyper's connections, because it decides what may be
//! sent twice: a request that hyper returns unsent goes to another connection. Any other repeat is
//! the caller's decision; [`SendError::ambiguous`] distinguishes the cases.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod address;
mod client;
mod coding;
mod connect;
pub mod deadline;
mod error;
pub mod files;
mod network;
pub mod page;
mod probe;
mod proxy;
mod response;
mod roots;
mod signature;
pub mod smtp;
mod target;
pub mod tls;
mod tls_problem;

pub use address::AddressPolicy;
pub use client::{Client, ClientOptions, Deadlines, READ_BYTES, Stream};
pub use error::{SendError, SendErrorKind};
pub use network::Network;
pub use probe::{Probe, ProbeFound, ProbeStep};
pub use proxy::{Proxies, Proxy};
pub use response::{BodyEnd, KEPT_BYTES, Response};
pub use roots::{Trust, problem_with_store};
pub use signature::SigningKey;
pub use target::Target;
pub use tls::{Verify, client_config};
pub use tls_problem::TlsProblem;
