//! Whether a sync may begin a run now: what the rule of [`super::busy`] needs, gathered from the
//! queues, the limiters, the disk and the state.
//!
//! What it does not do: begin anything, or look at runs of the sync that are being read.

use std::collections::BTreeSet;

use outflow_core::run::{ReplayMode, RunKind, RunTrigger};
use outflow_core::{Code, Result, RunId, RunRecord, RunState, SyncSpec};

use super::busy::{BacklogQuota, Beyond, Standing, Verdict, Why, allowed, decide, usual_age};
use super::queues::{Busy, QueueStatus};
use super::{RuntimeConfig, Shared};
use crate::delivery::limiter::Health;
use crate::schedule::Slots;
use crate::{Engine, blocking, clock};

/// What a run that may begin leaves out.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftOut {
    /// All destinations that it leaves out.
    pub(super) all: Vec<String>,
    /// Those of them that the run before did not leave out.
    pub(super) new: Vec<String>,
    /// A healthy destination is free; else the run waits everywhere.
    pub(super) for_healthy: bool,
}

impl Shared {
    /// Whether a run of the sync may begin, and what it leaves out; else what keeps the sync busy.
    pub(super) async fn admission(
        &self,
        config: &RuntimeConfig,
        spec: &SyncSpec,
    ) -> Result<std::result::Result<LeftOut, Busy>> {
        let standings = self.standings(config, spec).await?;
        Ok(match decide(&standings) {
            Verdict::Go { left_out: all } => {
                let has_gap = |name: &String| standings.iter().any(|s| s.destination == *name && s.has_gap);
                let new = all.iter().filter(|name| !has_gap(name)).cloned().collect();
                let takes_now = |s: &Standing| s.healthy && s.head.is_none() && !s.has_gap;
                Ok(LeftOut { all, new, for_healthy: standings.iter().any(takes_now) })
            }
            Verdict::Busy { destination, run, why } => {
                // It is about to get what it lacks, and then the sync goes on.
                let is_well = standings.iter().any(|s| s.destination == destination && s.healthy);
                Err(Busy { slot_waits: why == Why::Gap && is_well, ..busy(&destination, run, why) })
            }
        })
    }

    /// Whether a destination accepts calls and no run of the sync waits for it.
    pub(super) fn is_drained(&self, config: &RuntimeConfig, sync: &str, destination: &str) -> bool {
        let waits = |q: &QueueStatus| q.sync == sync && q.destination == destination;
        config.engine.accepts(destination) && !self.queues.status().iter().any(waits)
    }

    async fn standings(&self, config: &RuntimeConfig, spec: &SyncSpec) -> Result<Vec<Standing>> {
        let engine = &config.engine;
        let has_gap = engine.left_out(&spec.name, self.gaps.may_have(&spec.name)).await?;
        let queues = self.queues.status();
        let bytes = self.bytes_beyond(&config.limits.backlog, engine, &queues).await?;
        let now = engine.clock.now();
        let interval = || Slots::of(&spec.schedule).interval(now);
        let most = config.limits.backlog.age.unwrap_or_else(|| usual_age(interval()));
        let standing = |name: &String| {
            let queue = queues.iter().find(|q| q.sync == spec.name && q.destination == *name);
            let age = queue.and_then(|q| clock::age(q.since?, now)).filter(|age| *age > most);
            let is_behind = queue.is_some_and(|q| q.degraded || q.runs.len() > 1);
            Standing {
                destination: name.clone(),
                head: queue.and_then(|q| q.runs.first().copied()),
                healthy: !queue.is_some_and(|q| q.degraded) && engine.accepts(name),
                beyond: age.map(Beyond::Age).or(bytes.filter(|_| is_behind).map(Beyond::Bytes)),
                has_gap: has_gap.contains(name),
            }
        };
        Ok(spec.connections.iter().map(|c| standing(&c.destination)).collect())
    }

    /// The bytes of all runs that wait, if these are more than may wait. Runs share their segments,
    /// so each counts once; what a healthy destination is getting does not wait.
    async fn bytes_beyond(
        &self,
        quota: &BacklogQuota,
        engine: &Engine,
        queues: &[QueueStatus],
    ) -> Result<Option<u64>> {
        let waiting = self.queues.waiting_bytes();
        if queues.is_empty() || waiting == 0 {
            return Ok(None);
        }
        let spool = engine.spool.clone();
        let room = blocking(move || Ok(spool.room().ok())).await?;
        let free = room.map(|room| room.free.saturating_sub(room.reserve));
        Ok((waiting >= allowed(quota.bytes, free)).then_some(waiting))
    }
}

impl Engine {
    /// The sync's destinations that runs leave out until they have got what is missing: those that
    /// earlier runs left out, and those whose gap is filled by a run that is being read or awaits
    /// approval. Newer calls must not reach them first.
    async fn left_out(&self, sync: &str, may_have_gaps: bool) -> Result<BTreeSet<String>> {
        let mut out = BTreeSet::new();
        for run in self.state.unfinished_of(sync).await? {
            let is_backfill = matches!(run.spec.options.kind, RunKind::Backfill { .. });
            if is_backfill && run.state != RunState::Delivering {
                out.extend(run.spec.options.destination);
            }
        }
        if !may_have_gaps {
            return Ok(out);
        }
        for gap in self.state.open_gaps().await? {
            if gap.missing.sync == sync && (gap.is_left_out() || gap.filled_by.is_some()) {
                out.insert(gap.missing.destination);
            }
        }
        Ok(out)
    }

    /// Whether a destination accepts calls, as far as is known.
    fn accepts(&self, name: &str) -> bool {
        let health = self.destinations.get(name).map(|d| self.limiters.of(d.as_ref()).health());
        matches!(health, Some(Health::Healthy | Health::Failing { .. }))
    }
}

/// What a run that is not over keeps its sync from doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hold {
    /// Nothing may begin.
    Everything,
    /// Nothing may be read, but a slot waits for it and is not skipped at once.
    Reading,
    /// Only what is new may be read.
    Filling,
    /// Nothing.
    Nothing,
}

impl Hold {
    /// Whether it keeps a run from beginning: one that reads all that is new, or another one.
    pub(super) const fn keeps(self, incremental: bool) -> bool {
        match self {
            Self::Everything | Self::Reading => true,
            Self::Filling => !incremental,
            Self::Nothing => false,
        }
    }
}

/// What a run keeps its sync from doing. One that concerns a single destination, as a backfill
/// does, holds up the others neither while it is being read nor while it awaits approval.
///
/// What fills a gap is read beside the sync's runs: these leave its destination out meanwhile.
/// Nothing that fills a gap begins while they are being read, as they may have the destination.
pub(super) fn hold(run: &RunRecord) -> Hold {
    let options = &run.spec.options;
    let is_about_one = match &options.kind {
        RunKind::Backfill { .. } => true,
        RunKind::Replay(replay) => replay.mode != ReplayMode::Requery,
        RunKind::Incremental | RunKind::Full | RunKind::Since { .. } => false,
    };
    match run.state {
        RunState::Queued | RunState::Extracting if fills_gap(run) => Hold::Filling,
        RunState::Queued | RunState::Extracting if is_about_one => Hold::Reading,
        RunState::AwaitingApproval if is_about_one => Hold::Nothing,
        RunState::Queued | RunState::Extracting | RunState::AwaitingApproval => Hold::Everything,
        _ => Hold::Nothing,
    }
}

/// Whether a run fills a gap, by a query or by a copy.
pub(super) fn fills_gap(run: &RunRecord) -> bool {
    run.trigger == RunTrigger::Gap || matches!(run.spec.options.kind, RunKind::Backfill { .. })
}

/// What keeps a sync busy, for people. Each names the destination.
fn busy(destination: &str, run: Option<RunId>, why: Why) -> Busy {
    let first = run.map_or_else(|| "a run".to_owned(), |run| format!("run {run}"));
    let (code, reason) = match why {
        Why::AtWork => (Code::RunInProgress, format!("{first} is being delivered to {destination}")),
        Why::Full(Beyond::Age(age)) => {
            let minutes = age.as_secs() / 60;
            (Code::BacklogFull, format!("{first} has been waiting for {destination} for {minutes} minutes"))
        }
        Why::Full(Beyond::Bytes(bytes)) => {
            let reason = format!("{bytes} bytes wait for {destination} and other destinations");
            (Code::BacklogFull, reason)
        }
        Why::Gap => (Code::BacklogFull, format!("{destination} first gets what earlier runs have left out")),
    };
    Busy { run, code, reason, awaiting_approval: None, slot_waits: false }
}
