//! Runs that are being lost: each other delivery of such a run ends before the run does.
//!
//! What always holds: when a run ends as lost, none of its calls is in flight, and what has arrived
//! is persisted. Otherwise the run that fills the gap could send it again.
//!
//! What it does not do: say what is missing. The state knows that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use outflow_core::{Code, DeliveryState, Error, Result, RunId, RunRecord, RunState};
use tokio::sync::watch;

use super::{Mode, RuntimeConfig, Shared};
use crate::event::Event;

/// Whether a delivery that ends with this error loses its run: its calls cannot be read, or their
/// number is not the state's. Each further delivery would end like it.
pub(super) fn loses_run(code: Code) -> bool {
    matches!(code, Code::SegmentDamaged | Code::SegmentMissing | Code::CountsDiffer)
}

/// The runs that are being lost, and how many deliveries each run has in flight.
#[derive(Default)]
pub(super) struct Losses {
    lost: watch::Sender<BTreeSet<RunId>>,
    under_way: watch::Sender<BTreeMap<RunId, usize>>,
}

/// A run is being lost as long as one of these is there.
struct Losing<'a> {
    losses: &'a Losses,
    run: RunId,
}

/// A delivery in flight.
pub(super) struct UnderWay<'a> {
    losses: &'a Losses,
    run: RunId,
}

impl Losses {
    /// Counts a delivery of this run as in flight. `None`: the run was being lost, and has ended.
    pub(super) async fn enter(&self, run: RunId) -> Option<UnderWay<'_>> {
        self.under_way.send_modify(|runs| *runs.entry(run).or_default() += 1);
        let entered = UnderWay { losses: self, run };
        if !self.lost.borrow().contains(&run) {
            return Some(entered);
        }
        drop(entered);
        // It fails only without a sender, which is here.
        let _ = self.lost.subscribe().wait_for(|lost| !lost.contains(&run)).await;
        None
    }

    /// Resolves when this run is being lost.
    pub(super) async fn found(&self, run: RunId) {
        let _ = self.lost.subscribe().wait_for(|lost| lost.contains(&run)).await;
    }

    /// Makes the other deliveries of a run end, and waits until they have. `entered` is the
    /// caller's own.
    async fn begin<'a>(&'a self, entered: UnderWay<'a>) -> Losing<'a> {
        let run = entered.run;
        self.lost.send_if_modified(|lost| lost.insert(run));
        let losing = Losing { losses: self, run };
        drop(entered);
        let _ = self.under_way.subscribe().wait_for(|runs| !runs.contains_key(&run)).await;
        losing
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.losses.under_way.send_modify(|runs| {
            let left = runs.remove(&self.run).unwrap_or_default().saturating_sub(1);
            if left > 0 {
                runs.insert(self.run, left);
            }
        });
    }
}

impl Drop for Losing<'_> {
    fn drop(&mut self) {
        self.losses.lost.send_if_modified(|lost| lost.remove(&self.run));
    }
}

impl Shared {
    /// Ends a run whose calls a delivery could not read, for all its destinations. In `serve` their
    /// queues go on without it; elsewhere the error is returned.
    pub(super) async fn lose(
        &self,
        config: &RuntimeConfig,
        record: &RunRecord,
        entered: UnderWay<'_>,
        error: Error,
    ) -> Result<DeliveryState> {
        let losing = self.losses.begin(entered).await;
        let is_first = config.engine.lose(record, &error).await?;
        if self.mode != Mode::Serve {
            return Err(error);
        }
        if is_first {
            let (sync, run) = (record.sync.clone(), record.id);
            self.gaps.set(&sync, true);
            (self.observer)(Event::Problem { error: Arc::new(error) });
            (self.observer)(Event::Ended { sync, run, state: RunState::Lost });
        }
        self.queues.drop_run(None, record.id);
        drop(losing);
        Ok(DeliveryState::Delivering)
    }
}
