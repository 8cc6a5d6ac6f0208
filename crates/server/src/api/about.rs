//! The installation itself: whether it lives, its version, and the description of the API.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use outflow_app::metrics::CONTENT_TYPE;
use outflow_core::Code;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::{May, to};
use crate::context::Context;
use crate::problem::Refusal;
use crate::reply::{Answer, Document};

/// The process answers.
///
/// It says nothing else, and needs no permission: it is for load balancers.
#[utoipa::path(get, path = "/healthz", tag = "about", responses((status = 200, body = str, content_type = "text/plain")))]
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// The process answers and can read its state.
///
/// It says nothing else, and needs no permission: it is for load balancers.
#[utoipa::path(get, path = "/readyz", tag = "about", responses(
    (status = 200, body = str, content_type = "text/plain"),
    (status = 503, description = "it cannot read its state", body = str, content_type = "text/plain"),
))]
pub(crate) async fn ready(State(context): State<Context>) -> Response {
    match context.app().is_ready().await {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

/// The metrics of this process, in the text format of Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "about",
    responses((status = 200, body = str, content_type = "text/plain")))]
pub(crate) async fn metrics(may: May<to::ReadMetrics>) -> Answer<Response> {
    let page = may.app.metrics().await?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], page).into_response())
}

/// The version.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionDocument {
    /// The version of Outflow.
    version: &'static str,
    /// The version of documents, which grows when a field changes its meaning or goes.
    format_version: u32,
}

/// The version of Outflow.
#[utoipa::path(get, path = "/api/v1/version", tag = "about", responses((status = 200, body = VersionDocument)))]
pub(crate) async fn version(_: May<to::ReadStatus>) -> Document<VersionDocument> {
    let format_version = outflow_app::FORMAT_VERSION;
    Document(VersionDocument { version: env!("CARGO_PKG_VERSION"), format_version })
}

/// How the process is.
#[derive(Serialize, ToSchema)]
pub(crate) struct HealthDocument {
    /// The state can be read, and no alert fires.
    ok: bool,
    /// The alerts that fire.
    alerts: u64,
}

/// How the process is, in two words.
#[utoipa::path(get, path = "/api/v1/health", tag = "about", responses((status = 200, body = HealthDocument)))]
pub(crate) async fn health(
    _: May<to::ReadStatus>,
    State(context): State<Context>,
) -> Answer<Document<HealthDocument>> {
    let alerts = context.app().alerts().await?.alerts.len() as u64;
    Ok(Document(HealthDocument { ok: alerts == 0, alerts }))
}

/// The description of this API (OpenAPI 3.1).
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "about", responses((status = 200, body = Value)))]
pub(crate) async fn openapi(_: May<to::ReadStatus>, State(context): State<Context>) -> Answer<Response> {
    let missing = || Refusal::new(Code::TaskFailed, "the description of the API cannot be written");
    Ok(Document(context.description().ok_or_else(missing)?).into_response())
}
