//! Replays, catching up and purges: what is sent again, what never is, and that every run's numbers
//! add up afterwards.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use outflow_core::ports::state::{RunFilter, SyncState};
use outflow_core::run::{ReplayMode, RunOptions, RunTrigger};
use outflow_core::{
    Answer, CallType, Code, ColumnType, Connection, DeliveryState, NextStep, Nulls, RunId, RunState, SyncSpec,
};
use outflow_engine::operations::replay::ReplayRequest;
use outflow_engine::{Errors, Event, Note, Observer, RunDocument, RunRequest};
use serde_json::Value;

use crate::parts::{House, Scripted, Table, codes, refusal, request, stop, users_to};
use crate::served::SetClock;

/// Refuses the calls of these users until it is fixed.
fn strict(name: &str, bad: &'static [&'static str]) -> (Arc<Scripted>, Arc<AtomicBool>) {
    let mended = Arc::new(AtomicBool::new(false));
    let flag = mended.clone();
    let scripted = Scripted::new(name, move |_, calls| {
        let is_bad = |(i, call): (usize, &Value)| {
            bad.contains(&call["userId"].as_str().unwrap())
                .then(|| (i, refusal(Code::CallRefused, Some(400))))
        };
        match flag.load(Ordering::SeqCst) {
            true => Answer::Delivered,
            false => Answer::Partial(calls.iter().enumerate().filter_map(is_bad).collect()),
        }
    });
    (scripted, mended)
}

/// A track sync of the same table.
fn events_to(destinations: &[&str], table: &mut Table) -> SyncSpec {
    table.columns = vec![("userid", ColumnType::Int), ("event", ColumnType::Text)];
    let query = "SELECT id AS userId, event FROM events WHERE at >= {{last_sync_time}}".into();
    SyncSpec { call_type: CallType::Track, query, ..users_to(destinations) }
}

fn ask(run: RunId) -> ReplayRequest {
    ReplayRequest { run, destination: None, code: None, mode: None, force: false }
}

async fn plan(house: &House, ask: ReplayRequest) -> outflow_core::Result<Vec<RunOptions>> {
    house.engine.reader().plan_replay(&ask).await
}

async fn replay(
    house: &House,
    spec: &SyncSpec,
    table: &Table,
    options: RunOptions,
) -> Result<RunDocument, Errors> {
    let request = RunRequest { trigger: RunTrigger::Replay, ..request(options) };
    let document = house.engine.run_beside(spec, table, &request).await?;
    all_verified(house).await;
    Ok(document)
}

/// Where the next incremental run begins.
async fn start_of(house: &House) -> (Option<i64>, Option<String>) {
    start_from(&house.state().sync("users").await.unwrap())
}

fn start_from(state: &SyncState) -> (Option<i64>, Option<String>) {
    let cursor = state.cursor.as_ref().map(|cursor| cursor.value.clone());
    (state.watermark.as_ref().map(|watermark| watermark.clock_us), cursor)
}

async fn all_verified(house: &House) {
    for run in house.state().runs(&RunFilter::default()).await.unwrap() {
        let found = house.engine.reader().verify(run.id).await.unwrap();
        assert!(found.differences.is_empty(), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_events_are_sent_again_as_they_were_once_and_nothing_else_is() {
    let (a, mended) = strict("a", &["3", "17"]);
    let (b, _) = strict("b", &[]);
    let (mut table, house) = (Table::users(1..=30), House::new(&[&a, &b]));
    let spec = events_to(&["a", "b"], &mut table);
    let old = house.run(&spec, &table).await.unwrap();
    let before = house.state().sync("users").await.unwrap();
    let asked = table.statements.lock().unwrap().len();
    let refused = house.state().dead_letters(old.run, "a", 0, 10).await.unwrap();
    mended.store(true, Ordering::SeqCst);

    let options = plan(&house, ask(old.run)).await.unwrap();
    assert_eq!(options.len(), 1, "b has nothing to be replayed");
    table.set([]);
    let new = replay(&house, &spec, &table, options[0].clone()).await.unwrap();
    assert_eq!((new.state, new.rows.calls, new.replays), (RunState::Succeeded, 2, Some(old.run)));
    assert_eq!(
        new.destinations.iter().map(|(n, d)| (n.as_str(), d.counts.delivered)).collect::<Vec<_>>(),
        [("a", 2)]
    );
    assert_eq!(table.statements.lock().unwrap().len(), asked, "nothing was queried");
    let taken = a.taken.lock().unwrap().clone();
    let ids: HashSet<&str> = taken.iter().map(|call| call["messageId"].as_str().unwrap()).collect();
    assert_eq!((taken.len(), ids.len(), b.users().len()), (30, 30, 30));
    assert!(refused.iter().all(|letter| ids.contains(letter.message_id.as_str())));

    assert_eq!(house.state().run(old.run).await.unwrap().unwrap().replayed_by, [new.run]);
    let marked = house.state().dead_letters(old.run, "a", 0, 10).await.unwrap();
    assert!(marked.iter().all(|letter| letter.replayed_by == Some(new.run)));
    assert_eq!(house.state().sync("users").await.unwrap(), before, "last_sync_time stays");
    assert_eq!(plan(&house, ask(old.run)).await.unwrap(), [], "not by accident a second time");
    let forced = plan(&house, ReplayRequest { force: true, ..ask(old.run) }).await.unwrap();
    assert_eq!(replay(&house, &spec, &table, forced[0].clone()).await.unwrap().rows.calls, 2);
    let other = ReplayRequest { code: Some(Code::CallTooLargeForDestination), force: true, ..ask(old.run) };
    assert_eq!(plan(&house, other).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_refused_again_leaves_dead_letters_of_its_own() {
    let (a, mended) = strict("a", &["3"]);
    let (mut table, house) = (Table::users(1..=5), House::new(&[&a]));
    let spec = events_to(&["a"], &mut table);
    let old = house.run(&spec, &table).await.unwrap();
    let again = plan(&house, ask(old.run)).await.unwrap().remove(0);
    let second = replay(&house, &spec, &table, again).await.unwrap();
    assert_eq!((second.state, second.destinations[0].1.counts.dead_letters), (RunState::Partial, 1));
    mended.store(true, Ordering::SeqCst);
    let again = plan(&house, ask(second.run)).await.unwrap().remove(0);
    let third = replay(&house, &spec, &table, again).await.unwrap();
    assert_eq!((third.state, third.replays), (RunState::Succeeded, Some(second.run)));
    assert_eq!(a.users()["3"], 1);
    let letter = async |run| house.state().dead_letters(run, "a", 0, 1).await.unwrap().remove(0);
    assert_eq!(letter(old.run).await.message_id, letter(second.run).await.message_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_people_are_read_again_and_those_that_are_gone_are_told() {
    let (a, mended) = strict("a", &["3", "17"]);
    let (table, spec, house) = (Table::users(1..=30), users_to(&["a"]), House::new(&[&a]));
    let old = house.run(&spec, &table).await.unwrap();
    let before = house.state().sync("users").await.unwrap();
    mended.store(true, Ordering::SeqCst);

    let as_sent = ReplayRequest { mode: Some(ReplayMode::AsSent), ..ask(old.run) };
    assert_eq!(plan(&house, as_sent.clone()).await.unwrap_err().code(), Code::ConflictingOptions);
    assert_eq!(plan(&house, ReplayRequest { force: true, ..as_sent }).await.unwrap().len(), 1);

    // 17 is gone by now, 3 has another plan, and there is someone new.
    table.set([1, 2, 3, 99].map(|id| (Some(id.to_string()), "newer")).into_iter().chain([(None, "nobody")]));
    let options = plan(&house, ask(old.run)).await.unwrap().remove(0);
    let new = replay(&house, &spec, &table, options).await.unwrap();
    assert_eq!((new.rows.read, new.rows.calls, new.rows.rejected), (1, 1, 0));
    assert_eq!(new.last_sync_time, old.last_sync_time);
    let sent = a.taken.lock().unwrap().last().unwrap().clone();
    assert_eq!((&sent["userId"], &sent["traits"]["plan"]), (&"3".into(), &"newer".into()));
    let letters = house.state().dead_letters(old.run, "a", 0, 10).await.unwrap();
    assert!(letters.iter().all(|l| Some(l.message_id.as_str()) != sent["messageId"].as_str()));
    assert_eq!(letters.iter().map(|l| l.replayed_by).collect::<Vec<_>>(), [Some(new.run), None]);
    let gone = house.engine.reader().not_given(new.run).await.unwrap();
    assert_eq!(gone, ["17"]);
    assert_eq!(start_of(&house).await, start_from(&before));
    let next = house.run(&spec, &table).await.unwrap();
    assert_eq!(next.rows.unchanged, 0, "the next run is compared with the ordinary one, not with the replay");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_not_read_again_while_older_calls_of_theirs_are_pending() {
    let closed = Arc::new(AtomicBool::new(false));
    let flag = closed.clone();
    let a = Scripted::new("a", move |_, calls| match flag.load(Ordering::SeqCst) {
        true => stop(Code::DestinationAuthFailed),
        false if calls.iter().any(|c| c["userId"] == "3") => {
            Answer::Refused(refusal(Code::CallRefused, Some(400)))
        }
        false => Answer::Delivered,
    });
    let (table, spec, house) = (Table::users(1..=5), users_to(&["a"]), House::new(&[&a]));
    let old = house.run(&spec, &table).await.unwrap();
    closed.store(true, Ordering::SeqCst);
    table.set((1..=5).map(|id| (Some(id.to_string()), "later")));
    house.run(&spec, &table).await.unwrap();
    let options = plan(&house, ask(old.run)).await.unwrap().remove(0);
    let error = replay(&house, &spec, &table, options).await.unwrap_err();
    assert_eq!(codes(&error), [Code::RunInProgress]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_run_goes_to_a_new_destination_under_the_same_ids() {
    let (a, _) = strict("a", &["3"]);
    let new = Scripted::new("new", |_, _| Answer::Delivered);
    let (table, spec, house) = (Table::users(1..=300), users_to(&["a"]), House::new(&[&a, &new]));
    house.run(&spec, &table).await.unwrap();
    table.set((290..=310).map(|id| (Some(id.to_string()), "pro")));
    let old = house.run(&spec, &table).await.unwrap();
    assert_eq!((old.rows.calls, old.rows.unchanged), (10, 11));
    let all = ReplayRequest { mode: Some(ReplayMode::All), destination: Some("new".into()), ..ask(old.run) };
    let options = plan(&house, all.clone()).await.unwrap().remove(0);
    let run = replay(&house, &spec, &table, options).await.unwrap();
    assert_eq!((run.rows.calls, run.destinations[0].1.counts.delivered), (10, 10));
    let ids = |d: &Scripted| -> HashSet<String> {
        d.taken.lock().unwrap().iter().map(|c| c["messageId"].as_str().unwrap().to_owned()).collect()
    };
    assert!(ids(&new).len() == 10 && ids(&new).is_subset(&ids(&a)));
    assert_eq!(plan(&house, all.clone()).await.unwrap_err().code(), Code::ConflictingOptions, "it has them");
    let to_a = ReplayRequest { destination: Some("a".into()), ..all.clone() };
    assert_eq!(plan(&house, to_a).await.unwrap_err().code(), Code::ConflictingOptions);
    let nowhere = ReplayRequest { destination: None, ..all };
    assert_eq!(plan(&house, nowhere).await.unwrap_err().code(), Code::ConflictingOptions);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_older_state_was_sent_by_force_the_next_run_sends_the_present_one_again() {
    let (a, mended) = strict("a", &["3"]);
    let (table, house, spec) = (Table::users(1..=5), House::new(&[&a]), users_to(&["a"]));
    let old = house.run(&spec, &table).await.unwrap();
    mended.store(true, Ordering::SeqCst);
    table.set((1..=5).map(|id| (Some(id.to_string()), if id == 3 { "free" } else { "pro" })));
    assert_eq!(house.run(&spec, &table).await.unwrap().rows.calls, 1);
    let by_force = ReplayRequest { mode: Some(ReplayMode::AsSent), force: true, ..ask(old.run) };
    let before = start_of(&house).await;
    replay(&house, &spec, &table, plan(&house, by_force).await.unwrap().remove(0)).await.unwrap();
    assert_eq!(start_of(&house).await, before, "a replay moves nothing");
    house.run(&spec, &table).await.unwrap();
    let taken = a.taken.lock().unwrap();
    let plans: Vec<&str> = taken
        .iter()
        .filter(|call| call["userId"] == "3")
        .map(|call| call["traits"]["plan"].as_str().unwrap())
        .collect();
    assert_eq!(plans, ["free", "pro", "free"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_no_longer_kept_cannot_be_replayed_and_the_error_says_which_are() {
    let (a, _) = strict("a", &["3"]);
    let (mut table, house) = (Table::users(1..=5), House::new(&[&a]));
    let spec = events_to(&["a"], &mut table);
    let old = house.run(&spec, &table).await.unwrap();
    house.engine.sweep(std::time::Duration::ZERO).await.unwrap();
    table.set([(Some("8".to_owned()), "pro")]);
    let kept = house.run(&spec, &table).await.unwrap();
    let error = plan(&house, ask(old.run)).await.unwrap_err();
    assert_eq!(error.code(), Code::SegmentMissing);
    assert!(
        error.help_text().unwrap().contains(&format!("these runs are kept: {}", kept.run)),
        "{:?}",
        error.help_text()
    );
    let unknown = ReplayRequest { destination: Some("b".into()), ..ask(old.run) };
    assert_eq!(plan(&house, unknown).await.unwrap_err().code(), Code::NoSuchSyncOrRun);
    assert_eq!(plan(&house, ask(RunId(99))).await.unwrap_err().code(), Code::NoSuchSyncOrRun);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_is_interrupted_before_its_commit_is_made_again_under_its_number() {
    let (a, mended) = strict("a", &["3"]);
    let (mut table, house) = (Table::users(1..=5), House::new(&[&a]));
    let spec = events_to(&["a"], &mut table);
    let old = house.run(&spec, &table).await.unwrap();
    mended.store(true, Ordering::SeqCst);
    let options = plan(&house, ask(old.run)).await.unwrap().remove(0);
    // The run exists, and the process ends.
    let created = {
        let record = house.state().run(old.run).await.unwrap().unwrap();
        let spec = outflow_core::run::RunSpec { options, ..record.spec };
        let (due_at, started_at) = (record.due_at, record.started_at);
        let new = outflow_core::ports::state::NewRun {
            sync: record.sync,
            call_type: record.call_type,
            trigger: RunTrigger::Replay,
            spec,
            due_at,
            started_at,
        };
        house.state().create_run(&new).await.unwrap().id
    };
    let house = house.reopened(&[&a]);
    let run = house.run(&spec, &table).await.unwrap();
    assert_eq!((run.run, run.resumed, run.rows.calls, run.state), (created, true, 1, RunState::Succeeded));
    assert_eq!(a.users()["3"], 1);
}

/// What a run has to say when it begins to read.
async fn note_of(house: &House, spec: &SyncSpec, table: &Table) -> Option<Note> {
    let said = Arc::new(Mutex::new(None));
    let kept = said.clone();
    let progress: Observer = Arc::new(move |event| {
        if let Event::Reading { mut notes, .. } = event {
            *kept.lock().unwrap() = notes.pop();
        }
    });
    house
        .engine
        .run(spec, table, &RunRequest { observer: progress, ..request(RunOptions::default()) })
        .await
        .unwrap();
    said.lock().unwrap().take()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_catches_up_from_the_first_run_that_did_not_reach_it() {
    let (a, new) =
        (Scripted::new("a", |_, _| Answer::Delivered), Scripted::new("new", |_, _| Answer::Delivered));
    let (table, mut house) = (Table::users(1..=10), House::new(&[&a, &new]));
    let clock = SetClock::new(1_000_000, 1_000);
    house.engine.clock = clock.clone();
    let at = |seconds: i64| {
        *table.clock.lock().unwrap() = seconds;
        clock.set(seconds, seconds - 999_000);
    };
    let (both, one) = (users_to(&["a", "new"]), users_to(&["a"]));
    let gap = async |house: &House| house.engine.reader().gap(&both, "new").await.unwrap();
    house.run(&both, &table).await.unwrap();
    assert_eq!((gap(&house).await, note_of(&house, &both, &table).await), (None, None));
    at(1_000_100);
    table.set((1..=20).map(|id| (Some(id.to_string()), "pro")));
    let missed = house.run(&one, &table).await.unwrap();
    at(1_000_200);
    table.set((15..=25).map(|id| (Some(id.to_string()), "pro")));
    house.run(&one, &table).await.unwrap();
    let note = note_of(&house, &both, &table).await.unwrap();
    assert!(note.text.contains("new was away"), "{note:?}");
    assert_eq!(note.next, Some(NextStep::Backfill { destination: "new".into() }));
    assert_eq!(note_of(&house, &both, &table).await, None, "it is said once");
    let start = gap(&house).await.unwrap();
    assert_eq!((Some(&start.start), start.first), (missed.last_sync_time.as_ref(), missed.run));
    assert_eq!(start.start, "999999");
    let before = house.state().sync("users").await.unwrap();
    table.set((1..=25).map(|id| (Some(id.to_string()), "pro")));
    table.set_again([]);
    let options = start.backfill("new");
    let run = house.engine.run_beside(&both, &table, &request(options)).await.unwrap();
    assert_eq!((run.last_sync_time.as_deref(), new.users().len()), (Some("999999"), 25));
    let statements = table.statements.lock().unwrap().clone();
    let [.., from_the_gap, from_the_next_run] = &statements[..] else { panic!("{statements:?}") };
    assert!(from_the_gap.contains("999999") && !from_the_next_run.contains("999999"), "{statements:?}");
    assert_eq!(a.users().len(), 25, "nobody else gets them again");
    assert!(a.users().values().all(|n| *n <= 2));
    assert_eq!(start_of(&house).await, start_from(&before));
    assert_eq!(gap(&house).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_leaves_nothing_of_a_person_and_everything_adds_up() {
    let gate = Arc::new(AtomicBool::new(false));
    let flag = gate.clone();
    let b = Scripted::new("b", move |_, _| match flag.load(Ordering::SeqCst) {
        true => Answer::Delivered,
        false => stop(Code::DestinationAuthFailed),
    });
    let (a, _) = strict("a", &["777000777"]);
    let (mut table, house) = (Table::users([]), House::new(&[&a, &b]));
    table.columns = vec![("userid", ColumnType::Text), ("timestamp", ColumnType::Text)];
    let good = (1..=40).map(|id| (Some(id.to_string()), "2026-01-01"));
    let theirs = [(Some("777000777".to_owned()), "2026-01-02"), (Some("777000777".to_owned()), "no time")];
    table.set(good.chain(theirs).chain([(Some("41".to_owned()), "no time")]));
    let spec = users_to(&["a", "b"]);
    let old = house.run(&spec, &table).await.unwrap();
    assert_eq!((old.rows.rejected, old.destinations[1].1.state), (2, DeliveryState::Stopped));

    let purge = async |house: &House, dry_run| match dry_run {
        true => house.engine.reader().plan_purge("777000777").await.unwrap(),
        false => house.engine.purge("777000777").await.unwrap(),
    };
    let would = purge(&house, true).await;
    assert!(bytes_of(&house).iter().any(|(_, bytes)| holds(bytes)), "a dry run removes nothing");
    let did = purge(&house, false).await;
    assert_eq!((&would.runs, did.runs.len(), did.reading.len()), (&did.runs, 1, 0));
    let of = &did.runs[0];
    assert_eq!((of.calls, of.rejections, of.samples, of.dead_letters, of.cancelled), (1, 1, 1, 1, 1));
    let b_now = house.state().deliveries(old.run).await.unwrap()[1].counts;
    assert_eq!((b_now.cancelled, b_now.pending), (1, 40));
    all_verified(&house).await;
    for (path, bytes) in bytes_of(&house) {
        assert!(!holds(&bytes), "{}", path.display());
    }
    assert_eq!(purge(&house, false).await.runs, [], "a second time there is nothing");

    gate.store(true, Ordering::SeqCst);
    let house = house.reopened(&[&a, &b]);
    let finished = house.run(&spec, &table).await.unwrap();
    let counts = finished.destinations[1].1.counts;
    assert_eq!((finished.run, counts.delivered, counts.cancelled, counts.pending), (old.run, 40, 1, 0));
    assert!(!b.users().contains_key("777000777"));
    assert_eq!(house.state().dead_letters(old.run, "a", 0, 5).await.unwrap()[0].message_id, "");
    let replayed = ReplayRequest { mode: Some(ReplayMode::AsSent), force: true, ..ask(old.run) };
    let options = plan(&house, replayed).await.unwrap().remove(0);
    assert_eq!(
        replay(&house, &spec, &table, options).await.unwrap().rows.calls,
        0,
        "there is no call any more"
    );
}

/// Every file of an installation.
fn bytes_of(house: &House) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![house.dir.path().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => found.push((path.clone(), std::fs::read(path).unwrap())),
            }
        }
    }
    found
}

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(9).any(|w| w == b"777000777")
}

#[tokio::test(flavor = "multi_thread")]
async fn nulls_of_the_connection_stay_what_they_were() {
    let (a, mended) = strict("a", &["3"]);
    let (mut table, house) = (Table::users(1..=5), House::new(&[&a]));
    let mut spec = events_to(&["a"], &mut table);
    spec.connections = vec![Connection { destination: "a".into(), nulls: Nulls::Omit }];
    let old = house.run(&spec, &table).await.unwrap();
    mended.store(true, Ordering::SeqCst);
    let options = plan(&house, ask(old.run)).await.unwrap().remove(0);
    let new = replay(&house, &spec, &table, options).await.unwrap();
    assert_eq!(house.state().run(new.run).await.unwrap().unwrap().spec.connections, spec.connections);
}
