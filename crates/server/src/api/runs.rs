//! Runs: what they did, what went wrong with which rows and calls, and what a person decides.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use outflow_app::{
    Caller, DeadLetterDocument, DeadLetterSummary, DeadLettersRequest, RejectRequest, RejectedRequest,
    RejectedSummary, Rejection, ReplayMode, ReplayRequest, RunDocument, RunListEntry, RunName, StartedReplay,
    Verification,
};
use outflow_core::{Code, RunId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, to};
use crate::context::Context;
use crate::extract::{Options, Path, Query};
use crate::page::{self, Page, PageRequest};
use crate::problem::Refusal;
use crate::reply::{Answer, Document};

/// The number of a run in a path. No run has a number beyond what the state can keep.
pub(crate) fn named(run: u64) -> Result<RunName, Refusal> {
    match i64::try_from(run) {
        Ok(_) => Ok(RunName::Number(RunId(run))),
        Err(_) => Err(Refusal::new(Code::NoSuchSyncOrRun, format!("there is no run {run}"))),
    }
}

/// Which runs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunFilter {
    /// Of this sync alone.
    sync: Option<String>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
}

/// Runs, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", operation_id = "runs", tag = "runs", params(RunFilter),
    responses((status = 200, body = Page<RunListEntry>)))]
pub(crate) async fn list(
    _: May<to::ReadRuns>,
    State(context): State<Context>,
    Query(RunFilter { sync, limit, cursor }): Query<RunFilter>,
) -> Answer<Document<Page<RunListEntry>>> {
    let (limit, before) = (page::limit(limit)?, page::position(cursor.as_deref())?);
    let wanted = limit.saturating_add(1);
    let runs = context.app().runs_before(sync.as_deref(), before.map(RunId), wanted).await?;
    Ok(Document(Page::of(runs, limit, |run| run.document.run.0)))
}

/// A run: its stages, its numbers, its destinations.
#[utoipa::path(get, path = "/api/v1/runs/{run}", operation_id = "run", tag = "runs",
    params(("run" = u64, Path, description = "its number")),
    responses((status = 200, body = RunListEntry)))]
pub(crate) async fn get(
    _: May<to::ReadRuns>,
    State(context): State<Context>,
    Path(run): Path<u64>,
) -> Answer<Document<RunListEntry>> {
    Ok(Document(context.app().recorded_run(&named(run)?).await?))
}

/// Rejected rows of a run.
#[derive(Serialize, ToSchema)]
pub(crate) struct RejectedPage {
    /// What they have in common.
    #[serde(flatten)]
    summary: RejectedSummary,
    /// The rows.
    #[serde(flatten)]
    page: Page<Rejection>,
}

/// Rows that a run could not turn into calls, with their values.
#[utoipa::path(get, path = "/api/v1/runs/{run}/rejected", tag = "runs",
    params(("run" = u64, Path, description = "its number"), PageRequest),
    responses((status = 200, body = RejectedPage)))]
pub(crate) async fn rejected(
    _: May<to::ReadRows>,
    State(context): State<Context>,
    Path(run): Path<u64>,
    Query(PageRequest { limit, cursor }): Query<PageRequest>,
) -> Answer<Document<RejectedPage>> {
    let (limit, first) = (page::limit(limit)?, page::position(cursor.as_deref())?.unwrap_or(0));
    let request = RejectedRequest { run: named(run)?, limit: 0, code: None };
    let mut rows = context.app().rejected(&request).await?;
    let items = rows.part(first, limit.saturating_add(1)).await?;
    Ok(Document(RejectedPage { summary: rows.summary, page: Page::numbered(items, limit, first) }))
}

/// Dead letters of a run.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterPage {
    /// What they have in common.
    #[serde(flatten)]
    summary: DeadLetterSummary,
    /// The calls.
    #[serde(flatten)]
    page: Page<DeadLetterDocument>,
}

/// Which dead letters.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeadLetterFilter {
    /// Of this destination alone.
    destination: Option<String>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
}

/// Calls that destinations refused for good, with their values.
#[utoipa::path(get, path = "/api/v1/runs/{run}/dead-letters", tag = "runs",
    params(("run" = u64, Path, description = "its number"), DeadLetterFilter),
    responses((status = 200, body = DeadLetterPage)))]
pub(crate) async fn dead_letters(
    _: May<to::ReadRows>,
    State(context): State<Context>,
    Path(run): Path<u64>,
    Query(DeadLetterFilter { destination, limit, cursor }): Query<DeadLetterFilter>,
) -> Answer<Document<DeadLetterPage>> {
    let (limit, first) = (page::limit(limit)?, page::position(cursor.as_deref())?.unwrap_or(0));
    let request = DeadLettersRequest { run: named(run)?, destination, limit: 0 };
    let mut letters = context.app().dead_letters(&request).await?;
    let items = letters.part(first, limit.saturating_add(1)).await?;
    Ok(Document(DeadLetterPage { summary: letters.summary, page: Page::numbered(items, limit, first) }))
}

/// What to replay.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Replay {
    /// Only dead letters, or rejected rows, with this code.
    code: Option<Code>,
    /// Only dead letters of this destination; with `all`: where the calls go.
    destination: Option<String>,
    /// How; otherwise as is usual for the type of the sync.
    mode: Option<ReplayMode>,
    /// Also what was replayed before, and calls that may overwrite a newer state.
    force: bool,
}

/// Sends calls of a run again: its dead letters, its rejected rows, or all.
#[utoipa::path(post, path = "/api/v1/runs/{run}/replay", operation_id = "replay_run", tag = "runs",
    params(("run" = u64, Path, description = "its number"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes the request repeatable for a day")),
    request_body = Option<Replay>, responses((status = 202, body = StartedReplay)))]
pub(crate) async fn replay(
    may: May<to::StartRuns>,
    State(context): State<Context>,
    Path(run): Path<u64>,
    headers: HeaderMap,
    Options { options, text }: Options<Replay>,
) -> Answer<Response> {
    let Replay { code, destination, mode, force } = options;
    let delivery_timeout = Duration::from_secs(600);
    let request =
        ReplayRequest { run: named(run)?, code, destination, mode, force, delivery_timeout, wait: false };
    let begin = async { Ok(may.app.start_replay(&request, &Caller::silent()).await?) };
    let asked = format!("replay {run} {text}");
    let person = &may.principal.actor.name;
    context.keys().once(&headers, person, &asked, StatusCode::ACCEPTED, begin).await
}

/// Approves a run that a guard or a budget keeps: it is delivered.
#[utoipa::path(post, path = "/api/v1/runs/{run}/approve", operation_id = "approve_run", tag = "runs",
    params(("run" = u64, Path, description = "its number")),
    responses((status = 200, body = RunListEntry)))]
pub(crate) async fn approve(
    may: May<to::DecideRuns>,
    Path(run): Path<u64>,
) -> Answer<Document<RunListEntry>> {
    Ok(Document(may.app.start_approved(&named(run)?, &Caller::silent()).await?))
}

/// How to reject.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Reject {
    /// `last_sync_time` moves as if the run had been sent.
    skip_window: bool,
}

/// Drops a run that a guard or a budget keeps: none of its calls is sent.
#[utoipa::path(post, path = "/api/v1/runs/{run}/reject", operation_id = "reject_run", tag = "runs",
    params(("run" = u64, Path, description = "its number")),
    request_body = Option<Reject>, responses((status = 200, body = RunDocument)))]
pub(crate) async fn reject(
    may: May<to::DecideRuns>,
    Path(run): Path<u64>,
    Options { options, .. }: Options<Reject>,
) -> Answer<Document<RunDocument>> {
    let request = RejectRequest { run: named(run)?, skip_window: options.skip_window, wait: false };
    Ok(Document(may.app.reject(&request, &Caller::silent()).await?))
}

/// Recounts a run from its segments.
#[utoipa::path(post, path = "/api/v1/runs/{run}/verify", operation_id = "verify_run", tag = "runs",
    params(("run" = u64, Path, description = "its number")),
    responses((status = 200, body = Verification)))]
pub(crate) async fn verify(
    _: May<to::ReadRuns>,
    State(context): State<Context>,
    Path(run): Path<u64>,
) -> Answer<Document<Verification>> {
    let _place = context.preview()?;
    Ok(Document(context.app().verify(named(run)?).await?))
}
