//! The audit log: who changed what, when, and what came of it.
//!
//! What always holds:
//! - Entries have numbers without holes, from 1 on, in the order in which they were written. Each
//!   holds the hash of the one before ([`crate::rules::audit`]).
//! - Nothing changes or removes an entry, except that retention removes the oldest ones. The head
//!   keeps where the log begins and ends, so that a removed beginning or end is found.
//! - An entry holds no secret, no value of a row, and no id of a person whose calls are kept.
//!
//! What it does not do: keep an administrator of the state from rewriting all of it. A copy of the
//! last hash that lies elsewhere does.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Actor, Code, Error, ErrorKind, Result};

/// What came of what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditResult {
    /// It is about to be done. An entry with another result follows only if it fails.
    Begun,
    /// It is done, in the same transaction as the entry.
    Done,
    /// Outflow did not do it: it was not allowed, or made no sense.
    Refused(Code),
    /// It was tried, and failed. Some of it may be done.
    Failed(Code),
}

impl AuditResult {
    /// What an error says of it.
    pub fn of(error: &Error) -> Self {
        match error.code().kind() {
            ErrorKind::UserInput | ErrorKind::Auth => Self::Refused(error.code()),
            ErrorKind::Transient | ErrorKind::Permanent | ErrorKind::Bug => Self::Failed(error.code()),
        }
    }

    /// Its name in documents and in the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }

    /// Why it was not done.
    pub const fn code(self) -> Option<Code> {
        match self {
            Self::Begun | Self::Done => None,
            Self::Refused(code) | Self::Failed(code) => Some(code),
        }
    }

    /// The result of that name, with its code.
    pub fn from_parts(name: &str, code: Option<Code>) -> Option<Self> {
        match (name, code) {
            ("begun", None) => Some(Self::Begun),
            ("done", None) => Some(Self::Done),
            ("refused", Some(code)) => Some(Self::Refused(code)),
            ("failed", Some(code)) => Some(Self::Failed(code)),
            _ => None,
        }
    }
}

/// What is written into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What they did: `sync.pause`, `secret.set`.
    pub action: String,
    /// To what: `sync/users`, `run/7`.
    pub subject: String,
    /// How it was before, as a JSON text.
    pub before: Option<String>,
    /// How it is after, or what was asked for, as a JSON text.
    pub after: Option<String>,
    /// What came of it.
    pub result: AuditResult,
}

/// An entry as the log keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1 on.
    pub number: u64,
    /// What was written.
    pub entry: AuditEntry,
    /// The hash of the entry before.
    pub previous: [u8; 32],
    /// Its own hash, of all of the above.
    pub hash: [u8; 32],
}

/// Where the log begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// The number of the first entry that is kept; one more than `last` if none is.
    pub first: u64,
    /// The hash of the entry before the first one; before entry 1, that of the installation
    /// ([`crate::rules::audit::origin`]).
    pub anchor: [u8; 32],
    /// The number of the last entry; 0: there never was one.
    pub last: u64,
    /// Its hash.
    pub last_hash: [u8; 32],
}

/// Which entries are meant. All conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// With a larger number than this.
    pub after: u64,
    /// The name of who did it.
    pub actor: Option<String>,
    /// What they did, or what it begins with: `secret.`.
    pub action: Option<String>,
    /// To what, or what it begins with: `sync/`.
    pub subject: Option<String>,
    /// At this time or later.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Reading the log.
#[async_trait]
pub trait AuditQueries: Send + Sync {
    /// Entries, the newest first: those before number `before` or the newest ones, at most `limit`.
    async fn audit_log(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u64,
    ) -> Result<Vec<AuditRecord>>;

    /// Entries in their order, those after number `after`, at most `limit`. An entry whose
    /// checksum is wrong is read as it is: whoever verifies the chain finds it.
    async fn audit_chain(&self, after: u64, limit: u64) -> Result<Vec<AuditRecord>>;

    /// Where the log begins and ends.
    async fn audit_head(&self) -> Result<AuditHead>;
}

/// Writing the log.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Appends these entries, in their order. Repeated: further entries.
    async fn record(&self, entries: &[AuditEntry]) -> Result<()>;

    /// Removes the entries before this time from the beginning of the log, if there are any, and
    /// appends an entry of Outflow that says which ones and keeps their last hash
    /// ([`crate::rules::audit::expiry`]). Returns how many were removed. Repeated: 0.
    async fn expire_audit(&self, before: Timestamp, now: Timestamp) -> Result<u64>;
}
