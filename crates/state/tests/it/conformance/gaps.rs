//! Calls that a destination has not got. Checks of the suite.

use outflow_core::ports::state::{
    BaselineRun, Extraction, Gap, GapCause, MissingCalls, NewRun, Replayed, Settlement, State, SyncState,
};
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunTrigger};
use outflow_core::{Code, Connection, DeliveryCounts, RunId, RunState};

use crate::conformance::{refused, with_letters};
use crate::made::{at, delivering, ending, extraction, moved, new_run, progress, started_at};

async fn lose(state: &dyn State, run: RunId) -> Vec<Gap> {
    state.lose_run(run, at(99), &(Code::RunLost, "a segment is missing".into())).await.unwrap()
}

/// A committed run of `users` with other options.
async fn with(state: &dyn State, options: RunOptions, extraction: Extraction) -> RunId {
    let mut new: NewRun = new_run("users");
    if let Some(only) = &options.destination {
        new.spec.connections.retain(|c| c.destination == *only);
    }
    new.spec.options = options;
    let run = state.create_run(&new).await.unwrap().id;
    state.begin_extraction(run, at(2), "17").await.unwrap();
    state.commit_extraction(run, &extraction).await.unwrap();
    run
}

fn backfill(first: RunId) -> RunOptions {
    let kind = RunKind::Backfill { start: "0".into(), first, until: None, query_of: None };
    RunOptions { destination: Some("audit".into()), ..RunOptions::of(kind) }
}

pub async fn opening(state: &dyn State) {
    assert_eq!(state.open_gaps().await.unwrap(), []);
    let first = delivering(state, "users", 5).await;
    let mut record = state.deliveries(first).await.unwrap().remove(0);
    state.settle(&[progress(first, &mut record, 2)]).await.unwrap();
    // It is not the last run: what the sync's next run reads stays as it is.
    let last = delivering(state, "users", 5).await;
    let opened = lose(state, first).await;
    let missing = |destination: &str, calls| MissingCalls {
        sync: "users".into(),
        destination: destination.into(),
        start: Some("0".into()),
        first,
        last: first,
        compared_with: None,
        opened_by: first,
        cause: GapCause::Lost,
        calls,
        opened_at: at(99),
    };
    let found: Vec<_> = opened.iter().map(|gap| gap.missing.clone()).collect();
    assert_eq!(found, [missing("journeys", 3), missing("audit", 5)]);
    assert!(opened.iter().all(Gap::is_open));
    assert_eq!(state.open_gaps().await.unwrap(), opened);
    assert_eq!(state.gaps_of(first).await.unwrap(), opened);
    assert_eq!(state.gaps_of(last).await.unwrap(), []);
    assert_eq!(state.sync("users").await.unwrap(), moved(last));
    let record = state.run(first).await.unwrap().unwrap();
    assert_eq!((record.state, record.ended_at), (RunState::Lost, Some(at(99))));
    assert_eq!(record.reason, Some((Code::RunLost, "a segment is missing".into())));
    let again = state.lose_run(first, at(100), &(Code::RunLost, "again".into())).await;
    refused(again);
    assert_eq!(state.open_gaps().await.unwrap(), opened, "it is lost once");
    // Nothing is missing of a run that was delivered, and what a limit left is unknown.
    let delivered = delivering(state, "users", 5).await;
    for delivery in state.deliveries(delivered).await.unwrap() {
        state.settle(&[ending(delivered, &delivery, outflow_core::DeliveryState::Succeeded)]).await.unwrap();
    }
    assert_eq!(lose(state, delivered).await, []);
    let limited = RunOptions { limit: Some(5), ..RunOptions::default() };
    let limited = with(state, limited, extraction(5, None)).await;
    assert_eq!(lose(state, limited).await, []);
    let full = with(state, RunOptions::of(RunKind::Full), extraction(5, None)).await;
    assert_eq!(lose(state, full).await.len(), 2);
}

pub async fn filling(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    let [journeys, audit]: [Gap; 2] = lose(state, run).await.try_into().unwrap();
    let fills = |gap: &Gap| Extraction { fills: vec![gap.id], ..extraction(5, None) };
    let filled = with(state, backfill(run), fills(&audit)).await;
    let closed = &state.gaps_of(filled).await.unwrap()[0];
    assert_eq!((closed.id, closed.filled_by, closed.closed_at), (audit.id, Some(filled), Some(at(60))));
    assert_eq!(state.open_gaps().await.unwrap(), std::slice::from_ref(&journeys));
    // A closed gap is not filled again.
    with(state, backfill(run), fills(&audit)).await;
    assert_eq!(state.gaps_of(filled).await.unwrap().len(), 1);
    // One that a guard holds fills it when it is approved.
    for (approve, skip) in [(false, false), (true, false), (false, true)] {
        let objections = vec![(Code::TooManyRows, "too many".to_owned())];
        let held = with(state, backfill(run), Extraction { objections, ..fills(&journeys) }).await;
        let waiting = state.open_gaps().await.unwrap().remove(0);
        assert_eq!((waiting.filled_by, waiting.is_open()), (Some(held), false));
        match approve {
            true => drop(state.approve(held, at(70)).await.unwrap()),
            false => state.reject(held, at(70), skip).await.unwrap(),
        }
        match approve || skip {
            true => assert_eq!(state.gaps_of(held).await.unwrap()[0].closed_at, Some(at(70))),
            false => assert_eq!(state.open_gaps().await.unwrap(), std::slice::from_ref(&journeys)),
        }
        if approve {
            // What it was to send is lost as well.
            assert_eq!(lose(state, held).await.len(), 1);
            let gaps = state.open_gaps().await.unwrap();
            assert_eq!((gaps.len(), gaps[0].missing.first), (1, run));
            break;
        }
    }
}

pub async fn leaving_out(state: &dyn State) {
    let leaving_out = || {
        let mut new = new_run("users");
        new.spec.skipped = vec!["audit".into()];
        new
    };
    let begun = async |new: &NewRun| -> RunId {
        let run = state.create_run(new).await.unwrap().id;
        state.begin_extraction(run, at(2), "17").await.unwrap();
        run
    };
    let compared_with = Some(RunId(40));
    let of = |calls| Extraction { compared_with, ..extraction(calls, None) };
    // A run without calls leaves nothing out, nor does one that fails.
    let empty = begun(&leaving_out()).await;
    state.commit_extraction(empty, &of(0)).await.unwrap();
    let failed = begun(&leaving_out()).await;
    state.end_run(failed, RunState::Failed, at(60), None, None).await.unwrap();
    assert_eq!(state.open_gaps().await.unwrap(), []);
    let run = begun(&leaving_out()).await;
    state.commit_extraction(run, &of(5)).await.unwrap();
    let missing = |first, opened_at, compared_with| MissingCalls {
        sync: "users".into(),
        destination: "audit".into(),
        start: Some("17".into()),
        first,
        last: first,
        compared_with,
        opened_by: first,
        cause: GapCause::LeftOut,
        calls: 5,
        opened_at,
    };
    let gap = state.open_gaps().await.unwrap().remove(0);
    assert_eq!((&gap.missing, gap.is_left_out()), (&missing(run, at(60), compared_with), true));
    assert_eq!(state.compared_runs().await.unwrap(), [RunId(40)]);
    // One that awaits approval leaves out when it is approved, and nothing if it is rejected.
    for approve in [false, true] {
        let held = begun(&leaving_out()).await;
        let objections = vec![(Code::TooManyRows, "too many".to_owned())];
        state.commit_extraction(held, &Extraction { objections, ..of(5) }).await.unwrap();
        assert_eq!(state.gaps_of(held).await.unwrap(), []);
        match approve {
            true => drop(state.approve(held, at(70)).await.unwrap()),
            false => state.reject(held, at(70), true).await.unwrap(),
        }
        let opened: Vec<_> = state.gaps_of(held).await.unwrap().into_iter().map(|gap| gap.missing).collect();
        // It does not say that what is missing already has arrived.
        assert_eq!(opened, if approve { vec![missing(held, at(70), None)] } else { vec![] });
    }
    // What fills one closes it, and no other.
    with(state, backfill(run), Extraction { fills: vec![gap.id], ..extraction(5, None) }).await;
    let open: Vec<_> = state.open_gaps().await.unwrap().iter().map(|gap| gap.missing.opened_at).collect();
    assert_eq!(open, [at(70)]);
}

pub async fn losing_what_fills(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    let compared_with = Some(RunId(7));
    let gaps = lose(state, run).await;
    let fills = Extraction { fills: vec![gaps[1].id], compared_with, ..extraction(3, None) };
    let filled = with(state, backfill(run), fills).await;
    let again = lose(state, filled).await;
    let missing = &again[0].missing;
    assert_eq!((again.len(), missing.destination.as_str(), missing.calls), (1, "audit", 3));
    assert_eq!((missing.first, missing.opened_by, missing.compared_with), (run, filled, compared_with));
    assert_eq!(missing.start.as_deref(), Some("17"));

    // A copy of what a run left out is missing like the run's own calls.
    let mut new = new_run("users");
    new.spec.skipped = vec!["audit".into()];
    let skipping = state.create_run(&new).await.unwrap().id;
    state.begin_extraction(skipping, at(2), "17").await.unwrap();
    state.commit_extraction(skipping, &extraction(4, None)).await.unwrap();
    let gap = state.gaps_of(skipping).await.unwrap().remove(0);
    let copies = Replay { run: skipping, mode: ReplayMode::All, code: None, force: false, start: None };
    let mut copy = new_run("users");
    copy.trigger = RunTrigger::Gap;
    copy.spec.connections.retain(|c| c.destination == "audit");
    copy.spec.options =
        RunOptions { destination: Some("audit".into()), ..RunOptions::of(RunKind::Replay(copies)) };
    let copy = state.create_run(&copy).await.unwrap().id;
    state.begin_extraction(copy, at(2), "17").await.unwrap();
    let fills = Extraction { fills: vec![gap.id], ..extraction(4, None) };
    state.commit_extraction(copy, &fills).await.unwrap();
    assert!(state.gaps_of(skipping).await.unwrap()[0].closed_at.is_some());
    let again = &lose(state, copy).await[0];
    let found = (again.missing.cause, again.missing.first, again.missing.last, again.missing.opened_by);
    assert_eq!(found, (GapCause::LeftOut, skipping, skipping, copy));
    assert!(again.is_automatic());

    let old = delivering(state, "users", 100).await;
    with_letters(state, old, 2).await;
    let replay = Replay { run: old, mode: ReplayMode::AsSent, code: None, force: false, start: None };
    let options =
        RunOptions { destination: Some("journeys".into()), ..RunOptions::of(RunKind::Replay(replay)) };
    let replayed = Replayed { run: old, destination: "journeys".into(), positions: vec![1, 3] };
    let replay = with(state, options, Extraction { replayed: Some(replayed), ..extraction(2, None) }).await;
    let marked = async || -> Vec<Option<RunId>> {
        let letters = state.dead_letters(old, "journeys", 0, 9).await.unwrap();
        letters.into_iter().map(|letter| letter.replayed_by).collect()
    };
    assert_eq!(marked().await, [Some(replay); 2]);
    assert_eq!(lose(state, replay).await, []);
    assert_eq!(marked().await, [None; 2]);
}

pub async fn keeping(state: &dyn State) {
    let (before, with_hashes) =
        (RunId(40), Extraction { compared_with: Some(RunId(40)), ..extraction(5, None) });
    let run = with(state, RunOptions::default(), with_hashes).await;
    assert_eq!(state.compared_with(run).await.unwrap(), Some(before));
    assert_eq!(state.compared_with(RunId(77)).await.unwrap(), None);
    assert_eq!(state.compared_runs().await.unwrap(), [before], "the run has not ended");
    let gaps = lose(state, run).await;
    assert_eq!(state.compared_runs().await.unwrap(), [before], "its gaps are open");
    assert!(gaps.iter().all(|gap| gap.missing.compared_with == Some(before)));
    let fills = Extraction { fills: gaps.iter().map(|gap| gap.id).collect(), ..extraction(0, None) };
    with(state, backfill(run), fills).await;
    assert_eq!(state.compared_runs().await.unwrap(), []);
    // A closed gap is forgotten with the run that opened it.
    assert_eq!(state.gaps_of(run).await.unwrap().len(), 2);
    state.forget_segments(run).await.unwrap();
    state.forget_runs(&[run]).await.unwrap();
    assert_eq!(state.gaps_of(run).await.unwrap(), []);
    let open = with(state, RunOptions::default(), extraction(5, None)).await;
    let gaps = lose(state, open).await;
    state.forget_segments(open).await.unwrap();
    state.forget_runs(&[open]).await.unwrap();
    assert_eq!(state.open_gaps().await.unwrap(), gaps);
}

/// A committed run of `users` to these destinations, with this query.
async fn to(state: &dyn State, destinations: &[&str], query: &str, calls: u64) -> RunId {
    let mut new = new_run("users");
    let connection =
        |name: &&str| Connection { destination: (*name).to_owned(), nulls: outflow_core::Nulls::Send };
    new.spec.connections = destinations.iter().map(connection).collect();
    new.spec.query = query.to_owned();
    let run = state.create_run(&new).await.unwrap().id;
    state.begin_extraction(run, at(2), "17").await.unwrap();
    let compared_with = Some(RunId(40));
    state.commit_extraction(run, &Extraction { compared_with, ..extraction(calls, None) }).await.unwrap();
    run
}

/// Destination, cause, ends and calls of each gap that is not closed.
async fn told(state: &dyn State) -> Vec<(String, GapCause, RunId, RunId, u64)> {
    let gaps = state.open_gaps().await.unwrap().into_iter().map(|gap| gap.missing);
    gaps.map(|m| (m.destination, m.cause, m.first, m.last, m.calls)).collect()
}

pub async fn members(state: &dyn State) {
    assert!(state.membership("users").await.unwrap().previous.is_none());
    let none = to(state, &["journeys", "audit"], "q", 0).await;
    let first = to(state, &["journeys", "audit"], "q", 5).await;
    let second = to(state, &["journeys"], "q", 5).await;
    let third = to(state, &["journeys"], "q", 4).await;
    let away = |first, last, calls| ("audit".to_owned(), GapCause::Away, first, last, calls);
    assert_eq!(told(state).await, [away(second, third, 9)]);
    // Another kind of run says nothing of it.
    with(state, RunOptions { limit: Some(1), ..RunOptions::default() }, extraction(5, None)).await;
    let edited = to(state, &["journeys"], "p", 3).await;
    assert_eq!(told(state).await, [away(second, third, 9), away(edited, edited, 3)]);
    assert_eq!(state.compared_runs().await.unwrap(), [RunId(40)]);
    let back = to(state, &["journeys", "audit", "crm"], "p", 2).await;
    let new = ("crm".to_owned(), GapCause::New, first, edited, 0);
    let all = [away(second, third, 9), away(edited, edited, 3), new];
    assert_eq!(told(state).await, all);
    let found = state.membership("users").await.unwrap();
    let ends = (found.beginning.unwrap().id, found.previous.unwrap().id);
    assert_eq!((ends, found.gaps.len()), ((first, back), 3), "run {none} had no calls");
    assert_eq!(state.gaps_of(back).await.unwrap()[0].missing.start.as_deref(), Some("17"));
    // What awaits approval changes nothing until it is approved.
    let mut held = new_run("users");
    held.spec.connections.truncate(1);
    for approve in [false, true] {
        let run = state.create_run(&held).await.unwrap().id;
        state.begin_extraction(run, at(2), "17").await.unwrap();
        let objections = vec![(Code::TooManyRows, "too many".to_owned())];
        state.commit_extraction(run, &Extraction { objections, ..extraction(1, None) }).await.unwrap();
        assert_eq!(told(state).await, all);
        match approve {
            true => drop(state.approve(run, at(70)).await.unwrap()),
            false => state.reject(run, at(70), false).await.unwrap(),
        }
        assert_eq!(told(state).await.len(), if approve { 5 } else { 3 });
    }
    // A destination that missed nothing while it was away lacks nothing.
    let run = to(state, &["journeys", "audit", "crm", "new"], "p", 1).await;
    let gone = to(state, &["journeys", "audit", "crm"], "p", 0).await;
    let of_new = |gap: &Gap| gap.missing.destination == "new";
    let gaps = state.open_gaps().await.unwrap();
    assert_eq!(gaps.iter().filter(|gap| of_new(gap)).count(), 2, "{run} and {gone}");
    to(state, &["journeys", "audit", "crm", "new"], "p", 1).await;
    let gaps = state.open_gaps().await.unwrap();
    assert!(gaps.iter().filter(|gap| of_new(gap)).map(|gap| gap.missing.cause).eq([GapCause::New]));
}

pub async fn giving_up(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    let mut record = state.deliveries(run).await.unwrap().remove(0);
    state.settle(&[progress(run, &mut record, 2)]).await.unwrap();
    let given_up = Settlement {
        settled: Vec::new(),
        added: DeliveryCounts { cancelled: 3, ..DeliveryCounts::default() },
        dead: Vec::new(),
        ..ending(run, &record, outflow_core::DeliveryState::Succeeded)
    };
    for _ in 0..2 {
        state.settle(std::slice::from_ref(&given_up)).await.unwrap();
        assert_eq!(told(state).await, [("journeys".to_owned(), GapCause::GivenUp, run, run, 3)]);
    }
    assert!(!state.open_gaps().await.unwrap()[0].is_automatic());
}

/// A gap that cannot be filled says why, and a run that fills one that is new to the state.
pub async fn explaining(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    let gaps = lose(state, run).await;
    let mut new = new_run("users");
    new.spec.options = backfill(run);
    for (code, says) in [(Code::ConnectionBroken, false), (Code::GapQueryFailed, true)] {
        let fill = state.create_run(&new).await.unwrap().id;
        state.begin_extraction(fill, at(2), "0").await.unwrap();
        let why = (code, "the table is gone".to_owned());
        state.end_run(fill, RunState::Failed, at(60), Some(why.clone()), None).await.unwrap();
        let found: Vec<_> = state.open_gaps().await.unwrap().into_iter().map(|gap| gap.reason).collect();
        assert_eq!(found, [None, Some(why).filter(|_| says)], "that of its destination alone");
    }
    let missing = MissingCalls { cause: GapCause::New, last: run, ..gaps[0].missing.clone() };
    let fills_new = vec![MissingCalls { destination: "crm".into(), ..missing }];
    let objections = vec![(Code::TooManyRows, "too many".to_owned())];
    let held = Extraction { fills_new, objections, ..extraction(1, None) };
    let held = with(state, backfill(run), held).await;
    let gap = state.open_gaps().await.unwrap().remove(2);
    assert_eq!((gap.filled_by, &*gap.missing.destination), (Some(held), "crm"));
    state.reject(held, at(70), false).await.unwrap();
    assert!(state.open_gaps().await.unwrap().remove(2).is_open(), "it is there to be filled again");
}

/// What fills a gap does not set back what a run beside it, or one while it awaited approval, has
/// moved.
pub async fn beside(state: &dyn State) {
    let run = delivering(state, "users", 5).await;
    let before = state.sync("users").await.unwrap();
    let compared = |by| Some(BaselineRun { run: by, fingerprint: Some("abc".into()) });
    let mut new = new_run("users");
    new.spec.options = backfill(run);
    let alone = state.create_run(&new).await.unwrap().id;
    state.begin_extraction(alone, at(2), "0").await.unwrap();
    let update = SyncState { baseline: compared(alone), ..before };
    state.commit_extraction(alone, &extraction(1, Some(update.clone()))).await.unwrap();
    assert_eq!(state.sync("users").await.unwrap(), update);
    // Committed, approved, and rejected with its window.
    for (n, (held, skips)) in (9..).zip([(false, false), (true, false), (true, true)]) {
        let fill = state.create_run(&new).await.unwrap().id;
        state.begin_extraction(fill, at(2), "0").await.unwrap();
        let says = SyncState { baseline: compared(fill), ..update.clone() };
        let objections = match held {
            true => vec![(Code::TooManyRows, "too many".to_owned())],
            false => Vec::new(),
        };
        let filled = Extraction { objections, ..extraction(1, Some(says)) };
        if held {
            state.commit_extraction(fill, &filled).await.unwrap();
        }
        let beside = state.create_run(&new_run("users")).await.unwrap().id;
        state.begin_extraction(beside, at(3), "17").await.unwrap();
        let moved = SyncState { baseline: compared(beside), ..started_at(n) };
        state.commit_extraction(beside, &extraction(1, Some(moved.clone()))).await.unwrap();
        match (held, skips) {
            (false, _) => drop(state.commit_extraction(fill, &filled).await.unwrap()),
            (true, false) => drop(state.approve(fill, at(70)).await.unwrap()),
            (true, true) => state.reject(fill, at(70), true).await.unwrap(),
        }
        assert_eq!(state.sync("users").await.unwrap(), moved, "held: {held}, skips: {skips}");
    }
}
