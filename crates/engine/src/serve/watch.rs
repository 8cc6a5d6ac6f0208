//! The watch: each minute, and soon after a notice, alerts are evaluated, and changes are stored
//! and reported.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use outflow_core::clock::earlier;
use outflow_core::ports::watch::{ClockRecord, Pending};
use outflow_core::{Code, Result, RunId, SyncSpec};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::tasks::{event, report};
use super::{RuntimeConfig, Shared, SyncRuntime};
use crate::blocking;
use crate::clock::{self, Reading};
use crate::delivery::limiter::Health;
use crate::event::Event;
use crate::report::MissingDocument;
use crate::schedule::Slots;
use crate::serve::alert::{self, DestinationFacts, Facts, QueueFacts, SyncFacts, TaskFacts, WINDOW};
use crate::serve::quiet::QuietTimes;
use crate::stop::stopped;

/// Alerts are evaluated at least this often, because some depend on time alone.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// The local clock is recorded at least this often.
const RECORD_EVERY: Duration = Duration::from_secs(600);
/// The state is queried at most this often.
const GAP: Duration = Duration::from_secs(1);

/// Ends when the engine stops, or with an error of the state.
pub(super) async fn go(shared: Arc<Shared>, nudge: Arc<Notify>) -> Result<()> {
    let mut stop = shared.config().engine.stop.clone();
    let mut times = QuietTimes::new(Reading::of(&*shared.config().engine.clock));
    let mut clock = None;
    loop {
        look(&shared, &mut times, &mut clock).await?;
        tokio::select! {
            () = stopped(&mut stop) => return Ok(()),
            () = soon(&nudge) => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

/// Looks at the local clock, and records it where that is news or long ago.
async fn look_at_clock(shared: &Shared, known: &mut Option<ClockRecord>) -> Result<()> {
    let engine = shared.config().engine.clone();
    let now = Reading::of(&*engine.clock);
    if let Some(record) = known.as_ref() {
        let (next, jumped) = clock::look(Some(record), &now);
        let is_old = clock::passed(record, &now) >= RECORD_EVERY;
        if jumped.is_none() && next.jumped_us == record.jumped_us && !is_old {
            return Ok(());
        }
    }
    if let Some(warning) = engine.look_at_clock().await? {
        (shared.observer)(Event::ClockJumped { warning: Arc::new(warning) });
        // Actors that sleep until a slot look at the new time.
        shared.queues.changes.wake_all();
    }
    *known = engine.state.clock().await?;
    Ok(())
}

async fn soon(nudge: &Notify) {
    tokio::time::sleep(GAP).await;
    nudge.notified().await;
}

async fn look(shared: &Arc<Shared>, times: &mut QuietTimes, clock: &mut Option<ClockRecord>) -> Result<()> {
    look_at_clock(shared, clock).await?;
    let config = shared.config();
    let queues = queues(shared);
    let destinations = destinations(&config, &queues);
    let GapFacts { lost, left_out, unfillable } = GapFacts::of(&config).await?;
    let (state, spool) = (&config.engine.state, config.engine.spool.clone());
    let facts = Facts {
        now: config.engine.clock.now(),
        syncs: syncs(&config, times).await?,
        serving: times.serving,
        clock: clock.clone(),
        skews: skews(&config).await?,
        destinations,
        queues,
        left_out,
        unfillable,
        full: full(shared, &config).await?,
        removed: removed(&config).await?,
        missing: lost,
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

/// The syncs that have run and whose schedule begins runs.
async fn syncs(config: &RuntimeConfig, times: &mut QuietTimes) -> Result<Vec<SyncFacts>> {
    let now = config.engine.clock.now();
    let standings = config.engine.state.standings(earlier(now, WINDOW), now).await?;
    times.look(&Reading::of(&*config.engine.clock), &standings);
    let known = standings.into_iter().filter_map(|standing| {
        let is_scheduled = |m: &&SyncRuntime| config.engine.paused.is_scheduled(&m.spec);
        let Some(sync_runtime) = config.sync_runtime(&standing.sync).filter(is_scheduled) else {
            times.rest(&standing.sync);
            return None;
        };
        let quiet = times.of(&standing.sync);
        Some(SyncFacts { standing, slots: Slots::of(&sync_runtime.spec.schedule), quiet })
    });
    Ok(known.collect())
}

/// How far the clock of each database was ahead of the local one at the last run that moved
/// `last_sync_time`.
async fn skews(config: &RuntimeConfig) -> Result<Vec<(String, i64)>> {
    let mut latest: BTreeMap<String, (RunId, i64)> = BTreeMap::new();
    for sync_runtime in config.syncs.iter().filter(|m| config.engine.paused.is_scheduled(&m.spec)) {
        let state = config.engine.state.sync(&sync_runtime.spec.name).await?;
        let read = state.watermark.and_then(|w| w.clock_us.checked_sub(w.local_clock_us?));
        let (Some(ahead), Some(baseline)) = (read, state.baseline) else { continue };
        let SyncSpec { source, database, .. } = &sync_runtime.spec;
        let entry = latest.entry(format!("{source}.{database}")).or_insert((baseline.run, ahead));
        if entry.0 < baseline.run {
            *entry = (baseline.run, ahead);
        }
    }
    Ok(latest.into_iter().map(|(database, (_, ahead))| (database, ahead)).collect())
}

fn destinations(config: &RuntimeConfig, queues: &[QueueFacts]) -> Vec<DestinationFacts> {
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
    // One that nothing waits for gives no reason for an alert.
    let waits = |name: &str| queues.iter().any(|queue| queue.destination == name);
    let by_person = config.engine.paused.destinations().filter(|(name, ..)| waits(name));
    let by_person = by_person.map(|(name, ..)| DestinationFacts {
        name: name.to_owned(),
        paused: Some((Code::DestinationPaused, Code::DestinationPaused.title().to_owned())),
        proven: true,
    });
    facts.chain(by_person).collect()
}

/// What is missing at destinations that the project's syncs still have.
#[derive(Default)]
struct GapFacts {
    /// What lost runs have left missing.
    lost: Vec<MissingDocument>,
    /// The destinations that runs leave out: sync and destination.
    left_out: BTreeSet<(String, String)>,
    /// Those that lack what cannot be read any more.
    unfillable: BTreeSet<(String, String)>,
}

impl GapFacts {
    async fn of(config: &RuntimeConfig) -> Result<Self> {
        let mut facts = Self::default();
        for gap in config.engine.state.open_gaps().await? {
            let missing = &gap.missing;
            if !has(config, &missing.sync, &missing.destination) {
                continue;
            }
            let names = (missing.sync.clone(), missing.destination.clone());
            if gap.reason.is_some() {
                facts.unfillable.insert(names.clone());
            }
            if gap.is_left_out() {
                facts.left_out.insert(names);
            } else if gap.is_lost() {
                facts.lost.push(MissingDocument::from(gap));
            }
        }
        Ok(facts)
    }
}

/// The syncs that would begin runs by their schedule, but too much waits for them; and why.
async fn full(shared: &Shared, config: &RuntimeConfig) -> Result<Vec<(String, String)>> {
    let waiting: BTreeSet<String> = shared.queues.status().into_iter().map(|queue| queue.sync).collect();
    let mut full = Vec::new();
    let is_scheduled = |spec: &SyncSpec| config.engine.paused.is_scheduled(spec);
    for sync in config.syncs.iter().filter(|sync| waiting.contains(&sync.spec.name)) {
        if is_scheduled(&sync.spec)
            && let Err(busy) = shared.admission(config, &sync.spec).await?
            && busy.code == Code::BacklogFull
        {
            full.push((sync.spec.name.clone(), busy.reason));
        }
    }
    Ok(full)
}

fn has(config: &RuntimeConfig, sync: &str, destination: &str) -> bool {
    config.sync_runtime(sync).is_some_and(|m| m.spec.connections.iter().any(|c| c.destination == destination))
}

/// What waits for destinations that the project no longer has.
async fn removed(config: &RuntimeConfig) -> Result<Vec<Pending>> {
    let mut pending = config.engine.state.pending().await?;
    pending.retain(|p| p.calls > 0 && !config.engine.has_destination(&p.destination));
    Ok(pending)
}

fn queues(shared: &Shared) -> Vec<QueueFacts> {
    let queues = shared.queues.status().into_iter();
    queues.map(|l| QueueFacts { sync: l.sync, destination: l.destination, degraded: l.degraded }).collect()
}
