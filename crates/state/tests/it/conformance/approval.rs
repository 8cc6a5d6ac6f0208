//! Guards, budgets, approving and rejecting. Checks of the suite.

use outflow_core::ports::state::{Extraction, Settlement, State, SyncState};
use outflow_core::{Budget, Code, DeliveryCounts, DeliveryState, RunId, RunState};

use crate::conformance::refused;
use crate::made::{at, ending, extraction, moved, new_run, started_at};

pub async fn held(state: &dyn State) {
    let before = started_at(7);
    let first = state.create_run(&new_run("users")).await.unwrap().id;
    state.begin_extraction(first, at(2), "0").await.unwrap();
    state.commit_extraction(first, &extraction(0, Some(before.clone()))).await.unwrap();
    let run = crate::made::held(state, "users", 5).await;
    let record = state.unfinished("users").await.unwrap().unwrap();
    assert_eq!((record.id, record.state, record.ended_at), (run, RunState::AwaitingApproval, None));
    assert_eq!(
        (record.reason, record.next_last_sync_time),
        (Some((Code::TooManyRows, "too many".into())), None)
    );
    assert_eq!(state.sync("users").await.unwrap(), before);
    assert_eq!(state.segments(run).await.unwrap(), extraction(5, None).segments);
    assert!(state.deliveries(run).await.unwrap().iter().all(|d| d.counts.pending == 5));
    assert_eq!(state.conclude(run, at(99)).await.unwrap(), None);
    refused(state.end_run(run, RunState::AwaitingApproval, at(99), None, None).await);
}

pub async fn releasing(state: &dyn State) {
    let (run, empty) =
        (crate::made::held(state, "users", 5).await, crate::made::held(state, "events", 0).await);
    assert_eq!(state.approve(run, at(99)).await.unwrap(), RunState::Delivering);
    let record = state.run(run).await.unwrap().unwrap();
    assert_eq!((record.state, record.ended_at, record.reason), (RunState::Delivering, None, None));
    assert_eq!(record.next_last_sync_time, extraction(5, None).next_last_sync_time);
    assert_eq!(state.sync("users").await.unwrap(), moved(run));
    assert_eq!(state.approve(empty, at(99)).await.unwrap(), RunState::SucceededWithRejected);
    assert_eq!(state.run(empty).await.unwrap().unwrap().ended_at, Some(at(99)));
    for run in [run, empty, RunId(99)] {
        refused(state.approve(run, at(100)).await);
        refused(state.reject(run, at(100), true).await);
    }
    assert_eq!(state.sync("users").await.unwrap(), moved(run));
}

pub async fn discarding(state: &dyn State) {
    for skip_window in [false, true] {
        let run = crate::made::held(state, "users", 5).await;
        state.reject(run, at(99), skip_window).await.unwrap();
        let record = state.run(run).await.unwrap().unwrap();
        assert_eq!((record.state, record.ended_at), (RunState::Rejected, Some(at(99))));
        assert_eq!(
            record.reason,
            Some((Code::TooManyRows, "too many".into())),
            "it still says why it was held"
        );
        let next = extraction(5, None).next_last_sync_time.filter(|_| skip_window);
        assert_eq!(record.next_last_sync_time, next);
        for delivery in state.deliveries(run).await.unwrap() {
            let counts = DeliveryCounts { calls: 5, discarded: 5, ..DeliveryCounts::default() };
            assert_eq!(delivery.counts, counts);
        }
        assert_eq!(state.segments(run).await.unwrap(), []);
        // With the window, but without a run to compare with: no destination got these calls.
        let skipped = SyncState { baseline: None, ..moved(run) };
        let expected = if skip_window { skipped } else { SyncState::default() };
        assert_eq!(state.sync("users").await.unwrap(), expected);
        refused(state.approve(run, at(100)).await);
    }
    assert_eq!(state.unfinished("users").await.unwrap(), None);
}

/// Each of two runs fits into what is left of a destination's budget, and both do not.
pub async fn budgets(state: &dyn State) {
    for round in 1..=10 {
        let budget = Budget { per_day: Some(round * 10), per_month: None };
        let commit = async |sync: &str| {
            let run = state.create_run(&new_run(sync)).await.unwrap().id;
            state.begin_extraction(run, at(2), "0").await.unwrap();
            let budgets = [("audit".to_owned(), budget)].into();
            let extraction = Extraction { budgets, ..extraction(10, None) };
            (run, state.commit_extraction(run, &extraction).await.unwrap())
        };
        let ends = tokio::join!(commit("users"), commit("events"));
        let (passed, held) = match ends {
            ((a, RunState::Delivering), (b, RunState::AwaitingApproval)) => (a, b),
            ((a, RunState::AwaitingApproval), (b, RunState::Delivering)) => (b, a),
            other => panic!("{other:?} in round {round}"),
        };
        let reason = state.run(held).await.unwrap().unwrap().reason.unwrap();
        assert_eq!(reason.0, Code::BudgetExhausted);
        assert!(reason.1.contains("destination audit"), "{}", reason.1);
        state.reject(held, at(70), false).await.unwrap();
        // Used on the day of the commits from now on, no longer pending.
        for delivery in state.deliveries(passed).await.unwrap() {
            let end = ending(passed, &delivery, DeliveryState::Succeeded);
            state.settle(&[Settlement { at: at(60), ..end }]).await.unwrap();
        }
        state.conclude(passed, at(80)).await.unwrap().unwrap();
    }
}
