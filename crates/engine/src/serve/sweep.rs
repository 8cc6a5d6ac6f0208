//! Retention under `serve`: each hour what is past its time is removed.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::Result;

use super::Shared;
use crate::event::Event;
use crate::stop::stopped;

/// How often retention removes what is past its time.
const SWEEP_EVERY: Duration = Duration::from_secs(3600);

/// Ends when the engine stops.
pub(super) async fn go(shared: Arc<Shared>) -> Result<()> {
    let mut stop = shared.config().engine.stop.clone();
    let mut sweep = tokio::time::interval(SWEEP_EVERY);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            _ = sweep.tick() => {}
        }
        // Not while a purge replaces segments.
        let Ok(_not_paused) = shared.deliveries_paused.try_read() else { continue };
        let config = shared.config();
        if let Err(error) = config.engine.apply_retention(config.keep).await {
            (shared.observer)(Event::Problem { error: Arc::new(error) });
        }
    }
}
