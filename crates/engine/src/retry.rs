//! The one retry policy: what follows from an answer.
//!
//! When a request may go (again) is the post's business ([`crate::post`]). A request that fails again and again *while others are taken* has something in it: it is taken apart like a
//! refused one. While a destination takes nothing, no call grows older.

use std::time::Duration;

use outflow_core::{Answer, Code, Refusal};

use crate::post::{Load, Tally};

/// So many failures of one request, each with successes of others in between, make it suspect …
const SUSPECT_AFTER: u32 = 10;
/// … if meanwhile others were taken this many times as often as they failed. A destination that fails every second request makes none suspect.
const HEALTHY_SHARE: u64 = 2;

/// What to do with the calls of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// All are delivered but these.
    Settle(Vec<(usize, Refusal)>),
    /// One of them is refused: find it.
    Search,
    /// They are too many for one request: send fewer at a time.
    Fewer,
    /// The only call in it is a dead letter.
    Bury(Refusal),
    /// Send it again later.
    Again {
        /// Why.
        code: Code,
        /// What happened.
        reason: String,
        /// What it says about the destination's load.
        load: Load,
        /// The destination's own wish.
        after: Option<Duration>,
    },
    /// Stop the destination; the calls stay pending.
    Halt(Code, String),
}

/// Decides. `suspect`: what [`Suspicion::is_strong`] says of the request.
pub fn decide(answer: Answer, calls: usize, suspect: bool) -> Decision {
    match answer {
        Answer::Delivered => Decision::Settle(Vec::new()),
        Answer::Partial(refused) => Decision::Settle(refused),
        Answer::Refused(_) if calls > 1 => Decision::Search,
        Answer::TooLarge(_) if calls > 1 => Decision::Fewer,
        Answer::Refused(refusal) | Answer::TooLarge(refusal) => Decision::Bury(refusal),
        Answer::Retry { code: Code::D011 | Code::D016, .. } if suspect && calls > 1 => Decision::Search,
        Answer::Retry { code: Code::D011 | Code::D016, status, reason, .. } if suspect => {
            Decision::Bury(Refusal { code: Code::D003, status, reason })
        }
        Answer::Retry { code, status, reason, after } => {
            let load = match (code, status) {
                (Code::D015, _) => Load::Rate,
                (Code::D011, _) | (_, Some(503)) => Load::Overload,
                (_, Some(_) | None) => Load::Unknown,
            };
            Decision::Again { code, reason, load, after }
        }
        Answer::Stop { code, reason, .. } => Decision::Halt(code, reason),
    }
}

/// Whether it is a request that fails, or the destination.
#[derive(Debug)]
pub struct Suspicion {
    first: Tally,
    seen: Tally,
    failures: u64,
    among_successes: u32,
}

impl Suspicion {
    /// None yet. `tally` is the post's.
    pub fn new(tally: Tally) -> Self {
        Self { first: tally, seen: tally, failures: 0, among_successes: 0 }
    }

    /// The request failed; the post's tally includes that.
    pub fn failed(&mut self, tally: Tally) {
        self.failures += 1;
        self.among_successes += u32::from(tally.successes > self.seen.successes);
        self.seen = tally;
    }

    /// Whether the request is to be taken apart.
    pub fn is_strong(&self) -> bool {
        let taken = self.seen.successes - self.first.successes;
        let others_failed = (self.seen.failures - self.first.failures).saturating_sub(self.failures);
        self.among_successes >= SUSPECT_AFTER && taken >= HEALTHY_SHARE * others_failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal { code: Code::D003, status: Some(400), reason: "bad".into() }
    }

    fn retry(code: Code, status: Option<u16>) -> Answer {
        Answer::Retry { code, status, reason: "x".into(), after: None }
    }

    #[test]
    fn refused_requests_are_taken_apart_until_the_bad_call_is_alone() {
        assert_eq!(decide(Answer::Refused(refusal()), 2, false), Decision::Search);
        assert_eq!(decide(Answer::Refused(refusal()), 1, false), Decision::Bury(refusal()));
        assert_eq!(decide(Answer::TooLarge(refusal()), 2, false), Decision::Fewer);
        assert_eq!(decide(Answer::TooLarge(refusal()), 1, false), Decision::Bury(refusal()));
    }

    #[test]
    fn only_server_errors_make_a_request_suspect() {
        for code in [Code::D011, Code::D016] {
            assert_eq!(decide(retry(code, None), 5, true), Decision::Search);
            assert!(matches!(decide(retry(code, None), 1, true), Decision::Bury(_)));
            assert!(matches!(decide(retry(code, None), 1, false), Decision::Again { .. }));
        }
        for code in [Code::D010, Code::D012, Code::D015] {
            assert!(matches!(decide(retry(code, None), 1, true), Decision::Again { .. }), "{code}");
        }
    }

    #[test]
    fn some_failures_say_that_it_is_too_much() {
        for (code, status, want) in [
            (Code::D015, Some(429), Load::Rate),
            (Code::D015, Some(425), Load::Rate),
            (Code::D016, Some(503), Load::Overload),
            (Code::D011, None, Load::Overload),
            (Code::D011, Some(408), Load::Overload),
            (Code::D016, Some(500), Load::Unknown),
            (Code::D010, None, Load::Unknown),
        ] {
            match decide(retry(code, status), 1, false) {
                Decision::Again { load, .. } => assert_eq!(load, want, "{code} {status:?}"),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A request that fails each time, and what others do between its failures.
    fn suspicion(times: u32, taken: u64, failed: u64) -> bool {
        let mut tally = Tally { successes: 1_000, failures: 1_000 };
        let mut suspicion = Suspicion::new(tally);
        for _ in 0..times {
            tally = Tally { successes: tally.successes + taken, failures: tally.failures + failed + 1 };
            suspicion.failed(tally);
        }
        suspicion.is_strong()
    }

    #[test]
    fn a_request_is_suspect_only_if_others_are_taken_and_seldom_fail() {
        assert!(!suspicion(9, 1, 0));
        assert!(suspicion(10, 1, 0));
        assert!(!suspicion(100_000, 0, 0), "an outage");
        assert!(!suspicion(100_000, 5, 5), "every second request fails");
        assert!(suspicion(10, 10, 1));
    }
}
