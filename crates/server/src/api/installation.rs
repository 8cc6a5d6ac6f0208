//! The installation as a whole: how it is, what was sent, what is wrong, and its project.

use axum::extract::State;
use outflow_app::{
    AlertList, AlertTest, Caller, StateVerification, StatusDocument, UsageDocument, UsageRequest,
    ValidationDocument, schema,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, Permission, to};
use crate::context::Context;
use crate::extract::{Options, Query};
use crate::reply::{Answer, Document};

/// How the installation is: syncs, what waits, what is wrong.
#[utoipa::path(get, path = "/api/v1/status", tag = "installation",
    responses((status = 200, body = StatusDocument)))]
pub(crate) async fn status(may: May<to::ReadStatus>) -> Answer<Document<StatusDocument>> {
    let mut status = may.app.status().await?;
    if !may.principal.may(Permission::ReadRows) {
        status.hide_words();
    }
    Ok(Document(status))
}

/// Which calls.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct UsageFilter {
    /// The month; otherwise the current one.
    #[param(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$", example = "2026-11")]
    month: Option<String>,
    /// Of this sync alone.
    sync: Option<String>,
    /// Each day by itself.
    #[serde(default)]
    #[param(required = false)]
    days: bool,
}

/// How many rows were read and how many calls were sent in a month.
#[utoipa::path(get, path = "/api/v1/usage", tag = "installation", params(UsageFilter),
    responses((status = 200, body = UsageDocument)))]
pub(crate) async fn usage(
    _: May<to::ReadUsage>,
    State(context): State<Context>,
    Query(UsageFilter { month, sync, days }): Query<UsageFilter>,
) -> Answer<Document<UsageDocument>> {
    Ok(Document(context.app().usage(&UsageRequest { month, sync, days }).await?))
}

/// The alerts that fire.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "installation",
    responses((status = 200, body = AlertList)))]
pub(crate) async fn alerts(
    _: May<to::ReadAlerts>,
    State(context): State<Context>,
) -> Answer<Document<AlertList>> {
    Ok(Document(context.app().alerts().await?))
}

/// Sends a test alert to every receiver.
#[utoipa::path(post, path = "/api/v1/alerts/test", tag = "installation",
    responses((status = 200, body = AlertTest)))]
pub(crate) async fn test_alerts(
    may: May<to::ManageAlerts>,
    State(context): State<Context>,
) -> Answer<Document<AlertTest>> {
    let _place = context.preview()?;
    Ok(Document(may.app.test_alerts(&Caller::silent()).await?))
}

/// How to validate.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Validate {
    /// Also ask the databases.
    connect: bool,
}

/// Every problem of the project and of its queries.
#[utoipa::path(post, path = "/api/v1/validate", tag = "installation",
    request_body = Option<Validate>, responses((status = 200, body = ValidationDocument)))]
pub(crate) async fn validate(
    _: May<to::QuerySources>,
    State(context): State<Context>,
    Options { options, .. }: Options<Validate>,
) -> Answer<Document<ValidationDocument>> {
    let _place = context.preview()?;
    Ok(Document(context.app().validate(options.connect).await))
}

/// The project that is in force.
#[derive(Serialize, ToSchema)]
pub(crate) struct Reloaded {
    /// The project was read again and is in force.
    reloaded: bool,
}

/// Reads the project's files again. The new project takes the place of the old one as a whole, or
/// not at all.
#[utoipa::path(post, path = "/api/v1/reload", tag = "installation",
    responses((status = 200, body = Reloaded)))]
pub(crate) async fn reload(may: May<to::ManageSettings>) -> Answer<Document<Reloaded>> {
    Ok(Document(Reloaded { reloaded: may.app.reload().await? }))
}

/// Checks the state itself, and recounts every run that is kept.
#[utoipa::path(post, path = "/api/v1/verify", operation_id = "verify_state", tag = "installation",
    responses((status = 200, body = StateVerification)))]
pub(crate) async fn verify(
    _: May<to::ManageSettings>,
    State(context): State<Context>,
) -> Answer<Document<StateVerification>> {
    let _place = context.preview()?;
    Ok(Document(context.app().verify_all().await?))
}

/// The JSON Schema of the project's file.
#[utoipa::path(get, path = "/api/v1/schema", tag = "installation", responses((status = 200, body = Value)))]
pub(crate) async fn project_schema(_: May<to::ReadProject>) -> Document<Value> {
    Document(schema())
}
