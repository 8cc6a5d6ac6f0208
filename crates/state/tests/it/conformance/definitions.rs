//! Definitions and their versions.

use outflow_core::ports::state::{
    AuditEntry, AuditFilter, AuditResult, DefinitionChange, DefinitionContent, DefinitionId, DefinitionKind,
    DefinitionStatus, DefinitionVersion, Owner, Pausable, PauseKind, State, SyncRename, VERSIONS_KEPT,
};
use outflow_core::{Actor, ActorKind, Code};

use crate::made::{at, delivering, new_run};

pub fn entry(second: i64, action: &str) -> AuditEntry {
    AuditEntry {
        at: at(second),
        actor: Actor::new(ActorKind::Person, "adá\0"),
        action: action.to_owned(),
        subject: "sync/users".to_owned(),
        before: None,
        after: None,
        result: AuditResult::Done,
    }
}

pub fn sync(name: &str, expected: Option<u64>, value: Option<&str>) -> DefinitionChange {
    let content = value.map(|value| DefinitionContent {
        owner: Owner::Server,
        status: DefinitionStatus::Enabled,
        value: value.to_owned(),
    });
    let id = DefinitionId::new(DefinitionKind::Sync, name);
    DefinitionChange { id, expected, content, place: None }
}

async fn put(state: &dyn State, second: i64, change: DefinitionChange) -> DefinitionVersion {
    let changes = [(change, entry(second, "sync.update"))];
    state.put_definitions(&changes).await.unwrap().remove(0).unwrap()
}

async fn log(state: &dyn State) -> usize {
    state.audit_log(&AuditFilter::default(), None, 10_000).await.unwrap().len()
}

pub async fn kept(state: &dyn State) {
    assert_eq!(state.definitions().await.unwrap(), []);
    let users = DefinitionId::new(DefinitionKind::Sync, "users");
    assert_eq!(state.definition(&users).await.unwrap(), None);
    let first = put(state, 5, sync("users", Some(0), Some("{\"a\":\"ü\\u0000\"}"))).await;
    let expected = DefinitionVersion {
        id: users.clone(),
        version: 1,
        content: sync("", None, Some("{\"a\":\"ü\\u0000\"}")).content,
        place: None,
        at: at(5),
        by: Actor::new(ActorKind::Person, "adá\0"),
        renamed: None,
    };
    assert_eq!(first, expected);
    let second = put(state, 6, sync("users", Some(1), Some("{}"))).await;
    assert_eq!(second.version, 2);
    put(state, 7, sync("orders", Some(0), Some("{}"))).await;
    let names = |all: Vec<DefinitionVersion>| -> Vec<(String, u64)> {
        all.into_iter().map(|version| (version.id.name, version.version)).collect()
    };
    let found = names(state.definitions().await.unwrap());
    assert_eq!(found, [("orders".to_owned(), 1), ("users".to_owned(), 2)]);
    let gone = put(state, 8, sync("users", Some(2), None)).await;
    assert_eq!((gone.version, gone.content), (3, None));
    assert_eq!(names(state.definitions().await.unwrap()), [("orders".to_owned(), 1)]);
    assert_eq!(put(state, 9, sync("users", Some(0), Some("{}"))).await.version, 4, "numbers go on");
    let numbers = async |before, limit| -> Vec<u64> {
        let found = state.definition_versions(&users, before, limit).await.unwrap();
        found.into_iter().map(|version| version.version).collect()
    };
    assert_eq!(numbers(None, 3).await, [4, 3, 2]);
    assert_eq!(numbers(Some(3), 10).await, [2, 1]);
    assert_eq!(state.definition_versions(&users, None, 10).await.unwrap()[3], expected);
    assert_eq!(log(state).await, 5);
}

pub async fn all_or_none(state: &dyn State) {
    put(state, 5, sync("users", Some(0), Some("{}"))).await;
    let entries = |changes: Vec<DefinitionChange>| -> Vec<_> {
        changes.into_iter().map(|change| (change, entry(6, "sync.update"))).collect()
    };
    for stale in [sync("users", Some(0), Some("[]")), sync("users", Some(2), None), sync("x", Some(1), None)]
    {
        let changes = entries(vec![sync("orders", Some(0), Some("{}")), stale]);
        let error = state.put_definitions(&changes).await.unwrap_err();
        assert_eq!(error.code(), Code::DefinitionChanged);
    }
    let mut theirs = sync("users", None, Some("{}"));
    theirs.content.as_mut().unwrap().owner = Owner::Files;
    let error = state.put_definitions(&entries(vec![theirs])).await.unwrap_err();
    assert_eq!(error.code(), Code::DefinedTwice);
    assert_eq!(state.definitions().await.unwrap().len(), 1);
    assert_eq!(log(state).await, 1, "what was refused is in no log of changes");
    // What says what there is makes no version and no entry, and a place is none.
    let mut same = sync("users", None, Some("{}"));
    same.place = Some("outflow.yaml:7".to_owned());
    for place in [None, Some("outflow.yaml:7".to_owned())] {
        same.place.clone_from(&place);
        let kept = put(state, 9, same.clone()).await;
        assert_eq!((kept.version, kept.at, &kept.place), (1, at(5), &place));
    }
    assert_eq!(log(state).await, 1);
}

pub async fn bounded(state: &dyn State) {
    let change = |n: u64| (sync("users", None, Some(&n.to_string())), entry(5, "sync.update"));
    let changes: Vec<_> = (0..VERSIONS_KEPT + 3).map(change).collect();
    state.put_definitions(&changes).await.unwrap();
    let id = DefinitionId::new(DefinitionKind::Sync, "users");
    let found = state.definition_versions(&id, None, u64::MAX).await.unwrap();
    assert_eq!(found.len() as u64, VERSIONS_KEPT);
    assert_eq!(found.last().unwrap().version, 4);
}

fn rename(from: &str, to: &str, with_unfinished: bool) -> SyncRename {
    let changes = vec![sync(from, Some(1), None), sync(to, Some(0), Some("{\"renamed_from\":\"users\"}"))];
    SyncRename { from: from.to_owned(), to: to.to_owned(), with_unfinished, changes }
}

pub async fn renaming(state: &dyn State) {
    put(state, 5, sync("users", Some(0), Some("{}"))).await;
    let run = delivering(state, "users", 5).await;
    let other = state.create_run(&new_run("orders")).await.unwrap();
    let users = || vec![Pausable { kind: PauseKind::Sync, name: "users".to_owned() }];
    state.pause(&users(), at(6), &[]).await.unwrap();
    state.set_fired("users", at(40)).await.unwrap();
    let before = (state.sync("users").await.unwrap(), state.membership("users").await.unwrap().previous);
    let entry = entry(7, "sync.rename");
    for refused in [rename("users", "people", false), rename("users", "orders", true)] {
        let error = state.rename_sync(&refused, &entry).await.unwrap_err();
        assert_eq!(error.code(), Code::SyncNotRenamed);
        assert_eq!(state.sync("users").await.unwrap(), before.0);
    }
    state.rename_sync(&rename("users", "people", true), &entry).await.unwrap();
    assert_eq!(state.sync("people").await.unwrap(), before.0);
    assert_eq!(state.sync("users").await.unwrap(), Default::default());
    assert_eq!(state.run(run).await.unwrap().unwrap().sync, "people");
    assert_eq!(state.run(other.id).await.unwrap().unwrap().sync, "orders");
    assert_eq!(state.unfinished_of("people").await.unwrap()[0].id, run);
    assert_eq!(state.fired("people").await.unwrap(), Some(at(40)));
    assert_eq!(state.pauses().await.unwrap()[0].of.name, "people");
    let previous = state.membership("people").await.unwrap().previous;
    assert_eq!(previous.map(|run| run.id), before.1.map(|run| run.id));
    let last = async |name: &str| {
        let id = DefinitionId::new(DefinitionKind::Sync, name);
        state.definition(&id).await.unwrap().unwrap()
    };
    let (old, new) = (last("users").await, last("people").await);
    assert_eq!((old.version, old.content.is_none(), old.renamed.as_deref()), (2, true, Some("people")));
    assert_eq!((new.version, new.content.is_some(), new.renamed.as_deref()), (1, true, Some("users")));
    assert!(state.rename_sync(&rename("users", "people", true), &entry).await.is_err(), "once");
    assert_eq!(log(state).await, 2);
}
