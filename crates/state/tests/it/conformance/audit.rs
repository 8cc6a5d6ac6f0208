//! The audit log.

use outflow_core::ports::state::{
    AuditEntry, AuditFilter, AuditHead, AuditRecord, AuditResult, Pausable, PauseKind, State, StateReader,
};
use outflow_core::rules::audit::{EXPIRE, Verifier, empty};
use outflow_core::{Actor, ActorKind, Code};

use crate::made::at;

/// An entry of this second.
pub fn entry(second: i64, action: &str) -> AuditEntry {
    AuditEntry {
        at: at(second),
        actor: Actor {
            kind: ActorKind::Token,
            name: "ü\0 ci".to_owned(),
            request_id: Some("r-1".to_owned()),
            address: None,
        },
        action: action.to_owned(),
        subject: "sync/\u{1a} users".to_owned(),
        before: Some("{\"a\":\"\\u0000\"}".to_owned()),
        after: None,
        result: AuditResult::Refused(Code::NoSuchSyncOrRun),
    }
}

/// Everything that is wrong with the log.
pub async fn problems(state: &dyn StateReader) -> Vec<String> {
    let head = state.audit_head().await.unwrap();
    let mut verifier = Verifier::new(head, state.installation_id().await.unwrap());
    let mut after = 0;
    loop {
        let page = state.audit_chain(after, 2).await.unwrap();
        let Some(last) = page.last() else { return verifier.end() };
        after = last.number;
        page.iter().for_each(|record| verifier.take(record));
    }
}

fn numbers(records: &[AuditRecord]) -> Vec<u64> {
    records.iter().map(|record| record.number).collect()
}

pub async fn kept(state: &dyn State) {
    assert_eq!(state.audit_head().await.unwrap(), empty(state.installation()));
    assert_eq!(problems(state).await, Vec::<String>::new());
    state.record(&[]).await.unwrap();
    let entries = [entry(1, "sync.pause"), entry(2, "sync.run"), entry(3, "secret.set")];
    state.record(&entries[..2]).await.unwrap();
    state.record(&entries[2..]).await.unwrap();
    let chain = state.audit_chain(0, 10).await.unwrap();
    assert_eq!(numbers(&chain), [1, 2, 3]);
    assert_eq!(chain.iter().map(|record| record.entry.clone()).collect::<Vec<_>>(), entries);
    assert_eq!(numbers(&state.audit_chain(1, 1).await.unwrap()), [2]);
    let head = state.audit_head().await.unwrap();
    assert_eq!((head.first, head.last, head.last_hash), (1, 3, chain[2].hash));
    assert_eq!(problems(state).await, Vec::<String>::new());
}

pub async fn found(state: &dyn State) {
    let other = AuditEntry { actor: Actor::local("ada"), subject: "run/7".into(), ..entry(3, "run.approve") };
    let done = AuditEntry { result: AuditResult::Done, ..entry(4, "sync.resume") };
    state.record(&[entry(1, "sync.pause"), entry(2, "sync_run"), other, done]).await.unwrap();
    let listed = async |filter: AuditFilter, before, limit| {
        numbers(&state.audit_log(&filter, before, limit).await.unwrap())
    };
    let all = AuditFilter::default;
    assert_eq!(listed(all(), None, 10).await, [4, 3, 2, 1]);
    assert_eq!(listed(all(), None, 2).await, [4, 3]);
    assert_eq!(listed(all(), Some(3), 10).await, [2, 1]);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(listed(AuditFilter { actor: some("ü\0 ci"), ..all() }, None, 10).await, [4, 2, 1]);
    // What it begins with, to the letter.
    assert_eq!(listed(AuditFilter { action: some("sync."), ..all() }, None, 10).await, [4, 1]);
    assert_eq!(listed(AuditFilter { subject: some("run/"), ..all() }, None, 10).await, [3]);
    let between = AuditFilter { since: Some(at(2)), until: Some(at(4)), ..all() };
    assert_eq!(listed(between, None, 10).await, [3, 2]);
}

pub async fn with_the_change(state: &dyn State) {
    let of = Pausable { kind: PauseKind::Sync, name: "users".to_owned() };
    let entries = [entry(1, "sync.pause"), entry(2, "sync.resume")];
    state.pause(std::slice::from_ref(&of), at(1), &entries[..1]).await.unwrap();
    state.resume(&[of], &entries[1..]).await.unwrap();
    let chain = state.audit_chain(0, 10).await.unwrap();
    assert_eq!(chain.into_iter().map(|record| record.entry).collect::<Vec<_>>(), entries);
}

pub async fn expired(state: &dyn State) {
    assert_eq!(state.expire_audit(at(5), at(9)).await.unwrap(), 0, "there is nothing");
    state.record(&[1, 2, 8, 3, 9].map(|second| entry(second, "sync.run"))).await.unwrap();
    assert_eq!(state.expire_audit(at(1), at(9)).await.unwrap(), 0, "nothing is so old");
    assert_eq!(state.audit_head().await.unwrap().last, 5, "no entry says that nothing was removed");
    // A clock may have been set: the log is cut at its beginning alone.
    assert_eq!(state.expire_audit(at(5), at(9)).await.unwrap(), 2);
    let chain = state.audit_chain(0, 10).await.unwrap();
    assert_eq!(numbers(&chain), [3, 4, 5, 6]);
    assert_eq!((chain[3].entry.action.as_str(), &chain[3].entry.actor), (EXPIRE, &Actor::outflow()));
    assert_eq!(problems(state).await, Vec::<String>::new());
    // All that is left, the entry about the first time too.
    assert_eq!(state.expire_audit(at(50), at(60)).await.unwrap(), 4);
    let AuditHead { first, last, .. } = state.audit_head().await.unwrap();
    assert_eq!((first, last), (7, 7));
    state.record(&[entry(61, "sync.run")]).await.unwrap();
    assert_eq!(numbers(&state.audit_chain(0, 10).await.unwrap()), [7, 8]);
    assert_eq!(problems(state).await, Vec::<String>::new());
}
