//! Gaps over an edit of the query: what is missing is read with the query that its runs had.

use std::collections::BTreeSet;
use std::time::Duration;

use outflow_core::ports::destination::Destination as _;
use outflow_core::run::{RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, RunId, RunState, SyncSpec, Timestamp};
use outflow_engine::serve::Event;

use super::left_out::{Left, behind, calls};
use super::{EVENTS, PEOPLE, Quiet, sent};
use crate::incremental::world::{Shape, World};

/// The same query in another form: its values have this word behind them.
fn edited(spec: &SyncSpec, form: &str) -> SyncSpec {
    SyncSpec { query: format!("{} -- form {form}", spec.query), ..spec.clone() }
}

fn sorted(mut calls: Vec<String>) -> Vec<String> {
    calls.sort();
    calls
}

/// Three runs with one query leave `b` out, one with another, and one with the first again. What is
/// kept of them is deleted.
#[tokio::test(flavor = "multi_thread")]
async fn each_query_gives_what_its_own_runs_have_left_out() {
    let (mut left, house) = Left::new(World::quiet(Shape { timed: true, ..EVENTS }));
    let mut served = behind(&mut left, house).await;
    let first = left.spec.clone();
    for (n, spec) in [(6, edited(&first, "new")), (7, first.clone()), (8, first)] {
        left.spec = spec;
        left.open(&served, false);
        left.put(n);
        left.slot(&mut served).await;
    }
    served.house.engine.sweep(Duration::ZERO).await.unwrap();
    left.open(&served, true);
    served.settled().await;
    // The lookback gave the event before an edit in the new form, too: `b` gets what `a` has got.
    let got = sorted(calls(&left.b));
    assert!(got.contains(&"6 login new".to_owned()) && !got.contains(&"4 login new".to_owned()), "{got:?}");
    assert_eq!(got, sorted(calls(&left.a)));
    let runs = Left::runs(&served.house).await;
    let fills = runs.iter().filter(|run| run.trigger == RunTrigger::Gap);
    let parts: Vec<_> = fills
        .map(|run| match run.spec.options.kind {
            RunKind::Backfill { first, until, .. } => (first.0, until.map(|run| run.0)),
            _ => panic!("{run:?}"),
        })
        .collect();
    assert_eq!(parts, [(3, Some(5)), (6, Some(6)), (7, None)], "the oldest comes first");
    served.end().await;
}

/// What reads rows into a person's newer form is newer than all that is missing of the person.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_was_sent_in_the_new_form_is_not_sent_in_the_old_one_again() {
    let q = Quiet::new(PEOPLE);
    q.put(1.0, 1, "A");
    q.put(2.0, 2, "A");
    q.put(95.0, 3, "A");
    let mut q = q.lose_at(100.0).await;
    q.spec = edited(&q.spec, "new");
    // The lookback reads the third person again; then what is missing is read with the first query.
    assert_eq!(q.run_at(105.0).await, [vec!["3 A new"], vec!["1 A", "2 A", "3 A new"]]);
    assert_eq!(q.run_at(107.0).await, [[""; 0]; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_does_not_run_any_more_leaves_its_gap_open_and_says_so() {
    let (mut left, house) = Left::new(World::quiet(Shape { timed: true, ..EVENTS }));
    let mut served = behind(&mut left, house).await;
    let old = left.spec.query.clone();
    left.spec.query = old.replace("FROM t", "FROM u");
    left.world.lock().dropped = Some("FROM t ");
    served.house.engine.sweep(Duration::ZERO).await.unwrap();
    left.open(&served, true);
    let failed = |event: &Event| match event {
        Event::Failed { errors, .. } => Some(errors.iter().map(|error| error.code()).collect::<Vec<_>>()),
        _ => None,
    };
    assert_eq!(served.next(failed).await, [Code::GapQueryFailed]);
    assert_eq!(served.alert("gap_query_failed").await, "users to b");
    let gaps = served.house.state().open_gaps().await.unwrap();
    assert_eq!(gaps.len(), 3);
    for gap in &gaps {
        let (code, why) = gap.reason.clone().unwrap();
        assert!(code == Code::GapQueryFailed && why.contains("S009") && gap.is_open(), "{gap:?}");
    }
    // The other destination gets every slot meanwhile, and this one nothing that is newer.
    left.put(6);
    left.slot(&mut served).await;
    assert!(calls(&left.a).contains(&"6 login".to_owned()));
    assert_eq!(calls(&left.b), ["1 login", "2 login"]);
    // Once the table is back, a process that begins tries it at once.
    left.world.lock().dropped = None;
    let house = served.end().await.reopened(&[&left.a, &left.b]);
    let mut served = left.serve(house);
    served.settled().await;
    let all = |calls: Vec<String>| calls.into_iter().collect::<BTreeSet<_>>();
    assert_eq!(all(calls(&left.b)), all(calls(&left.a)));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_present_query_can_take_the_place_of_one_that_does_not_run() {
    let q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    let mut q = q.lose_at(2.0).await;
    q.spec = SyncSpec { query: q.spec.query.replace("FROM t", "FROM u"), ..q.spec };
    q.world.lock().dropped = Some("FROM t ");
    q.put(3.0, 2, "A");
    assert_eq!(q.run_at(4.0).await[1], ["1 A", "2 A"], "the lookback reads both, with the new query");
    let gap = q.house.state().open_gaps().await.unwrap().remove(0);
    assert_eq!(gap.reason.unwrap().0, Code::GapQueryFailed);
    let since = RunOptions {
        destination: Some(q.b.name().to_owned()),
        ..RunOptions::of(RunKind::Since { at: Timestamp::UNIX_EPOCH })
    };
    let run = q.house.run_beside(&q.spec, &q.world, since).await;
    assert_eq!((run.state, sent(&q.b)), (RunState::Succeeded, vec!["1 A".to_owned(), "2 A".to_owned()]));
    assert!(q.house.state().open_gaps().await.unwrap().is_empty());
    assert_eq!(run.run, RunId(4));
}
