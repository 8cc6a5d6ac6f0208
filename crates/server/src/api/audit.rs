//! The audit log: who did what, and whether the log is whole.

use axum::extract::State;
use axum::response::Response;
use outflow_app::{AuditDocument, AuditFilter, AuditRequest, AuditVerification, SeenEntry};
use outflow_core::{Code, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, to};
use crate::context::Context;
use crate::extract::{Options, Query};
use crate::page::{self, Page};
use crate::problem::Refusal;
use crate::reply::{Answer, Document};
use crate::stream;

/// Which entries. All conditions hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct EntryFilter {
    /// The name of who did it.
    actor: Option<String>,
    /// What they did, or what it begins with: `secret.`.
    action: Option<String>,
    /// To what, or what it begins with: `sync/`.
    subject: Option<String>,
    /// At this time or later.
    since: Option<Timestamp>,
    /// Before this time.
    until: Option<Timestamp>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
}

/// Entries of the audit log, the newest first.
///
/// A page of what few entries fit can have fewer items than `limit`, and a next page.
#[utoipa::path(get, path = "/api/v1/audit", operation_id = "audit", tag = "audit", params(EntryFilter),
    responses((status = 200, body = Page<AuditDocument>)))]
pub(crate) async fn list(
    may: May<to::ReadAudit>,
    Query(EntryFilter { actor, action, subject, since, until, limit, cursor }): Query<EntryFilter>,
) -> Answer<Document<Page<AuditDocument>>> {
    let (limit, before) = (page::limit(limit)?, page::position(cursor.as_deref())?);
    let filter = AuditFilter { after: 0, actor, action, subject, since, until };
    let page = may.app.audit_page(&AuditRequest { filter, before, limit }).await?;
    Ok(Document(Page::with_next(page.entries, page.next.map(|next| next.to_string()))))
}

/// The whole audit log, the oldest entry first, one JSON document a line.
///
/// A connection that breaks before the last line is no end: the body's own end is missing then.
#[utoipa::path(get, path = "/api/v1/audit/export", operation_id = "export_audit", tag = "audit",
    responses((status = 200, body = AuditDocument, content_type = "application/x-ndjson")))]
pub(crate) async fn export(may: May<to::ReadAudit>) -> Answer<Response> {
    let making = move |pieces: stream::Pieces| async move {
        let mut list = may.app.export_audit().await?;
        loop {
            let entries = list.next().await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                if !pieces.line(&entry).await {
                    return Ok(());
                }
            }
        }
    };
    stream::documents(making).await
}

/// What was noted elsewhere.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Noted {
    /// `NUMBER:HASH` of entries that the log must have.
    seen: Vec<String>,
}

/// Checks that no entry was changed or removed, and that the log has those that were noted
/// elsewhere.
#[utoipa::path(post, path = "/api/v1/audit/verify", operation_id = "verify_audit", tag = "audit",
    request_body = Option<Noted>, responses((status = 200, body = AuditVerification)))]
pub(crate) async fn verify(
    may: May<to::ReadAudit>,
    State(context): State<Context>,
    Options { options, .. }: Options<Noted>,
) -> Answer<Document<AuditVerification>> {
    let parsed = |(number, text): (usize, &String)| {
        let wrong = || {
            let refusal = Refusal::new(Code::InvalidValue, format!("{text:?} is no NUMBER:HASH"));
            refusal.at(&format!("seen[{number}]"))
        };
        SeenEntry::parse(text).ok_or_else(wrong)
    };
    let seen = options.seen.iter().enumerate().map(parsed).collect::<Result<Vec<_>, _>>()?;
    let _place = context.preview()?;
    Ok(Document(may.app.verify_audit(&seen).await?))
}
