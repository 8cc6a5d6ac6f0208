//! Destinations that fail in the ways of real ones: what becomes of the calls, and how often they
//! are asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use outflow_core::ports::destination::{BatchLimits, Destination};
use outflow_core::run::RunOptions;
use outflow_core::{Answer, Code, DeliveryState, RunState};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::{RunDocument, RunRequest};
use outflow_testkit::Report;
use serde_json::Value;
use tokio::time::Instant;

use crate::parts::{House, Scripted, Table, refusal, request, retry, stop, users_to};

fn batches_of(records: usize) -> BatchLimits {
    BatchLimits { records, bytes: 10_000_000 }
}

/// Runs the sync of users to `a` until its destination ends it, however long that takes.
async fn run(house: &House, table: &Table) -> RunDocument {
    let request = RunRequest { delivery_timeout: None, ..request(RunOptions::default()) };
    house.engine.run(&users_to(&["a"]), table, &request).await.unwrap()
}

/// Delivered, dead letters, pending.
fn counts(run: &RunDocument) -> (u64, u64, u64) {
    let counts = run.destinations[0].1.counts;
    assert!(counts.closed(), "{counts:?}");
    (counts.delivered, counts.dead_letters, counts.pending)
}

/// Extracts that many users, and delivers them in virtual time to a destination whose answers and
/// delays are scripted.
fn deliver_in_virtual_time(
    users: u64,
    answer: impl Fn(usize, Duration) -> Answer + Send + Sync + 'static,
) -> (RunDocument, Duration, Arc<Scripted>) {
    // Extractions need several threads, and virtual time needs a single one: the destination is
    // down for the first half.
    let started: Arc<OnceLock<Instant>> = Arc::default();
    let a = Scripted::with_limits("a", batches_of(1), 8, {
        let started = started.clone();
        move |n, _| {
            started.get().map_or_else(|| stop(Code::DestinationUnreachable), |at| answer(n, at.elapsed()))
        }
    });
    let table = Table::users(1..=users);
    let house = House::new(&[&a]);
    let threads = tokio::runtime::Builder::new_multi_thread().enable_time().build().unwrap();
    assert_eq!(counts(&threads.block_on(run(&house, &table))), (0, 0, users));
    let house = house.reopened(&[&a]);
    a.patient.store(true, Ordering::SeqCst);
    let virtually =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    virtually.block_on(async {
        let start = *started.get_or_init(Instant::now);
        (run(&house, &table).await, start.elapsed(), a)
    })
}

#[test]
fn an_outage_of_two_hours_makes_no_dead_letter_and_few_requests() {
    let outage = Duration::from_secs(2 * 3600);
    let (run, took, a) = deliver_in_virtual_time(50, move |n, at| match (n, at > outage) {
        (0..16, _) | (_, true) => Answer::Delivered,
        (_, false) => retry(
            [
                Code::DestinationUnreachable,
                Code::DestinationTimeout,
                Code::DestinationThrottled,
                Code::DestinationServerError,
            ][n % 4],
        ),
    });
    assert_eq!((run.state, counts(&run)), (RunState::Succeeded, (50, 0, 0)));
    assert!(took >= outage && took < outage + Duration::from_secs(120), "{took:?}");
    assert!(a.requests() < 400, "{} requests", a.requests());
    assert!(a.users().values().all(|n| *n == 1));
    Report::new(
        "misbehaviour::an_outage_of_two_hours_makes_no_dead_letter_and_few_requests",
        "an outage of two hours of simulated time",
        1,
    )
    .with("dead letters", counts(&run).1)
    .with("requests", a.requests())
    .print();
}

#[test]
fn an_absurd_retry_after_is_waited_for_by_all_and_ends_with_one_request() {
    let hour = Duration::from_secs(3600);
    let asked: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let (run, _, _) = deliver_in_virtual_time(40, {
        let asked = asked.clone();
        move |_, at| {
            asked.lock().unwrap().push(at);
            match at < hour {
                true => Answer::Retry {
                    code: Code::DestinationThrottled,
                    status: Some(429),
                    reason: "no".into(),
                    after: Some(hour),
                },
                false => Answer::Delivered,
            }
        }
    });
    assert_eq!(counts(&run), (40, 0, 0));
    let asked = asked.lock().unwrap();
    let before = asked.iter().filter(|at| **at < hour).count();
    assert!(before <= 8 && asked.iter().all(|at| *at < Duration::from_secs(1) || *at >= hour), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_fails_every_second_request_gets_everything_and_refuses_nothing() {
    let a = Scripted::with_limits("a", batches_of(1), 4, |n, _| match n % 2 {
        0 => retry(Code::DestinationServerError),
        _ => Answer::Delivered,
    });
    let (table, house) = (Table::users(1..=1_000), House::new(&[&a]));
    let run = run(&house, &table).await;
    assert_eq!((run.state, counts(&run)), (RunState::Succeeded, (1_000, 0, 0)));
    assert!(a.requests() <= 2_001, "{} requests", a.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_call_in_ten_thousand_is_found_with_few_requests() {
    for bad in ["1", "2500", "4999", "9999", "10000"] {
        let a = Scripted::with_limits("a", batches_of(5_000), 2, move |_, calls| {
            match calls.iter().any(|c| c["userId"] == bad) {
                true => Answer::Refused(refusal(Code::CallRefused, Some(400))),
                false => Answer::Delivered,
            }
        });
        let (table, house) = (Table::users(1..=10_000), House::new(&[&a]));
        let run = run(&house, &table).await;
        assert_eq!((run.state, counts(&run)), (RunState::Partial, (9_999, 1, 0)));
        let extra = a.requests() - 2;
        assert!(extra as f64 <= 2.0 * 5_000_f64.log2(), "{extra} extra requests for call {bad}");
        assert!(a.users().len() == 9_999 && a.users().values().all(|n| *n == 1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_makes_no_dead_letter() {
    let a = Scripted::with_limits("a", batches_of(10), 4, |_, _| stop(Code::DestinationAddressWrong));
    let (table, house) = (Table::users(1..=1_000), House::new(&[&a]));
    let run = run(&house, &table).await;
    assert_eq!((run.destinations[0].1.state, counts(&run)), (DeliveryState::Stopped, (0, 0, 1_000)));
    assert!(a.requests() <= 24, "{} requests", a.requests());
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_pause_the_destination_and_each_run_asked_for_tries_few_calls() {
    let seen: Arc<Mutex<HashMap<String, String>>> = Arc::default();
    let (refuses, requests_again) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
    let a = Scripted::with_limits("a", batches_of(10), 4, {
        let (seen, refuses, requests_again) = (seen.clone(), refuses.clone(), requests_again.clone());
        move |n, calls: &[Value]| {
            for call in calls {
                let text = |name: &str| call[name].as_str().unwrap().to_owned();
                let first = seen.lock().unwrap().entry(text("userId")).or_insert(text("messageId")).clone();
                assert_eq!(first, text("messageId"), "a call goes out under one id, whenever that is");
            }
            match n >= 3 && refuses.load(Ordering::SeqCst) {
                true => {
                    requests_again.fetch_add(1, Ordering::SeqCst);
                    stop(Code::DestinationAuthFailed)
                }
                false => Answer::Delivered,
            }
        }
    });
    let (table, house) = (Table::users(1..=100), House::new(&[&a]));
    let first = run(&house, &table).await;
    assert_eq!((first.destinations[0].1.state, counts(&first)), (DeliveryState::Stopped, (30, 0, 70)));
    let limiter = house.engine.limiters.of(a.as_ref() as &dyn Destination);
    assert!(matches!(limiter.health(), Health::Paused { code: Code::DestinationAuthFailed, .. }));
    let refused = requests_again.load(Ordering::SeqCst);
    assert!(refused <= 24, "{refused} requests were refused");

    let second = run(&house, &table).await;
    assert_eq!((second.run, counts(&second)), (first.run, (30, 0, 70)));
    assert_eq!(second.destinations[0].1.reason.as_ref().unwrap().code, Code::DestinationAuthFailed);
    let probes = requests_again.load(Ordering::SeqCst) - refused;
    assert!((1..=24).contains(&probes), "a paused destination is tried with few calls: {probes}");
    assert!(matches!(limiter.health(), Health::Paused { code: Code::DestinationAuthFailed, .. }));

    refuses.store(false, Ordering::SeqCst);
    let third = run(&house, &table).await;
    assert_eq!((third.run, third.state, counts(&third)), (first.run, RunState::Succeeded, (100, 0, 0)));
    assert!(a.users().values().all(|n| *n == 1) && seen.lock().unwrap().len() == 100);
    assert_eq!(limiter.health(), Health::Healthy);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_gives_up_at_once_on_a_destination_that_wants_to_be_left_alone_for_longer() {
    let a = Scripted::with_limits("a", batches_of(10), 4, |_, _| Answer::Retry {
        code: Code::DestinationThrottled,
        status: Some(429),
        reason: "come back in an hour".into(),
        after: Some(Duration::from_secs(3600)),
    });
    let (table, house) = (Table::users(1..=100), House::new(&[&a]));
    for _ in 0..3 {
        let run = house.run(&users_to(&["a"]), &table).await.unwrap();
        assert_eq!((run.destinations[0].1.state, counts(&run)), (DeliveryState::Stopped, (0, 0, 100)));
        assert_eq!(run.destinations[0].1.reason.as_ref().unwrap().code, Code::DeliveryTimeout);
    }
    assert!(a.requests() <= 4, "{} requests", a.requests());
}
