//! What is watched: alerts, audits, and the numbers that alerts and metrics rest on.
//!
//! An alert is reported once for each problem, and so is its end, also over restarts. The notifier
//! acknowledges afterwards: a crash between the two repeats a message and loses none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Code, RunId, Uptime};

/// A problem that fires, or that ended without a report yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRecord {
    /// The kind of trouble, as `docs/OPERATING.md` names it.
    pub kind: String,
    /// What is in trouble: a sync, a destination, both, or the disk.
    pub subject: String,
    /// The code that fits best.
    pub code: Option<Code>,
    /// What is wrong, in a sentence without a row value.
    pub message: String,
    /// Since when it fires.
    pub since: Timestamp,
    /// When it ended, if it has.
    pub recovered_at: Option<Timestamp>,
    /// Whether a receiver got it.
    pub reported: bool,
}

impl AlertRecord {
    /// Whether there is something to report about it. There is not for one that ended before
    /// anybody knew of it.
    pub const fn is_news(&self) -> bool {
        self.reported == self.recovered_at.is_some()
    }
}

/// How a sync is doing, from its runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The sync.
    pub sync: String,
    /// Runs that failed since the last one that was extracted.
    pub failed: u64,
    /// Why the latest of them did. Its text may quote a server, and so is for no alert.
    pub reason: Option<Code>,
    /// The latest extracted run that read any rows, with rows read and rejected.
    pub last_rows: Option<(RunId, u64, u64)>,
    /// When its first run started.
    pub first_started: Option<Timestamp>,
    /// When a run last reached its end with every call settled.
    pub last_success: Option<Timestamp>,
    /// Slots of its schedule in the requested time window, skipped ones included.
    pub slots: u64,
    /// How many of them were skipped.
    pub skipped: u64,
    /// A run that a guard holds, and why.
    pub awaiting_approval: Option<(RunId, Option<(Code, String)>)>,
    /// The latest audited run, if its numbers do not add up.
    pub wrong: Option<RunId>,
    /// When a transaction began that its next run may begin too late for.
    pub open_since: Option<Timestamp>,
    /// A restore was noticed, and no run since: the next one is compared with nothing, except that
    /// events are where [`Origin`](super::state::Origin) allows it.
    pub restored: bool,
}

/// What is known of the wall clock of the machine that Outflow runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockRecord {
    /// What it said when it was last looked at.
    pub wall: Timestamp,
    /// The uptime at that moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime: Option<Uptime>,
    /// How far it has jumped and not stood since, in microseconds: ahead, or back if negative. 0:
    /// it is trusted.
    pub jumped_us: i64,
    /// What it said when the last jump was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumped_at: Option<Timestamp>,
    /// Whether the jump was measured. Otherwise the machine may have been off for that long.
    pub measured: bool,
    /// For how long it has stood since the jump, in microseconds.
    pub stood_us: i64,
}

/// Calls that wait for one destination of one sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The sync.
    pub sync: String,
    /// The destination.
    pub destination: String,
    /// How many calls.
    pub calls: u64,
}

/// What a recount of a finished run found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Audit {
    /// When.
    pub at: Timestamp,
    /// What does not agree, in sentences; empty if all is well.
    pub differences: Vec<String>,
}
