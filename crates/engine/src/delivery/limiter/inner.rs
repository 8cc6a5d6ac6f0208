//! A limiter's state and its decisions at an instant, without waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use outflow_core::ports::destination::RequestLimits;
use outflow_core::{Code, RateHint, hash};
use tokio::time::Instant;

use super::doubts::Doubts;
use super::turns::Turns;
use super::{FAILURES, Failed, Health, LONG_WAIT, Load, Tally};
use crate::delivery::moments::{LONGEST_WAIT, later, seconds};
use crate::delivery::quota::{Quotas, SHORTEST_WINDOW, UsedUp};
use crate::delivery::rate_limiter::{Most, RateLimiter};

/// Without quotas, a limit that is used up is waited for this long: then a request is sent anyway.
const LONGEST_RESET: Duration = Duration::from_secs(60);

/// The two queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// For new bodies.
    New,
    /// For bodies that were sent before, as a whole or in part.
    Retry,
}

pub(super) struct Inner {
    /// Those of each destination that shares the limiter, by name.
    pub(super) limits: BTreeMap<String, RequestLimits>,
    pub(super) concurrency: usize,
    rate_limiter: RateLimiter,
    quotas: Quotas,
    /// The quota for which requests wait now, and since when.
    quota_wait: Option<(Instant, UsedUp)>,
    /// Those who wait for a new body.
    pub(super) turns: Turns,
    /// Whether a body that was sent before waits.
    pub(super) retry_waits: bool,
    /// Refusals of which it is open whom they concern.
    pub(super) doubts: Doubts,
    /// The number of the delivery that joined last.
    pub(super) last_delivery: u64,
    /// The queue that was last admitted from.
    last: Queue,
    pub(super) bodies: usize,
    pub(super) in_flight: usize,
    /// At most this many are in flight; the fraction grows to the next whole number.
    concurrency_limit: f64,
    /// No request is admitted sooner.
    pub(super) not_before: Instant,
    /// Counts the failures that counted. Requests that were admitted before the last of them give
    /// no new information.
    round: u64,
    /// Failures that counted since the last success.
    in_a_row: u32,
    circuit: Option<Circuit>,
    paused: Option<Trouble>,
    /// How often it was resumed.
    pub(super) resumes: u64,
    /// The last failure since the last success.
    trouble: Option<Trouble>,
    pub(super) tally: Tally,
    /// Or the time when the limiter was made.
    pub(super) last_success: Instant,
    /// Or a refusal of a request because of its content.
    pub(super) last_answer: Instant,
    jitter: u64,
}

/// An open circuit.
struct Circuit {
    since: Instant,
    /// Failed probes, and one for the failures that opened it.
    failures: u32,
    probing: bool,
    /// Whether a 429 opened it.
    by_rate: bool,
}

struct Trouble {
    since: Instant,
    code: Code,
    reason: String,
}

/// A request that was admitted.
#[derive(Debug)]
pub(super) struct Ticket {
    delivery: u64,
    round: u64,
    probe: bool,
    /// It can be a witness for the refusals up to this number.
    since: u64,
}

/// Why no request is admitted.
pub(super) enum Wait {
    /// It is too early.
    Until(Instant),
    /// Another request must end, or a setting change.
    ForChange,
}

impl Inner {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            limits: BTreeMap::new(),
            concurrency: 1,
            rate_limiter: RateLimiter::new(Most::UNBOUNDED, now),
            quotas: Quotas::default(),
            quota_wait: None,
            turns: Turns::default(),
            retry_waits: false,
            doubts: Doubts::default(),
            last_delivery: 0,
            last: Queue::Retry,
            bodies: 0,
            in_flight: 0,
            concurrency_limit: f64::INFINITY,
            not_before: now,
            round: 0,
            in_a_row: 0,
            circuit: None,
            paused: None,
            resumes: 0,
            trouble: None,
            tally: Tally::default(),
            last_success: now,
            last_answer: now,
            jitter: hash::random().map_or(1, |r| r as u64 | 1),
        }
    }

    pub(super) fn serve(&mut self, name: &str, limits: &RequestLimits) {
        self.limits.insert(name.to_owned(), limits.clone());
        self.concurrency = self.limits.values().map(|l| l.concurrency.max(1)).min().unwrap_or(1);
        self.concurrency_limit = self.concurrency_limit.min(self.concurrency as f64);
        let rates = self.limits.values().filter_map(|l| Some((l.rate?, l.burst)));
        let most = rates.min_by_key(|(rate, _)| *rate).map(|(rate, burst)| Most {
            rate: f64::from(rate.max(1)),
            burst: f64::from(burst.unwrap_or(rate).max(1)),
            per_second: burst.is_none().then_some(rate.max(1) as usize),
        });
        self.rate_limiter.limit(most.unwrap_or(Most::UNBOUNDED));
    }

    fn most_bodies(&self) -> usize {
        self.concurrency.max(2)
    }

    pub(super) fn admit(&mut self, queue: Queue, delivery: u64, now: Instant) -> Result<Ticket, Wait> {
        let room = self.bodies < self.most_bodies();
        let others_turn = match queue {
            Queue::New => self.retry_waits,
            Queue::Retry => !self.turns.is_empty() && room,
        };
        if self.paused.is_some() || (queue == Queue::New && !room) || (others_turn && self.last == queue) {
            return Err(Wait::ForChange);
        }
        if now < self.not_before {
            return Err(Wait::Until(self.not_before));
        }
        let busy = match &self.circuit {
            Some(circuit) => circuit.probing,
            None => self.in_flight as f64 >= self.concurrency_limit.floor(),
        };
        if busy {
            return Err(Wait::ForChange);
        }
        if let Err(used_up) = self.quotas.check(now) {
            self.quota_wait = match self.quota_wait {
                Some((since, _)) => Some((since, used_up)),
                None if used_up.until.saturating_duration_since(now) > SHORTEST_WINDOW => {
                    Some((now, used_up))
                }
                None => None,
            };
            return Err(Wait::Until(used_up.until));
        }
        self.rate_limiter.take(now).map_err(Wait::Until)?;
        self.quotas.count(now);
        self.quota_wait = None;
        if let Some(circuit) = &mut self.circuit {
            circuit.probing = true;
        }
        self.in_flight += 1;
        self.bodies += usize::from(queue == Queue::New);
        self.last = queue;
        let since = self.doubts.last();
        Ok(Ticket { delivery, round: self.round, probe: self.circuit.is_some(), since })
    }

    /// A request is no longer in flight.
    pub(super) fn ended(&mut self, ticket: &Ticket) {
        self.in_flight -= 1;
        if let (true, Some(circuit)) = (ticket.probe, &mut self.circuit) {
            circuit.probing = false;
        }
    }

    pub(super) fn succeeded(&mut self, now: Instant, ticket: &Ticket, endpoint: usize) {
        self.tally.successes += 1;
        (self.last_success, self.last_answer) = (now, now);
        self.doubts.taken(ticket.delivery, endpoint, ticket.since, now);
        self.in_a_row = 0;
        match &self.circuit {
            // It was sent before the circuit opened: only a probe closes it.
            Some(_) if !ticket.probe => return,
            Some(circuit) => {
                let paused = match circuit.by_rate {
                    true => now.saturating_duration_since(circuit.since),
                    false => Duration::ZERO,
                };
                self.rate_limiter.resume(now, paused);
                self.circuit = None;
                self.concurrency_limit = 1.0;
            }
            None => {
                self.concurrency_limit =
                    (self.concurrency_limit + 1.0 / self.concurrency_limit).min(self.concurrency as f64)
            }
        }
        self.trouble = None;
        self.rate_limiter.accepted(now);
    }

    /// Returns how long the request waits.
    pub(super) fn failed(
        &mut self,
        now: Instant,
        ticket: &Ticket,
        failed: &Failed<'_>,
        backoff: impl Fn(u32) -> Duration,
    ) -> Duration {
        self.tally.failures += 1;
        let since = self.trouble.as_ref().map_or(now, |t| t.since);
        self.trouble = Some(Trouble { since, code: failed.code, reason: failed.reason.to_owned() });
        let after = failed.after.unwrap_or_default().min(LONGEST_WAIT);
        let is_news = ticket.round == self.round;
        let opens = is_news && self.circuit.is_none() && self.counts(now, failed);
        if opens {
            let by_rate = failed.load == Load::Rate;
            self.circuit = Some(Circuit { since: now, failures: 0, probing: false, by_rate });
        }
        let failures = match &mut self.circuit {
            Some(circuit) => {
                circuit.failures += u32::from(opens || ticket.probe);
                circuit.failures
            }
            None => 1,
        };
        let full = backoff(failures.max(1)).min(LONGEST_WAIT).as_secs_f64();
        let wait = seconds(full * (0.5 + 0.5 * self.random())).max(after);
        let for_all = if opens || ticket.probe { wait } else { after };
        self.not_before = self.not_before.max(later(now, for_all));
        wait.max(self.not_before.saturating_duration_since(now))
    }

    /// Counts a failure while the circuit is closed. Returns whether it opens.
    fn counts(&mut self, now: Instant, failed: &Failed<'_>) -> bool {
        self.round += 1;
        self.in_a_row += 1;
        let after = failed.after.unwrap_or_default().min(LONGEST_WAIT);
        if failed.load != Load::Unknown {
            self.concurrency_limit = (self.concurrency_limit / 2.0).max(1.0);
        }
        if failed.load == Load::Rate {
            self.rate_limiter.refused(now, after);
        }
        self.in_a_row >= FAILURES || after >= LONG_WAIT
    }

    pub(super) fn pause(&mut self, now: Instant, code: Code, reason: &str) {
        self.paused.get_or_insert_with(|| Trouble { since: now, code, reason: reason.to_owned() });
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.is_some()
    }

    /// Begins with a probe.
    pub(super) fn resume(&mut self, now: Instant) {
        if let Some(trouble) = self.paused.take() {
            self.resumes += 1;
            self.doubts.forget();
            self.trouble = Some(trouble);
            self.circuit = Some(Circuit { since: now, failures: 0, probing: false, by_rate: false });
            self.not_before = now;
        }
    }

    /// The destination is reachable.
    pub(super) fn answered(&mut self, now: Instant) {
        self.in_a_row = 0;
        self.last_answer = now;
    }

    /// A request that was admitted is not sent.
    pub(super) fn give_back(&mut self) {
        self.rate_limiter.give_back();
        self.quotas.give_back();
    }

    /// The earliest time of the next request, as far as the destination has said one.
    pub(super) fn next_request(&self, now: Instant) -> Instant {
        let quota = self.quota_wait.map_or(now, |(_, used_up)| used_up.until);
        self.not_before.max(quota).max(now)
    }

    pub(super) fn learn(&mut self, hint: &RateHint, now: Instant) {
        if let Some(limit) = hint.limit {
            self.rate_limiter.stated(limit, now);
        }
        // The answered request and those in flight are some of the window.
        let sent = self.in_flight as u64;
        self.quotas.state(&hint.quotas, sent.saturating_add(1), now);
        if self.quotas.check(now).is_ok() {
            self.quota_wait = None;
        }
        if let (Some(0), Some(reset)) = (hint.remaining, hint.reset) {
            let reset = reset.min(LONGEST_WAIT);
            if reset > LONGEST_RESET && !self.quotas.is_empty() {
                self.quotas.exhaust(reset, now);
            } else {
                self.not_before = self.not_before.max(later(now, reset.min(LONGEST_RESET)));
            }
        }
    }

    pub(super) fn health(&self) -> Health {
        match (&self.paused, &self.circuit, &self.trouble) {
            (Some(Trouble { since, code, reason }), _, _) => {
                Health::Paused { since: *since, code: *code, reason: reason.clone() }
            }
            (None, Some(_), Some(Trouble { since, code, reason })) => {
                Health::Failing { since: *since, code: *code, reason: reason.clone() }
            }
            (None, _, _) => match &self.quota_wait {
                Some((since, UsedUp { quota, until })) => Health::Waiting {
                    since: *since,
                    until: *until,
                    reason: format!(
                        "its quota of {} requests in {} seconds is used up",
                        quota.requests,
                        quota.window.as_secs()
                    ),
                },
                None => Health::Healthy,
            },
        }
    }

    /// A number in 0..1. Xorshift is random enough to spread retries.
    fn random(&mut self) -> f64 {
        self.jitter ^= self.jitter << 13;
        self.jitter ^= self.jitter >> 7;
        self.jitter ^= self.jitter << 17;
        (self.jitter >> 11) as f64 / (1_u64 << 53) as f64
    }
}
