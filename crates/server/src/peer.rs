//! The other end of a connection, for the requests that come through it.

use std::net::SocketAddr;

/// The other end of the connection that a request came through.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);
