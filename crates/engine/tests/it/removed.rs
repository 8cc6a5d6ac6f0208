//! What becomes of runs and calls when the project no longer has their destination, sync or source.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use outflow_core::ports::state::NewRun;
use outflow_core::run::{RunOptions, RunSpec, RunTrigger};
use outflow_core::{
    Answer, CallType, Clock, Code, Connection, DeliveryState, Guards, Nulls, RunId, RunState, SystemClock,
    Timestamp,
};
use outflow_engine::serve::{self, Event, RuntimeConfig, SyncRuntime};

use crate::parts::{House, Scripted, Table, codes, request, stop, users_to};
use crate::served::{MINUTE, Served, config, every_minute, gated, open};

/// Refuses its key.
fn refusing(name: &str) -> Arc<Scripted> {
    Scripted::new(name, |_, _| stop(Code::DestinationAuthFailed))
}

/// A run of five users that `a` has got and `b` has not.
async fn waiting_for_b() -> House {
    let (a, b) = (open("a"), refusing("b"));
    let house = House::new(&[&a, &b]);
    let document = house.run(&users_to(&["a", "b"]), &Table::users(1..=5)).await.unwrap();
    assert_eq!((document.run, document.state), (RunId(1), RunState::Delivering));
    house
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_for_a_removed_destination_wait_and_hold_up_nothing() {
    let a = open("a");
    let house = waiting_for_b().await.reopened(&[&a]);
    let table = Table::users(6..=8);
    for run in 2..=3 {
        let document = house.run(&users_to(&["a"]), &table).await.unwrap();
        assert_eq!((document.run, document.state), (RunId(run), RunState::Succeeded));
        let [_, b] = house.state().deliveries(RunId(1)).await.unwrap().try_into().unwrap();
        assert_eq!((b.counts.pending, b.counts.cancelled, b.state), (5, 0, DeliveryState::Stopped));
        assert_eq!(b.reason.unwrap().0, Code::DestinationRemoved);
        assert_eq!(house.state().run(RunId(1)).await.unwrap().unwrap().state, RunState::Delivering);
    }
    assert_eq!(a.users().len(), 3);
    // It is put back.
    let b = open("b");
    let house = house.reopened(&[&a, &b]);
    let document = house.run(&users_to(&["a", "b"]), &table).await.unwrap();
    assert_eq!((document.run, document.state), (RunId(1), RunState::Succeeded));
    assert_eq!(b.users().len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_person_gives_up_calls_and_only_for_a_removed_destination() {
    let a = open("a");
    let house = waiting_for_b().await;
    let known = house.engine.cancel("b", None).await.unwrap_err();
    assert_eq!(known.code(), Code::ConflictingOptions, "the project has it");
    let house = house.reopened(&[&a]);
    for (destination, sync) in [("c", None), ("b", Some("others"))] {
        let none = house.engine.cancel(destination, sync).await.unwrap_err();
        assert_eq!(none.code(), Code::NoSuchSyncOrRun);
    }
    let report = house.engine.cancel("b", Some("users")).await.unwrap();
    assert_eq!((report.calls, report.runs.len(), report.runs[0].run), (5, 1, RunId(1)));
    let [_, b] = house.state().deliveries(RunId(1)).await.unwrap().try_into().unwrap();
    assert_eq!((b.counts.pending, b.counts.cancelled, b.state), (0, 5, DeliveryState::Succeeded));
    assert_eq!(b.reason.unwrap().0, Code::DestinationRemoved, "the list of runs says why");
    assert_eq!(house.state().run(RunId(1)).await.unwrap().unwrap().state, RunState::Succeeded);
    let verified = house.engine.reader().verify(RunId(1)).await.unwrap();
    assert!(verified.differences.is_empty(), "{verified:?}");
    assert_eq!(house.engine.cancel("b", None).await.unwrap_err().code(), Code::NoSuchSyncOrRun);
}

/// A configuration without `b`, in the project and in the sync.
fn without_b(served: &Served, table: &Table) -> RuntimeConfig {
    let mut config = config(&served.house, &every_minute(&["a"]), table);
    config.engine.destinations.remove("b");
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn under_serve_a_removed_destination_is_an_alert_and_a_reload_brings_its_calls_back() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    served.delivered("a").await;
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    served.handle.reload(without_b(&served, &table));
    let alert = |kind: &'static str, over: bool| {
        move |n: &Event| match n {
            Event::Alert { alert } if alert.kind == kind && alert.recovered_at.is_some() == over => {
                Some(alert.clone())
            }
            _ => None,
        }
    };
    let fired = served.next(alert("destination_removed", false)).await;
    assert_eq!((fired.code, &*fired.subject), (Some(Code::DestinationRemoved), "users to b"));
    assert!(fired.message.starts_with("30 calls"), "{}", fired.message);
    // The sync goes on for its other destination.
    table.set((31..=40).map(|i| (Some(i.to_string()), "pro")));
    served.at(1_000_000 + MINUTE);
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    let state = served.house.state();
    assert_eq!(state.run(RunId(1)).await.unwrap().unwrap().state, RunState::Delivering);
    assert_eq!(state.pending().await.unwrap().iter().map(|p| p.calls).sum::<u64>(), 30);
    // The name was taken out by mistake.
    b_open.store(true, Ordering::SeqCst);
    served.handle.reload(config(&served.house, &spec, &table));
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    assert_eq!(b.users().len(), 30);
    served.next(alert("destination_removed", true)).await;
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn under_serve_calls_for_a_removed_destination_are_given_up_on_request() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    assert_eq!(served.handle.cancel("b", None).await.unwrap_err().code(), Code::ConflictingOptions);
    served.handle.reload(without_b(&served, &table));
    assert_eq!(served.handle.cancel("b", None).await.unwrap().calls, 30);
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    let house = served.stop().await;
    assert!(b.users().is_empty());
    let [_, delivery] = house.state().deliveries(RunId(1)).await.unwrap().try_into().unwrap();
    assert_eq!((delivery.counts.cancelled, delivery.counts.pending), (30, 0));
}

/// A queued run of a sync, as an earlier process left it.
fn queued(sync: &str, source: &str) -> NewRun {
    NewRun {
        sync: sync.to_owned(),
        call_type: CallType::Identify,
        trigger: RunTrigger::Manual,
        spec: RunSpec {
            source: source.to_owned(),
            query: "SELECT the_old_query".to_owned(),
            connections: vec![Connection { destination: "a".to_owned(), nulls: Nulls::Send }],
            options: RunOptions::default(),
            guards: Guards::default(),
            ids: Default::default(),
            skipped: Vec::new(),
        },
        due_at: SystemClock.now(),
        started_at: SystemClock.now(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_never_sends_its_query_to_another_source() {
    let a = open("a");
    let house = House::new(&[&a]);
    house.state().create_run(&queued("users", "shop.old")).await.unwrap();
    let table = Table::users(1..=5);
    let errors = house.run(&users_to(&["a"]), &table).await.unwrap_err();
    assert_eq!(codes(&errors), [Code::SourceChanged]);
    let failed = house.state().run(RunId(1)).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.reason.unwrap().0), (RunState::Failed, Code::SourceChanged));
    assert!(table.statements.lock().unwrap().is_empty(), "nothing was read");
    // The window is not lost: the next run reads all of it, with the new query.
    let document = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!((document.state, document.rows.read, a.users().len()), (RunState::Succeeded, 5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_removed_sync_has_committed_is_delivered_and_the_rest_is_cancelled() {
    let house = waiting_for_b().await;
    let extracting = house.state().create_run(&queued("users", "shop.main")).await.unwrap().id;
    house.state().begin_extraction(extracting, SystemClock.now(), "0").await.unwrap();
    let (a, b) = (open("a"), open("b"));
    let house = house.reopened(&[&a, &b]);
    let document =
        house.engine.finish_removed("users", &request(RunOptions::default())).await.unwrap().unwrap();
    assert_eq!((document.run, document.state, b.users().len()), (RunId(1), RunState::Succeeded, 5));
    let cancelled = house.state().run(extracting).await.unwrap().unwrap();
    assert_eq!((cancelled.state, cancelled.reason.unwrap().0), (RunState::Cancelled, Code::NoSuchSyncOrRun));
    assert!(house.engine.finish_removed("users", &request(RunOptions::default())).await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn under_serve_no_run_of_a_removed_sync_stays_behind() {
    let house = waiting_for_b().await;
    house.state().create_run(&queued("gone", "shop.main")).await.unwrap();
    let (a, b) = (open("a"), open("b"));
    let house = house.reopened(&[&a, &b]);
    let others = outflow_core::SyncSpec { name: "others".to_owned(), ..users_to(&["a"]) };
    let mut served = Served::start(house, 1_000_000, &others, &Table::users(1..=5));
    let mut ended = [served.run_ended().await, served.run_ended().await];
    ended.sort_by_key(|(run, _)| *run);
    assert_eq!(ended, [(RunId(1), RunState::Succeeded), (RunId(2), RunState::Cancelled)]);
    assert_eq!(b.users().len(), 5);
    served.stop().await;
}

/// Counts how often it is asked. An actor asks once each time that it looks, and then reads the
/// state.
#[derive(Default)]
struct CountingClock(AtomicUsize);

impl Clock for CountingClock {
    fn now(&self) -> Timestamp {
        self.0.fetch_add(1, Ordering::SeqCst);
        SystemClock.now()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_one_sync_wakes_no_other() {
    const SYNCS: usize = 200;
    let a = Scripted::new("a", |_, _| Answer::Delivered);
    let mut house = House::new(&[&a]);
    let clock = Arc::new(CountingClock::default());
    house.engine.clock = clock.clone();
    let table = Table::users(1..=5);
    let spec = |n: usize| outflow_core::SyncSpec { name: format!("sync{n}"), ..users_to(&["a"]) };
    let syncs = (0..SYNCS).map(|n| SyncRuntime { spec: spec(n), warehouse: Arc::new(table.clone()) });
    let config = RuntimeConfig { syncs: syncs.collect(), ..config(&house, &spec(0), &table) };
    let (told, mut notices) = tokio::sync::mpsc::unbounded_channel();
    let (handle, supervising) = serve::start(config, Arc::new(move |event| drop(told.send(event))));
    let ended = tokio::spawn(supervising);
    let looks = || clock.0.load(Ordering::SeqCst);
    while looks() < SYNCS {
        tokio::task::yield_now().await;
    }
    let before = looks();
    handle.trigger("sync7", RunOptions::default()).await.unwrap();
    loop {
        let event = notices.recv().await.unwrap();
        if matches!(event, Event::Ended { .. }) {
            break;
        }
    }
    let looked = looks() - before;
    assert!(looked < SYNCS / 2, "one run of one sync made {looked} looks among {SYNCS} syncs");
    house.stop.send_replace(true);
    ended.await.unwrap().unwrap();
}
