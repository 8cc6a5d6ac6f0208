//! The project as a whole: as one file, and moved into the server; connections; schedules.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use outflow_app::{ApplyDocument, Caller, ConnectionList, DefinitionDocument, PlanDocument, SchedulePreview};
use outflow_core::Code;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::access::{May, to};
use crate::context::Context;
use crate::extract::{Json, Path};
use crate::problem::Refusal;
use crate::reply::{self, Answer, Document};

/// A project that is moved into the server.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Import {
    /// The text of `outflow.yaml`, without `include` and `targets`; queries stand in it.
    text: String,
    /// What the server owns and the text does not have is removed.
    #[serde(default)]
    prune: bool,
}

/// Everything that is defined and no draft, as the text of one `outflow.yaml`.
#[utoipa::path(get, path = "/api/v1/project/export", operation_id = "export_project", tag = "project",
    responses((status = 200, body = Value, content_type = "application/yaml")))]
pub(crate) async fn export(may: May<to::ReadProject>) -> Answer<Response> {
    let text = may.app.export().await?;
    Ok(([(header::CONTENT_TYPE, "application/yaml")], text).into_response())
}

/// What would change if a project were the server's. Nothing is changed.
///
/// The answer's `ETag` can be the `If-Match` of `apply`.
#[utoipa::path(post, path = "/api/v1/project/plan", operation_id = "plan_project", tag = "project",
    request_body = Import, responses((status = 200, body = PlanDocument)))]
pub(crate) async fn plan(
    may: May<to::WriteProject>,
    Json(Import { text, prune }): Json<Import>,
) -> Answer<Document<PlanDocument>> {
    Ok(Document(may.app.plan_text(&text, prune).await?))
}

/// Moves a project into the server: all changes of its plan are made, or none.
#[utoipa::path(post, path = "/api/v1/project/apply", operation_id = "apply_project", tag = "project",
    params(("If-Match" = Option<String>, Header, description = "the `ETag` of the plan: another one is A027")),
    request_body = Import, responses((status = 200, body = ApplyDocument)))]
pub(crate) async fn apply(
    may: May<to::WriteProject>,
    headers: HeaderMap,
    Json(Import { text, prune }): Json<Import>,
) -> Answer<Document<ApplyDocument>> {
    let plan = may.app.plan_text(&text, prune).await?;
    let shown = reply::of(StatusCode::OK, &plan);
    let tag = shown.headers().get(header::ETAG);
    if headers.get(header::IF_MATCH).is_some_and(|wanted| wanted != "*" && Some(wanted) != tag) {
        let refusal = Refusal::new(Code::PreconditionFailed, "the plan is another one now").at("If-Match");
        return Err(refusal.help("plan again, and look at what it would change"));
    }
    Ok(Document(may.app.apply(&plan, false, &Caller::silent()).await?))
}

/// The connections: which destinations the syncs of each source send to.
#[utoipa::path(get, path = "/api/v1/connections", operation_id = "connections", tag = "connections",
    responses((status = 200, body = ConnectionList)))]
pub(crate) async fn connections(may: May<to::ReadProject>) -> Answer<Document<ConnectionList>> {
    Ok(Document(may.app.connections().await?))
}

/// Makes a connection, or changes its settings: `{}`, or `{"nulls": "omit"}`.
///
/// It is a change of the source, and a version of it.
#[utoipa::path(put, path = "/api/v1/connections/{source}/{destination}", operation_id = "connect",
    tag = "connections", request_body = BTreeMap<String, Value>,
    params(("source" = String, Path, description = "the source"),
        ("destination" = String, Path, description = "the destination")),
    responses((status = 200, body = DefinitionDocument)))]
pub(crate) async fn connect(
    may: May<to::WriteProject>,
    Path((source, destination)): Path<(String, String)>,
    Json(settings): Json<Value>,
) -> Answer<Document<DefinitionDocument>> {
    let caller = Caller::silent();
    Ok(Document(may.app.change_connection(&source, &destination, Some(&settings), &caller).await?))
}

/// Removes a connection. It is a change of the source, and a version of it.
#[utoipa::path(delete, path = "/api/v1/connections/{source}/{destination}", operation_id = "disconnect",
    tag = "connections",
    params(("source" = String, Path, description = "the source"),
        ("destination" = String, Path, description = "the destination")),
    responses((status = 200, body = DefinitionDocument)))]
pub(crate) async fn disconnect(
    may: May<to::WriteProject>,
    Path((source, destination)): Path<(String, String)>,
) -> Answer<Document<DefinitionDocument>> {
    let caller = Caller::silent();
    Ok(Document(may.app.change_connection(&source, &destination, None, &caller).await?))
}

/// A schedule that somebody thinks of.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thought {
    /// As `schedule` in a sync: `{"every": "15m"}`, `{"cron": …, "timezone": …}`.
    #[schema(value_type = BTreeMap<String, Value>)]
    schedule: Value,
}

/// The next five times of a schedule, with those between which clocks are changed.
#[utoipa::path(post, path = "/api/v1/schedule/preview", operation_id = "preview_schedule", tag = "project",
    request_body = Thought, responses((status = 200, body = SchedulePreview)))]
pub(crate) async fn schedule(
    _: May<to::ReadProject>,
    State(context): State<Context>,
    Json(Thought { schedule }): Json<Thought>,
) -> Answer<Document<SchedulePreview>> {
    Ok(Document(context.app().preview_schedule(&schedule).await?))
}
