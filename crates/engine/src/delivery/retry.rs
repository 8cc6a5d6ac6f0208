//! The one retry policy: what follows from an answer.
//!
//! When a request may be sent is decided by the limiter ([`crate::delivery::limiter`]). A request
//! that fails repeatedly *while others are accepted* contains a bad record: it is bisected like a
//! refused one. While a destination accepts nothing, no request becomes suspect. A refusal that
//! looks like the whole destination is a doubt first: [`crate::delivery::limiter::Verdict`].

use std::time::Duration;

use outflow_core::{Answer, Code, Refusal};

use crate::delivery::limiter::{Load, Tally};

/// This number of failures of one request, each with successes of others in between, makes it
/// suspect …
const SUSPECT_AFTER: u32 = 10;
/// … if meanwhile others succeeded this many times as often as they failed. A destination that
/// fails every second request makes none suspect.
const HEALTHY_SHARE: u64 = 2;

/// What to do with the records of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// All are delivered except these.
    Settle(Vec<(usize, Refusal)>),
    /// One of them is refused: find it.
    Bisect,
    /// They are too large for one request: send fewer at a time.
    Split,
    /// The only record in it is refused.
    DeadLetter(Refusal),
    /// Send it again later.
    Retry {
        /// Why.
        code: Code,
        /// What happened.
        reason: String,
        /// What it says about the destination's load.
        load: Load,
        /// The destination's `Retry-After`.
        after: Option<Duration>,
    },
    /// The refusal may concern one of its records or all requests: send others around it.
    Doubt(Refusal),
    /// Stop the destination; the calls stay pending.
    Halt(Code, String),
}

/// Decides. `suspect`: what [`PoisonBatchDetector::suspects`] says of the request.
pub fn decide(answer: Answer, calls: usize, suspect: bool) -> Decision {
    match answer {
        Answer::Delivered => Decision::Settle(Vec::new()),
        Answer::Partial(refused) => Decision::Settle(refused),
        Answer::Refused(_) if calls > 1 => Decision::Bisect,
        Answer::TooLarge(_) if calls > 1 => Decision::Split,
        Answer::Refused(refusal) | Answer::TooLarge(refusal) => Decision::DeadLetter(refusal),
        Answer::Retry { code: Code::DestinationTimeout | Code::DestinationServerError, .. }
            if suspect && calls > 1 =>
        {
            Decision::Bisect
        }
        Answer::Retry {
            code: Code::DestinationTimeout | Code::DestinationServerError,
            status,
            reason,
            ..
        } if suspect => Decision::DeadLetter(Refusal { code: Code::CallRefused, status, reason }),
        Answer::Retry { code, status, reason, after } => {
            let load = match (code, status) {
                (Code::DestinationThrottled, _) => Load::Rate,
                (Code::DestinationTimeout, _) | (_, Some(503)) => Load::Overload,
                (_, Some(_) | None) => Load::Unknown,
            };
            Decision::Retry { code, reason, load, after }
        }
        Answer::Stop { code, status: Some(status), reason } => {
            Decision::Doubt(Refusal { code, status: Some(status), reason })
        }
        Answer::Stop { code, status: None, reason } => Decision::Halt(code, reason),
    }
}

/// Detects a batch with a bad record: whether it is the request that fails, or the destination.
#[derive(Debug)]
pub struct PoisonBatchDetector {
    first: Tally,
    seen: Tally,
    failures: u64,
    among_successes: u32,
}

impl PoisonBatchDetector {
    /// For a request that has not failed yet. `tally` is the limiter's.
    pub fn new(tally: Tally) -> Self {
        Self { first: tally, seen: tally, failures: 0, among_successes: 0 }
    }

    /// The request failed; the limiter's tally includes the failure.
    pub fn failed(&mut self, tally: Tally) {
        self.failures += 1;
        self.among_successes += u32::from(tally.successes > self.seen.successes);
        self.seen = tally;
    }

    /// Whether the request is to be bisected.
    pub fn suspects(&self) -> bool {
        let succeeded = self.seen.successes - self.first.successes;
        let others_failed = (self.seen.failures - self.first.failures).saturating_sub(self.failures);
        self.among_successes >= SUSPECT_AFTER && succeeded >= HEALTHY_SHARE * others_failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal { code: Code::CallRefused, status: Some(400), reason: "bad".into() }
    }

    fn retry(code: Code, status: Option<u16>) -> Answer {
        Answer::Retry { code, status, reason: "x".into(), after: None }
    }

    #[test]
    fn refused_requests_are_bisected_until_the_bad_record_is_alone() {
        assert_eq!(decide(Answer::Refused(refusal()), 2, false), Decision::Bisect);
        assert_eq!(decide(Answer::Refused(refusal()), 1, false), Decision::DeadLetter(refusal()));
        assert_eq!(decide(Answer::TooLarge(refusal()), 2, false), Decision::Split);
        assert_eq!(decide(Answer::TooLarge(refusal()), 1, false), Decision::DeadLetter(refusal()));
    }

    #[test]
    fn an_answer_with_a_status_may_concern_one_call_and_no_connection_concerns_all() {
        let stop = |status| Answer::Stop { code: Code::DestinationAuthFailed, status, reason: "x".into() };
        assert!(matches!(decide(stop(Some(403)), 5, false), Decision::Doubt(r) if r.status == Some(403)));
        assert!(matches!(decide(stop(None), 5, false), Decision::Halt(..)));
    }

    #[test]
    fn only_server_errors_make_a_request_suspect() {
        for code in [Code::DestinationTimeout, Code::DestinationServerError] {
            assert_eq!(decide(retry(code, None), 5, true), Decision::Bisect);
            assert!(matches!(decide(retry(code, None), 1, true), Decision::DeadLetter(_)));
            assert!(matches!(decide(retry(code, None), 1, false), Decision::Retry { .. }));
        }
        for code in [Code::DestinationUnreachable, Code::DestinationTlsFailed, Code::DestinationThrottled] {
            assert!(matches!(decide(retry(code, None), 1, true), Decision::Retry { .. }), "{code}");
        }
    }

    #[test]
    fn some_failures_say_that_the_load_is_too_high() {
        for (code, status, want) in [
            (Code::DestinationThrottled, Some(429), Load::Rate),
            (Code::DestinationThrottled, Some(425), Load::Rate),
            (Code::DestinationServerError, Some(503), Load::Overload),
            (Code::DestinationTimeout, None, Load::Overload),
            (Code::DestinationTimeout, Some(408), Load::Overload),
            (Code::DestinationServerError, Some(500), Load::Unknown),
            (Code::DestinationUnreachable, None, Load::Unknown),
        ] {
            match decide(retry(code, status), 1, false) {
                Decision::Retry { load, .. } => assert_eq!(load, want, "{code} {status:?}"),
                other => panic!("{other:?}"),
            }
        }
    }

    /// A request that fails each time, and what others do between its failures.
    fn is_suspect(times: u32, taken: u64, failed: u64) -> bool {
        let mut tally = Tally { successes: 1_000, failures: 1_000 };
        let mut detector = PoisonBatchDetector::new(tally);
        for _ in 0..times {
            tally = Tally { successes: tally.successes + taken, failures: tally.failures + failed + 1 };
            detector.failed(tally);
        }
        detector.suspects()
    }

    #[test]
    fn a_request_is_suspect_only_if_others_succeed_and_seldom_fail() {
        assert!(!is_suspect(9, 1, 0));
        assert!(is_suspect(10, 1, 0));
        assert!(!is_suspect(100_000, 0, 0), "an outage");
        assert!(!is_suspect(100_000, 5, 5), "every second request fails");
        assert!(is_suspect(10, 10, 1));
    }
}
