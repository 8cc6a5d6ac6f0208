//! What people have paused: syncs that begin no run by their schedule, and destinations that get
//! nothing.
//!
//! What always holds: a pause has the time at which it was first given; giving it again changes
//! nothing. What the state does not do: know whether the project has a thing of that name.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::AuditEntry;
use crate::Result;

/// What kind of thing is paused.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PauseKind {
    /// A sync.
    Sync,
    /// A destination.
    Destination,
}

impl PauseKind {
    /// Its name in documents, in the state and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Destination => "destination",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Sync, Self::Destination].into_iter().find(|kind| kind.name() == name)
    }
}

/// A sync or a destination, by its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Pausable {
    /// What it is.
    pub kind: PauseKind,
    /// Its name in the project.
    pub name: String,
}

/// A pause that a person has given and not taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// What is paused.
    pub of: Pausable,
    /// When it was first given.
    pub since: Timestamp,
}

/// Looking at what is paused.
#[async_trait]
pub trait PauseQueries: Send + Sync {
    /// Every pause: those of destinations first, each kind by name.
    async fn pauses(&self) -> Result<Vec<Pause>>;
}

/// Pausing and resuming.
#[async_trait]
pub trait Pauses: Send + Sync {
    /// Each of these is paused since `at`; one that is paused already keeps its time. Repeated: the
    /// same, with further entries in the audit log.
    async fn pause(&self, what: &[Pausable], at: Timestamp, audit: &[AuditEntry]) -> Result<()>;

    /// None of these is paused any more. Repeated: the same, with further entries in the audit log.
    async fn resume(&self, what: &[Pausable], audit: &[AuditEntry]) -> Result<()>;
}
