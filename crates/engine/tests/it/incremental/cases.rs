//! Each case by its name, in worlds where nothing happens by chance.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{CallType, Clock, Code, FirstRun, SyncSpec};
use outflow_engine::{Event, RunDocument, RunRequest};

use super::world::{Columns, Form, Shape, Shared, Unit, World};
use crate::parts::{House, Scripted, codes, request, users_to};

/// A quiet world, a sync of it, and one destination.
pub(super) struct Quiet {
    pub(super) world: Shared,
    pub(super) house: House,
    a: Arc<Scripted>,
    pub(super) spec: SyncSpec,
}

pub(super) const PEOPLE: Shape = Shape {
    people: true,
    timed: false,
    cursor: false,
    unit: Unit::Seconds,
    at_least: true,
    lookback: 10,
    whole_clock: false,
    form: Form::Plain,
    columns: Columns::AsWritten,
};
pub(super) const EVENTS: Shape = Shape { people: false, ..PEOPLE };

impl Quiet {
    pub(super) fn new(shape: Shape) -> Self {
        let a = Scripted::new("a", |_, _| outflow_core::Answer::Delivered);
        let world = Shared::new(World::quiet(shape));
        let mut house = House::new(&[&a]);
        house.engine.clock = Arc::new(world.clone()) as Arc<dyn Clock>;
        let spec = SyncSpec {
            call_type: if shape.people { CallType::Identify } else { CallType::Track },
            query: shape.query(),
            lookback: Duration::from_secs(shape.lookback.unsigned_abs()),
            cursor: shape.cursor.then(|| "stamp".to_owned()),
            ..users_to(&["a"])
        };
        Self { world, house, a, spec }
    }

    pub(super) async fn run(&self) -> RunDocument {
        self.house.run(&self.spec, &self.world).await.unwrap()
    }

    /// A run at this second; gives `key value` of what it sent, sorted.
    async fn run_at(&self, seconds: f64) -> Vec<String> {
        self.world.lock().at(seconds);
        self.run().await;
        self.sent()
    }

    pub(super) fn sent(&self) -> Vec<String> {
        let calls = std::mem::take(&mut *self.a.taken.lock().unwrap());
        let text = |call: &serde_json::Value| {
            let value = call["event"].as_str().or(call["traits"]["plan"].as_str()).unwrap();
            format!("{} {value}", call["userId"].as_str().unwrap())
        };
        let mut sent: Vec<_> = calls.iter().map(text).collect();
        sent.sort();
        sent
    }

    /// What a run at this second reports about where it begins.
    pub(super) async fn note_at(&self, seconds: f64) -> Option<String> {
        self.world.lock().at(seconds);
        let told: Arc<Mutex<Option<String>>> = Arc::default();
        let kept = told.clone();
        let progress = Arc::new(move |event| {
            if let Event::Reading { mut notes, .. } = event {
                *kept.lock().unwrap() = notes.pop().map(|note| note.text);
            }
        });
        let request = RunRequest { observer: progress, ..request(RunOptions::default()) };
        self.house.engine.run(&self.spec, &self.world, &request).await.unwrap();
        told.lock().unwrap().take()
    }

    pub(super) fn put(&self, seconds: f64, key: u64, value: &'static str) {
        let mut world = self.world.lock();
        world.at(seconds);
        world.put(key, value);
    }
}

/// A timestamp, that many seconds after the beginning.
fn stamp(seconds: i64) -> i64 {
    (1_700_000_000 + seconds) * 1_000_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_changes_to_b_and_back_to_a_ends_as_a() {
    let q = Quiet::new(PEOPLE);
    q.put(1.0, 1, "A");
    assert_eq!(q.run_at(2.0).await, ["1 A"]);
    q.put(3.0, 1, "B");
    assert_eq!(q.run_at(4.0).await, ["1 B"]);
    q.put(5.0, 1, "A");
    assert_eq!(q.run_at(6.0).await, ["1 A"], "only the run before counts, which sent B");
    q.put(7.0, 1, "B");
    q.put(8.0, 1, "A");
    assert_eq!(q.run_at(9.0).await, [""; 0], "the B was never seen, and A is what the destination has");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_b_that_a_run_with_options_sent_is_followed_by_the_a() {
    let q = Quiet::new(PEOPLE);
    q.put(1.0, 1, "A");
    q.put(1.0, 2, "A");
    assert_eq!(q.run_at(2.0).await, ["1 A", "2 A"]);
    q.put(3.0, 1, "B");
    let full = RunOptions::of(RunKind::Full);
    q.house.run_with(&q.spec, &q.world, full.clone()).await.unwrap();
    assert_eq!(q.sent(), ["1 B", "2 A"]);
    q.put(4.0, 1, "A");
    assert_eq!(q.run_at(5.0).await, ["1 A"], "2 was sent as it is by both");
    // A run with options that has nothing new to say changes nothing.
    q.house.run_with(&q.spec, &q.world, RunOptions { limit: Some(1), ..full }).await.unwrap();
    q.sent();
    assert_eq!(q.run_at(6.0).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_identical_events_are_two_and_a_third_is_one_more() {
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    q.put(1.0, 1, "A");
    assert_eq!(q.run_at(2.0).await, ["1 A", "1 A"]);
    q.put(3.0, 1, "A");
    assert_eq!(q.run_at(4.0).await, ["1 A"]);
    assert_eq!(q.run_at(5.0).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_like_one_that_is_not_read_again_is_a_new_one() {
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    assert_eq!(q.run_at(50.0).await, ["1 A"]);
    for round in 1..5 {
        let start = f64::from(round) * 100.0;
        q.put(start, 1, "A");
        assert_eq!(q.run_at(start + 50.0).await, ["1 A"], "round {round}");
    }
    q.put(499.0, 1, "A");
    assert_eq!(q.run_at(500.0).await, ["1 A"]);
    q.put(501.0, 1, "A");
    assert_eq!(q.run_at(502.0).await, ["1 A"], "one is read again, one is new");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_the_database_cannot_be_asked_again_the_run_fails_and_the_next_one_sends_each_event_once() {
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    q.world.lock().at(2.0);
    q.world.lock().breaks_again = true;
    assert_eq!(codes(&q.house.run(&q.spec, &q.world).await.unwrap_err()), [Code::ConnectionBroken]);
    assert_eq!(q.sent(), [""; 0]);
    q.put(3.0, 1, "A");
    assert_eq!(q.run_at(4.0).await, ["1 A", "1 A"]);
    assert_eq!(q.run_at(5.0).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_row_is_reported_once_and_sent_when_it_is_fixed() {
    let q = Quiet::new(PEOPLE);
    q.world.lock().put_stamped(1, "A", stamp(1), false);
    q.put(1.0, 2, "A");
    for second in 2..5 {
        q.world.lock().at(f64::from(second));
        let document = q.run().await;
        let (rows, first) = (document.rows, u64::from(second == 2));
        assert_eq!((rows.read, rows.rejected, rows.calls), (2, first, first), "{rows:?}");
        assert_eq!(rows.unchanged, 2 - 2 * first, "{rows:?}");
        let verified = q.house.engine.reader().verify(document.run).await.unwrap();
        assert!(verified.is_right(), "{verified:?}");
    }
    // Another row that is as wrong is a new one.
    q.world.lock().put_stamped(3, "A", stamp(2), false);
    q.world.lock().at(4.5);
    assert_eq!(q.run().await.rows.rejected, 1);
    q.sent();
    // Fixed in place, without another timestamp, as an operator would: the overlap finds it.
    q.world.lock().put_stamped(1, "A", stamp(1), true);
    assert_eq!(q.run_at(5.0).await, ["1 A"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_query_voids_the_comparison_and_leaves_the_window_where_it_was() {
    let mut q = Quiet::new(PEOPLE);
    q.put(1.0, 1, "A");
    q.put(99.0, 2, "A");
    assert_eq!(q.run_at(100.0).await, ["1 A", "2 A"]);
    q.spec.query += " -- edited";
    q.world.lock().put_stamped(3, "A", stamp(95), true);
    assert!(q.note_at(101.0).await.unwrap().contains("changed since the last run"));
    assert_eq!(q.sent(), ["2 A", "3 A"], "the overlap is sent again, and what was committed late is there");
    assert_eq!(q.note_at(102.0).await, None);
    assert_eq!(q.sent(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_with_another_clock_loses_no_row() {
    for (place, ahead) in [("two", -300), ("two", 300), ("one", -300), ("two", -5)] {
        let q = Quiet::new(PEOPLE);
        q.put(1.0, 1, "A");
        q.put(999.0, 2, "A");
        assert_eq!(q.run_at(1_000.0).await, ["1 A", "2 A"]);
        // It takes over, and stamps a row at once.
        q.world.lock().moves_to(place, ahead);
        q.put(1_001.0, 3, "A");
        let note = q.note_at(1_060.0).await.unwrap();
        let why = if place == "two" { "another database" } else { "set back" };
        assert!(note.contains(why) && note.contains("2023-11-14T22:"), "{note}");
        assert!(q.sent().contains(&"3 A".to_owned()), "{place} {ahead}");
        q.put(1_061.0, 4, "A");
        assert_eq!(q.note_at(1_070.0).await, None);
        assert!(q.sent().contains(&"4 A".to_owned()), "{place} {ahead}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_boundary_second_is_not_lost_and_not_sent_twice() {
    for at_least in [true, false] {
        for shape in [PEOPLE, EVENTS] {
            let q = Quiet::new(Shape { at_least, lookback: 1, ..shape });
            q.put(5.1, 1, "A");
            assert_eq!(q.run_at(5.4).await, ["1 A"]);
            q.put(5.7, 2, "A");
            assert_eq!(q.run_at(6.9).await, ["2 A"], ">= {at_least}");
            assert_eq!(q.run_at(6.95).await, [""; 0]);
            q.put(6.99, 3, "A");
            assert_eq!(q.run_at(60.0).await, ["3 A"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn now_is_the_moment_of_the_first_try_and_no_lookback_reaches_behind_it() {
    let mut q = Quiet::new(PEOPLE);
    q.spec.first_run = FirstRun::Now;
    q.put(98.0, 1, "A");
    q.world.lock().at(100.0);
    q.world.lock().breaks_after = Some(0);
    assert_eq!(codes(&q.house.run(&q.spec, &q.world).await.unwrap_err()), [Code::ConnectionBroken]);
    q.put(105.0, 2, "A");
    assert_eq!(q.run_at(200.0).await, ["2 A"], "it came after the first try, which failed");
    q.put(201.0, 3, "A");
    assert_eq!(q.run_at(202.0).await, ["3 A"]);

    let mut q = Quiet::new(PEOPLE);
    q.spec.first_run = FirstRun::Now;
    q.put(98.0, 1, "A");
    assert_eq!(q.run_at(100.0).await, [""; 0]);
    q.put(101.0, 2, "A");
    assert_eq!(q.run_at(102.0).await, ["2 A"], "1 is older than the first run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_run_is_made_up_for_from_its_own_start_whatever_else_went_wrong() {
    for shape in [PEOPLE, EVENTS] {
        let mut q = Quiet::new(shape);
        q.put(1.0, 1, "A");
        q.world.lock().at(100.0);
        let stops = Scripted::new("a", |_, _| crate::parts::stop(Code::DestinationAuthFailed));
        q.house = q.house.reopened(&[&stops]);
        let run = q.house.run(&q.spec, &q.world).await.unwrap().run;
        q.house.engine.spool.remove(run).await.unwrap();
        q.house.engine.baseline.remove(run).await.unwrap();
        assert_eq!(codes(&q.house.run(&q.spec, &q.world).await.unwrap_err()), [Code::SegmentMissing]);
        q.house = q.house.reopened(&[&q.a]);
        q.spec.first_run = FirstRun::Now;
        assert_eq!(q.run_at(500.0).await, ["1 A"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cursor_column_begins_where_the_first_run_did() {
    let mut q = Quiet::new(Shape { cursor: true, ..PEOPLE });
    q.put(1.0, 1, "A");
    assert_eq!(q.run_at(2.0).await, ["1 A"]);
    q.spec.cursor = Some("USERID".into());
    q.spec.query = q.spec.query.replace("WHERE stamp", "WHERE userId");
    q.run_at(3.0).await;
    assert_eq!(q.house.state().sync("users").await.unwrap().cursor.unwrap().value, "1", "not 1700000001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_of_the_year_9999_does_not_hide_what_comes_after_it() {
    let q = Quiet::new(Shape { cursor: true, unit: Unit::Timestamp, ..PEOPLE });
    q.put(1.0, 1, "A");
    q.world.lock().put_stamped(2, "A", 253_000_000_000_000_000, true);
    assert_eq!(q.run_at(2.0).await, ["1 A", "2 A"]);
    q.put(3.0, 3, "A");
    assert_eq!(q.run_at(4.0).await, ["3 A"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clocks_ahead_once_and_then_right_miss_no_row() {
    for boot in [Some(1), None] {
        for ahead in [3, 3_600, 40 * 365 * 86_400] {
            let q = Quiet::new(Shape { lookback: 1, ..PEOPLE });
            q.world.lock().boot = boot;
            q.put(1.0, 1, "A");
            q.world.lock().both_ahead(ahead);
            assert_eq!(q.run_at(10.0).await, ["1 A"]);
            q.world.lock().both_ahead(0);
            q.put(11.5, 2, "A");
            assert_eq!(q.run_at(12.0).await, ["2 A"], "{ahead}, {boot:?}");
            q.put(13.0, 3, "A");
            assert_eq!(q.run_at(14.0).await, ["3 A"], "{ahead}, {boot:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_clocks_ahead_for_several_runs_and_then_right_miss_no_row() {
    for boot in [Some(1), None] {
        let q = Quiet::new(Shape { lookback: 1, ..PEOPLE });
        q.world.lock().boot = boot;
        q.put(1.0, 1, "A");
        assert_eq!(q.run_at(10.0).await, ["1 A"]);
        q.world.lock().both_ahead(86_400);
        for (second, key) in [(20, 2), (30, 3), (40, 4)] {
            q.put(f64::from(second), key, "A");
            assert_eq!(q.run_at(f64::from(second) + 1.5).await, [format!("{key} A")]);
        }
        q.world.lock().both_ahead(0);
        q.put(45.5, 5, "A");
        let sent = q.run_at(50.0).await;
        assert!(sent.contains(&"5 A".to_owned()), "{sent:?}, {boot:?}");
        q.put(51.0, 6, "A");
        assert_eq!(q.run_at(52.0).await, ["6 A"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_passes_the_wrong_one_before_the_next_run_hides_no_row() {
    // The clock of the database alone, and both; the right time is beyond the wrong one by then.
    for both in [false, true] {
        let q = Quiet::new(Shape { lookback: 1, ..PEOPLE });
        match both {
            true => q.world.lock().both_ahead(600),
            false => q.world.lock().moves_to("one", 600),
        }
        q.put(1.0, 1, "A");
        assert_eq!(q.run_at(10.0).await, ["1 A"]);
        q.world.lock().both_ahead(0);
        q.put(11.0, 2, "A");
        assert_eq!(q.run_at(4_000.0).await, ["2 A"], "{both}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_a_clock_ahead_let_run_ahead_hides_no_row() {
    let q = Quiet::new(Shape { cursor: true, unit: Unit::Timestamp, ..PEOPLE });
    q.put(1.0, 1, "A");
    assert_eq!(q.run_at(2.0).await, ["1 A"]);
    q.world.lock().both_ahead(86_400);
    q.put(3.0, 2, "A");
    assert_eq!(q.run_at(4.0).await, ["2 A"]);
    q.world.lock().both_ahead(0);
    q.put(25.0, 3, "A");
    let sent = q.run_at(26.0).await;
    assert!(sent.contains(&"3 A".to_owned()), "{sent:?}");
    q.put(27.0, 4, "A");
    assert!(q.run_at(28.0).await.contains(&"4 A".to_owned()));
}
