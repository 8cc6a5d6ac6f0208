//! The first rows or calls of a run, without moving or sending anything.

use std::borrow::Cow;
use std::error::Error as _;

use outflow_core::ports::spool::Rejection;
use outflow_core::ports::state::SyncState;
use outflow_core::run::FindingCount;
use outflow_core::{BoxFuture, CallType, Code, Column, Error, Nulls, SyncSpec, SystemClock};
use outflow_engine::authoring::advise::{self, Depth};
use outflow_engine::authoring::names;
use outflow_engine::authoring::preview::{self, PreviewStart, Sample};
use outflow_engine::authoring::subject::Destinations;
use outflow_engine::{Errors, FORMAT_VERSION};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::findings::{self, Finding};
use crate::preview_requests::{self, PreviewOfDestination};
use crate::{App, Needs, StateLocation, wiring};

/// What to show.
#[derive(Clone, Debug)]
pub struct PreviewRequest {
    /// The sync.
    pub sync: String,
    /// Which run.
    pub start: PreviewStart,
    /// Calls in place of rows.
    pub calls: bool,
    /// The requests that each destination would get in place of rows.
    pub requests: bool,
    /// How many rows are read.
    pub limit: u64,
    /// They are read once, and columns that differ by themselves are not looked for.
    pub once: bool,
}

/// The first rows or calls of a run.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PreviewDocument {
    format_version: u32,
    /// The sync.
    pub sync: String,
    #[serde(rename = "type")]
    call_type: CallType,
    /// The value of `{{last_sync_time}}`.
    pub last_sync_time: String,
    /// The result's columns.
    pub columns: Vec<ColumnDocument>,
    /// The rows or the calls.
    #[serde(flatten)]
    #[schema(value_type = PreviewSchema)]
    pub shown: PreviewShown,
    /// What is to be said of the query.
    pub findings: Vec<Finding>,
    /// Warnings about the result as a whole that no finding gives.
    #[serde(skip)]
    pub warnings: Vec<(Code, String)>,
    /// Warnings about rows, counted.
    #[serde(skip)]
    pub row_findings: Vec<FindingCount>,
    /// Rows that would be rejected.
    #[serde(skip)]
    pub rejected: usize,
}

/// A column of the result.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ColumnDocument {
    /// Its name, as the query writes it.
    pub name: String,
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    declared: String,
}

/// What a preview shows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewShown {
    /// Calls.
    Calls(Vec<PreviewCall>),
    /// Rows.
    Rows(Vec<PreviewRow>),
    /// What each destination would get.
    Destinations(Vec<PreviewOfDestination>),
}

/// [`PreviewShown`] as the description of the API has it: an object of which one key is there, as
/// generators of clients make no type of an object that one of several others is merged into.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "a description alone")]
struct PreviewSchema {
    /// The calls, if calls were asked for.
    #[schema(value_type = Option<Vec<BTreeMap<String, Value>>>)]
    calls: Option<()>,
    /// The rows, if nothing else was asked for.
    #[schema(value_type = Option<Vec<BTreeMap<String, Value>>>)]
    rows: Option<()>,
    /// What each destination would get, if requests were asked for.
    destinations: Option<Vec<PreviewOfDestination>>,
}

/// A call, or why there is none.
#[derive(Debug)]
pub enum PreviewCall {
    /// The call as it would be sent, byte for byte.
    Call(String),
    /// Why the row becomes no call.
    Rejected(Box<Rejection>),
}

/// A row, and why it would be rejected, if it would.
#[derive(Debug)]
pub struct PreviewRow {
    /// Its cells; `None` is NULL.
    pub cells: Vec<(String, Option<String>)>,
    /// Why it becomes no call.
    pub rejected: Option<Box<Rejection>>,
}

impl Serialize for PreviewCall {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Call(call) => serde_json::from_str::<Value>(call).unwrap_or_default().serialize(s),
            Self::Rejected(rejection) => json!({ "rejected": rejection }).serialize(s),
        }
    }
}

impl Serialize for PreviewRow {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let cells: Map<String, Value> = self.cells.iter().map(|(n, f)| (n.clone(), json!(f))).collect();
        let mut document = json!({ "row": cells });
        if let Some(rejection) = &self.rejected {
            let Rejection { code, column, reason, .. } = rejection.as_ref();
            document["rejected"] = json!({ "code": code, "column": column, "reason": reason });
        }
        document.serialize(s)
    }
}

/// What was written, read again: a call has the same members in the same order.
impl<'de> Deserialize<'de> for PreviewCall {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let mut value = Value::deserialize(d)?;
        match value.as_object_mut() {
            Some(members) if members.len() == 1 && members.contains_key("rejected") => {
                let rejection = members.remove("rejected").unwrap_or_default();
                serde_json::from_value(rejection).map(Self::Rejected).map_err(serde::de::Error::custom)
            }
            _ => Ok(Self::Call(value.to_string())),
        }
    }
}

/// What was written, read again. The number of the row is not written; see
/// [`PreviewDocument::count_rows`].
impl<'de> Deserialize<'de> for PreviewRow {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Document {
            #[serde(with = "outflow_engine::forms::by_name")]
            row: Vec<(String, Option<String>)>,
            rejected: Option<Why>,
        }
        #[derive(Deserialize)]
        struct Why {
            code: Code,
            column: Option<String>,
            reason: String,
        }
        let Document { row, rejected } = Document::deserialize(d)?;
        let rejection = |Why { code, column, reason }| {
            Box::new(Rejection { ordinal: 0, code, column, reason, row: Map::new() })
        };
        Ok(Self { cells: row, rejected: rejected.map(rejection) })
    }
}

impl PreviewDocument {
    /// After it was read: what its JSON does not say follows from its rows.
    pub fn count_rows(&mut self) {
        self.rejected = match &mut self.shown {
            PreviewShown::Rows(rows) => {
                for (ordinal, row) in (0..).zip(rows.iter_mut()) {
                    row.rejected.iter_mut().for_each(|rejection| rejection.ordinal = ordinal);
                }
                rows.iter().filter(|row| row.rejected.is_some()).count()
            }
            PreviewShown::Calls(calls) => {
                calls.iter().filter(|call| matches!(call, PreviewCall::Rejected(_))).count()
            }
            PreviewShown::Destinations(_) => 0,
        };
    }
}

/// Why there is nothing to show.
#[derive(Debug)]
pub struct PreviewFailure {
    /// The errors.
    pub errors: Errors,
    /// What else was found.
    pub findings: Vec<Finding>,
}

impl From<Errors> for PreviewFailure {
    fn from(errors: Errors) -> Self {
        Self { errors, findings: Vec::new() }
    }
}

impl From<Error> for PreviewFailure {
    fn from(error: Error) -> Self {
        Errors::from(error).into()
    }
}

impl App {
    /// Reads the first rows of a run: of a sync, or of a draft as if it were enabled.
    pub fn preview<'a>(
        &'a self,
        request: &'a PreviewRequest,
    ) -> BoxFuture<'a, Result<PreviewDocument, PreviewFailure>> {
        Box::pin(async move {
            // Addresses and keys are parts of requests.
            let needs = if request.requests { Needs::All } else { Needs::Database };
            let project = self.load_draft_for(&request.sync, needs).await?;
            let spec = project.sync(&request.sync)?;
            let state = self.sync_state(&spec.name, request.start).await?;
            let warehouse = wiring::warehouse(&project, spec)?;
            // A destination that cannot be made says nothing here; `validate` names its problems.
            let destinations = match wiring::destinations(&project) {
                Err(problems) if request.requests => return Err(Errors(problems).into()),
                built => built.unwrap_or_default(),
            };
            let going = findings::destinations(&destinations, spec);
            let subject = findings::subject(&project, spec, &going);
            let advice = advise::ask(subject, warehouse.as_ref(), Depth::Types).await?;
            let mut findings = Finding::of_advice(spec, advice);
            findings::sort(&mut findings);
            let sample = Sample { start: request.start, limit: request.limit, once: request.once };
            let read = preview::preview(spec, &state, warehouse.as_ref(), &SystemClock, sample).await;
            let shown = match read {
                Ok(shown) => shown,
                Err(errors) => return Err(failure(errors, findings)),
            };
            add_new(&mut findings, spec, names::of_columns(subject, &shown.columns));
            if !findings.iter().any(|f| f.code() == Code::DestinationRefuses) {
                add_new(&mut findings, spec, refused(&going, &shown.rows));
            }
            findings::sort(&mut findings);
            // A finding of the query says it with its place.
            let is_known = |code: Code| {
                let says =
                    |f: &Finding| matches!(f.code(), Code::GroupWithoutUserId | Code::DestinationRefuses);
                code == Code::GroupWithoutPerson && findings.iter().any(says)
            };
            let mut warnings = shown.warnings;
            warnings.retain(|(code, _)| !is_known(*code));
            let rejected = shown.rows.iter().filter(|row| row.call.is_err()).count();
            let columns: Vec<_> = shown.columns.iter().map(ColumnDocument::of).collect();
            let shown_rows = match request.calls {
                _ if request.requests => {
                    PreviewShown::Destinations(preview_requests::of(&destinations, spec, &shown.rows))
                }
                true => PreviewShown::Calls(shown.rows.into_iter().map(PreviewCall::of).collect()),
                false => {
                    let row = |row| PreviewRow::of(&columns, row);
                    PreviewShown::Rows(shown.rows.into_iter().map(row).collect())
                }
            };
            Ok(PreviewDocument {
                format_version: FORMAT_VERSION,
                sync: spec.name.clone(),
                call_type: spec.call_type,
                last_sync_time: shown.last_sync_time,
                columns,
                shown: shown_rows,
                findings,
                warnings,
                row_findings: shown.findings,
                rejected,
            })
        })
    }

    /// What has run so far. No state is no error here: nothing has run. A server that cannot be
    /// reached, which is an error with a cause, may have one.
    pub(crate) async fn sync_state(&self, sync: &str, start: PreviewStart) -> Result<SyncState, Error> {
        if start != PreviewStart::Next {
            return Ok(SyncState::default());
        }
        if let Some(serves) = self.slot.get() {
            return serves.reader.state.sync(sync).await;
        }
        let location = self.location().await?;
        let is_absent = |error: &Error| {
            error.code() == Code::StateUnavailable
                && (matches!(location, StateLocation::Folder(_)) || error.source().is_none())
        };
        match outflow_state::open(&location).reader().await {
            Ok(state) => state.sync(sync).await,
            Err(error) if is_absent(&error) => Ok(SyncState::default()),
            Err(error) => Err(error),
        }
    }
}

impl ColumnDocument {
    fn of(column: &Column) -> Self {
        Self { name: column.name.clone(), kind: column.ty.name().into(), declared: column.declared.clone() }
    }
}

impl PreviewCall {
    fn of(row: preview::PreviewRow) -> Self {
        row.call.map_or_else(Self::Rejected, Self::Call)
    }
}

impl PreviewRow {
    fn of(columns: &[ColumnDocument], row: preview::PreviewRow) -> Self {
        let cells = columns.iter().map(|c| c.name.clone()).zip(row.fields).collect();
        Self { cells, rejected: row.call.err() }
    }
}

/// Adds what no finding of the query says.
fn add_new(findings: &mut Vec<Finding>, spec: &SyncSpec, errors: Vec<Error>) {
    for error in errors {
        let is_known = |f: &Finding| f.code() == error.code() && f.error.message() == error.message();
        if !findings.iter().any(is_known) {
            findings.push(Finding::of_sync(spec, error));
        }
    }
}

/// What destinations refuse of the calls that are shown.
fn refused(going: &Destinations, rows: &[preview::PreviewRow]) -> Vec<Error> {
    let calls = || rows.iter().filter_map(|row| Some((row.meta.as_ref()?, row.call.as_ref().ok()?)));
    let mut found = Vec::new();
    for (name, destination) in going {
        let reasons: Vec<String> = calls()
            .filter_map(|(meta, call)| names::refusal(&**destination, meta, call.as_bytes(), Nulls::Send))
            .collect();
        if let Some(reason) = reasons.first() {
            found.push(names::refused(name, reasons.len() as u64, calls().count() as u64, reason));
        }
    }
    found
}

/// Leaves out what the database says against a query that has a finding for it already.
fn failure(errors: Errors, findings: Vec<Finding>) -> PreviewFailure {
    let (wrong, findings): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_error);
    let mut all: Vec<Error> = wrong.into_iter().map(|finding| finding.error).collect();
    let is_known = |e: &Error| match e.code() {
        Code::DatabaseError => all
            .iter()
            .any(|f| matches!(f.code(), Code::TimestampComparedWithNumber | Code::TextComparedWithNumber)),
        code => all.iter().any(|f| f.code() == code && f.message() == e.message()),
    };
    let rest: Vec<Error> = errors.0.into_iter().filter(|e| !is_known(e)).collect();
    all.extend(rest);
    PreviewFailure { errors: Errors(all), findings }
}
