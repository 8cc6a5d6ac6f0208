//! Destinations that runs leave out, and what they get once they have caught up: each case by its
//! name, and random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use outflow_core::ports::state::{DeliveryRecord, RunFilter};
use outflow_core::run::{ReplayMode, RunTrigger};
use outflow_core::{Code, RunId, RunRecord, RunState, SyncSpec};
use outflow_engine::serve::{BacklogQuota, Event, RuntimeConfig, SyncRuntime};
use outflow_testkit::{Report, Rng, seed, slice_or_whole};

use super::{EVENTS, of, text};
use crate::incremental::world::{Hold, Shape, Shared, World};
use crate::parts::{House, Scripted, Table};
use crate::served::{MINUTE, Served, config, every_minute, gated, open};

const BEGIN: i64 = 1_000_000;

/// A supervised sync to `a`, which takes everything, and to `b`, which may be closed. At most one
/// run may wait for `b`.
pub(super) struct Left {
    pub(super) world: Shared,
    pub(super) spec: SyncSpec,
    pub(super) a: Arc<Scripted>,
    pub(super) b: Arc<Scripted>,
    pub(super) b_open: Arc<AtomicBool>,
    now: i64,
}

impl Left {
    pub(super) fn new(world: World) -> (Self, House) {
        let (a, (b, b_open)) = (open("a"), gated("b"));
        let shape = world.shape;
        let spec = SyncSpec { schedule: every_minute(&[]).schedule, ..of(shape, &["a", "b"]) };
        let house = House::new(&[&a, &b]);
        (Self { world: Shared::new(world), spec, a, b, b_open, now: BEGIN }, house)
    }

    fn config(&self, house: &House) -> RuntimeConfig {
        let mut config = config(house, &self.spec, &Table::default());
        config.syncs = vec![SyncRuntime { spec: self.spec.clone(), warehouse: Arc::new(self.world.clone()) }];
        config.limits.backlog = BacklogQuota { age: Some(Duration::from_secs(90)), bytes: 1 << 40 };
        config
    }

    pub(super) fn serve(&self, house: House) -> Served {
        Served::start_fleet(house, self.now, |house| self.config(house))
    }

    /// The event of the slot of this number.
    pub(super) fn put(&self, n: u64) {
        let mut world = self.world.lock();
        world.at(n as f64 * 60.0);
        world.put(n, "login");
    }

    /// `b` takes calls from now on, or no longer.
    pub(super) fn open(&self, served: &Served, is_open: bool) {
        self.b_open.store(is_open, Ordering::SeqCst);
        served.handle.reload(self.config(&served.house));
    }

    pub(super) async fn runs(house: &House) -> Vec<RunRecord> {
        let mut runs = house.state().runs(&RunFilter::default()).await.unwrap();
        runs.reverse();
        runs
    }

    /// The next slot comes. Waits until it has its run or its skip, and until `a` has that.
    pub(super) async fn slot(&mut self, served: &mut Served) {
        let before = served.house.state().fired("users").await.unwrap();
        self.now += MINUTE;
        served.at(self.now);
        loop {
            let state = served.house.engine.state.clone();
            let fired = state.fired("users").await.unwrap() > before;
            let mut waits = !fired;
            for run in state.unfinished_runs().await.unwrap() {
                let deliveries = state.deliveries(run.id).await.unwrap();
                // What fills a gap is read beside the slots.
                let fills = run.trigger == RunTrigger::Gap && self.is_slow();
                waits |= matches!(run.state, RunState::Queued | RunState::Extracting) && !fills;
                waits |= deliveries.iter().any(|d| d.destination == "a" && d.counts.pending > 0);
            }
            // `b` counts as degraded at once, or has got everything.
            waits |= served.handle.queues().iter().any(|queue| !queue.degraded);
            if !waits {
                return;
            }
            served.something().await;
        }
    }

    /// Whether what fills a gap waits, or is going to.
    fn is_slow(&self) -> bool {
        let world = self.world.lock();
        world.is_held || world.hold.is_some()
    }
}

fn ids(destination: &Scripted) -> BTreeMap<String, BTreeSet<String>> {
    let mut ids = BTreeMap::<String, BTreeSet<String>>::new();
    for call in destination.taken.lock().unwrap().iter() {
        ids.entry(text(call)).or_default().insert(call["messageId"].as_str().unwrap().to_owned());
    }
    ids
}

pub(super) fn calls(destination: &Scripted) -> Vec<String> {
    destination.taken.lock().unwrap().iter().map(text).collect()
}

/// Five slots with an event each, of which `b` takes none. Two wait for it, and three runs leave it
/// out.
pub(super) async fn behind(left: &mut Left, house: House) -> Served {
    left.b_open.store(false, Ordering::SeqCst);
    left.put(1);
    let mut served = left.serve(house);
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    assert_eq!(served.delivered("a").await, RunId(1));
    for n in 2..=5 {
        left.put(n);
        left.slot(&mut served).await;
    }
    let runs = Left::runs(&served.house).await;
    assert!(runs.iter().all(|run| run.rows.calls == 1), "{runs:#?}");
    let gaps = served.house.state().open_gaps().await.unwrap();
    let firsts: Vec<RunId> = gaps.iter().map(|gap| gap.missing.first).collect();
    assert_eq!(firsts, [RunId(3), RunId(4), RunId(5)], "{gaps:?}");
    served
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_filled_from_the_segments_under_the_same_ids_and_without_a_query() {
    let (mut left, house) = Left::new(World::quiet(EVENTS));
    let mut served = behind(&mut left, house).await;
    // The rows are gone from the table meanwhile.
    left.world.lock().versions.clear();
    left.open(&served, true);
    served.settled().await;
    assert_eq!(calls(&left.b), ["1 login", "2 login", "3 login", "4 login", "5 login"]);
    assert_eq!(ids(&left.b), ids(&left.a));
    let house = served.stop().await;
    let runs = Left::runs(&house).await;
    let fills: Vec<_> = runs.iter().filter(|run| run.trigger == RunTrigger::Gap).collect();
    assert!(fills.iter().map(|run| run.replays).eq([3, 4, 5].map(|run| Some(RunId(run)))), "{fills:?}");
    assert!(fills.iter().all(|run| run.spec.options.replay().unwrap().mode == ReplayMode::All));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_or_damaged_is_read_again() {
    for swept in [true, false] {
        let (mut left, house) = Left::new(World::quiet(Shape { timed: true, ..EVENTS }));
        let mut served = behind(&mut left, house).await;
        match swept {
            true => drop(served.house.engine.sweep(Duration::ZERO).await.unwrap()),
            false => {
                let path = served.house.dir.path().join("spool/4/calls-00000.seg");
                let mut bytes = std::fs::read(&path).unwrap();
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                std::fs::write(path, bytes).unwrap();
            }
        }
        left.open(&served, true);
        served.settled().await;
        let mut found = calls(&left.b);
        found.sort();
        assert_eq!(found, ["1 login", "2 login", "3 login", "4 login", "5 login"]);
        let runs = Left::runs(&served.house).await;
        let failed = runs.iter().filter(|run| run.state == RunState::Failed);
        let codes: Vec<_> = failed.map(|run| run.reason.as_ref().unwrap().0).collect();
        assert_eq!(codes, if swept { vec![] } else { vec![Code::SegmentDamaged] });
        served.end().await;
    }
}

/// Two runs wait for `b`, and one of them is lost; three have left it out.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_lost_beside_runs_that_left_the_destination_out_is_made_up_for_with_them() {
    for lost in [1, 2] {
        let (mut left, house) = Left::new(World::quiet(Shape { timed: true, ..EVENTS }));
        let served = behind(&mut left, house).await;
        let house = served.end().await;
        std::fs::remove_dir_all(house.dir.path().join(format!("spool/{lost}"))).unwrap();
        left.b_open.store(true, Ordering::SeqCst);
        let mut served = left.serve(house.reopened(&[&left.a, &left.b]));
        served.settled().await;
        let mut found = calls(&left.b);
        found.sort();
        assert_eq!(found, ["1 login", "2 login", "3 login", "4 login", "5 login"], "{lost}");
        left.put(6);
        left.slot(&mut served).await;
        served.settled().await;
        assert_eq!(calls(&left.b).last().unwrap(), "6 login");
        served.end().await;
    }
}

/// The process ends after its first event, the next one after its second, and so on, until the gap
/// of `b` is filled.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_ends_between_fills_goes_on_with_them() {
    let (mut left, house) = Left::new(World::quiet(EVENTS));
    let mut served = behind(&mut left, house).await;
    left.b_open.store(true, Ordering::SeqCst);
    for events in 1..30 {
        let house = served.end().await.reopened(&[&left.a, &left.b]);
        served = left.serve(house);
        let state = served.house.engine.state.clone();
        for _ in 0..events {
            if !state.unfinished_runs().await.unwrap().is_empty()
                || !state.open_gaps().await.unwrap().is_empty()
            {
                served.next(|event| (!matches!(event, Event::Alert { .. })).then_some(())).await;
            }
        }
    }
    served.settled().await;
    assert_eq!(ids(&left.b), ids(&left.a));
    assert!(calls(&left.b).is_sorted(), "{:?}", calls(&left.b));
    served.stop().await;
}

/// What happened in the histories.
#[derive(Default)]
struct Seen {
    left_out: u64,
    copied: u64,
    queried: u64,
    kills: u64,
    lost: u64,
    edits: u64,
    /// Times that a gap was read beside a slot.
    slow: u64,
    sole: u64,
    /// Histories in which nothing may come twice.
    exact: u64,
}

struct History {
    left: Left,
    rng: Rng,
    shape: Shape,
    /// Segments were deleted or the query was edited: rows may come twice then.
    may_repeat: bool,
    /// The sync sends to `b` alone.
    sole: bool,
    seen: Seen,
}

impl History {
    async fn happens(seed: u64, seen: &mut Seen) {
        let mut rng = Rng::new(seed);
        let people = rng.below(3) == 0;
        let timed = !people && rng.below(2) == 0;
        let shape = Shape { people, timed, lookback: 1 + rng.below(60) as i64, ..EVENTS };
        let (mut left, house) = Left::new(World::new(shape, rng.next_u64()));
        let sole = rng.below(6) == 0;
        if sole {
            left.spec = SyncSpec { schedule: left.spec.schedule.clone(), ..of(shape, &["b"]) };
        }
        for destination in [&left.a, &left.b] {
            *destination.filters.lock().unwrap() = ["A", "B", "C"].get(rng.below(6) as usize).copied();
        }
        let mut history = Self { left, rng, shape, may_repeat: false, sole, seen: std::mem::take(seen) };
        history.seen.sole += u64::from(sole);
        history.go(house, seed).await;
        *seen = history.seen;
    }

    async fn go(&mut self, house: House, seed: u64) {
        self.left.b_open.store(self.rng.below(2) == 0, Ordering::SeqCst);
        // Neither the local clock nor this one moves while a run reads. If this one did, it would
        // look set back in the next minute.
        self.left.world.lock().quiet = true;
        // In one of three, segments are deleted and the query is edited.
        let is_rough = self.rng.below(3) == 0;
        let (query, mut edits) = (self.left.spec.query.clone(), 0);
        let mut served = self.left.serve(house);
        served.next(|event| matches!(event, Event::Extracted { .. }).then_some(())).await;
        for slot in 1..=12 {
            {
                let mut world = self.left.world.lock();
                world.quiet = false;
                (0..self.rng.below(8)).for_each(|_| world.step(4_000_000));
                world.reach(slot * MINUTE);
                world.quiet = true;
            }
            match self.rng.below(6) {
                0 | 1 => self.left.open(&served, true),
                2 => self.left.open(&served, false),
                3 => served = self.killed(served).await,
                _ => {}
            }
            match self.rng.below(20) {
                _ if !is_rough => {}
                0 => {
                    served.house.engine.sweep(Duration::ZERO).await.unwrap();
                    self.may_repeat = true;
                }
                1 => {
                    edits += 1;
                    self.left.spec.query = match self.rng.below(3) {
                        0 => query.clone(),
                        1 => format!("{query} -- edited"),
                        _ => format!("{query} -- form {edits}"),
                    };
                    self.may_repeat = true;
                    self.seen.edits += 1;
                    let is_open = self.left.b_open.load(Ordering::SeqCst);
                    self.left.open(&served, is_open);
                }
                _ => {}
            }
            // What fills a gap of states is read for as long as a slot, at times.
            let slow = Hold::default();
            if self.shape.people && !self.sole && self.rng.below(3) == 0 {
                self.left.world.lock().hold = Some(slow.clone());
                self.seen.slow += 1;
            }
            self.left.slot(&mut served).await;
            self.left.world.lock().hold = None;
            slow.ended.notify_one();
        }
        self.left.open(&served, true);
        served.settled().await;
        self.left.world.lock().settle();
        self.left.world.lock().reach(13 * MINUTE);
        self.left.slot(&mut served).await;
        served.settled().await;
        let house = served.end().await;
        self.judge(&house, seed).await;
    }

    /// The process ends; sometimes a run that waits is damaged meanwhile.
    async fn killed(&mut self, served: Served) -> Served {
        self.seen.kills += 1;
        let house = served.end().await;
        let waiting = house.state().unfinished_runs().await.unwrap();
        let mut damaged = None;
        // What a lost run has given a destination in part cannot be kept apart from what it has
        // not.
        for run in waiting {
            let deliveries = house.state().deliveries(run.id).await.unwrap();
            let in_part = |d: &DeliveryRecord| d.counts.pending > 0 && d.counts.pending < d.counts.calls;
            if !deliveries.iter().any(in_part) {
                damaged = Some(run);
                break;
            }
        }
        if let Some(run) = damaged.filter(|_| self.rng.below(2) == 0) {
            let _ = std::fs::remove_dir_all(house.dir.path().join(format!("spool/{}", run.id)));
            self.seen.lost += 1;
        }
        self.left.serve(house.reopened(&[&self.left.a, &self.left.b]))
    }

    async fn judge(&mut self, house: &House, seed: u64) {
        let rows = self.left.world.lock().snapshot.clone();
        let runs = Left::runs(house).await;
        let fills = || runs.iter().filter(|run| run.trigger == RunTrigger::Gap);
        self.seen.left_out += runs.iter().filter(|run| !run.spec.skipped.is_empty()).count() as u64;
        self.seen.copied += fills().filter(|run| run.spec.options.replay().is_some()).count() as u64;
        self.seen.queried += fills().filter(|run| run.spec.options.replay().is_none()).count() as u64;
        // What a run may have sent twice it says (E120, E121): it could not read what was sent.
        for run in &runs {
            let found = house.state().findings(run.id).await.unwrap();
            let repeats = |code| matches!(code, Code::BackfillRepeats | Code::BaselineMissing);
            self.may_repeat |= found.iter().any(|finding| repeats(finding.code));
        }
        self.seen.exact += u64::from(!self.may_repeat);
        let good: Vec<_> = rows.iter().filter(|row| row.good).collect();
        for destination in [&self.left.a, &self.left.b].into_iter().skip(usize::from(self.sole)) {
            let filtered = *destination.filters.lock().unwrap();
            let good: Vec<_> = good.iter().filter(|row| filtered != Some(row.value)).collect();
            let calls = destination.taken.lock().unwrap().clone();
            let about = format!(
                "seed {seed}, {}, {:?}",
                outflow_core::ports::destination::Destination::name(&**destination),
                self.shape
            );
            if self.shape.people {
                let last: BTreeMap<&str, String> =
                    calls.iter().map(|call| (call["userId"].as_str().unwrap(), plain(&text(call)))).collect();
                for row in &good {
                    let found = last.get(&*row.key.to_string());
                    assert_eq!(found, Some(&format!("{} {}", row.key, row.value)), "{about}");
                }
                continue;
            }
            let mut expected = BTreeMap::<String, usize>::new();
            good.iter()
                .for_each(|row| *expected.entry(format!("{} {}", row.key, row.value)).or_default() += 1);
            let count = |destination: &Scripted| -> BTreeMap<String, usize> {
                let mut count = BTreeMap::new();
                for (event, ids) in ids(destination) {
                    *count.entry(plain(&event)).or_default() += ids.len();
                }
                count
            };
            let found = count(destination);
            match self.may_repeat {
                true => assert!(expected.iter().all(|(event, n)| found.get(event) >= Some(n)), "{about}"),
                false => assert_eq!(found, expected, "{about}"),
            }
        }
    }
}

/// A call's text without the form that an edited query gave it.
fn plain(text: &str) -> String {
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn whichever_runs_leave_a_destination_out_it_has_everything_once_in_the_end() {
    let (seed, histories, mut seen) = (seed(), slice_or_whole(6, 200), Seen::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for history in 0..histories {
        runtime.block_on(History::happens(seed.wrapping_add(history), &mut seen));
    }
    let found = seen.left_out > 0 && seen.copied > 0 && seen.queried > 0;
    assert!(histories < 50 || found, "seed {seed}");
    Report::new(
        "gaps::left_out::whichever_runs_leave_a_destination_out_it_has_everything_once_in_the_end",
        "a destination that comes and goes, with kills, lost runs, deleted segments, edited queries and filters",
        histories,
    )
    .with("runs that left it out", seen.left_out)
    .with("filled by copies", seen.copied)
    .with("filled by queries", seen.queried)
    .with("kills", seen.kills)
    .with("runs lost", seen.lost)
    .with("edits of the query", seen.edits)
    .with("slots beside the reading of a gap", seen.slow)
    .with("syncs to this destination alone", seen.sole)
    .with("rows missing", 0)
    .with("histories in which nothing may come twice", seen.exact)
    .with("rows under two ids in these", 0)
    .print();
}
