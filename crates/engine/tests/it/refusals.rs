//! Refusals that look like the whole destination: one call's is a dead letter, everything's stops.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use outflow_core::ports::destination::{BatchLimits, Destination};
use outflow_core::run::RunOptions;
use outflow_core::{Answer, Code, DeliveryState, RunState, SyncSpec};
use outflow_engine::delivery::limiter::Health;
use outflow_engine::{RunDocument, RunRequest};
use outflow_testkit::{Report, Rng, long, seed};
use serde_json::Value;

use crate::parts::{House, Scripted, Table, request, users_to};

/// An answer that looks like the whole destination.
fn stops(status: u16) -> Answer {
    let code = match status {
        401 | 403 => Code::DestinationAuthFailed,
        200 => Code::DestinationAnswerInvalid,
        _ => Code::DestinationAddressWrong,
    };
    Answer::Stop { code, status: Some(status), reason: "Request blocked".to_owned() }
}

fn batches_of(records: usize) -> BatchLimits {
    BatchLimits { records, bytes: 1_000_000 }
}

fn id(call: &Value) -> u64 {
    call["userId"].as_str().unwrap().parse().unwrap()
}

fn has(calls: &[Value], bad: impl Fn(u64) -> bool) -> bool {
    calls.iter().any(|call| bad(id(call)))
}

async fn run(house: &House, spec: &SyncSpec, table: &Table) -> RunDocument {
    let patience = Some(Duration::from_secs(20));
    let request = RunRequest { delivery_timeout: patience, ..request(RunOptions::default()) };
    let run = tokio::time::timeout(Duration::from_secs(60), house.engine.run(spec, table, &request)).await;
    let run = run.expect("it ends by itself").unwrap();
    let found = house.engine.reader().verify(run.run).await.unwrap();
    assert!(found.differences.is_empty(), "{found:?}");
    run
}

/// Delivered, dead letters, pending.
fn counts(run: &RunDocument) -> (u64, u64, u64) {
    let counts = run.destinations[0].1.counts;
    assert!(counts.closed(), "{counts:?}");
    (counts.delivered, counts.dead_letters, counts.pending)
}

fn reason(run: &RunDocument) -> (Code, &str) {
    let reason = run.destinations[0].1.reason.as_ref().unwrap();
    (reason.code, &reason.message)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_call_that_is_refused_while_others_are_taken_is_the_only_dead_letter() {
    for (batch, concurrency) in [(1, 1), (1, 4), (5, 1), (100, 2)] {
        for (n, bad) in [1, 3, 50, 99, 100].into_iter().enumerate() {
            let status = [401, 403, 404, 405, 410, 415, 451, 200, 302, 501][(n + batch) % 10];
            // A 401 needs a later witness, so it is no last one.
            let status = if bad == 100 && status == 401 { 403 } else { status };
            let a = Scripted::with_limits("a", batches_of(batch), concurrency, move |_, calls| {
                if has(calls, |id| id == bad) { stops(status) } else { Answer::Delivered }
            });
            let (table, house) = (Table::users(1..=100), House::new(&[&a]));
            let run = run(&house, &users_to(&["a"]), &table).await;
            let at = format!("call {bad} in batches of {batch}, {concurrency} at a time: {status}");
            assert_eq!((run.state, counts(&run)), (RunState::Partial, (99, 1, 0)), "{at}");
            let letters = house.state().dead_letters(run.run, "a", 0, 10).await.unwrap();
            let letter = (letters[0].code, letters[0].status, letters[0].reason.as_str());
            assert_eq!(letter, (Code::CallRefusedAlone, Some(status), "Request blocked"), "{at}");
            assert_eq!(letters[0].ordinal, bad - 1, "{at}");
            assert!(a.users().len() == 99 && a.users().values().all(|n| *n == 1), "{at}");
            let limit = 100_usize.div_ceil(batch) + 2 * 8 + 2 + 4;
            assert!(a.requests() <= limit, "{at}: {} requests", a.requests());
            assert_eq!(house.engine.limiters.of(a.as_ref() as &dyn Destination).health(), Health::Healthy);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_refuses_everything_stops_after_few_requests_and_says_what_was_said() {
    for (batch, users) in [(1, 1), (1, 5), (1, 1_000), (10, 3), (10, 1_000), (500, 500)] {
        for (status, code) in [(401, Code::DestinationAuthFailed), (404, Code::DestinationAddressWrong)] {
            let a = Scripted::with_limits("a", batches_of(batch), 4, move |_, _| stops(status));
            let (table, house) = (Table::users(1..=users), House::new(&[&a]));
            let run = run(&house, &users_to(&["a"]), &table).await;
            let at = format!("{users} in batches of {batch}: {status}");
            assert_eq!(run.destinations[0].1.state, DeliveryState::Stopped, "{at}");
            assert_eq!(counts(&run), (0, 0, users), "{at}");
            let (told, message) = reason(&run);
            assert_eq!(told, code, "{at}");
            let name = if status == 401 { "401 Unauthorized" } else { "404 Not Found" };
            assert!(
                message.starts_with(&format!("{name}: Request blocked; no other call was taken")),
                "{message}"
            );
            assert!(message.contains("row ") && message.contains("messageId "), "{message}");
            assert!(a.requests() <= 24, "{at}: {} requests", a.requests());
            let health = house.engine.limiters.of(a.as_ref() as &dyn Destination).health();
            assert!(matches!(health, Health::Paused { code: paused, .. } if paused == code), "{health:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_revoked_in_the_middle_of_a_run_makes_no_dead_letter() {
    for batch in [1, 10] {
        let a = Scripted::with_limits("a", batches_of(batch), 4, |n, _| match n < 20 {
            true => Answer::Delivered,
            false => stops(401),
        });
        let (table, house) = (Table::users(1..=1_000), House::new(&[&a]));
        let run = run(&house, &users_to(&["a"]), &table).await;
        let (delivered, dead, pending) = counts(&run);
        assert_eq!((delivered, dead, pending), (20 * batch as u64, 0, 1_000 - 20 * batch as u64));
        assert!(a.requests() <= 20 + 24, "{} requests", a.requests());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_bad_calls_in_a_row_stop_nothing_once_others_were_taken() {
    let a = Scripted::with_limits("a", batches_of(1), 4, |_, calls| {
        if has(calls, |id| (20..80).contains(&id)) { stops(404) } else { Answer::Delivered }
    });
    let (table, house) = (Table::users(1..=200), House::new(&[&a]));
    let run = run(&house, &users_to(&["a"]), &table).await;
    assert_eq!((run.state, counts(&run)), (RunState::Partial, (140, 60, 0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_everything_now_and_then_gets_everything() {
    let (seed, refused) = (seed(), Mutex::new(Rng::new(seed())));
    let a = Scripted::with_limits("a", batches_of(10), 4, move |_, _| {
        let n = refused.lock().unwrap().below(10);
        if n == 0 { stops([401, 403, 404, 302, 200][seed as usize % 5]) } else { Answer::Delivered }
    });
    let (table, house) = (Table::users(1..=2_000), House::new(&[&a]));
    let run = run(&house, &users_to(&["a"]), &table).await;
    assert_eq!((run.state, counts(&run)), (RunState::Succeeded, (2_000, 0, 0)));
}

/// Runs a sync of some users while one of many orders is delivered to the same destination, which
/// refuses these users.
async fn beside_orders(
    users: impl IntoIterator<Item = u64>,
    refused: impl Fn(u64) -> bool + Send + Sync + 'static,
) -> RunDocument {
    let a = Scripted::with_limits("a", batches_of(1), 2, move |_, calls| {
        if has(calls, &refused) { stops(403) } else { Answer::Delivered }
    });
    let house = House::new(&[&a]);
    let orders = SyncSpec { name: "orders".into(), ..users_to(&["a"]) };
    let (table, many, spec) = (Table::users(users), Table::users(1_001..=11_000), users_to(&["a"]));
    let users = async {
        while a.requests() == 0 {
            tokio::task::yield_now().await;
        }
        run(&house, &spec, &table).await
    };
    let (users, many) = tokio::join!(users, run(&house, &orders, &many));
    assert_eq!((many.state, counts(&many)), (RunState::Succeeded, (10_000, 0, 0)));
    users
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_good_for_one_sync_alone_stops_the_other_and_makes_no_dead_letter() {
    let users = Box::pin(beside_orders(1..=100, |id| id <= 100)).await;
    assert_eq!(counts(&users), (0, 0, 100));
    let (code, message) = reason(&users);
    assert_eq!(code, Code::SyncRefused, "{message}");
    assert!(
        message.starts_with("403 Forbidden: Request blocked; calls of other syncs are taken"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_call_of_a_sync_is_a_dead_letter_if_another_sync_is_taken_meanwhile() {
    let users = Box::pin(beside_orders([7], |id| id == 7)).await;
    assert_eq!((users.state, counts(&users)), (RunState::Partial, (0, 1, 0)));
}

/// What a destination got of each person, in order.
type Got = Arc<Mutex<BTreeMap<u64, Vec<u64>>>>;

/// People with several calls each, numbered in row order by the plan.
fn people(rng: &mut Rng, rows: u64, people: u64) -> (Table, Vec<u64>) {
    let table = Table::users([]);
    let whose: Vec<u64> = (0..rows).map(|_| rng.below(people)).collect();
    let rows = whose.iter().enumerate();
    *table.rows.lock().unwrap() =
        rows.map(|(n, id)| vec![Some(id.to_string()), Some(n.to_string())]).collect();
    (table, whose)
}

/// One random history: random calls are refused alone as if it were the destination. Returns the
/// number of requests, and of bad calls.
async fn history(rng: &mut Rng) -> (usize, usize) {
    let (rows, persons) = (1 + rng.below(400), 1 + rng.below(60));
    let (table, whose) = people(rng, rows, persons);
    let share = [0, 2, 10, 40][rng.below(4) as usize];
    let bad: BTreeSet<u64> = (0..rows).filter(|_| rng.below(100) < share).collect();
    let statuses = [403, 404, 410, 451];
    let got: Got = Arc::default();
    let (batch, concurrency) = ([1, 3, 20, 100][rng.below(4) as usize], 1 + rng.below(5) as usize);
    let a = Scripted::with_limits("a", batches_of(batch), concurrency, {
        let (got, bad) = (got.clone(), bad.clone());
        move |n, calls| {
            let number = |call: &Value| call["traits"]["plan"].as_str().unwrap().parse::<u64>().unwrap();
            if calls.iter().any(|call| bad.contains(&number(call))) {
                return stops(statuses[n % 4]);
            }
            let mut got = got.lock().unwrap();
            calls.iter().for_each(|call| got.entry(id(call)).or_default().push(number(call)));
            Answer::Delivered
        }
    });
    let house = House::new(&[&a]);
    let run = run(&house, &users_to(&["a"]), &table).await;
    let (delivered, dead, pending) = counts(&run);
    let got = got.lock().unwrap().clone();
    for (person, calls) in &got {
        assert!(calls.is_sorted(), "calls of {person} came out of order: {calls:?}");
        let mut once = calls.clone();
        once.dedup();
        assert_eq!(&once, calls);
    }
    let letters = house.state().dead_letters(run.run, "a", 0, 1_000).await.unwrap();
    assert!(letters.iter().all(|l| bad.contains(&l.ordinal) && l.code == Code::CallRefusedAlone));
    if run.destinations[0].1.state == DeliveryState::Stopped {
        // Only where nothing could show that the destination is well.
        let head = bad.contains(&0) && (dead == 0 || bad.len() >= 100);
        assert!(head || bad.len() * 3 >= rows as usize, "stopped with {} of {rows} bad", bad.len());
    } else {
        assert_eq!((dead, pending), (bad.len() as u64, 0));
        assert_eq!(delivered, rows - dead);
        for person in 0..persons {
            let is_wanted = |n: &u64| whose[*n as usize] == person && !bad.contains(n);
            let calls = got.get(&person).cloned().unwrap_or_default();
            assert_eq!(calls, (0..rows).filter(is_wanted).collect::<Vec<_>>(), "of person {person}");
        }
    }
    // A bad call is found by halving its batch, and everything else goes once.
    let log = (batch as f64).log2().ceil() as usize;
    let bound = 2 * rows as usize + 20 + bad.len() * (2 * log + 7);
    assert!(a.requests() <= bound, "{} requests for {rows} rows", a.requests());
    (a.requests(), bad.len())
}

#[tokio::test(flavor = "multi_thread")]
async fn random_refusals_are_isolated_in_order_per_person() {
    let (seed, cases) = (seed(), if long() { 2_000 } else { 40 });
    let mut rng = Rng::new(seed);
    let (mut requests, mut bad) = (0, 0);
    for _ in 0..cases {
        let (sent, refused) = history(&mut rng).await;
        (requests, bad) = (requests + sent, bad + refused);
    }
    Report::new("refusals::random_refusals_are_isolated_in_order_per_person", "random refusals", cases)
        .with("requests", requests)
        .with("refused calls", bad)
        .print();
}

#[tokio::test(flavor = "multi_thread")]
async fn random_answers_of_any_kind_end_within_a_bound_of_requests() {
    let (seed, cases) = (seed(), if long() { 500 } else { 15 });
    let mut rng = Rng::new(seed);
    for case in 0..cases {
        let (rows, answers) = (1 + rng.below(300), Mutex::new(Rng::new(rng.next_u64())));
        let (table, _) = people(&mut rng, rows, 50);
        let batch = [1, 7, 50][rng.below(3) as usize];
        let a = Scripted::with_limits("a", batches_of(batch), 3, move |_, _| {
            let mut rng = answers.lock().unwrap();
            match rng.below(6) {
                0 | 1 => Answer::Delivered,
                2 => Answer::Refused(crate::parts::refusal(Code::CallRefused, Some(400))),
                3 => Answer::TooLarge(crate::parts::refusal(Code::CallTooLargeForDestination, Some(413))),
                _ => stops([401, 403, 404, 302, 200][rng.below(5) as usize]),
            }
        });
        let house = House::new(&[&a]);
        run(&house, &users_to(&["a"]), &table).await;
        let bound = 10 * rows as usize + 150;
        assert!(a.requests() <= bound, "seed {seed}, case {case}: {} for {rows} rows", a.requests());
    }
}
