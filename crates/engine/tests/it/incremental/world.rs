//! A warehouse's table as its readers and writers see it: transactions stamp rows and commit later,
//! a snapshot sees what is committed, a query is evaluated from its text. Time is a number.

mod rich;
mod session;
mod shape;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use outflow_core::Timestamp;
use outflow_core::ports::warehouse::{OpenTransactions, Statement, Visibility};
use outflow_testkit::Rng;
use tokio::sync::Notify;

pub use shape::{Columns, Form, Shape, Unit};

/// A number: true time in microseconds where nothing else is said.
pub type Micros = i64;

/// Where every world begins: 2023-11-14T22:13:20Z.
const BEGIN: Micros = 1_700_000_000_000_000;
const SECOND: Micros = 1_000_000;

/// A row as one transaction wrote it.
#[derive(Clone, Debug)]
pub struct Version {
    /// Its number in the world.
    pub number: usize,
    pub key: u64,
    pub value: &'static str,
    /// Else it becomes a rejection.
    pub good: bool,
    /// By the warehouse's clock, or the counter.
    pub stamp: i64,
    /// The number of the event; a correction has that of what it corrects.
    pub event: usize,
    /// It is committed as early as it may be, so that no run may miss it.
    pub promised: bool,
    /// When its transaction began, by the warehouse's clock; `None`: no session sees it.
    begun: Option<Micros>,
    visible: bool,
}

impl Version {
    /// What distinguishes its call from others.
    pub fn content(&self, shape: &Shape) -> String {
        let time = if shape.timed || shape.cursor { shape.value(self.stamp) } else { 0 };
        format!("{} {} {time}", self.key, self.value)
    }
}

/// What goes on in a warehouse.
pub struct World {
    pub shape: Shape,
    rng: Rng,
    now: Micros,
    /// How far the warehouse's clock is ahead.
    skew: Micros,
    /// How far the local clock is ahead.
    own_skew: Micros,
    /// How often the local machine has started; `None`: it does not tell its uptime.
    pub boot: Option<u32>,
    pub place: String,
    /// Which open transactions a session sees.
    pub sight: Visibility,
    /// How long a transaction that is seen may be open, in seconds.
    pub longest_seen: i64,
    /// When sessions began that have a transaction open and write nothing.
    pub idle: Vec<Micros>,
    pub versions: Vec<Version>,
    /// Versions that are not committed, and when they will be.
    pending: Vec<(Micros, usize)>,
    /// The next result breaks off after that many rows.
    pub breaks_after: Option<usize>,
    /// This many results come before that one.
    pub breaks_later: usize,
    /// The next statement on a held snapshot breaks off.
    pub breaks_again: bool,
    /// What the last query saw, and which of it was its result.
    pub snapshot: Vec<Version>,
    pub result: HashSet<usize>,
    /// What the clock said last.
    pub last_clock: Micros,
    /// Nothing happens by itself.
    pub quiet: bool,
    /// Rows are corrected, deleted, inserted again and committed too late, too.
    pub rich: bool,
    /// What writers write in a rich world.
    pub values: [&'static str; 3],
    /// How many equal rows there ever were at a time.
    pub most: HashMap<String, usize>,
    /// A statement with this text fails: what it reads is gone.
    pub dropped: Option<&'static str>,
    /// The next statement that holds its snapshot waits for this before it gives rows.
    pub hold: Option<Hold>,
    /// It waits now.
    pub is_held: bool,
}

/// What a statement waits for.
#[derive(Clone, Default)]
pub struct Hold {
    /// It has begun to wait.
    pub begun: Arc<Notify>,
    /// It may go on.
    pub ended: Arc<Notify>,
}

impl World {
    pub fn new(shape: Shape, seed: u64) -> Self {
        Self {
            shape,
            rng: Rng::new(seed),
            now: BEGIN,
            skew: 0,
            own_skew: 0,
            boot: Some(1),
            place: "one".to_owned(),
            sight: Visibility::None,
            longest_seen: 3_600,
            idle: Vec::new(),
            versions: Vec::new(),
            pending: Vec::new(),
            breaks_after: None,
            breaks_later: 0,
            breaks_again: false,
            snapshot: Vec::new(),
            result: HashSet::new(),
            last_clock: 0,
            quiet: false,
            dropped: None,
            hold: None,
            is_held: false,
            rich: false,
            values: ["A", "B", "C"],
            most: HashMap::new(),
        }
    }

    /// A world in which only scripted events happen.
    pub fn quiet(shape: Shape) -> Self {
        Self { quiet: true, ..Self::new(shape, 0) }
    }

    /// The true time is that many seconds after the beginning.
    pub fn at(&mut self, seconds: f64) {
        self.now = BEGIN + (seconds * SECOND as f64) as i64;
    }

    /// Time goes on until that many seconds after the beginning, if it is not later already.
    pub fn reach(&mut self, seconds: i64) {
        let target = BEGIN + seconds * SECOND;
        self.commit_until(target);
        self.now = self.now.max(target);
    }

    /// A row that is stamped now and committed at once.
    pub fn put(&mut self, key: u64, value: &'static str) {
        let stamp = self.now + self.skew;
        self.put_stamped(key, value, stamp, true);
    }

    /// A row with this stamp that is committed at once; a person's row takes the place of the one
    /// before.
    pub fn put_stamped(&mut self, key: u64, value: &'static str, stamp: i64, good: bool) {
        let number = self.add(key, value, good, stamp, None);
        self.commit(number);
    }

    /// A row that is stamped now and committed that many seconds later.
    pub fn put_late(&mut self, key: u64, value: &'static str, lag: i64, is_seen: bool) {
        let number = self.versions.len();
        let stamp = match self.shape.unit {
            Unit::Counter => number as i64 + 1,
            _ => self.now + self.skew,
        };
        let begun = is_seen.then_some(self.now + self.skew);
        self.add(key, value, true, stamp, begun);
        self.pending.push((self.now + lag * SECOND, number));
    }

    /// A version that is not committed yet; its number.
    fn add(&mut self, key: u64, value: &'static str, good: bool, stamp: i64, begun: Option<Micros>) -> usize {
        let number = self.versions.len();
        let (event, promised, visible) = (number, true, false);
        self.versions.push(Version { number, key, value, good, stamp, event, promised, begun, visible });
        number
    }

    /// A session begins a transaction now, and keeps it open.
    pub fn idles(&mut self) {
        self.idle.push(self.now + self.skew);
    }

    /// What a session sees of open transactions.
    fn open(&self) -> OpenTransactions {
        let writers = self.pending.iter().filter_map(|p| self.versions[p.1].begun);
        let oldest = writers.chain(self.idle.iter().copied()).min();
        let oldest = oldest.filter(|_| self.sight != Visibility::None);
        let oldest = oldest.map(|us| Timestamp::from_microsecond(us).unwrap());
        OpenTransactions { oldest, seen: self.sight, ..OpenTransactions::default() }
    }

    /// This server takes over, with a clock that is that many seconds ahead of the true time.
    pub fn moves_to(&mut self, place: &str, ahead: i64) {
        (self.place, self.skew) = (place.to_owned(), ahead * SECOND);
    }

    /// The database and Outflow are on one machine, whose clock is that many seconds ahead.
    pub fn both_ahead(&mut self, seconds: i64) {
        (self.skew, self.own_skew) = (seconds * SECOND, seconds * SECOND);
    }

    /// The warehouse's clock, the local one, or both alike are set: right, or ahead or back by
    /// seconds to years.
    pub fn set_clocks(&mut self) {
        let most = [6, 360, 12 * 360, 30 * 8_640, 40 * 365 * 8_640][self.rng.below(5) as usize];
        let by = (1 + self.rng.below(most) as i64) * 10 * SECOND;
        let by = [by, by, -by, -by, 0][self.rng.below(5) as usize];
        match self.rng.below(3) {
            0 => self.skew = by,
            1 => self.own_skew = by,
            _ => (self.skew, self.own_skew) = (by, by),
        }
    }

    /// The warehouse's clock.
    pub fn clock(&mut self) -> Timestamp {
        let clock = self.now + self.skew;
        self.last_clock = if self.shape.whole_clock { clock.div_euclid(SECOND) * SECOND } else { clock };
        Timestamp::from_microsecond(self.last_clock).unwrap()
    }

    /// Time goes on; what is due is committed; someone may write.
    pub fn step(&mut self, longest: Micros) {
        if self.quiet {
            return;
        }
        let target = self.now + self.rng.below(longest.unsigned_abs() + 1) as i64;
        self.commit_until(target);
        self.now = self.now.max(target);
        if self.rng.below(3) > 0 {
            if self.rich { self.write_richly() } else { self.write() }
        }
    }

    /// Every transaction comes to its end.
    pub fn settle(&mut self) {
        self.commit_until(Micros::MAX);
    }

    fn commit_until(&mut self, time: Micros) {
        while let Some(&(due, version)) = self.pending.iter().filter(|p| p.0 <= time).min() {
            self.now = self.now.max(due);
            self.commit(version);
        }
    }

    fn commit(&mut self, version: usize) {
        let shape = self.shape;
        self.pending.retain(|p| p.1 != version);
        let key = self.versions[version].key;
        if shape.people && shape.form != Form::History {
            self.versions.iter_mut().filter(|v| v.key == key).for_each(|v| v.visible = false);
        }
        if shape.form == Form::Keyed {
            let event = self.versions[version].event;
            self.versions.iter_mut().filter(|v| v.event == event).for_each(|v| v.visible = false);
        }
        self.versions[version].visible = true;
        if self.rich {
            self.count(version);
        }
    }

    /// A transaction stamps a row and will commit it after a while; it may add the same event
    /// twice.
    fn write(&mut self) {
        let is_seen = match self.sight {
            Visibility::None => false,
            Visibility::Some => self.rng.below(2) == 0,
            Visibility::All => true,
        };
        let most = if is_seen { self.longest_seen.max(self.shape.lookback) } else { self.shape.lookback };
        let longest = self.shape.longest_lag(most).unsigned_abs();
        let lag = match self.rng.below(4) {
            0 => 0,
            1 => longest,
            _ => self.rng.below(longest + 1),
        };
        let key = 1 + self.rng.below(if self.shape.people { 6 } else { 2 });
        if self.shape.people && self.pending.iter().any(|p| self.versions[p.1].key == key) {
            return;
        }
        let (value, good) = (["A", "B", "C"][self.rng.below(3) as usize], self.rng.below(8) > 0);
        let twice = !self.shape.people && self.rng.below(5) == 0;
        for _ in 0..1 + usize::from(twice) {
            let number = self.versions.len();
            let stamp =
                if self.shape.unit == Unit::Counter { number as i64 + 1 } else { self.now + self.skew };
            let begun = is_seen.then_some(self.now + self.skew);
            self.add(key, value, good, stamp, begun);
            self.pending.push((self.now + lag as i64, number));
        }
        self.commit_until(self.now);
    }

    /// Another server takes over, or the clock of this one is set back behind what it said last.
    /// Open transactions are lost.
    pub fn switch_clock(&mut self) {
        self.pending.clear();
        let by = self.rng.below(200) as i64 * SECOND / 2;
        match self.rng.below(3) {
            0 => self.skew = self.last_clock.max(BEGIN) - 1 - by - self.now,
            1 => (self.skew, self.place) = (self.skew - by, format!("{}'", self.place)),
            _ => (self.skew, self.place) = (self.skew + by, format!("{}'", self.place)),
        }
    }

    fn query(&mut self, statement: &Statement) -> Vec<Version> {
        for _ in 0..self.rng.below(3) {
            self.step(SECOND / 2);
        }
        self.snapshot = self.versions.iter().filter(|v| v.visible).cloned().collect();
        let mut rows = self.read(&statement.sql);
        match self.shape.form {
            Form::History => rows.sort_by_key(|v| (v.stamp, v.number)),
            _ => (1..rows.len()).rev().for_each(|i| rows.swap(i, self.rng.below(i as u64 + 1) as usize)),
        }
        rows.truncate(statement.limit.map_or(usize::MAX, |l| l as usize));
        self.result = rows.iter().map(|v| v.number).collect();
        rows
    }

    /// What a query finds in the snapshot.
    fn read(&self, sql: &str) -> Vec<Version> {
        if self.shape.form == Form::All {
            return self.snapshot.clone();
        }
        let operator = if self.shape.at_least { ">= " } else { "> " };
        let (_, literal) = sql.split_once(operator).unwrap();
        let start = match literal.split('\'').nth(1) {
            Some(text) => format!("{text}Z").parse::<Timestamp>().unwrap().as_microsecond(),
            None => literal.split_whitespace().next().unwrap().parse().unwrap(),
        };
        let found = |v: &&Version| self.shape.compares(self.shape.value(v.stamp), start);
        self.snapshot.iter().filter(found).cloned().collect()
    }
}

/// A world that a run reads from, whose time is ours as well.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }
}
