//! After a restore nothing is compared: each case by its name.

use std::sync::atomic::Ordering;

use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{CallType, Code, Guards, RunState, SyncSpec};
use outflow_testkit::{Rng, seed};

use crate::parts::{House, Scripted, Table, users_to};
use crate::served::{gated, open};

fn plans(a: &Scripted) -> Vec<String> {
    let calls = a.taken.lock().unwrap();
    calls.iter().map(|call| call["traits"]["plan"].as_str().unwrap().to_owned()).collect()
}

fn set(table: &Table, plan: &'static str) {
    table.set([(Some("1".to_owned()), plan)]);
}

fn full() -> RunOptions {
    RunOptions::of(RunKind::Full)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_run_is_compared_with_nothing_and_the_one_after_it_is_again() {
    for whole in [true, false] {
        let (a, spec, table) = (open("a"), users_to(&["a"]), Table::users([]));
        let house = House::new(&[&a]);
        assert!(house.restored.is_none());
        set(&table, "A");
        house.run(&spec, &table).await.unwrap();
        let backup = house.backup();
        set(&table, "B");
        house.run(&spec, &table).await.unwrap();
        let house = match whole {
            true => house.back_to(&backup, &[&a]),
            false => house.with_state_of(&backup, &[&a]),
        };
        assert_eq!(house.restored.as_ref().unwrap().code(), Code::StateRestored);
        set(&table, "A");
        let run = house.run(&spec, &table).await.unwrap();
        let findings = house.state().findings(run.run).await.unwrap();
        assert!(findings.iter().any(|f| f.code == Code::StateRestored && f.rows == 1), "{findings:?}");
        let next = house.run(&spec, &table).await.unwrap();
        assert_eq!((next.rows.calls, next.rows.unchanged), (0, 1));
        assert!(house.state().findings(next.run).await.unwrap().is_empty());
        assert_eq!(plans(&a), ["A", "B", "A"]);
        let house = house.reopened(&[&a]);
        assert!(house.restored.is_none(), "{:?}", house.restored);
    }
}

/// What a run of another kind sends in between takes nothing from the next run.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_with_options_in_between_changes_nothing_about_it() {
    let (a, spec, table) = (open("a"), users_to(&["a"]), Table::users([]));
    let house = House::new(&[&a]);
    set(&table, "A");
    house.run(&spec, &table).await.unwrap();
    let house = {
        let backup = house.backup();
        set(&table, "B");
        house.run(&spec, &table).await.unwrap();
        house.back_to(&backup, &[&a])
    };
    // It does not reach the person.
    table.set([]);
    house.run_with(&spec, &table, full()).await.unwrap();
    set(&table, "A");
    house.run(&spec, &table).await.unwrap();
    house.run(&spec, &table).await.unwrap();
    assert_eq!(plans(&a), ["A", "B", "A"]);
}

/// A run that was held at the backup, approved and overtaken since, is approved again.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_held_run_read_is_compared_with_nothing_either() {
    let (a, table) = (open("a"), Table::users([]));
    let spec = SyncSpec { guards: Guards { max_rows: Some(1), ..Guards::default() }, ..users_to(&["a"]) };
    let house = House::new(&[&a]);
    set(&table, "A");
    house.run(&spec, &table).await.unwrap();
    let rows = |plan| [(Some("1".to_owned()), plan), (Some("2".to_owned()), "X")];
    table.set(rows("A"));
    let held = house.run(&spec, &table).await.unwrap();
    assert_eq!(held.state, RunState::AwaitingApproval);
    let backup = house.backup();
    house.engine.approve(held.run).await.unwrap();
    house.run(&spec, &table).await.unwrap();
    set(&table, "B");
    house.run(&spec, &table).await.unwrap();
    let house = house.back_to(&backup, &[&a]);
    house.engine.approve(held.run).await.unwrap();
    house.run(&spec, &table).await.unwrap();
    set(&table, "A");
    house.run(&spec, &table).await.unwrap();
    assert_eq!(plans(&a).last().unwrap(), "A", "{:?}", plans(&a));
}

/// A destination lacks a run at the backup. It was filled since, and given another value.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_is_filled_without_what_the_state_says_was_given_before() {
    let (a, (b, b_open)) = (open("a"), gated("b"));
    let (spec, table) = (users_to(&["a", "b"]), Table::users([]));
    let house = House::new(&[&a, &b]);
    set(&table, "A");
    house.run(&spec, &table).await.unwrap();
    b_open.store(false, Ordering::SeqCst);
    table.set([(Some("1".to_owned()), "A"), (Some("2".to_owned()), "X")]);
    let lost = house.run(&spec, &table).await.unwrap();
    house.engine.spool.remove(lost.run).await.unwrap();
    b_open.store(true, Ordering::SeqCst);
    house.run(&spec, &table).await.unwrap_err();
    let backup = house.backup();
    set(&table, "B");
    house.run(&spec, &table).await.unwrap();
    assert_eq!(plans(&b).last().unwrap(), "B", "{:?}", plans(&b));
    let house = house.back_to(&backup, &[&a, &b]);
    set(&table, "A");
    let gap = house.engine.reader().gap(&spec, "b").await.unwrap().unwrap();
    house.run_beside(&spec, &table, gap.backfill("b")).await;
    house.run(&spec, &table).await.unwrap();
    assert_eq!(plans(&b).last().unwrap(), "A", "{:?}", plans(&b));
}

/// Events that nothing tells apart: a copy of the whole folder sends none under a second id. A
/// state without its spool cannot know.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_compared_where_state_and_spool_belong_together() {
    for whole in [true, false] {
        let query = "SELECT id AS userId, event FROM e WHERE at >= {{last_sync_time}}";
        let spec = SyncSpec { call_type: CallType::Track, query: query.to_owned(), ..users_to(&["a"]) };
        let (a, mut table) = (open("a"), Table::users([]));
        table.columns[1].0 = "event";
        set(&table, "login");
        let house = House::new(&[&a]);
        house.run(&spec, &table).await.unwrap();
        let backup = house.backup();
        let house = house.reopened(&[&a]);
        house.run(&spec, &table).await.unwrap();
        let house = match whole {
            true => house.back_to(&backup, &[&a]),
            false => house.with_state_of(&backup, &[&a]),
        };
        assert!(house.restored.is_some());
        house.run(&spec, &table).await.unwrap();
        assert_eq!(a.users()["1"], if whole { 1 } else { 2 });
    }
}

/// The process dies between the state's mark and the spool's, or the spool has no room: no restore.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_it_marks_is_no_restore() {
    let mut rng = Rng::new(seed());
    let (a, spec, table) = (open("a"), users_to(&["a"]), Table::users([1]));
    let mut house = House::new(&[&a]);
    for _ in 0..12 {
        house.run(&spec, &table).await.unwrap();
        house = house.reopened(&[&a]);
        assert!(house.restored.is_none(), "{:?}", house.restored);
        if rng.below(2) == 0 {
            // As if the new mark had never been written. A real one keeps its time.
            let origin = house.state().origin().await.unwrap();
            house.engine.spool.set_mark(origin.mark_before.unwrap()).await.unwrap();
        }
    }
    assert_eq!(a.users()["1"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_a_lost_history_are_deleted_and_found_once() {
    let (a, spec, table) = (open("a"), users_to(&["a"]), Table::users([1]));
    let house = House::new(&[&a]);
    house.run(&spec, &table).await.unwrap();
    let backup = house.backup();
    for n in 2..5 {
        table.set([(Some(n.to_string()), "A")]);
        house.run(&spec, &table).await.unwrap();
    }
    assert!(house.dir.path().join("spool/4").exists());
    let house = house.with_state_of(&backup, &[&a]);
    let message = house.restored.as_ref().unwrap().message().to_owned();
    assert!(message.contains("run 4") && message.contains("does not know"), "{message}");
    assert!(!house.dir.path().join("spool/4").exists() && !house.dir.path().join("baseline/4").exists());
    assert!(house.reopened(&[&a]).restored.is_none());
}
