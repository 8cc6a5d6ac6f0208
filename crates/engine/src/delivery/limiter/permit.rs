//! A permit: the right to have one body and to have it in flight.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::{Code, RateHint};
use tokio::time::Instant;

use super::doubts::{Doubt, Verdict};
use super::inner::{Inner, Ticket};
use super::{DestinationLimiter, Failed, Failure, Tally};
use crate::delivery::moments::later;

/// The right to have one body and to have it in flight. Dropping it gives both back.
pub struct Permit {
    pub(super) limiter: Arc<DestinationLimiter>,
    /// The delivery that it was given to.
    pub(super) delivery: u64,
    /// The endpoint that it is used for.
    pub(super) endpoint: usize,
    /// The request in flight.
    pub(super) in_flight: Option<Ticket>,
    /// The body is not sent again before this time.
    pub(super) retry_at: Instant,
    /// Whether it counts as a body. One that is held does not.
    pub(super) has_body: bool,
}

impl Permit {
    /// Whether a request may be sent with it, or is in flight.
    pub fn is_admitted(&self) -> bool {
        self.in_flight.is_some()
    }

    /// It is used for requests to this endpoint.
    pub fn set_endpoint(&mut self, endpoint: usize) {
        self.endpoint = endpoint;
    }

    /// Resolves when the body, or another part of it, may be sent.
    pub async fn readmit(&mut self) {
        if self.in_flight.is_none() {
            tokio::time::sleep_until(self.retry_at).await;
            self.in_flight = Some(self.limiter.retry_turn(self.delivery).await);
        }
    }

    /// The request was accepted.
    pub fn succeeded(&mut self, hint: &RateHint) {
        let endpoint = self.endpoint;
        self.settle(|inner, ticket, now| {
            inner.learn(hint, now);
            inner.succeeded(now, ticket, endpoint);
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

    /// The destination refused the request in a way that may concern all others. `alone`: it held
    /// one record.
    pub fn doubted(&mut self, hint: &RateHint, alone: bool, is_auth: bool) -> Option<Doubt> {
        let (delivery, endpoint) = (self.delivery, self.endpoint);
        self.settle(|inner, _, now| {
            inner.learn(hint, now);
            inner.answered(now);
            inner.doubts.refused(delivery, endpoint, alone, is_auth)
        })
    }

    /// Whether the destination has taken a later request of this delivery.
    pub fn is_witnessed(&self, doubt: Doubt) -> bool {
        self.limiter.lock().doubts.is_witnessed(self.delivery, doubt)
    }

    /// Whether the delivery sends nothing more until there is a verdict.
    pub fn is_suspended(&self) -> bool {
        self.limiter.lock().doubts.is_suspended(self.delivery)
    }

    /// Resolves when it is known whom a refusal concerns; `None`: the limiter is paused. Others
    /// may have a body meanwhile.
    pub async fn verdict(&mut self, doubt: Doubt) -> Option<Verdict> {
        if std::mem::take(&mut self.has_body) {
            self.limiter.update(|inner, _| inner.bodies -= 1);
        }
        let _held = Held::new(self);
        let mut changed = self.limiter.changed.subscribe();
        loop {
            changed.mark_unchanged();
            {
                let inner = self.limiter.lock();
                if inner.is_paused() {
                    return None;
                }
                if let Some(verdict) = inner.doubts.verdict(self.delivery, doubt, Instant::now()) {
                    return Some(verdict);
                }
            }
            drop(changed.changed().await);
        }
    }

    /// The batch sends again what was refused alone, for as long as this lives: others may have a
    /// body meanwhile.
    pub(crate) fn confirming(&self) -> Confirming {
        let (limiter, delivery) = (self.limiter.clone(), self.delivery);
        limiter.update(|inner, _| inner.doubts.confirm(delivery, true));
        Confirming { limiter, delivery }
    }

    /// The destination accepts nothing until a person fixes something: the limiter is paused.
    pub fn halted(&mut self, code: Code, reason: &str) {
        self.settle(|inner, _, now| inner.pause(now, code, reason));
        self.limiter.pause(code, reason);
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
        if self.has_body {
            self.limiter.update(|inner, _| inner.bodies -= 1);
        }
    }
}

/// A batch that waits for a verdict.
struct Held {
    limiter: Arc<DestinationLimiter>,
    delivery: u64,
}

impl Held {
    fn new(permit: &Permit) -> Self {
        let (limiter, delivery) = (permit.limiter.clone(), permit.delivery);
        limiter.update(|inner, _| inner.doubts.hold(delivery, true));
        Self { limiter, delivery }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.limiter.update(|inner, _| inner.doubts.hold(self.delivery, false));
    }
}

/// A batch that sends again what was refused alone.
pub(crate) struct Confirming {
    limiter: Arc<DestinationLimiter>,
    delivery: u64,
}

impl Drop for Confirming {
    fn drop(&mut self) {
        self.limiter.update(|inner, _| inner.doubts.confirm(self.delivery, false));
    }
}

/// Marks that the queue of retries has a first one that waits.
pub(super) struct WaitingRetry<'a>(pub(super) &'a DestinationLimiter);

impl<'a> WaitingRetry<'a> {
    pub(super) fn new(limiter: &'a DestinationLimiter) -> Self {
        limiter.update(|inner, _| inner.retry_waits = true);
        Self(limiter)
    }
}

impl Drop for WaitingRetry<'_> {
    fn drop(&mut self) {
        self.0.update(|inner, _| inner.retry_waits = false);
    }
}
