//! Listing, deleting and replacing. Checks of the suite.

use std::time::Duration;

use outflow_core::ports::state::{Purge, RunFilter, State};
use outflow_core::{Code, Date, RunId, RunState};

use crate::conformance::{refused, three, with_letters};
use crate::made::{at, dead_letter, delivering, extraction, new_run};

pub async fn past(state: &dyn State) {
    let first = delivering(state, "users", 5).await;
    crate::made::held(state, "users", 5).await;
    state.create_run(&new_run("users")).await.unwrap();
    delivering(state, "events", 5).await;
    let last = delivering(state, "users", 7).await;
    state.end_run(last, RunState::Partial, at(99), None, None).await.unwrap();
    let past = state.past_runs("users", 9).await.unwrap();
    assert_eq!(past.iter().map(|p| p.record.id).collect::<Vec<_>>(), [last, first]);
    assert_eq!((past[0].record.rows.calls, &past[0].columns), (7, &extraction(7, None).columns));
    assert_eq!(state.past_runs("users", 1).await.unwrap().len(), 1);
}

pub async fn listing(state: &dyn State) {
    for i in 0..6 {
        state.create_run(&new_run(if i % 2 == 0 { "users" } else { "events" })).await.unwrap();
    }
    let list = async |sync: Option<&str>, limit| -> Vec<u64> {
        let runs = state.runs(&RunFilter::newest(sync, limit)).await.unwrap();
        runs.iter().map(|r| r.id.0).collect()
    };
    assert_eq!(list(None, 0).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(None, 2).await, [6, 5]);
    assert_eq!(list(Some("users"), 0).await, [5, 3, 1]);
    assert_eq!(list(Some("users"), 1).await, [5]);
    assert_eq!(list(Some("groups"), 0).await, [0; 0]);
    let page = async |sync: Option<&str>, before: Option<u64>, limit| -> Vec<u64> {
        let filter = RunFilter { before: before.map(RunId), ..RunFilter::newest(sync, limit) };
        let runs = state.runs(&filter).await.unwrap();
        runs.iter().map(|r| r.id.0).collect()
    };
    assert_eq!(page(None, None, 4).await, [6, 5, 4, 3]);
    assert_eq!(page(None, Some(3), 4).await, [2, 1]);
    assert_eq!(page(None, Some(1), 4).await, [0; 0]);
    assert_eq!(page(Some("users"), None, 2).await, [5, 3]);
    assert_eq!(page(Some("users"), Some(3), 2).await, [1]);
    assert_eq!(page(Some("users"), Some(u64::MAX >> 1), 2).await, [5, 3]);
    state.end_run(RunId(3), RunState::Failed, at(99), None, None).await.unwrap();
    let meant = async |states: &[RunState], since, until, sync| -> Vec<u64> {
        let filter = RunFilter { states: states.to_vec(), since, until, ..RunFilter::newest(sync, 0) };
        state.runs(&filter).await.unwrap().iter().map(|r| r.id.0).collect()
    };
    let (queued, failed) = (RunState::Queued, RunState::Failed);
    assert_eq!(meant(&[failed], None, None, None).await, [3]);
    assert_eq!(meant(&[failed, queued], None, None, None).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(meant(&[queued], None, None, Some("users")).await, [5, 1]);
    let start = state.run(RunId(1)).await.unwrap().unwrap().started_at;
    let (before, after) = (start - Duration::from_secs(1), start + Duration::from_secs(1));
    assert_eq!(meant(&[], Some(after), None, None).await, [0; 0]);
    assert_eq!(meant(&[], Some(start), Some(after), Some("users")).await, [5, 3, 1]);
    assert_eq!(meant(&[], None, Some(start), None).await, [0; 0]);
    assert_eq!(meant(&[], Some(before), None, Some("events")).await, [6, 4, 2]);
}

pub async fn old_segments(state: &dyn State) {
    let runs = three(state, 5).await;
    state.end_run(runs[0], RunState::Succeeded, at(100), None, None).await.unwrap();
    state.end_run(runs[1], RunState::Partial, at(200), None, None).await.unwrap();
    assert_eq!(state.runs_with_old_segments(at(100)).await.unwrap(), []);
    assert_eq!(state.runs_with_old_segments(at(101)).await.unwrap(), [runs[0]]);
    assert_eq!(state.runs_with_old_segments(at(9999)).await.unwrap(), runs[..2]);
    state.forget_segments(runs[0]).await.unwrap();
    assert_eq!(state.segments(runs[0]).await.unwrap(), []);
    assert_eq!(state.runs_with_old_segments(at(9999)).await.unwrap(), [runs[1]]);
    assert_eq!(state.findings(runs[0]).await.unwrap().len(), 2, "findings stay");
}

pub async fn forgetting(state: &dyn State) {
    let runs = three(state, 100).await;
    with_letters(state, runs[0], 2).await;
    let skip = state
        .skip_run(&new_run("users"), Some(runs[0]), &(Code::RunInProgress, String::new()))
        .await
        .unwrap()
        .id;
    for run in runs {
        state.end_run(run, RunState::Partial, at(100), None, None).await.unwrap();
    }
    let ended = async |before, after, limit| -> Vec<RunId> {
        state.ended_runs(at(before), after, limit).await.unwrap().iter().map(|r| r.id).collect()
    };
    assert_eq!(ended(999, RunId(0), 9).await, [skip], "the others have segments");
    for run in runs {
        state.forget_segments(run).await.unwrap();
    }
    assert_eq!(ended(100, RunId(0), 9).await, [skip], "not before their time");
    assert_eq!(ended(999, RunId(0), 2).await, [runs[0], runs[1]]);
    assert_eq!(ended(999, runs[1], 9).await, [runs[2], skip]);

    let open = delivering(state, "users", 1).await;
    refused(state.forget_runs(&[runs[0], open]).await);
    assert_eq!(state.deliveries(runs[0]).await.unwrap().len(), 2, "all of them, or none");
    let used = state.usage(Date::MIN, Date::MAX).await.unwrap();
    state.forget_runs(&runs[..2]).await.unwrap();
    assert_eq!(ended(999, RunId(0), 9).await, [runs[2], skip]);
    assert_eq!(state.run(runs[0]).await.unwrap(), None);
    assert!(
        state.deliveries(runs[0]).await.unwrap().is_empty()
            && state.findings(runs[0]).await.unwrap().is_empty()
    );
    assert!(state.dead_letters(runs[0], "journeys", 0, 9).await.unwrap().is_empty());
    assert_eq!(state.run(skip).await.unwrap().unwrap().skipped_by, None);
    assert_eq!(state.usage(Date::MIN, Date::MAX).await.unwrap(), used);
    refused(state.forget_runs(&runs[..1]).await);
}

pub async fn compared(state: &dyn State) {
    delivering(state, "users", 5).await;
    let users = delivering(state, "users", 5).await;
    let events = delivering(state, "events", 5).await;
    assert_eq!(state.compared_runs().await.unwrap(), [users, events]);
}

pub async fn purging(state: &dyn State) {
    let (run, other) = (delivering(state, "users", 100).await, delivering(state, "users", 100).await);
    for run in [run, other] {
        with_letters(state, run, 2).await;
    }
    let others = (state.segments(other).await.unwrap(), state.findings(other).await.unwrap());
    let segments = state.segments(run).await.unwrap();
    let mut new = segments[0].clone();
    (new.number, new.bytes) = (9, 700);
    let mut delivery = state.deliveries(run).await.unwrap()[0].clone();
    delivery.counts.pending -= 1;
    delivery.counts.cancelled += 1;
    let mut findings = state.findings(run).await.unwrap();
    findings[0].samples.clear();
    let purge = Purge {
        segments: vec![(segments[0].clone(), new.clone())],
        deliveries: vec![delivery.clone()],
        letters: vec![("journeys".into(), 3)],
        findings: Some(findings.clone()),
    };
    state.purge(run, &purge).await.unwrap();
    state.scrub().await.unwrap();
    let named = state.segments(run).await.unwrap();
    assert!(named.contains(&new) && !named.contains(&segments[0]) && named.len() == segments.len());
    assert_eq!(
        state.run(run).await.unwrap().unwrap().spool_bytes,
        named.iter().map(|s| s.bytes).sum::<u64>()
    );
    assert_eq!(
        (&state.deliveries(run).await.unwrap()[0], state.findings(run).await.unwrap()),
        (&delivery, findings)
    );
    let letters = state.dead_letters(run, "journeys", 0, 10).await.unwrap();
    assert_eq!(letters[0], dead_letter(1));
    assert_eq!((letters[1].position, letters[1].message_id.as_str()), (3, ""));
    assert_eq!((letters[1].code, letters[1].status), (dead_letter(3).code, dead_letter(3).status));
    assert!(letters[1].reason.contains("purge"));
    assert_eq!((state.segments(other).await.unwrap(), state.findings(other).await.unwrap()), others);
    assert_eq!(state.dead_letters(other, "journeys", 0, 10).await.unwrap()[1], dead_letter(3));
}
