//! No holes and no repeats: an oracle judges what runs deliver from a table that others write to.
//!
//! The oracle knows each version of each row. It calls a row *missed* if a snapshot showed it and
//! no run up to that one read it, and a person *stale* if the destination's latest value is not the
//! snapshot's. A call is an *unneeded repeat* if the run before this one read that very version,
//! and none of this is so: the query was edited or the run lost; a run with options in between has
//! not sent it (it may have overwritten it); of equal events, a switched clock reads further back
//! than the database was queried for.

mod cases;
pub mod world;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use outflow_core::ports::state::NewRun;
use outflow_core::run::{RunKind, RunOptions, RunSpec, RunTrigger};
use outflow_core::{Answer, BoxFuture, CallType, Clock, Code, FirstRun, RunState, SyncSpec, Timestamp};
use outflow_engine::{Errors, RunDocument};
use outflow_testkit::{Report, Rng, seed, slice_or_whole};
use serde_json::Value;

use crate::parts::{House, Scripted, codes, stop, users_to};
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
        assert!(resumed || document.state == RunState::Succeeded, "{document:?}");
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
        assert_eq!(document.rows.rejected as usize, result.iter().filter(|n| !good(n)).count(), "{run}");

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
        self.switched = false;
    }

    /// The content of a call, in the form of its version's content.
    fn content(&self, call: &Value, snapshot: &[Version]) -> String {
        let text = |path: &str| {
            call.pointer(path).map_or(String::new(), |v| v.as_str().map_or_else(|| v.to_string(), Into::into))
        };
        let (key, value) = (text("/userId"), text(if self.shape.people { "/traits/plan" } else { "/event" }));
        let same = |v: &&Version| {
            let moment = Timestamp::from_microsecond(v.stamp).unwrap();
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

    /// A run whose result breaks off.
    async fn fail(&mut self, rng: &mut Rng) {
        self.world.lock().breaks_after = Some(rng.below(4) as usize);
        let errors = self.house.run(&self.spec, &self.world).await.unwrap_err();
        self.failed(&errors);
    }

    fn failed(&mut self, errors: &Errors) {
        assert_eq!(codes(errors), [Code::ConnectionBroken]);
        self.tried();
        assert!(self.sent().iter().all(Vec::is_empty));
    }

    /// A process that dies while its run extracts; the run that follows takes it up again.
    async fn crash(&mut self) {
        let clock = self.world.lock().clock();
        let (source, query) = ("shop.main".into(), self.spec.query.clone());
        let new = NewRun {
            sync: "users".into(),
            call_type: self.spec.call_type,
            trigger: RunTrigger::Manual,
            spec: RunSpec {
                source,
                query,
                connections: self.spec.connections.clone(),
                options: RunOptions::default(),
                guards: outflow_core::Guards::default(),
                skipped: Vec::new(),
            },
            due_at: self.world.now(),
            started_at: self.world.now(),
        };
        let run = self.house.state().create_run(&new).await.unwrap().id;
        self.house.state().begin_extraction(run, clock, "1").await.unwrap();
        self.tried();
        self.live(3, 1_000_000);
        assert!(self.run().await.resumed);
    }

    /// A run of whose calls those that destinations lack are lost, and are read again.
    async fn lose(&mut self, rng: &mut Rng) {
        self.takes.store(0, Ordering::SeqCst);
        let document = self.house.run(&self.spec, &self.world).await.unwrap();
        self.tried();
        let (snapshot, result) = self.read();
        if document.state == RunState::Delivering {
            self.house.engine.spool.remove(document.run).await.unwrap();
            let errors = self.house.run(&self.spec, &self.world).await.unwrap_err();
            assert_eq!(codes(&errors), [Code::SegmentMissing]);
            self.takes.store(usize::MAX, Ordering::SeqCst);
            self.live(rng.below(6), 1_000_000);
            for (n, name) in ["a", "b"].into_iter().enumerate() {
                let gap = self.house.engine.reader().gap("users", name).await.unwrap().unwrap();
                let filled = self.house.run_beside(&self.spec, &self.world, gap.backfill(name)).await;
                assert_eq!(filled.state, RunState::Succeeded, "{filled:?}");
                self.judge_fill(n, &result, &snapshot);
            }
            self.seen.extend(&result);
            self.previous = Some(result);
            self.between.clear();
            self.switched = false;
        } else {
            self.takes.store(usize::MAX, Ordering::SeqCst);
            self.judge(&document, &snapshot, result);
        }
    }

    /// What filled the gap of a lost run sent of that run what is still there, and nothing that an
    /// earlier run sent or the next one will send.
    fn judge_fill(&mut self, destination: usize, lost: &HashSet<usize>, before: &[Version]) {
        let (snapshot, found) = self.read();
        let snapshot = &snapshot[..];
        let none = HashSet::new();
        let kept = self.previous.as_ref().unwrap_or(&none).clone();
        let by_number: HashMap<usize, &Version> = snapshot.iter().map(|v| (v.number, v)).collect();
        let (people, beyond) = (self.shape.people, self.switched || !self.between.is_empty());
        let mut needed = Bag::new();
        // A person may have been touched since, and say the same.
        let is_there = |n: &usize| if people { true } else { found.contains(n) && by_number[n].good };
        let is_needed =
            |v: &&Version| lost.contains(&v.number) && !kept.contains(&v.number) && is_there(&v.number);
        for version in before.iter().filter(is_needed) {
            *needed.entry(version.content(&self.shape)).or_default() += 1;
        }
        let calls = self.sent();
        assert!(calls[1 - destination].is_empty(), "the others get nothing of it");
        let mut sent = Bag::new();
        for call in &calls[destination] {
            *sent.entry(self.content(call, snapshot)).or_default() += 1;
        }
        for (content, n) in &sent {
            let most = needed.get(content).unwrap_or(&0);
            assert!(n <= most || beyond, "a fill sent {content:?} {n} times, {most} are needed");
        }
        for (content, n) in needed.iter().filter(|_| !people) {
            let sent = sent.get(content).unwrap_or(&0);
            assert!(sent >= n, "a fill sent {content:?} {sent} times, {n} are needed");
        }
        for v in snapshot.iter().filter(|v| people && v.good && lost.contains(&v.number)) {
            let word = self.words[destination].get(&v.key).map(String::as_str);
            assert_eq!(word, Some(v.value), "a fill left {v:?} stale");
        }
    }

    /// A run with options sends what it reads, and moves nothing.
    async fn run_with(&mut self, options: RunOptions) {
        let before = self.house.state().sync("users").await.unwrap();
        let document = self.house.run_with(&self.spec, &self.world, options.clone()).await.unwrap();
        let (snapshot, result) = self.read();
        let good = snapshot.iter().filter(|v| v.good && result.contains(&v.number)).count();
        let sent = self.sent();
        assert_eq!(sent[1].len(), good, "{options:?}");
        assert_eq!(sent[0].len(), if options.destination.is_some() { 0 } else { good }, "{options:?}");
        assert_eq!(document.rows.unchanged, 0);
        let after = self.house.state().sync("users").await.unwrap();
        assert_eq!((&after.watermark, &after.cursor), (&before.watermark, &before.cursor), "{options:?}");
        self.between.push(result);
    }

    async fn something(&mut self, rng: &mut Rng) {
        match rng.below(20) {
            0 => self.fail(rng).await,
            1 => self.crash().await,
            2 => {
                self.takes.store(rng.below(3) as usize, Ordering::SeqCst);
                self.run().await;
                self.takes.store(usize::MAX, Ordering::SeqCst);
            }
            3 => self.lose(rng).await,
            4 => {
                self.spec.query += " -- edited";
                self.previous = None;
                self.run().await;
            }
            5 if !self.shape.cursor => {
                self.world.lock().switch_clock();
                self.switched = true;
                self.live(3, 1_000_000);
                self.run().await;
            }
            6 => {
                self.world.lock().breaks_again = true;
                self.run_or_fail().await;
                self.world.lock().breaks_again = false;
            }
            7 | 8 => {
                let full = rng.below(2) == 0;
                let destination = (rng.below(2) == 0).then(|| "b".to_owned());
                let limit = (rng.below(2) == 0).then(|| 1 + rng.below(4));
                let back = rng.below(60_000_000) as i64;
                let since = (!full && rng.below(2) == 0)
                    .then(|| Timestamp::from_microsecond(self.world.now().as_microsecond() - back).unwrap());
                let kind = match since {
                    _ if full => RunKind::Full,
                    Some(at) => RunKind::Since { at },
                    None => RunKind::Incremental,
                };
                let options = RunOptions { kind, limit, destination };
                if !options.is_incremental() {
                    self.run_with(options).await;
                }
            }
            _ => {
                self.run().await;
            }
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
    Shape { people, timed, cursor, unit, at_least, lookback: lookback as i64, whole_clock }
}

async fn one_case(seed: u64) {
    let mut rng = Rng::new(seed);
    let shape = shape(&mut rng);
    let first_run = if !shape.cursor && rng.below(3) == 0 { FirstRun::Now } else { FirstRun::Beginning };
    let mut watched = Watched::new(shape, first_run, rng.next_u64());
    let longest = [100_000, 1_000_000, 5_000_000][rng.below(3) as usize];
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
    let cases = if std::env::var_os("OUTFLOW_LONG").is_some() { 2_000 } else { 300 };
    every_case(cases, |seed| Box::pin(one_case(seed)));
}

#[test]
fn nothing_is_missed_when_clocks_are_set_ahead_and_back() {
    let cases = slice_or_whole(100, 1_000);
    every_case(cases, |seed| Box::pin(one_case_of_clocks(seed)));
    let what = "histories of runs while clocks of database and machine, one or both, are set ahead, back and right by seconds to years";
    Report::new("incremental::nothing_is_missed_when_clocks_are_set_ahead_and_back", what, cases)
        .with("rows that no run read", 0)
        .print();
}

/// Runs the cases of a random test side by side.
fn every_case(cases: u64, one_case: fn(u64) -> BoxFuture<'static, ()>) {
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
