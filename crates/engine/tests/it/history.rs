//! Deleting old runs deletes nothing that is still needed: a state that deletes all the time
//! against one that never does.

use std::time::Duration;

use outflow_core::ports::state::{Extraction, NewRun, RunFilter, Settlement, State};
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunSpec, RunTrigger};
use outflow_core::{
    CallType, Code, Connection, DeliveryCounts, Guards, Nulls, RowCounts, RunId, RunState, SyncSpec,
    Timestamp,
};
use outflow_testkit::Rng;

use crate::parts::{House, users_to};

const SYNCS: [&str; 2] = ["users", "events"];
const DESTINATIONS: [&str; 3] = ["a", "b", "c"];

fn spec(sync: &str) -> SyncSpec {
    SyncSpec { name: sync.to_owned(), query: "SELECT 1".into(), ..users_to(&DESTINATIONS) }
}

/// What happens to a run, the same in every state.
struct Happening {
    new: NewRun,
    calls: u64,
    end: RunState,
    /// The project lost this destination when the run was to be delivered to it.
    cancelled: Option<&'static str>,
}

impl Happening {
    fn some(rng: &mut Rng, n: i64, runs: u64) -> Self {
        let at = Timestamp::from_second(1_000 + n).unwrap();
        let mut names: Vec<&str> = DESTINATIONS.into_iter().filter(|_| rng.below(4) > 0).collect();
        let options = match rng.below(12) {
            0 => RunOptions::of(RunKind::Full),
            1 | 2 => {
                names = vec![DESTINATIONS[rng.below(3) as usize]];
                let run = RunId(rng.below(runs.max(1)) + 1);
                let replay = Replay { run, mode: ReplayMode::All, code: None, force: false, start: None };
                let kind = match runs > 0 && rng.below(2) == 0 {
                    true => RunKind::Replay(replay),
                    false => {
                        RunKind::Backfill { start: "0".to_owned(), first: run, until: None, query_of: None }
                    }
                };
                RunOptions { destination: Some(names[0].to_owned()), ..RunOptions::of(kind) }
            }
            _ => RunOptions::default(),
        };
        let connection = |name: &&str| Connection { destination: (*name).to_owned(), nulls: Nulls::Send };
        let is_ordinary = options.is_incremental();
        let spec = RunSpec {
            source: "shop.main".into(),
            query: "SELECT 1".into(),
            connections: names.iter().map(connection).collect(),
            options,
            guards: Guards::default(),
            ids: Default::default(),
            skipped: names
                .iter()
                .filter(|_| is_ordinary && rng.below(5) == 0)
                .map(|n| (*n).to_owned())
                .collect(),
        };
        let new = NewRun {
            sync: SYNCS[rng.below(2) as usize].into(),
            call_type: CallType::Identify,
            trigger: RunTrigger::Manual,
            spec,
            due_at: at,
            started_at: at,
        };
        let end = match rng.below(10) {
            0 => RunState::Failed,
            1 => RunState::Lost,
            2 => RunState::Skipped,
            _ => RunState::Succeeded,
        };
        let cancelled = DESTINATIONS.into_iter().find(|_| rng.below(12) == 0);
        Self { new, calls: rng.below(3), end, cancelled }
    }

    async fn befalls(&self, state: &dyn State) -> RunId {
        let (at, why) = (self.new.started_at, (Code::RunInProgress, "busy".to_owned()));
        if self.end == RunState::Skipped {
            let by = state.runs(&RunFilter::newest(Some(&self.new.sync), 1)).await.unwrap();
            return state.skip_run(&self.new, by.first().map(|r| r.id), &why).await.unwrap().id;
        }
        let run = state.create_run(&self.new).await.unwrap().id;
        state.begin_extraction(run, at, &at.as_second().to_string()).await.unwrap();
        if self.end == RunState::Failed {
            state.end_run(run, self.end, at, Some(why), None).await.unwrap();
            return run;
        }
        // A backfill fills all that its destination lacks.
        let is_backfill = matches!(self.new.spec.options.kind, RunKind::Backfill { .. });
        let mut gaps = state.open_gaps().await.unwrap();
        gaps.retain(|gap| {
            let ours = self.new.spec.options.destination.as_deref() == Some(&*gap.missing.destination);
            is_backfill && ours && gap.missing.sync == self.new.sync
        });
        let extraction = Extraction {
            at,
            rows: RowCounts { read: self.calls, calls: self.calls, ..RowCounts::default() },
            segments: Vec::new(),
            findings: Vec::new(),
            columns: Vec::new(),
            next_last_sync_time: None,
            watermark_update: None,
            replayed: None,
            fills: gaps.iter().map(|gap| gap.id).collect(),
            fills_new: Vec::new(),
            compared_with: None,
            objections: Vec::new(),
            budgets: Default::default(),
        };
        state.commit_extraction(run, &extraction).await.unwrap();
        if self.calls == 0 {
            return run;
        }
        for delivery in state.deliveries(run).await.unwrap() {
            let (pending, mut added) = (delivery.counts.pending, DeliveryCounts::default());
            match self.cancelled == Some(&delivery.destination) {
                true => added.cancelled = pending,
                false => added.delivered = pending,
            }
            let settlement = Settlement {
                run,
                destination: delivery.destination,
                sequence: delivery.sequence + 1,
                settled: vec![(0, added.delivered)],
                added,
                dead: Vec::new(),
                state: outflow_core::DeliveryState::Succeeded,
                reason: None,
                at,
            };
            state.settle(&[settlement]).await.unwrap();
        }
        match self.end {
            RunState::Lost => drop(state.lose_run(run, at, &why).await.unwrap()),
            _ => assert_eq!(state.conclude(run, at).await.unwrap(), Some(RunState::Succeeded)),
        }
        run
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_never_changes_where_a_gap_begins_nor_what_is_looked_back_at() {
    let seed = outflow_testkit::seed();
    let mut rng = Rng::new(seed);
    let (forgetful, faithful) = (House::new(&[]), House::new(&[]));
    for n in 0..300 {
        // Replays are of runs that are there.
        let listed = forgetful.state().runs(&RunFilter::default()).await.unwrap();
        let mut next = Happening::some(&mut rng, n, listed.len() as u64);
        if let RunKind::Replay(replay) = &mut next.new.spec.options.kind {
            replay.run = listed[replay.run.0 as usize - 1].id;
        }
        let (there, here) = (&*forgetful.engine.state, &*faithful.engine.state);
        assert_eq!(next.befalls(there).await, next.befalls(here).await);
        if rng.below(20) == 0 {
            forgetful.engine.forget(Duration::ZERO).await.unwrap();
        }
        if n % 10 == 9 {
            for (sync, destination) in SYNCS.iter().flat_map(|s| DESTINATIONS.map(|d| (s, d))) {
                let gap =
                    async |house: &House| house.engine.reader().gap(&spec(sync), destination).await.unwrap();
                let (there, here) = (gap(&forgetful).await, gap(&faithful).await);
                assert_eq!(there, here, "{sync} to {destination} after {n}, seed {seed}");
            }
        }
    }
    forgetful.engine.forget(Duration::ZERO).await.unwrap();
    for sync in SYNCS {
        let past = async |house: &House| -> Vec<RunId> {
            house.state().past_runs(sync, 20).await.unwrap().iter().map(|p| p.record.id).collect()
        };
        assert_eq!(past(&forgetful).await, past(&faithful).await, "seed {seed}");
    }
    let (from, to) = ("1970-01-01".parse().unwrap(), "1970-01-02".parse().unwrap());
    let days = async |house: &House| house.state().usage(from, to).await.unwrap();
    assert_eq!(days(&forgetful).await, days(&faithful).await, "seed {seed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_runs_like_one_another_those_stay_that_somebody_needs() {
    let house = House::new(&[]);
    let mut rng = Rng::new(1);
    let mut each = Happening::some(&mut rng, 0, 0);
    each.new.spec.options = RunOptions::default();
    each.new.spec.skipped.clear();
    (each.calls, each.end, each.cancelled) = (1, RunState::Succeeded, None);
    let mut ids = Vec::new();
    for _ in 0..300 {
        ids.push(each.befalls(&*house.engine.state).await);
    }
    let century = Duration::from_secs(100 * 365 * 24 * 3600);
    assert_eq!(house.engine.forget(century).await.unwrap(), 0);
    assert_eq!(house.engine.forget(Duration::ZERO).await.unwrap(), 300 - 60 - 1);
    let left: Vec<RunId> =
        house.state().runs(&RunFilter::default()).await.unwrap().iter().rev().map(|r| r.id).collect();
    assert_eq!(
        (left[0], left.len()),
        (ids[0], 61),
        "where a new destination's gap begins, and what guards look at"
    );
    assert_eq!(house.engine.forget(Duration::ZERO).await.unwrap(), 0);
    assert_eq!(each.befalls(&*house.engine.state).await, RunId(301), "numbers are not used again");
}
