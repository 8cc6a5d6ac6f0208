//! Delivering calls.
//!
//! The engine puts a request body together as `prefix item separator item … suffix` within [`Limits`], where each item is what [`Destination::encode`] appended
//! for a call. It may take a body apart again at the items (to send a part of it). Over all destinations with one [`Destination::credential`] it has at most
//! [`Limits::concurrency`] requests under way.

use std::time::Duration;

use bytes::Bytes;

use crate::outcome::{Reply, Verdict};
use crate::{BoxFuture, CallMeta, CallType, Nulls, RunId, hash};

/// What fits into a request, and how many may be under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls in a request.
    pub calls: usize,
    /// Bytes of a request body, before compression, envelope included.
    pub request_bytes: usize,
    /// Requests under way at a time.
    pub concurrency: usize,
    /// Requests per second over all; `None`: as many as fit.
    pub rate: Option<u32>,
    /// Requests that may go at once after a quiet time; `None`: a second's worth of `rate`.
    pub burst: Option<u32>,
}

/// What stands around and between the items of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Before the first item.
    pub prefix: &'static [u8],
    /// Between two items.
    pub separator: &'static [u8],
    /// Behind the last item.
    pub suffix: &'static [u8],
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run that the calls belong to.
    pub run: RunId,
    /// Its sync.
    pub sync: String,
    /// Their kind.
    pub call_type: CallType,
    /// The row ordinal of the first call.
    pub first: u64,
    /// How many calls it holds.
    pub calls: usize,
    /// The whole body, before compression.
    pub body: Bytes,
    /// 1 for the first try of these calls.
    pub attempt: u32,
}

/// A configured destination. It lives as long as the process and serves all syncs.
pub trait Destination: Send + Sync {
    /// Its name in the project.
    fn name(&self) -> &str;

    /// The same number for destinations that are one to the service behind them: same kind, address and secret. They share its limits, and what stops one stops
    /// all. Not secret, but made of secrets: it is never shown. By default a hash of the name.
    fn credential(&self) -> u128 {
        hash::content(self.name().as_bytes())
    }

    /// Its limits.
    fn limits(&self) -> &Limits;

    /// What stands around the items.
    fn envelope(&self) -> Envelope;

    /// What is known about a call before it is sent. Pure and fast: the JSON is read only where the flags say that it must be.
    fn check(&self, call: &CallMeta, json: &[u8]) -> Verdict;

    /// Appends the call in the destination's form. `nulls` is the connection's.
    fn encode(&self, call: &CallMeta, json: &[u8], nulls: Nulls, out: &mut Vec<u8>);

    /// Sends one request once. It never repeats by itself, never runs longer than its deadlines, and reads a capped part of the answer.
    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply>;

    /// How long to wait after the n-th failed try in a row (n from 1) when the destination did not say. Before jitter.
    fn backoff(&self, failures: u32) -> Duration {
        Duration::from_millis(250)
            .saturating_mul(1 << failures.saturating_sub(1).min(8))
            .min(Duration::from_secs(60))
    }
}
