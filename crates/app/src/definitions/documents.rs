//! Looking at definitions: what there is, its versions, and what differs between two.
//!
//! What always holds: a value holds references and no secret, so documents may show it. What this
//! does not do: change anything.

use std::sync::Arc;

use outflow_core::ports::state::{
    DefinitionFilter, DefinitionId, DefinitionKind, DefinitionStatus, DefinitionVersion, Owner, StateReader,
};
use outflow_core::{Actor, BoxFuture, Code, Error, Timestamp};
use outflow_engine::{Errors, FORMAT_VERSION};
use outflow_project::StoredDefinition;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::difference::{KeyDifference, differences};
use super::value::parsed;
use crate::findings::{self, Finding};
use crate::{App, StateLocation};

/// A version of a definition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionDocument {
    /// What it defines.
    #[serde(flatten)]
    pub id: DefinitionId,
    /// Its number.
    pub version: u64,
    /// Who may change it; `None`: it was removed.
    pub owner: Option<Owner>,
    /// Where it stands, if the files own it: `outflow.yaml, line 12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_by: Option<String>,
    /// Whether it is a part of the project that runs; `None`: it was removed.
    pub status: Option<DefinitionStatus>,
    /// What stands under its name in a project file, with references as they are written.
    pub value: Option<Value>,
    /// When the version was made.
    pub at: Timestamp,
    /// Who made it.
    pub by: Actor,
    /// The other name, if a rename made the version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed: Option<String>,
}

impl DefinitionDocument {
    /// The document of a version.
    pub(crate) fn of(version: DefinitionVersion) -> Self {
        let DefinitionVersion { id, version, content, place, at, by, renamed } = version;
        let value =
            content.as_ref().map(|content| serde_json::from_str(&content.value).unwrap_or(Value::Null));
        Self {
            managed_by: place.map(|place| match place.split_once(':') {
                Some((file, line)) => format!("{file}, line {line}"),
                None => place,
            }),
            owner: content.as_ref().map(|content| content.owner),
            status: content.as_ref().map(|content| content.status),
            value,
            id,
            version,
            at,
            by,
            renamed,
        }
    }
}

/// Versions of one definition.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VersionList {
    format_version: u32,
    /// Newest first.
    pub versions: Vec<DefinitionDocument>,
}

/// What differs between two versions.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Comparison {
    format_version: u32,
    /// What is compared.
    #[serde(flatten)]
    pub id: DefinitionId,
    /// The earlier version.
    pub from: u64,
    /// The later one.
    pub to: u64,
    /// The keys that differ.
    pub keys: Vec<KeyDifference>,
}

/// Why a draft cannot be enabled yet.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DraftProblems {
    format_version: u32,
    /// Whether it can be enabled: none of the problems is an error.
    pub ok: bool,
    /// Problems, warnings and notes about it and its query.
    pub problems: Vec<DraftProblem>,
}

/// What is wrong or odd about a draft.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DraftProblem {
    /// The key of the draft that it is about: `schedule.every`; `None`: the draft as a whole.
    pub field: Option<String>,
    /// The problem.
    #[serde(flatten)]
    pub finding: Finding,
}

impl From<Finding> for DraftProblem {
    fn from(finding: Finding) -> Self {
        let place = finding.error.place().unwrap_or_default();
        Self { field: outflow_project::field_of(place).map(str::to_owned), finding }
    }
}

impl App {
    /// Definitions as the state has them, by kind and name.
    ///
    /// # Errors
    /// The state, if it cannot be read.
    pub fn definitions<'a>(
        &'a self,
        filter: &'a DefinitionFilter,
    ) -> BoxFuture<'a, Result<Vec<DefinitionDocument>, Errors>> {
        Box::pin(async move {
            let known = match self.definitions_reader().await? {
                Some(reader) => reader.definitions_like(filter).await?,
                None => Vec::new(),
            };
            Ok(known.into_iter().map(DefinitionDocument::of).collect())
        })
    }

    /// One definition as it is now.
    ///
    /// # Errors
    /// C022: there is none, or it was removed. The state, if it cannot be read.
    pub fn definition<'a>(
        &'a self,
        id: &'a DefinitionId,
    ) -> BoxFuture<'a, Result<DefinitionDocument, Errors>> {
        Box::pin(async move {
            let found = match self.definitions_reader().await? {
                Some(reader) => reader.definition(id).await?,
                None => None,
            };
            let found = found.filter(|version| version.content.is_some());
            found.map(DefinitionDocument::of).ok_or_else(|| no_such(id).into())
        })
    }

    /// Versions of a definition, newest first: those before `before`, at most `limit`.
    ///
    /// # Errors
    /// C022: there never was one. The state, if it cannot be read.
    pub fn definition_versions<'a>(
        &'a self,
        id: &'a DefinitionId,
        before: Option<u64>,
        limit: u64,
    ) -> BoxFuture<'a, Result<VersionList, Errors>> {
        Box::pin(async move {
            let Some(reader) = self.definitions_reader().await? else { return Err(no_such(id).into()) };
            let found = reader.definition_versions(id, before, limit).await?;
            if found.is_empty() && before.is_none() {
                return Err(no_such(id).into());
            }
            let versions = found.into_iter().map(DefinitionDocument::of).collect();
            Ok(VersionList { format_version: FORMAT_VERSION, versions })
        })
    }

    /// One version of a definition.
    ///
    /// # Errors
    /// C022: there is no such version. The state, if it cannot be read.
    pub fn definition_version<'a>(
        &'a self,
        id: &'a DefinitionId,
        version: u64,
    ) -> BoxFuture<'a, Result<DefinitionDocument, Errors>> {
        Box::pin(async move { Ok(DefinitionDocument::of(self.version_of(id, version).await?)) })
    }

    /// What differs between two versions of a definition.
    ///
    /// # Errors
    /// C022: there is no such version. The state, if it cannot be read.
    pub fn compare_definition<'a>(
        &'a self,
        id: &'a DefinitionId,
        from: u64,
        to: u64,
    ) -> BoxFuture<'a, Result<Comparison, Errors>> {
        Box::pin(async move {
            let mut values = Vec::new();
            for version in [from, to] {
                let content = self.version_of(id, version).await?.content;
                values.push(content.map(|content| parsed(id, &content.value)).transpose()?);
            }
            let keys = differences(values[0].as_ref(), values[1].as_ref());
            Ok(Comparison { format_version: FORMAT_VERSION, id: id.clone(), from, to, keys })
        })
    }

    /// All that has to be fixed before the draft is enabled, and what is odd about it. No database
    /// is asked.
    ///
    /// # Errors
    /// C022: there is no such definition. The state, if it cannot be read.
    pub fn validate_draft<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<DraftProblems, Errors>> {
        Box::pin(async move {
            let id = DefinitionId::new(DefinitionKind::Sync, name);
            let Some(reader) = self.definitions_reader().await? else { return Err(no_such(&id).into()) };
            let known = reader.definitions().await?;
            let found = known.iter().find(|version| version.id == id);
            let Some(content) = found.and_then(|version| version.content.as_ref()) else {
                return Err(no_such(&id).into());
            };
            let draft = StoredDefinition { value: parsed(&id, &content.value)?, version: 0, id };
            let mut problems = self.findings_of(&super::running(&known)?, &draft).await?;
            findings::sort(&mut problems);
            let ok = !problems.iter().any(Finding::is_error);
            let problems = problems.into_iter().map(DraftProblem::from).collect();
            Ok(DraftProblems { format_version: FORMAT_VERSION, ok, problems })
        })
    }

    /// What is defined now; `None`: nothing has run yet, or whoever takes the state finds out what
    /// is wrong with it.
    pub(super) async fn known_definitions(&self) -> Result<Option<Vec<DefinitionVersion>>, Error> {
        self.known_like(&DefinitionFilter::default()).await
    }

    /// As [`App::known_definitions`], of those that are meant.
    pub(super) async fn known_like(
        &self,
        filter: &DefinitionFilter,
    ) -> Result<Option<Vec<DefinitionVersion>>, Error> {
        match self.definitions_reader().await {
            Ok(Some(reader)) => reader.definitions_like(filter).await.map(Some),
            Ok(None) => Ok(None),
            Err(error) if error.code() == Code::StateUnavailable => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the definitions of the state; `None`: nothing has run yet.
    pub(crate) async fn definitions_reader(&self) -> Result<Option<Arc<dyn StateReader>>, Error> {
        if let Some(serves) = self.slot.get() {
            return Ok(Some(serves.reader.state.clone()));
        }
        let location = self.location().await?;
        if let StateLocation::Folder(folder) = &location {
            let folder = folder.clone();
            let looked = tokio::task::spawn_blocking(move || outflow_state::is_empty(&folder));
            if looked.await.unwrap_or(false) {
                return Ok(None);
            }
        }
        outflow_state::open(&location).reader().await.map(Some)
    }
}

/// C022: nothing has that kind and name.
pub(super) fn no_such(id: &DefinitionId) -> Error {
    Error::new(Code::NoSuchDefinition, format!("there is no {id}"))
        .help("look for it in the list of definitions; drafts are in it, too")
}
