//! The parts in which a batch is sent when it cannot go as a whole.
//!
//! Parts go one after another in the batch's order. When a request is refused because of something
//! in it, the first bad record is found by halving: those before it are accepted on the way, and
//! those after it go in one request again. So a bad record costs at most `log2(batch)`, rounded up,
//! plus two requests. No record is refused by inference: it must have been refused alone.

use std::ops::Range;

/// Which records of a batch go next.
#[derive(Debug)]
pub(crate) struct Bisection {
    /// The records that are not settled.
    rest: Range<usize>,
    /// The number of records at the beginning of the rest that are known to contain a bad one.
    suspects: Option<usize>,
    /// More records than this are too large for one request.
    at_most: usize,
    /// Records go one by one: it is open whom a refusal concerns.
    one_by_one: bool,
}

impl Bisection {
    /// All records of a batch.
    pub(crate) fn new(records: usize) -> Self {
        Self { rest: 0..records, suspects: None, at_most: records, one_by_one: false }
    }

    /// All records of what is left of a batch, which was sent in the same way so far.
    pub(crate) fn of_rest(&self, records: usize) -> Self {
        Self { rest: 0..records, suspects: None, ..*self }
    }

    /// Sets whether records go one by one.
    pub(crate) fn set_one_by_one(&mut self, one_by_one: bool) {
        self.one_by_one = one_by_one;
    }

    /// The records to send next; empty when all are settled.
    pub(crate) fn next(&self) -> Range<usize> {
        let calls = match self.suspects {
            _ if self.one_by_one => self.rest.len().min(1),
            Some(suspects) => (suspects / 2).max(1),
            None => self.rest.len(),
        };
        self.rest.start..self.rest.start + calls.min(self.at_most)
    }

    /// They were accepted.
    pub(crate) fn accepted(&mut self) {
        let calls = self.next().len();
        self.rest.start += calls;
        self.suspects = self.suspects.and_then(|s| s.checked_sub(calls)).filter(|s| *s > 0);
    }

    /// The only one of them was refused, which settles it.
    pub(crate) fn dead_letter(&mut self) {
        self.rest.start += 1;
        self.suspects = None;
    }

    /// They were refused because of a bad one among them.
    pub(crate) fn refused(&mut self) {
        self.suspects = Some(self.next().len());
    }

    /// They are too many.
    pub(crate) fn too_many(&mut self) {
        self.at_most = (self.next().len() / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Sends a batch to a destination that refuses requests with bad calls. Returns the dead
    /// letters and the number of requests.
    fn send(calls: usize, largest: usize, bad: &BTreeSet<usize>) -> (Vec<usize>, usize) {
        let (mut parts, mut dead, mut requests, mut next) = (Bisection::new(calls), Vec::new(), 0, 0);
        while !parts.next().is_empty() {
            let part = parts.next();
            requests += 1;
            assert!(part.start == next && part.end <= calls, "{part:?} comes after {next}");
            match (part.len() > largest, part.clone().any(|call| bad.contains(&call))) {
                (true, _) => parts.too_many(),
                (false, false) => {
                    next = part.end;
                    parts.accepted();
                }
                (false, true) if part.len() == 1 => {
                    dead.push(part.start);
                    next = part.end;
                    parts.dead_letter();
                }
                (false, true) => parts.refused(),
            }
        }
        assert_eq!(next, calls);
        (dead, requests)
    }

    #[test]
    fn one_bad_call_costs_at_most_twice_the_logarithm() {
        for calls in (1..130).chain([625, 4_096, 5_000, 10_000]) {
            let bound = 1 + (2.0 * (calls as f64).log2()).floor() as usize;
            for bad in 0..calls {
                let (dead, requests) = send(calls, calls, &[bad].into());
                assert_eq!(dead, [bad]);
                assert!(requests <= bound, "call {bad} of {calls}: {requests} requests");
            }
        }
    }

    #[test]
    fn a_request_that_is_too_large_is_sent_in_equal_parts() {
        assert_eq!(send(1_000, 250, &BTreeSet::new()), (vec![], 2 + 4));
        assert_eq!(send(1_000, 999, &BTreeSet::new()), (vec![], 1 + 2));
    }

    proptest! {
        #[test]
        fn exactly_the_bad_calls_are_dead_letters(calls in 1_usize..400, largest in 1_usize..400, bad: BTreeSet<u16>) {
            let bad: BTreeSet<usize> = bad.into_iter().map(|b| usize::from(b) % calls).collect();
            let (dead, requests) = send(calls, largest, &bad);
            prop_assert_eq!(dead, bad.iter().copied().collect::<Vec<_>>());
            let log = (calls as f64).log2().ceil() as usize + 2;
            prop_assert!(requests <= 10 + 2 * calls.div_ceil(largest) + bad.len() * (log + calls.div_ceil(largest)));
        }
    }
}
