//! What every store of the state must do. Each check gets an empty store of its own.

use outflow_core::ports::spool::SegmentKind;
use outflow_core::ports::state::{NewRun, Purge, Replayed, RunFilter, Settled, State, SyncState};
use outflow_core::run::{Replay, ReplayMode, RunOptions, RunSpec, Trigger};
use outflow_core::{Code, Date, DeliveryCounts, DeliveryState, RowCounts, RunId, RunState};

use crate::made::{at, dead_letter, delivering, extraction, moved, new_run, progress, segment};

/// A check and what it checks.
type Check = (&'static str, fn(&dyn State));

const CHECKS: &[Check] = &[
    ("an unknown sync starts from nothing", unknown_names),
    ("a run is what it was created as", a_new_run),
    ("keys and numbers are a run's own", keys_and_numbers),
    ("an extraction may begin again", extraction_begins_again),
    ("the commit makes everything true at once", the_commit),
    ("a commit that does not add up changes nothing", a_wrong_commit),
    ("a run without calls has succeeded", nothing_to_deliver),
    ("calls for a skipped destination are cancelled at once", skipped),
    ("an extraordinary run does not move the sync", no_move),
    ("progress and dead letters are kept together", settling),
    ("to settle twice is to settle once", settling_twice),
    ("progress that does not add up changes nothing", wrong_progress),
    ("the oldest unfinished run comes first", unfinished),
    ("an ended run stays as it is", ended),
    ("a held run is not at its end and moves nothing", held),
    ("a release moves the sync and makes the run deliver, once", releasing),
    ("a discarded run leaves the sync, or skips its window", discarding),
    ("past runs are those that were delivered", past),
    ("what is sent is counted by day, once", usage),
    ("a lost run gives its window back", lost),
    ("runs are listed newest first", listing),
    ("old segments are found and forgotten", old_segments),
    ("runs to be compared with are known", compared),
    ("ended runs are found page by page, and forgotten with all that is theirs", forgetting),
    ("steps that a run's life does not have are refused", wrong_steps),
    ("large numbers survive", large_numbers),
    ("a run that its schedule set off fires its slot", slots),
    ("a skipped run is recorded with what stood in its way", skipping),
    ("a run ends when its last delivery has", concluding),
    ("unfinished runs of all syncs are known", unfinished_everywhere),
    ("a replay is linked both ways and marks what it sends again", replaying),
    ("a purge replaces what it names and nothing else", purging),
    ("an alert is told once and its end once", super::watch::alerts),
    ("an alert that changed meanwhile is not taken for told", super::watch::alerts_that_change),
    ("how a sync is doing follows from its runs", super::watch::standings),
    ("a finished run is audited once, while it has segments", super::watch::audits),
    ("pending calls and recent runs are known", super::watch::pending),
];

/// Runs every check on the store that `fresh` makes for its number.
pub fn suite<S: State>(fresh: impl Fn(usize) -> S) {
    for (number, (what, check)) in CHECKS.iter().enumerate() {
        println!("{what}");
        check(&fresh(number));
    }
}

#[test]
fn sqlite_conforms() {
    let dir = tempfile::tempdir().unwrap();
    suite(|number| outflow_state::SqliteState::open(&dir.path().join(number.to_string())).unwrap());
}

fn refused<T: std::fmt::Debug>(result: outflow_core::Result<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.code(), Code::StateIo, "{error}");
    assert!(error.help_text().is_some());
}

fn unknown_names(state: &dyn State) {
    assert_eq!(state.sync("users").unwrap(), SyncState::default());
    assert_eq!(state.unfinished("users").unwrap(), None);
    assert_eq!(state.run(RunId(1)).unwrap(), None);
    assert_eq!(state.runs(&RunFilter::default()).unwrap(), []);
    assert_eq!(state.segments(RunId(1)).unwrap(), []);
    assert_eq!(state.findings(RunId(1)).unwrap(), []);
    assert_eq!(state.deliveries(RunId(1)).unwrap(), []);
    assert_eq!(state.dead_letters(RunId(1), "journeys", 0, 10).unwrap(), []);
    assert_eq!(state.compared_runs().unwrap(), []);
}

fn a_new_run(state: &dyn State) {
    let (new, run) = (new_run("users"), state.create_run(&new_run("users")).unwrap());
    assert_eq!((run.id, run.state), (RunId(1), RunState::Queued));
    assert_eq!((&run.sync, run.call_type, run.trigger), (&new.sync, new.call_type, new.trigger));
    assert_eq!((&run.pinned, run.due_at, run.started_at), (&new.pinned, new.due_at, new.started_at));
    assert_eq!((run.extracted_at, run.ended_at, run.clock), (None, None, None));
    assert_eq!((&run.last_sync_time, &run.next_last_sync_time), (&None, &None));
    assert_eq!((run.rows, run.spool_bytes), (RowCounts::default(), 0));
    assert_eq!((&run.reason, run.skipped_by), (&None, None));
    assert_eq!(state.run(run.id).unwrap(), Some(run.clone()));
    assert_eq!(state.deliveries(run.id).unwrap(), []);
}

fn keys_and_numbers(state: &dyn State) {
    let runs: Vec<_> = (0..20).map(|_| state.create_run(&new_run("users")).unwrap()).collect();
    assert!(runs.iter().map(|r| r.id.0).eq(1..=20));
    let keys: std::collections::HashSet<_> = runs.iter().map(|r| r.key).collect();
    assert_eq!(keys.len(), 20);
}

fn extraction_begins_again(state: &dyn State) {
    let run = state.create_run(&new_run("users")).unwrap().id;
    for (clock, value) in [(at(2), "0"), (at(3), "1790000000")] {
        state.begin_extraction(run, clock, value).unwrap();
        let record = state.run(run).unwrap().unwrap();
        assert_eq!((record.state, record.clock), (RunState::Extracting, Some(clock)));
        assert_eq!(record.last_sync_time.as_deref(), Some(value));
    }
}

fn the_commit(state: &dyn State) {
    let run = delivering(state, "users", 100);
    let (record, made) = (state.run(run).unwrap().unwrap(), extraction(100, None));
    assert_eq!((record.state, record.rows, record.spool_bytes), (RunState::Delivering, made.rows, 3000));
    assert_eq!((record.extracted_at, record.ended_at), (Some(at(60)), None));
    assert_eq!(record.next_last_sync_time, made.next_last_sync_time);
    assert_eq!(state.segments(run).unwrap(), made.segments);
    assert_eq!(state.findings(run).unwrap(), made.findings);
    assert_eq!(state.sync("users").unwrap(), moved(run));
    let deliveries = state.deliveries(run).unwrap();
    let names: Vec<_> = deliveries.iter().map(|d| d.destination.as_str()).collect();
    assert_eq!(names, ["journeys", "audit"]);
    for delivery in deliveries {
        assert_eq!(delivery.state, DeliveryState::Delivering);
        assert_eq!(delivery.counts, DeliveryCounts { calls: 100, pending: 100, ..DeliveryCounts::default() });
        assert_eq!((delivery.settled, delivery.reason), (Settled::default(), None));
    }
}

fn a_wrong_commit(state: &dyn State) {
    let run = state.create_run(&new_run("users")).unwrap().id;
    state.begin_extraction(run, at(2), "0").unwrap();
    let mut wrong = extraction(100, Some(moved(run)));
    wrong.rows.unchanged += 1;
    refused(state.commit_extraction(run, &wrong));
    let mut twice = extraction(100, Some(moved(run)));
    twice.segments.push(segment(SegmentKind::Calls, 0));
    refused(state.commit_extraction(run, &twice));
    assert_eq!(state.run(run).unwrap().unwrap().state, RunState::Extracting);
    assert_eq!(state.sync("users").unwrap(), SyncState::default());
    assert_eq!(state.segments(run).unwrap(), []);
    state.commit_extraction(run, &extraction(100, Some(moved(run)))).unwrap();
}

fn nothing_to_deliver(state: &dyn State) {
    let run = delivering(state, "users", 0);
    let record = state.run(run).unwrap().unwrap();
    assert_eq!((record.state, record.ended_at), (RunState::Succeeded, Some(at(60))));
    assert_eq!(state.sync("users").unwrap().run, Some(run));
    let deliveries = state.deliveries(run).unwrap();
    assert_eq!(deliveries.len(), 2);
    assert!(deliveries.iter().all(|d| d.state == DeliveryState::Succeeded && d.counts.closed()));
    assert_eq!(state.unfinished("users").unwrap(), None);
}

fn no_move(state: &dyn State) {
    let first = delivering(state, "users", 1);
    let run = state.create_run(&new_run("users")).unwrap().id;
    state.begin_extraction(run, at(2), "0").unwrap();
    state.commit_extraction(run, &extraction(5, None)).unwrap();
    assert_eq!(state.sync("users").unwrap(), moved(first));
}

fn settling(state: &dyn State) {
    let run = delivering(state, "users", 100);
    let mut record = state.deliveries(run).unwrap().remove(1);
    let mut dead = progress(&mut record, 10);
    state.settle(run, &record, &dead, at(90)).unwrap();
    dead.extend(progress(&mut record, 20));
    record.settled.insert(50, 60);
    record.counts.filtered += 10;
    record.counts.pending -= 10;
    record.state = DeliveryState::Stopped;
    record.reason = Some((Code::DestinationAuthFailed, "401".into()));
    state.settle(run, &record, &dead[1..], at(90)).unwrap();

    let deliveries = state.deliveries(run).unwrap();
    assert_eq!(deliveries[1], record);
    assert_eq!(deliveries[0].counts.pending, 100, "the other delivery is as it was");
    assert_eq!(state.dead_letters(run, "audit", 0, u64::MAX).unwrap(), dead);
    assert_eq!(state.dead_letters(run, "audit", 1, 5).unwrap(), dead[1..]);
    assert_eq!(state.dead_letters(run, "audit", 0, 1).unwrap(), dead[..1]);
    assert_eq!(state.dead_letters(run, "journeys", 0, 10).unwrap(), []);

    (record.state, record.reason) = (DeliveryState::Delivering, None);
    state.settle(run, &record, &[], at(90)).unwrap();
    assert_eq!(state.deliveries(run).unwrap()[1], record);
}

fn settling_twice(state: &dyn State) {
    let run = delivering(state, "users", 100);
    let mut record = state.deliveries(run).unwrap().remove(0);
    let dead = progress(&mut record, 10);
    state.settle(run, &record, &dead, at(90)).unwrap();
    state.settle(run, &record, &dead, at(90)).unwrap();
    assert_eq!(state.dead_letters(run, "journeys", 0, 10).unwrap(), dead);
}

fn wrong_progress(state: &dyn State) {
    let run = delivering(state, "users", 100);
    let before = state.deliveries(run).unwrap();
    let mut record = before[0].clone();
    record.counts.delivered += 1;
    refused(state.settle(run, &record, &[dead_letter(1)], at(90)));
    record.counts.pending -= 1;
    record.destination = "nowhere".into();
    refused(state.settle(run, &record, &[dead_letter(1)], at(90)));
    assert_eq!(state.deliveries(run).unwrap(), before);
    assert_eq!(state.dead_letters(run, "journeys", 0, 10).unwrap(), []);
}

fn unfinished(state: &dyn State) {
    let first = delivering(state, "users", 5);
    let second = state.create_run(&new_run("users")).unwrap().id;
    state.create_run(&new_run("events")).unwrap();
    let oldest = || state.unfinished("users").unwrap().map(|r| r.id);
    assert_eq!(oldest(), Some(first));
    state.end_run(first, RunState::Succeeded, at(99), None, None).unwrap();
    assert_eq!(oldest(), Some(second));
    state.end_run(second, RunState::Failed, at(99), None, None).unwrap();
    assert_eq!(oldest(), None);
}

fn ended(state: &dyn State) {
    let run = state.create_run(&new_run("users")).unwrap().id;
    let reason = Some((Code::ConnectionBroken, "the connection broke".to_owned()));
    state.end_run(run, RunState::Failed, at(99), reason.clone(), None).unwrap();
    let record = state.run(run).unwrap().unwrap();
    assert_eq!((record.state, record.ended_at), (RunState::Failed, Some(at(99))));
    assert_eq!(record.reason, reason);
    refused(state.end_run(run, RunState::Succeeded, at(100), None, None));
    refused(state.begin_extraction(run, at(2), "0"));
    assert_eq!(state.run(run).unwrap(), Some(record));
}

fn held(state: &dyn State) {
    let before = SyncState { clock_us: Some(7), ..SyncState::default() };
    let first = state.create_run(&new_run("users")).unwrap().id;
    state.begin_extraction(first, at(2), "0").unwrap();
    state.commit_extraction(first, &extraction(0, Some(before.clone()))).unwrap();
    let run = crate::made::held(state, "users", 5);
    let record = state.unfinished("users").unwrap().unwrap();
    assert_eq!((record.id, record.state, record.ended_at), (run, RunState::AwaitingApproval, None));
    assert_eq!(
        (record.reason, record.next_last_sync_time),
        (Some((Code::TooManyRows, "too many".into())), None)
    );
    assert_eq!(state.sync("users").unwrap(), before);
    assert_eq!(state.segments(run).unwrap(), extraction(5, None).segments);
    assert!(state.deliveries(run).unwrap().iter().all(|d| d.counts.pending == 5));
    assert_eq!(state.conclude(run, at(99)).unwrap(), None);
    refused(state.end_run(run, RunState::AwaitingApproval, at(99), None, None));
}

fn releasing(state: &dyn State) {
    let (run, empty) = (crate::made::held(state, "users", 5), crate::made::held(state, "events", 0));
    assert_eq!(state.approve(run, at(99)).unwrap(), RunState::Delivering);
    let record = state.run(run).unwrap().unwrap();
    assert_eq!((record.state, record.ended_at, record.reason), (RunState::Delivering, None, None));
    assert_eq!(record.next_last_sync_time, extraction(5, None).next_last_sync_time);
    assert_eq!(state.sync("users").unwrap(), moved(run));
    assert_eq!(state.approve(empty, at(99)).unwrap(), RunState::Succeeded);
    assert_eq!(state.run(empty).unwrap().unwrap().ended_at, Some(at(99)));
    for run in [run, empty, RunId(99)] {
        refused(state.approve(run, at(100)));
        refused(state.reject(run, at(100), true));
    }
    assert_eq!(state.sync("users").unwrap(), moved(run));
}

fn discarding(state: &dyn State) {
    for skip_window in [false, true] {
        let run = crate::made::held(state, "users", 5);
        state.reject(run, at(99), skip_window).unwrap();
        let record = state.run(run).unwrap().unwrap();
        assert_eq!((record.state, record.ended_at), (RunState::Rejected, Some(at(99))));
        assert_eq!(
            record.reason,
            Some((Code::TooManyRows, "too many".into())),
            "it still says why it was held"
        );
        let next = extraction(5, None).next_last_sync_time.filter(|_| skip_window);
        assert_eq!(record.next_last_sync_time, next);
        for delivery in state.deliveries(run).unwrap() {
            let counts = DeliveryCounts { calls: 5, discarded: 5, ..DeliveryCounts::default() };
            assert_eq!(delivery.counts, counts);
        }
        assert_eq!(state.segments(run).unwrap(), []);
        // With the window, but without a run to be compared with: nobody got these calls.
        let skipped = SyncState { run: None, fingerprint: None, ..moved(run) };
        let expected = if skip_window { skipped } else { SyncState::default() };
        assert_eq!(state.sync("users").unwrap(), expected);
        refused(state.approve(run, at(100)));
    }
    assert_eq!(state.unfinished("users").unwrap(), None);
}

fn past(state: &dyn State) {
    let first = delivering(state, "users", 5);
    crate::made::held(state, "users", 5);
    state.create_run(&new_run("users")).unwrap();
    delivering(state, "events", 5);
    let last = delivering(state, "users", 7);
    state.end_run(last, RunState::Partial, at(99), None, None).unwrap();
    let past = state.past_runs("users", 9).unwrap();
    assert_eq!(past.iter().map(|p| p.record.id).collect::<Vec<_>>(), [last, first]);
    assert_eq!((past[0].record.rows.calls, &past[0].columns), (7, &extraction(7, None).columns));
    assert_eq!(state.past_runs("users", 1).unwrap().len(), 1);
}

fn usage(state: &dyn State) {
    let (run, other) = (delivering(state, "users", 100), delivering(state, "events", 100));
    let day = |text: &str| text.parse::<outflow_core::Date>().unwrap();
    let mut record = state.deliveries(run).unwrap().remove(0);
    // at(0) is 2026-09-21T14:13:20Z.
    for (calls, second) in [(10, 0), (20, 60), (5, 86_400)] {
        let dead = progress(&mut record, calls);
        state.settle(run, &record, &dead, at(second)).unwrap();
        state.settle(run, &record, &dead, at(second)).unwrap();
    }
    let mut record = state.deliveries(other).unwrap().remove(1);
    (record.counts.filtered, record.counts.pending) = (100, 0);
    state.settle(other, &record, &[], at(0)).unwrap();
    let used = state.usage(day("2026-09-01"), day("2026-09-30")).unwrap();
    let told: Vec<_> = used.iter().map(|u| (u.day, u.delivered, u.dead_letters)).collect();
    assert_eq!(told, [(day("2026-09-21"), 28, 2), (day("2026-09-22"), 4, 1)], "only what was sent, and once");
    assert!(used.iter().all(|u| u.sync == "users" && u.destination == "journeys"), "{used:?}");
    assert_eq!(state.usage(day("2026-09-22"), day("2026-09-22")).unwrap(), used[1..]);
    assert_eq!(state.usage(day("2026-09-23"), day("2026-09-30")).unwrap(), []);
}

fn lost(state: &dyn State) {
    let run = delivering(state, "users", 5);
    let before = SyncState { clock_us: Some(5), ..SyncState::default() };
    let reason = Some((Code::RunLost, "a segment is missing".to_owned()));
    state.end_run(run, RunState::Lost, at(99), reason, Some(&before)).unwrap();
    assert_eq!(state.sync("users").unwrap(), before);
    assert_eq!(state.compared_runs().unwrap(), []);
}

fn listing(state: &dyn State) {
    for i in 0..6 {
        state.create_run(&new_run(if i % 2 == 0 { "users" } else { "events" })).unwrap();
    }
    let list = |sync: Option<&str>, limit| -> Vec<u64> {
        let runs = state.runs(&RunFilter { sync: sync.map(Into::into), limit }).unwrap();
        runs.iter().map(|r| r.id.0).collect()
    };
    assert_eq!(list(None, 0), [6, 5, 4, 3, 2, 1]);
    assert_eq!(list(None, 2), [6, 5]);
    assert_eq!(list(Some("users"), 0), [5, 3, 1]);
    assert_eq!(list(Some("users"), 1), [5]);
    assert_eq!(list(Some("groups"), 0), [0; 0]);
}

fn old_segments(state: &dyn State) {
    let runs = [0; 3].map(|_| delivering(state, "users", 5));
    state.end_run(runs[0], RunState::Succeeded, at(100), None, None).unwrap();
    state.end_run(runs[1], RunState::Partial, at(200), None, None).unwrap();
    assert_eq!(state.runs_with_old_segments(at(100)).unwrap(), []);
    assert_eq!(state.runs_with_old_segments(at(101)).unwrap(), [runs[0]]);
    assert_eq!(state.runs_with_old_segments(at(9999)).unwrap(), runs[..2]);
    state.forget_segments(runs[0]).unwrap();
    assert_eq!(state.segments(runs[0]).unwrap(), []);
    assert_eq!(state.runs_with_old_segments(at(9999)).unwrap(), [runs[1]]);
    assert_eq!(state.findings(runs[0]).unwrap().len(), 2, "findings stay");
}

fn forgetting(state: &dyn State) {
    let runs = [0; 3].map(|_| delivering(state, "users", 100));
    with_letters(state, runs[0], 2);
    let skip =
        state.skip_run(&new_run("users"), Some(runs[0]), &(Code::RunInProgress, String::new())).unwrap().id;
    for run in runs {
        state.end_run(run, RunState::Partial, at(100), None, None).unwrap();
    }
    let ended = |before, after, limit| -> Vec<RunId> {
        state.ended_runs(at(before), after, limit).unwrap().iter().map(|r| r.id).collect()
    };
    assert_eq!(ended(999, RunId(0), 9), [skip], "the others have segments");
    runs.iter().for_each(|run| state.forget_segments(*run).unwrap());
    assert_eq!(ended(100, RunId(0), 9), [skip], "not before their time");
    assert_eq!(ended(999, RunId(0), 2), [runs[0], runs[1]]);
    assert_eq!(ended(999, runs[1], 9), [runs[2], skip]);

    let open = delivering(state, "users", 1);
    refused(state.forget_runs(&[runs[0], open]));
    assert_eq!(state.deliveries(runs[0]).unwrap().len(), 2, "all of them, or none");
    let used = state.usage(Date::MIN, Date::MAX).unwrap();
    state.forget_runs(&runs[..2]).unwrap();
    assert_eq!(ended(999, RunId(0), 9), [runs[2], skip]);
    assert_eq!(state.run(runs[0]).unwrap(), None);
    assert!(state.deliveries(runs[0]).unwrap().is_empty() && state.findings(runs[0]).unwrap().is_empty());
    assert!(state.dead_letters(runs[0], "journeys", 0, 9).unwrap().is_empty());
    assert_eq!(state.run(skip).unwrap().unwrap().skipped_by, None);
    assert_eq!(state.usage(Date::MIN, Date::MAX).unwrap(), used);
    refused(state.forget_runs(&runs[..1]));
}

fn compared(state: &dyn State) {
    delivering(state, "users", 5);
    let users = delivering(state, "users", 5);
    let events = delivering(state, "events", 5);
    assert_eq!(state.compared_runs().unwrap(), [users, events]);
}

fn wrong_steps(state: &dyn State) {
    let none = RunId(77);
    refused(state.begin_extraction(none, at(2), "0"));
    refused(state.commit_extraction(none, &extraction(5, None)));
    refused(state.end_run(none, RunState::Failed, at(2), None, None));
    let queued = state.create_run(&new_run("users")).unwrap().id;
    refused(state.commit_extraction(queued, &extraction(5, None)));
    refused(state.end_run(queued, RunState::Delivering, at(2), None, None));
    let run = delivering(state, "events", 5);
    refused(state.begin_extraction(run, at(2), "0"));
    refused(state.commit_extraction(run, &extraction(5, None)));
}

fn large_numbers(state: &dyn State) {
    let run = delivering(state, "users", 5_000_000_000);
    let mut record = state.deliveries(run).unwrap().remove(0);
    record.counts.bytes = u64::MAX;
    record.settled.insert(4_000_000_000, 4_999_999_999);
    state.settle(run, &record, &[dead_letter(4_999_999_999)], at(90)).unwrap();
    assert_eq!(state.deliveries(run).unwrap()[0], record);
    assert_eq!(state.dead_letters(run, "journeys", 0, 9).unwrap(), [dead_letter(4_999_999_999)]);
}

fn scheduled(sync: &str, due: i64) -> outflow_core::ports::state::NewRun {
    outflow_core::ports::state::NewRun {
        trigger: outflow_core::run::Trigger::Schedule,
        due_at: at(due),
        ..new_run(sync)
    }
}

fn slots(state: &dyn State) {
    assert_eq!(state.fired("users").unwrap(), None);
    let by_hand = outflow_core::ports::state::NewRun {
        trigger: outflow_core::run::Trigger::Manual,
        ..new_run("users")
    };
    state.create_run(&by_hand).unwrap();
    assert_eq!(state.fired("users").unwrap(), None, "a run by hand fires no slot");
    state.create_run(&scheduled("users", 120)).unwrap();
    assert_eq!(state.fired("users").unwrap(), Some(at(120)));
    state.set_fired("users", at(180)).unwrap();
    assert_eq!((state.fired("users").unwrap(), state.fired("events").unwrap()), (Some(at(180)), None));
}

fn skipping(state: &dyn State) {
    let first = delivering(state, "users", 5);
    let reason = (Code::RunInProgress, "run 1 is still delivering".to_owned());
    let skipped = state.skip_run(&scheduled("users", 120), Some(first), &reason).unwrap();
    assert_eq!((skipped.state, skipped.skipped_by), (RunState::Skipped, Some(first)));
    assert_eq!((skipped.ended_at, skipped.reason.as_ref()), (Some(skipped.started_at), Some(&reason)));
    assert_eq!(state.fired("users").unwrap(), Some(at(120)));
    assert_eq!(state.unfinished("users").unwrap().unwrap().id, first);
    assert_eq!(state.run(skipped.id).unwrap(), Some(skipped));
}

fn concluding(state: &dyn State) {
    let run = delivering(state, "users", 100);
    assert_eq!(state.conclude(run, at(70)).unwrap(), None);
    for (place, end) in [(0, DeliveryState::Succeeded), (1, DeliveryState::Partial)] {
        let mut record = state.deliveries(run).unwrap().remove(place);
        (record.counts.delivered, record.counts.pending, record.state) = (100, 0, end);
        state.settle(run, &record, &[], at(90)).unwrap();
        let concluded = state.conclude(run, at(80)).unwrap();
        assert_eq!(concluded, (place == 1).then_some(RunState::Partial));
    }
    let record = state.run(run).unwrap().unwrap();
    assert_eq!((record.state, record.ended_at), (RunState::Partial, Some(at(80))));
    assert_eq!(state.conclude(run, at(90)).unwrap(), None, "a run ends once");
}

fn unfinished_everywhere(state: &dyn State) {
    let first = delivering(state, "users", 5);
    let second = state.create_run(&new_run("events")).unwrap().id;
    state.skip_run(&scheduled("users", 1), Some(first), &(Code::RunInProgress, String::new())).unwrap();
    let third = state.create_run(&new_run("users")).unwrap().id;
    state.end_run(second, RunState::Failed, at(99), None, None).unwrap();
    let ids: Vec<_> = state.unfinished_runs().unwrap().iter().map(|r| r.id).collect();
    assert_eq!(ids, [first, third]);
}

fn skipped(state: &dyn State) {
    let mut new = new_run("users");
    new.pinned.skipped = vec!["audit".into()];
    let run = state.create_run(&new).unwrap().id;
    state.begin_extraction(run, at(2), "0").unwrap();
    state.commit_extraction(run, &extraction(100, Some(moved(run)))).unwrap();
    assert_eq!(state.run(run).unwrap().unwrap().pinned, new.pinned);
    let [journeys, audit]: [_; 2] = state.deliveries(run).unwrap().try_into().unwrap();
    assert_eq!((journeys.state, journeys.counts.pending), (DeliveryState::Delivering, 100));
    assert_eq!((audit.state, audit.counts.calls), (DeliveryState::Succeeded, 100));
    assert_eq!((audit.counts.cancelled, audit.counts.pending, audit.settled.count()), (100, 0, 0));
    assert_eq!((journeys.reason, audit.reason.unwrap().0), (None, Code::DestinationSkipped));
}

/// Settles calls at `journeys`, every other one as a dead letter: positions 1, 3, 5, …
fn with_letters(state: &dyn State, run: RunId, letters: u64) {
    for _ in 0..letters {
        let mut delivery = state.deliveries(run).unwrap()[0].clone();
        let dead = progress(&mut delivery, 2);
        state.settle(run, &delivery, &dead, at(70)).unwrap();
    }
}

fn replaying(state: &dyn State) {
    let old = delivering(state, "users", 100);
    with_letters(state, old, 3);
    let ordinary = new_run("users");
    let replay = Replay { run: old, again: ReplayMode::AsSent, code: Some(Code::CallRefused), force: true };
    let options = RunOptions { only: Some("journeys".into()), replay: Some(replay), ..RunOptions::default() };
    let pinned = RunSpec { options, ..ordinary.pinned.clone() };
    let new = state.create_run(&NewRun { trigger: Trigger::Replay, pinned, ..ordinary }).unwrap();
    assert_eq!((new.replays, new.replayed_by.len(), new.trigger), (Some(old), 0, Trigger::Replay));
    assert_eq!(state.run(old).unwrap().unwrap().replayed_by, [new.id]);
    let marks = || -> Vec<Option<RunId>> {
        state.dead_letters(old, "journeys", 0, 10).unwrap().iter().map(|l| l.replayed_by).collect()
    };
    state.begin_extraction(new.id, at(3), "0").unwrap();
    assert_eq!(marks(), [None; 3], "until the replay is committed");
    let replayed = Replayed { run: old, destination: "journeys".into(), positions: vec![1, 5] };
    let commit = outflow_core::ports::state::Extraction { replayed: Some(replayed), ..extraction(2, None) };
    state.commit_extraction(new.id, &commit).unwrap();
    assert_eq!(marks(), [Some(new.id), None, Some(new.id)]);
    assert_eq!(
        state.run(new.id).unwrap().unwrap().pinned.options.replay.unwrap().code,
        Some(Code::CallRefused)
    );
}

fn purging(state: &dyn State) {
    let (run, other) = (delivering(state, "users", 100), delivering(state, "users", 100));
    for run in [run, other] {
        with_letters(state, run, 2);
    }
    let others = (state.segments(other).unwrap(), state.findings(other).unwrap());
    let segments = state.segments(run).unwrap();
    let mut new = segments[0].clone();
    (new.number, new.bytes) = (9, 700);
    let mut delivery = state.deliveries(run).unwrap()[0].clone();
    delivery.counts.pending -= 1;
    delivery.counts.cancelled += 1;
    let mut findings = state.findings(run).unwrap();
    findings[0].samples.clear();
    let purge = Purge {
        segments: vec![(segments[0].clone(), new.clone())],
        deliveries: vec![delivery.clone()],
        letters: vec![("journeys".into(), 3)],
        findings: Some(findings.clone()),
    };
    state.purge(run, &purge).unwrap();
    state.scrub().unwrap();
    let named = state.segments(run).unwrap();
    assert!(named.contains(&new) && !named.contains(&segments[0]) && named.len() == segments.len());
    assert_eq!(state.run(run).unwrap().unwrap().spool_bytes, named.iter().map(|s| s.bytes).sum::<u64>());
    assert_eq!((&state.deliveries(run).unwrap()[0], state.findings(run).unwrap()), (&delivery, findings));
    let letters = state.dead_letters(run, "journeys", 0, 10).unwrap();
    assert_eq!(letters[0], dead_letter(1));
    assert_eq!((letters[1].position, letters[1].message_id.as_str()), (3, ""));
    assert_eq!((letters[1].code, letters[1].status), (dead_letter(3).code, dead_letter(3).status));
    assert!(letters[1].reason.contains("purge"));
    assert_eq!((state.segments(other).unwrap(), state.findings(other).unwrap()), others);
    assert_eq!(state.dead_letters(other, "journeys", 0, 10).unwrap()[1], dead_letter(3));
}
