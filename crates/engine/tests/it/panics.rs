//! A panic in each kind of task: it ends nothing but its own work, is reported, and the task is
//! started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outflow_core::ports::spool::{
    CallBlock, Redacted, RejectionReader, Room, SegmentInfo, Spool, SpoolHeader, SpoolMark, SpoolReader,
    SpoolWriter,
};
use outflow_core::ports::state::RunFilter;
use outflow_core::{Answer, Code, Result, RunId, RunState};
use outflow_engine::serve::Event;

use crate::parts::{House, Scripted, Table, codes, users_to};
use crate::served::{MINUTE, Served, SetClock, config, every_minute, open};

/// Panics this many times.
#[derive(Clone)]
struct Bomb(Arc<AtomicUsize>);

impl Bomb {
    fn new(times: usize) -> Self {
        Self(Arc::new(AtomicUsize::new(times)))
    }

    fn pass(&self) {
        let is_due = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        assert!(is_due.is_err(), "planted");
    }
}

fn bombed(name: &str, bomb: &Bomb) -> Arc<Scripted> {
    let bomb = bomb.clone();
    Scripted::new(name, move |_, _| {
        bomb.pass();
        Answer::Delivered
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_panics_is_started_again_and_delays_no_other() {
    let (a, b) = (open("a"), bombed("b", &Bomb::new(2)));
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    assert_eq!(served.delivered("a").await, RunId(1));
    assert_eq!(served.delivered("b").await, RunId(1));
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    assert_eq!(b.users().len(), 30);
    assert_eq!(served.alert("task_failed").await, "delivery of users to b");
    let [failed] = served.handle.tasks().try_into().unwrap();
    let shown = (failed.task.as_str(), failed.code, failed.down);
    assert_eq!(shown, ("delivery of users to b", Code::TaskFailed, false));
    // Two requests in flight may have ended one delivery together.
    assert!((1..=2).contains(&failed.failures), "{failed:?}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_panics_always_stays_down_until_a_reload_and_its_sync_goes_on() {
    let bomb = Bomb::new(usize::MAX);
    let (a, b) = (open("a"), bombed("b", &bomb));
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    served.next(|e| matches!(e, Event::Degraded { degraded: true, .. }).then_some(())).await;
    assert_eq!(served.delivered("a").await, RunId(1));
    for n in 1..=3 {
        table.set([(Some(format!("{n}00")), "pro")]);
        served.at(1_000_000 + n * MINUTE);
        assert_eq!(served.delivered("a").await, RunId(1 + n as u64), "no slot is skipped");
    }
    assert_eq!(served.alert("task_failed").await, "delivery of users to b");
    assert!(served.handle.tasks()[0].down && b.users().is_empty());
    // The cause is fixed, and the project is read again.
    bomb.0.store(0, Ordering::SeqCst);
    served.handle.reload(config(&served.house, &spec, &table));
    for n in 1..=4 {
        assert_eq!(served.run_ended().await, (RunId(n), RunState::Succeeded));
    }
    assert_eq!(b.users().len(), 33);
    assert!(!served.handle.tasks()[0].down);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_down_at_the_end_is_the_end_s_code() {
    let b = bombed("b", &Bomb::new(usize::MAX));
    let (table, spec) = (Table::users(1..=30), every_minute(&["b"]));
    let mut served = Served::start(House::new(&[&b]), 1_000_000, &spec, &table);
    served.next(|e| matches!(e, Event::Degraded { degraded: true, .. }).then_some(())).await;
    let (house, ended) = served.result().await;
    let error = ended.unwrap_err();
    assert_eq!(error.code(), Code::TaskFailed);
    assert!(error.message().contains("delivery of users to b"), "{error}");
    let run = house.state().runs(&RunFilter::default()).await.unwrap().remove(0);
    assert_eq!(run.state, RunState::Delivering, "nothing is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_single_run_a_panic_of_a_delivery_ends_with_a_code_and_loses_nothing() {
    let (a, b) = (open("a"), bombed("b", &Bomb::new(1)));
    let (table, spec, house) = (Table::users(1..=30), users_to(&["a", "b"]), House::new(&[&a, &b]));
    let errors = house.run(&spec, &table).await.unwrap_err();
    assert_eq!(codes(&errors), [Code::TaskFailed]);
    assert_eq!(a.users().len(), 30, "the other one goes on");
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.resumed, run.run, run.state), (true, RunId(1), RunState::Succeeded));
    assert_eq!(b.users().len(), 30);
}

/// A spool whose readers panic, the measure of its disk, or the list of its runs.
struct BrokenReads {
    inner: Arc<dyn Spool>,
    bomb: Bomb,
    room: Bomb,
    runs: Bomb,
    /// Notified when the runs have been listed.
    listed: Arc<tokio::sync::Notify>,
}

impl BrokenReads {
    /// Nothing of it panics yet.
    fn of(inner: Arc<dyn Spool>) -> Self {
        let none = || Bomb::new(0);
        Self { inner, bomb: none(), room: none(), runs: none(), listed: Arc::default() }
    }
}

struct BrokenReader {
    inner: Box<dyn SpoolReader>,
    bomb: Bomb,
}

#[async_trait::async_trait]
impl SpoolReader for BrokenReader {
    async fn next(&mut self, block: &mut CallBlock) -> Result<bool> {
        self.bomb.pass();
        self.inner.next(block).await
    }
}

#[async_trait::async_trait]
impl Spool for BrokenReads {
    async fn create(&self, header: SpoolHeader) -> Result<Box<dyn SpoolWriter>> {
        self.inner.create(header).await
    }

    async fn read(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        unchanged: u64,
        from: u64,
    ) -> Result<Box<dyn SpoolReader>> {
        let inner = self.inner.read(run, segments, unchanged, from).await?;
        Ok(Box::new(BrokenReader { inner, bomb: self.bomb.clone() }))
    }

    async fn rejections(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        from: u64,
    ) -> Result<Box<dyn RejectionReader>> {
        self.inner.rejections(run, segments, from).await
    }

    async fn redact(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        redacted: &Redacted,
    ) -> Result<Vec<(SegmentInfo, SegmentInfo)>> {
        self.inner.redact(run, segments, redacted).await
    }

    async fn remove_orphans(&self, run: RunId, segments: &[SegmentInfo]) -> Result<()> {
        self.inner.remove_orphans(run, segments).await
    }

    async fn remove(&self, run: RunId) -> Result<()> {
        self.inner.remove(run).await
    }

    async fn runs(&self) -> Result<Vec<RunId>> {
        self.runs.pass();
        let runs = self.inner.runs().await;
        self.listed.notify_one();
        runs
    }

    async fn mark(&self) -> Result<Option<SpoolMark>> {
        self.inner.mark().await
    }

    async fn set_mark(&self, id: u128) -> Result<()> {
        self.inner.set_mark(id).await
    }

    fn room(&self) -> Result<Room> {
        self.room.pass();
        self.inner.room()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prefetcher_that_panics_is_not_taken_for_the_end_of_the_calls() {
    let a = open("a");
    let (table, spec, mut house) = (Table::users(1..=30), users_to(&["a"]), House::new(&[&a]));
    let whole = BrokenReads::of(house.engine.spool.clone());
    house.engine.spool = Arc::new(BrokenReads { bomb: Bomb::new(1), ..whole });
    let errors = house.run(&spec, &table).await.unwrap_err();
    assert_eq!(codes(&errors), [Code::TaskFailed]);
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.resumed, run.state, a.users().len()), (true, RunState::Succeeded, 30));
}

/// Serves a sync to one destination while events that `is_it` picks panic in the task that reports
/// them, this many times.
fn planted(times: usize, is_it: fn(&Event) -> bool) -> Served {
    let (a, bomb) = (open("a"), Bomb::new(times));
    let (table, spec) = (Table::users(1..=30), every_minute(&["a"]));
    let house = House::new(&[&a]);
    Served::start_observed(
        house,
        SetClock::new(1_000_000, 0),
        |house| config(house, &spec, &table),
        move |event| {
            if is_it(event) {
                bomb.pass();
            }
        },
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_whose_actor_panics_goes_on() {
    let mut served = planted(1, |event| matches!(event, Event::Started { .. }));
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    served.at(1_000_000 + MINUTE);
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extraction_that_panics_fails_its_run_and_the_next_one_makes_up_for_it() {
    let a = open("a");
    let (table, spec) = (Table::users(1..=30), every_minute(&["a"]));
    table.panics.store(1, Ordering::SeqCst);
    let mut served = Served::start(House::new(&[&a]), 1_000_000, &spec, &table);
    let failed = served.next(|e| if let Event::Failed { run, .. } = e { Some(*run) } else { None }).await;
    assert_eq!(failed, RunId(1));
    served.at(1_000_000 + MINUTE);
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    assert_eq!(a.users().len(), 30);
    let house = served.stop().await;
    let record = house.state().run(RunId(1)).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::Failed);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_that_panics_always_stays_down_and_requests_are_answered() {
    let mut served = planted(usize::MAX, |event| matches!(event, Event::Started { .. }));
    assert_eq!(served.alert("task_failed").await, "schedule of users");
    while !served.handle.tasks()[0].down {
        served.next(|e| matches!(e, Event::Problem { .. }).then_some(())).await;
    }
    for _ in 0..40 {
        let answered = served.handle.trigger("users", outflow_core::run::RunOptions::default()).await;
        assert_eq!(answered.unwrap_err().code(), Code::TaskFailed);
    }
    assert_eq!(served.result().await.1.unwrap_err().code(), Code::TaskFailed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_panics_is_started_again() {
    let mut served = planted(1, |event| matches!(event, Event::Alert { .. }));
    served
        .house
        .engine
        .limiters
        .of(&**served.house.engine.destinations.get("a").unwrap())
        .pause(Code::DestinationAuthFailed, "no");
    // The alert that it stored before it failed is in the state; the next one is its own failure.
    assert_eq!(served.alert("task_failed").await, "watch for alerts");
    let alerts = served.house.state().alerts().await.unwrap();
    let kinds: Vec<_> = alerts.iter().map(|alert| alert.kind.as_str()).collect();
    assert!(kinds.contains(&"destination_paused") && kinds.contains(&"task_failed"), "{kinds:?}");
    served.result().await.1.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_fails_always_leaves_an_alert_that_it_is_down() {
    let (a, room) = (open("a"), Bomb::new(usize::MAX));
    let (table, spec, mut house) = (Table::users(1..=30), every_minute(&["a"]), House::new(&[&a]));
    let whole = BrokenReads::of(house.engine.spool.clone());
    house.engine.spool = Arc::new(BrokenReads { room: room.clone(), ..whole });
    let mut served = Served::start(house, 1_000_000, &spec, &table);
    let is_down = |event: &Event| match event {
        Event::Alert { alert } if alert.message.contains("is down") => Some(alert.subject.clone()),
        _ => None,
    };
    assert_eq!(served.next(is_down).await, "watch for alerts");
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded), "the others go on");
    room.0.store(0, Ordering::SeqCst);
    served.handle.reload(config(&served.house, &spec, &table));
    served
        .next(|event| match event {
            Event::Alert { alert } if alert.recovered_at.is_some() => Some(()),
            _ => None,
        })
        .await;
    assert!(served.handle.tasks().iter().all(|task| !task.down));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retention_that_panics_is_started_again() {
    let (a, listed) = (open("a"), Arc::new(tokio::sync::Notify::new()));
    let (table, spec, mut house) = (Table::users(1..=30), every_minute(&["a"]), House::new(&[&a]));
    let whole = BrokenReads::of(house.engine.spool.clone());
    house.engine.spool = Arc::new(BrokenReads { runs: Bomb::new(1), listed: listed.clone(), ..whole });
    let mut served = Served::start(house, 1_000_000, &spec, &table);
    assert_eq!(served.alert("task_failed").await, "retention");
    // Its second attempt lists the runs.
    listed.notified().await;
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded), "the others go on");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_audit_that_panics_is_started_again() {
    let (a, bomb) = (open("a"), Bomb::new(1));
    let (table, spec, house) = (Table::users(1..=30), every_minute(&["a"]), House::new(&[&a]));
    let rows = table.clone();
    let at_once = |house: &House| {
        let mut config = config(house, &spec, &table);
        config.limits.audit_after = std::time::Duration::ZERO;
        config
    };
    let mut served = Served::start_observed(house, SetClock::new(1_000_000, 0), at_once, move |event| {
        if matches!(event, Event::Audited { .. }) {
            bomb.pass();
        }
    });
    assert_eq!(served.run_ended().await.0, RunId(1));
    served.at(1_000_000 + 1);
    assert_eq!(served.alert("task_failed").await, "audit");
    // A run without a call has nothing to audit.
    rows.set([(Some("31".to_owned()), "pro")]);
    served.at(1_000_000 + MINUTE);
    assert_eq!(served.run_ended().await.0, RunId(2));
    served.at(1_000_000 + MINUTE + 1);
    let audited = |event: &Event| if let Event::Audited { run, .. } = event { Some(*run) } else { None };
    assert_eq!(served.next(audited).await, RunId(2));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_beside_the_supervisor_is_kept_alive_too() {
    let mut served = planted(0, |_| false);
    let (bomb, told) = (Bomb::new(2), Arc::new(tokio::sync::Notify::new()));
    let (handle, telling) = (served.handle.clone(), told.clone());
    let kept = tokio::spawn(async move {
        let make = || {
            let (bomb, telling) = (bomb.clone(), telling.clone());
            async move {
                bomb.pass();
                telling.notify_one();
                std::future::pending().await
            }
        };
        handle.keep("metrics", make).await
    });
    told.notified().await;
    assert_eq!(served.alert("task_failed").await, "metrics");
    assert_eq!(served.handle.tasks()[0].failures, 2);
    kept.abort();
    served.stop().await;
}
