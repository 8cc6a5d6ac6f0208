//! A run: one execution of a sync, with the numbers that promise 1 is about.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ports::spool::{SegmentInfo, SegmentKind};
pub use crate::run_id::RunId;
use crate::{CallType, Code, Connection, EventIds, Guards, RunKey};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Its name in documents and in the state.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The value with that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($text => Some(Self::$variant),)* _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// The state of a run. `delivering` is entered in the one transaction that commits
    /// the extraction.
    RunState {
        /// Created; nothing has been read.
        Queued = "queued",
        /// The query runs. What it has written so far counts for nothing.
        Extracting = "extracting",
        /// A guard stopped it before anything was sent.
        AwaitingApproval = "awaiting_approval",
        /// Every row is durable; calls are pending.
        Delivering = "delivering",
        /// Every row became a call, every call is settled and none is a dead letter.
        Succeeded = "succeeded",
        /// Every call is settled and none is a dead letter; some rows could not become a call.
        SucceededWithRejected = "succeeded_with_rejected",
        /// Every call is settled; some are dead letters.
        Partial = "partial",
        /// It ended before its extraction was committed; nothing was sent.
        Failed = "failed",
        /// A person stopped it.
        Cancelled = "cancelled",
        /// A person rejected it.
        Rejected = "rejected",
        /// Segments with pending calls are gone or damaged.
        Lost = "lost",
        /// It was due while the previous one was in progress.
        Skipped = "skipped",
    }
}

impl RunState {
    /// Whether nothing more happens to such a run.
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Extracting | Self::AwaitingApproval | Self::Delivering)
    }
}

named! {
    /// The state of the delivery of one run to one destination.
    DeliveryState {
        /// Calls are pending.
        Delivering = "delivering",
        /// Nothing is pending and nothing was refused.
        Succeeded = "succeeded",
        /// Nothing is pending; some calls are dead letters.
        Partial = "partial",
        /// Stopped until a person fixes something; calls are pending.
        Stopped = "stopped",
    }
}

named! {
    /// What set a run off.
    RunTrigger {
        /// A person or a script.
        Manual = "manual",
        /// Its schedule.
        Schedule = "schedule",
        /// A person who has calls of an earlier run sent again.
        Replay = "replay",
        /// A gap that Outflow fills by itself.
        Gap = "gap",
    }
}

named! {
    /// Which calls of an earlier run are sent again, and how.
    ReplayMode {
        /// Its dead letters, from its segments, under the same message ids.
        AsSent = "as_sent",
        /// What the query now gives for the ordering keys of its dead letters, under new message
        /// ids.
        Requery = "requery",
        /// All of its calls, from its segments, under the same message ids.
        All = "all",
        /// Its rejected rows that the query now gives in a form that makes a call, under new
        /// message ids.
        Rejected = "rejected",
    }
}

impl ReplayMode {
    /// Whether the query runs; otherwise calls are copied from segments.
    pub const fn queries(self) -> bool {
        matches!(self, Self::Requery | Self::Rejected)
    }
}

/// What a replay sends. It has one destination, [`RunOptions::destination`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Replay {
    /// The earlier run.
    pub run: RunId,
    /// Which of its calls, and how.
    pub mode: ReplayMode,
    /// Dead letters with this code alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// Also dead letters that have been replayed already.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// If the query runs: the value of `{{last_sync_time}}`, as the text that the earlier run
    /// kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
}

/// Rows of a run. `read = calls + rejected + unchanged`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RowCounts {
    /// Rows of the result.
    pub read: u64,
    /// Rows that became a call to be delivered.
    pub calls: u64,
    /// Rows that could not become a call, and were not rejected by the previous run already.
    pub rejected: u64,
    /// Rows that became the same call as in the previous run, or were rejected there as well.
    pub unchanged: u64,
    /// How many of the unchanged rows were rejected, for the same reason as in the previous run.
    #[serde(default, skip_serializing_if = "is_none")]
    pub rejected_again: u64,
}

const fn is_none(rows: &u64) -> bool {
    *rows == 0
}

impl RowCounts {
    /// Whether the equation holds. Numbers too large to be added do not add up.
    pub fn closed(&self) -> bool {
        added([self.calls, self.rejected, self.unchanged]) == Some(self.read)
            && self.rejected_again <= self.unchanged
    }

    /// Unchanged rows that became calls.
    pub const fn unchanged_calls(&self) -> u64 {
        self.unchanged.saturating_sub(self.rejected_again)
    }
}

/// Calls of a run at one destination. `calls = delivered + dead_letters + filtered + cancelled +
/// discarded + pending`, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DeliveryCounts {
    /// Calls for this destination.
    pub calls: u64,
    /// Taken by the destination.
    pub delivered: u64,
    /// Refused for good.
    pub dead_letters: u64,
    /// Excluded by the call's own `integrations`.
    pub filtered: u64,
    /// Dropped because the destination was removed, or skipped.
    pub cancelled: u64,
    /// Rejected by a person.
    pub discarded: u64,
    /// Not settled yet.
    pub pending: u64,
    /// Requests sent, repeats included.
    pub requests: u64,
    /// Requests that were repeats.
    pub retries: u64,
    /// Bytes of request bodies sent, before compression.
    pub bytes: u64,
}

impl DeliveryCounts {
    /// Whether the equation holds. Numbers too large to be added do not add up.
    pub fn closed(&self) -> bool {
        self.outcomes().is_some_and(|sum| Some(sum) == self.calls.checked_sub(self.pending))
    }

    /// Calls that are not pending: the sum of all outcomes. `None`: too large to be added.
    pub fn outcomes(&self) -> Option<u64> {
        added([self.delivered, self.dead_letters, self.filtered, self.cancelled, self.discarded])
    }

    /// What was added since `before`. `calls` and `pending` are 0. `None`: a number has fallen.
    pub fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            calls: 0,
            delivered: self.delivered.checked_sub(before.delivered)?,
            dead_letters: self.dead_letters.checked_sub(before.dead_letters)?,
            filtered: self.filtered.checked_sub(before.filtered)?,
            cancelled: self.cancelled.checked_sub(before.cancelled)?,
            discarded: self.discarded.checked_sub(before.discarded)?,
            pending: 0,
            requests: self.requests.checked_sub(before.requests)?,
            retries: self.retries.checked_sub(before.retries)?,
            bytes: self.bytes.checked_sub(before.bytes)?,
        })
    }
}

/// The sum; `None`: it is too large for a number.
pub(crate) fn added<const N: usize>(numbers: [u64; N]) -> Option<u64> {
    numbers.into_iter().try_fold(0_u64, u64::checked_add)
}

/// Where a run's query begins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Where the last incremental run left off.
    #[default]
    Incremental,
    /// At the beginning, as if it were the first run.
    Full,
    /// At this time.
    Since {
        /// The value of `{{last_sync_time}}`.
        at: Timestamp,
    },
    /// Where a destination's gap begins: the run fills the gap. It sends what the destination has
    /// not got since `first` and the sync's next incremental run does not send.
    Backfill {
        /// The value of `{{last_sync_time}}`, as the text that an earlier run kept.
        start: String,
        /// The first run of whose calls some are missing.
        first: RunId,
        /// The last one: what the query gives from its end on is left to others. `None`: all until
        /// the sync's next incremental run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<RunId>,
        /// The run whose query it has. `None`: that of the sync.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        query_of: Option<RunId>,
    },
    /// Nowhere, or where an earlier run began: it sends calls of that run again.
    Replay(Replay),
}

impl RunKind {
    /// The names of all kinds.
    pub const NAMES: [&'static str; 5] = ["incremental", "full", "since", "backfill", "replay"];

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Full => "full",
            Self::Since { .. } => "since",
            Self::Backfill { .. } => "backfill",
            Self::Replay(_) => "replay",
        }
    }
}

/// What to run. A run that is not [incremental](Self::is_incremental) never moves `last_sync_time`
/// and leaves out nothing that it reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOptions {
    /// Where the query begins.
    #[serde(default)]
    pub kind: RunKind,
    /// No more rows than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u64>,
    /// To this destination alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// Events get ids of run and row, whatever tells them apart: they are meant to count again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_ids: bool,
}

impl RunOptions {
    /// A run of this kind, without a limit and to every destination.
    pub fn of(kind: RunKind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// Whether the sync's next run continues from this one: it reads all that is new, for all
    /// destinations.
    pub fn is_incremental(&self) -> bool {
        *self == Self::default()
    }

    /// The calls of an earlier run that are sent again, if that is what the run does.
    pub fn replay(&self) -> Option<&Replay> {
        match &self.kind {
            RunKind::Replay(replay) => Some(replay),
            _ => None,
        }
    }
}

/// What a run keeps of its sync from the moment it is created, whatever the project says later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSpec {
    /// `source.database`.
    pub source: String,
    /// The query as written.
    pub query: String,
    /// Where calls go.
    pub connections: Vec<Connection>,
    /// What to run.
    pub options: RunOptions,
    /// Why it awaits approval, if it does.
    #[serde(default, skip_serializing_if = "Guards::is_empty")]
    pub guards: Guards,
    /// Destinations among `connections` that are skipped: its calls for them are cancelled at once
    /// (E007).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// What the message ids of its events are made of.
    #[serde(default, skip_serializing_if = "EventIds::is_default")]
    pub ids: EventIds,
}

impl RunSpec {
    /// The connections whose destinations get the run's calls.
    pub fn attached(&self) -> impl Iterator<Item = &Connection> {
        self.connections.iter().filter(|c| !self.skipped.contains(&c.destination))
    }
}

/// What a run reports about one kind of finding in its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingCount {
    /// What was found.
    pub code: Code,
    /// In which column, if it was one.
    pub column: Option<String>,
    /// In how many rows.
    pub rows: u64,
    /// The first rows that had it, as JSON texts of [`crate::ports::spool::Rejection`]; empty for
    /// most warnings.
    pub samples: Vec<String>,
}

/// A run as the state keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunRecord {
    /// Its number.
    pub id: RunId,
    /// What makes its message ids its own.
    pub key: RunKey,
    /// The sync's name.
    pub sync: String,
    /// The kind of its calls.
    pub call_type: CallType,
    /// Its state.
    pub state: RunState,
    /// What set it off.
    pub trigger: RunTrigger,
    /// What it keeps of its sync.
    pub spec: RunSpec,
    /// When it was due.
    pub due_at: Timestamp,
    /// When it was created.
    pub started_at: Timestamp,
    /// When its extraction was committed.
    pub extracted_at: Option<Timestamp>,
    /// When it reached a final state.
    pub ended_at: Option<Timestamp>,
    /// `{{last_sync_time}}` as its query saw it, in Unix seconds (or the cursor column's value).
    pub last_sync_time: Option<String>,
    /// The same for the next run, once the extraction is committed.
    pub next_last_sync_time: Option<String>,
    /// The warehouse's clock when it started.
    pub clock: Option<Timestamp>,
    /// Its rows.
    pub rows: RowCounts,
    /// Bytes of its segments.
    pub spool_bytes: u64,
    /// Why it awaits approval, failed or was skipped.
    pub reason: Option<(Code, String)>,
    /// Which run stood in the way of a skipped one.
    pub skipped_by: Option<RunId>,
    /// Whose calls it sends again.
    pub replays: Option<RunId>,
    /// Which runs send calls of this one again.
    pub replayed_by: Vec<RunId>,
}

impl RunRecord {
    /// How many calls in these segments are marked as unchanged. Runs of older versions kept such
    /// calls; others have none.
    pub fn marked(&self, segments: &[SegmentInfo]) -> u64 {
        let calls = segments.iter().filter(|segment| segment.kind == SegmentKind::Calls);
        let entries = calls.map(|segment| segment.entries).fold(0, u64::saturating_add);
        entries.saturating_sub(self.rows.calls)
    }
}
