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
//! - A refusal that looks like the whole destination pauses it only if everything else is refused,
//!   too ([`Verdict`]).
//!
//! Syncs take turns for new bodies, backfills last ([`Urgency`]); new bodies and retries alternate.
//! What it does not do: decide what follows from an answer ([`crate::delivery::retry`]).

mod doubts;
mod inner;
mod permit;
mod turns;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outflow_core::Code;
use outflow_core::ports::destination::{Destination, RequestLimits};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use self::doubts::{Doubt, Verdict};
use self::inner::{Inner, Queue, Ticket, Wait};
pub use self::permit::Permit;
use self::permit::WaitingRetry;
pub use self::turns::Urgency;

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
    /// Of the bodies that were sent before, only the first waits for admission.
    retries: tokio::sync::Mutex<()>,
    changed: watch::Sender<()>,
    health: watch::Sender<Health>,
}

impl Default for DestinationLimiter {
    fn default() -> Self {
        Self {
            inner: Mutex::new(Inner::new(Instant::now())),
            retries: tokio::sync::Mutex::new(()),
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

    /// How often it was resumed while it was paused.
    pub fn resumes(&self) -> u64 {
        self.lock().resumes
    }

    /// A delivery of this sync begins.
    pub fn join(self: &Arc<Self>, sync: &str, urgency: Urgency) -> Flow {
        let delivery = self.update(|inner, _| {
            inner.last_delivery += 1;
            inner.doubts.join(inner.last_delivery);
            inner.last_delivery
        });
        Flow { limiter: self.clone(), delivery, sync: Arc::from(sync), urgency }
    }

    /// Resolves when a body that was sent before may be sent.
    async fn retry_turn(&self, delivery: u64) -> Ticket {
        let _first = self.retries.lock().await;
        let mut changed = self.changed.subscribe();
        let _waiting = WaitingRetry::new(self);
        loop {
            changed.mark_unchanged();
            match self.try_admit(Queue::Retry, delivery) {
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

    fn try_admit(&self, queue: Queue, delivery: u64) -> Result<Ticket, Wait> {
        let (admitted, health) = {
            let mut inner = self.lock();
            (inner.admit(queue, delivery, Instant::now()), inner.health())
        };
        self.publish(health);
        admitted
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
        inner.turns.wake();
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

/// The share of a delivery in its limiter. It ends with the delivery.
pub struct Flow {
    limiter: Arc<DestinationLimiter>,
    delivery: u64,
    sync: Arc<str>,
    urgency: Urgency,
}

impl Flow {
    /// Resolves when a new body may be made and sent: when it is this delivery's turn.
    pub fn admit(&self) -> impl Future<Output = Permit> + Send + use<> {
        let (limiter, delivery) = (self.limiter.clone(), self.delivery);
        let (sync, urgency) = (self.sync.clone(), self.urgency);
        async move {
            let ticket = limiter.new_turn(delivery, &sync, urgency).await;
            let (in_flight, retry_at) = (Some(ticket), Instant::now());
            Permit { limiter, delivery, endpoint: 0, in_flight, retry_at, has_body: true }
        }
    }

    /// Whether nothing more is sent until it is known whom the refusals concern.
    pub fn is_suspended(&self) -> bool {
        self.limiter.lock().doubts.is_suspended(self.delivery)
    }

    /// How many of its batches wait until that is known, or send again what was refused alone.
    pub fn held(&self) -> usize {
        self.limiter.lock().doubts.held(self.delivery)
    }

    /// The delivery can send no batch besides these, which are in flight; `None`: it can.
    pub fn set_last_batches(&self, batches: Option<usize>) {
        self.limiter.update(|inner, _| inner.doubts.set_last_batches(self.delivery, batches));
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.limiter.update(|inner, _| inner.doubts.leave(self.delivery));
    }
}

/// One that waits for a new body.
struct WaitingNew<'a> {
    limiter: &'a DestinationLimiter,
    sync: &'a Arc<str>,
    urgency: Urgency,
    number: u64,
}

impl Drop for WaitingNew<'_> {
    fn drop(&mut self) {
        self.limiter.update(|inner, _| inner.turns.leave(self.sync, self.urgency, self.number));
    }
}

impl DestinationLimiter {
    /// Resolves when it is this delivery's turn and a new body may be sent.
    async fn new_turn(&self, delivery: u64, sync: &Arc<str>, urgency: Urgency) -> Ticket {
        let wake = Arc::new(Notify::new());
        let number = self.update(|inner, _| inner.turns.join(sync, urgency, wake.clone()));
        let _waiting = WaitingNew { limiter: self, sync, urgency, number };
        loop {
            match self.try_new(delivery, number) {
                Ok(ticket) => return ticket,
                Err(Wait::Until(when)) => tokio::select! {
                    () = tokio::time::sleep_until(when) => {}
                    () = wake.notified() => {}
                },
                Err(Wait::ForChange) => wake.notified().await,
            }
        }
    }

    fn try_new(&self, delivery: u64, number: u64) -> Result<Ticket, Wait> {
        let (admitted, health) = {
            let mut inner = self.lock();
            let is_next = inner.turns.is_turn_of(number);
            let admitted = match is_next {
                true => inner.admit(Queue::New, delivery, Instant::now()),
                false => Err(Wait::ForChange),
            };
            if admitted.is_ok() {
                inner.turns.taken();
            }
            (admitted, inner.health())
        };
        self.publish(health);
        admitted
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod statements;
#[cfg(test)]
mod tests;
