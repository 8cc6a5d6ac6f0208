//! Random histories: several runs among ten are lost while a destination lags.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use outflow_core::ports::state::RunFilter;
use outflow_core::{RunId, RunState, SyncSpec};
use outflow_engine::operations::retention::RetentionPolicy;
use outflow_engine::serve::{Event, RuntimeConfig, SyncRuntime};
use outflow_testkit::{Report, Rng, seed, slice_or_whole};

use super::{EVENTS, of, text};
use crate::incremental::world::{Shape, Shared, Version, World};
use crate::parts::{House, Scripted, Table};
use crate::served::{MINUTE, Served, config, every_minute, gated, open};

/// Ten runs under a supervisor, of which `b` takes the first ones alone; then some of those that
/// wait for it are lost. In the end each event has reached `a` and `b` once, and of each person
/// both have the last value.
struct History {
    world: Shared,
    shape: Shape,
    spec: SyncSpec,
    a: Arc<Scripted>,
    b: Arc<Scripted>,
    lost: u64,
}

impl History {
    fn config(&self, house: &House) -> RuntimeConfig {
        let table = Table::default();
        let syncs = vec![SyncRuntime { spec: self.spec.clone(), warehouse: Arc::new(self.world.clone()) }];
        let keep = RetentionPolicy::default();
        RuntimeConfig { syncs, keep, ..config(house, &self.spec, &table) }
    }

    /// Waits until no run is unfinished and nothing is missing; `a` only: until it has all.
    async fn settled(&self, served: &mut Served, a_only: bool) {
        loop {
            let state = served.house.engine.state.clone();
            let mut waits = !a_only && !state.open_gaps().await.unwrap().is_empty();
            for run in state.unfinished_runs().await.unwrap() {
                let deliveries = state.deliveries(run.id).await.unwrap();
                let ours = deliveries.iter().filter(|d| !a_only || d.destination == "a");
                waits |= deliveries.is_empty() || ours.map(|d| d.counts.pending).sum::<u64>() > 0;
                waits |= !a_only;
            }
            // A destination that lags does not keep the sync busy.
            waits |= a_only && served.handle.queues().iter().any(|queue| !queue.degraded);
            if !waits {
                return;
            }
            served.kept.clear();
            served.next(|event| (!matches!(event, Event::Alert { .. })).then_some(())).await;
        }
    }

    async fn extracted(served: &mut Served, expected: RunId) {
        let is_it = |event: &Event| match event {
            Event::Extracted { run, .. } => (*run == expected).then_some(()),
            _ => None,
        };
        served.next(is_it).await;
    }

    /// Damages what the spool has of a run, in one of three ways.
    fn damage(house: &House, run: RunId, rng: &mut Rng) {
        let dir = house.dir.path().join(format!("spool/{run}"));
        match rng.below(3) {
            0 => std::fs::remove_dir_all(&dir).unwrap(),
            1 => std::fs::remove_file(dir.join("calls-00000.seg")).unwrap(),
            _ => {
                let path = dir.join("calls-00000.seg");
                let mut bytes = std::fs::read(&path).unwrap();
                let at = rng.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1;
                std::fs::write(&path, bytes).unwrap();
            }
        }
    }

    async fn happens(seed: u64) -> u64 {
        let mut rng = Rng::new(seed);
        let people = rng.below(2) == 0;
        let timed = !people && rng.below(2) == 0;
        let lookback = 1 + rng.below(60) as i64;
        let shape = Shape { people, timed, lookback, ..EVENTS };
        let (a, (b, b_open)) = (open("a"), gated("b"));
        let world = Shared::new(World::new(shape, rng.next_u64()));
        let spec = SyncSpec { schedule: every_minute(&[]).schedule, ..of(shape, &["a", "b"]) };
        let mut history = Self { world, shape, spec, a, b, lost: 0 };
        let (mut served, mut now) = (None, 1_000_000);
        let closes_at = rng.below(4) as i64;
        let mut house = Some(House::new(&[&history.a, &history.b]));
        for n in 0..10 {
            (0..rng.below(12)).for_each(|_| history.world.lock().step(4_000_000));
            history.world.lock().reach((n + 1) * MINUTE);
            // Neither the local clock nor this one moves while a run reads. If this one did, it
            // would look set back in the next minute.
            history.world.lock().quiet = true;
            now = 1_000_000 + n * MINUTE;
            b_open.store(n < closes_at, Ordering::SeqCst);
            let served = match &mut served {
                None => served.insert(Served::start_fleet(house.take().unwrap(), now, |h| history.config(h))),
                Some(served) => {
                    served.at(now);
                    served
                }
            };
            Self::extracted(served, RunId(n as u64 + 1)).await;
            history.settled(served, n >= closes_at).await;
            history.world.lock().quiet = false;
        }
        history.world.lock().quiet = true;
        let house = served.unwrap().end().await;
        for run in house.state().unfinished_runs().await.unwrap() {
            if rng.below(2) == 0 {
                Self::damage(&house, run.id, &mut rng);
                history.lost += 1;
            }
        }
        b_open.store(true, Ordering::SeqCst);
        let house = house.reopened(&[&history.a, &history.b]);
        let mut served = Served::start_fleet(house, now, |h| history.config(h));
        history.settled(&mut served, false).await;
        history.world.lock().settle();
        history.world.lock().reach(11 * MINUTE);
        let last = served.house.state().runs(&RunFilter::newest(None, 1)).await.unwrap()[0].id;
        served.at(now + MINUTE);
        Self::extracted(&mut served, RunId(last.0 + 1)).await;
        history.settled(&mut served, false).await;
        let house = served.end().await;
        history.judge(&house, seed).await;
        history.lost
    }

    async fn judge(&self, house: &House, seed: u64) {
        // What came while the last run read is not owed yet.
        let rows = self.world.lock().snapshot.clone();
        let runs = house.state().runs(&RunFilter::default()).await.unwrap();
        let lost: Vec<_> = runs.iter().filter(|run| run.state == RunState::Lost).map(|run| run.id).collect();
        for destination in [&self.a, &self.b] {
            let mut expected = BTreeMap::<String, usize>::new();
            let good = |v: &&Version| v.good;
            for version in rows.iter().filter(good) {
                *expected.entry(format!("{} {}", version.key, version.value)).or_default() += 1;
            }
            let calls = destination.taken.lock().unwrap();
            let mut found = BTreeMap::<String, usize>::new();
            if self.shape.people {
                let last: BTreeMap<&str, String> =
                    calls.iter().map(|call| (call["userId"].as_str().unwrap(), text(call))).collect();
                found.extend(last.into_values().map(|text| (text, 1)));
                // A person who became unusable keeps the last value.
                let keys: Vec<String> = rows.iter().filter(good).map(|v| format!("{} ", v.key)).collect();
                found.retain(|text, _| keys.iter().any(|key| text.starts_with(key)));
            } else {
                calls.iter().for_each(|call| *found.entry(text(call)).or_default() += 1);
            }
            assert_eq!(found, expected, "seed {seed}, lost {lost:?}, {:?}", self.shape);
        }
    }
}

#[test]
fn whichever_runs_are_lost_nothing_is_missing_and_nothing_has_two_ids() {
    let (seed, histories, mut lost) = (seed(), slice_or_whole(8, 200), 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for history in 0..histories {
        lost += runtime.block_on(History::happens(seed.wrapping_add(history)));
    }
    assert!(lost > histories, "only {lost} runs were lost, seed {seed}");
    Report::new(
        "gaps::histories::whichever_runs_are_lost_nothing_is_missing_and_nothing_has_two_ids",
        "several lost runs among ten, with a destination that lags",
        histories,
    )
    .with("runs lost", lost)
    .with("rows missing", 0)
    .with("rows under two ids", 0)
    .print();
}
