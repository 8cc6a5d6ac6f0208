//! The one retry policy: what follows from an answer, and when the next request may go.
//!
//! A destination that fails is asked by one request at a time (a probe) until it takes one; the wait between probes grows and carries jitter; what the destination
//! itself asks for (`Retry-After`) is the least wait. A request that fails again and again *while others are taken* has something in it: it is halved like a refused one.

use std::sync::Mutex;
use std::time::Duration;

use outflow_core::{Answer, Code, Refusal, hash};
use tokio::sync::watch;
use tokio::time::Instant;

/// So many failures of one request, each with successes of others in between, make it suspect.
const SUSPECT_AFTER: u32 = 10;

/// A rate's worth of this time may go at once, at the start and after a pause; then one request each interval.
const RATE_BURST: Duration = Duration::from_secs(1);

/// What to do with the calls of a request.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// All are delivered but these.
    Settle(Vec<(usize, Refusal)>),
    /// Send each half by itself.
    Halve,
    /// The only call in it is a dead letter.
    Bury(Refusal),
    /// Send it again later.
    Again {
        /// Why.
        code: Code,
        /// What happened.
        reason: String,
        /// The destination's own wish.
        after: Option<Duration>,
    },
    /// Stop the destination; the calls stay pending.
    Halt(Code, String),
}

/// Decides. `suspect`: the request has failed as often as [`Gate::is_suspect`] allows.
pub fn decide(answer: Answer, calls: usize, suspect: bool) -> Decision {
    match answer {
        Answer::Delivered => Decision::Settle(Vec::new()),
        Answer::Partial(refused) => Decision::Settle(refused),
        Answer::Refused(_) | Answer::TooLarge(_) if calls > 1 => Decision::Halve,
        Answer::Refused(refusal) | Answer::TooLarge(refusal) => Decision::Bury(refusal),
        Answer::Retry { code: Code::D011 | Code::D016, .. } if suspect && calls > 1 => Decision::Halve,
        Answer::Retry { code: Code::D011 | Code::D016, status, reason, .. } if suspect => {
            Decision::Bury(Refusal { code: Code::D003, status, reason })
        }
        Answer::Retry { code, reason, after, .. } => Decision::Again { code, reason, after },
        Answer::Stop { code, reason, .. } => Decision::Halt(code, reason),
    }
}

/// What all requests of one delivery share: whether the next one may go.
pub struct Gate {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
    interval: Option<Duration>,
    deliver_for: Duration,
}

struct Inner {
    failures: u32,
    successes: u64,
    probing: bool,
    not_before: Instant,
    next_by_rate: Instant,
    last_success: Instant,
    jitter: u64,
}

impl Gate {
    /// An open gate. `rate` is in requests per second; after `deliver_for` without a success [`Gate::failed`] says that it is time to give up.
    pub fn new(rate: Option<u32>, deliver_for: Duration) -> Self {
        let now = Instant::now();
        let jitter = hash::random().map_or(1, |r| r as u64 | 1);
        let inner = Inner {
            failures: 0,
            successes: 0,
            probing: false,
            not_before: now,
            next_by_rate: now.checked_sub(RATE_BURST).unwrap_or(now),
            last_success: now,
            jitter,
        };
        let interval = rate.filter(|r| *r > 0).map(|r| Duration::from_secs(1) / r);
        Self { inner: Mutex::new(inner), changed: watch::Sender::new(0), interval, deliver_for }
    }

    /// Resolves when a request may be sent.
    pub async fn admit(&self) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.mark_unchanged();
            match self.try_admit() {
                Admission::Go => return,
                Admission::At(when) => tokio::time::sleep_until(when).await,
                Admission::Later => {
                    if changed.changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn try_admit(&self) -> Admission {
        let now = Instant::now();
        let mut inner = self.lock();
        if inner.failures > 0 {
            if inner.probing {
                return Admission::Later;
            }
            if now < inner.not_before {
                return Admission::At(inner.not_before);
            }
            inner.probing = true;
            return Admission::Go;
        }
        if let Some(interval) = self.interval {
            let earliest = now.checked_sub(RATE_BURST).unwrap_or(now);
            let next = inner.next_by_rate.max(earliest);
            if next > now {
                return Admission::At(next);
            }
            inner.next_by_rate = next + interval;
        }
        Admission::Go
    }

    /// The destination took something.
    pub fn succeeded(&self) {
        let mut inner = self.lock();
        inner.successes += 1;
        inner.last_success = Instant::now();
        if inner.failures > 0 {
            inner.failures = 0;
            inner.probing = false;
            drop(inner);
            self.changed.send_modify(|n| *n += 1);
        }
    }

    /// The destination answered, though it did not take the request: it is there, but nothing follows for others.
    pub fn answered(&self) {
        let mut inner = self.lock();
        inner.probing = false;
        drop(inner);
        self.changed.send_modify(|n| *n += 1);
    }

    /// A request failed for now. Tells how long all must wait, or `None` if it is time to give up.
    pub fn failed(&self, after: Option<Duration>, backoff: impl Fn(u32) -> Duration) -> Option<Duration> {
        let now = Instant::now();
        let mut inner = self.lock();
        inner.probing = false;
        if inner.failures == 0 || now >= inner.not_before {
            // Many requests fail together; only the first of them makes the wait longer.
            inner.failures = inner.failures.saturating_add(1);
            let full = backoff(inner.failures);
            let wait = full / 2 + full.mul_f64(0.5 * inner.random());
            inner.not_before = now + wait.max(after.unwrap_or_default());
        } else if let Some(after) = after {
            inner.not_before = inner.not_before.max(now + after);
        }
        let wait = inner.not_before.saturating_duration_since(now);
        let given_up = now + wait > inner.last_success + self.deliver_for;
        drop(inner);
        self.changed.send_modify(|n| *n += 1);
        (!given_up).then_some(wait)
    }

    /// Successes so far, for [`Gate::is_suspect`].
    pub fn successes(&self) -> u64 {
        self.lock().successes
    }

    /// Whether a request that failed `failures` times while others were taken is to be halved.
    pub fn is_suspect(failures_among_successes: u32) -> bool {
        failures_among_successes >= SUSPECT_AFTER
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

enum Admission {
    Go,
    At(Instant),
    Later,
}

impl Inner {
    /// A number in 0..1; xorshift is random enough to spread retries.
    fn random(&mut self) -> f64 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        (self.jitter >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal() -> Refusal {
        Refusal { code: Code::D003, status: Some(400), reason: "bad".into() }
    }

    fn retry(code: Code) -> Answer {
        Answer::Retry { code, status: None, reason: "x".into(), after: None }
    }

    #[test]
    fn refused_requests_are_halved_until_the_bad_call_is_alone() {
        assert_eq!(decide(Answer::Refused(refusal()), 2, false), Decision::Halve);
        assert_eq!(decide(Answer::Refused(refusal()), 1, false), Decision::Bury(refusal()));
        assert_eq!(decide(Answer::TooLarge(refusal()), 2, false), Decision::Halve);
        assert_eq!(decide(Answer::TooLarge(refusal()), 1, false), Decision::Bury(refusal()));
    }

    #[test]
    fn only_server_errors_make_a_request_suspect() {
        assert_eq!(decide(retry(Code::D016), 5, true), Decision::Halve);
        assert!(matches!(decide(retry(Code::D016), 1, true), Decision::Bury(_)));
        for code in [Code::D010, Code::D012, Code::D015] {
            assert!(matches!(decide(retry(code), 1, true), Decision::Again { .. }), "{code}");
        }
        assert!(matches!(decide(retry(Code::D016), 1, false), Decision::Again { .. }));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_failure_one_probe_goes_and_the_rest_wait_for_its_answer() {
        let gate = Gate::new(None, Duration::from_secs(600));
        let wait = gate.failed(None, |_| Duration::from_secs(2)).unwrap();
        assert!(wait >= Duration::from_secs(1) && wait <= Duration::from_secs(2), "{wait:?}");
        let before = Instant::now();
        gate.admit().await;
        assert!(before.elapsed() >= wait);
        let second = tokio::time::timeout(Duration::from_secs(30), gate.admit()).await;
        assert!(second.is_err(), "a second request went while the probe was out");
        gate.succeeded();
        gate.admit().await;
        gate.admit().await;
    }

    #[tokio::test(start_paused = true)]
    async fn retry_after_is_the_least_wait_and_failures_that_come_together_count_once() {
        let gate = Gate::new(None, Duration::from_secs(600));
        let steps = |n: u32| Duration::from_millis(100 << n);
        let first = gate.failed(Some(Duration::from_secs(7)), steps).unwrap();
        assert_eq!(first, Duration::from_secs(7));
        for _ in 0..50 {
            assert!(gate.failed(None, steps).unwrap() <= first);
        }
        assert_eq!(gate.lock().failures, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_gives_up_after_the_stated_time_without_a_success() {
        let gate = Gate::new(None, Duration::from_secs(60));
        let start = Instant::now();
        while let Some(wait) = gate.failed(None, |_| Duration::from_secs(10)) {
            tokio::time::sleep(wait).await;
            gate.admit().await;
        }
        let took = start.elapsed();
        assert!(took <= Duration::from_secs(60) && took > Duration::from_secs(45), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept_after_the_first_seconds_worth() {
        let gate = Gate::new(Some(10), Duration::from_secs(60));
        let start = Instant::now();
        for _ in 0..60 {
            gate.admit().await;
        }
        let took = start.elapsed().as_secs_f64();
        assert!((4.8..=5.2).contains(&took), "60 requests at 10/s took {took} s");
    }
}
