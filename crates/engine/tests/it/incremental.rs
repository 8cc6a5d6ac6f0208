//! No holes and no repeats: an oracle judges what runs deliver from a table that others write to.
//!
//! The oracle knows each version of each row. It calls a row *missed* if a snapshot showed it and
//! no run up to that one read it, and a person *stale* if the destination's latest value is not the
//! snapshot's. A call is an *unneeded repeat* if the run before this one read that very version,
//! and none of this is so: the query was edited or the run lost; a run with options in between has
//! not sent it (it may have overwritten it); of equal events, a switched clock reads further back
//! than the database was queried for.

mod cases;
mod late;
mod repeated_keys;
mod steps;
pub mod world;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outflow_core::ports::warehouse::Visibility;
use outflow_core::{
    Answer, BoxFuture, CallType, Clock, Code, FirstRun, Guards, RunState, SyncSpec, Timestamp,
};
use outflow_engine::RunDocument;
use outflow_testkit::{Report, Rng, seed, slice_or_whole};
use serde_json::Value;

use crate::parts::{House, Scripted, stop, users_to};
use world::{Shape, Shared, Unit, Version, World};

/// A multiset of contents.
type Bag = HashMap<String, usize>;

/// A sync of a world, and what the oracle knows of it.
struct Watched {
    world: Shared,
    shape: Shape,
    house: House,
    a: Arc<Scripted>,
    b: Arc<Scripted>,
    spec: SyncSpec,
    /// How many requests the destinations take before they stop.
    takes: Arc<AtomicUsize>,
    /// The second from which on the sync owes rows.
    owed_from: Option<i64>,
    /// What committed runs have read.
    seen: HashSet<usize>,
    /// What the run that the next one is compared with has read.
    previous: Option<HashSet<usize>>,
    /// What runs with options since then have read.
    between: Vec<HashSet<usize>>,
    /// The clock was switched: the next run may reach further back.
    switched: bool,
    /// A gap was filled: the next run may be compared with nothing.
    filled: bool,
    /// Every version that a run saw.
    ever: HashMap<usize, Version>,
    /// Each destination's latest value of each person.
    words: [HashMap<u64, String>; 2],
    /// Incremental runs that were checked.
    runs: usize,
}

impl Watched {
    fn new(shape: Shape, first_run: FirstRun, seed: u64) -> Self {
        let takes = Arc::new(AtomicUsize::new(usize::MAX));
        let scripted = |name| {
            let takes = takes.clone();
            Scripted::new(name, move |_, _| {
                let left = takes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
                if left.is_ok() { Answer::Delivered } else { stop(Code::DestinationAuthFailed) }
            })
        };
        let (a, b) = (scripted("a"), scripted("b"));
        let world = Shared::new(World::new(shape, seed));
        let mut house = House::new(&[&a, &b]);
        house.engine.clock = Arc::new(world.clone()) as Arc<dyn Clock>;
        let spec = SyncSpec {
            call_type: if shape.people { CallType::Identify } else { CallType::Track },
            query: shape.query(),
            lookback: Duration::from_secs(shape.lookback.unsigned_abs()),
            // Results of rejected rows alone are a part of it.
            guards: Guards { max_rejected_percent: Some(100), ..Guards::default() },
            cursor: shape.cursor.then(|| "stamp".to_owned()),
            first_run,
            ..users_to(&["a", "b"])
        };
        Self {
            world,
            shape,
            house,
            a,
            b,
            spec,
            takes,
            owed_from: None,
            seen: HashSet::new(),
            previous: None,
            between: Vec::new(),
            switched: false,
            filled: false,
            ever: HashMap::new(),
            words: Default::default(),
            runs: 0,
        }
    }

    /// Time advances by that many steps.
    fn live(&self, steps: u64, longest: i64) {
        (0..steps).for_each(|_| self.world.lock().step(longest));
    }

    /// The first attempt of an incremental run fixes where a sync with `first_run: now` begins.
    fn tried(&mut self) {
        let clock = self.world.lock().last_clock;
        let from = if self.spec.first_run == FirstRun::Now { clock.div_euclid(1_000_000) } else { 0 };
        self.owed_from.get_or_insert(from);
    }

    /// An incremental run that ends, even if destinations stop in between.
    async fn run(&mut self) -> RunDocument {
        let resumed = self.house.state().unfinished("users").await.unwrap().is_some();
        let document = self.house.run(&self.spec, &self.world).await.unwrap();
        self.ended(document, resumed).await
    }

    /// The same where the connection may break in the second query.
    async fn run_or_fail(&mut self) {
        let resumed = self.house.state().unfinished("users").await.unwrap().is_some();
        match self.house.run(&self.spec, &self.world).await {
            Ok(document) => drop(self.ended(document, resumed).await),
            Err(errors) => self.failed(&errors),
        }
    }

    /// What a run that was extracted has sent is judged, when all of it is.
    async fn ended(&mut self, mut document: RunDocument, resumed: bool) -> RunDocument {
        self.tried();
        let (snapshot, result) = self.read();
        while document.state == RunState::Delivering {
            self.takes.store(usize::MAX, Ordering::SeqCst);
            document = self.house.run(&self.spec, &self.world).await.unwrap();
            assert!(document.resumed);
        }
        let is_done = matches!(document.state, RunState::Succeeded | RunState::SucceededWithRejected);
        assert!(resumed || is_done, "{document:?}");
        self.judge(&document, &snapshot, result);
        document
    }

    fn read(&self) -> (Vec<Version>, HashSet<usize>) {
        let world = self.world.lock();
        (world.snapshot.clone(), world.result.clone())
    }

    /// What was sent since the last time, by destination, in order.
    fn sent(&mut self) -> [Vec<Value>; 2] {
        let sent = [&self.a, &self.b].map(|d| std::mem::take(&mut *d.taken.lock().unwrap()));
        for (words, calls) in self.words.iter_mut().zip(&sent) {
            for call in calls {
                let key: u64 = call["userId"].as_str().unwrap().parse().unwrap();
                words.insert(key, call["traits"]["plan"].as_str().unwrap_or_default().to_owned());
            }
        }
        sent
    }

    fn judge(&mut self, document: &RunDocument, snapshot: &[Version], result: HashSet<usize>) {
        self.runs += 1;
        let run = format!("run {} from {:?}", self.runs, document.last_sync_time);
        let by_number: HashMap<usize, &Version> = snapshot.iter().map(|v| (v.number, v)).collect();
        let good = |n: &&usize| by_number[*n].good;
        self.ever.extend(snapshot.iter().map(|v| (v.number, v.clone())));
        self.judge_rejected(document, &result, &run);

        let owed_from = self.owed_from.unwrap();
        for v in snapshot
            .iter()
            .filter(|v| self.shape.unit == Unit::Counter || self.shape.reads(v.stamp, owed_from))
        {
            assert!(self.seen.contains(&v.number) || result.contains(&v.number), "{run} missed {v:?}");
        }

        let none = HashSet::new();
        let kept = self.previous.as_ref().unwrap_or(&none);
        let needed: Vec<usize> = result.difference(kept).filter(good).copied().collect();
        let between = std::mem::take(&mut self.between);
        // Rows that a switched clock reads before the planned start were not requested.
        let beyond = self.switched && !self.shape.people && !self.shape.cursor && !self.shape.timed;
        let excused: Vec<usize> = result
            .intersection(kept)
            .filter(|n| good(n) && (beyond || between.iter().any(|o| !o.contains(n))))
            .copied()
            .collect();
        if self.previous.is_some() && !self.switched {
            let again: Vec<_> = needed.iter().filter(|n| self.seen.contains(n)).collect();
            assert!(again.is_empty(), "{run} reads again what the run before it did not: {again:?}");
        }
        let bag = |numbers: &[usize]| {
            let mut bag = Bag::new();
            numbers.iter().for_each(|n| *bag.entry(by_number[n].content(&self.shape)).or_default() += 1);
            bag
        };
        let (needed, excused) = (bag(&needed), bag(&excused));
        let people = self.shape.people;
        let sent = self.sent();
        for calls in &sent {
            let mut found = Bag::new();
            for call in calls {
                *found.entry(self.content(call, snapshot)).or_default() += 1;
            }
            for (content, n) in &found {
                let most = needed.get(content).unwrap_or(&0) + excused.get(content).unwrap_or(&0);
                assert!(*n <= most, "{run} sent {content:?} {n} times, {most} at most");
            }
            // A person who is touched and stays the same need not be sent.
            for (content, n) in needed.iter().filter(|_| !people) {
                let found = found.get(content).unwrap_or(&0);
                assert!(found >= n, "{run} sent {content:?} {found} times, {n} are needed");
            }
        }
        for v in snapshot
            .iter()
            .filter(|v| people && v.good && (self.seen.contains(&v.number) || result.contains(&v.number)))
        {
            for words in &self.words {
                assert_eq!(words.get(&v.key).map(String::as_str), Some(v.value), "{run}: stale {v:?}");
            }
        }
        self.seen.extend(&result);
        self.previous = Some(result);
        (self.switched, self.filled) = (false, false);
    }

    /// Rows that are rejected are new ones: as many as the run before did not reject, and no more
    /// than it did not read.
    fn judge_rejected(&self, document: &RunDocument, result: &HashSet<usize>, run: &str) {
        let none = HashSet::new();
        let kept = self.previous.as_ref().unwrap_or(&none);
        let bad = |numbers: &HashSet<usize>| {
            let mut bag = Bag::new();
            for version in numbers.iter().filter_map(|n| self.ever.get(n)).filter(|v| !v.good) {
                let content = version.content(&self.shape);
                let (_, told) = content.split_once(' ').unwrap();
                *bag.entry(told.to_owned()).or_default() += 1;
            }
            bag
        };
        let (found, before) = (bad(result), bad(kept));
        let least: usize =
            found.iter().map(|(row, n)| n.saturating_sub(*before.get(row).unwrap_or(&0))).sum();
        let new: HashSet<usize> = result.difference(kept).copied().collect();
        let most: usize = bad(&new).values().sum();
        let rejected = document.rows.rejected as usize;
        assert!(rejected >= least, "{run}: {rejected} rejected rows, {least} are new");
        assert!(
            self.switched || self.filled || rejected <= most,
            "{run}: {rejected} rejected rows, {most} are new at most"
        );
    }

    /// The content of a call, in the form of its version's content.
    fn content(&self, call: &Value, snapshot: &[Version]) -> String {
        let text = |path: &str| {
            call.pointer(path).map_or(String::new(), |v| v.as_str().map_or_else(|| v.to_string(), Into::into))
        };
        let (key, value) = (text("/userId"), text(if self.shape.people { "/traits/plan" } else { "/event" }));
        let same = |v: &&Version| {
            let moment = Timestamp::from_microsecond(self.shape.moment(v.stamp)).unwrap();
            let fields = |at: &str| at.parse::<Timestamp>().is_ok_and(|t| t == moment);
            v.key.to_string() == key
                && v.value == value
                && (!self.shape.timed || fields(&text("/timestamp")))
                && (!self.shape.cursor || {
                    let stamp = text(if self.shape.people { "/traits/stamp" } else { "/properties/stamp" });
                    fields(&stamp)
                        || v.content(&Shape { timed: false, ..self.shape }).ends_with(&format!(" {stamp}"))
                })
        };
        match snapshot.iter().find(same) {
            Some(v) => v.content(&self.shape),
            None => panic!("a call that no row makes: {call}"),
        }
    }
}

fn shape(rng: &mut Rng) -> Shape {
    let (people, cursor) = (rng.below(2) == 0, rng.below(2) == 0);
    let unit = match rng.below(if cursor { 4 } else { 3 }) {
        0 => Unit::Seconds,
        1 => Unit::Millis,
        2 => Unit::Timestamp,
        _ => Unit::Counter,
    };
    let at_least = rng.below(2) == 0;
    let least = u64::from(!at_least);
    let lookback = match rng.below(4) {
        0 => least,
        1 => 1,
        2 => least + rng.below(10),
        _ => least + rng.below(120),
    };
    let timed = !people && rng.below(2) == 0 && unit != Unit::Counter;
    let whole_clock = rng.below(2) == 0;
    let (form, columns) = Default::default();
    Shape { people, timed, cursor, unit, at_least, lookback: lookback as i64, whole_clock, form, columns }
}

/// What a session sees of open transactions, and for how long those may be open; sometimes a
/// session that is left open.
fn open_transactions(watched: &mut Watched, rng: &mut Rng) {
    let longest: i64 = [60, 600, 3_600][rng.below(3) as usize];
    watched.spec.lookback_max = Duration::from_secs(longest.unsigned_abs());
    let mut world = watched.world.lock();
    world.longest_seen = longest;
    world.sight = [Visibility::None, Visibility::Some, Visibility::All][rng.below(3) as usize];
    if rng.below(4) == 0 {
        world.idles();
    }
}

async fn one_case(seed: u64) {
    let mut rng = Rng::new(seed);
    let shape = shape(&mut rng);
    let first_run = if !shape.cursor && rng.below(3) == 0 { FirstRun::Now } else { FirstRun::Beginning };
    let mut watched = Watched::new(shape, first_run, rng.next_u64());
    open_transactions(&mut watched, &mut rng);
    let longest = [100_000, 1_000_000, 5_000_000, 300_000_000][rng.below(4) as usize];
    for _ in 0..6 + rng.below(6) {
        watched.live(1 + rng.below(12), longest);
        watched.something(&mut rng).await;
    }
    watched.world.lock().settle();
    watched.run().await;
    let last = watched.run().await;
    assert!(shape.people || last.rows.read >= last.rows.calls, "{shape:?}");
}

/// Clocks are set ahead and back, by seconds to years, and runs see it. The machine may restart
/// while they stand.
async fn one_case_of_clocks(seed: u64) {
    let mut rng = Rng::new(seed);
    let shape = Shape { cursor: false, ..shape(&mut rng) };
    let shape = if shape.unit == Unit::Counter { Shape { unit: Unit::Seconds, ..shape } } else { shape };
    let first_run = if rng.below(4) == 0 { FirstRun::Now } else { FirstRun::Beginning };
    let mut watched = Watched::new(shape, first_run, rng.next_u64());
    let longest = [100_000, 1_000_000, 5_000_000][rng.below(3) as usize];
    if rng.below(2) == 0 {
        watched.world.lock().set_clocks();
    }
    for _ in 0..6 + rng.below(8) {
        watched.live(1 + rng.below(12), longest);
        match rng.below(6) {
            0 | 1 => {
                if watched.runs == 0 {
                    // No run has seen the clock yet, so none can know of a leap over open
                    // transactions.
                    watched.world.lock().settle();
                }
                watched.world.lock().set_clocks();
                watched.switched = true;
                watched.live(1 + rng.below(12), longest);
                watched.run().await;
            }
            2 => {
                if let Some(boot) = &mut watched.world.lock().boot {
                    *boot += 1;
                }
                watched.switched = true;
                watched.run().await;
            }
            _ => watched.something(&mut rng).await,
        }
    }
    watched.world.lock().settle();
    watched.run().await;
}

#[test]
fn nothing_is_missed_and_nothing_is_sent_again_without_need() {
    let cases = if std::env::var_os("OUTFLOW_LONG").is_some() { 2_000 } else { 60 };
    every_case(cases, |seed| Box::pin(one_case(seed)));
}

#[test]
fn nothing_is_missed_when_clocks_are_set_ahead_and_back() {
    let cases = slice_or_whole(30, 1_000);
    every_case(cases, |seed| Box::pin(one_case_of_clocks(seed)));
    let what = "histories of runs while clocks of database and machine, one or both, are set ahead, back and right by seconds to years";
    Report::new("incremental::nothing_is_missed_when_clocks_are_set_ahead_and_back", what, cases)
        .with("rows that no run read", 0)
        .print();
}

/// Runs the cases of a random test side by side.
pub fn every_case(cases: u64, one_case: fn(u64) -> BoxFuture<'static, ()>) {
    let seed = seed();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        let mut failed = Vec::new();
        for case in 0..cases {
            if tasks.len() == 8 {
                failed.extend(tasks.join_next().await.unwrap().unwrap());
            }
            tasks.spawn(async move {
                let done = tokio::spawn(one_case(seed.wrapping_add(case))).await;
                done.err().map(|_| seed.wrapping_add(case))
            });
        }
        while let Some(done) = tasks.join_next().await {
            failed.extend(done.unwrap());
        }
        assert!(
            failed.is_empty(),
            "cases that fail, each a seed with which the first case fails: {failed:?}"
        );
    });
}
