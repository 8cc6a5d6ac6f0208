//! Syncs: what they are, what a run would read, and beginning runs.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use outflow_app::{
    Caller, EstimateDocument, EstimateRequest, PauseDocument, PauseKind, PauseRequest, PreviewDocument,
    PreviewRequest, PreviewStart, RunRequest, Selection, Selectors, StartedRun, SyncDetail, SyncList,
};
use outflow_core::{Code, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, to};
use crate::context::Context;
use crate::extract::{Options, Path, Query};
use crate::problem::Refusal;
use crate::reply::{Answer, Document};

/// A preview has no more rows than this.
const MOST_ROWS: u64 = 1_000;
/// Rows are counted no longer than this.
const LONGEST_COUNT: u64 = 120;

/// Which syncs.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct SyncFilter {
    /// Names, patterns such as `users_*`, `tag:NAME`, `source:NAME` or `destination:NAME`, with
    /// commas between.
    select: Option<String>,
    /// The same, for what is left out.
    exclude: Option<String>,
}

/// The syncs, in the order of the project.
#[utoipa::path(get, path = "/api/v1/syncs", operation_id = "syncs", tag = "syncs", params(SyncFilter),
    responses((status = 200, body = SyncList)))]
pub(crate) async fn list(
    _: May<to::ReadProject>,
    State(context): State<Context>,
    Query(filter): Query<SyncFilter>,
) -> Answer<Document<SyncList>> {
    let parts = |text: Option<String>| {
        text.iter().flat_map(|text| text.split(',')).map(str::to_owned).collect::<Vec<_>>()
    };
    let which = Selectors { select: parts(filter.select), exclude: parts(filter.exclude) };
    Ok(Document(context.app().list(&which).await?))
}

/// A sync with its query and the next five times at which it is due.
#[utoipa::path(get, path = "/api/v1/syncs/{sync}", operation_id = "sync", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    responses((status = 200, body = SyncDetail)))]
pub(crate) async fn get(
    _: May<to::ReadProject>,
    State(context): State<Context>,
    Path(sync): Path<String>,
) -> Answer<Document<SyncDetail>> {
    Ok(Document(context.app().sync(&sync).await?))
}

/// How a run differs from an incremental one.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StartRun {
    /// Everything, as in the first run.
    full: bool,
    /// What has changed since this time.
    since: Option<Timestamp>,
    /// No more rows than this.
    #[schema(minimum = 1)]
    limit: Option<u64>,
    /// To this destination alone.
    destination: Option<String>,
    /// Events count again: none gets the id that it had.
    new_ids: bool,
    /// Events may go out under second ids.
    allow_second_ids: bool,
}

/// Begins a run.
///
/// A sync that is busy runs when it no longer is. With an `Idempotency-Key` a repeated request
/// begins one run.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/runs", operation_id = "start_run", tag = "syncs",
    params(("sync" = String, Path, description = "its name"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes the request repeatable for a day")),
    request_body = Option<StartRun>, responses((status = 202, body = StartedRun)))]
pub(crate) async fn run(
    may: May<to::StartRuns>,
    State(context): State<Context>,
    Path(sync): Path<String>,
    headers: HeaderMap,
    Options { options, text }: Options<StartRun>,
) -> Answer<Response> {
    let StartRun { full, since, limit, destination, new_ids, allow_second_ids } = options;
    if full && since.is_some() {
        let message = "`full` reads everything, and `since` only what has changed since a time";
        return Err(Refusal::new(Code::InvalidValue, message).at("since"));
    }
    if limit == Some(0) {
        return Err(Refusal::new(Code::InvalidValue, "a run of no row is none").at("limit"));
    }
    let usual = RunRequest::new(Selection::Named(vec![sync.clone()]));
    let request = RunRequest { full, since, limit, destination, new_ids, yes: allow_second_ids, ..usual };
    let begin = async {
        let started = may.app.start(&request, &Caller::silent()).await?;
        let none = || Refusal::new(Code::NoSuchSyncOrRun, format!("there is no sync {sync:?}"));
        started.into_iter().next().ok_or_else(none)
    };
    let asked = format!("run {sync} {text}");
    let person = &may.principal.actor.name;
    context.keys().once(&headers, person, &asked, StatusCode::ACCEPTED, begin).await
}

/// Pauses a sync: its schedule begins no run. Runs in flight go on.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/pause", operation_id = "pause_sync", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    responses((status = 200, body = PauseDocument)))]
pub(crate) async fn pause(may: May<to::Pause>, Path(sync): Path<String>) -> Answer<Document<PauseDocument>> {
    let request = PauseRequest { names: vec![sync], kind: Some(PauseKind::Sync), wait: false };
    Ok(Document(may.app.pause(&request, &Caller::silent()).await?))
}

/// Resumes a sync.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/resume", operation_id = "resume_sync", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    responses((status = 200, body = PauseDocument)))]
pub(crate) async fn resume(may: May<to::Pause>, Path(sync): Path<String>) -> Answer<Document<PauseDocument>> {
    let request = PauseRequest { names: vec![sync], kind: Some(PauseKind::Sync), wait: false };
    Ok(Document(may.app.resume(&request, &Caller::silent()).await?))
}

/// What to preview.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Preview {
    /// The first run, in place of the next one.
    first: bool,
    /// A run that begins at this time.
    since: Option<Timestamp>,
    /// Calls in place of rows.
    calls: bool,
    /// The requests that each destination would get in place of rows: address, headers without
    /// secrets, body.
    requests: bool,
    /// How many rows; 10 if nothing is said.
    #[schema(minimum = 1, maximum = 1000)]
    limit: Option<u64>,
}

impl Preview {
    fn start(first: bool, since: Option<Timestamp>) -> Result<PreviewStart, Refusal> {
        match (first, since) {
            (true, Some(_)) => {
                let message = "`first` and `since` are two different beginnings";
                Err(Refusal::new(Code::InvalidValue, message).at("since"))
            }
            (true, None) => Ok(PreviewStart::First),
            (false, Some(at)) => Ok(PreviewStart::At(at)),
            (false, None) => Ok(PreviewStart::Next),
        }
    }
}

/// The first rows, calls or requests of a run, without moving or sending anything: of a sync, or of
/// a draft as if it were enabled.
///
/// Closing the connection cancels the query.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/preview", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    request_body = Option<Preview>, responses((status = 200, body = PreviewDocument)))]
pub(crate) async fn preview(
    _: May<to::ReadRows>,
    State(context): State<Context>,
    Path(sync): Path<String>,
    Options { options, .. }: Options<Preview>,
) -> Answer<Document<PreviewDocument>> {
    let Preview { first, since, calls, requests, limit } = options;
    if calls && requests {
        let message = "`calls` and `requests` are two different forms";
        return Err(Refusal::new(Code::InvalidValue, message).at("requests"));
    }
    let start = Preview::start(first, since)?;
    let limit = limit.unwrap_or(10);
    if !(1..=MOST_ROWS).contains(&limit) {
        let message = format!("a preview has from 1 to {MOST_ROWS} rows");
        return Err(Refusal::new(Code::InvalidValue, message).at("limit"));
    }
    let _place = context.preview()?;
    let request = PreviewRequest { sync, start, calls, requests, limit, once: false };
    let shown = context.app().preview(&request).await;
    Ok(Document(shown.map_err(|failure| Refusal::from(failure.errors))?))
}

/// What to estimate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Estimate {
    /// The first run, in place of the next one.
    first: bool,
    /// A run that begins at this time.
    since: Option<Timestamp>,
    /// How long rows are counted; after that the database's plan gives the number. 30 if nothing
    /// is said.
    #[schema(minimum = 1, maximum = 120)]
    timeout_seconds: Option<u64>,
}

/// How many rows a run would read and what it would send, without sending anything.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/estimate", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    request_body = Option<Estimate>, responses((status = 200, body = EstimateDocument)))]
pub(crate) async fn estimate(
    _: May<to::QuerySources>,
    State(context): State<Context>,
    Path(sync): Path<String>,
    Options { options, .. }: Options<Estimate>,
) -> Answer<Document<EstimateDocument>> {
    let start = Preview::start(options.first, options.since)?;
    let seconds = options.timeout_seconds.unwrap_or(30);
    if !(1..=LONGEST_COUNT).contains(&seconds) {
        let message = format!("rows are counted for 1 to {LONGEST_COUNT} seconds");
        return Err(Refusal::new(Code::InvalidValue, message).at("timeout_seconds"));
    }
    let _place = context.preview()?;
    let request = EstimateRequest { sync, start, timeout: Duration::from_secs(seconds) };
    Ok(Document(context.app().estimate(&request).await?))
}
