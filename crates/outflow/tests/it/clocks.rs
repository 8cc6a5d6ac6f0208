//! Clocks that lie, with the real binary: ahead by seconds to years and then right, at the start
//! and under a running `serve`. The source is a SQLite file, whose clock is that of the machine.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use outflow_core::{Clock as _, SystemClock};
use outflow_testkit::crash::{Exit, Running};
use outflow_testkit::{FakeClock, Judge, Receiver, Report, Rng, long, seed, slice_or_whole};
use serde_json::Value;

use crate::support::Project;

const DAY: i64 = 86_400;
const YEAR: i64 = 365 * DAY;

/// A sync of a SQLite file each minute, under a clock that tests set.
struct Lied {
    receiver: Receiver,
    project: Project,
    clock: FakeClock,
    /// What is right here: so far ahead of the real time that no minute ends soon.
    right: i64,
    /// By how much the clock is wrong.
    ahead: i64,
    rows: usize,
}

impl Lied {
    fn new() -> Self {
        let receiver = Receiver::start_blocking();
        let url = receiver.url();
        let project = Project::new(&format!(
            r#"version: 1
sources:
  shop:
    type: sqlite
    databases: {{ main: {{ path: ./shop.db }} }}
    destinations: [journeys]
destinations:
  journeys: {{ type: customerio-pipelines, write_key: "${{env:WRITE_KEY}}", base_url: "{url}" }}
syncs:
  users:
    source: shop.main
    type: identify
    query: SELECT id AS userId, 'on' AS plan FROM users WHERE updated >= {{{{last_sync_time}}}}
    schedule: {{ every: 1m }}
"#
        ));
        let database = rusqlite::Connection::open(project.path().join("shop.db")).unwrap();
        database.execute_batch("CREATE TABLE users (id, updated)").unwrap();
        let clock = FakeClock::new(project.path());
        let mut lied = Self { receiver, project, clock, right: 20 - unix_now() % 60, ahead: 0, rows: 0 };
        lied.set(0);
        lied
    }

    fn set(&mut self, ahead: i64) {
        self.ahead = ahead;
        self.clock.set(self.right + ahead);
    }

    /// A row that is stamped now, by the clock.
    fn add(&mut self) {
        let database = rusqlite::Connection::open(self.project.path().join("shop.db")).unwrap();
        database.busy_timeout(Duration::from_secs(10)).unwrap();
        let values = (format!("u{}", self.rows), unix_now() + self.right + self.ahead);
        database.execute("INSERT INTO users VALUES (?1, ?2)", values).unwrap();
        self.rows += 1;
    }

    fn run(&self, args: &[&str]) -> Exit {
        let exit = self.clock.rules(self.project.program(args)).run();
        exit.assert_code(0);
        exit
    }

    fn serve(&self) -> Running {
        self.clock.rules(self.project.program(&["serve", "--no-wait"])).spawn()
    }

    fn json(&self, args: &[&str]) -> Value {
        let args = [args, &["--output", "json"]].concat();
        serde_json::from_str(&self.run(&args).stdout).unwrap()
    }

    /// Every row so far arrives, within that time.
    fn arrive(&self, limit: Duration) {
        let began = Instant::now();
        loop {
            let calls = self.receiver.calls();
            let arrived: HashSet<_> = calls.iter().map(|call| call["userId"].to_string()).collect();
            if arrived.len() >= self.rows {
                return;
            }
            self.receiver.wait_for_calls_blocking(calls.len() + 1, limit.saturating_sub(began.elapsed()));
        }
    }

    /// Every row has arrived, and none under two ids.
    fn judge(&self) -> outflow_testkit::Verdict {
        let verdict =
            Judge::expecting((0..self.rows).map(|n| format!("u{n}"))).judge(&self.receiver.arrivals());
        assert!(verdict.missing.is_empty(), "{verdict:?}");
        verdict
    }
}

fn unix_now() -> i64 {
    SystemClock.now().as_second()
}

/// How long after a jump the scheduler looks at the clock, and some time for a slow machine.
const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_schedule_goes_on_after_a_run_by_a_clock_that_was_ahead() {
    for ahead in [2 * 3_600, 30 * DAY, 30 * YEAR] {
        let mut lied = Lied::new();
        lied.set(ahead);
        lied.add();
        lied.run(&["run", "--due"]);
        lied.arrive(SOON);
        // The clock is set right.
        lied.set(0);
        lied.add();
        let right = lied.run(&["run", "--due"]);
        assert!(right.stderr.contains("warning[E102]") && right.stderr.contains("slot skipped"), "{right:?}");
        assert!(right.stderr.contains("was set back by"), "{right:?}");
        assert_eq!(lied.receiver.calls().len(), 2, "{right:?}");
        let none = lied.run(&["run", "--due"]);
        assert!(none.stderr.contains("no sync is due") && !none.stderr.contains("E102"), "{none:?}");
        // A minute later.
        lied.set(61);
        lied.add();
        lied.run(&["run", "--due"]);
        assert_eq!(lied.receiver.calls().len(), 3);
        let runs = lied.json(&["runs", "--limit", "0"]);
        let reset: Vec<_> = runs.as_array().unwrap().iter().filter(|run| run["state"] == "skipped").collect();
        assert_eq!((reset.len(), &reset[0]["reason"]["code"]), (1, &"E102".into()), "{runs}");
        assert_eq!(lied.judge().split.len(), 0);
    }
}

#[test]
fn rows_that_come_after_a_run_by_a_clock_that_was_ahead_are_read() {
    for ahead in [5, 3_600, 30 * YEAR] {
        let mut lied = Lied::new();
        lied.set(ahead);
        lied.add();
        lied.run(&["run", "users"]);
        lied.set(0);
        lied.add();
        lied.run(&["run", "users"]);
        lied.add();
        lied.run(&["run", "users"]);
        let verdict = lied.judge();
        assert_eq!((verdict.repeats, verdict.split.len()), (0, 0), "{ahead}: {verdict:?}");
    }
}

#[test]
fn a_serve_goes_on_that_follows_one_whose_clock_was_ahead() {
    let mut lied = Lied::new();
    lied.set(3 * DAY);
    lied.add();
    let running = lied.serve();
    lied.arrive(SOON);
    running.signal("TERM");
    running.wait().assert_code(0);

    lied.set(0);
    lied.add();
    let running = lied.serve();
    lied.arrive(SOON);
    let alerts = lied.json(&["alerts"]).to_string();
    assert!(alerts.contains("clock_jumped") && alerts.contains("E102"), "{alerts}");
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    assert!(exit.stderr.contains("code=E102"), "{exit:?}");
    assert_eq!(lied.judge().split.len(), 0);
    lied.project.assert_closed();
}

#[test]
fn a_serve_whose_clock_leaps_ahead_and_back_goes_on() {
    let mut lied = Lied::new();
    lied.add();
    let running = lied.serve();
    lied.arrive(SOON);
    // Right is a minute later each time, so that a slot has come.
    let whole = [30 * DAY, 61, -YEAR, 122, 40 * YEAR, 183, 3_600, 244, -3_600, 305];
    let leaps = &whole[..slice_or_whole(2, whole.len())];
    for ahead in leaps {
        lied.set(*ahead);
        lied.add();
        if !long() {
            // A reload looks at the clock at once; else the scheduler does so within 20 seconds.
            running.signal("HUP");
        }
        lied.arrive(SOON);
        // The watch for alerts looks a second after the run, before the clock is set again.
        let seen = loop {
            match running.next_line(SOON) {
                Some(line) if line.contains("clock code=E102") => break true,
                Some(_) => {}
                None => break false,
            }
        };
        assert!(seen, "a jump to {ahead} s ahead is in the log");
    }
    running.signal("TERM");
    let exit = running.wait();
    exit.assert_code(0);
    assert!(exit.stderr.contains("leapt ahead by") && exit.stderr.contains("was set back by"), "{exit:?}");
    let verdict = lied.judge();
    lied.project.assert_closed();
    Report::new(
        "clocks::a_serve_whose_clock_leaps_ahead_and_back_goes_on",
        "leaps of the clock under `serve`, by an hour to 40 years (libfaketime)",
        leaps.len() as u64,
    )
    .judged(&verdict)
    .print();
}

#[test]
fn random_jumps_of_the_clock_between_runs_lose_no_row() {
    let mut rng = Rng::new(seed());
    let (histories, began) = (slice_or_whole(2, 60), Instant::now());
    let (mut jumps, mut rows, mut repeats, mut split) = (0, 0, 0, 0);
    for _ in 0..histories {
        let mut lied = Lied::new();
        for _ in 0..12 {
            if rng.below(2) == 0 {
                let most = [60, 3_600, 40 * DAY, 30 * YEAR][rng.below(4) as usize];
                let by = 3 + rng.below(most as u64) as i64;
                lied.set([0, by, by, -by][rng.below(4) as usize]);
                jumps += 1;
            }
            for _ in 0..rng.below(3) {
                lied.add();
            }
            // By hand, or as a cron job does.
            lied.run(if rng.below(3) == 0 { &["run", "--due"] } else { &["run", "users"] });
        }
        lied.run(&["run", "users"]);
        let verdict = lied.judge();
        lied.project.assert_closed();
        rows += lied.rows;
        repeats += verdict.repeats;
        split += verdict.split.len();
    }
    Report::new(
        "clocks::random_jumps_of_the_clock_between_runs_lose_no_row",
        format!("jumps of the clock of machine and SQLite source between runs, by seconds to 30 years, in {histories} histories (libfaketime)"),
        jumps,
    )
    .with("rows", rows)
    .with("rows read again and sent under another id", split + repeats)
    .with("seconds", began.elapsed().as_secs())
    .print();
}
