//! Whom a refusal concerns that looks like the whole destination: 401, 403, 404, 410 and the like
//! may mean the key or the address, and may mean one call (a firewall that dislikes its text, a
//! contact that is unknown).
//!
//! What always holds:
//! - A call is refused *alone* when the request held nothing else. It is held, and others are sent
//!   around it. A request that was admitted later and is taken is a *witness*: the destination
//!   takes calls, so the refusal concerns the call.
//! - Witnesses of its own delivery to the same endpoint count. Those of others count only when the
//!   delivery has nothing else to send: a key may be good for events and not for people.
//! - A delivery of which [`MOST_ALONE`] calls are refused alone without a witness sends no more
//!   ([`MOST_ALONE_LATER`], if it had something taken before). Then it is stopped, and if no other
//!   delivery has a witness or may still get one, the destination is.
//! - Where nothing is left that could be a witness, what the delivery had taken shortly before
//!   counts. Not for 401: a key may have been revoked in between.
//!
//! What it does not do: send, wait, or find the call in a batch.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// This number of calls is tried, one by one …
pub(super) const MOST_ALONE: usize = 10;
/// … or this number, if the delivery had something taken before: calls that are refused can stand
/// next to each other, such as deleted contacts.
const MOST_ALONE_LATER: usize = 100;
/// What was taken this long before a refusal can say that it concerns the call.
const RECENT: Duration = Duration::from_secs(600);

/// Whom a refusal concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The call: others are taken.
    Call,
    /// All calls of the delivery: those of other syncs are taken.
    Delivery,
    /// Everything is refused.
    Destination,
}

/// A refusal whose meaning is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    number: u64,
    endpoint: usize,
    /// What was taken before counts for nothing.
    is_auth: bool,
}

/// The requests of a delivery to one endpoint.
#[derive(Default)]
struct Stream {
    /// Every refusal up to this number has a witness in this stream.
    witnessed: u64,
    /// Refused alone, without a witness since.
    alone: VecDeque<u64>,
    /// Whether the last refusal was a 401.
    is_auth: bool,
    /// When the last request was taken.
    taken: Option<Instant>,
}

impl Stream {
    fn is_suspended(&self) -> bool {
        let most = if self.taken.is_some() && !self.is_auth { MOST_ALONE_LATER } else { MOST_ALONE };
        self.alone.len() >= most
    }
}

/// One delivery.
#[derive(Default)]
struct Of {
    /// By endpoint: a path or a key can be good for people and not for events.
    streams: BTreeMap<usize, Stream>,
    /// Batches that wait for a verdict.
    held: usize,
    /// Batches that send again what was refused alone.
    confirming: usize,
    /// Its batches in flight, if it can send no other now.
    last_batches: Option<usize>,
}

impl Of {
    fn is_suspended(&self) -> bool {
        self.streams.values().any(Stream::is_suspended)
    }

    /// Whether nothing of it can be a witness before there is a verdict.
    fn is_stuck(&self) -> bool {
        self.is_suspended() || self.last_batches.is_some_and(|batches| self.held >= batches)
    }
}

/// The open refusals of all deliveries that share a limiter.
#[derive(Default)]
pub(super) struct Doubts {
    /// The number of the last refusal.
    last: u64,
    /// Every refusal up to this number has a witness in some delivery.
    witnessed: u64,
    deliveries: BTreeMap<u64, Of>,
}

impl Doubts {
    /// A delivery begins.
    pub(super) fn join(&mut self, delivery: u64) {
        self.deliveries.insert(delivery, Of::default());
    }

    /// It has ended.
    pub(super) fn leave(&mut self, delivery: u64) {
        self.deliveries.remove(&delivery);
    }

    /// The refusals for which a request that is admitted now can be a witness.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// A request was taken that was admitted after refusal `since`.
    pub(super) fn taken(&mut self, delivery: u64, endpoint: usize, since: u64, now: Instant) {
        self.witnessed = self.witnessed.max(since);
        if let Some(of) = self.deliveries.get_mut(&delivery) {
            let stream = of.streams.entry(endpoint).or_default();
            stream.taken = Some(now);
            stream.witnessed = stream.witnessed.max(since);
            let witnessed = stream.witnessed;
            stream.alone.retain(|number| *number > witnessed);
        }
    }

    /// A request was refused. `alone`: it held one record. `is_auth`: by a 401.
    pub(super) fn refused(&mut self, delivery: u64, endpoint: usize, alone: bool, is_auth: bool) -> Doubt {
        self.last += 1;
        if let Some(of) = self.deliveries.get_mut(&delivery) {
            let stream = of.streams.entry(endpoint).or_default();
            stream.is_auth = is_auth;
            stream.alone.extend(alone.then_some(self.last));
        }
        Doubt { number: self.last, endpoint, is_auth }
    }

    /// Whether the delivery has a witness since.
    pub(super) fn is_witnessed(&self, delivery: u64, doubt: Doubt) -> bool {
        let stream = self.deliveries.get(&delivery).and_then(|of| of.streams.get(&doubt.endpoint));
        stream.is_some_and(|stream| stream.witnessed >= doubt.number)
    }

    /// Whether the delivery sends no more until there is a verdict.
    pub(super) fn is_suspended(&self, delivery: u64) -> bool {
        self.deliveries.get(&delivery).is_some_and(Of::is_suspended)
    }

    /// A batch begins to wait for a verdict, or ends it.
    pub(super) fn hold(&mut self, delivery: u64, holds: bool) {
        if let Some(of) = self.deliveries.get_mut(&delivery) {
            of.held = if holds { of.held.saturating_add(1) } else { of.held.saturating_sub(1) };
        }
    }

    /// A batch begins to send again what was refused alone, or ends it.
    pub(super) fn confirm(&mut self, delivery: u64, begins: bool) {
        if let Some(of) = self.deliveries.get_mut(&delivery) {
            let now = of.confirming;
            of.confirming = if begins { now.saturating_add(1) } else { now.saturating_sub(1) };
        }
    }

    /// How many batches of the delivery wait for a verdict, or act on one.
    pub(super) fn held(&self, delivery: u64) -> usize {
        self.deliveries.get(&delivery).map_or(0, |of| of.held.saturating_add(of.confirming))
    }

    /// The delivery can send no batch besides these; `None`: it can.
    pub(super) fn set_last_batches(&mut self, delivery: u64, batches: Option<usize>) {
        if let Some(of) = self.deliveries.get_mut(&delivery) {
            of.last_batches = batches;
        }
    }

    /// The verdict on a call that was refused alone; `None`: a witness may still come.
    pub(super) fn verdict(&self, delivery: u64, doubt: Doubt, now: Instant) -> Option<Verdict> {
        let of = self.deliveries.get(&delivery)?;
        let stream = of.streams.get(&doubt.endpoint)?;
        if stream.witnessed >= doubt.number {
            return Some(Verdict::Call);
        }
        if !of.is_stuck() {
            return None;
        }
        if self.witnessed >= doubt.number {
            return Some(if stream.is_suspended() { Verdict::Delivery } else { Verdict::Call });
        }
        if self.deliveries.iter().any(|(other, of)| *other != delivery && !of.is_stuck()) {
            return None;
        }
        let recent = stream.taken.is_some_and(|taken| now.saturating_duration_since(taken) <= RECENT);
        Some(match recent && !doubt.is_auth && !stream.is_suspended() {
            true => Verdict::Call,
            false => Verdict::Destination,
        })
    }

    /// The limiter is resumed: what was refused before is not counted.
    pub(super) fn forget(&mut self) {
        let streams = self.deliveries.values_mut().flat_map(|of| of.streams.values_mut());
        streams.for_each(|stream| stream.alone.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: u64 = 1;
    const B: u64 = 2;

    fn doubts() -> Doubts {
        let mut doubts = Doubts::default();
        doubts.join(A);
        doubts.join(B);
        doubts
    }

    /// A call of this delivery is refused alone, and its batch waits.
    fn refused(doubts: &mut Doubts, delivery: u64) -> Doubt {
        let doubt = doubts.refused(delivery, 0, true, false);
        doubts.hold(delivery, true);
        doubt
    }

    #[test]
    fn a_call_is_to_blame_once_another_of_its_delivery_is_taken_that_was_admitted_later() {
        let (mut doubts, now) = (doubts(), Instant::now());
        let early = doubts.last();
        let doubt = refused(&mut doubts, A);
        doubts.taken(A, 0, early, now);
        assert_eq!(doubts.verdict(A, doubt, now), None, "that was on its way before the refusal");
        doubts.taken(A, 0, doubts.last(), now);
        assert_eq!(doubts.verdict(A, doubt, now), Some(Verdict::Call));
    }

    #[test]
    fn ten_refusals_stop_the_delivery_and_the_destination_only_if_no_other_is_taken() {
        let (mut doubts, now) = (doubts(), Instant::now());
        let first = refused(&mut doubts, A);
        for _ in 2..MOST_ALONE {
            refused(&mut doubts, A);
        }
        assert!(!doubts.is_suspended(A));
        let last = refused(&mut doubts, A);
        assert!(doubts.is_suspended(A));
        assert_eq!(doubts.verdict(A, last, now), None, "the other sync may be a witness");
        doubts.taken(B, 0, doubts.last(), now);
        assert_eq!(doubts.verdict(A, first, now), Some(Verdict::Delivery));
        let mut doubts = self::doubts();
        let all: Vec<Doubt> = (0..MOST_ALONE).map(|_| refused(&mut doubts, A)).collect();
        refused(&mut doubts, B);
        doubts.set_last_batches(B, Some(1));
        assert_eq!(doubts.verdict(A, all[9], now), Some(Verdict::Destination));
    }

    #[test]
    fn many_are_tried_where_others_were_taken_before_but_not_after_a_401() {
        let now = Instant::now();
        for (is_auth, most) in [(false, MOST_ALONE_LATER), (true, MOST_ALONE)] {
            let mut doubts = doubts();
            doubts.leave(B);
            doubts.taken(A, 0, doubts.last(), now);
            let tried = (1..).find(|_| {
                let doubt = doubts.refused(A, 0, true, is_auth);
                doubts.verdict(A, doubt, now) == Some(Verdict::Destination)
            });
            assert_eq!(tried, Some(most));
        }
    }

    #[test]
    fn with_nothing_else_to_send_other_syncs_count_and_then_what_was_taken_before() {
        let (mut doubts, now) = (doubts(), Instant::now());
        let doubt = refused(&mut doubts, A);
        doubts.set_last_batches(A, Some(2));
        doubts.taken(B, 0, doubts.last(), now);
        assert_eq!(doubts.verdict(A, doubt, now), None, "one of two batches is still in flight");
        doubts.set_last_batches(A, Some(1));
        assert_eq!(doubts.verdict(A, doubt, now), Some(Verdict::Call));

        for (is_auth, before, want) in [
            (false, true, Verdict::Call),
            (true, true, Verdict::Destination),
            (false, false, Verdict::Destination),
        ] {
            let mut doubts = self::doubts();
            doubts.leave(B);
            if before {
                doubts.taken(A, 0, doubts.last(), now);
            }
            let doubt = doubts.refused(A, 0, true, is_auth);
            doubts.hold(A, true);
            doubts.set_last_batches(A, Some(1));
            assert_eq!(doubts.verdict(A, doubt, now), Some(want));
            let late = now + RECENT + Duration::from_secs(1);
            assert_eq!(doubts.verdict(A, doubt, late), Some(Verdict::Destination));
        }
    }

    #[test]
    fn another_endpoint_is_no_witness_for_this_one() {
        let (mut doubts, now) = (doubts(), Instant::now());
        let all: Vec<Doubt> = (0..MOST_ALONE).map(|_| refused(&mut doubts, A)).collect();
        doubts.taken(A, 1, doubts.last(), now);
        assert_eq!(doubts.verdict(A, all[0], now), Some(Verdict::Delivery));
    }
}
