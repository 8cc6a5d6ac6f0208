//! The first half: what is committed, when `last_sync_time` moves, what is unchanged.

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{Answer, Code, RunState, Timestamp};

use crate::parts::{House, Scripted, Table, codes, users_to};

fn taker() -> std::sync::Arc<Scripted> {
    Scripted::new("a", |_, _| Answer::Delivered)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_delivers_every_row_and_moves_last_sync_time_to_its_start() {
    let (a, table, spec) = (taker(), Table::users(1..=250), users_to(&["a"]));
    let house = House::new(&[&a]);
    let first = house.run(&spec, &table).await.unwrap();
    assert_eq!((first.state, first.rows.calls), (RunState::Succeeded, 250));
    assert_eq!(first.last_sync_time.as_deref(), Some("0"));
    assert_eq!(first.next_last_sync_time.as_deref(), Some("999999"));
    assert_eq!(a.users().len(), 250);
    *table.clock.lock().unwrap() = 2_000_000;
    table.set([]);
    let second = house.run(&spec, &table).await.unwrap();
    assert_eq!(second.last_sync_time.as_deref(), Some("999999"));
    assert!(table.statements.lock().unwrap()[1].ends_with("updated >= 999999"));
    assert_eq!(second.rows.read, 0);
    assert_eq!(second.state, RunState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_again_unchanged_is_not_sent_again() {
    let (a, table, spec) = (taker(), Table::users(1..=30), users_to(&["a"]));
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    table.set((1..=31).map(|i| (Some(i.to_string()), if i == 7 { "free" } else { "pro" })));
    let second = house.run(&spec, &table).await.unwrap();
    assert_eq!((second.rows.read, second.rows.unchanged, second.rows.calls), (31, 29, 2));
    assert_eq!(a.taken.lock().unwrap().len(), 32);
    // A → B → A: the third run is compared with the second alone.
    table.set([(Some("7".to_owned()), "pro")]);
    let third = house.run(&spec, &table).await.unwrap();
    assert_eq!((third.rows.unchanged, third.rows.calls), (0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_query_voids_the_comparison() {
    let (a, table, mut spec) = (taker(), Table::users(1..=5), users_to(&["a"]));
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    spec.query.push_str(" -- edited");
    let second = house.run(&spec, &table).await.unwrap();
    assert_eq!((second.rows.unchanged, second.rows.calls), (0, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_rejected_by_themselves_and_kept_with_their_reason() {
    let (a, table, spec) = (taker(), Table::users(1..=9), users_to(&["a"]));
    let house = House::new(&[&a]);
    table.rows.lock().unwrap()[4][0] = None;
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.rows.read, run.rows.calls, run.rows.rejected), (9, 8, 1));
    let segments = house.state().segments(run.run).await.unwrap();
    let mut rejections = house.engine.spool.rejections(run.run, &segments, 0).await.unwrap();
    let rejected = rejections.next().await.unwrap().unwrap();
    assert_eq!((rejected[0].ordinal, rejected[0].code), (4, Code::MissingField));
    let findings = house.state().findings(run.run).await.unwrap();
    assert_eq!((findings[0].code, findings[0].rows, findings[0].samples.len()), (Code::MissingField, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_breaks_off_counts_for_nothing() {
    let (a, table, spec) = (taker(), Table::users(1..=500), users_to(&["a"]));
    let house = House::new(&[&a]);
    *table.breaks_after.lock().unwrap() = Some(300);
    let errors = house.run(&spec, &table).await.unwrap_err();
    assert_eq!(codes(&errors), [Code::ConnectionBroken]);
    assert_eq!(a.requests(), 0);
    assert_eq!(house.state().sync("users").await.unwrap().watermark, None);
    assert_eq!(house.engine.spool.runs().await.unwrap(), []);
    let failed = &house.state().runs(&Default::default()).await.unwrap()[0];
    assert_eq!(
        (failed.state, failed.reason.as_ref().map(|r| r.0)),
        (RunState::Failed, Some(Code::ConnectionBroken))
    );
    *table.breaks_after.lock().unwrap() = None;
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.last_sync_time.as_deref(), a.users().len()), (Some("0"), 500));
}

#[tokio::test(flavor = "multi_thread")]
async fn full_since_limit_and_only_never_move_last_sync_time() {
    let (a, b) = (taker(), Scripted::new("b", |_, _| Answer::Delivered));
    let (table, spec) = (Table::users(1..=20), users_to(&["a", "b"]));
    let house = House::new(&[&a, &b]);
    house.run(&spec, &table).await.unwrap();
    let before = house.state().sync("users").await.unwrap();
    *table.clock.lock().unwrap() = 9_000_000;
    let options = [
        (RunOptions::of(RunKind::Full), "0", 20),
        (RunOptions::of(RunKind::Since { at: Timestamp::from_second(77).unwrap() }), "77", 20),
        (RunOptions { limit: Some(3), ..RunOptions::default() }, "999999", 3),
        (RunOptions { destination: Some("b".into()), ..RunOptions::default() }, "999999", 20),
    ];
    for (options, start, calls) in options {
        let run = house.run_with(&spec, &table, options.clone()).await.unwrap();
        assert_eq!((run.last_sync_time.as_deref(), run.rows.calls), (Some(start), calls), "{options:?}");
        assert_eq!(run.destinations.len(), if options.destination.is_some() { 1 } else { 2 });
        assert_eq!(house.state().sync("users").await.unwrap(), before);
    }
    let next = house.run(&spec, &table).await.unwrap();
    assert_eq!((next.last_sync_time.as_deref(), next.rows.unchanged), (Some("999999"), 20));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_column_takes_the_place_of_the_clock() {
    let (a, mut table, mut spec) = (taker(), Table::users([]), users_to(&["a"]));
    let house = House::new(&[&a]);
    table.columns.push(("loaded", outflow_core::ColumnType::Int));
    spec.query = "SELECT id AS userId, plan, loaded FROM users WHERE loaded >= {{last_sync_time}}".into();
    spec.cursor = Some("loaded".into());
    let rows = |values: &[&str]| -> Vec<Vec<Option<String>>> {
        values.iter().map(|v| vec![Some((*v).to_owned()), None, Some((*v).to_owned())]).collect()
    };
    *table.rows.lock().unwrap() = rows(&["500", "1700", "900"]);
    assert_eq!(house.run(&spec, &table).await.unwrap().next_last_sync_time.as_deref(), Some("1699"));
    *table.rows.lock().unwrap() = rows(&[]);
    assert_eq!(house.run(&spec, &table).await.unwrap().next_last_sync_time.as_deref(), Some("1699"));
    spec.cursor = Some("other".into());
    assert_eq!(codes(&house.run(&spec, &table).await.unwrap_err()), [Code::CursorColumnMissing]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_during_the_extraction_cancels_the_statement_and_keeps_nothing() {
    let (a, table, spec) = (taker(), Table::users(1..=500), users_to(&["a"]));
    let house = House::new(&[&a]);
    house.stop.send_replace(true);
    assert_eq!(codes(&house.run(&spec, &table).await.unwrap_err()), [Code::Interrupted]);
    let run = &house.state().runs(&Default::default()).await.unwrap()[0];
    assert_eq!(run.state, RunState::Cancelled);
    assert_eq!((a.requests(), house.state().sync("users").await.unwrap().baseline), (0, None));
}
