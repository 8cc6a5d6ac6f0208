//! Gaps and the runs that fill them: what a destination lacks reaches it once, and nothing that it
//! has got, or will get, reaches it twice. Each case by its name; random histories are in
//! [`histories`]. Destinations that runs leave out are in [`left_out`], edits of the query in
//! [`edited`], destinations that are new or were away in [`members`].

mod beside;
mod edited;
mod histories;
mod left_out;
mod members;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use outflow_core::ports::state::NewRun;
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunSpec, RunTrigger};
use outflow_core::{
    Answer, CallType, Clock, Code, Guards, Nulls, RunId, RunState, SyncKey, SyncSpec, Timestamp,
};
use serde_json::Value;

use crate::incremental::world::{Columns, Form, Shape, Shared, Unit, World};
use crate::parts::{House, Scripted, codes, refusal, stop, users_to};

const EVENTS: Shape = Shape {
    people: false,
    timed: false,
    cursor: false,
    unit: Unit::Seconds,
    at_least: true,
    lookback: 10,
    whole_clock: false,
    form: Form::Plain,
    columns: Columns::AsWritten,
};
const PEOPLE: Shape = Shape { people: true, ..EVENTS };

/// `key value` of what a destination got since the last time, sorted.
fn sent(destination: &Scripted) -> Vec<String> {
    let calls = std::mem::take(&mut *destination.taken.lock().unwrap());
    let mut sent: Vec<_> = calls.iter().map(text).collect();
    sent.sort();
    sent
}

fn text(call: &Value) -> String {
    let value = call["event"].as_str().or(call["traits"]["plan"].as_str()).unwrap();
    format!("{} {value}", call["userId"].as_str().unwrap())
}

fn of(shape: Shape, destinations: &[&str]) -> SyncSpec {
    SyncSpec {
        call_type: if shape.people { CallType::Identify } else { CallType::Track },
        query: shape.query(),
        lookback: Duration::from_secs(shape.lookback.unsigned_abs()),
        // Results of rejected rows alone are a part of it.
        guards: outflow_core::Guards { max_rejected_percent: Some(100), ..Default::default() },
        ..users_to(destinations)
    }
}

/// A quiet world and a sync of it to `a`, which takes everything, and to `b`.
struct Quiet {
    world: Shared,
    house: House,
    a: Arc<Scripted>,
    b: Arc<Scripted>,
    spec: SyncSpec,
}

fn taking(name: &str) -> Arc<Scripted> {
    Scripted::new(name, |_, _| Answer::Delivered)
}

impl Quiet {
    fn new(shape: Shape) -> Self {
        let (a, b) = (taking("a"), taking("b"));
        let world = Shared::new(World::quiet(shape));
        let house = Self::with_clock(House::new(&[&a, &b]), &world);
        Self { world, house, a, b, spec: of(shape, &["a", "b"]) }
    }

    fn with_clock(mut house: House, world: &Shared) -> House {
        house.engine.clock = Arc::new(world.clone()) as Arc<dyn Clock>;
        house
    }

    /// The process ends, and in the next one `b` answers otherwise.
    fn with_b(self, b: Arc<Scripted>) -> Self {
        let house = Self::with_clock(self.house.reopened(&[&self.a, &b]), &self.world);
        Self { house, b, ..self }
    }

    fn put(&self, seconds: f64, key: u64, value: &'static str) {
        let mut world = self.world.lock();
        world.at(seconds);
        world.put(key, value);
    }

    fn at(&self, seconds: f64) {
        self.world.lock().at(seconds);
    }

    async fn run(&self, options: RunOptions) -> RunId {
        self.house.run_with(&self.spec, &self.world, options).await.unwrap().run
    }

    /// An incremental run at this second; what `a` and `b` got.
    async fn run_at(&self, seconds: f64) -> [Vec<String>; 2] {
        self.at(seconds);
        self.run(RunOptions::default()).await;
        [sent(&self.a), sent(&self.b)]
    }

    /// A run at this second of which `b` takes nothing, and which is lost then.
    async fn lose_at(self, seconds: f64) -> Self {
        let refusing = self.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
        refusing.at(seconds);
        let run = refusing.run(RunOptions::default()).await;
        refusing.house.engine.spool.remove(run).await.unwrap();
        let errors = refusing.house.run(&refusing.spec, &refusing.world).await.unwrap_err();
        assert_eq!(codes(&errors), [Code::SegmentMissing]);
        sent(&refusing.a);
        refusing.with_b(taking("b"))
    }

    /// An incremental run at this second, beside those that are unfinished.
    async fn beside_at(&self, seconds: f64) -> RunId {
        self.at(seconds);
        self.house.run_beside(&self.spec, &self.world, RunOptions::default()).await.run
    }

    /// Fills the gap of `b` at this second. What it got.
    async fn fill_at(&self, seconds: f64) -> Vec<String> {
        self.at(seconds);
        let gap = self.house.engine.reader().gap(&self.spec, "b").await.unwrap().unwrap();
        let run = self.house.run_beside(&self.spec, &self.world, gap.backfill("b")).await;
        assert_eq!(run.state, RunState::Succeeded);
        assert!(sent(&self.a).is_empty(), "nobody else gets anything");
        assert_eq!(self.house.engine.reader().gap(&self.spec, "b").await.unwrap(), None);
        sent(&self.b)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_comes_and_goes_gets_nothing_twice() {
    let mut q = Quiet::new(Shape { timed: true, ..EVENTS });
    for (n, key) in (1..=5).enumerate() {
        let seconds = 100.0 + 4.0 * n as f64;
        q.put(seconds, key, "login");
        q.spec = of(q.world.lock().shape, &["a"]);
        assert_eq!(q.run_at(seconds + 1.0).await[0], [format!("{key} login")]);
        q.spec = of(q.world.lock().shape, &["a", "b"]);
        // The lookback reads what earlier fills have sent.
        assert_eq!(q.fill_at(seconds + 2.0).await, [format!("{key} login")]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_sends_neither_what_came_before_nor_what_the_next_run_sends() {
    // The same person logs in again and again: only the number of log-ins tells them apart.
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "login");
    q.put(95.0, 1, "login");
    assert_eq!(q.run_at(100.0).await, [["1 login", "1 login"], ["1 login", "1 login"]]);
    q.put(101.0, 1, "login");
    let q = q.lose_at(110.0).await;
    q.put(111.0, 1, "login");
    // The lookback reaches back to the log-in of second 95, which had arrived.
    assert_eq!(q.fill_at(112.0).await, ["1 login"]);
    assert_eq!(q.run_at(113.0).await, [["1 login"], ["1 login"]]);
    assert_eq!(q.run_at(200.0).await, [[""; 0]; 2]);
}

/// The second of two equal events has arrived and the first has not: their ids tell which is which.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_equal_events_the_one_that_is_missing_is_sent() {
    let mut q = Quiet::new(Shape { timed: true, ..EVENTS });
    q.spec.ids.key = Some(SyncKey::new("shop", "users"));
    q.put(100.0, 1, "login");
    let q = q.lose_at(101.0).await;
    q.put(100.0, 1, "login");
    q.beside_at(102.0).await;
    let id = |calls: &Scripted| calls.taken.lock().unwrap()[0]["messageId"].clone();
    let (second, _) = (id(&q.b), sent(&q.a));
    assert_eq!(sent(&q.b), ["1 login"]);
    q.at(103.0);
    let gap = q.house.engine.reader().gap(&q.spec, "b").await.unwrap().unwrap();
    q.house.run_beside(&q.spec, &q.world, gap.backfill("b")).await;
    assert_ne!(id(&q.b), second);
    assert_eq!(sent(&q.b), ["1 login"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_run_was_lost_is_made_up_for() {
    for shape in [EVENTS, PEOPLE] {
        let q = Quiet::new(shape).with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
        for n in 1..=5_u64 {
            q.put(n as f64 * 100.0, n, "A");
            assert_eq!(q.beside_at(n as f64 * 100.0 + 1.0).await, RunId(n));
        }
        for lost in [1, 3] {
            q.house.engine.spool.remove(RunId(lost)).await.unwrap();
        }
        let q = q.with_b(taking("b"));
        sent(&q.a);
        for _ in 0..2 {
            let errors = q.house.run(&q.spec, &q.world).await.unwrap_err();
            assert_eq!(codes(&errors), [Code::SegmentMissing]);
        }
        let missing = q.house.run(&q.spec, &q.world).await.unwrap().missing;
        assert_eq!(missing.iter().map(|m| m.run).collect::<Vec<_>>(), [RunId(1), RunId(3)]);
        assert_eq!(sent(&q.b), ["2 A", "4 A", "5 A"], "the others are delivered");
        q.put(600.0, 6, "A");
        assert_eq!(q.run_at(601.0).await, [vec!["6 A"], vec!["1 A", "3 A", "6 A"]], "{shape:?}");
        assert!(q.house.state().open_gaps().await.unwrap().is_empty());
        assert_eq!(q.run_at(700.0).await, [[""; 0]; 2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_destination_is_sent_what_it_lacks_and_not_what_later_runs_sent_it() {
    for shape in [EVENTS, Shape { timed: true, ..EVENTS }, PEOPLE] {
        let mut q = Quiet::new(shape);
        q.spec = of(shape, &["a"]);
        q.put(1.0, 1, "A");
        q.put(2.0, 2, "A");
        q.run_at(3.0).await;
        q.spec = of(shape, &["a", "b"]);
        q.put(101.0, 3, "A");
        assert_eq!(q.run_at(102.0).await, [["3 A"], ["3 A"]]);
        q.put(201.0, 4, "A");
        assert_eq!(q.run_at(202.0).await, [["4 A"], ["4 A"]]);
        q.put(301.0, 5, "A");
        assert_eq!(q.fill_at(302.0).await, ["1 A", "2 A"], "{shape:?}");
        assert_eq!(q.run_at(303.0).await, [["5 A"], ["5 A"]]);
    }
}

/// Of equal contents the last counts, per person: a destination that got A, then B, lacks the A
/// that a later run lost, although it once got an A.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_went_back_to_what_was_sent_before_is_sent_again() {
    let q = Quiet::new(PEOPLE);
    q.put(1.0, 1, "A");
    q.run_at(2.0).await;
    let q = q.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    q.put(101.0, 2, "A");
    let first = q.beside_at(102.0).await;
    let q = q.with_b(taking("b"));
    q.put(201.0, 1, "B");
    q.beside_at(202.0).await;
    assert_eq!(sent(&q.b), ["1 B"]);
    let q = q.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    q.put(301.0, 1, "A");
    let last = q.beside_at(302.0).await;
    for lost in [first, last] {
        q.house.engine.spool.remove(lost).await.unwrap();
        assert!(q.house.run(&q.spec, &q.world).await.is_err());
    }
    let q = q.with_b(taking("b"));
    sent(&q.a);
    assert_eq!(q.fill_at(303.0).await, ["1 A", "2 A"]);
    assert_eq!(q.run_at(304.0).await, [[""; 0]; 2]);
}

/// The run that is compared with has an A that the destination never got. When the A comes back, it
/// is not left out as unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_and_comes_back_after_the_fill_is_no_longer_unchanged() {
    let q = Quiet::new(PEOPLE);
    q.put(1.0, 2, "A");
    q.run_at(2.0).await;
    q.put(101.0, 1, "A");
    q.put(101.0, 3, "A");
    let q = q.lose_at(102.0).await;
    q.put(103.0, 1, "B");
    assert_eq!(q.fill_at(104.0).await, ["3 A"], "the B is left to the next run");
    q.put(105.0, 1, "A");
    let [_, b] = q.run_at(106.0).await;
    assert_eq!(b, ["1 A"]);
}

/// What the next run is compared with depends on all of the sync's destinations, and not on the one
/// that is filled.
#[tokio::test(flavor = "multi_thread")]
async fn another_destinations_rule_for_nulls_hides_nothing_from_a_fill() {
    for shape in [EVENTS, PEOPLE] {
        let mut q = Quiet::new(shape);
        q.spec.connections[0].nulls = Nulls::Omit;
        q.put(1.0, 1, "A");
        q.put(95.0, 2, "A");
        let q = q.lose_at(100.0).await;
        assert_eq!(q.fill_at(101.0).await, ["1 A", "2 A"], "the next run leaves 2 out as unchanged");
        assert_eq!(q.run_at(102.0).await, [[""; 0]; 2]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_that_was_interrupted_is_continued_under_the_same_ids() {
    let mut q = Quiet::new(EVENTS);
    q.spec = of(EVENTS, &["a"]);
    for n in 1..=30 {
        q.put(1.0, n, "A");
    }
    q.run_at(3.0).await;
    q.spec = of(EVENTS, &["a", "b"]);
    let gap = q.house.engine.reader().gap(&q.spec, "b").await.unwrap().unwrap();
    let options = gap.backfill("b");
    // A process died while it extracted.
    let new = NewRun {
        sync: "users".into(),
        call_type: CallType::Track,
        trigger: RunTrigger::Manual,
        spec: RunSpec {
            source: "shop.main".into(),
            query: q.spec.query.clone(),
            connections: q.spec.connections[1..].to_vec(),
            options: options.clone(),
            guards: Guards::default(),
            ids: Default::default(),
            skipped: Vec::new(),
        },
        due_at: Timestamp::UNIX_EPOCH,
        started_at: Timestamp::UNIX_EPOCH,
    };
    let begun = q.house.state().create_run(&new).await.unwrap().id;
    q.house.state().begin_extraction(begun, q.world.now(), "0").await.unwrap();
    // The next one stops after a request.
    let q = q.with_b(Scripted::new("b", |n, _| match n {
        0 => Answer::Delivered,
        _ => stop(Code::DestinationAuthFailed),
    }));
    let stopped = q.house.run_beside(&q.spec, &q.world, options.clone()).await;
    assert_eq!((stopped.run, stopped.resumed, stopped.state), (begun, true, RunState::Delivering));
    let first = q.b.taken.lock().unwrap().clone();
    // What it has committed is no gap any more, and the same request continues it.
    let q = q.with_b(taking("b"));
    assert_eq!(q.house.engine.reader().gap(&q.spec, "b").await.unwrap(), None);
    let ended = q.house.run_beside(&q.spec, &q.world, options.clone()).await;
    assert_eq!((ended.run, ended.state), (begun, RunState::Succeeded));
    let mut ids = BTreeMap::<String, Vec<String>>::new();
    for call in first.iter().chain(q.b.taken.lock().unwrap().iter()) {
        let id = call["messageId"].as_str().unwrap().to_owned();
        let of = ids.entry(text(call)).or_default();
        if !of.contains(&id) {
            of.push(id);
        }
    }
    assert!(ids.len() == 30 && ids.values().all(|ids| ids.len() == 1), "{ids:?}");
    // Once it is filled, there is nothing to send.
    sent(&q.b);
    let empty = q.house.run_beside(&q.spec, &q.world, options).await;
    assert_eq!((empty.state, empty.rows.read, sent(&q.b).len()), (RunState::Succeeded, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn older_calls_that_wait_for_the_destination_go_before_what_fills_its_gap() {
    let mut q = Quiet::new(PEOPLE);
    q.spec = of(PEOPLE, &["a"]);
    q.put(1.0, 1, "A");
    q.run_at(2.0).await;
    q.spec = of(PEOPLE, &["a", "b"]);
    let q = q.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    q.put(3.0, 2, "old");
    q.run_at(4.0).await;
    q.put(5.0, 2, "new");
    let q = q.with_b(taking("b"));
    let gap = q.house.engine.reader().gap(&q.spec, "b").await.unwrap().unwrap();
    q.at(6.0);
    q.house.run_beside(&q.spec, &q.world, gap.backfill("b")).await;
    let calls: Vec<_> = q.b.taken.lock().unwrap().iter().map(text).collect();
    assert_eq!(calls, ["2 old", "1 A"], "the new one is left to the next run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_run_of_another_kind_is_made_up_for_or_can_be_repeated() {
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    q.put(2.0, 2, "A");
    q.run_at(3.0).await;
    // Everything again, to both: `b` gets it from a run of its own.
    let q = q.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    let full = q.run(RunOptions::of(RunKind::Full)).await;
    q.house.engine.spool.remove(full).await.unwrap();
    assert!(q.house.run(&q.spec, &q.world).await.is_err());
    let q = q.with_b(taking("b"));
    sent(&q.a);
    assert_eq!(q.fill_at(4.0).await, ["1 A", "2 A"]);
    // Or another full run makes up for it.
    let q = q.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    let full = q.run(RunOptions::of(RunKind::Full)).await;
    q.house.engine.spool.remove(full).await.unwrap();
    assert!(q.house.run(&q.spec, &q.world).await.is_err());
    let q = q.with_b(taking("b"));
    q.run(RunOptions::of(RunKind::Full)).await;
    assert!(q.house.state().open_gaps().await.unwrap().is_empty());
    assert_eq!(sent(&q.b), ["1 A", "2 A"]);
    sent(&q.a);

    // A lost replay leaves its dead letters as ones that were not replayed.
    let q = q.with_b(Scripted::new("b", |_, _| Answer::Refused(refusal(Code::CallRefused, Some(400)))));
    q.put(101.0, 3, "A");
    q.at(102.0);
    let refused = q.run(RunOptions::default()).await;
    let replay = Replay { run: refused, mode: ReplayMode::AsSent, code: None, force: false, start: None };
    let options = RunOptions { destination: Some("b".into()), ..RunOptions::of(RunKind::Replay(replay)) };
    let q = q.with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    let lost = q.house.run_beside(&q.spec, &q.world, options.clone()).await.run;
    q.house.engine.spool.remove(lost).await.unwrap();
    assert!(q.house.run(&q.spec, &q.world).await.is_err());
    assert!(q.house.state().open_gaps().await.unwrap().is_empty());
    let q = q.with_b(taking("b"));
    q.house.run_beside(&q.spec, &q.world, options).await;
    assert_eq!(sent(&q.b), ["3 A"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_longer_kept_is_sent_again_and_said() {
    let mut q = Quiet::new(EVENTS);
    q.spec = of(EVENTS, &["a"]);
    q.put(1.0, 1, "A");
    q.run_at(2.0).await;
    q.spec = of(EVENTS, &["a", "b"]);
    q.put(101.0, 2, "A");
    q.run_at(102.0).await;
    q.at(103.0);
    q.house.engine.sweep(Duration::ZERO).await.unwrap();
    let gap = q.house.engine.reader().gap(&q.spec, "b").await.unwrap().unwrap();
    let run = q.house.run_beside(&q.spec, &q.world, gap.backfill("b")).await.run;
    assert_eq!(sent(&q.b), ["1 A", "2 A"], "rather twice than never");
    let findings = q.house.state().findings(run).await.unwrap();
    let repeats = findings.iter().find(|f| f.code == Code::BackfillRepeats).unwrap();
    assert_eq!(repeats.rows, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_that_cannot_be_filled_is_said_by_each_run_and_holds_up_none() {
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    let q = q.lose_at(2.0).await;
    // What fills it is read after what is new.
    q.world.lock().breaks_after = Some(0);
    q.world.lock().breaks_later = 1;
    q.put(101.0, 2, "A");
    q.at(102.0);
    let run = q.house.run(&q.spec, &q.world).await.unwrap();
    assert_eq!((run.state, run.missing.len()), (RunState::Succeeded, 1), "{run:?}");
    assert_eq!((run.missing[0].destination.as_str(), run.missing[0].calls), ("b", 1));
    assert_eq!([sent(&q.a), sent(&q.b)], [["2 A"], ["2 A"]]);
    let run = q.house.run(&q.spec, &q.world).await.unwrap();
    assert!(run.missing.is_empty() && sent(&q.a).is_empty());
    assert_eq!(sent(&q.b), ["1 A"]);
}
