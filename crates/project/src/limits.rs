//! How much runs side by side, and how long what is over is kept.

use outflow_engine::operations::retention::RetentionPolicy;
use outflow_engine::serve::{BacklogQuota, ConcurrencyLimits};

use super::document::Node;
use super::sources::Sources;
use super::{Problems, single};

/// The limits.
pub(super) fn read(node: Option<&Node>, sources: &Sources<'_>) -> ConcurrencyLimits {
    let default = ConcurrencyLimits::default();
    let whole = |key: &str| node?.get(key)?.whole().and_then(|n| usize::try_from(n).ok());
    ConcurrencyLimits {
        extractions: whole("extractions").unwrap_or(default.extractions),
        per_database: whole("per_database").unwrap_or(default.per_database),
        databases: sources.max_queries.clone(),
        backlog: BacklogQuota {
            bytes: node.and_then(|n| n.get("backlog")).and_then(Node::size).unwrap_or(default.backlog.bytes),
            age: node.and_then(|n| n.get("backlog_age")).and_then(Node::duration),
        },
        audit_after: node
            .and_then(|n| n.get("audit_after"))
            .and_then(Node::duration)
            .unwrap_or(default.audit_after),
        ..default
    }
}

/// What `keep` says in the tables of the spool, the state and the audit log.
pub(super) fn retention(
    documents: &[Node],
    spool: Option<&Node>,
    problems: &mut Problems,
) -> RetentionPolicy {
    let state = single(documents, "state", &mut Problems::default());
    let audit = single(documents, "audit", problems);
    let keep = |table: Option<&Node>| table.and_then(|t| t.get("keep")).and_then(Node::duration);
    let default = RetentionPolicy::default();
    RetentionPolicy {
        segments: keep(spool).unwrap_or(default.segments),
        runs: keep(state).unwrap_or(default.runs),
        audit: keep(audit),
    }
}
