//! Destinations that are new to a sync, that were away from it, or whose calls were given up: a gap
//! of each is a row of the state, and is filled when a person asks.

use outflow_core::ports::state::GapCause;
use outflow_core::run::{RunKind, RunOptions};
use outflow_core::{Budget, Code, RunId, RunState};

use super::{EVENTS, Quiet, of, sent, taking};
use crate::parts::{Scripted, stop};

impl Quiet {
    fn sends_to(&mut self, destinations: &[&str]) {
        self.spec = of(self.world.lock().shape, destinations);
    }

    /// Cause, first and last run of each gap of `b` that is not closed.
    async fn gaps(&self) -> Vec<(GapCause, u64, u64)> {
        let mut gaps = self.house.state().open_gaps().await.unwrap();
        gaps.retain(|gap| gap.missing.destination == "b");
        gaps.iter().map(|gap| (gap.missing.cause, gap.missing.first.0, gap.missing.last.0)).collect()
    }
}

/// Two runs without `b`, and one that it has.
async fn with_a_newcomer() -> Quiet {
    let mut q = Quiet::new(EVENTS);
    q.sends_to(&["a"]);
    for n in 1..=2 {
        q.put(n as f64 * 100.0, n, "A");
        q.run_at(n as f64 * 100.0 + 1.0).await;
    }
    q.sends_to(&["a", "b"]);
    q.put(300.0, 3, "A");
    assert_eq!(q.run_at(301.0).await, [["3 A"], ["3 A"]]);
    assert_eq!(q.gaps().await, [(GapCause::New, 1, 2)]);
    q
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_destination_is_not_sent_the_past_because_a_later_run_was_lost() {
    let q = with_a_newcomer().await;
    q.put(400.0, 4, "A");
    let q = q.lose_at(401.0).await;
    q.put(500.0, 5, "A");
    assert_eq!(q.run_at(501.0).await, [vec!["5 A"], vec!["4 A", "5 A"]], "what was lost, and no more");
    assert_eq!(q.gaps().await, [(GapCause::New, 1, 2)]);
    assert_eq!(q.fill_at(502.0).await, ["1 A", "2 A"], "the rest when a person asks");
    assert_eq!(q.run_at(600.0).await, [[""; 0]; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_was_away_has_one_gap_for_each_time_and_each_query() {
    let mut q = with_a_newcomer().await;
    assert_eq!(q.fill_at(302.0).await, ["1 A", "2 A"]);
    let query = q.spec.query.clone();
    for (n, to, edit) in [
        (4, &["a"][..], ""),
        (5, &["a"], ""),
        (6, &["a"], " -- edited"),
        (7, &["a", "b"], " -- edited"),
        (8, &["a"], " -- edited"),
    ] {
        q.sends_to(to);
        q.spec.query = query.clone() + edit;
        q.put(n as f64 * 100.0, n, "A");
        q.run_at(n as f64 * 100.0 + 50.0).await;
    }
    // The backfill was run 4.
    let away = |first, last| (GapCause::Away, first, last);
    assert_eq!(q.gaps().await, [away(5, 6), away(7, 7), away(9, 9)]);
    // Nothing of it comes unasked, and all of it when a person asks, part by part.
    q.sends_to(&["a", "b"]);
    q.spec.query = query + " -- edited";
    assert_eq!(q.run_at(900.0).await, [[""; 0]; 2]);
    let mut filled = Vec::new();
    while let Some(gap) = q.house.engine.reader().gap(&q.spec, "b").await.unwrap() {
        let run = q.house.run_beside(&q.spec, &q.world, gap.backfill("b")).await;
        assert_eq!(run.state, RunState::Succeeded);
        filled.push(sent(&q.b));
    }
    // What was missed with the present query is one part.
    assert_eq!(
        filled,
        [vec!["4 A", "5 A"], vec!["6 A", "8 A"]]
            .map(|part| part.into_iter().map(str::to_owned).collect::<Vec<_>>())
    );
    assert_eq!(q.gaps().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_missed_nothing_while_it_was_away_has_no_gap() {
    let mut q = Quiet::new(EVENTS);
    q.put(1.0, 1, "A");
    q.run_at(2.0).await;
    q.sends_to(&["a"]);
    q.run_at(100.0).await;
    assert_eq!(q.gaps().await, [(GapCause::Away, 2, 2)]);
    q.sends_to(&["a", "b"]);
    q.run_at(200.0).await;
    assert_eq!(q.gaps().await, []);
}

/// Before any run of the sync has had it, the destination can be sent everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_or_a_full_run_may_come_before_the_first_run_with_a_destination() {
    for full in [false, true] {
        let mut q = Quiet::new(EVENTS);
        q.sends_to(&["a"]);
        q.put(1.0, 1, "A");
        q.run_at(2.0).await;
        q.sends_to(&["a", "b"]);
        match full {
            true => {
                let only = Some("b".to_owned());
                q.run(RunOptions { destination: only, ..RunOptions::of(RunKind::Full) }).await;
                assert_eq!(sent(&q.b), ["1 A"]);
            }
            false => assert_eq!(q.fill_at(3.0).await, ["1 A"]),
        }
        q.put(100.0, 2, "A");
        assert_eq!(q.run_at(101.0).await, [["2 A"], ["2 A"]]);
        assert_eq!(q.gaps().await, [], "full: {full}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rejected_backfill_of_a_new_destination_leaves_its_gap() {
    let mut q = Quiet::new(EVENTS);
    q.sends_to(&["a"]);
    (1..=3).for_each(|n| q.put(n as f64, n, "A"));
    q.run_at(10.0).await;
    q.sends_to(&["a", "b"]);
    let budget = Budget { per_day: Some(1), per_month: None };
    q.house.engine.budgets = std::sync::Arc::new([("b".to_owned(), budget)].into());
    let gap = q.house.engine.reader().gap(&q.spec, "b").await.unwrap().unwrap();
    let request = crate::parts::request(gap.clone().backfill("b"));
    let held = q.house.engine.run_beside(&q.spec, &q.world, &request).await.unwrap();
    assert_eq!(held.state, RunState::AwaitingApproval);
    assert_eq!(q.house.engine.reader().gap(&q.spec, "b").await.unwrap(), None, "a run fills it");
    q.house.engine.reject(held.run, false).await.unwrap();
    assert_eq!(q.house.engine.reader().gap(&q.spec, "b").await.unwrap(), Some(gap));
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_were_given_up_are_a_gap_and_those_of_a_purged_person_are_none() {
    let q = Quiet::new(EVENTS).with_b(Scripted::new("b", |_, _| stop(Code::DestinationAuthFailed)));
    q.put(1.0, 1, "A");
    q.put(2.0, 2, "A");
    q.run_at(3.0).await;
    q.house.engine.purge("1").await.unwrap();
    assert_eq!(q.gaps().await, []);
    // The project no longer has the destination, and a person gives up what waits.
    let house = q.house.reopened(&[&q.a]);
    let mut q = Quiet { house: Quiet::with_clock(house, &q.world), ..q };
    q.house.engine.cancel("b", None).await.unwrap();
    assert_eq!(q.gaps().await, [(GapCause::GivenUp, 1, 1)]);
    q.sends_to(&["a"]);
    q.put(100.0, 3, "A");
    q.run_at(101.0).await;
    let mut q = q.with_b(taking("b"));
    q.sends_to(&["a", "b"]);
    q.put(200.0, 4, "A");
    assert_eq!(q.run_at(201.0).await, [["4 A"], ["4 A"]], "nothing comes unasked");
    assert_eq!(q.gaps().await, [(GapCause::GivenUp, 1, 1), (GapCause::Away, 2, 2)]);
    let filled = q.fill_at(202.0).await;
    assert!(filled.contains(&"2 A".to_owned()) && filled.contains(&"3 A".to_owned()), "{filled:?}");
    assert!(!filled.contains(&"4 A".to_owned()), "{filled:?}");
}

/// The hashes that a gap is compared with stay as long as it is open, however many runs follow.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_destination_had_before_it_was_away_is_known_after_many_runs() {
    let mut q = Quiet::new(EVENTS);
    q.put(95.0, 1, "A");
    q.run_at(100.0).await;
    q.sends_to(&["a"]);
    for n in 2..=150_u64 {
        q.put(n as f64 * 100.0, n, "A");
        q.run_at(n as f64 * 100.0 + 5.0).await;
        if n % 50 == 0 {
            q.house.engine.sweep(std::time::Duration::from_secs(3_650 * 86_400)).await.unwrap();
        }
    }
    assert!(q.house.engine.baseline.runs().await.unwrap().contains(&RunId(1)));
    q.sends_to(&["a", "b"]);
    let filled = q.fill_at(20_000.0).await;
    assert_eq!(filled.len(), 149, "the first has arrived, and the others have not");
}
