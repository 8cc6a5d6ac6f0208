//! Sources and destinations: what there are, whether they can be reached, and pauses.

use axum::extract::State;
use axum::response::Response;
use outflow_app::{
    Caller, CancelReport, CancelRequest, CatalogueDocument, CatalogueRequest, DatabaseDocument,
    DestinationDocument, DestinationTest, DestinationTestEvent, DestinationTestRequest, PauseDocument,
    PauseKind, PauseRequest, SourceTest, SourceTestEvent, destination_kinds,
};
use outflow_core::Code;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, Permission, to};
use crate::context::Context;
use crate::extract::{Options, Path, Query};
use crate::problem::Refusal;
use crate::reply::{Answer, Document};
use crate::stream;

/// All of something.
#[derive(Serialize, ToSchema)]
pub(crate) struct All<T> {
    /// The items.
    items: Vec<T>,
}

/// The databases of all sources.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources",
    responses((status = 200, body = All<DatabaseDocument>)))]
pub(crate) async fn sources(
    _: May<to::ReadProject>,
    State(context): State<Context>,
) -> Answer<Document<All<DatabaseDocument>>> {
    Ok(Document(All { items: context.app().sources().await? }))
}

/// How to test.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestSource {
    /// Test the source as if it were defined like this; nothing is saved. This needs
    /// `project.write`, too, and `{source}` is the name of a source.
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
}

/// Tests the databases that the name means, step by step.
///
/// The answer is one JSON document a line: `{"database", "check"}` for each step as it ends, and at
/// last `{"result"}`, or `{"problem"}` if the test broke off.
#[utoipa::path(post, path = "/api/v1/sources/{source}/test", tag = "sources",
    params(("source" = String, Path, description = "`SOURCE.DATABASE`, or `SOURCE` for all of its databases")),
    request_body = Option<TestSource>,
    responses((status = 200, body = SourceTest, content_type = "application/x-ndjson")))]
pub(crate) async fn test_source(
    may: May<to::QuerySources>,
    State(context): State<Context>,
    Path(source): Path<String>,
    Options { options: TestSource { value }, .. }: Options<TestSource>,
) -> Answer<Response> {
    if value.is_some() {
        may.principal.require(Permission::WriteProject)?;
    }
    let place = context.preview()?;
    let making = move |steps: stream::Steps| async move {
        let _place = place;
        let report = |event: SourceTestEvent<'_>| {
            if let SourceTestEvent::Check(database, check) = event {
                steps.line(&json!({ "database": database, "check": check }));
            }
        };
        let result = match &value {
            Some(value) => may.app.test_source_as(&source, value, report).await?,
            None => may.app.test_source(&source, report).await?,
        };
        steps.line(&json!({ "result": result }));
        Ok(())
    };
    stream::steps(making).await
}

/// What of a catalogue.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct CatalogueFilter {
    /// Of this schema alone.
    schema: Option<String>,
    /// Of tables of this name alone.
    table: Option<String>,
    /// Ask the database, whatever is kept from the last five minutes.
    #[serde(default)]
    #[param(required = false)]
    refresh: bool,
}

/// The tables and columns that the account of a database can read.
///
/// What the database said is kept for five minutes.
#[utoipa::path(get, path = "/api/v1/sources/{source}/catalogue", tag = "sources",
    params(("source" = String, Path, description = "`SOURCE.DATABASE`, or `SOURCE` if that has one"),
        CatalogueFilter),
    responses((status = 200, body = CatalogueDocument)))]
pub(crate) async fn catalogue(
    may: May<to::QuerySources>,
    State(context): State<Context>,
    Path(name): Path<String>,
    Query(CatalogueFilter { schema, table, refresh }): Query<CatalogueFilter>,
) -> Answer<Document<CatalogueDocument>> {
    let _place = context.preview()?;
    let request = CatalogueRequest { name, schema, table, refresh };
    Ok(Document(may.app.catalogue(&request).await?))
}

/// The destinations.
#[utoipa::path(get, path = "/api/v1/destinations", tag = "destinations",
    responses((status = 200, body = All<DestinationDocument>)))]
pub(crate) async fn destinations(
    _: May<to::ReadProject>,
    State(context): State<Context>,
) -> Answer<Document<All<DestinationDocument>>> {
    Ok(Document(All { items: context.app().destinations().await? }))
}

/// How to test.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TestDestination {
    /// A webhook gets a test call.
    send: bool,
    /// Test the destination as if it were defined like this; nothing is saved. This needs
    /// `project.write`, too.
    #[schema(value_type = Option<Object>)]
    value: Option<Value>,
}

/// Tests a destination, step by step. No call of a person is sent.
///
/// The answer is one JSON document a line: `{"destination", "check"}` for each step as it ends, and
/// at last `{"result"}`, or `{"problem"}` if the test broke off.
#[utoipa::path(post, path = "/api/v1/destinations/{destination}/test", tag = "destinations",
    params(("destination" = String, Path, description = "its name")),
    request_body = Option<TestDestination>,
    responses((status = 200, body = DestinationTest, content_type = "application/x-ndjson")))]
pub(crate) async fn test_destination(
    may: May<to::TestDestinations>,
    State(context): State<Context>,
    Path(destination): Path<String>,
    Options { options: TestDestination { send, value }, .. }: Options<TestDestination>,
) -> Answer<Response> {
    if value.is_some() {
        may.principal.require(Permission::WriteProject)?;
    }
    let place = context.preview()?;
    let making = move |steps: stream::Steps| async move {
        let _place = place;
        let report = |event: DestinationTestEvent<'_>| {
            if let DestinationTestEvent::Check(name, kind, check) = event {
                steps.line(&json!({ "destination": name, "type": kind, "check": check }));
            }
        };
        let result = match &value {
            Some(value) => may.app.test_destination_as(&destination, value, send, report).await?,
            None => {
                let request = DestinationTestRequest { names: vec![destination], send };
                may.app.test_destinations(&request, report).await?
            }
        };
        steps.line(&json!({ "result": result }));
        Ok(())
    };
    stream::steps(making).await
}

/// Pauses a destination: it gets nothing, and its calls wait in order.
#[utoipa::path(post, path = "/api/v1/destinations/{destination}/pause", operation_id = "pause_destination", tag = "destinations",
    params(("destination" = String, Path, description = "its name")),
    responses((status = 200, body = PauseDocument)))]
pub(crate) async fn pause(
    may: May<to::Pause>,
    Path(destination): Path<String>,
) -> Answer<Document<PauseDocument>> {
    Ok(Document(may.app.pause(&paused(destination), &Caller::silent()).await?))
}

/// Resumes a destination.
#[utoipa::path(post, path = "/api/v1/destinations/{destination}/resume", operation_id = "resume_destination", tag = "destinations",
    params(("destination" = String, Path, description = "its name")),
    responses((status = 200, body = PauseDocument)))]
pub(crate) async fn resume(
    may: May<to::Pause>,
    Path(destination): Path<String>,
) -> Answer<Document<PauseDocument>> {
    Ok(Document(may.app.resume(&paused(destination), &Caller::silent()).await?))
}

fn paused(destination: String) -> PauseRequest {
    PauseRequest { names: vec![destination], kind: Some(PauseKind::Destination), wait: false }
}

/// What to give up.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Cancel {
    /// Of this sync alone.
    sync: Option<String>,
}

/// Gives up the calls that wait for a destination that the project no longer has.
#[utoipa::path(post, path = "/api/v1/destinations/{destination}/cancel", operation_id = "cancel_calls", tag = "destinations",
    params(("destination" = String, Path, description = "its name")),
    request_body = Option<Cancel>, responses((status = 200, body = CancelReport)))]
pub(crate) async fn cancel(
    may: May<to::DecideRuns>,
    Path(destination): Path<String>,
    Options { options, .. }: Options<Cancel>,
) -> Answer<Document<CancelReport>> {
    let request = CancelRequest { destination, sync: options.sync, wait: false };
    Ok(Document(may.app.cancel(&request, &Caller::silent()).await?))
}

/// A type of destination.
#[derive(Serialize, ToSchema)]
pub(crate) struct DestinationType {
    /// Its name: the value of `type`.
    #[serde(rename = "type")]
    kind: String,
    /// The JSON Schema of its settings.
    #[schema(value_type = BTreeMap<String, Value>)]
    settings: Value,
}

/// The types of destinations that Outflow knows, with the JSON Schema of their settings.
#[utoipa::path(get, path = "/api/v1/destination-types", operation_id = "destination_types", tag = "destinations",
    responses((status = 200, body = All<DestinationType>)))]
pub(crate) async fn types(_: May<to::ReadProject>) -> Document<All<DestinationType>> {
    let all = destination_kinds().into_iter();
    Document(All { items: all.map(|(kind, settings)| DestinationType { kind, settings }).collect() })
}

/// A type of destination, with the JSON Schema of its settings.
#[utoipa::path(get, path = "/api/v1/destination-types/{type}", operation_id = "destination_type", tag = "destinations",
    params(("type" = String, Path, description = "the value of `type`")),
    responses((status = 200, body = DestinationType)))]
pub(crate) async fn one_type(
    _: May<to::ReadProject>,
    Path(wanted): Path<String>,
) -> Answer<Document<DestinationType>> {
    let found = destination_kinds().into_iter().find(|(kind, _)| *kind == wanted);
    let missing = || Refusal::new(Code::NoSuchSyncOrRun, format!("there is no type {wanted:?}"));
    let (kind, settings) = found.ok_or_else(missing)?;
    Ok(Document(DestinationType { kind, settings }))
}
