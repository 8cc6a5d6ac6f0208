//! Runs: what they did, what went wrong with which rows and calls, and what a person decides.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use outflow_app::{
    Caller, DeadLetterDocument, DeadLetterSummary, DeadLettersRequest, LetterPlace, RejectRequest,
    RejectedRequest, RejectedSummary, Rejection, ReplayMode, ReplayRequest, RunDocument, RunListEntry,
    RunName, RunsRequest, StartedReplay, Verification,
};
use outflow_core::run::RunKind;
use outflow_core::{Code, RunId, RunState, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, Permission, to};
use crate::context::Context;
use crate::extract::{Options, Path, Query};
use crate::page::{self, Page};
use crate::problem::Refusal;
use crate::reply::{Answer, Document};

/// The number of a run in a path. No run has a number beyond what the state can keep.
pub(crate) fn named(run: u64) -> Result<RunName, Refusal> {
    match i64::try_from(run) {
        Ok(_) => Ok(RunName::Number(RunId(run))),
        Err(_) => Err(Refusal::new(Code::NoSuchSyncOrRun, format!("there is no run {run}"))),
    }
}

/// Which runs. All conditions hold.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunFilter {
    /// Of this sync alone.
    sync: Option<String>,
    /// In one of these states, separated by commas: `partial,failed`.
    state: Option<String>,
    /// Of this kind: `incremental`, `full`, `since`, `backfill` or `replay`.
    kind: Option<String>,
    /// That began at this time or later.
    since: Option<Timestamp>,
    /// That began before this time.
    until: Option<Timestamp>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
}

impl RunFilter {
    fn request(self) -> Result<RunsRequest, Refusal> {
        let Self { sync, state, kind, since, until, limit, cursor } = self;
        let states = state.iter().flat_map(|states| states.split(','));
        let known = |name: &str| {
            let unknown = || {
                let message = format!("{name:?} is no state of a run");
                Refusal::new(Code::InvalidValue, message).at("state")
            };
            RunState::from_name(name.trim()).ok_or_else(unknown)
        };
        let states = states.map(known).collect::<Result<_, _>>()?;
        if let Some(kind) = kind.as_ref().filter(|kind| !RunKind::NAMES.contains(&kind.as_str())) {
            let message = format!("{kind:?} is no kind of a run");
            let help = format!("write one of these: {}", RunKind::NAMES.join(", "));
            return Err(Refusal::new(Code::InvalidValue, message).at("kind").help(&help));
        }
        let (limit, before) = (page::limit(limit)?, page::position(cursor.as_deref())?.map(RunId));
        Ok(RunsRequest { sync, states, kind, since, until, before, limit })
    }
}

/// Runs, the newest first.
#[utoipa::path(get, path = "/api/v1/runs", operation_id = "runs", tag = "runs", params(RunFilter),
    responses((status = 200, body = Page<RunListEntry>)))]
pub(crate) async fn list(
    may: May<to::ReadRuns>,
    Query(filter): Query<RunFilter>,
) -> Answer<Document<Page<RunListEntry>>> {
    let mut page = may.app.runs_page(&filter.request()?).await?;
    page.runs.iter_mut().for_each(|run| words_for(&may, &mut run.document));
    Ok(Document(Page::with_next(page.runs, page.next.map(|next| next.to_string()))))
}

/// What a database or a destination said of a run can hold values of rows: it is for those who may
/// see them.
pub(crate) fn words_for<P>(may: &May<P>, run: &mut RunDocument) {
    if !may.principal.may(Permission::ReadRows) {
        run.hide_words();
    }
}

/// A run: its stages, its numbers, its destinations.
#[utoipa::path(get, path = "/api/v1/runs/{run}", operation_id = "run", tag = "runs",
    params(("run" = u64, Path, description = "its number")),
    responses((status = 200, body = RunListEntry)))]
pub(crate) async fn get(may: May<to::ReadRuns>, Path(run): Path<u64>) -> Answer<Document<RunListEntry>> {
    let mut entry = may.app.recorded_run(&named(run)?).await?;
    words_for(&may, &mut entry.document);
    Ok(Document(entry))
}

/// Which rejected rows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RejectedFilter {
    /// Of this code alone.
    code: Option<Code>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,18}$")]
    cursor: Option<String>,
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
///
/// A page of a code that few rows have can have fewer items than `limit`, and a next page.
#[utoipa::path(get, path = "/api/v1/runs/{run}/rejected", tag = "runs",
    params(("run" = u64, Path, description = "its number"), RejectedFilter),
    responses((status = 200, body = RejectedPage)))]
pub(crate) async fn rejected(
    may: May<to::ReadRows>,
    Path(run): Path<u64>,
    Query(RejectedFilter { code, limit, cursor }): Query<RejectedFilter>,
) -> Answer<Document<RejectedPage>> {
    let (limit, from) = (page::limit(limit)?, page::position(cursor.as_deref())?.unwrap_or(0));
    let mut rows = may.app.rejected(&RejectedRequest { run: named(run)?, limit: 0, code, from }).await?;
    let (items, next) = rows.page(from, limit).await?;
    let page = Page::with_next(items, next.map(|next| next.to_string()));
    Ok(Document(RejectedPage { summary: rows.summary, page }))
}

/// Dead letters of a run.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeadLetterPage {
    /// What they have in common; `causes` is on the first page.
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
    /// Of this code alone.
    code: Option<Code>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^[0-9]{1,9}-[0-9]{1,18}$")]
    cursor: Option<String>,
}

/// The causes on the first page are those of this many dead letters of each destination.
const CAUSES_OF: u64 = 2_000;

/// Calls that destinations refused for good, with their values.
///
/// A page of a code that few calls have can have fewer items than `limit`, and a next page.
#[utoipa::path(get, path = "/api/v1/runs/{run}/dead-letters", tag = "runs",
    params(("run" = u64, Path, description = "its number"), DeadLetterFilter),
    responses((status = 200, body = DeadLetterPage)))]
pub(crate) async fn dead_letters(
    may: May<to::ReadRows>,
    Path(run): Path<u64>,
    Query(DeadLetterFilter { destination, code, limit, cursor }): Query<DeadLetterFilter>,
) -> Answer<Document<DeadLetterPage>> {
    let (limit, from) = (page::limit(limit)?, page::pair(cursor.as_deref())?);
    let from = from.map(|(destination, position)| LetterPlace { destination, position });
    let run = named(run)?;
    let request = DeadLettersRequest { run, destination, limit: 0, code, from, causes_of: CAUSES_OF };
    let mut letters = may.app.dead_letters(&request).await?;
    let (items, next) = letters.page(limit).await?;
    let next = next.map(|LetterPlace { destination, position }| format!("{destination}-{position}"));
    Ok(Document(DeadLetterPage { summary: letters.summary, page: Page::with_next(items, next) }))
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
    let mut entry = may.app.start_approved(&named(run)?, &Caller::silent()).await?;
    words_for(&may, &mut entry.document);
    Ok(Document(entry))
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
    let mut document = may.app.reject(&request, &Caller::silent()).await?;
    words_for(&may, &mut document);
    Ok(Document(document))
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
