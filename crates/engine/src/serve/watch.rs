//! The watch: each minute, and soon after a notice, alerts are evaluated, and changes are stored
//! and reported.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::{Result, Timestamp};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::tasks::{event, report};
use super::{RuntimeConfig, Shared};
use crate::blocking;
use crate::delivery::limiter::Health;
use crate::event::Event;
use crate::schedule::Slots;
use crate::serve::alert::{self, DestinationFacts, Facts, QueueFacts, SyncFacts, TaskFacts, WINDOW};
use crate::stop::stopped;

/// Alerts are evaluated at least this often, because some depend on time alone.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The state is queried at most this often.
const GAP: Duration = Duration::from_secs(1);

/// Ends when the engine stops, or with an error of the state.
pub(super) async fn go(shared: Arc<Shared>, nudge: Arc<Notify>) -> Result<()> {
    let mut stop = shared.config().engine.stop.clone();
    let serving_since = shared.config().engine.clock.now();
    loop {
        look(&shared, serving_since).await?;
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = soon(&nudge) => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn soon(nudge: &Notify) {
    tokio::time::sleep(GAP).await;
    nudge.notified().await;
}

async fn look(shared: &Arc<Shared>, serving_since: Timestamp) -> Result<()> {
    let config = shared.config();
    let (destinations, queues, skipped) = (destinations(&config), queues(shared), skipped(shared, &config));
    let (state, spool) = (&config.engine.state, config.engine.spool.clone());
    let facts = Facts {
        now: config.engine.clock.now(),
        serving_since,
        syncs: syncs(&config).await?,
        destinations,
        queues,
        skipped,
        room: blocking(move || Ok(spool.room().ok())).await?,
        tasks: troubled(shared, &config),
    };
    let changed = alert::changes(&config.rules, &facts, &state.alerts().await?);
    if !changed.is_empty() {
        state.put_alerts(&changed).await?;
    }
    for alert in changed {
        (shared.observer)(Event::Alert { alert });
    }
    Ok(())
}

/// What this task is called.
pub(super) const TASK: &str = "watch for alerts";

fn troubled(shared: &Shared, config: &RuntimeConfig) -> Vec<TaskFacts> {
    let troubled = shared.tasks.troubled(Instant::now(), &config.limits.restarts).into_iter();
    troubled.map(|status| TaskFacts { task: status.task, code: status.code, down: status.down }).collect()
}

/// Stores the alert that the watch itself is down, as no watch will.
pub(super) async fn report_end(shared: Arc<Shared>) {
    let config = shared.config();
    let alert = alert::watch_is_down(TASK, config.engine.clock.now());
    match config.engine.state.put_alerts(std::slice::from_ref(&alert)).await {
        Ok(()) => event(&shared, Event::Alert { alert }),
        Err(error) => report(&shared, error),
    }
}

/// The enabled syncs that have run.
async fn syncs(config: &RuntimeConfig) -> Result<Vec<SyncFacts>> {
    let since = earlier(config.engine.clock.now(), WINDOW);
    let standings = config.engine.state.standings(since).await?;
    let known = standings.into_iter().filter_map(|standing| {
        let sync_runtime = config.sync_runtime(&standing.sync).filter(|m| m.spec.enabled)?;
        Some(SyncFacts { standing, slots: Slots::of(&sync_runtime.spec.schedule) })
    });
    Ok(known.collect())
}

fn destinations(config: &RuntimeConfig) -> Vec<DestinationFacts> {
    let facts = config.engine.destinations.values().map(|destination| {
        let limiter = config.engine.limiters.of(destination.as_ref());
        let paused = match limiter.health() {
            // The destination's text can contain a value of a row; the code's title does not.
            Health::Paused { code, .. } => Some((code, code.title().to_owned())),
            Health::Healthy | Health::Failing { .. } | Health::Waiting { .. } => None,
        };
        DestinationFacts {
            name: destination.name().to_owned(),
            paused,
            proven: limiter.tally().successes > 0,
        }
    });
    facts.collect()
}

/// The skipped destinations that the project still has.
fn skipped(shared: &Shared, config: &RuntimeConfig) -> Vec<(String, String)> {
    let mut all = shared.queues.skipped();
    all.retain(|(sync, name)| {
        config.sync_runtime(sync).is_some_and(|m| m.spec.connections.iter().any(|c| c.destination == *name))
    });
    all
}

fn queues(shared: &Shared) -> Vec<QueueFacts> {
    let queues = shared.queues.status().into_iter();
    queues.map(|l| QueueFacts { sync: l.sync, destination: l.destination, degraded: l.degraded }).collect()
}
