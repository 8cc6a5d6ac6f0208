//! The end of a run: with its last delivery, or when a person gives the last calls up.
//!
//! What always holds: a run ends once, whichever of its deliveries is the last, and the observer
//! hears of it once. What it does not do: end runs that are lost, or that failed.

use std::sync::Arc;

use outflow_core::{Result, RunId};

use super::{RuntimeConfig, Shared};
use crate::event::Event;
use crate::operations::cancel::CancelledCalls;

/// Takes a run whose calls for a destination were given up out of that destination's queue, which
/// waits for the destination and would keep the run from ending.
pub(super) async fn drop_cancelled(
    shared: &Arc<Shared>,
    cancelled: &CancelledCalls,
    destination: &str,
) -> Result<()> {
    let CancelledCalls { run, sync, ended, .. } = cancelled;
    let is_gone = shared.queues.drop_run(Some(&(sync.clone(), destination.to_owned())), *run);
    match ended {
        Some(state) => {
            (shared.observer)(Event::Ended { sync: sync.clone(), run: *run, state: *state });
            shared.queues.changes.wake(sync);
            Ok(())
        }
        None if is_gone => conclude(shared, &shared.config(), sync, *run).await,
        None => Ok(()),
    }
}

/// Ends the run if this was its last delivery.
pub(super) async fn conclude(
    shared: &Arc<Shared>,
    config: &RuntimeConfig,
    sync: &str,
    run: RunId,
) -> Result<()> {
    if let Some(state) = config.engine.state.conclude(run, config.engine.clock.now()).await? {
        (shared.observer)(Event::Ended { sync: sync.to_owned(), run, state });
        shared.queues.changes.wake(sync);
    }
    Ok(())
}
