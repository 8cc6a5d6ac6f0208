//! Following a run that another process works on.
//!
//! What always holds: following ends. It ends with the run, when only destinations are left that
//! take nothing (they have stopped, an earlier run stopped there, or the delivery timeout has
//! passed), and when the caller stops. The run itself goes on in the other process.

use std::collections::HashMap;
use std::time::Duration;

use outflow_core::ports::state::{DeliveryRecord, StateReader};
use outflow_core::{Code, DeliveryState, Error, RunId, RunRecord, RunState};
use outflow_engine::operations::behind::{StoppedBefore, stopped_before, waits_behind};
use outflow_engine::{RunDocument, RunReader, Seconds};
use tokio::time::Instant;

use crate::{App, Caller, Event, look};

/// How often the state is looked into, and how often for earlier runs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOK_BACK_EVERY: Duration = Duration::from_secs(1);

impl App {
    /// Waits until a run has ended, waits for approval, waits only for destinations that take
    /// nothing, or the caller stops. A delivery that the caller waits for no more is shown as
    /// stopped, with the reason.
    pub(crate) async fn follow(
        &self,
        run: RunId,
        delivery_timeout: Duration,
        caller: &Caller,
    ) -> Result<RunDocument, Error> {
        let reader = self.reader().await?;
        let state = reader.state.clone();
        let (mut look, mut stop) = (tokio::time::interval(LOOK_EVERY), caller.stop.clone());
        let mut progress = Progress { within: delivery_timeout, seen: HashMap::new(), earlier: None };
        loop {
            let is_stopped = tokio::select! {
                _ = look.tick() => false,
                () = stopped(&mut stop) => true,
            };
            let found = (state.run(run).await?, state.deliveries(run).await?);
            let (Some(record), mut deliveries) = found else { return Err(look::unknown(run)) };
            let document =
                |deliveries| RunDocument::of(&record, deliveries, false, Seconds::between(&record));
            if record.state.is_final() || record.state == RunState::AwaitingApproval {
                return with_missing(&reader, &record, document(deliveries)).await;
            }
            if is_stopped {
                (caller.listener)(Event::LeftRunning { sync: &record.sync, run });
                return Ok(document(deliveries));
            }
            // When every delivery has ended, the end of the run is about to be recorded.
            if progress.is_stuck(&*state, &record, &mut deliveries).await? {
                return with_missing(&reader, &record, document(deliveries)).await;
            }
        }
    }
}

/// The document with what is missing at the run's destinations.
async fn with_missing(
    reader: &RunReader,
    record: &RunRecord,
    document: RunDocument,
) -> Result<RunDocument, Error> {
    let mut missing = reader.missing(&record.sync).await?;
    let sends_to = |name: &str| record.spec.connections.iter().any(|c| c.destination == name);
    missing.retain(|missing| sends_to(&missing.destination));
    RunDocument { missing, ..document }.with_earlier(&*reader.state).await
}

/// What the deliveries of a run have done so far.
struct Progress {
    within: Duration,
    /// The calls that a delivery had pending, and since when it has had that many.
    seen: HashMap<String, (u64, Instant)>,
    /// Where earlier runs stopped, and when that was looked up.
    earlier: Option<(Instant, StoppedBefore)>,
}

impl Progress {
    /// Whether a delivery has stopped and none is left that goes on. Those that do not go on become
    /// stopped ones, with the reason.
    async fn is_stuck(
        &mut self,
        state: &dyn StateReader,
        record: &RunRecord,
        deliveries: &mut [DeliveryRecord],
    ) -> Result<bool, Error> {
        if self.earlier.as_ref().is_none_or(|(at, _)| at.elapsed() >= LOOK_BACK_EVERY) {
            self.earlier = Some((Instant::now(), stopped_before(state, record).await?));
        }
        let earlier = self.earlier.as_ref().map(|(_, earlier)| earlier);
        for delivery in deliveries.iter_mut().filter(|d| d.state == DeliveryState::Delivering) {
            let pending = delivery.counts.pending;
            let seen = self.seen.entry(delivery.destination.clone()).or_insert((pending, Instant::now()));
            if seen.0 != pending {
                *seen = (pending, Instant::now());
            }
            let reason = match earlier.and_then(|earlier| waits_behind(earlier, delivery)) {
                Some(reason) => reason,
                None if seen.1.elapsed() >= self.within => {
                    let text =
                        format!("it has taken nothing for {:?}; the running Outflow goes on", self.within);
                    (Code::DeliveryTimeout, text)
                }
                None => continue,
            };
            (delivery.state, delivery.reason) = (DeliveryState::Stopped, Some(reason));
        }
        let any = |state| deliveries.iter().any(|d| d.state == state);
        Ok(any(DeliveryState::Stopped) && !any(DeliveryState::Delivering))
    }
}

/// Resolves when the caller stops.
async fn stopped(stop: &mut tokio::sync::watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
