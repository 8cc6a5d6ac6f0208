//! A destination that is slow, dead or behind holds up no other: under a supervisor and with runs
//! that are asked for one by one. Promise 5 of `docs/GUARANTEES.md`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use outflow_core::ports::state::RunFilter;
use outflow_core::run::RunTrigger;
use outflow_core::{Budget, Code, DeliveryState, RunId, RunState};
use outflow_engine::Observer;
use outflow_engine::RunRequest;
use outflow_engine::serve::side::{Begun, SideRequests};
use outflow_engine::serve::{BacklogQuota, Event};
use tokio::sync::Semaphore;

use crate::parts::{House, Scripted, Table, request, retry, users_to};
use crate::served::{MINUTE, Served, config, every_minute, gated, open};

const BEGIN: i64 = 1_000_000;

/// Other rows than those of any other slot.
fn of_slot(table: &Table, slot: i64, rows: i64) {
    table.set((1..=rows).map(|i| (Some(format!("{slot:02}-{i}")), "pro")));
}

/// A destination that is well and takes longer for a request than any interval.
fn slow(name: &str) -> (Arc<Scripted>, Arc<Semaphore>) {
    let (slow, hold) = (open(name), Arc::new(Semaphore::new(0)));
    *slow.hold.lock().unwrap() = Some(hold.clone());
    (slow, hold)
}

/// The users that a destination got, in order.
fn taken(destination: &Scripted) -> Vec<String> {
    let calls = destination.taken.lock().unwrap();
    calls.iter().map(|call| call["userId"].as_str().unwrap().to_owned()).collect()
}

/// By slot, in the order in which they came.
fn slots_in_order(destination: &Scripted) -> bool {
    taken(destination).iter().map(|user| user[..2].to_owned()).is_sorted()
}

#[tokio::test(flavor = "multi_thread")]
async fn beside_a_slow_one_a_dead_one_and_both_a_healthy_destination_gets_every_slot() {
    for others in [&["slow"][..], &["down"], &["dead"], &["slow", "dead", "down"]] {
        let (well, (slow, hold), (dead, is_open)) = (open("well"), slow("slow"), gated("dead"));
        is_open.store(false, Ordering::SeqCst);
        // It fails for less than an interval: it does not count as degraded yet.
        let down = Scripted::new("down", |_, _| retry(Code::DestinationUnreachable));
        let names = [&["well"], others].concat();
        let (table, spec) = (Table::users([]), every_minute(&names));
        let house = House::new(&[&well, &slow, &dead, &down]);
        of_slot(&table, 0, 5);
        let mut served = Served::start(house, BEGIN, &spec, &table);
        for slot in 0..10 {
            of_slot(&table, slot, 5);
            served.at(BEGIN + slot * MINUTE);
            assert_eq!(served.delivered("well").await, RunId(slot as u64 + 1), "{others:?}");
        }
        let runs = served.house.state().runs(&RunFilter::default()).await.unwrap();
        assert!(runs.len() == 10 && runs.iter().all(|run| run.state == RunState::Delivering), "{runs:?}");
        for queue in served.handle.queues() {
            assert_eq!(queue.runs, (1..=10).map(RunId).collect::<Vec<_>>(), "they wait in order");
        }
        hold.add_permits(1_000);
        is_open.store(true, Ordering::SeqCst);
        served.handle.reload(config(&served.house, &spec, &table));
        for other in others.iter().filter(|name| **name != "down") {
            for run in 1..=10 {
                assert_eq!(served.delivered(other).await, RunId(run));
            }
        }
        served.stop().await;
        for other in [&slow, &dead].into_iter().filter(|d| d.requests() > 0) {
            assert!(slots_in_order(other) && other.users().len() == 50, "{:?}", taken(other));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn if_the_only_healthy_destination_is_at_work_the_slot_is_skipped_and_names_it() {
    let ((slow, hold), (dead, is_open)) = (slow("slow"), gated("dead"));
    is_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users(1..=5), every_minute(&["slow", "dead"]));
    let mut served = Served::start(House::new(&[&slow, &dead]), BEGIN, &spec, &table);
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    served.at(BEGIN + MINUTE);
    let (skip, _) = served.skipped().await;
    let record = served.house.state().run(skip).await.unwrap().unwrap();
    let (code, reason) = record.reason.unwrap();
    assert_eq!((code, record.skipped_by), (Code::RunInProgress, Some(RunId(1))));
    assert_eq!(reason, "run 1 is being delivered to slow");
    hold.add_permits(1_000);
    assert_eq!(served.delivered("slow").await, RunId(1));
    of_slot(&table, 2, 5);
    served.at(BEGIN + 2 * MINUTE);
    assert_eq!(served.delivered("slow").await, RunId(3), "the next one catches up");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_healthy_destination_runs_wait_up_to_the_quota_and_then_slots_are_skipped() {
    let (b, b_open) = gated("b");
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users([]), every_minute(&["b"]));
    of_slot(&table, 0, 5);
    let limited = |house: &House| {
        let mut config = config(house, &spec, &table);
        config.limits.backlog.age = Some(Duration::from_secs(150));
        config
    };
    let mut served = Served::start_fleet(House::new(&[&b]), BEGIN, limited);
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    for slot in 1..=2 {
        of_slot(&table, slot, 5);
        served.at(BEGIN + slot * MINUTE);
        let run = |n: &Event| if let Event::Extracted { run, .. } = n { Some(*run) } else { None };
        while served.next(run).await != RunId(slot as u64 + 1) {}
    }
    served.at(BEGIN + 3 * MINUTE);
    let (skip, _) = served.skipped().await;
    let (code, reason) = served.house.state().run(skip).await.unwrap().unwrap().reason.unwrap();
    assert_eq!((code, &*reason), (Code::BacklogFull, "run 1 has been waiting for b for 3 minutes"));
    assert_eq!(served.alert("backlog_full").await, "users");
    assert!(served.house.state().open_gaps().await.unwrap().is_empty(), "a run never leaves out all");
    // What was skipped is read once it takes calls again.
    of_slot(&table, 4, 5);
    b_open.store(true, Ordering::SeqCst);
    served.handle.reload(limited(&served.house));
    for run in 1..=3 {
        assert_eq!(served.delivered("b").await, RunId(run));
    }
    served.at(BEGIN + 4 * MINUTE);
    assert_eq!(served.delivered("b").await, RunId(5));
    assert!(slots_in_order(&b) && b.users().len() == 20);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_beyond_its_quota_is_left_out_and_gets_what_it_missed_once_it_has_caught_up() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users([]), every_minute(&["a", "b"]));
    of_slot(&table, 0, 30);
    let small = |house: &House| {
        let mut config = config(house, &spec, &table);
        config.limits.backlog = BacklogQuota { bytes: 1, age: None };
        config
    };
    let mut served = Served::start_fleet(House::new(&[&a, &b]), BEGIN, small);
    assert_eq!(served.delivered("a").await, RunId(1));
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    for slot in 1..=2 {
        of_slot(&table, slot, 5);
        served.at(BEGIN + slot * MINUTE);
        let ended = (RunId(slot as u64 + 1), RunState::Succeeded);
        assert_eq!(served.run_ended().await, ended, "it does not wait");
    }
    let left_out = |n: &Event| if let Event::DestinationSkipped { run, .. } = n { Some(*run) } else { None };
    assert_eq!(served.next(left_out).await, RunId(2));
    assert!(!served.kept.iter().any(|n| left_out(n).is_some()), "it is reported once");
    assert_eq!(served.alert("destination_skipped").await, "users to b");
    let missed = served.house.state().deliveries(RunId(3)).await.unwrap().remove(1);
    let (code, _) = missed.reason.unwrap();
    assert_eq!((missed.counts.cancelled, missed.counts.calls, code), (5, 5, Code::DestinationSkipped));
    let gaps = served.house.state().open_gaps().await.unwrap();
    assert!(gaps.iter().map(|gap| gap.missing.first).eq([RunId(2), RunId(3)]), "{gaps:?}");

    // The rows of both are read again, as they are states.
    table.set_again([]);
    table.set((1..=2).flat_map(|n| (1..=5).map(move |i| (Some(format!("{n:02}-{i}")), "pro"))));
    b_open.store(true, Ordering::SeqCst);
    served.handle.reload(small(&served.house));
    assert_eq!(served.delivered("b").await, RunId(1), "what waited is delivered first");
    assert_eq!(served.delivered("b").await, RunId(4));
    let fill = served.house.state().run(RunId(4)).await.unwrap().unwrap();
    assert_eq!((fill.trigger, fill.rows.calls), (RunTrigger::Gap, 10));
    assert!(served.house.state().open_gaps().await.unwrap().is_empty());
    of_slot(&table, 3, 5);
    served.at(BEGIN + 3 * MINUTE);
    assert_eq!(served.delivered("b").await, RunId(5), "it is one of them again");
    while served.delivered("a").await != RunId(5) {}
    assert_eq!((a.users().len(), b.users().len()), (45, 45));
    assert!(b.users().values().all(|times| *times == 1));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fill_that_awaits_approval_concerns_its_destination_alone() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec) = (Table::users([]), every_minute(&["a", "b"]));
    of_slot(&table, 0, 5);
    // What `b` missed is more than it may get in a day.
    let small = |house: &House| {
        let mut config = config(house, &spec, &table);
        config.limits.backlog = BacklogQuota { bytes: 1, age: None };
        let budget = Budget { per_day: Some(12), per_month: None };
        config.engine.budgets = Arc::new([("b".to_owned(), budget)].into());
        config
    };
    let mut served = Served::start_fleet(House::new(&[&a, &b]), BEGIN, small);
    served.next(|n| matches!(n, Event::Degraded { degraded: true, .. }).then_some(())).await;
    let tick = async |served: &mut Served, slot: i64, run: u64| {
        of_slot(&table, slot, 5);
        served.at(BEGIN + slot * MINUTE);
        assert_eq!(served.delivered("a").await, RunId(run));
    };
    assert_eq!(served.delivered("a").await, RunId(1));
    tick(&mut served, 1, 2).await;
    tick(&mut served, 2, 3).await;
    table.set_again([]);
    table.set((1..=2).flat_map(|n| (1..=5).map(move |i| (Some(format!("{n:02}-{i}")), "pro"))));
    b_open.store(true, Ordering::SeqCst);
    served.handle.reload(small(&served.house));
    let held = |n: &Event| if let Event::AwaitingApproval { run, .. } = n { Some(*run) } else { None };
    assert_eq!(served.next(held).await, RunId(4));
    assert_eq!(served.delivered("b").await, RunId(1));
    tick(&mut served, 3, 5).await;
    assert_eq!(b.users().len(), 5, "newer calls do not come before what it missed");
    // What the run after it left out is more than the budget, too.
    table.set_again([]);
    served.handle.approve(RunId(4)).await.unwrap();
    assert_eq!(served.delivered("b").await, RunId(4));
    assert_eq!(served.next(held).await, RunId(6));
    served.handle.approve(RunId(6)).await.unwrap();
    assert_eq!(served.delivered("b").await, RunId(6));
    assert_eq!((a.users().len(), b.users().len()), (20, 20));
    assert!(slots_in_order(&b));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_run_a_new_run_begins_for_the_others_while_a_destination_is_down() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec, house) = (Table::users([]), users_to(&["a", "b"]), House::new(&[&a, &b]));
    for slot in 0..10 {
        of_slot(&table, slot, 5);
        let run = house.run(&spec, &table).await.unwrap();
        assert_eq!((run.run, run.state), (RunId(slot as u64 + 1), RunState::Delivering));
        assert_eq!(a.users().len() as i64, (slot + 1) * 5, "every slot on time");
        let [(_, to_a), (_, to_b)] = &run.destinations[..] else { panic!("{run:?}") };
        assert_eq!((to_a.state, to_b.state), (DeliveryState::Succeeded, DeliveryState::Stopped));
        let reason = to_b.reason.as_ref().unwrap();
        assert!(
            slot == 0 || reason.message.starts_with("it waits behind run 1, which stopped"),
            "{reason:?}"
        );
    }
    b_open.store(true, Ordering::SeqCst);
    let statements = table.statements.lock().unwrap().len();
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.run, run.resumed, run.state), (RunId(10), true, RunState::Succeeded));
    assert_eq!(table.statements.lock().unwrap().len(), statements, "what is finished is no new run");
    assert!(slots_in_order(&b) && b.users().len() == 50);
}

/// Each slot is a process of its own, which finds that the first one still delivers, and hands its
/// slot over.
#[tokio::test(flavor = "multi_thread")]
async fn with_run_beside_a_slow_one_a_dead_one_and_both_a_healthy_destination_gets_every_slot() {
    for others in [&["slow"][..], &["slow", "dead"], &["slow", "dead", "down"]] {
        let (well, (slow, hold), (dead, is_open)) = (open("well"), slow("slow"), gated("dead"));
        is_open.store(false, Ordering::SeqCst);
        let down = Scripted::new("down", |_, _| retry(Code::DestinationUnreachable));
        let names = [&["well"], others].concat();
        let (table, spec) = (Table::users([]), users_to(&names));
        let house = House::new(&[&well, &slow, &dead, &down]);
        let side = Arc::new(SideRequests::default());
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let observer: Observer = Arc::new(move |event| drop(told.send(event)));
        let request = RunRequest {
            side: Some(side.clone()),
            delivery_timeout: None,
            observer: observer.clone(),
            ..request(Default::default())
        };
        of_slot(&table, 0, 5);
        let (engine, first_spec, first_table) = (house.engine.clone(), spec.clone(), table.clone());
        let first = tokio::spawn(async move { engine.run(&first_spec, &first_table, &request).await });
        let mut delivered = async |expected: RunId| loop {
            if let Some(Event::Delivered { run, destination, .. }) = heard.recv().await
                && destination == "well"
            {
                assert_eq!(run, expected, "{others:?}");
                return;
            }
        };
        delivered(RunId(1)).await;
        for slot in 1..10 {
            of_slot(&table, slot, 5);
            let at = outflow_core::Timestamp::from_second(BEGIN + slot * MINUTE).unwrap();
            let begun = house.engine.slot_beside(&side, &spec, at, &observer).await.unwrap();
            let expected = RunId(slot as u64 + 1);
            assert_eq!(begun, Some(Begun::Started(expected)), "{others:?}");
            delivered(expected).await;
        }
        assert!(slots_in_order(&well) && well.users().len() == 50);
        hold.add_permits(1_000);
        if others.contains(&"down") {
            house.stop.send_replace(true);
        }
        let ended = tokio::time::timeout(Duration::from_secs(30), first).await.unwrap().unwrap();
        if !others.contains(&"down") {
            assert_eq!(ended.unwrap().run, RunId(1));
            assert!(slots_in_order(&slow) && slow.users().len() == 50);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_run_a_destination_that_is_the_only_one_gets_its_run_and_no_further_one() {
    let (b, b_open) = gated("b");
    b_open.store(false, Ordering::SeqCst);
    let (table, spec, house) = (Table::users(1..=5), users_to(&["b"]), House::new(&[&b]));
    for _ in 0..2 {
        let run = house.run(&spec, &table).await.unwrap();
        assert_eq!((run.run, run.state), (RunId(1), RunState::Delivering));
    }
    // A schedule follows its rule: runs wait up to the quota, and then slots are skipped.
    let due = |slot: i64, age: u64| RunRequest {
        trigger: RunTrigger::Schedule,
        due_at: Some(outflow_core::Timestamp::from_second(BEGIN + slot * MINUTE).unwrap()),
        backlog: BacklogQuota { age: Some(Duration::from_secs(age)), bytes: 1 << 40 },
        ..request(Default::default())
    };
    of_slot(&table, 1, 5);
    let run = house.engine.run(&spec, &table, &due(1, 3_600)).await.unwrap();
    assert_eq!((run.run, run.state), (RunId(2), RunState::Delivering));
    let full = house.engine.run(&spec, &table, &due(2, 0)).await.unwrap();
    assert_eq!((full.run, full.state), (RunId(1), RunState::Delivering));
    let skip = house.state().run(RunId(3)).await.unwrap().unwrap();
    assert_eq!((skip.state, skip.skipped_by), (RunState::Skipped, Some(RunId(1))));
    assert_eq!(skip.reason.unwrap().0, Code::BacklogFull);
    b_open.store(true, Ordering::SeqCst);
    house.run(&spec, &table).await.unwrap();
    assert_eq!(b.users().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_run_a_destination_that_was_left_out_gets_what_it_missed_in_the_run_that_reaches_it() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    b_open.store(false, Ordering::SeqCst);
    let (table, spec, house) = (Table::users([]), users_to(&["a", "b"]), House::new(&[&a, &b]));
    let go = async || {
        let backlog = BacklogQuota { age: Some(Duration::ZERO), bytes: 1 << 40 };
        let request = RunRequest { backlog, ..request(Default::default()) };
        house.engine.run(&spec, &table, &request).await.unwrap()
    };
    for slot in 0..3 {
        of_slot(&table, slot, 5);
        go().await;
    }
    assert_eq!(house.state().open_gaps().await.unwrap().len(), 2);
    b_open.store(true, Ordering::SeqCst);
    let resumed = go().await;
    assert_eq!((resumed.run, resumed.resumed), (RunId(1), true));
    table.set_again([]);
    table.set((1..=2).flat_map(|n| (1..=5).map(move |i| (Some(format!("{n:02}-{i}")), "pro"))));
    go().await;
    assert_eq!((a.users().len(), b.users().len()), (15, 15));
    assert!(house.state().open_gaps().await.unwrap().is_empty());
    let last = house.state().runs(&RunFilter::newest(None, 2)).await.unwrap();
    // What the other destination waits for comes first.
    assert_eq!(last.iter().map(|run| run.trigger).collect::<Vec<_>>(), [RunTrigger::Gap, RunTrigger::Manual]);
    of_slot(&table, 3, 5);
    go().await;
    let last = house.state().runs(&RunFilter::newest(None, 1)).await.unwrap();
    assert!(last[0].spec.skipped.is_empty(), "it is one of them again");
    assert_eq!((a.users().len(), b.users().len()), (20, 20));
}
