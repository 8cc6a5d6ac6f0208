//! Looking after the whole: each minute, and soon after something has happened, the alerts are worked out anew and what changed is kept and told.

use std::sync::Arc;
use std::time::Duration;

use outflow_core::{Result, Timestamp};
use tokio::sync::Notify;

use super::notice::Notice;
use super::{Fleet, Shared};
use crate::alert::{self, DestinationFacts, Facts, LaneFacts, SyncFacts, WINDOW};
use crate::blocking;
use crate::extract::stopped;
use crate::post::Health;
use crate::schedule::Slots;

/// Nothing need happen for something to be wrong.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// However much happens, the state is asked no more often than this.
const GAP: Duration = Duration::from_secs(1);

/// Ends when the engine stops, or with an error of the state.
pub(super) async fn go(shared: Arc<Shared>, nudge: Arc<Notify>) -> Result<()> {
    let mut stop = shared.fleet().engine.stop.clone();
    let serving_since = shared.fleet().engine.clock.now();
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
    let fleet = shared.fleet();
    let (destinations, lanes, detached) = (destinations(&fleet), lanes(shared), detached(shared, &fleet));
    let asked = fleet.clone();
    let changed = blocking(move || {
        let state = &asked.engine.state;
        let facts = Facts {
            now: asked.engine.clock.now(),
            serving_since,
            syncs: syncs(&asked)?,
            destinations,
            lanes,
            detached,
            room: asked.engine.spool.room().ok(),
        };
        let before = state.alerts()?;
        let changes = alert::changes(&asked.rules, &facts, &before);
        if !changes.is_empty() {
            state.put_alerts(&changes)?;
        }
        Ok(changes)
    })
    .await?;
    for alert in changed {
        (shared.observer)(Notice::Alert { alert });
    }
    Ok(())
}

/// The enabled syncs. One that never ran has nothing to tell.
fn syncs(fleet: &Fleet) -> Result<Vec<SyncFacts>> {
    let since = fleet.engine.clock.now() - jiff::SignedDuration::try_from(WINDOW).unwrap_or_default();
    let standings = fleet.engine.state.standings(since)?;
    let known = standings.into_iter().filter_map(|standing| {
        let member = fleet.member(&standing.sync).filter(|m| m.spec.enabled)?;
        Some(SyncFacts { standing, slots: Slots::of(&member.spec.schedule) })
    });
    Ok(known.collect())
}

fn destinations(fleet: &Fleet) -> Vec<DestinationFacts> {
    let facts = fleet.engine.destinations.values().map(|destination| {
        let post = fleet.engine.posts.of(destination.as_ref());
        let paused = match post.health() {
            // What the destination said may hold a value of a row; the code's title does not.
            Health::Paused { code, .. } => Some((code, code.title().to_owned())),
            Health::Healthy | Health::Failing { .. } => None,
        };
        DestinationFacts { name: destination.name().to_owned(), paused, proven: post.tally().successes > 0 }
    });
    facts.collect()
}

/// Of what syncs leave out, what the project still has.
fn detached(shared: &Shared, fleet: &Fleet) -> Vec<(String, String)> {
    let mut all = shared.lanes.detached();
    all.retain(|(sync, name)| {
        fleet.member(sync).is_some_and(|m| m.spec.connections.iter().any(|c| c.destination == *name))
    });
    all
}

fn lanes(shared: &Shared) -> Vec<LaneFacts> {
    let lanes = shared.lanes.status().into_iter();
    lanes.map(|l| LaneFacts { sync: l.sync, destination: l.destination, lags: l.lagging }).collect()
}
