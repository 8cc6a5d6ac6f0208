//! What every store must do for lists: what is read at once is what is read one by one.

use std::collections::{BTreeMap, BTreeSet};

use outflow_core::ports::state::{
    AuditEntry, AuditFilter, DefinitionChange, DefinitionFilter, DefinitionId, DefinitionKind,
    DefinitionStatus, LatestRun, ListedRun, NewRun, Origin, Overview, Pausable, PauseKind, RunFilter, State,
};
use outflow_core::ports::watch::{AlertRecord, Audit};
use outflow_core::run::{Replay, ReplayMode, RunKind, RunOptions, RunSpec};
use outflow_core::{Code, DeliveryState, RunId, RunRecord, RunState, Timestamp};

use super::definitions;
use crate::made::{at, delivering, ending, extraction, held, moved, new_run};

/// Runs of three syncs, of all kinds, in many states, the last of which began first: the clock was
/// set back.
async fn history(state: &dyn State) {
    let begin = async |sync: &str, kind: RunKind, second: i64| {
        let new = new_run(sync);
        let spec = RunSpec { options: RunOptions::of(kind), ..new.spec };
        state.create_run(&NewRun { spec, started_at: at(second), ..new }).await.unwrap().id
    };
    let replay = Replay { run: RunId(1), mode: ReplayMode::All, code: None, force: false, start: None };
    let backfill = RunKind::Backfill { start: "0".into(), first: RunId(1), until: None, query_of: None };
    let since = RunKind::Since { at: at(0) };
    let mut second = 100;
    for sync in ["users", "ü\0 odd", "events"] {
        for kind in [RunKind::Incremental, RunKind::Full, since.clone(), backfill.clone()] {
            second += 10;
            let run = begin(sync, kind, second).await;
            if second % 20 == 0 {
                let reason = Some((Code::ConnectionRefused, "no\0".to_owned()));
                state.end_run(run, RunState::Failed, at(second + 1), reason, None).await.unwrap();
            }
        }
        let run = delivering(state, sync, 5).await;
        if sync != "users" {
            for delivery in state.deliveries(run).await.unwrap() {
                state.settle(&[ending(run, &delivery, DeliveryState::Partial)]).await.unwrap();
            }
            state.conclude(run, at(80)).await.unwrap().unwrap();
            let audit = Audit { at: at(90), differences: vec!["calls: 1 against 2".into()] };
            state.set_audit(run, &audit).await.unwrap();
        }
        state.skip_run(&new_run(sync), None, &(Code::RunInProgress, "busy".into())).await.unwrap();
    }
    begin("users", RunKind::Replay(replay), 1_000).await;
    held(state, "held", 7).await;
    let lost = delivering(state, "lost", 5).await;
    state.lose_run(lost, at(70), &(Code::RunLost, "lost".into())).await.unwrap();
    state.skip_run(&new_run("skips"), None, &(Code::RunInProgress, "busy".into())).await.unwrap();
    begin("users", RunKind::Incremental, 5).await;
}

fn is_meant(filter: &RunFilter, run: &RunRecord) -> bool {
    filter.sync.as_ref().is_none_or(|sync| *sync == run.sync)
        && (filter.states.is_empty() || filter.states.contains(&run.state))
        && filter.kind.as_ref().is_none_or(|kind| *kind == run.spec.options.kind.name())
        && filter.since.is_none_or(|since| run.started_at >= since)
        && filter.until.is_none_or(|until| run.started_at < until)
        && filter.before.is_none_or(|before| run.id < before)
}

fn filters() -> Vec<RunFilter> {
    let mut all = vec![RunFilter::default()];
    let mut with = |change: &dyn Fn(&mut RunFilter)| {
        let changed: Vec<RunFilter> = all
            .iter()
            .cloned()
            .map(|mut filter| {
                change(&mut filter);
                filter
            })
            .collect();
        all.extend(changed);
    };
    with(&|filter| filter.sync = Some("ü\0 odd".to_owned()));
    with(&|filter| filter.states = vec![RunState::Failed, RunState::Partial, RunState::Skipped]);
    with(&|filter| filter.kind = Some("full".to_owned()));
    with(&|filter| filter.since = Some(at(120)));
    with(&|filter| filter.until = Some(at(220)));
    with(&|filter| filter.before = Some(RunId(15)));
    with(&|filter| filter.limit = 3);
    for kind in RunKind::NAMES.into_iter().chain(["other"]) {
        all.push(RunFilter { kind: Some(kind.to_owned()), ..RunFilter::default() });
    }
    let states = RunState::ALL.iter();
    all.extend(states.map(|state| RunFilter { states: vec![*state], ..RunFilter::newest(Some("users"), 2) }));
    all
}

pub async fn runs(state: &dyn State) {
    assert_eq!(state.listed_runs(&RunFilter::default()).await.unwrap(), []);
    history(state).await;
    let mut all = Vec::new();
    for number in (1..=state.last_run().await.unwrap().unwrap().0).rev() {
        all.push(state.run(RunId(number)).await.unwrap().unwrap());
    }
    for filter in filters() {
        let most = if filter.limit == 0 { usize::MAX } else { filter.limit as usize };
        let meant: Vec<&RunRecord> = all.iter().filter(|run| is_meant(&filter, run)).take(most).collect();
        let listed = state.listed_runs(&filter).await.unwrap();
        assert_eq!(listed.iter().map(|run| &run.record).collect::<Vec<_>>(), meant, "{filter:?}");
        let records: Vec<RunRecord> = listed.iter().map(|run| run.record.clone()).collect();
        assert_eq!(state.runs(&filter).await.unwrap(), records, "{filter:?}");
        for ListedRun { record, deliveries, audit } in listed {
            assert_eq!(deliveries, state.deliveries(record.id).await.unwrap());
            assert_eq!(audit, state.audit(record.id).await.unwrap());
        }
    }
}

/// What the methods for single things say of all.
async fn one_by_one(state: &dyn State) -> Overview {
    let mut of = Overview {
        pauses: state.pauses().await.unwrap(),
        open_gaps: state.open_gaps().await.unwrap(),
        alerts: state.alerts().await.unwrap(),
        ..Overview::default()
    };
    for run in state.unfinished_runs().await.unwrap() {
        let deliveries = state.deliveries(run.id).await.unwrap();
        of.unfinished.push((run, deliveries));
    }
    let standings = state.standings(at(0), at(0)).await.unwrap();
    of.restored = standings.iter().filter(|s| s.restored).map(|s| s.sync.clone()).collect::<BTreeSet<_>>();
    for sync in standings.into_iter().map(|standing| standing.sync) {
        if let Some(slot) = state.fired(&sync).await.unwrap() {
            of.fired.insert(sync.clone(), slot);
        }
        let mut runs = state.runs(&RunFilter::newest(Some(&sync), 0)).await.unwrap().into_iter();
        let latest = runs.find(|run| run.state != RunState::Skipped).map(|run| LatestRun {
            run: run.id,
            state: run.state,
            started_at: run.started_at,
            ended_at: run.ended_at,
            reason: run.reason,
        });
        of.latest.insert(sync, latest);
    }
    of
}

pub async fn overview(state: &dyn State) {
    assert_eq!(state.overview().await.unwrap(), Overview::default());
    history(state).await;
    let paused = Pausable { kind: PauseKind::Sync, name: "users".to_owned() };
    state.pause(&[paused], at(5), &[]).await.unwrap();
    let alert = AlertRecord {
        kind: "failing".into(),
        subject: "users".into(),
        code: None,
        message: "it does not work".into(),
        since: at(1),
        recovered_at: None,
        reported: false,
    };
    state.put_alerts(&[alert]).await.unwrap();
    let found = state.overview().await.unwrap();
    assert_eq!(found, one_by_one(state).await);
    assert_eq!(found.pending(), state.pending().await.unwrap());
    let all: BTreeMap<_, _> = found.latest.iter().map(|(sync, run)| (sync.as_str(), run.is_some())).collect();
    assert!(!all["skips"], "{all:?}");
    assert_eq!((all.len(), found.open_gaps.is_empty(), found.restored.len()), (6, false, 0));
    let restored = state.last_run().await.unwrap();
    state.set_origin(&Origin { restored_after: restored, ..Origin::default() }).await.unwrap();
    let found = state.overview().await.unwrap();
    assert_eq!(found, one_by_one(state).await);
    assert!(found.restored.contains("users"), "{:?}", found.restored);
}

pub async fn others(state: &dyn State) {
    let of = async |syncs: &[&str]| -> Vec<(String, RunId)> {
        let syncs: Vec<String> = syncs.iter().map(|sync| (*sync).to_owned()).collect();
        let found = state.last_extracted_of_others(&syncs).await.unwrap();
        found.into_iter().map(|run| (run.sync, run.id)).collect()
    };
    assert_eq!(of(&[]).await, []);
    delivering(state, "users", 5).await;
    let users = delivering(state, "users", 5).await;
    let orders = delivering(state, "orders", 5).await;
    state.create_run(&new_run("users")).await.unwrap();
    state.create_run(&new_run("new")).await.unwrap();
    let both = [("orders".to_owned(), orders), ("users".to_owned(), users)];
    assert_eq!(of(&[]).await, both);
    assert_eq!(of(&["new", "none"]).await, both);
    assert_eq!(of(&["orders"]).await, both[1..]);
    assert_eq!(of(&["orders", "users"]).await, []);
}

pub async fn definitions(state: &dyn State) {
    let change = |kind, name: &str, expected, value: Option<&str>, status| {
        let mut change = DefinitionChange {
            id: DefinitionId::new(kind, name),
            ..definitions::sync(name, Some(expected), value)
        };
        change.content.iter_mut().for_each(|content| content.status = status);
        (change, definitions::entry(5, "sync.update"))
    };
    let (draft, enabled) = (DefinitionStatus::Draft, DefinitionStatus::Enabled);
    let mut changes = Vec::new();
    for kind in DefinitionKind::ALL {
        for name in ["b", "a\0", "ü", "c"] {
            let status = if kind == DefinitionKind::Sync && name == "b" { draft } else { enabled };
            changes.push(change(kind, name, 0, Some("{}"), status));
        }
    }
    state.put_definitions(&changes).await.unwrap();
    state.put_definitions(&[change(DefinitionKind::Sync, "c", 1, Some("[]"), draft)]).await.unwrap();
    state.put_definitions(&[change(DefinitionKind::Source, "c", 1, None, enabled)]).await.unwrap();
    let all = state.definitions().await.unwrap();
    assert_eq!(all.len(), 15);
    let places: Vec<_> = all.iter().map(|found| (found.id.kind.name(), found.id.name.clone())).collect();
    assert!(places.is_sorted(), "{places:?}");
    for found in &all {
        assert_eq!(state.definition(&found.id).await.unwrap().as_ref(), Some(found));
    }
    for kind in DefinitionKind::ALL.map(Some).into_iter().chain([None]) {
        for status in [None, Some(draft), Some(enabled)] {
            let is_meant = |id: &DefinitionId, of| {
                kind.is_none_or(|kind| id.kind == kind) && status.is_none_or(|status| of == Some(status))
            };
            let meant =
                all.iter().filter(|found| is_meant(&found.id, found.content.as_ref().map(|c| c.status)));
            let meant: Vec<_> = meant.cloned().collect();
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let filter = DefinitionFilter { kind, status, after, limit: 2 };
                let page = state.definitions_like(&filter).await.unwrap();
                assert!(page.len() <= 2);
                after = page.last().map(|found| found.id.clone());
                paged.extend(page);
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(paged, meant, "{kind:?} {status:?}");
        }
    }
}

pub async fn entries(state: &dyn State) {
    let entry = |second| -> AuditEntry { definitions::entry(second, "sync.run") };
    state.record(&(1..=9).map(entry).collect::<Vec<_>>()).await.unwrap();
    let of = async |after, before, limit| -> Vec<u64> {
        let filter = AuditFilter { after, ..AuditFilter::default() };
        let found = state.audit_log(&filter, before, limit).await.unwrap();
        found.into_iter().map(|record| record.number).collect()
    };
    assert_eq!(of(6, None, 10).await, [9, 8, 7]);
    assert_eq!(of(6, Some(9), 1).await, [8]);
    assert_eq!(of(9, None, 10).await, [0; 0]);
}

/// The index `delivered_runs` finds the last success behind runs that still deliver.
pub async fn last_success(state: &dyn State) {
    let run = state.create_run(&new_run("users")).await.unwrap().id;
    state.begin_extraction(run, at(2), "0").await.unwrap();
    state.commit_extraction(run, &extraction(0, Some(moved(run)))).await.unwrap();
    for _ in 0..3 {
        delivering(state, "users", 5).await;
    }
    let standing = state.standings(at(0), Timestamp::MAX).await.unwrap().remove(0);
    assert_eq!(standing.last_success, Some(at(60)));
}
