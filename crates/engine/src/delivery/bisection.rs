//! The parts in which a batch is sent when it cannot go as a whole.
//!
//! Bisection go one after the other in the batch's order. When a request is refused because of something in it, the first bad call is found by halving: what comes before it is
//! taken on the way, and what comes behind it goes in one request again. So a bad call costs at most `log2(batch)`, rounded up, and two requests more. No call is judged by
//! inference: it is a dead letter only after it was refused alone.

use std::ops::Range;

/// Which calls of a batch go next.
#[derive(Debug)]
pub(crate) struct Bisection {
    /// What is not settled.
    rest: Range<usize>,
    /// So many calls at the beginning of the rest are known to hold a bad one.
    suspects: Option<usize>,
    /// More than this is too large for one request.
    at_most: usize,
}

impl Bisection {
    /// All calls of a batch.
    pub(crate) fn new(calls: usize) -> Self {
        Self { rest: 0..calls, suspects: None, at_most: calls }
    }

    /// The calls to send next; empty when all are settled.
    pub(crate) fn next(&self) -> Range<usize> {
        let calls = match self.suspects {
            Some(suspects) => (suspects / 2).max(1),
            None => self.rest.len(),
        };
        self.rest.start..self.rest.start + calls.min(self.at_most)
    }

    /// They are settled.
    pub(crate) fn taken(&mut self) {
        let calls = self.next().len();
        self.rest.start += calls;
        self.suspects = self.suspects.and_then(|s| s.checked_sub(calls)).filter(|s| *s > 0);
    }

    /// The only one of them is refused, and settled by that.
    pub(crate) fn buried(&mut self) {
        self.rest.start += 1;
        self.suspects = None;
    }

    /// There is a bad one among them.
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

    /// Sends a batch to somebody who refuses requests with bad calls. Returns the buried calls and the number of requests.
    fn send(calls: usize, largest: usize, bad: &BTreeSet<usize>) -> (Vec<usize>, usize) {
        let (mut parts, mut buried, mut requests, mut next) = (Bisection::new(calls), Vec::new(), 0, 0);
        while !parts.next().is_empty() {
            let part = parts.next();
            requests += 1;
            assert!(part.start == next && part.end <= calls, "{part:?} comes after {next}");
            match (part.len() > largest, part.clone().any(|call| bad.contains(&call))) {
                (true, _) => parts.too_many(),
                (false, false) => {
                    next = part.end;
                    parts.taken();
                }
                (false, true) if part.len() == 1 => {
                    buried.push(part.start);
                    next = part.end;
                    parts.buried();
                }
                (false, true) => parts.refused(),
            }
        }
        assert_eq!(next, calls);
        (buried, requests)
    }

    #[test]
    fn one_bad_call_costs_no_more_than_twice_the_logarithm_wherever_it_is() {
        for calls in (1..130).chain([625, 4_096, 5_000, 10_000]) {
            let bound = 1 + (2.0 * (calls as f64).log2()).floor() as usize;
            for bad in 0..calls {
                let (buried, requests) = send(calls, calls, &[bad].into());
                assert_eq!(buried, [bad]);
                assert!(requests <= bound, "call {bad} of {calls}: {requests} requests");
            }
        }
    }

    #[test]
    fn what_is_too_large_goes_in_equal_parts() {
        assert_eq!(send(1_000, 250, &BTreeSet::new()), (vec![], 2 + 4));
        assert_eq!(send(1_000, 999, &BTreeSet::new()), (vec![], 1 + 2));
    }

    proptest! {
        #[test]
        fn exactly_the_bad_calls_are_buried(calls in 1_usize..400, largest in 1_usize..400, bad: BTreeSet<u16>) {
            let bad: BTreeSet<usize> = bad.into_iter().map(|b| usize::from(b) % calls).collect();
            let (buried, requests) = send(calls, largest, &bad);
            prop_assert_eq!(buried, bad.iter().copied().collect::<Vec<_>>());
            let log = (calls as f64).log2().ceil() as usize + 2;
            prop_assert!(requests <= 10 + 2 * calls.div_ceil(largest) + bad.len() * (log + calls.div_ceil(largest)));
        }
    }
}
