//! Definitions: what sources, destinations, syncs and settings say, and their versions.
//!
//! What always holds: the address of a thing is that of its definition; `ETag` is the version.
//! A change names the version that it replaces (`If-Match`), or the one that there is. What is
//! wrong with a value is said with the path of its key. What this does not do: decide who owns a
//! definition, or what it may say.

pub(super) mod of_kind;

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use outflow_app::{
    Caller, Comparison, DefinitionDocument, DefinitionEdit, DefinitionFilter as Definitions, DefinitionId,
    DefinitionKind, DefinitionRequest, DefinitionStatus, DraftProblems, RenameDocument, field_of,
};
use outflow_core::{Code, Error};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::access::{May, Needs, to};
use crate::extract::{Json, Path, Query};
use crate::page::{self, Page, PageRequest};
use crate::precondition::{self, Precondition};
use crate::problem::Refusal;
use crate::reply::{self, Answer, Document};

/// A new definition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDefinition {
    /// Its name.
    name: String,
    /// What stands under its name in a project file: see `/api/v1/schema`.
    #[schema(value_type = BTreeMap<String, Value>)]
    value: Value,
    /// `draft`: it is no part of the project yet, and anything may be missing. Syncs alone can be
    /// drafts.
    status: Option<DefinitionStatus>,
}

/// Which definitions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefinitionFilter {
    /// Of this kind alone.
    kind: Option<DefinitionKind>,
    /// `draft` or `enabled` ones alone.
    status: Option<DefinitionStatus>,
    /// How many items.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u64>,
    /// `next_cursor` of the page before.
    #[param(pattern = "^(source|destination|sync|setting)/.+$")]
    cursor: Option<String>,
}

/// Which versions.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Versions {
    /// The earlier one.
    #[param(minimum = 1)]
    from: u64,
    /// The later one.
    #[param(minimum = 1)]
    to: u64,
}

/// Another name.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewName {
    /// The name that the sync gets.
    name: String,
}

/// Definitions as they are now, by kind and name, whoever owns them: drafts, too.
#[utoipa::path(get, path = "/api/v1/definitions", tag = "definitions", operation_id = "definitions",
    params(DefinitionFilter), responses((status = 200, body = Page<DefinitionDocument>)))]
pub(crate) async fn list(
    may: May<to::ReadProject>,
    Query(DefinitionFilter { kind, status, limit, cursor }): Query<DefinitionFilter>,
) -> Answer<Document<Page<DefinitionDocument>>> {
    let (limit, after) = (page::limit(limit)?, cursor.as_deref().map(place).transpose()?);
    let filter = Definitions { kind, status, after, limit: limit.saturating_add(1) };
    let found = may.app.definitions(&filter).await?;
    Ok(Document(Page::of(found, limit, |found| format!("{}/{}", found.id.kind.name(), found.id.name))))
}

/// The definition that a cursor `sync/users` means.
fn place(cursor: &str) -> Result<DefinitionId, Refusal> {
    let parts = cursor.split_once('/').filter(|(_, name)| !name.is_empty());
    let id = parts.and_then(|(kind, name)| Some(DefinitionId::new(DefinitionKind::from_name(kind)?, name)));
    id.ok_or_else(page::no_cursor)
}

/// Why a draft cannot be enabled yet, and what is odd about it. No database is asked.
#[utoipa::path(get, path = "/api/v1/syncs/{sync}/problems", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    responses((status = 200, body = DraftProblems)))]
pub(crate) async fn problems(
    may: May<to::ReadProject>,
    Path(sync): Path<String>,
) -> Answer<Document<DraftProblems>> {
    Ok(Document(may.app.validate_draft(&sync).await?))
}

/// Makes a draft a part of the project, if it has no problem.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/enable", tag = "syncs",
    params(("sync" = String, Path, description = "its name"), IfMatch),
    responses((status = 200, body = DefinitionDocument)))]
pub(crate) async fn enable(
    may: May<to::Pause>,
    condition: Precondition,
    Path(sync): Path<String>,
) -> Answer<Response> {
    change(&may, DefinitionId::new(DefinitionKind::Sync, sync), DefinitionEdit::Enable, condition).await
}

/// Gives a sync of the server another name. It keeps `last_sync_time`, its runs, what waits, and
/// the ids of its events.
#[utoipa::path(post, path = "/api/v1/syncs/{sync}/rename", tag = "syncs",
    params(("sync" = String, Path, description = "its name")),
    request_body = NewName, responses((status = 200, body = RenameDocument)))]
pub(crate) async fn rename(
    may: May<to::WriteProject>,
    Path(sync): Path<String>,
    Json(NewName { name }): Json<NewName>,
) -> Answer<Document<RenameDocument>> {
    let renamed = may.app.rename_sync(&sync, &name, false, &Caller::silent()).await;
    Ok(Document(renamed.map_err(|errors| of_value(&DefinitionId::new(DefinitionKind::Sync, name), errors))?))
}

/// The header that names the version.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code, reason = "it describes what `Precondition` reads")]
pub(crate) struct IfMatch {
    /// The `ETag` of the version that is replaced. Another one is A027.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
}

async fn one<P: Needs>(may: &May<P>, id: DefinitionId) -> Answer<Response> {
    let found = may.app.definition(&id).await?;
    Ok(versioned(StatusCode::OK, &found))
}

async fn create<P: Needs>(may: &May<P>, kind: DefinitionKind, new: NewDefinition) -> Answer<Response> {
    let NewDefinition { name, value, status } = new;
    let id = DefinitionId::new(kind, name);
    let status = status.unwrap_or(DefinitionStatus::Enabled);
    let made = made(may, id, DefinitionEdit::Create { value, status }, None).await?;
    Ok(versioned(StatusCode::CREATED, &made))
}

/// Makes a change, if the definition is as the request says.
async fn change<P: Needs>(
    may: &May<P>,
    id: DefinitionId,
    edit: DefinitionEdit,
    condition: Precondition,
) -> Answer<Response> {
    let now = condition.check(version_now(may, &id).await?)?;
    let expected = condition.is_any().then_some(now);
    let made = made(may, id.clone(), edit, expected).await;
    let made = match made {
        // Somebody else was faster than the change, and not than the look at the version.
        Err(refusal) if expected.is_some() && refusal.code() == Code::DefinitionChanged => {
            condition.check(version_now(may, &id).await?)?;
            return Err(refusal);
        }
        made => made?,
    };
    Ok(versioned(if now == 0 { StatusCode::CREATED } else { StatusCode::OK }, &made))
}

/// The version that there is now; 0: none.
async fn version_now<P: Needs>(may: &May<P>, id: &DefinitionId) -> Result<u64, Refusal> {
    match may.app.definition(id).await {
        Ok(found) => Ok(found.version),
        Err(errors) if errors.0.first().is_some_and(|e| e.code() == Code::NoSuchDefinition) => Ok(0),
        Err(errors) => Err(errors.into()),
    }
}

async fn made<P: Needs>(
    may: &May<P>,
    id: DefinitionId,
    edit: DefinitionEdit,
    expected: Option<u64>,
) -> Result<DefinitionDocument, Refusal> {
    let request = DefinitionRequest { id, edit, expected };
    let made = may.app.change_definition(&request, false, &Caller::silent()).await;
    made.map_err(|errors| of_value(&request.id, errors))
}

async fn versions<P: Needs>(
    may: &May<P>,
    id: DefinitionId,
    PageRequest { limit, cursor }: PageRequest,
) -> Answer<Document<Page<DefinitionDocument>>> {
    let (limit, before) = (page::limit(limit)?, page::position(cursor.as_deref())?);
    let list = may.app.definition_versions(&id, before, limit.saturating_add(1)).await?;
    Ok(Document(Page::of(list.versions, limit, |found| found.version)))
}

async fn version<P: Needs>(may: &May<P>, id: DefinitionId, version: u64) -> Answer<Response> {
    Ok(versioned(StatusCode::OK, &may.app.definition_version(&id, numbered(version)?).await?))
}

async fn compare<P: Needs>(
    may: &May<P>,
    id: DefinitionId,
    Versions { from, to }: Versions,
) -> Answer<Document<Comparison>> {
    Ok(Document(may.app.compare_definition(&id, numbered(from)?, numbered(to)?).await?))
}

/// The number of a version. None has a number beyond what the state can keep.
fn numbered(version: u64) -> Result<u64, Refusal> {
    match i64::try_from(version) {
        Ok(_) => Ok(version),
        Err(_) => Err(Refusal::new(Code::NoSuchDefinition, format!("there is no version {version}"))),
    }
}

/// A definition, with its version as the tag.
fn versioned(status: StatusCode, definition: &DefinitionDocument) -> Response {
    let mut response = reply::of(status, definition);
    let tag: HeaderValue = precondition::tag(definition.version);
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// What is wrong with the value of this definition is said with the path of its key.
fn of_value(id: &DefinitionId, errors: outflow_app::Errors) -> Refusal {
    let place = format!("{id} (server)");
    Refusal::from(errors).each(|error: Error| {
        let found = error.place().filter(|found| found.starts_with(&place)).and_then(field_of);
        match found.map(str::to_owned) {
            Some(field) => error.at(field),
            None => error,
        }
    })
}
