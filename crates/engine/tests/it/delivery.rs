//! The second half: answers, order, isolation, what a crash leaves.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use outflow_core::ports::baseline::{Baseline, Comparison, ComparisonSpec};
use outflow_core::ports::destination::BatchLimits;
use outflow_core::run::{FindingCount, RunTrigger};
use outflow_core::{Answer, Code, DeliveryState, Result, RunId, RunState, hash};
use serde_json::Value;
use tokio::sync::Barrier;

use crate::parts::{House, Scripted, Table, refusal, retry, stop, users_to};

fn user(call: &Value) -> &str {
    call["userId"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_call_in_a_refused_batch_is_the_only_dead_letter() {
    let a = Scripted::new("a", |_, calls| match calls.iter().any(|c| user(c) == "37") {
        true => Answer::Refused(refusal(Code::CallRefused, Some(400))),
        false => Answer::Delivered,
    });
    let (table, house) = (Table::users(1..=100), House::new(&[&a]));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!(run.state, RunState::Partial);
    let counts = run.destinations[0].1.counts;
    assert_eq!((counts.delivered, counts.dead_letters), (99, 1));
    assert!(a.requests() <= 10 + 2 * 4, "{} requests", a.requests());
    assert!(a.users().values().all(|n| *n == 1));
    let letters = house.state().dead_letters(run.run, "a", 0, 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].ordinal, letters[0].code), (1, 36, Code::CallRefused));
    let record = house.state().run(run.run).await.unwrap().unwrap();
    assert_eq!(letters[0].message_id.as_bytes(), record.key.message_id(36));
}

#[tokio::test(flavor = "multi_thread")]
async fn partial_answers_checks_and_filters_settle_each_call_once() {
    let a = Scripted::new("a", |_, calls| {
        let bad = calls.iter().position(|c| user(c) == "3");
        Answer::Partial(bad.map(|i| (i, refusal(Code::CallRefused, Some(207)))).into_iter().collect())
    });
    let (table, house) = (Table::users([]), House::new(&[&a]));
    let plan = |i| match i {
        5 => "too large",
        8 | 9 => "not for us",
        _ => "pro",
    };
    table.set((1..=40).map(|i| (Some(i.to_string()), plan(i))));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    let c = run.destinations[0].1.counts;
    assert_eq!((c.calls, c.delivered, c.dead_letters, c.filtered, c.pending), (40, 36, 2, 2, 0));
    let codes: Vec<_> =
        house.state().dead_letters(run.run, "a", 0, 10).await.unwrap().iter().map(|l| l.code).collect();
    assert_eq!(codes, [Code::CallRefused, Code::CallTooLargeForDestination]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_sent_again_with_the_same_message_ids() {
    let seen: &'static Mutex<HashMap<String, String>> = Box::leak(Box::default());
    let a = Scripted::new("a", move |n, calls| {
        for call in calls {
            let (user, id) = (user(call).to_owned(), call["messageId"].as_str().unwrap().to_owned());
            let first = seen.lock().unwrap().entry(user).or_insert_with(|| id.clone()).clone();
            assert_eq!(first, id);
        }
        match n % 3 {
            0 => retry(Code::DestinationServerError),
            1 => retry(Code::DestinationUnreachable),
            _ => Answer::Delivered,
        }
    });
    let (table, house) = (Table::users(1..=100), House::new(&[&a]));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    let c = run.destinations[0].1.counts;
    assert_eq!((run.state, c.delivered), (RunState::Succeeded, 100));
    assert_eq!(c.requests, a.requests() as u64);
    assert_eq!(c.retries, c.requests / 3 * 2, "every third request is taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_leave_calls_pending_and_the_next_run_finishes_them() {
    let mended: &'static AtomicBool = Box::leak(Box::default());
    let a = Scripted::new("a", |n, _| {
        if n < 3 || mended.load(Ordering::SeqCst) {
            Answer::Delivered
        } else {
            stop(Code::DestinationAuthFailed)
        }
    });
    let (table, spec, house) = (Table::users(1..=100), users_to(&["a"]), House::new(&[&a]));
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.state, run.destinations[0].1.state), (RunState::Delivering, DeliveryState::Stopped));
    let c = run.destinations[0].1.counts;
    assert_eq!((c.delivered, c.dead_letters, c.pending), (30, 0, 70));
    mended.store(true, Ordering::SeqCst);
    table.set((1..=200).map(|i| (Some(i.to_string()), "pro")));
    let house = house.reopened(&[&a]);
    let second = house.run(&spec, &table).await.unwrap();
    assert!(second.resumed && second.run == run.run && second.state == RunState::Succeeded);
    assert_eq!(table.statements.lock().unwrap().len(), 1, "nothing new is extracted");
    assert!((1..=100).all(|i| a.users()[&i.to_string()] == 1));
    let third = house.run(&spec, &table).await.unwrap();
    assert_eq!((third.resumed, third.rows.calls, third.rows.unchanged), (false, 100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_down_holds_up_no_other_and_is_given_up_in_time() {
    let (a, b) = (
        Scripted::new("a", |_, _| retry(Code::DestinationUnreachable)),
        Scripted::new("b", |_, _| Answer::Delivered),
    );
    let (table, house) = (Table::users(1..=100), House::new(&[&a, &b]));
    let run = house.run(&users_to(&["a", "b"]), &table).await.unwrap();
    assert_eq!(run.destinations[0].1.state, DeliveryState::Stopped);
    assert_eq!(run.destinations[0].1.reason.as_ref().unwrap().code, Code::DeliveryTimeout);
    assert_eq!(run.destinations[0].1.counts.pending, 100);
    assert_eq!((run.destinations[1].1.state, b.users().len()), (DeliveryState::Succeeded, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_with_one_key_never_overtake_each_other() {
    // Requests fail and are halved at random; each user's calls must be taken in row order for the
    // first time.
    let a = Scripted::with_limits("a", BatchLimits { records: 7, bytes: 2_000 }, 8, |n, calls| {
        match (n * 2_654_435_761) >> 7 & 3 {
            0 => retry(Code::DestinationUnreachable),
            1 if calls.len() > 1 => Answer::TooLarge(refusal(Code::CallTooLargeForDestination, Some(413))),
            _ => Answer::Delivered,
        }
    });
    let (table, house) = (Table::users([]), House::new(&[&a]));
    let plans: Vec<&'static str> =
        (0..900).map(|i| &*Box::leak(format!("{i:04}").into_boxed_str())).collect();
    table.set((0..900).map(|i| (Some((i * i % 41).to_string()), plans[i])));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!(run.destinations[0].1.counts.delivered, 900);
    let mut last: HashMap<String, String> = HashMap::new();
    for call in a.taken.lock().unwrap().iter() {
        let plan = call["traits"]["plan"].as_str().unwrap().to_owned();
        let before = last.insert(user(call).to_owned(), plan.clone());
        assert!(before.as_ref().is_none_or(|b| *b < plan), "{before:?} then {plan}");
    }
    assert!(a.most_under_way.load(Ordering::SeqCst) > 1, "nothing went side by side");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_refuses_most_calls_alike_is_stopped() {
    let a = Scripted::with_limits("a", BatchLimits { records: 100, bytes: 1_000_000 }, 2, |_, _| {
        Answer::Refused(refusal(Code::CallRefused, Some(422)))
    });
    let (table, house) = (Table::users(1..=5_000), House::new(&[&a]));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    let d = &run.destinations[0].1;
    assert_eq!((d.state, d.reason.as_ref().unwrap().code), (DeliveryState::Stopped, Code::MostCallsRefused));
    assert!(d.counts.dead_letters <= 700 && d.counts.pending >= 4_300, "{:?}", d.counts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_while_others_are_taken_becomes_a_dead_letter_at_last() {
    let a = Scripted::new("a", |_, calls| match calls.iter().any(|c| user(c) == "5") {
        true => retry(Code::DestinationServerError),
        false => Answer::Delivered,
    });
    let (table, house) = (Table::users(1..=20_000), House::new(&[&a]));
    let run = house.run(&users_to(&["a"]), &table).await.unwrap();
    let c = run.destinations[0].1.counts;
    assert_eq!((c.delivered, c.dead_letters, c.pending), (19_999, 1, 0), "{c:?}");
    let letter = house.state().dead_letters(run.run, "a", 0, 10).await.unwrap().remove(0);
    assert_eq!((letter.ordinal, letter.code), (4, Code::CallRefused));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_segments_are_gone_is_lost_and_its_calls_are_sent_by_a_run_of_their_own() {
    let a = Scripted::new("a", |_, _| stop(Code::DestinationAuthFailed));
    let (table, spec, house) = (Table::users(1..=10), users_to(&["a"]), House::new(&[&a]));
    let run = house.run(&spec, &table).await.unwrap();
    house.engine.spool.remove(run.run).await.unwrap();
    assert_eq!(crate::parts::codes(&house.run(&spec, &table).await.unwrap_err()), [Code::SegmentMissing]);
    assert_eq!(house.state().run(run.run).await.unwrap().unwrap().state, RunState::Lost);
    let gaps = house.state().open_gaps().await.unwrap();
    assert_eq!((gaps.len(), gaps[0].missing.calls, gaps[0].missing.opened_by), (1, 10, run.run));
    let found = house.engine.reader().verify(run.run).await.unwrap();
    assert!(found.differences.is_empty() && !found.is_right(), "{found:?}");
    let b = Scripted::new("a", |_, _| Answer::Delivered);
    let house = house.reopened(&[&b]);
    let next = house.run(&spec, &table).await.unwrap();
    assert_eq!((next.run, next.rows.calls, next.rows.unchanged), (RunId(2), 0, 10), "it is not set back");
    assert!(next.missing.is_empty());
    assert!(b.users().len() == 10 && b.users().values().all(|n| *n == 1), "{:?}", b.users());
    let filled = house.state().run(RunId(3)).await.unwrap().unwrap();
    assert_eq!((filled.trigger, filled.last_sync_time.as_deref()), (RunTrigger::Gap, Some("0")));
    assert!(house.engine.reader().verify(run.run).await.unwrap().is_right());
}

/// What cannot be read is read again from the source: a call that arrived and is not counted would
/// be sent twice.
#[tokio::test(flavor = "multi_thread")]
async fn what_arrived_before_a_segment_turns_out_to_be_damaged_is_counted() {
    let refuses = Scripted::new("a", |_, _| stop(Code::DestinationAuthFailed));
    let (table, spec, house) = (Table::users(1..=50_000), users_to(&["a"]), House::new(&[&refuses]));
    let run = house.run(&spec, &table).await.unwrap();
    let folder = house.dir.path().join("spool/1");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let file = files.max_by_key(|file| file.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    std::fs::write(&file, bytes).unwrap();
    let batch = BatchLimits { records: 10, bytes: 100_000 };
    let a = Scripted::with_limits("a", batch, 64, |_, _| Answer::Delivered);
    let house = house.reopened(&[&a]);
    assert_eq!(crate::parts::codes(&house.run(&spec, &table).await.unwrap_err()), [Code::SegmentDamaged]);
    let arrived = a.taken.lock().unwrap().len() as u64;
    let counts = house.state().deliveries(run.run).await.unwrap()[0].counts;
    assert_eq!((counts.delivered, counts.pending), (arrived, 50_000 - arrived));
    assert!(arrived > 0);
    assert_eq!(house.state().open_gaps().await.unwrap()[0].missing.calls, counts.pending);
}

/// A run of 200 users of whom 150 are unchanged, which the destination has not taken.
async fn with_unchanged(name: &str) -> (House, Table) {
    let first = Scripted::new(name, |_, _| Answer::Delivered);
    let (table, spec, house) = (Table::users(1..=200), users_to(&[name]), House::new(&[&first]));
    house.run(&spec, &table).await.unwrap();
    table.set((1..=200).map(|id| (Some(id.to_string()), if id <= 50 { "changed" } else { "pro" })));
    let refuses = Scripted::new(name, |_, _| stop(Code::DestinationAuthFailed));
    let house = house.reopened(&[&refuses]);
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.rows.calls, run.rows.unchanged), (50, 150));
    (house, table)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_numbers_do_not_add_up_is_lost_and_does_not_wedge_its_sync() {
    let (house, table) = with_unchanged("a").await;
    // Whole and well-formed, and it marks one call less than the state counts.
    let mut bytes = b"OUTFSAME".to_vec();
    bytes.extend(2_u64.to_le_bytes().into_iter().chain(25_u64.to_le_bytes()));
    bytes.extend(hash::checksum(&bytes).to_le_bytes());
    let mut bits = [0_u8; 25];
    (50..199).for_each(|n: usize| bits[n / 8] |= 1 << (n % 8));
    bytes.extend(bits.into_iter().chain(hash::checksum(&bits).to_le_bytes()));
    std::fs::write(house.dir.path().join("spool/2/unchanged.bin"), bytes).unwrap();
    let a = Scripted::new("a", |_, _| Answer::Delivered);
    let (house, spec) = (house.reopened(&[&a]), users_to(&["a"]));
    let errors = house.run(&spec, &table).await.unwrap_err();
    assert_eq!(crate::parts::codes(&errors), [Code::SegmentDamaged]);
    assert_eq!(house.state().run(RunId(2)).await.unwrap().unwrap().state, RunState::Lost);
    house.run(&spec, &table).await.unwrap();
    assert_eq!((a.users().len(), a.users().values().max()), (50, Some(&1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn hashes_that_the_state_knows_of_and_that_are_gone_are_reported() {
    let a = Scripted::new("a", |_, _| Answer::Delivered);
    let (table, spec, house) = (Table::users(1..=10), users_to(&["a"]), House::new(&[&a]));
    let first = house.run(&spec, &table).await.unwrap();
    house.engine.baseline.remove(first.run).await.unwrap();
    let second = house.run(&spec, &table).await.unwrap();
    let missing = |findings: Vec<FindingCount>| {
        let found = findings.into_iter().find(|f| f.code == Code::BaselineMissing);
        found.map(|finding| finding.rows)
    };
    assert_eq!(second.rows.calls, 10, "every call is sent, and none is lost");
    assert_eq!(missing(house.state().findings(second.run).await.unwrap()), Some(10));
    // A run without calls leaves no hashes: that is no damage.
    table.set([]);
    house.run(&spec, &table).await.unwrap();
    table.set((1..=10).map(|id| (Some(id.to_string()), "pro")));
    let fourth = house.run(&spec, &table).await.unwrap();
    assert_eq!(missing(house.state().findings(fourth.run).await.unwrap()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_segments_are_swept_but_not_what_the_next_run_is_compared_with() {
    let a = Scripted::new("a", |_, _| Answer::Delivered);
    let (table, spec, house) = (Table::users(1..=10), users_to(&["a"]), House::new(&[&a]));
    let run = house.run(&spec, &table).await.unwrap();
    let engine = house.engine.clone();
    let week = std::time::Duration::from_secs(7 * 24 * 3600);
    assert_eq!(engine.sweep(week).await.unwrap(), []);
    assert_eq!(engine.sweep(std::time::Duration::ZERO).await.unwrap(), [run.run]);
    assert!(house.state().segments(run.run).await.unwrap().is_empty());
    let again = house.run(&spec, &table).await.unwrap();
    assert_eq!((again.rows.unchanged, again.rows.calls), (10, 0));
}

/// Lists its runs only after something else has happened.
struct Late {
    inner: Arc<dyn Baseline>,
    barrier: Arc<Barrier>,
}

#[async_trait]
impl Baseline for Late {
    async fn begin(&self, spec: ComparisonSpec) -> Result<Box<dyn Comparison>> {
        self.inner.begin(spec).await
    }

    async fn remove(&self, run: RunId) -> Result<()> {
        self.inner.remove(run).await
    }

    async fn rejections(&self, run: RunId) -> Result<Vec<u128>> {
        self.inner.rejections(run).await
    }

    async fn keep_rejections(&self, run: RunId, hashes: Vec<u128>) -> Result<()> {
        self.inner.keep_rejections(run, hashes).await
    }

    async fn runs(&self) -> Result<Vec<RunId>> {
        self.barrier.wait().await;
        self.barrier.wait().await;
        self.inner.runs().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_ends_during_a_sweep_keeps_what_the_next_run_is_compared_with() {
    let a = Scripted::new("a", |_, _| Answer::Delivered);
    let (table, spec, house) = (Table::users(1..=10), users_to(&["a"]), House::new(&[&a]));
    house.run(&spec, &table).await.unwrap();
    let barrier = Arc::new(Barrier::new(2));
    let mut engine = house.engine.clone();
    engine.baseline = Arc::new(Late { inner: engine.baseline.clone(), barrier: barrier.clone() });
    let run = async {
        barrier.wait().await;
        house.run(&spec, &table).await.unwrap();
        barrier.wait().await;
    };
    let (swept, ()) = tokio::join!(engine.sweep(std::time::Duration::from_secs(3_600)), run);
    swept.unwrap();
    assert_eq!(house.run(&spec, &table).await.unwrap().rows.unchanged, 10);
}
