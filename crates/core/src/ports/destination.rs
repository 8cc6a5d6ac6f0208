//! The port to the services that calls are sent to.
//!
//! A destination has one or several *endpoints*, such as a path for people and one for events. For
//! each call, [`Destination::prepare`] says which *records* go to which endpoint. The engine puts
//! records into request bodies of the form `prefix record separator record … suffix`; a request
//! goes to one endpoint and stays within its [`BatchLimits`]. The engine may send parts of a body
//! again as a smaller one.
//!
//! What always holds:
//! - Calls with the same ordering key are sent in row order, and the records of one call in the
//!   order in which they were appended, across all endpoints: a record is sent only after the
//!   requests that hold earlier ones are settled, or in the same request behind them.
//! - A call is settled when all its records are. It is delivered if none was refused; otherwise it
//!   becomes one dead letter with the first refusal. The other records of a refused call are sent.
//! - Requests in flight to all destinations with one [`Destination::credential`] together stay
//!   within [`RequestLimits`].

use std::time::Duration;

use bytes::Bytes;

use super::check::Check;

use crate::outcome::{Reply, Verdict};
use crate::{BoxFuture, CallMeta, CallType, Nulls, RunId, RunKey, hash};

/// How many requests a destination takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// Requests in flight.
    pub concurrency: usize,
    /// Requests per second; `None`: unlimited.
    pub rate: Option<u32>,
    /// Requests that may go at once after an idle time; `None`: those of one second at `rate`.
    pub burst: Option<u32>,
}

/// What fits into one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Records.
    pub records: usize,
    /// Bytes of the body before compression, envelope included.
    pub bytes: usize,
}

/// The bytes around and between the records of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Before the first record.
    pub prefix: Bytes,
    /// Between two records.
    pub separator: Bytes,
    /// After the last record.
    pub suffix: Bytes,
}

impl Envelope {
    /// An envelope of constant bytes.
    pub const fn from_static(prefix: &'static [u8], separator: &'static [u8], suffix: &'static [u8]) -> Self {
        Self {
            prefix: Bytes::from_static(prefix),
            separator: Bytes::from_static(separator),
            suffix: Bytes::from_static(suffix),
        }
    }
}

/// Where requests of one form go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The form of its bodies.
    pub envelope: Envelope,
    /// What fits into one of its requests.
    pub limits: BatchLimits,
}

/// The records of one call, in buffers of the caller.
///
/// A record is written behind what the buffer holds already, so a call that is passed on as it is
/// costs one copy and no allocation.
#[derive(Debug)]
pub struct Records<'a> {
    bytes: &'a mut Vec<u8>,
    ends: &'a mut Vec<RecordEnd>,
}

/// Where a record ends in the buffer; it begins where the one before ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordEnd {
    /// An index into [`Destination::endpoints`].
    pub endpoint: usize,
    /// The first byte after the record.
    pub end: usize,
}

impl<'a> Records<'a> {
    /// Records go to the end of `bytes` and are listed in `ends`, which is emptied first.
    pub fn new(bytes: &'a mut Vec<u8>, ends: &'a mut Vec<RecordEnd>) -> Self {
        ends.clear();
        Self { bytes, ends }
    }

    /// Appends a record for an endpoint, given as an index into [`Destination::endpoints`].
    /// `write` appends the record's bytes and leaves alone what was there before.
    pub fn push(&mut self, endpoint: usize, write: impl FnOnce(&mut Vec<u8>)) {
        write(self.bytes);
        self.ends.push(RecordEnd { endpoint, end: self.bytes.len() });
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The run that its calls belong to.
    pub run: RunId,
    /// The run's key. Unlike its number, no other run of any installation has it.
    pub key: RunKey,
    /// The run's sync.
    pub sync: String,
    /// The type of the run's calls.
    pub call_type: CallType,
    /// An index into [`Destination::endpoints`].
    pub endpoint: usize,
    /// The row ordinal of the first record's call.
    pub first: u64,
    /// The number of records.
    pub records: usize,
    /// The whole body, before compression.
    pub body: Bytes,
    /// 1 for the first attempt to send this body.
    pub attempt: u32,
}

/// A request as a person may see it: no secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRequest {
    /// `POST`, or what is done in place of a request: `write`.
    pub method: &'static str,
    /// To where. What may be secret of it is left out.
    pub address: String,
    /// The headers, with `…` for values that may be secret.
    pub headers: Vec<(String, String)>,
}

/// A configured destination. It serves all syncs for as long as the project is in force.
pub trait Destination: Send + Sync {
    /// Its name in the project.
    fn name(&self) -> &str;

    /// Equal for destinations that are the same account of the same service: same kind, address
    /// and secret. They share rate limits, and an error that stops one stops all. It is derived
    /// from secrets and never shown. By default a hash of the name.
    fn credential(&self) -> u128 {
        hash::content(self.name().as_bytes())
    }

    /// How many requests it takes.
    fn limits(&self) -> &RequestLimits;

    /// Where its requests go: at least one endpoint, and always the same ones.
    fn endpoints(&self) -> &[Endpoint];

    /// Appends the records that a call becomes. Unless the verdict is [`Verdict::Send`], what was
    /// appended is discarded, so a transformation can fail halfway.
    ///
    /// Pure and fast: the same call always becomes the same bytes, since a call is prepared again
    /// if it does not fit into a batch and after a restart; the JSON is parsed only where the call
    /// requires it. A record that does not fit into a request by itself is refused here, measured
    /// on its encoded bytes. `nulls` is the connection's setting.
    fn prepare(&self, call: &CallMeta, json: &[u8], nulls: Nulls, records: &mut Records<'_>) -> Verdict;

    /// Sends a request once. It does not retry, does not run longer than its deadlines, and reads
    /// a limited part of the answer.
    fn deliver<'a>(&'a self, request: &'a Request) -> BoxFuture<'a, Reply>;

    /// What [`Destination::deliver`] does with this request, for people. Sends nothing.
    fn show(&self, request: &Request) -> ShownRequest {
        let address = format!("{}/{}", self.name(), request.endpoint);
        ShownRequest { method: "send", address, headers: Vec::new() }
    }

    /// Tests whether it can be reached and whether it takes our key, step by step. Each step is
    /// reported as it ends; one that finds an error is the last. No call of a person is sent, and
    /// nothing is left behind. `sends_call`: where a destination has no other request that proves
    /// anything, it gets one call that says that it is a test.
    fn test<'a>(&'a self, sends_call: bool, report: &'a mut (dyn FnMut(Check) + Send)) -> BoxFuture<'a, ()>;

    /// How long to wait after the nth failed attempt in a row, from 1 on, if the destination gave
    /// no time. Before jitter.
    fn backoff(&self, failures: u32) -> Duration {
        Duration::from_millis(250)
            .saturating_mul(1 << failures.saturating_sub(1).min(8))
            .min(Duration::from_secs(60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_appended_one_after_another_and_listed_with_their_endpoints() {
        let (mut bytes, mut ends) = (b"body".to_vec(), vec![RecordEnd { endpoint: 9, end: 9 }]);
        let mut records = Records::new(&mut bytes, &mut ends);
        records.push(1, |out| out.extend_from_slice(b"one"));
        records.push(0, |out| out.extend_from_slice(b"three"));
        assert_eq!(bytes, b"bodyonethree");
        assert_eq!(ends, [RecordEnd { endpoint: 1, end: 7 }, RecordEnd { endpoint: 0, end: 12 }]);
    }
}
