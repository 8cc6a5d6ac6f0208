//! The second half of a run, for one destination: read the segments, send their calls, settle them,
//! persist progress.
//!
//! What always holds: a call is settled only by the destination's answer, and progress is persisted
//! together with the dead letters in one transaction. A crash between an answer and that
//! transaction sends those calls again, with the same message ids.

pub(crate) mod batcher;
pub(crate) mod bisection;
mod doubts;
mod driver;
mod error_threshold;
pub mod limiter;
pub(crate) mod message_id;
pub(crate) mod moments;
pub(crate) mod open_calls;
pub(crate) mod ordering_keys;
mod parts;
pub(crate) mod prefetcher;
pub(crate) mod progress;
pub(crate) mod quota;
pub mod rate_limiter;
pub mod retry;
pub(crate) mod send;

use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::spool::{SegmentInfo, SegmentKind};
use outflow_core::ports::state::DeliveryRecord;
use outflow_core::{Code, DeliveryState, Error, Result, RunRecord, RunState};
use tokio::sync::{Mutex, watch};

use self::driver::{Delivery, Terms};
use self::progress::{DeliveryProgress, persist};
use crate::Engine;
use crate::event::Observer;
use crate::serve::tasks::{contained, panicked};

/// Who wants a delivery, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryMode {
    /// `serve`, for as long as it takes. A destination that was stopped is only probed.
    Kept,
    /// A person, until the destination has taken nothing for this time; `None`: for ever.
    Asked(Option<Duration>),
}

impl DeliveryMode {
    /// How long a destination may take nothing.
    const fn timeout(self) -> Option<Duration> {
        match self {
            Self::Kept => None,
            Self::Asked(timeout) => timeout,
        }
    }
}

impl Engine {
    /// Delivers what is pending of a run to one destination. Returns the state of the delivery.
    ///
    /// When `yielded` becomes true, nothing more is sent, and the delivery ends with its requests
    /// in flight: it is to go on under another configuration.
    ///
    /// The delivery is a task of its own. When it ends, even by a panic, nothing of it is still
    /// being persisted, so that it can be begun again from its record.
    pub(crate) async fn deliver(
        &self,
        run: &RunRecord,
        record: DeliveryRecord,
        mode: DeliveryMode,
        yielded: watch::Receiver<bool>,
        observer: &Observer,
    ) -> Result<DeliveryState> {
        if matches!(record.state, DeliveryState::Succeeded | DeliveryState::Partial) {
            return Ok(record.state);
        }
        let Some(destination) = self.destinations.get(&record.destination).cloned() else {
            return self.park(run, record, observer).await;
        };
        let segments = self.state.segments(run.id).await?;
        whole(run, &segments)?;
        let persisting = Arc::new(Mutex::new(()));
        let probes = mode == DeliveryMode::Kept
            && record.reason.as_ref().is_some_and(|(code, _)| *code == Code::MostCallsRefused);
        let what = format!("delivery of {} to {}", run.sync, record.destination);
        let terms = Terms { timeout: mode.timeout(), probes, persisting: persisting.clone(), yielded };
        let delivery = Delivery::new(self, run, record, destination, segments, terms, observer);
        let ended = contained(delivery.run()).await;
        drop(persisting.lock().await);
        ended.unwrap_or_else(|_| Err(panicked(&what)))
    }

    /// The destination is paused, or no longer in the project: what is pending for it waits until a
    /// person resumes it, or until it is back or a person gives the calls up ([`Engine::cancel`]).
    async fn park(
        &self,
        run: &RunRecord,
        record: DeliveryRecord,
        observe: &Observer,
    ) -> Result<DeliveryState> {
        let reason = self.why_parked(&record.destination);
        let is_parked = is_parked(&record, &reason);
        let mut progress = DeliveryProgress::new(record);
        progress.record.reason = Some(reason);
        let settlement = progress.end(run.id, self.clock.now())?;
        if !is_parked {
            persist(self.state.clone(), settlement).await?;
        }
        observe(progress.ended(run));
        Ok(progress.record.state)
    }

    /// Why calls for a destination wait that gets none.
    fn why_parked(&self, destination: &str) -> (Code, String) {
        let removed = || format!("the project no longer has the destination {destination}");
        self.paused.reason(destination).unwrap_or_else(|| (Code::DestinationRemoved, removed()))
    }

    /// Whether a run waits only for destinations that the project no longer has. The state then
    /// says so of each of them. A paused destination is one of the project, and its backlog counts.
    pub(crate) async fn is_parked(&self, run: &RunRecord) -> Result<bool> {
        if run.state != RunState::Delivering {
            return Ok(false);
        }
        let mut open = self.state.deliveries(run.id).await?;
        open.retain(|d| matches!(d.state, DeliveryState::Delivering | DeliveryState::Stopped));
        if open.is_empty() || open.iter().any(|d| self.has_destination(&d.destination)) {
            return Ok(false);
        }
        let silent: Observer = Arc::new(|_| {});
        for delivery in open.into_iter().filter(|d| !is_parked(d, &self.why_parked(&d.destination))) {
            self.park(run, delivery, &silent).await?;
        }
        Ok(true)
    }
}

fn is_parked(delivery: &DeliveryRecord, reason: &(Code, String)) -> bool {
    delivery.state == DeliveryState::Stopped && delivery.reason.as_ref() == Some(reason)
}

/// Whether the state names segments for all calls of a run.
fn whole(run: &RunRecord, segments: &[SegmentInfo]) -> Result<()> {
    let calls = segments.iter().filter(|segment| segment.kind == SegmentKind::Calls);
    let named: u128 = calls.map(|segment| u128::from(segment.entries)).sum();
    let calls = u128::from(run.rows.calls);
    // Runs of older versions kept unchanged calls as well.
    let made = calls + u128::from(run.rows.unchanged_calls());
    if named == calls || named == made {
        return Ok(());
    }
    let message = format!("the state names segments with {named} calls of run {}, which made {made}", run.id);
    Err(Error::new(Code::SegmentMissing, message))
}
