//! Gaps: calls that a destination has not got and that no delivery holds any more.
//!
//! What always holds: a gap opens in the transaction that makes calls missing: the one that ends a
//! lost run, or the one by which a run that leaves a destination out begins to be delivered. It
//! closes in the one that commits the extraction of a run that sends them. A gap is about one run,
//! and has that run's two ends. What a gap does not say: which calls these are. The run that fills
//! it finds that out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RunId;

/// The number of a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GapId(pub u64);

/// A gap as the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Its number.
    pub id: GapId,
    /// What is missing.
    pub missing: MissingCalls,
    /// The run that sends what is missing. It may still await approval.
    pub filled_by: Option<RunId>,
    /// When such a run was committed; or a person gave the gap up.
    pub closed_at: Option<Timestamp>,
}

impl Gap {
    /// Whether no run is on its way to fill it.
    pub const fn is_open(&self) -> bool {
        self.closed_at.is_none() && self.filled_by.is_none()
    }

    /// Whether a run left the destination out.
    pub fn is_left_out(&self) -> bool {
        self.missing.cause == GapCause::LeftOut
    }
}

/// Calls that a destination has not got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingCalls {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// `{{last_sync_time}}` of the query whose rows are missing; `None`: the beginning.
    pub start: Option<String>,
    /// The first run of whose calls some are missing. Calls of earlier runs have arrived, or have
    /// a gap of their own.
    pub first: RunId,
    /// What `first` was compared with: the destination has got those calls.
    pub compared_with: Option<RunId>,
    /// The run that opened the gap.
    pub opened_by: RunId,
    /// Why.
    pub cause: GapCause,
    /// How many calls these are: pending ones of a lost run, or all of a run that left it out.
    pub calls: u64,
    /// When.
    pub opened_at: Timestamp,
}

/// What opened a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// A run was lost.
    Lost,
    /// A run left the destination out.
    LeftOut,
}

impl GapCause {
    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::LeftOut => "left_out",
        }
    }

    /// The cause of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Lost, Self::LeftOut].into_iter().find(|cause| cause.name() == name)
    }
}
