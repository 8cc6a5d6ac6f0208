//! What a person does beside runs: fills gaps, removes a person, sets up an account, looks up who
//! receives alerts.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use outflow_app::{
    BackfillRequest, Caller, GapList, PurgeReport, PurgeRequest, ReceiverList, SetupSqlDocument,
    SetupSqlRequest, StartedRun, parse_names,
};
use outflow_core::{Code, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, Permission, to};
use crate::context::Context;
use crate::extract::{Json, Options, Path, Query};
use crate::problem::Refusal;
use crate::reply::{Answer, Document};

/// Which gaps.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct GapFilter {
    /// Of this sync alone.
    sync: Option<String>,
}

/// What destinations have not got.
#[utoipa::path(get, path = "/api/v1/gaps", operation_id = "gaps", tag = "runs", params(GapFilter),
    responses((status = 200, body = GapList)))]
pub(crate) async fn gaps(
    may: May<to::ReadRuns>,
    Query(GapFilter { sync }): Query<GapFilter>,
) -> Answer<Document<GapList>> {
    let mut gaps = may.app.gaps(sync.as_deref()).await?;
    if !may.principal.may(Permission::ReadRows) {
        gaps.hide_words();
    }
    Ok(Document(gaps))
}

/// What to send a destination.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Backfill {
    /// For this sync alone; otherwise for every enabled sync that has the destination.
    sync: Option<String>,
    /// From this time on; otherwise from where the destination's gap begins.
    since: Option<Timestamp>,
    /// Events may go out under second ids.
    allow_second_ids: bool,
}

/// The runs that fill gaps.
#[derive(Serialize, ToSchema)]
pub(crate) struct Backfilled {
    /// The runs, one for each sync; none if the destination has missed nothing.
    runs: Vec<StartedRun>,
}

/// Begins to send a destination what it has missed.
///
/// A sync whose calls are missing in several parts has one run at a time: the same request begins
/// the next one once that has ended.
#[utoipa::path(post, path = "/api/v1/destinations/{destination}/backfill", operation_id = "backfill",
    tag = "destinations",
    params(("destination" = String, Path, description = "its name"),
        ("Idempotency-Key" = Option<String>, Header, description = "makes the request repeatable for a day")),
    request_body = Option<Backfill>, responses((status = 202, body = Backfilled)))]
pub(crate) async fn backfill(
    may: May<to::StartRuns>,
    State(context): State<Context>,
    Path(destination): Path<String>,
    headers: HeaderMap,
    Options { options, text }: Options<Backfill>,
) -> Answer<Response> {
    let Backfill { sync, since, allow_second_ids: yes } = options;
    let asked = format!("backfill {destination} {text}");
    let delivery_timeout = Duration::from_secs(600);
    let request = BackfillRequest { destination, sync, since, yes, delivery_timeout, wait: false };
    let begin = async { Ok(Backfilled { runs: may.app.start_backfill(&request, &Caller::silent()).await? }) };
    let person = &may.principal.actor.name;
    context.keys().once(&headers, person, &asked, StatusCode::ACCEPTED, begin).await
}

/// Whom to remove.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Purge {
    /// The id of the person in calls.
    id: String,
    /// Say what would be removed, and remove nothing.
    #[serde(default)]
    dry_run: bool,
}

/// Removes a person from the calls and rows that are kept.
#[utoipa::path(post, path = "/api/v1/purge", operation_id = "purge", tag = "installation",
    request_body = Purge, responses((status = 200, body = PurgeReport)))]
pub(crate) async fn purge(
    may: May<to::PurgePeople>,
    State(context): State<Context>,
    Json(Purge { id, dry_run }): Json<Purge>,
) -> Answer<Document<PurgeReport>> {
    if id.is_empty() {
        return Err(Refusal::new(Code::InvalidValue, "an id has a character at least").at("id"));
    }
    let _place = context.preview()?;
    Ok(Document(may.app.purge(&PurgeRequest { id, dry_run, wait: false }, &Caller::silent()).await?))
}

/// For whom the script is.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// Schemas to read whole, with commas between; `public` if this and `tables` are left out.
    schemas: Option<String>,
    /// Tables and views to read, each as `SCHEMA.TABLE`, with commas between.
    tables: Option<String>,
    /// The account; otherwise the database's `user`.
    user: Option<String>,
    /// Also take rights from everybody that the account has as one of everybody.
    #[serde(default)]
    #[param(required = false)]
    revoke_public: bool,
}

/// The SQL for an account that only reads. An administrator of the database runs it.
#[utoipa::path(get, path = "/api/v1/sources/{source}/setup-sql", operation_id = "setup_sql", tag = "sources",
    params(("source" = String, Path, description = "`SOURCE.DATABASE`, or `SOURCE` if that has one"), Account),
    responses((status = 200, body = SetupSqlDocument)))]
pub(crate) async fn setup_sql(
    may: May<to::ReadProject>,
    Path(name): Path<String>,
    Query(Account { schemas, tables, user, revoke_public }): Query<Account>,
) -> Answer<Document<SetupSqlDocument>> {
    let schemas = names(schemas.as_deref(), 1, "schemas")?.concat();
    let tables = names(tables.as_deref(), 2, "tables")?.into_iter().filter_map(|name| {
        let mut parts = name.into_iter();
        Some((parts.next()?, parts.next()?))
    });
    let request = SetupSqlRequest { name, schemas, tables: tables.collect(), user, revoke_public };
    Ok(Document(may.app.setup_sql(request).await?))
}

/// Names of this many parts each.
fn names(text: Option<&str>, parts: usize, field: &str) -> Result<Vec<Vec<String>>, Refusal> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let found = parse_names(text).filter(|names| names.iter().all(|name| name.len() == parts));
    let wrong = || Refusal::new(Code::InvalidValue, "these are no names").at(field);
    found.ok_or_else(wrong)
}

/// Who receives alerts. The key `alerts` of the settings says it.
#[utoipa::path(get, path = "/api/v1/alerts/receivers", operation_id = "receivers", tag = "installation",
    responses((status = 200, body = ReceiverList)))]
pub(crate) async fn receivers(may: May<to::ReadAlerts>) -> Answer<Document<ReceiverList>> {
    Ok(Document(may.app.receivers().await?))
}
