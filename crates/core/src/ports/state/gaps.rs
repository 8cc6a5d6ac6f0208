//! Gaps: calls that a destination has not got and that no delivery holds any more.
//!
//! What always holds: a gap opens in the transaction that makes calls missing: the one that ends a
//! lost run, the one by which a run that does not reach a destination begins to be delivered, or
//! the one that gives calls up. It closes in the one that commits the extraction of a run that
//! sends them. A gap has two ends, its first and its last run, and all runs between them had one
//! query. What a gap does not say: which calls these are. The run that fills it finds that out.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Code, RunId, RunRecord};

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
    /// Why the last run that was to fill it could not: the query that its runs had does not run any
    /// more (E123).
    pub reason: Option<(Code, String)>,
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

    /// Whether calls of a lost run are missing.
    pub fn is_lost(&self) -> bool {
        self.missing.cause == GapCause::Lost
    }

    /// Whether it is filled without a request: Outflow itself has left the calls out.
    pub fn is_automatic(&self) -> bool {
        self.missing.cause.is_automatic()
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
    /// The last of these runs.
    pub last: RunId,
    /// What `first` was compared with: the destination has got those calls.
    pub compared_with: Option<RunId>,
    /// The run that opened the gap.
    pub opened_by: RunId,
    /// Why.
    pub cause: GapCause,
    /// How many calls these are: pending ones of a lost run, or all of runs that did not reach it.
    pub calls: u64,
    /// When.
    pub opened_at: Timestamp,
}

/// What opened a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// A run was lost.
    Lost,
    /// A run left the destination out.
    LeftOut,
    /// The destination is new to the sync: these runs were there before it.
    New,
    /// The sync did not send to the destination in these runs, and had before.
    Away,
    /// A person gave up calls that waited for the destination, which the project no longer had.
    GivenUp,
}

impl GapCause {
    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::LeftOut => "left_out",
            Self::New => "new",
            Self::Away => "away",
            Self::GivenUp => "given_up",
        }
    }

    /// Whether Outflow itself has left the calls out, and sends them without a request. What a
    /// person decided, a person asks for.
    pub const fn is_automatic(self) -> bool {
        matches!(self, Self::Lost | Self::LeftOut)
    }

    /// The cause of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Lost, Self::LeftOut, Self::New, Self::Away, Self::GivenUp];
        all.into_iter().find(|cause| cause.name() == name)
    }
}

/// What says to whom a sync sends: its runs that read all that is new, and the gaps around the last
/// of them.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// The first of these runs that had calls.
    pub beginning: Option<RunRecord>,
    /// The last one.
    pub previous: Option<RunRecord>,
    /// The sync's gaps that are not closed, and those that reach the last run.
    pub gaps: Vec<Gap>,
}
