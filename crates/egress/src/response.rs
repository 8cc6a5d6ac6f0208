//! An answer, as far as it is kept.
//!
//! What always holds: the body has no compression, and is no longer than [`KEPT_BYTES`]. What it
//! does not do: say what an answer means.

use http::HeaderMap;

use crate::SendError;

/// Bytes of an answer's body that are kept.
pub const KEPT_BYTES: usize = 64 * 1024;

/// An answer whose head has arrived.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The first [`KEPT_BYTES`] of the body, without compression.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
}

/// How the body of an answer ended.
#[derive(Debug)]
pub enum BodyEnd {
    /// The body is whole.
    Complete,
    /// There is more of it than was kept.
    Cut,
    /// It broke off.
    Failed(SendError),
    /// Its compression cannot be undone, in words such as `compressed with br, …`. The kept body is
    /// empty.
    Unreadable(String),
}
