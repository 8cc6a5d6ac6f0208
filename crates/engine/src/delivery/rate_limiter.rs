//! The rate of requests: a token bucket whose rate is learned.
//!
//! The destination's configured rate (from its manifest or the project) is never exceeded, in any
//! second that one takes, unless the service allows bursts. Below it
//! the rate follows what the service accepts: at a 429 the service's own bucket is empty, so what
//! was accepted since the previous 429 shows its rate. That rate, the *ceiling*, is kept. The rate
//! moves to 97 % of it, rises slowly to 99 %, and exceeds it only occasionally: after a second at
//! first, after minutes once the ceiling has been confirmed. Time without demand changes nothing.
//!
//! What it does not do: wait, or use anything but times and counts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::delivery::moments::{later, seconds};

/// The rate after a ceiling was met, as a share of it …
const BELOW: f64 = 0.97;
/// … and the share to which it creeps from there, within [`CREEP`].
const CLOSE: f64 = 0.99;
const CREEP: Duration = Duration::from_secs(10);
/// The first step beyond a ceiling, as a share of it. Each second the step doubles.
const STEP: f64 = 0.02;
/// How long the rate stays below a ceiling: at first, and at most, when it was met repeatedly.
const HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(300);
/// Two ceilings that differ by less than this share are the same one.
const ALIKE: f64 = 0.1;
/// In less than this time between two 429s, what was accepted shows little: the rate is cut by a
/// tenth, and by twice as much each time, up to a half.
const LONG_ENOUGH: Duration = Duration::from_millis(500);
const EARLY_CUT: f64 = 0.05;
/// Unless this number of requests was accepted between two 429s …
const ENOUGH: f64 = 10.0;
/// … they do not lead to a rate below this, in requests per second.
const SLOWEST: f64 = 1.0;
/// The assumed rate when a service answers 429 before it has accepted anything.
const GUESS: f64 = 64.0;
/// At a learned rate, tokens are saved for this long, and one more: no longer than timers are late,
/// since the service may save none.
const SAVED: Duration = Duration::from_millis(5);
/// No rate is below this: one request in a minute.
const LEAST: f64 = 1.0 / 60.0;
/// A rate above this, in requests per second, is the same as none.
const UNBOUNDED: f64 = 100_000.0;
/// After this time without a request the measurement restarts.
const QUIET: Duration = Duration::from_secs(1);
const SECOND: Duration = Duration::from_secs(1);

/// The configured rate of a destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Most {
    /// Requests per second; infinite where nothing is set.
    pub(crate) rate: f64,
    /// Requests that may go at once after an idle time.
    pub(crate) burst: f64,
    /// Requests that may go in any second, where the burst is not a matter of its own.
    pub(crate) per_second: Option<usize>,
}

impl Most {
    /// Nothing is configured.
    pub(crate) const UNBOUNDED: Self = Self { rate: f64::INFINITY, burst: f64::INFINITY, per_second: None };
}

/// Decides when the next request may go.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    most: Most,
    /// The current rate in requests per second. Never above `most.rate`.
    rate: f64,
    ceiling: Option<f64>,
    tokens: f64,
    filled: Instant,
    hold: Duration,
    /// From when on the rate may go beyond the ceiling.
    beyond_at: Instant,
    grown: Instant,
    /// Whether a request had to wait for a token since the rate last grew.
    wanted: bool,
    meter: Meter,
    /// How many 429s in a row came too soon after each other to show the rate.
    early: i32,
    /// When the last `most.per_second` requests went, the oldest first.
    sent: VecDeque<Instant>,
}

/// What was accepted since the last 429.
#[derive(Debug)]
struct Meter {
    accepted: u32,
    since: Instant,
    /// How long nothing was sent before that, because of the 429.
    paused: Duration,
    last: Instant,
}

impl RateLimiter {
    /// A full bucket.
    pub(crate) fn new(most: Most, now: Instant) -> Self {
        Self {
            most,
            rate: most.rate,
            ceiling: None,
            tokens: most.burst,
            filled: now,
            hold: HOLD,
            beyond_at: now,
            grown: now,
            wanted: false,
            meter: Meter { accepted: 0, since: now, paused: Duration::ZERO, last: now },
            early: 0,
            sent: VecDeque::new(),
        }
    }

    /// The configured rate changed.
    pub(crate) fn limit(&mut self, most: Most) {
        if self.ceiling.is_none() || self.rate > most.rate {
            self.rate = most.rate;
        }
        self.most = most;
    }

    /// Takes a token, or returns when there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if self.rate.is_infinite() {
            return Ok(());
        }
        if let Some(free_at) = self.second_over(now) {
            self.wanted = true;
            return Err(free_at);
        }
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate;
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + gained).min(self.burst());
        // A token that lacks a billionth counts as whole: times are whole nanoseconds.
        if self.tokens > 1.0 - 1e-9 {
            self.tokens -= 1.0;
            if self.most.per_second.is_some() {
                self.sent.push_back(now);
            }
            return Ok(());
        }
        self.wanted = true;
        Err(later(now, seconds(((1.0 - self.tokens) / self.rate).max(1e-6))))
    }

    /// When a request may go, if as many went in the last second as may go in any.
    fn second_over(&mut self, now: Instant) -> Option<Instant> {
        let most = self.most.per_second.unwrap_or(0);
        while self.sent.len() > most {
            self.sent.pop_front();
        }
        let oldest = self.sent.front().filter(|_| most > 0 && self.sent.len() == most)?;
        let free_at = later(*oldest, SECOND);
        (free_at > now).then_some(free_at)
    }

    /// Returns a token that was not used.
    pub(crate) fn give_back(&mut self) {
        self.tokens += 1.0;
        self.sent.pop_back();
    }

    /// A request was accepted.
    pub(crate) fn accepted(&mut self, now: Instant) {
        if now.saturating_duration_since(self.meter.last) > QUIET {
            self.resume(now, Duration::ZERO);
        }
        self.meter.accepted = self.meter.accepted.saturating_add(1);
        self.meter.last = now;
        self.grow(now);
    }

    /// A request was refused with 429, and nothing is sent for `wait`. Call it once for all
    /// requests that were in flight together.
    pub(crate) fn refused(&mut self, now: Instant, wait: Duration) {
        let met = self.met(now, wait);
        let same = self.ceiling.is_some_and(|before| (met / before - 1.0).abs() < ALIKE);
        self.hold = if same { self.hold.saturating_mul(2).min(LONGEST_HOLD) } else { HOLD };
        self.ceiling = Some(met);
        self.rate = (met * BELOW).max(LEAST);
        self.tokens = self.tokens.min(0.0);
        self.beyond_at = later(later(now, wait), self.hold);
    }

    /// The service states its rate in requests per second. What is no rate is ignored, and none
    /// makes a request wait longer than a minute.
    pub(crate) fn stated(&mut self, rate: f64, now: Instant) {
        let rate = if rate > 0.0 { rate.max(LEAST) } else { return };
        if rate < self.rate {
            self.ceiling = Some(rate / CLOSE);
            self.rate = rate;
            self.beyond_at = later(now, LONGEST_HOLD);
        }
    }

    /// Restarts the measurement: after a pause because of a 429, or after an idle time.
    pub(crate) fn resume(&mut self, now: Instant, paused: Duration) {
        self.meter = Meter { accepted: 0, since: now, paused, last: now };
        self.grown = now;
        self.wanted = false;
    }

    /// The rate that the service has shown at a 429. Restarts the measurement if it was long
    /// enough.
    ///
    /// The lower bound is what was accepted since the previous 429, over all that time. The
    /// service's bucket was empty at both ends, so without pauses this is exact, unless the bucket
    /// overflowed. The upper bound is the current rate, which has just proved too fast. The
    /// geometric mean of both comes closer with each 429.
    fn met(&mut self, now: Instant, wait: Duration) -> f64 {
        let Meter { accepted, since, paused, .. } = self.meter;
        let busy = now.saturating_duration_since(since);
        let (fast, accepted) = (self.rate, f64::from(accepted));
        if fast.is_finite() && busy.saturating_add(paused) < LONG_ENOUGH {
            self.early = self.early.saturating_add(1);
            return fast * (1.0 - EARLY_CUT * f64::from(1 << self.early.min(6))).max(0.5);
        }
        self.early = 0;
        self.resume(later(now, wait), wait);
        let busy = busy.as_secs_f64().max(1e-3);
        let fast = if fast.is_finite() { fast } else { (accepted / busy).max(GUESS) };
        let least = accepted / (busy + paused.as_secs_f64());
        let slowest = if accepted < ENOUGH { SLOWEST.min(fast) } else { 0.0 };
        (least.min(fast) * fast).sqrt().max(slowest).max(LEAST)
    }

    fn grow(&mut self, now: Instant) {
        let Some(ceiling) = self.ceiling else { return };
        if !std::mem::take(&mut self.wanted) {
            return;
        }
        let passed = now.saturating_duration_since(self.grown).as_secs_f64().min(1.0);
        self.grown = now;
        if self.rate < ceiling * CLOSE {
            self.rate += ceiling * (CLOSE - BELOW) * passed / CREEP.as_secs_f64();
            self.rate = self.rate.min(ceiling * CLOSE);
        }
        if now >= self.beyond_at {
            let beyond = (self.rate / ceiling - CLOSE).max(STEP / 2.0) * passed.exp2();
            self.rate = ceiling * (CLOSE + beyond);
        }
        if self.rate >= self.most.rate.min(UNBOUNDED) {
            self.rate = self.most.rate;
            self.ceiling = None;
        }
    }

    fn burst(&self) -> f64 {
        match self.ceiling {
            Some(_) => (1.0 + self.rate * SAVED.as_secs_f64()).min(self.most.burst),
            None => self.most.burst,
        }
    }
}
