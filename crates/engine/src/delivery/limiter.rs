//! The limiter of a destination: what all requests with one credential share, whichever sync they
//! belong to.
//!
//! What always holds:
//! - A body exists only with a [`Permit`]. Over all deliveries there are at most as many as
//!   requests may be in flight (two, if that is one, so that a request that fails repeatedly can be
//!   distinguished from a destination that is down).
//! - The *concurrency limit* bounds the requests in flight. It begins at the destination's
//!   concurrency, halves when the destination is overloaded (once for all requests that were in
//!   flight together), and grows by one for each full round of successes.
//! - Requests follow each other no faster than [`crate::delivery::rate_limiter`] allows, and no
//!   more go than the destination's quotas ([`crate::delivery::quota`]) leave. The destination's
//!   own `Retry-After` is the shortest wait for all, up to an hour: nothing that a destination
//!   says makes Outflow wait longer for the next request.
//! - After three failures in a row, or a long `Retry-After`, the *circuit* is open: single probes
//!   go, and the waits between them grow. The first success closes it with a concurrency limit of
//!   one, so that a destination that recovers is not flooded.
//! - A paused limiter admits nothing until [`DestinationLimiter::resume`], and then begins with one
//!   probe.
//!
//! Permits are given in the order of requests; new bodies and retries alternate. What it does not
//! do: decide what follows from an answer ([`crate::delivery::retry`]).

mod inner;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outflow_core::ports::destination::{Destination, RequestLimits};
use outflow_core::{Code, RateHint};
use tokio::sync::watch;
use tokio::time::Instant;

use self::inner::{Inner, Queue, Ticket, Wait};
use crate::delivery::moments::later;

/// This number of failures in a row opens the circuit. Requests in flight together count once.
const FAILURES: u32 = 3;
/// A `Retry-After` of this or more also opens it.
const LONG_WAIT: Duration = Duration::from_secs(10);

/// The limiters of a process, one for each credential.
#[derive(Default)]
pub struct Limiters(Mutex<HashMap<u128, Arc<DestinationLimiter>>>);

impl Limiters {
    /// The limiter of this destination. If destinations with different limits share one, the
    /// strictest limits apply.
    pub fn of(&self, destination: &dyn Destination) -> Arc<DestinationLimiter> {
        let limiter = lock(&self.0).entry(destination.credential()).or_default().clone();
        limiter.serve(destination.name(), destination.limits());
        limiter
    }

    /// Drops all limiters and limits except those of these destinations, after the project changed.
    pub fn keep<'a>(&self, destinations: impl IntoIterator<Item = &'a dyn Destination>) {
        let mut limiters = lock(&self.0);
        let before = std::mem::take(&mut *limiters);
        for limiter in before.values() {
            limiter.lock().limits.clear();
        }
        for destination in destinations {
            let credential = destination.credential();
            let limiter = before.get(&credential).cloned().unwrap_or_default();
            limiter.serve(destination.name(), destination.limits());
            limiters.insert(credential, limiter);
        }
    }
}

/// The health of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It accepts requests, as far as is known.
    Healthy,
    /// Its circuit is open: it gets single probes.
    Failing {
        /// Its first failure after its last success.
        since: Instant,
        /// The last failure.
        code: Code,
        /// What happened last, for people.
        reason: String,
    },
    /// It accepts requests, but what it accepts in a window of more than a minute is used up.
    Waiting {
        /// Since when.
        since: Instant,
        /// When the next request goes.
        until: Instant,
        /// Which quota it is, for people.
        reason: String,
    },
    /// Nothing is sent until the limiter is resumed.
    Paused {
        /// Since when.
        since: Instant,
        /// Why.
        code: Code,
        /// What happened, for people.
        reason: String,
    },
}

/// What a failure says about the load of the destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Nothing.
    Unknown,
    /// Too many requests at a time: the concurrency limit halves.
    Overload,
    /// Too many requests per second (429): the concurrency limit halves and the rate falls.
    Rate,
}

/// A request that failed for now.
#[derive(Debug)]
pub struct Failed<'a> {
    /// Why.
    pub code: Code,
    /// What happened.
    pub reason: &'a str,
    /// What it says about the destination's load.
    pub load: Load,
    /// The destination's `Retry-After`: no request is admitted sooner.
    pub after: Option<Duration>,
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// How long until the request may go again at the earliest.
    pub wait: Duration,
    /// How long the destination has accepted nothing.
    pub quiet: Duration,
}

/// How many requests succeeded and failed since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were accepted.
    pub successes: u64,
    /// Requests that failed for now.
    pub failures: u64,
}

/// See the module's head.
pub struct DestinationLimiter {
    inner: Mutex<Inner>,
    /// In each queue only the first waits for admission; the others wait for the first.
    queues: [tokio::sync::Mutex<()>; 2],
    changed: watch::Sender<()>,
    health: watch::Sender<Health>,
}

impl Default for DestinationLimiter {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner::new(Instant::now())),
            queues: [tokio::sync::Mutex::new(()), tokio::sync::Mutex::new(())],
            changed: watch::Sender::new(()),
            health: watch::Sender::new(Health::Healthy),
        }
    }
}

impl DestinationLimiter {
    /// The destination's health.
    pub fn health(&self) -> Health {
        self.health.borrow().clone()
    }

    /// The health, as a channel that reports changes.
    pub fn watch(&self) -> watch::Receiver<Health> {
        self.health.subscribe()
    }

    /// The last success; before the first one, the time when the limiter was made.
    pub fn last_success(&self) -> Instant {
        self.lock().last_success
    }

    /// The last success, or refusal of a request because of its content.
    pub fn last_answer(&self) -> Instant {
        self.lock().last_answer
    }

    /// The earliest time of the next request, as far as the destination has said one.
    pub fn next_request(&self) -> Instant {
        self.lock().next_request(Instant::now())
    }

    /// Requests that succeeded and failed so far.
    pub fn tally(&self) -> Tally {
        self.lock().tally
    }

    /// Admits nothing from now on. A limiter that is paused already keeps its first reason.
    pub fn pause(&self, code: Code, reason: &str) {
        self.update(|inner, now| inner.pause(now, code, reason));
    }

    /// Admits a probe, and more after its success. Has no effect on a limiter that is not paused.
    pub fn resume(&self) {
        self.update(Inner::resume);
    }

    /// Resolves when a new body may be made and sent.
    pub async fn admit(self: Arc<Self>) -> Permit {
        let ticket = self.turn(Queue::New).await;
        Permit { limiter: self, in_flight: Some(ticket), retry_at: Instant::now() }
    }

    async fn turn(&self, queue: Queue) -> Ticket {
        let _first = self.queues[queue as usize].lock().await;
        let mut changed = self.changed.subscribe();
        self.update(|inner, _| inner.waiting[queue as usize] = true);
        let _waiting = Waiting(self, queue);
        loop {
            changed.mark_unchanged();
            let (admitted, health) = {
                let mut inner = self.lock();
                (inner.admit(queue, Instant::now()), inner.health())
            };
            self.publish(health);
            match admitted {
                Ok(ticket) => return ticket,
                Err(Wait::Until(when)) => tokio::select! {
                    () = tokio::time::sleep_until(when) => {}
                    // The channel stays open: this limiter holds the sender.
                    _ = changed.changed() => {}
                },
                Err(Wait::ForChange) => drop(changed.changed().await),
            }
        }
    }

    fn serve(&self, name: &str, limits: &RequestLimits) {
        self.update(|inner, _| inner.serve(name, limits));
    }

    /// Changes something and wakes those who wait.
    fn update<T>(&self, change: impl FnOnce(&mut Inner, Instant) -> T) -> T {
        let mut inner = self.lock();
        let result = change(&mut inner, Instant::now());
        let health = inner.health();
        self.publish(health);
        drop(inner);
        self.changed.send_replace(());
        result
    }

    fn publish(&self, health: Health) {
        self.health.send_if_modified(|before| {
            let differs = *before != health;
            *before = health;
            differs
        });
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

/// The right to have one body and to have it in flight. Dropping it gives both back.
pub struct Permit {
    limiter: Arc<DestinationLimiter>,
    /// The request in flight.
    in_flight: Option<Ticket>,
    /// The body is not sent again before this time.
    retry_at: Instant,
}

impl Permit {
    /// Whether a request may be sent with it, or is in flight.
    pub fn is_admitted(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Resolves when the body, or another part of it, may be sent.
    pub async fn readmit(&mut self) {
        if self.in_flight.is_none() {
            tokio::time::sleep_until(self.retry_at).await;
            self.in_flight = Some(self.limiter.turn(Queue::Retry).await);
        }
    }

    /// The request was accepted.
    pub fn succeeded(&mut self, hint: &RateHint) {
        self.settle(|inner, ticket, now| {
            inner.learn(hint, now);
            inner.succeeded(now, ticket);
        });
    }

    /// The destination refused the request because of its content: it is reachable, and nothing
    /// follows for other requests.
    pub fn answered(&mut self, hint: &RateHint) {
        self.settle(|inner, _, now| {
            inner.learn(hint, now);
            inner.answered(now);
        });
    }

    /// The destination accepts nothing until a person fixes something: the limiter is paused.
    pub fn halted(&mut self, code: Code, reason: &str) {
        self.settle(|inner, _, now| inner.pause(now, code, reason));
    }

    /// The request failed for now. `backoff` gives the wait after the nth failure, before jitter.
    pub fn failed(
        &mut self,
        failed: &Failed<'_>,
        backoff: impl Fn(u32) -> Duration,
        hint: &RateHint,
    ) -> Failure {
        let now = Instant::now();
        let wait = self.settle(|inner, ticket, now| {
            // A request without an answer says nothing.
            if *hint != RateHint::default() {
                inner.learn(hint, now);
            }
            inner.failed(now, ticket, failed, backoff)
        });
        self.retry_at = later(now, wait.unwrap_or_default());
        let quiet = now.saturating_duration_since(self.limiter.last_success());
        Failure { wait: wait.unwrap_or_default(), quiet }
    }

    /// As [`DestinationLimiter::tally`].
    pub fn tally(&self) -> Tally {
        self.limiter.tally()
    }

    fn settle<T>(&mut self, change: impl FnOnce(&mut Inner, &Ticket, Instant) -> T) -> Option<T> {
        let ticket = self.in_flight.take()?;
        Some(self.limiter.update(|inner, now| {
            inner.ended(&ticket);
            change(inner, &ticket, now)
        }))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.settle(|inner, _, _| inner.give_back());
        self.limiter.update(|inner, _| inner.bodies -= 1);
    }
}

/// Marks that a queue has a first one that waits.
struct Waiting<'a>(&'a DestinationLimiter, Queue);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.update(|inner, _| inner.waiting[self.1 as usize] = false);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod statements;
#[cfg(test)]
mod tests;
