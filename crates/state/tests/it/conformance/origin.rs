//! What tells of a restore.

use outflow_core::ports::state::{NewRun, Origin, State};
use outflow_core::{CallType, RunId, Timestamp};

use crate::made::{at, delivering, extraction, moved, new_run};

pub async fn kept(state: &dyn State) {
    assert_eq!(state.origin().await.unwrap(), Origin::default());
    assert_eq!(state.last_run().await.unwrap(), None);
    let place = state.place().await.unwrap();
    assert_eq!(place, state.place().await.unwrap());
    let origin = Origin {
        mark: Some(u128::MAX - 7),
        mark_before: Some(3),
        place,
        restored_after: Some(RunId(u64::MAX)),
        parted_after: Some(RunId(0)),
    };
    state.set_origin(&origin).await.unwrap();
    assert_eq!(state.origin().await.unwrap(), origin);
    state.set_origin(&Origin::default()).await.unwrap();
    assert_eq!(state.origin().await.unwrap(), Origin::default());
    let run = delivering(state, "users", 5).await;
    assert_eq!(state.last_run().await.unwrap(), Some(run));
}

/// A run of the sync `events` that moves it.
async fn events(state: &dyn State) -> RunId {
    let new = NewRun { call_type: CallType::Track, ..new_run("events") };
    let run = state.create_run(&new).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    state.commit_extraction(run, &extraction(5, Some(moved(run)))).await.unwrap();
    run
}

pub async fn restored(state: &dyn State) {
    let standing = async || {
        let all = state.standings(at(0), Timestamp::MAX).await.unwrap();
        all.into_iter().map(|standing| standing.restored).collect::<Vec<_>>()
    };
    delivering(state, "users", 5).await;
    let last = events(state).await;
    // `events` and `users`.
    assert_eq!(standing().await, [false, false]);
    let restored = Origin { restored_after: Some(last), ..Origin::default() };
    state.set_origin(&restored).await.unwrap();
    assert_eq!(standing().await, [false, true], "events are compared further");
    state.set_origin(&Origin { parted_after: Some(last), ..restored }).await.unwrap();
    assert_eq!(standing().await, [true, true]);
    delivering(state, "users", 5).await;
    assert_eq!(standing().await, [true, false]);
    events(state).await;
    assert_eq!(standing().await, [false, false]);
}
