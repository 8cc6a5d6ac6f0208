//! Rows that are committed long after their stamp, case by case, and the rule beside the one that
//! it replaced.

use std::time::Duration;

use outflow_core::ports::state::{BaselineRun, Cursor, NewRun, SyncState, Watermark};
use outflow_core::ports::warehouse::Visibility;
use outflow_core::run::{RunOptions, RunSpec, RunTrigger};
use outflow_core::{Guards, Timestamp};
use outflow_testkit::{Rng, seed};

use super::cases::{EVENTS, PEOPLE, Quiet};
use super::world::{Shape, Unit};

impl Quiet {
    fn seeing(shape: Shape) -> Self {
        let q = Self::new(shape);
        q.world.lock().sight = Visibility::All;
        q
    }

    /// A run at this second, when all that was due has been committed; what it sent.
    async fn then_run_at(&self, seconds: i64) -> Vec<String> {
        self.world.lock().reach(seconds);
        self.run().await;
        self.sent()
    }

    fn put_late(&self, seconds: i64, key: u64, value: &'static str, lag: i64, is_seen: bool) {
        let mut world = self.world.lock();
        world.reach(seconds);
        world.put_late(key, value, lag, is_seen);
    }

    async fn kept(&self) -> SyncState {
        self.house.state().sync("users").await.unwrap()
    }

    /// How long before its clock the last run's successor begins, in seconds.
    async fn reaches_back(&self) -> i64 {
        let watermark = self.kept().await.watermark.unwrap();
        (watermark.clock_us - watermark.next_us.unwrap()) / 1_000_000
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_a_transaction_that_was_seen_open_is_read_whenever_it_is_committed() {
    for shape in [PEOPLE, EVENTS, Shape { at_least: false, ..EVENTS }, Shape { cursor: true, ..PEOPLE }] {
        let q = Quiet::seeing(shape);
        q.put_late(100, 1, "A", 1_800, true);
        q.put(101.0, 2, "A");
        assert_eq!(q.then_run_at(110).await, ["2 A"]);
        for seconds in [500, 1_000, 1_500, 1_890] {
            assert_eq!(q.then_run_at(seconds).await, [""; 0]);
        }
        assert_eq!(q.then_run_at(1_901).await, ["1 A"], "{shape:?}");
        assert_eq!(q.then_run_at(1_902).await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_nobody_sees_is_waited_for_as_long_as_the_lookback() {
    let mut q = Quiet::new(PEOPLE);
    q.spec.lookback = Duration::from_secs(300);
    q.put_late(100, 1, "A", 299, false);
    for seconds in [101, 250, 398] {
        assert_eq!(q.then_run_at(seconds).await, [""; 0]);
    }
    assert_eq!(q.then_run_at(400).await, ["1 A"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_open_for_nine_hours_keeps_runs_back_by_an_hour_and_is_named() {
    let q = Quiet::seeing(PEOPLE);
    q.world.lock().idles();
    q.put(1.0, 1, "A");
    assert_eq!(q.then_run_at(60).await, ["1 A"]);
    assert_eq!(q.kept().await.watermark.unwrap().open_us, None);
    q.then_run_at(8 * 3_600).await;
    assert_eq!(q.reaches_back().await, 3_600);
    let note = q.note_at(f64::from(9 * 3_600)).await.unwrap();
    assert!(note.contains("open for 9 h") && note.contains("1 h at most") && note.contains("E104"), "{note}");
    let standing = q.house.state().standings(Timestamp::MIN, Timestamp::MAX).await.unwrap().remove(0);
    assert_eq!(standing.open_since.unwrap().as_second(), 1_700_000_000);
    // It ends, and so does the trouble.
    q.world.lock().idle.clear();
    q.then_run_at(9 * 3_600 + 60).await;
    let standing = q.house.state().standings(Timestamp::MIN, Timestamp::MAX).await.unwrap().remove(0);
    assert_eq!((standing.open_since, q.reaches_back().await), (None, 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_lookback_sends_nothing_again_and_voids_nothing() {
    for shape in [PEOPLE, EVENTS, Shape { timed: true, ..EVENTS }] {
        let mut q = Quiet::new(shape);
        q.put(1.0, 1, "A");
        assert_eq!(q.then_run_at(100).await, ["1 A"]);
        q.put(101.0, 2, "A");
        assert_eq!(q.then_run_at(110).await, ["2 A"]);
        for (n, lookback) in [7_200, 0, 30, 86_400].into_iter().enumerate() {
            q.spec.lookback = Duration::from_secs(lookback);
            let second = 112 + n as i64;
            assert_eq!(q.note_at(second as f64).await, None, "{lookback}");
            assert_eq!(q.sent(), [""; 0], "{lookback}");
        }
        // What is raised takes effect as time goes on.
        q.then_run_at(1_000).await;
        q.put_late(1_001, 9, "B", 800, false);
        q.then_run_at(1_100).await;
        assert_eq!(q.then_run_at(1_900).await, ["9 B"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_is_committed_late_is_read() {
    let counter = Shape { cursor: true, unit: Unit::Counter, ..EVENTS };
    for at_least in [true, false] {
        let mut q = Quiet::new(Shape { at_least, ..counter });
        q.spec.lookback = Duration::from_secs(300);
        q.put_late(10, 1, "A", 250, false);
        q.put_late(11, 2, "A", 0, false);
        assert_eq!(q.then_run_at(12).await, ["2 A"]);
        assert_eq!(q.then_run_at(100).await, [""; 0]);
        assert_eq!(q.then_run_at(261).await, ["1 A"], "a smaller number than what was seen");
        q.put_late(500, 3, "A", 290, false);
        q.put_late(501, 4, "A", 0, false);
        assert_eq!(q.then_run_at(502).await, ["4 A"]);
        assert_eq!(q.then_run_at(791).await, ["3 A"]);
        // Runs go on: they do not read all numbers for ever.
        q.then_run_at(2_000).await;
        q.then_run_at(3_000).await;
        assert_eq!(q.kept().await.cursor.unwrap().next.as_deref(), Some("4"));
    }
}

/// What a version without stored starts left, with the lookback of a second that it had.
async fn left_by_an_older_version(q: &Quiet, clock: i64) {
    let state = q.house.state();
    let kept = q.kept().await;
    let run = kept.baseline.as_ref().unwrap().run;
    let record = state.run(run).await.unwrap().unwrap();
    let new = NewRun {
        sync: "users".into(),
        call_type: q.spec.call_type,
        trigger: RunTrigger::Manual,
        spec: RunSpec {
            source: record.spec.source.clone(),
            query: q.spec.query.clone(),
            connections: q.spec.connections.clone(),
            options: RunOptions::default(),
            guards: Guards::default(),
            skipped: Vec::new(),
            ids: record.spec.ids.clone(),
        },
        due_at: record.due_at,
        started_at: record.started_at,
    };
    // Its run found nothing, and is compared with as the one before.
    let id = state.create_run(&new).await.unwrap().id;
    let at = Timestamp::from_second(clock).unwrap();
    state.begin_extraction(id, at, &(clock - 1).to_string()).await.unwrap();
    let watermark = Watermark { next_us: None, open_us: None, ..kept.watermark.clone().unwrap() };
    let cursor = kept.cursor.map(|cursor| Cursor { next: None, history: Vec::new(), ..cursor });
    let baseline = Some(BaselineRun { run, ..kept.baseline.clone().unwrap() });
    let update = SyncState { watermark: Some(watermark), cursor, baseline };
    state.commit_extraction(id, &crate::parts::nothing_read(at, update)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_to_a_longer_lookback_sends_nothing_again() {
    for shape in [EVENTS, PEOPLE, Shape { cursor: true, ..EVENTS }] {
        let mut q = Quiet::new(Shape { lookback: 1, ..shape });
        q.put(100.0, 1, "A");
        assert_eq!(q.then_run_at(101).await, ["1 A"]);
        q.put(150.0, 2, "A");
        assert_eq!(q.then_run_at(200).await, ["2 A"]);
        left_by_an_older_version(&q, 1_700_000_200).await;
        assert_eq!(q.kept().await.watermark.unwrap().next_us, None);
        q.spec.lookback = Duration::from_secs(300);
        assert_eq!(q.then_run_at(210).await, [""; 0], "{shape:?}");
        q.put(211.0, 3, "A");
        assert_eq!(q.then_run_at(220).await, ["3 A"]);
    }
}

/// Rows that no run read, of transactions that are open for up to an hour, by the rule that asks
/// for open transactions in the run that reaches back, and by the one that stores the start in the
/// run before.
fn lost_by_each_rule(rng: &mut Rng) -> [usize; 2] {
    let (lookback, most) = (300, 3_600);
    let mut rows: Vec<(i64, i64)> = Vec::new();
    for _ in 0..400 {
        let begun = rng.below(20_000) as i64;
        let lag = if rng.below(4) == 0 { rng.below(most as u64 - 2) } else { rng.below(5) } as i64;
        rows.push((begun, begun + lag));
    }
    let mut read = [vec![false; rows.len()], vec![false; rows.len()]];
    let (mut now, mut clock, mut stored) = (0, 0, 0);
    while now < 30_000 {
        now += 1 + rng.below(1_200) as i64;
        let open = rows.iter().filter(|(begun, end)| *begun <= now && *end > now).map(|row| row.0).min();
        let asked_now = open.map_or(clock - lookback, |open| (clock - lookback).min(open)).max(now - most);
        for (start, read) in [asked_now, stored].into_iter().zip(&mut read) {
            for (row, read) in rows.iter().zip(read) {
                *read |= row.1 <= now && row.0 >= start;
            }
        }
        stored = open.map_or(now - lookback, |open| (now - lookback).min(open - 1)).max(now - most);
        clock = now;
    }
    read.map(|read| read.iter().filter(|read| !**read).count())
}

#[test]
fn to_ask_in_the_run_that_reaches_back_is_too_late_and_the_stored_start_loses_nothing() {
    let mut rng = Rng::new(seed());
    let mut lost = [0; 2];
    for _ in 0..200 {
        let each = lost_by_each_rule(&mut rng);
        (lost[0], lost[1]) = (lost[0] + each[0], lost[1] + each[1]);
    }
    assert!(lost[0] > 100 && lost[1] == 0, "{lost:?} of 80,000");
}
