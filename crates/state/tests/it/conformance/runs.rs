//! The steps of a run's life, and schedules. Checks of the suite.

use outflow_core::ports::spool::SegmentKind;
use outflow_core::ports::state::{NewRun, Replayed, RunFilter, Settled, State, SyncState};
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunSpec, RunTrigger};
use outflow_core::{Code, DeliveryCounts, DeliveryState, RowCounts, RunId, RunState};

use crate::conformance::{refused, with_letters};
use crate::made::{at, delivering, extraction, moved, new_run, segment};

pub async fn unknown_names(state: &dyn State) {
    assert_eq!(state.sync("users").await.unwrap(), SyncState::default());
    assert_eq!(state.unfinished("users").await.unwrap(), None);
    assert_eq!(state.run(RunId(1)).await.unwrap(), None);
    assert_eq!(state.runs(&RunFilter::default()).await.unwrap(), []);
    assert_eq!(state.segments(RunId(1)).await.unwrap(), []);
    assert_eq!(state.findings(RunId(1)).await.unwrap(), []);
    assert_eq!(state.deliveries(RunId(1)).await.unwrap(), []);
    assert_eq!(state.dead_letters(RunId(1), "journeys", 0, 10).await.unwrap(), []);
    assert_eq!(state.compared_runs().await.unwrap(), []);
}

pub async fn a_new_run(state: &dyn State) {
    let (new, run) = (new_run("users"), state.create_run(&new_run("users")).await.unwrap());
    assert_eq!((run.id, run.state), (RunId(1), RunState::Queued));
    assert_eq!((&run.sync, run.call_type, run.trigger), (&new.sync, new.call_type, new.trigger));
    assert_eq!((&run.spec, run.due_at, run.started_at), (&new.spec, new.due_at, new.started_at));
    assert_eq!((run.extracted_at, run.ended_at, run.clock), (None, None, None));
    assert_eq!((&run.last_sync_time, &run.next_last_sync_time), (&None, &None));
    assert_eq!((run.rows, run.spool_bytes), (RowCounts::default(), 0));
    assert_eq!((&run.reason, run.skipped_by), (&None, None));
    assert_eq!(state.run(run.id).await.unwrap(), Some(run.clone()));
    assert_eq!(state.deliveries(run.id).await.unwrap(), []);
}

pub async fn keys_and_numbers(state: &dyn State) {
    let mut runs = Vec::new();
    for _ in 0..20 {
        runs.push(state.create_run(&new_run("users")).await.unwrap());
    }
    assert!(runs.iter().map(|r| r.id.0).eq(1..=20));
    let keys: std::collections::HashSet<_> = runs.iter().map(|r| r.key).collect();
    assert_eq!(keys.len(), 20);
}

pub async fn extraction_begins_again(state: &dyn State) {
    let run = state.create_run(&new_run("users")).await.unwrap().id;
    for (clock, value) in [(at(2), "0"), (at(3), "1790000000")] {
        state.begin_extraction(run, clock, value).await.unwrap();
        let record = state.run(run).await.unwrap().unwrap();
        assert_eq!((record.state, record.clock), (RunState::Extracting, Some(clock)));
        assert_eq!(record.last_sync_time.as_deref(), Some(value));
    }
}

pub async fn the_commit(state: &dyn State) {
    let run = delivering(state, "users", 100).await;
    let (record, made) = (state.run(run).await.unwrap().unwrap(), extraction(100, None));
    assert_eq!((record.state, record.rows, record.spool_bytes), (RunState::Delivering, made.rows, 3000));
    assert_eq!((record.extracted_at, record.ended_at), (Some(at(60)), None));
    assert_eq!(record.next_last_sync_time, made.next_last_sync_time);
    assert_eq!(state.segments(run).await.unwrap(), made.segments);
    assert_eq!(state.findings(run).await.unwrap(), made.findings);
    assert_eq!(state.sync("users").await.unwrap(), moved(run));
    let deliveries = state.deliveries(run).await.unwrap();
    let names: Vec<_> = deliveries.iter().map(|d| d.destination.as_str()).collect();
    assert_eq!(names, ["journeys", "audit"]);
    for delivery in deliveries {
        assert_eq!(delivery.state, DeliveryState::Delivering);
        assert_eq!(delivery.counts, DeliveryCounts { calls: 100, pending: 100, ..DeliveryCounts::default() });
        assert_eq!((delivery.settled, delivery.reason), (Settled::default(), None));
    }
}

pub async fn a_wrong_commit(state: &dyn State) {
    let run = state.create_run(&new_run("users")).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    let mut wrong = extraction(100, Some(moved(run)));
    wrong.rows.unchanged += 1;
    refused(state.commit_extraction(run, &wrong).await);
    let mut twice = extraction(100, Some(moved(run)));
    twice.segments.push(segment(SegmentKind::Calls, 0));
    refused(state.commit_extraction(run, &twice).await);
    assert_eq!(state.run(run).await.unwrap().unwrap().state, RunState::Extracting);
    assert_eq!(state.sync("users").await.unwrap(), SyncState::default());
    assert_eq!(state.segments(run).await.unwrap(), []);
    state.commit_extraction(run, &extraction(100, Some(moved(run)))).await.unwrap();
}

pub async fn nothing_to_deliver(state: &dyn State) {
    let run = delivering(state, "users", 0).await;
    let record = state.run(run).await.unwrap().unwrap();
    let ended = (record.state, record.ended_at);
    assert_eq!(ended, (RunState::SucceededWithRejected, Some(at(60))), "rows were rejected");
    assert_eq!(state.sync("users").await.unwrap().baseline, moved(run).baseline);
    let deliveries = state.deliveries(run).await.unwrap();
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries.iter().all(|d| d.state == DeliveryState::Succeeded && d.counts.closed()));
    assert_eq!(state.unfinished("users").await.unwrap(), None);
}

pub async fn no_move(state: &dyn State) {
    let first = delivering(state, "users", 1).await;
    let run = state.create_run(&new_run("users")).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    state.commit_extraction(run, &extraction(5, None)).await.unwrap();
    assert_eq!(state.sync("users").await.unwrap(), moved(first));
}

pub async fn unfinished(state: &dyn State) {
    let first = delivering(state, "users", 5).await;
    let second = state.create_run(&new_run("users")).await.unwrap().id;
    state.create_run(&new_run("events")).await.unwrap();
    let oldest = async || state.unfinished("users").await.unwrap().map(|r| r.id);
    assert_eq!(oldest().await, Some(first));
    state.end_run(first, RunState::Succeeded, at(99), None, None).await.unwrap();
    assert_eq!(oldest().await, Some(second));
    state.end_run(second, RunState::Failed, at(99), None, None).await.unwrap();
    assert_eq!(oldest().await, None);
}

pub async fn ended(state: &dyn State) {
    let run = state.create_run(&new_run("users")).await.unwrap().id;
    let reason = Some((Code::ConnectionBroken, "the connection broke".to_owned()));
    state.end_run(run, RunState::Failed, at(99), reason.clone(), None).await.unwrap();
    let record = state.run(run).await.unwrap().unwrap();
    assert_eq!((record.state, record.ended_at), (RunState::Failed, Some(at(99))));
    assert_eq!(record.reason, reason);
    refused(state.end_run(run, RunState::Succeeded, at(100), None, None).await);
    refused(state.begin_extraction(run, at(2), "0").await);
    assert_eq!(state.run(run).await.unwrap(), Some(record));
}

pub async fn wrong_steps(state: &dyn State) {
    let none = RunId(77);
    refused(state.begin_extraction(none, at(2), "0").await);
    refused(state.commit_extraction(none, &extraction(5, None)).await);
    refused(state.end_run(none, RunState::Failed, at(2), None, None).await);
    let queued = state.create_run(&new_run("users")).await.unwrap().id;
    refused(state.commit_extraction(queued, &extraction(5, None)).await);
    refused(state.end_run(queued, RunState::Delivering, at(2), None, None).await);
    refused(state.end_run(queued, RunState::Lost, at(2), None, None).await);
    let run = delivering(state, "events", 5).await;
    refused(state.begin_extraction(run, at(2), "0").await);
    refused(state.commit_extraction(run, &extraction(5, None)).await);
}

fn scheduled(sync: &str, due: i64) -> outflow_core::ports::state::NewRun {
    outflow_core::ports::state::NewRun {
        trigger: outflow_core::run::RunTrigger::Schedule,
        due_at: at(due),
        ..new_run(sync)
    }
}

pub async fn slots(state: &dyn State) {
    assert_eq!(state.fired("users").await.unwrap(), None);
    let by_hand = outflow_core::ports::state::NewRun {
        trigger: outflow_core::run::RunTrigger::Manual,
        ..new_run("users")
    };
    state.create_run(&by_hand).await.unwrap();
    assert_eq!(state.fired("users").await.unwrap(), None, "a run by hand fires no slot");
    state.create_run(&scheduled("users", 120)).await.unwrap();
    assert_eq!(state.fired("users").await.unwrap(), Some(at(120)));
    state.set_fired("users", at(180)).await.unwrap();
    assert_eq!(
        (state.fired("users").await.unwrap(), state.fired("events").await.unwrap()),
        (Some(at(180)), None)
    );
}

pub async fn skipping(state: &dyn State) {
    let first = delivering(state, "users", 5).await;
    let reason = (Code::RunInProgress, "run 1 is still delivering".to_owned());
    let skipped = state.skip_run(&scheduled("users", 120), Some(first), &reason).await.unwrap();
    assert_eq!((skipped.state, skipped.skipped_by), (RunState::Skipped, Some(first)));
    assert_eq!((skipped.ended_at, skipped.reason.as_ref()), (Some(skipped.started_at), Some(&reason)));
    assert_eq!(state.fired("users").await.unwrap(), Some(at(120)));
    assert_eq!(state.unfinished("users").await.unwrap().unwrap().id, first);
    assert_eq!(state.run(skipped.id).await.unwrap(), Some(skipped));
}

pub async fn unfinished_everywhere(state: &dyn State) {
    let first = delivering(state, "users", 5).await;
    let second = state.create_run(&new_run("events")).await.unwrap().id;
    state.skip_run(&scheduled("users", 1), Some(first), &(Code::RunInProgress, String::new())).await.unwrap();
    let third = state.create_run(&new_run("users")).await.unwrap().id;
    state.end_run(second, RunState::Failed, at(99), None, None).await.unwrap();
    let ids: Vec<_> = state.unfinished_runs().await.unwrap().iter().map(|r| r.id).collect();
    assert_eq!(ids, [first, third]);
}

pub async fn replaying(state: &dyn State) {
    let old = delivering(state, "users", 100).await;
    with_letters(state, old, 3).await;
    let ordinary = new_run("users");
    let replay = Replay {
        run: old,
        mode: ReplayMode::AsSent,
        code: Some(Code::CallRefused),
        force: true,
        start: None,
    };
    let kind = RunKind::Replay(replay);
    let options = RunOptions { destination: Some("journeys".into()), ..RunOptions::of(kind) };
    let spec = RunSpec { options, ..ordinary.spec.clone() };
    let new = state.create_run(&NewRun { trigger: RunTrigger::Replay, spec, ..ordinary }).await.unwrap();
    assert_eq!((new.replays, new.replayed_by.len(), new.trigger), (Some(old), 0, RunTrigger::Replay));
    assert_eq!(state.run(old).await.unwrap().unwrap().replayed_by, [new.id]);
    let marks = async || -> Vec<Option<RunId>> {
        state.dead_letters(old, "journeys", 0, 10).await.unwrap().iter().map(|l| l.replayed_by).collect()
    };
    state.begin_extraction(new.id, at(3), "0").await.unwrap();
    assert_eq!(marks().await, [None; 3], "until the replay is committed");
    let replayed = Replayed { run: old, destination: "journeys".into(), positions: vec![1, 5] };
    let commit = outflow_core::ports::state::Extraction { replayed: Some(replayed), ..extraction(2, None) };
    state.commit_extraction(new.id, &commit).await.unwrap();
    assert_eq!(marks().await, [Some(new.id), None, Some(new.id)]);
    assert_eq!(
        state.run(new.id).await.unwrap().unwrap().spec.options.replay().unwrap().code,
        Some(Code::CallRefused)
    );
}

pub async fn not_ahead(state: &dyn State) {
    let begun = async |sync, clock| {
        let run = state.create_run(&new_run(sync)).await.unwrap().id;
        state.begin_extraction(run, at(clock), "0").await.unwrap();
        run
    };
    let mut runs = Vec::new();
    for (sync, clock) in [("users", 100), ("users", 300), ("users", 200), ("events", 150)] {
        let run = begun(sync, clock).await;
        state.commit_extraction(run, &extraction(0, None)).await.unwrap();
        runs.push(run);
    }
    begun("users", 120).await;
    let by = async |clock, limit| {
        let found = state.runs_begun_by("users", at(clock), limit).await.unwrap();
        found.into_iter().map(|run| run.id).collect::<Vec<_>>()
    };
    assert_eq!(by(250, 9).await, [runs[2], runs[0]], "newest first, and none that only began");
    assert_eq!(by(300, 9).await, [runs[2], runs[1], runs[0]]);
    assert_eq!(by(250, 1).await, [runs[2]]);
    assert_eq!(by(99, 9).await, []);

    let slot = async |sync: &str, due, trigger| {
        let new = NewRun { due_at: at(due), trigger, ..new_run(sync) };
        state.skip_run(&new, None, &(Code::RunInProgress, "busy".into())).await.unwrap();
    };
    for due in [1_060, 9_000, 1_120] {
        slot("slots", due, RunTrigger::Schedule).await;
    }
    slot("slots", 1_150, RunTrigger::Manual).await;
    slot("other", 1_155, RunTrigger::Schedule).await;
    let fired = async |until| state.fired_by("slots", at(until)).await.unwrap();
    assert_eq!(fired(1_200).await, Some(at(1_120)));
    assert_eq!(fired(1_120).await, Some(at(1_120)));
    assert_eq!(fired(1_119).await, Some(at(1_060)));
    assert_eq!(fired(9_000).await, Some(at(9_000)));
    assert_eq!(fired(1_059).await, None);
}
