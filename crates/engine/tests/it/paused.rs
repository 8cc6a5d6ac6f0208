//! What people pause: a destination gets nothing, and nothing of it is lost; a sync begins no run
//! by its schedule.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outflow_core::ports::destination::BatchLimits;
use outflow_core::ports::state::{DeliveryRecord, Pausable, Pause, PauseKind, RunFilter};
use outflow_core::ports::watch::AlertRecord;
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{Answer, Code, DeliveryState, RunId, RunState, SyncSpec, Timestamp};
use outflow_engine::serve::alert::Rules;
use outflow_engine::serve::{Event, RuntimeConfig, SyncRuntime};
use tokio::sync::Semaphore;

use crate::parts::{House, Scripted, Table, users_to};
use crate::served::{MINUTE, Served, config, every_minute, open};

fn pause(kind: PauseKind, name: &str) -> Pause {
    let of = Pausable { kind, name: name.to_owned() };
    Pause { of, since: Timestamp::from_second(1_000_000).unwrap() }
}

/// A person pauses `b`.
fn b_is_paused(mut house: House) -> House {
    house.engine = house.engine.with_pauses(&[pause(PauseKind::Destination, "b")]);
    house
}

fn resumed(mut house: House) -> House {
    house.engine = house.engine.with_pauses(&[]);
    house
}

async fn of_b(house: &House, run: u64) -> DeliveryRecord {
    let deliveries = house.state().deliveries(RunId(run)).await.unwrap();
    deliveries.into_iter().find(|d| d.destination == "b").unwrap()
}

/// The ids of the users that a destination has got, in this order.
fn got(destination: &Scripted) -> Vec<String> {
    let taken = destination.taken.lock().unwrap();
    taken.iter().map(|call| call["userId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_for_a_paused_destination_waits_in_order_and_others_go_on() {
    let (a, b) = (open("a"), open("b"));
    let house = b_is_paused(House::new(&[&a, &b]));
    let (spec, table) = (users_to(&["a", "b"]), Table::users(1..=5));
    for run in 1..=3 {
        table.set((5 * run - 4..=5 * run).map(|id| (Some(id.to_string()), "pro")));
        let document = house.run(&spec, &table).await.unwrap();
        assert_eq!((document.run, document.state), (RunId(run), RunState::Delivering));
        assert_eq!(a.users().len() as u64, 5 * run);
        let (name, b) = &document.destinations[1];
        assert_eq!((b.counts.pending, b.counts.cancelled, b.state), (5, 0, DeliveryState::Stopped), "{name}");
        assert_eq!(b.reason.as_ref().unwrap().code, Code::DestinationPaused);
    }
    let (code, reason) = of_b(&house, 1).await.reason.unwrap();
    let sentence = "b is paused by a person since 1970-01-12T13:46:40Z";
    assert_eq!((code, reason.as_str()), (Code::DestinationPaused, sentence));
    assert_eq!(b.requests(), 0, "it is not even probed");
    let refused = house.engine.cancel("b", None).await.unwrap_err();
    assert_eq!(refused.code(), Code::ConflictingOptions, "the project has it");

    table.set([]);
    let house = resumed(house);
    let document = house.run(&spec, &table).await.unwrap();
    assert_eq!((document.run, document.state), (RunId(3), RunState::Succeeded));
    let all: Vec<String> = (1..=15).map(|id| id.to_string()).collect();
    assert_eq!(got(&b), all, "in the order of the runs");
    for run in 1..=3 {
        assert!(house.engine.reader().verify(RunId(run)).await.unwrap().differences.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_another_destination_a_person_gets_no_second_run_that_waits() {
    let b = open("b");
    let house = b_is_paused(House::new(&[&b]));
    let (spec, table) = (users_to(&["b"]), Table::users(1..=5));
    for _ in 0..2 {
        let document = house.run(&spec, &table).await.unwrap();
        assert_eq!((document.run, document.state), (RunId(1), RunState::Delivering));
    }
    assert_eq!(b.requests(), 0);
}

/// The alert of this kind about `subject` that begins, or ends.
fn alert(kind: &'static str, is_over: bool) -> impl Fn(&Event) -> Option<AlertRecord> {
    move |event| match event {
        Event::Alert { alert } if alert.kind == kind && alert.recovered_at.is_some() == is_over => {
            Some(alert.clone())
        }
        _ => None,
    }
}

fn stopped_at_b(event: &Event) -> Option<RunId> {
    match event {
        Event::Delivered { destination, run, state, .. } => {
            (destination == "b" && *state == DeliveryState::Stopped).then_some(*run)
        }
        _ => None,
    }
}

#[tokio::test]
async fn a_pause_lets_requests_in_flight_end_and_sends_nothing_more_until_it_is_over() {
    let a = open("a");
    let batch = BatchLimits { records: 10, bytes: 100_000 };
    let b = Scripted::with_limits("b", batch, 1, |_, _| Answer::Delivered);
    let hold = Arc::new(Semaphore::new(0));
    *b.hold.lock().unwrap() = Some(hold.clone());
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    served.delivered("a").await;
    while b.most_under_way.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    served.house = b_is_paused(served.house);
    // The clock is the supervisor's.
    served.handle.reload(config(&served.house, &spec, &table));
    // On this one thread, every task that waits for it has seen it then.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    hold.add_permits(100);
    assert_eq!(served.next(stopped_at_b).await, RunId(1));
    assert_eq!(got(&b).len(), 10, "the request in flight, and no other");
    assert_eq!(of_b(&served.house, 1).await.counts.delivered, 10);
    let fired = served.next(alert("destination_paused", false)).await;
    assert_eq!((fired.code, &*fired.subject), (Some(Code::DestinationPaused), "b"));

    // The sync goes on for its other destination.
    table.set((31..=40).map(|id| (Some(id.to_string()), "pro")));
    served.at(1_000_000 + MINUTE);
    while served.delivered("a").await != RunId(2) {}
    assert_eq!(a.users().len(), 40);
    served.house = resumed(served.house);
    served.handle.reload(config(&served.house, &spec, &table));
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    assert_eq!(got(&b), (1..=40).map(|id| id.to_string()).collect::<Vec<_>>());
    served.next(alert("destination_paused", true)).await;
    let is_removed = alert("destination_removed", false);
    assert!(!served.kept.iter().any(|event| is_removed(event).is_some()), "{:?}", served.kept);
    served.stop().await;
}

/// `users` and `others`, both every minute.
fn two_syncs(house: &House, table: &Table, paused: bool) -> RuntimeConfig {
    let mut config = config(house, &every_minute(&["a"]), table);
    let others = SyncSpec { name: "others".to_owned(), ..every_minute(&["a"]) };
    config.syncs.push(SyncRuntime { spec: others, warehouse: Arc::new(table.clone()) });
    let pauses = [pause(PauseKind::Sync, "users"), pause(PauseKind::Destination, "of no project")];
    config.engine = config.engine.with_pauses(if paused { &pauses } else { &[] });
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_sync_runs_when_a_person_says_so_and_by_its_schedule_only_once_it_is_resumed() {
    let (a, table) = (open("a"), Table::users(1..=5));
    let start = |house: &House| two_syncs(house, &table, true);
    let mut served = Served::start_fleet(House::new(&[&a]), 1_000_000, start);
    let of_users = async |served: &Served| {
        let filter = RunFilter::newest(Some("users"), 0);
        let runs = served.house.state().runs(&filter).await.unwrap();
        runs.into_iter().map(|run| (run.trigger, run.due_at.as_second())).collect::<Vec<_>>()
    };
    for minute in 0..3 {
        served.at(1_000_000 + minute * MINUTE);
        served.run_ended().await;
    }
    // Its actor looks at the schedule before it takes a request.
    served.handle.trigger("users", RunOptions::default()).await.unwrap();
    served.run_ended().await;
    let by_hand = (RunTrigger::Manual, 1_000_000 + 2 * MINUTE);
    assert_eq!(of_users(&served).await, [by_hand]);

    // Slots that passed are not made up one by one.
    served.at(1_000_000 + 100 * MINUTE);
    served.run_ended().await;
    served.handle.reload(two_syncs(&served.house, &table, false));
    served.run_ended().await;
    let slot = (1_000_000 + 100 * MINUTE) / MINUTE * MINUTE;
    assert_eq!(of_users(&served).await, [(RunTrigger::Schedule, slot), by_hand]);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_sync_is_never_late() {
    let (a, table) = (open("a"), Table::users(1..=5));
    let rules = Rules { no_success_for: Duration::from_secs(3_600), ..Rules::default() };
    let config =
        |house: &House, paused| RuntimeConfig { rules: rules.clone(), ..two_syncs(house, &table, paused) };
    let mut served = Served::start_fleet(House::new(&[&a]), 1_000_000, |house| config(house, false));
    served.run_ended().await;
    served.run_ended().await;
    // From now on no run succeeds.
    *table.breaks_after.lock().unwrap() = Some(0);
    served.handle.reload(config(&served.house, true));
    served.at(1_000_000 + 2 * 3_600);
    let late = |subject: &'static str| {
        move |event: &Event| alert("no_success", false)(event).filter(|alert| alert.subject == subject)
    };
    served.next(late("others")).await;
    let known = served.house.state().alerts().await.unwrap();
    assert!(known.iter().all(|alert| alert.subject != "users"), "{known:?}");
    served.end().await;
}
