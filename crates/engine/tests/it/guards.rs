//! Guards: what holds a run, and what approving and rejecting it do. Nothing is sent by a run
//! that awaits approval.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{
    Answer, Budget, Clock, Code, ColumnType, DeliveryState, Guards, RunId, RunState, SyncSpec, Timestamp,
};
use outflow_engine::RunDocument;

use crate::parts::{House, Scripted, Table, codes, request, users_to};

fn taker(name: &str) -> Arc<Scripted> {
    Scripted::new(name, |_, _| Answer::Delivered)
}

fn guarded(guards: Guards) -> SyncSpec {
    SyncSpec { guards, ..users_to(&["a"]) }
}

fn max_rows(n: u64) -> Guards {
    Guards { max_rows: Some(n), ..Guards::default() }
}

/// Demands that a guard holds the run.
async fn held(house: &House, spec: &SyncSpec, table: &Table, code: Code) -> RunDocument {
    let document = house.run(spec, table).await.unwrap();
    assert_eq!(document.state, RunState::AwaitingApproval);
    let reason = document.reason.as_ref().unwrap();
    assert_eq!(reason.code, code, "{reason:?}");
    assert_eq!(document.next_last_sync_time, None);
    document
}

async fn verified(house: &House, run: RunId) {
    let found = house.engine.reader().verify(run).await.unwrap();
    assert!(found.differences.is_empty(), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_guard_holds_the_whole_result_before_anything_is_sent() {
    let bad = |n: usize| (0..100).map(move |i| ((i >= n).then(|| i.to_string()), "pro"));
    let percent = |n| Guards { max_rejected_percent: Some(n), ..Guards::default() };
    let nobody = |n| Guards { max_null_identifier_percent: Some(n), ..Guards::default() };
    let budget = |per_day, per_month| Guards { budget: Budget { per_day, per_month }, ..Guards::default() };
    for (guards, fewer, code) in [
        (max_rows(100), max_rows(99), Code::TooManyRows),
        (percent(20), percent(19), Code::TooManyRejected),
        (nobody(20), nobody(19), Code::TooManyWithoutIdentifier),
        (budget(Some(80), Some(80)), budget(Some(79), None), Code::BudgetExhausted),
        (budget(Some(80), Some(80)), budget(None, Some(79)), Code::BudgetExhausted),
    ] {
        let (a, table) = (taker("a"), Table::users([]));
        table.set(bad(20));
        let house = House::new(&[&a]);
        let document = held(&house, &guarded(fewer), &table, code).await;
        assert_eq!((document.rows.read, document.rows.calls), (100, 80), "the whole result is read");
        assert_eq!((a.requests(), house.state().sync("users").await.unwrap().watermark), (0, None), "{code}");
        house.engine.reject(document.run, false).await.unwrap();
        let sent = house.run(&guarded(guards), &table).await.unwrap();
        assert_eq!(
            (sent.state, a.users().len()),
            (RunState::SucceededWithRejected, 80),
            "{code} allows its limit itself"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_rejected_rows_alone_is_held_and_moves_nothing() {
    let bad = |n: usize| (0..n).map(|_| (None, "pro"));
    let (a, table) = (taker("a"), Table::users([]));
    table.set(bad(3));
    let (house, spec) = (House::new(&[&a]), users_to(&["a"]));
    let document = held(&house, &spec, &table, Code::TooManyRejected).await;
    assert_eq!((document.rows.read, document.rows.rejected), (3, 3));
    assert_eq!((a.requests(), house.state().sync("users").await.unwrap().watermark), (0, None));
    house.engine.reject(document.run, false).await.unwrap();
    // A person fixes a row.
    table.set(bad(2).chain([(Some("7".to_owned()), "pro")]));
    let fixed = house.run(&spec, &table).await.unwrap();
    assert_eq!((fixed.state, fixed.rows.calls), (RunState::SucceededWithRejected, 1));
    assert!(house.state().sync("users").await.unwrap().watermark.is_some());
    // The query has given a call: a few bad rows do not hold up what comes after them.
    table.set([(None, "free"), (None, "free")]);
    let few = house.run(&spec, &table).await.unwrap();
    assert_eq!((few.state, few.rows.rejected), (RunState::SucceededWithRejected, 2));
    // The same rows again are no news.
    let again = house.run(&spec, &table).await.unwrap();
    assert_eq!((again.state, again.rows.rejected, again.rows.unchanged), (RunState::Succeeded, 0, 2));
    table.set(bad(10));
    let document = held(&house, &spec, &table, Code::TooManyRejected).await;
    house.engine.approve(document.run).await.unwrap();
    let record = house.state().run(document.run).await.unwrap().unwrap();
    assert_eq!(record.state, RunState::SucceededWithRejected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_whose_first_rows_are_bad_is_cancelled_and_leaves_nothing() {
    let (a, table) = (taker("a"), Table::users([]));
    table.set((0..30_000).map(|i| ((i >= 5_001).then(|| i.to_string()), "pro")));
    let house = House::new(&[&a]);
    let errors = house.run(&users_to(&["a"]), &table).await.unwrap_err();
    assert_eq!(codes(&errors), [Code::TooManyRejected]);
    assert_eq!(table.cancelled.load(Ordering::SeqCst), 1);
    assert_eq!((a.requests(), house.engine.spool.runs().await.unwrap()), (0, vec![]));
    let failed = house.state().run(RunId(1)).await.unwrap().unwrap();
    assert_eq!((failed.state, failed.reason.unwrap().0), (RunState::Failed, Code::TooManyRejected));
    assert_eq!(house.state().sync("users").await.unwrap().watermark, None);
    let spec = guarded(Guards { max_rejected_percent: Some(60), ..Guards::default() });
    assert_eq!(house.run(&spec, &table).await.unwrap().rows.read, 30_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusual_count_and_a_lost_column_are_found_against_what_was_sent() {
    let (a, mut table) = (taker("a"), Table::users(1..=200));
    let house = House::new(&[&a]);
    let spec = guarded(Guards { max_row_change: Some(3), hold_columns: true, ..Guards::default() });
    for n in 0..5 {
        table.set((0..200).map(|i| (Some(format!("{n}-{i}")), "pro")));
        assert_eq!(house.run(&spec, &table).await.unwrap().state, RunState::Succeeded);
    }
    table.set([(Some("1".to_owned()), "pro")]);
    let few = held(&house, &spec, &table, Code::UnusualRowCount).await;
    house.engine.reject(few.run, false).await.unwrap();
    table.columns.truncate(1);
    table.rows.lock().unwrap().iter_mut().for_each(|r| r.truncate(1));
    let gone = held(
        &house,
        &SyncSpec { guards: Guards { max_row_change: None, ..spec.guards.clone() }, ..spec.clone() },
        &table,
        Code::ColumnsChanged,
    )
    .await;
    assert!(gone.reason.unwrap().message.contains("\"plan\" is gone"));
    house.engine.reject(gone.run, false).await.unwrap();
    table.columns[0].1 = ColumnType::Text;
    table.rows.lock().unwrap().extend((0..200).map(|i| vec![Some(format!("x{i}"))]));
    let document = held(&house, &spec, &table, Code::ColumnsChanged).await;
    assert!(document.reason.unwrap().message.contains("\"userId\" is text and was integer"));
    house.engine.approve(document.run).await.unwrap();
    house.engine.finish("users", &request(RunOptions::default())).await.unwrap();
    let after = house.run(&spec, &table).await.unwrap();
    assert_eq!(after.state, RunState::Succeeded, "what was approved is what the next run is compared with");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_delivers_under_the_same_ids_and_moves_last_sync_time() {
    let (a, table, spec) = (taker("a"), Table::users(1..=30), guarded(max_rows(29)));
    let house = House::new(&[&a]);
    let document = held(&house, &spec, &table, Code::TooManyRows).await;
    assert_eq!(document.destinations[0].1.counts.pending, 30);
    let segments = house.state().segments(document.run).await.unwrap();
    let mut reader = house.engine.spool.read(document.run, &segments, 0, 0).await.unwrap();
    let mut block = Default::default();
    let mut kept = HashSet::new();
    while reader.next(&mut block).await.unwrap() {
        for call in &block.calls {
            let json: serde_json::Value = serde_json::from_slice(block.json(call)).unwrap();
            kept.insert(json["messageId"].as_str().unwrap().to_owned());
        }
    }
    let busy = house.run(&spec, &table).await.unwrap_err();
    assert_eq!(codes(&busy), [Code::AwaitingApproval]);

    let house = house.reopened(&[&a]);
    assert_eq!(house.engine.approve(document.run).await.unwrap().state, RunState::Delivering);
    assert_eq!(house.state().sync("users").await.unwrap().baseline.map(|b| b.run), Some(document.run));
    let done = house.engine.finish("users", &request(RunOptions::default())).await.unwrap().unwrap();
    assert_eq!((done.state, done.next_last_sync_time.as_deref()), (RunState::Succeeded, Some("999999")));
    let sent: HashSet<_> =
        a.taken.lock().unwrap().iter().map(|c| c["messageId"].as_str().unwrap().to_owned()).collect();
    assert_eq!((sent.len(), sent), (30, kept));
    verified(&house, document.run).await;
    let again = house.engine.approve(document.run).await.unwrap_err();
    assert_eq!(again.code(), Code::ConflictingOptions);
    assert_eq!(house.engine.approve(RunId(99)).await.unwrap_err().code(), Code::NoSuchSyncOrRun);
    let next = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!((next.last_sync_time.as_deref(), next.rows.unchanged), (Some("999999"), 30));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discarded_run_leaves_last_sync_time_and_the_next_reads_the_same_rows() {
    let (a, table, spec) = (taker("a"), Table::users(1..=30), guarded(max_rows(29)));
    let house = House::new(&[&a]);
    let document = held(&house, &spec, &table, Code::TooManyRows).await;
    house.engine.reject(document.run, false).await.unwrap();
    let delivery = house.state().deliveries(document.run).await.unwrap().remove(0);
    assert_eq!((delivery.counts.discarded, delivery.counts.pending), (30, 0));
    assert_eq!(delivery.state, DeliveryState::Succeeded);
    assert_eq!(house.engine.spool.runs().await.unwrap(), []);
    verified(&house, document.run).await;
    let next = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!((next.last_sync_time.as_deref(), next.rows.calls, next.rows.unchanged), (Some("0"), 30, 0));
    assert_eq!(house.engine.reject(document.run, true).await.unwrap_err().code(), Code::ConflictingOptions);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_window_moves_last_sync_time_and_nothing_counts_as_sent() {
    let (a, table, spec) = (taker("a"), Table::users(1..=30), guarded(max_rows(29)));
    let house = House::new(&[&a]);
    let document = held(&house, &spec, &table, Code::TooManyRows).await;
    house.engine.reject(document.run, true).await.unwrap();
    verified(&house, document.run).await;
    let next = house.run(&users_to(&["a"]), &table).await.unwrap();
    assert_eq!(next.last_sync_time.as_deref(), Some("999999"));
    assert_eq!(next.rows.unchanged, 0, "a row that is read again was never sent");

    let full = RunOptions::of(RunKind::Full);
    let document = house.run_with(&spec, &table, full).await.unwrap();
    assert_eq!(document.state, RunState::AwaitingApproval);
    let error = house.engine.reject(document.run, true).await.unwrap_err();
    assert_eq!(error.code(), Code::ConflictingOptions, "such a run has no window");
    house.engine.reject(document.run, false).await.unwrap();
}

/// A clock that stands still until it is set.
struct SetClock(AtomicI64);

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_a_destination_is_shared_by_its_syncs_and_new_each_day() {
    let (a, b, table) = (taker("a"), taker("b"), Table::users(1..=30));
    let mut house = House::new(&[&a, &b]);
    let clock = Arc::new(SetClock(AtomicI64::new(86_400 * 20)));
    house.engine.clock = clock.clone();
    let budget = Budget { per_day: Some(50), per_month: Some(80) };
    house.engine.budgets = Arc::new([("a".to_owned(), budget)].into());
    let named = |name: &str| SyncSpec { name: name.into(), ..users_to(&["a", "b"]) };
    let full = || RunOptions::of(RunKind::Full);
    assert_eq!(house.run(&named("one"), &table).await.unwrap().state, RunState::Succeeded);
    let second = held(&house, &named("two"), &table, Code::BudgetExhausted).await;
    assert!(second.reason.as_ref().unwrap().message.contains("30 of 50 in this day"), "{second:?}");
    house.engine.reject(second.run, false).await.unwrap();
    // Unchanged rows cost nothing.
    assert_eq!(house.run(&named("one"), &table).await.unwrap().rows.unchanged, 30);
    clock.0.store(86_400 * 21, Ordering::SeqCst);
    assert_eq!(house.run(&named("two"), &table).await.unwrap().state, RunState::Succeeded);
    clock.0.store(86_400 * 22, Ordering::SeqCst);
    let third = house.run_with(&named("one"), &table, full()).await.unwrap();
    let message = third.reason.unwrap().message;
    assert!(
        third.state == RunState::AwaitingApproval && message.contains("60 of 80 in this month"),
        "{message}"
    );
    clock.0.store(86_400 * 40, Ordering::SeqCst);
    house.engine.reject(third.run, false).await.unwrap();
    assert_eq!(house.run_with(&named("one"), &table, full()).await.unwrap().state, RunState::Succeeded);
    let used =
        house.state().usage("1970-01-01".parse().unwrap(), "1970-12-31".parse().unwrap()).await.unwrap();
    let sum = |to: &str| used.iter().filter(|u| u.destination == to).map(|u| u.delivered).sum::<u64>();
    assert_eq!((sum("a"), sum("b"), used.len()), (90, 90, 6));
}
