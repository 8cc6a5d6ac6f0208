//! How fast requests may follow each other: a token bucket whose rate is learned.
//!
//! The destination's own rate (its manifest's or the project's) is never passed. Below it the rate_limiter is what the service shows that it takes: at a 429 its own bucket is
//! empty, so what it has accepted since the 429 before says its rate. That rate, the *ceiling*, is remembered. The rate_limiter goes to 97 % of it, creeps to 99 %, and goes beyond it
//! only now and then: after a second at first, after minutes once the ceiling has proved true. Time in which nothing is wanted teaches nothing.
//!
//! What it does not do: wait, or know of anything but time and counts.

use std::time::Duration;

use tokio::time::Instant;

/// Where the rate_limiter goes when a ceiling is met …
const BELOW: f64 = 0.97;
/// … and where it creeps to from there, in [`CREEP`].
const CLOSE: f64 = 0.99;
const CREEP: Duration = Duration::from_secs(10);
/// The first step beyond a ceiling, as a part of it. A step is twice the one before it, each second.
const STEP: f64 = 0.02;
/// How long the rate_limiter stays below a ceiling: at first, and once it has been met again and again.
const HOLD: Duration = Duration::from_secs(1);
const LONGEST_HOLD: Duration = Duration::from_secs(300);
/// Two ceilings this close to each other are the same one.
const ALIKE: f64 = 0.1;
/// In less than this between two 429s, what was accepted says little: the rate_limiter is cut by a tenth, and by twice as much each time, up to a half.
const TELLING: Duration = Duration::from_millis(500);
const EARLY_CUT: f64 = 0.05;
/// Unless so many requests were taken between two 429s …
const ENOUGH: f64 = 10.0;
/// … no rate_limiter below this follows from them, in requests per second.
const SLOWEST: f64 = 1.0;
/// The guess when a service says "too many" before it has taken anything, in requests per second.
const GUESS: f64 = 64.0;
/// A learned rate_limiter may save up tokens for this long, beside one: no more than timers are late, since a service may save up none.
const SAVED: Duration = Duration::from_millis(5);
/// A rate_limiter above this, in requests per second, is as good as none.
const UNBOUNDED: f64 = 100_000.0;
/// After so long without a request the measure begins anew.
const QUIET: Duration = Duration::from_secs(1);

/// The highest rate of a destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Most {
    /// Requests per second; infinite where nothing is set.
    pub(crate) rate: f64,
    /// Requests that may go at once after a quiet time.
    pub(crate) burst: f64,
}

/// When the next request may go.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    most: Most,
    /// Requests per second now. Never above `most.rate`.
    rate_limiter: f64,
    ceiling: Option<f64>,
    tokens: f64,
    filled: Instant,
    hold: Duration,
    /// From when on the rate_limiter may go beyond the ceiling.
    beyond_at: Instant,
    grown: Instant,
    /// Whether somebody has had to wait for a token since the rate_limiter grew.
    wanted: bool,
    meter: Meter,
    /// How many 429s in a row came too soon after each other to tell.
    early: i32,
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
            rate_limiter: most.rate,
            ceiling: None,
            tokens: most.burst,
            filled: now,
            hold: HOLD,
            beyond_at: now,
            grown: now,
            wanted: false,
            meter: Meter { accepted: 0, since: now, paused: Duration::ZERO, last: now },
            early: 0,
        }
    }

    /// The limits have been set anew.
    pub(crate) fn limit(&mut self, most: Most) {
        if self.ceiling.is_none() || self.rate_limiter > most.rate {
            self.rate_limiter = most.rate;
        }
        self.most = most;
    }

    /// Takes a token, or says when there will be one.
    pub(crate) fn take(&mut self, now: Instant) -> Result<(), Instant> {
        if self.rate_limiter.is_infinite() {
            return Ok(());
        }
        let gained = now.saturating_duration_since(self.filled).as_secs_f64() * self.rate_limiter;
        self.filled = self.filled.max(now);
        self.tokens = (self.tokens + gained).min(self.burst());
        // A token that lacks a billionth is there: times are whole nanoseconds.
        if self.tokens > 1.0 - 1e-9 {
            self.tokens -= 1.0;
            return Ok(());
        }
        self.wanted = true;
        Err(now + Duration::from_secs_f64(((1.0 - self.tokens) / self.rate_limiter).max(1e-6)))
    }

    /// Puts a token back that was not used.
    pub(crate) fn give_back(&mut self) {
        self.tokens += 1.0;
    }

    /// A request was taken.
    pub(crate) fn accepted(&mut self, now: Instant) {
        if now.saturating_duration_since(self.meter.last) > QUIET {
            self.resume(now, Duration::ZERO);
        }
        self.meter.accepted = self.meter.accepted.saturating_add(1);
        self.meter.last = now;
        self.grow(now);
    }

    /// A request was refused for coming too early, and nothing goes for `wait`. Call it once for all requests that were under way together.
    pub(crate) fn refused(&mut self, now: Instant, wait: Duration) {
        let met = self.met(now, wait);
        let same = self.ceiling.is_some_and(|before| (met / before - 1.0).abs() < ALIKE);
        self.hold = if same { (self.hold * 2).min(LONGEST_HOLD) } else { HOLD };
        self.ceiling = Some(met);
        self.rate_limiter = met * BELOW;
        self.tokens = self.tokens.min(0.0);
        self.beyond_at = now + wait + self.hold;
    }

    /// The service states its rate in requests per second.
    pub(crate) fn told(&mut self, rate: f64, now: Instant) {
        if rate > 0.0 && rate < self.rate_limiter {
            self.ceiling = Some(rate / CLOSE);
            self.rate_limiter = rate;
            self.beyond_at = now + LONGEST_HOLD;
        }
    }

    /// Begins the measure anew: `paused` after a 429, or after a time without requests.
    pub(crate) fn resume(&mut self, now: Instant, paused: Duration) {
        self.meter = Meter { accepted: 0, since: now, paused, last: now };
        self.grown = now;
        self.wanted = false;
    }

    /// What the service has shown that it takes, at a 429. Begins the measure anew if it was long enough to tell.
    ///
    /// At least that is what it has accepted since the 429 before, over all that time; its bucket was empty at both ends, so without pauses this is exact, unless the bucket ran over.
    /// At most it is the rate_limiter that has just proved too fast. The geometric mean comes closer to the truth with each 429.
    fn met(&mut self, now: Instant, wait: Duration) -> f64 {
        let Meter { accepted, since, paused, .. } = self.meter;
        let busy = now.saturating_duration_since(since);
        let (fast, accepted) = (self.rate_limiter, f64::from(accepted));
        if fast.is_finite() && busy + paused < TELLING {
            self.early += 1;
            return fast * (1.0 - EARLY_CUT * f64::from(1 << self.early.min(6))).max(0.5);
        }
        self.early = 0;
        self.resume(now + wait, wait);
        let busy = busy.as_secs_f64().max(1e-3);
        let fast = if fast.is_finite() { fast } else { (accepted / busy).max(GUESS) };
        let least = accepted / (busy + paused.as_secs_f64());
        let slowest = if accepted < ENOUGH { SLOWEST.min(fast) } else { 0.0 };
        (least.min(fast) * fast).sqrt().max(slowest)
    }

    fn grow(&mut self, now: Instant) {
        let Some(ceiling) = self.ceiling else { return };
        if !std::mem::take(&mut self.wanted) {
            return;
        }
        let passed = now.saturating_duration_since(self.grown).as_secs_f64().min(1.0);
        self.grown = now;
        if self.rate_limiter < ceiling * CLOSE {
            self.rate_limiter += ceiling * (CLOSE - BELOW) * passed / CREEP.as_secs_f64();
            self.rate_limiter = self.rate_limiter.min(ceiling * CLOSE);
        }
        if now >= self.beyond_at {
            let beyond = (self.rate_limiter / ceiling - CLOSE).max(STEP / 2.0) * passed.exp2();
            self.rate_limiter = ceiling * (CLOSE + beyond);
        }
        if self.rate_limiter >= self.most.rate.min(UNBOUNDED) {
            self.rate_limiter = self.most.rate;
            self.ceiling = None;
        }
    }

    fn burst(&self) -> f64 {
        match self.ceiling {
            Some(_) => (1.0 + self.rate_limiter * SAVED.as_secs_f64()).min(self.most.burst),
            None => self.most.burst,
        }
    }
}
