//! Definitions: sources, destinations, syncs and settings as versions.
//!
//! What always holds: versions of a name are numbered from 1 on without holes, and none changes but
//! for the place of a file's definition. A name has one owner at a time. A value holds no secret.
//! What the state does not do: read a value; the project does.

use std::cmp::Ordering;
use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AuditEntry;
use crate::{Actor, Result};

/// How many versions of one definition are kept.
pub const VERSIONS_KEPT: u64 = 1_000;

/// What kind of thing is defined.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DefinitionKind {
    /// A source with its databases.
    Source,
    /// A destination.
    Destination,
    /// A sync.
    Sync,
    /// A key of the project that holds no named things: `limits`.
    Setting,
}

impl DefinitionKind {
    /// All kinds, in the order of a project.
    pub const ALL: [Self; 4] = [Self::Setting, Self::Source, Self::Destination, Self::Sync];

    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Sync => "sync",
            Self::Setting => "setting",
        }
    }

    /// The key of a project file under which such things stand; a setting is a key itself.
    pub const fn key(self) -> Option<&'static str> {
        match self {
            Self::Source => Some("sources"),
            Self::Destination => Some("destinations"),
            Self::Sync => Some("syncs"),
            Self::Setting => None,
        }
    }

    /// Where such things stand in a project, from 0 on.
    pub const fn position(self) -> usize {
        match self {
            Self::Setting => 0,
            Self::Source => 1,
            Self::Destination => 2,
            Self::Sync => 3,
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A definition by its kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DefinitionId {
    /// What it is.
    pub kind: DefinitionKind,
    /// Its name.
    pub name: String,
}

impl DefinitionId {
    /// The definition of that kind and name.
    pub fn new(kind: DefinitionKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }
}

impl fmt::Display for DefinitionId {
    /// `sync users`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind.name(), self.name)
    }
}

/// Who may change a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Owner {
    /// The project's files.
    Files,
    /// Whoever may through Outflow.
    Server,
}

impl Owner {
    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Server => "server",
        }
    }

    /// The owner of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Files, Self::Server].into_iter().find(|owner| owner.name() == name)
    }
}

/// Whether a definition is a part of the project that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DefinitionStatus {
    /// Not yet: anything may be missing.
    Draft,
    /// It is.
    Enabled,
}

impl DefinitionStatus {
    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Enabled => "enabled",
        }
    }

    /// The status of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Draft, Self::Enabled].into_iter().find(|status| status.name() == name)
    }
}

/// What a version says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionContent {
    /// Who may change it.
    pub owner: Owner,
    /// Whether it is a part of the project that runs.
    pub status: DefinitionStatus,
    /// The JSON of what stands under the name in a project file, with references as written.
    pub value: String,
}

/// A version of a definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefinitionVersion {
    /// Of what.
    pub id: DefinitionId,
    /// Its number, from 1 on.
    pub version: u64,
    /// What it says; `None`: the definition was removed.
    pub content: Option<DefinitionContent>,
    /// Where it stands in the files: `outflow.yaml:12`. That of the current version follows the
    /// files.
    pub place: Option<String>,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it: kind and name.
    pub by: Actor,
    /// The other name, if a rename made this version: the earlier one, or the later one if the
    /// version has no content.
    pub renamed: Option<String>,
}

/// A change of one definition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionChange {
    /// Of what.
    pub id: DefinitionId,
    /// The version that it replaces; 0: there is no such definition now. `None`: whatever there is.
    pub expected: Option<u64>,
    /// What it says from now on; `None`: it is removed.
    pub content: Option<DefinitionContent>,
    /// Where it stands in the files.
    pub place: Option<String>,
}

/// A sync gets another name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRename {
    /// The name that it has.
    pub from: String,
    /// The name that it gets. Nothing may be kept under it.
    pub to: String,
    /// Runs that are not at their end go along. Only a process that works with none of them may
    /// ask for that.
    pub with_unfinished: bool,
    /// The definitions that change with it, in the same transaction.
    pub changes: Vec<DefinitionChange>,
}

/// Which definitions to list. All conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DefinitionFilter {
    /// Of this kind alone.
    pub kind: Option<DefinitionKind>,
    /// Drafts, or enabled ones, alone.
    pub status: Option<DefinitionStatus>,
    /// Those behind this one, by the names of kinds and by name.
    pub after: Option<DefinitionId>,
    /// No more than this; 0: all.
    pub limit: u64,
}

impl DefinitionFilter {
    /// The kinds that are meant, in the order of their names, each with the name that it begins
    /// behind.
    pub fn kinds(&self) -> Vec<(DefinitionKind, &str)> {
        let mut kinds = DefinitionKind::ALL.to_vec();
        kinds.sort_by_key(|kind| kind.name());
        kinds.retain(|kind| self.kind.is_none_or(|meant| meant == *kind));
        let Some(after) = &self.after else { return kinds.into_iter().map(|kind| (kind, "")).collect() };
        let behind = |kind: DefinitionKind| match kind.name().cmp(after.kind.name()) {
            Ordering::Less => None,
            Ordering::Equal => Some((kind, after.name.as_str())),
            Ordering::Greater => Some((kind, "")),
        };
        kinds.into_iter().filter_map(behind).collect()
    }
}

/// Looking at definitions.
#[async_trait]
pub trait DefinitionQueries: Send + Sync {
    /// The current version of every definition that was not removed, by kind and name.
    async fn definitions(&self) -> Result<Vec<DefinitionVersion>>;

    /// The same, of those that are meant.
    async fn definitions_like(&self, filter: &DefinitionFilter) -> Result<Vec<DefinitionVersion>>;

    /// The last version of one definition, also if it was removed; `None`: there never was one.
    async fn definition(&self, id: &DefinitionId) -> Result<Option<DefinitionVersion>>;

    /// Versions of one definition, newest first: those before number `before` or the newest ones,
    /// at most `limit`. Versions under an earlier name are not among them.
    async fn definition_versions(
        &self,
        id: &DefinitionId,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<DefinitionVersion>>;
}

/// Changing definitions.
#[async_trait]
pub trait Definitions: Send + Sync {
    /// Makes all these changes or none, as [`crate::rules::change_definition`] says. The entry of
    /// the audit log beside each change says when and by whom; it is written in the same
    /// transaction if the change makes a version. The oldest versions beyond [`VERSIONS_KEPT`] go.
    /// Returns the last version of each, if there is one. Repeated: a change that names the version
    /// that it replaces is refused; any other changes nothing.
    ///
    /// # Errors
    /// `DefinitionChanged`: a definition has another version than the change expects.
    /// `DefinedTwice`: the other owner has one of that name.
    async fn put_definitions(
        &self,
        changes: &[(DefinitionChange, AuditEntry)],
    ) -> Result<Vec<Option<DefinitionVersion>>>;

    /// Keeps under the new name all that is kept under the old one: where the next run begins,
    /// runs, slots, usage, gaps and the pause. Alerts end under the old name and begin under the
    /// new one. The definitions' versions say the other name ([`DefinitionVersion::renamed`]).
    /// Repeated: refused.
    ///
    /// # Errors
    /// `SyncNotRenamed`, as [`crate::rules::check_rename`] says, and what
    /// [`Definitions::put_definitions`] says of the changes.
    async fn rename_sync(&self, rename: &SyncRename, entry: &AuditEntry) -> Result<()>;
}
