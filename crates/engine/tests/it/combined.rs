//! All rules about ids, late rows, destinations and restores at once: random histories of several
//! syncs and two projects, judged by one oracle.
//!
//! Each history has people and events in tables of its own ([`members`]), two destinations of which
//! one comes and goes, and a second project that feeds the same workspace. What happens in it is in
//! this file; what has to hold in the end is in [`judge`].

mod judge;
mod members;

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use outflow_core::ports::state::RunFilter;
use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, RunRecord, RunState, Timestamp};
use outflow_engine::schedule::{Slots, next_due};
use outflow_engine::serve::{BacklogQuota, RuntimeConfig, SyncRuntime, Triggered};
use outflow_testkit::{Report, Rng, slice_or_whole};
use tempfile::TempDir;
use tokio::sync::Semaphore;

use self::members::{Member, keyed};
use crate::incremental::every_case;
use crate::incremental::world::Form;
use crate::parts::{House, Scripted, Table};
use crate::served::{MINUTE, Served, SetClock, config, gated, open};

const BEGIN: i64 = 1_000_000;

/// What happened in the histories.
#[derive(Default)]
struct Seen {
    runs: u64,
    with_options: u64,
    new_ids: u64,
    edits: u64,
    kills: u64,
    restored: u64,
    lost_states: u64,
    left_out: u64,
    filled: u64,
    events: u64,
    repeated: u64,
    too_late: u64,
}

/// What happened in all of them.
static SEEN: LazyLock<Mutex<Seen>> = LazyLock::new(Mutex::default);

impl Seen {
    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.with_options += other.with_options;
        self.new_ids += other.new_ids;
        self.edits += other.edits;
        self.kills += other.kills;
        self.restored += other.restored;
        self.lost_states += other.lost_states;
        self.left_out += other.left_out;
        self.filled += other.filled;
        self.events += other.events;
        self.repeated += other.repeated;
        self.too_late += other.too_late;
    }
}

/// How the destination `b` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    Refusing,
    Slow,
}

struct History {
    rng: Rng,
    members: Vec<Member>,
    a: Arc<Scripted>,
    b: Arc<Scripted>,
    b_takes: Arc<std::sync::atomic::AtomicBool>,
    /// What `b` waits for while it is slow.
    turns: Arc<Semaphore>,
    way: Way,
    /// Another project reads the first table of events into this destination.
    c: Arc<Scripted>,
    second: House,
    clock: Arc<SetClock>,
    now: i64,
    backups: Vec<TempDir>,
    /// The keys of runs that were noted.
    noted: BTreeSet<u128>,
    /// Ids that runs with new ids have made.
    renewed: BTreeSet<String>,
    seen: Seen,
}

impl History {
    fn new(seed: u64) -> (Self, House) {
        let mut rng = Rng::new(seed);
        let members = members::some(&mut rng);
        let (a, (b, b_takes), c) = (open("a"), gated("b"), open("c"));
        let (house, mut second) = (House::new(&[&a, &b]), House::new(&[&c]));
        let now = BEGIN + MINUTE;
        let clock = SetClock::new(now, 0);
        second.engine.clock = clock.clone();
        let (turns, way) = (Arc::new(Semaphore::new(0)), Way::Open);
        let (backups, noted, renewed) = Default::default();
        let history = Self {
            rng,
            members,
            a,
            b,
            b_takes,
            turns,
            way,
            c,
            second,
            clock,
            now,
            backups,
            noted,
            renewed,
            seen: Seen::default(),
        };
        (history, house)
    }

    fn config(&self, house: &House) -> RuntimeConfig {
        let mut config = config(house, &self.members[0].spec, &Table::default());
        let sync = |m: &Member| SyncRuntime { spec: m.spec.clone(), warehouse: Arc::new(m.world.clone()) };
        config.syncs = self.members.iter().map(sync).collect();
        config.limits.backlog = BacklogQuota { age: Some(Duration::from_secs(90)), bytes: 1 << 40 };
        config
    }

    fn serve(&self, house: House) -> Served {
        Served::start_by(house, self.clock.clone(), |house| self.config(house))
    }

    /// `b` takes calls, refuses them or is slow from now on.
    fn set_way(&mut self, way: Way) {
        self.way = way;
        self.turns.add_permits(1 << 20);
        self.b_takes.store(way != Way::Refusing, std::sync::atomic::Ordering::SeqCst);
        if way == Way::Slow {
            self.turns = Arc::new(Semaphore::new(self.rng.below(4) as usize));
            *self.b.hold.lock().unwrap() = Some(self.turns.clone());
        } else {
            *self.b.hold.lock().unwrap() = None;
        }
    }

    /// Time goes on in all tables, and nothing happens while runs read: if a table's clock moved
    /// then, it would look set back in the next minute.
    fn live(&mut self, until: i64) {
        for member in &self.members {
            let mut world = member.world.lock();
            world.quiet = false;
            (0..self.rng.below(8)).for_each(|_| world.step(4_000_000));
            world.reach(until - BEGIN);
            world.quiet = true;
        }
    }

    /// Waits until nothing is being read and `a` has got everything.
    async fn idle(served: &mut Served) {
        loop {
            let state = served.house.engine.state.clone();
            let mut waits = false;
            for run in state.unfinished_runs().await.unwrap() {
                let deliveries = state.deliveries(run.id).await.unwrap();
                served.waits_for = format!("{run:#?} with {deliveries:#?}");
                waits |= matches!(run.state, RunState::Queued | RunState::Extracting);
                waits |= deliveries.iter().any(|d| d.destination == "a" && d.counts.pending > 0);
            }
            if !waits {
                return;
            }
            served.something().await;
        }
    }

    /// It is now. Waits until each sync has the run, or the skip, of its slot.
    async fn slot(&mut self, served: &mut Served, now: i64) {
        self.now = now;
        served.at(now);
        let time = Timestamp::from_second(now).unwrap();
        for member in &self.members {
            let slots = Slots::of(&member.spec.schedule);
            let state = served.house.engine.state.clone();
            let is_due = |fired| next_due(&slots, fired, time).is_some_and(|due| due <= time);
            while is_due(state.fired(&member.spec.name).await.unwrap()) {
                served.waits_for = format!("the slot of {} at {time}", member.spec.name);
                served.something().await;
            }
        }
        Self::idle(served).await;
    }

    /// A run with options, which may be killed before it has ended.
    async fn run_with_options(&mut self, served: &mut Served) {
        let kind = match self.rng.below(3) {
            0 => RunKind::Full,
            1 => RunKind::Since {
                at: Timestamp::from_second(1_700_000_000 + self.rng.below(600) as i64).unwrap(),
            },
            _ => RunKind::Incremental,
        };
        let member = self.rng.below(self.members.len() as u64) as usize;
        // The first rows of a history are old states, which nothing reads again.
        let is_history = self.members[member].world.lock().shape.form == Form::History;
        let limit = (self.rng.below(2) == 0 && !is_history).then(|| 1 + self.rng.below(5));
        let destination = (self.rng.below(3) == 0).then(|| "a".to_owned());
        let new_ids = self.rng.below(5) == 0;
        let options = RunOptions { limit, destination, new_ids, ..RunOptions::of(kind) };
        self.seen.with_options += 1;
        self.seen.new_ids += u64::from(new_ids);
        served.handle.trigger(&self.members[member].spec.name, options).await.unwrap();
        if self.rng.below(4) > 0 {
            Self::idle(served).await;
        }
    }

    /// Another lookback, or another order of columns.
    fn edit(&mut self, served: &Served) {
        let member = self.rng.below(self.members.len() as u64) as usize;
        self.members[member].edit(&mut self.rng);
        self.seen.edits += 1;
        served.handle.reload(self.config(&served.house));
    }

    /// The process ends. Another one goes on, with the same files, those of a backup, or none.
    async fn killed(&mut self, served: Served) -> Served {
        self.seen.kills += 1;
        let house = self.closed(served).await;
        let destinations = [&self.a.clone(), &self.b.clone()];
        let house = match self.rng.below(7) {
            0 | 1 => {
                self.backups.push(house.backup());
                house.reopened(&destinations)
            }
            2..5 if !self.backups.is_empty() => {
                let backup = self.rng.below(self.backups.len() as u64) as usize;
                self.seen.restored += 1;
                let house = match self.rng.below(2) {
                    0 => house.back_to(&self.backups[backup], &destinations),
                    _ => house.with_state_of(&self.backups[backup], &destinations),
                };
                assert_eq!(house.restored.as_ref().map(|e| e.code()), Some(Code::StateRestored));
                house
            }
            5 if self.rng.below(2) == 0 => {
                self.seen.lost_states += 1;
                House::new(&destinations)
            }
            _ => {
                let house = house.reopened(&destinations);
                assert!(house.restored.is_none(), "{:?}", house.restored);
                house
            }
        };
        let mut served = self.serve(house);
        let now = self.now;
        self.slot(&mut served, now).await;
        served
    }

    /// The process ends; what its runs have done is noted.
    async fn closed(&mut self, served: Served) -> House {
        if self.way == Way::Slow {
            self.set_way(Way::Open);
        }
        let house = served.end().await;
        self.note(&house).await;
        house
    }

    async fn note(&mut self, house: &House) {
        for run in house.state().runs(&Default::default()).await.unwrap() {
            if !self.noted.insert(run.key.0) {
                continue;
            }
            self.seen.runs += 1;
            self.seen.left_out += u64::from(!run.spec.skipped.is_empty());
            self.seen.filled += u64::from(run.trigger == RunTrigger::Gap);
            if run.spec.options.new_ids {
                let ids = (0..run.rows.read)
                    .map(|ordinal| String::from_utf8(run.key.message_id(ordinal).to_vec()).unwrap());
                self.renewed.extend(ids);
            }
        }
    }

    /// The other project reads the first events.
    async fn second_project(&mut self) {
        let events = &self.members[members::EVENTS];
        let spec = keyed("shop-2", events.spec_to(&["c"]));
        self.second.run(&spec, &events.world).await.unwrap();
    }

    async fn go(&mut self, house: House) {
        let is_open = self.rng.below(2) == 0;
        self.set_way(if is_open { Way::Open } else { Way::Refusing });
        self.live(self.now);
        let mut served = self.serve(house);
        let now = self.now;
        self.slot(&mut served, now).await;
        for _ in 0..10 {
            let now = self.now + MINUTE;
            self.live(now);
            match self.rng.below(8) {
                0 | 1 => self.set_way(Way::Open),
                2 => self.set_way(Way::Refusing),
                3 => self.set_way(Way::Slow),
                _ => {}
            }
            served.handle.reload(self.config(&served.house));
            if self.rng.below(5) == 0 {
                self.edit(&served);
            }
            self.slot(&mut served, now).await;
            if self.rng.below(3) == 0 {
                self.run_with_options(&mut served).await;
            }
            if self.rng.below(4) == 0 {
                self.second_project().await;
            }
            if self.rng.below(3) == 0 {
                served = self.killed(served).await;
            }
        }
        let house = self.end(served).await;
        drop(house);
    }

    /// Whether the slot of this time has a run of each sync. It is skipped where a run with options
    /// was being read.
    async fn has_read_all(&self, served: &Served, now: i64) -> bool {
        for member in &self.members {
            let filter = RunFilter::newest(Some(&member.spec.name), 20);
            let runs = served.house.state().runs(&filter).await.unwrap();
            let is_it = |run: &RunRecord| {
                run.state != RunState::Skipped
                    && run.spec.options.is_incremental()
                    && run.started_at.as_second() >= now
            };
            if !runs.iter().any(is_it) {
                return false;
            }
        }
        true
    }

    /// Every fault is over, every transaction has ended, and each sync has had its slots; then all
    /// rows are read once more.
    async fn end(&mut self, mut served: Served) -> House {
        self.set_way(Way::Open);
        served.handle.reload(self.config(&served.house));
        served.settled().await;
        self.members.iter().for_each(|m| m.world.lock().settle());
        let latest = self.members.iter().map(|m| m.world.lock().seconds()).max().unwrap();
        let minutes = (latest.max(self.now - BEGIN) + MINUTE).div_euclid(MINUTE) + 1;
        let mut now = BEGIN + minutes * MINUTE;
        loop {
            self.members.iter().for_each(|m| m.world.lock().reach(now - BEGIN));
            self.slot(&mut served, now).await;
            served.settled().await;
            if self.has_read_all(&served, now).await {
                break;
            }
            now += MINUTE;
        }
        self.nothing_is_lost();
        for member in &self.members {
            let name = &member.spec.name;
            while let Triggered::Remembered { .. } =
                served.handle.trigger(name, RunOptions::of(RunKind::Full)).await.unwrap()
            {
                served.something().await;
            }
        }
        Self::idle(&mut served).await;
        served.settled().await;
        let house = self.closed(served).await;
        self.second_project().await;
        self.each_event_has_one_id();
        house
    }
}

async fn happens(seed: u64) {
    let (mut history, house) = History::new(seed);
    println!("seed {seed}: {}", history.about());
    history.go(house).await;
    SEEN.lock().unwrap().add(&history.seen);
}

#[test]
fn all_rules_hold_together_in_random_histories() {
    let histories = slice_or_whole(2, 500);
    every_case(histories, |seed| Box::pin(happens(seed)));
    let seen = SEEN.lock().unwrap();
    let found = [seen.restored, seen.lost_states, seen.left_out, seen.filled, seen.new_ids, seen.too_late];
    assert!(histories < 50 || found.iter().all(|n| *n > 0), "{found:?}");
    Report::new(
        "combined::all_rules_hold_together_in_random_histories",
        "three syncs of two projects in one workspace: restored and lost states, kills, late rows, edits, \
         runs with options, a destination that refuses, is slow and is left out",
        histories,
    )
    .with("runs", seen.runs)
    .with("with options", seen.with_options)
    .with("edits", seen.edits)
    .with("kills", seen.kills)
    .with("restored states", seen.restored)
    .with("lost states", seen.lost_states)
    .with("runs that left a destination out", seen.left_out)
    .with("fills", seen.filled)
    .with("rows committed later than promised", seen.too_late)
    .with("events with content ids", seen.events)
    .with("sent again, under the same id", seen.repeated)
    .with("events under two ids", 0)
    .with("ids with two events", 0)
    .with("people with a wrong last value", 0)
    .print();
}
