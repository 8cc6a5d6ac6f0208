//! The production audit: some time after its end each run is verified, as by `outflow verify`, and
//! the result is kept.
//!
//! Runs are audited one at a time, with a pause as long as the audit took after each, so that
//! deliveries have the disk. A run without segments is not audited.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::ports::watch::Audit;
use outflow_core::{Code, Result, RunId, Timestamp};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{RuntimeConfig, Shared};
use crate::clock;
use crate::event::Event;
use crate::stop::stopped;

/// How often runs to audit are looked up.
const LOOK_EVERY: Duration = Duration::from_secs(20);

/// Ends when the engine stops, or with an error of the state.
pub(super) async fn go(shared: Arc<Shared>) -> Result<()> {
    let mut stop = shared.config().engine.stop.clone();
    let mut queues = shared.queues.changes.watch_any();
    loop {
        while let Some(run) = next(&shared.config()).await? {
            let began = Instant::now();
            tokio::select! {
                () = stopped(&mut stop) => return Ok(()),
                recounted = recount(&shared, run) => recounted?,
            }
            if paused(&mut stop, began.elapsed()).await {
                return Ok(());
            }
        }
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            _ = queues.changed() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn next(config: &Arc<RuntimeConfig>) -> Result<Option<RunId>> {
    let (state, now) = (&config.engine.state, config.engine.clock.now());
    if let Some(run) = state.next_audit(earlier(now, config.limits.audit_after)).await? {
        return Ok(Some(run));
    }
    // One that ended by a clock that was ahead would wait until that time comes.
    let Some(run) = state.next_audit(Timestamp::MAX).await? else { return Ok(None) };
    let ended_at = state.run(run).await?.and_then(|run| run.ended_at);
    Ok(ended_at.filter(|end| clock::age(*end, now).is_none()).map(|_| run))
}

/// Whether the process was stopped meanwhile.
async fn paused(stop: &mut watch::Receiver<bool>, pause: Duration) -> bool {
    tokio::select! {
        () = stopped(stop) => true,
        () = tokio::time::sleep(pause) => false,
    }
}

async fn recount(shared: &Shared, run: RunId) -> Result<()> {
    let config = shared.config();
    let engine = &config.engine;
    let (sync, differences) = match engine.reader().verify(run).await {
        Ok(found) => (found.sync, found.differences),
        Err(error) if matches!(error.code(), Code::SpoolIo | Code::SegmentDamaged | Code::SegmentMissing) => {
            let record = engine.state.run(run).await?;
            // They were removed by retention or a purge while they were read.
            if engine.state.segments(run).await?.is_empty() {
                return Ok(());
            }
            (record.map(|r| r.sync).unwrap_or_default(), vec![error.to_string()])
        }
        Err(error) => return Err(error),
    };
    let audit = Audit { at: engine.clock.now(), differences: differences.clone() };
    engine.state.set_audit(run, &audit).await?;
    (shared.observer)(Event::Audited { sync, run, differences });
    Ok(())
}
