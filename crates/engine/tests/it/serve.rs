//! The supervisor: slots, skips, queues, reloads, restarts. Time is a clock that the tests set;
//! they wait for notices and never for time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use outflow_core::ports::state::RunFilter;
use outflow_core::run::{RunOptions, RunTrigger};
use outflow_core::{Answer, Code, RunId, RunState, SyncSpec};
use outflow_engine::serve::{Event, Triggered};

use crate::parts::{House, Scripted, Table, users_to};
use crate::served::{MINUTE, Served, config, every_minute, gated, open};

#[tokio::test(flavor = "multi_thread")]
async fn each_slot_begins_one_run_and_a_long_pause_begins_one() {
    let a = open("a");
    let table = Table::users(1..=5);
    let spec = every_minute(&["a"]);
    let mut served = Served::start(House::new(&[&a]), 1_000_000, &spec, &table);
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    for n in 1..=3 {
        table.set([(Some(format!("{n}00")), "pro")]);
        served.at(1_000_000 + n * MINUTE);
        assert_eq!(served.run_ended().await.0, RunId(1 + n as u64));
        served.handle.wake();
    }
    served.at(1_000_000 + 500 * MINUTE);
    assert_eq!(served.run_ended().await.0, RunId(5));
    served.at(1_000_000 + 500 * MINUTE + 1);
    // By less than an interval: a last slot further ahead was fired by a wrong clock.
    served.at(1_000_000 + 500 * MINUTE - 50);
    let house = served.stop().await;
    let runs = house.state().runs(&RunFilter::default()).await.unwrap();
    assert_eq!(runs.len(), 5, "neither a second look nor a clock that goes back fires a slot again");
    assert!(
        runs.iter().all(|r| r.trigger == RunTrigger::Schedule && r.due_at.as_second() % 60 == 0),
        "{runs:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_finds_its_sync_busy_is_skipped_and_a_wish_is_remembered_once() {
    let hold = Arc::new(tokio::sync::Semaphore::new(0));
    let table = Table { hold: Some(hold.clone()), ..Table::users(1..=5) };
    let a = open("a");
    let mut served = Served::start(House::new(&[&a]), 1_000_000, &every_minute(&["a"]), &table);
    let first = served.started().await;
    for n in 1..=2 {
        served.at(1_000_000 + n * MINUTE);
        let (skip, slot) = served.skipped().await;
        let record = served.house.state().run(skip).await.unwrap().unwrap();
        assert_eq!((record.state, record.skipped_by, record.due_at), (RunState::Skipped, Some(first), slot));
        assert_eq!(record.reason.unwrap().0, Code::RunInProgress);
    }
    for _ in 0..3 {
        let wish = served.handle.trigger("users", RunOptions::default()).await.unwrap();
        assert_eq!(wish, Triggered::Remembered { behind: Some(first) });
    }
    hold.add_permits(100);
    assert_eq!(served.run_ended().await.0, first);
    let wished = served.started().await;
    assert_eq!(served.run_ended().await.0, wished);
    assert_eq!(
        served.handle.trigger("nobody", RunOptions::default()).await.unwrap_err().code(),
        Code::NoSuchSyncOrRun
    );
    let house = served.stop().await;
    let manual = house.state().runs(&RunFilter::default()).await.unwrap();
    assert_eq!(manual.iter().filter(|r| r.trigger == RunTrigger::Manual).count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_destination_is_degraded_and_recovers_in_order() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let table = Table::users(1..=30);
    let spec = every_minute(&["a", "b"]);
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    for n in 0..3 {
        table.set((1..=30).map(|i| (Some(format!("{n}-{i}")), "pro")));
        served.at(1_000_000 + n * MINUTE);
        served.delivered("a").await;
        if n == 0 {
            served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
        }
    }
    let queues = served.handle.queues();
    assert_eq!((queues.len(), queues[0].destination.as_str(), queues[0].degraded), (1, "b", true));
    assert_eq!(queues[0].runs, [RunId(1), RunId(2), RunId(3)]);
    assert_eq!(a.users().len(), 90);
    b_open.store(true, Ordering::SeqCst);
    served.handle.reload(config(&served.house, &spec, &table));
    for n in 1..=3 {
        assert_eq!(served.run_ended().await, (RunId(n), RunState::Succeeded));
    }
    let order: Vec<String> =
        b.taken.lock().unwrap().iter().map(|c| c["userId"].as_str().unwrap()[..1].to_owned()).collect();
    assert!(order.is_sorted() && order.len() == 90, "{order:?}");
    assert!(served.handle.queues().is_empty());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_with_what_was_under_way() {
    let (a, a_open) = gated("a");
    let hold = Arc::new(tokio::sync::Semaphore::new(0));
    let (mut table, spec) = (Table::users(1..=30), every_minute(&["a"]));
    a_open.store(false, Ordering::SeqCst);
    let mut served = Served::start(House::new(&[&a]), 1_000_000, &spec, &table);
    assert_eq!(served.started().await, RunId(1));
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    table.hold = Some(hold.clone());
    served.handle.reload(config(&served.house, &spec, &table));
    served.at(1_000_000 + MINUTE);
    let second = served.started().await;
    assert_eq!(second, RunId(2));
    let house = served.stop().await;
    let left = house.state().run(second).await.unwrap().unwrap().state;
    assert!(matches!(left, RunState::Queued | RunState::Extracting), "{left}");

    a_open.store(true, Ordering::SeqCst);
    hold.add_permits(100);
    let mut served = Served::start(house.reopened(&[&a]), 1_000_000 + MINUTE, &spec, &table);
    let mut ended = [served.run_ended().await, served.run_ended().await];
    ended.sort_by_key(|e| e.0);
    assert_eq!(ended, [(RunId(1), RunState::Succeeded), (second, RunState::Succeeded)]);
    assert_eq!(a.users().len(), 30);
    let house = served.stop().await;
    assert_eq!(
        house.state().runs(&RunFilter::default()).await.unwrap().len(),
        2,
        "the slot was fired before the restart"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_brings_the_new_query_and_keeps_what_a_removed_destination_had_pending() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    served.delivered("a").await;
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    let mut new = config(&served.house, &every_minute(&["a"]), &table);
    new.engine.destinations.remove("b");
    new.syncs[0].spec.query.push_str(" AND true");
    served.handle.reload(new);
    table.set([(Some("new".to_owned()), "pro")]);
    served.at(1_000_000 + MINUTE);
    assert_eq!(served.run_ended().await, (RunId(2), RunState::Succeeded));
    let counts = served.house.state().deliveries(RunId(1)).await.unwrap()[1].counts;
    assert_eq!((counts.cancelled, counts.pending), (0, 30));
    assert!(table.statements.lock().unwrap().last().unwrap().ends_with(" AND true"));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_run_keeps_its_sync_busy_until_it_is_released_or_discarded() {
    let a = open("a");
    let table = Table::users(1..=30);
    let guards = outflow_core::Guards { max_rows: Some(29), ..Default::default() };
    let spec = SyncSpec { guards, ..every_minute(&["a"]) };
    let is_awaiting = |n: &Event| match n {
        Event::AwaitingApproval { run, code: Code::TooManyRows, .. } => Some(*run),
        _ => None,
    };
    let mut served = Served::start(House::new(&[&a]), 1_000_000, &spec, &table);
    assert_eq!(served.next(is_awaiting).await, RunId(1));
    served.at(1_000_000 + MINUTE);
    let (skip, _) = served.skipped().await;
    let record = served.house.state().run(skip).await.unwrap().unwrap();
    assert_eq!((record.reason.unwrap().0, record.skipped_by), (Code::RunInProgress, Some(RunId(1))));
    let asked = served.handle.trigger("users", RunOptions::default()).await.unwrap_err();
    assert_eq!(asked.code(), Code::AwaitingApproval);
    let house = served.stop().await;

    let mut served = Served::start(house.reopened(&[&a]), 1_000_000 + MINUTE, &spec, &table);
    assert_eq!(served.next(is_awaiting).await, RunId(1), "a restart tells of it and leaves it");
    assert_eq!(a.requests(), 0);
    served.handle.approve(RunId(1)).await.unwrap();
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Succeeded));
    assert_eq!(a.users().len(), 30);
    table.set((1..=30).map(|i| (Some(i.to_string()), "free")));
    served.at(1_000_000 + 2 * MINUTE);
    let second = served.next(is_awaiting).await;
    served.handle.reject(second, false).await.unwrap();
    assert_eq!(served.run_ended().await, (second, RunState::Rejected));
    table.set([(Some("1".to_owned()), "free")]);
    served.at(1_000_000 + 3 * MINUTE);
    let (third, state) = served.run_ended().await;
    assert_eq!((state, a.users()["1"]), (RunState::Succeeded, 2));
    let record = served.house.state().run(third).await.unwrap().unwrap();
    assert_eq!((record.rows.calls, record.rows.unchanged), (1, 0), "compared with what was sent");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_has_deliveries_rest_and_they_go_on_without_the_person() {
    let is_up = Arc::new(AtomicBool::new(false));
    let up = is_up.clone();
    let down = move |_: usize, _: &[serde_json::Value]| match up.load(Ordering::SeqCst) {
        true => Answer::Delivered,
        false => crate::parts::retry(Code::DestinationUnreachable),
    };
    let (a, b) = (Scripted::new("a", down), open("b"));
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    let run = served.started().await;
    assert_eq!(served.delivered("b").await, run);
    let report =
        served.handle.with_deliveries_paused(|engine| async move { engine.purge("7").await }).await.unwrap();
    assert_eq!((report.runs[0].calls, report.runs[0].cancelled), (1, 1));
    is_up.store(true, Ordering::SeqCst);
    assert_eq!(served.run_ended().await, (run, RunState::Succeeded));
    let counts = served.house.state().deliveries(run).await.unwrap()[0].counts;
    assert_eq!((counts.delivered, counts.cancelled, counts.pending), (29, 1, 0));
    assert!(!a.users().contains_key("7") && a.users().len() == 29);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replays_that_are_asked_for_while_the_sync_is_busy_all_run_behind_it() {
    let (a, b) = (refusing("a"), refusing("b"));
    let (table, spec) = (Table::users(1..=30), users_to(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    let Triggered::Started(old) = served.handle.trigger("users", RunOptions::default()).await.unwrap() else {
        panic!("nothing is in the way")
    };
    assert_eq!(served.run_ended().await, (old, RunState::Partial));
    let request = outflow_engine::operations::replay::ReplayRequest {
        run: old,
        destination: None,
        code: None,
        mode: Some(outflow_core::run::ReplayMode::AsSent),
        force: true,
    };
    let plan = served.house.engine.reader().plan_replay(&request).await.unwrap();
    assert_eq!(plan.len(), 2);
    let hold = Arc::new(tokio::sync::Semaphore::new(0));
    served.handle.reload(config(&served.house, &spec, &Table { hold: Some(hold.clone()), ..table }));
    let Triggered::Started(busy) = served.handle.trigger("users", RunOptions::default()).await.unwrap()
    else {
        panic!("nothing is in the way")
    };
    for options in plan.iter().chain(&plan) {
        let asked = served.handle.trigger("users", options.clone()).await.unwrap();
        assert_eq!(asked, Triggered::Remembered { behind: Some(busy) });
    }
    hold.add_permits(100);
    let ended = [served.run_ended().await.0, served.run_ended().await.0, served.run_ended().await.0];
    assert_eq!(ended, [busy, RunId(3), RunId(4)], "each once, in the order in which they were asked for");
    let house = served.stop().await;
    let mut replays = Vec::new();
    for run in [3, 4] {
        replays.push(house.state().run(RunId(run)).await.unwrap().unwrap());
    }
    assert!(replays.iter().all(|r| r.trigger == RunTrigger::Replay && r.replays == Some(old)));
    assert_eq!(house.state().runs(&RunFilter::default()).await.unwrap().len(), 4);
}

/// Refuses user 7.
fn refusing(name: &str) -> Arc<Scripted> {
    Scripted::new(name, |_, calls| {
        let bad = calls.iter().position(|call| call["userId"] == "7");
        Answer::Partial(
            bad.map(|i| (i, crate::parts::refusal(Code::CallRefused, Some(400)))).into_iter().collect(),
        )
    })
}

/// Both deliveries find the loss at about the same time: the run ends once, and the supervisor goes
/// on.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_lost_for_two_destinations_ends_once() {
    let ((a, a_open), (b, b_open)) = (gated("a"), gated("b"));
    a_open.store(false, Ordering::SeqCst);
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users(1..=30), every_minute(&["a", "b"]));
    let mut served = Served::start(House::new(&[&a, &b]), 1_000_000, &spec, &table);
    // A destination is degraded while its delivery still holds calls in memory.
    for _ in 0..2 {
        served.next(|n| matches!(n, Event::Delivered { .. }).then_some(())).await;
    }
    for entry in std::fs::read_dir(served.house.dir.path().join("spool/1")).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    a_open.store(true, Ordering::SeqCst);
    b_open.store(true, Ordering::SeqCst);
    served.handle.reload(config(&served.house, &spec, &table));
    assert_eq!(served.run_ended().await, (RunId(1), RunState::Lost));
    // What each of them lacks is filled without a request, and then the sync goes on.
    for run in [2, 3] {
        assert_eq!(served.run_ended().await, (RunId(run), RunState::Succeeded));
    }
    assert_eq!((a.users().len(), b.users().len()), (30, 30));
    for arrived in [a.users(), b.users()] {
        assert!(arrived.values().all(|n| *n == 1), "{arrived:?}");
    }
    served.at(1_000_000 + MINUTE);
    assert_eq!(served.run_ended().await, (RunId(4), RunState::Succeeded));
    served.end().await;
}
