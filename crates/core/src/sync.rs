//! What a user configures, resolved and checked: the input of a run.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::call::SyncKey;
use crate::{CallType, Guards};

/// The SQL that a database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Amazon Redshift.
    Redshift,
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// How a NULL trait or property is sent to one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    /// Sent as `null`: the destination deletes the old value. The default, because NULL in the
    /// warehouse means that there is no value.
    #[default]
    Send,
    /// Left out: the destination keeps the old value.
    Omit,
}

/// What becomes of a row with a trait, property or member of `context` that cannot be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnInvalidValue {
    /// The value is left out, counted and shown; the rest of the row is sent. The default: one bad
    /// trait does not keep a person's other traits from arriving.
    #[default]
    OmitField,
    /// The row is rejected.
    RejectRow,
}

/// The value of `last_sync_time` before the first run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstRun {
    /// 0: the first run reads everything.
    #[default]
    Beginning,
    /// The warehouse's clock: the first run reads no older rows.
    Now,
    /// This time.
    At(Timestamp),
}

/// The link between a source and one of its destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The destination's name in the project.
    pub destination: String,
    /// How nulls are sent.
    pub nulls: Nulls,
}

/// When a sync is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Only on request.
    #[default]
    Manual,
    /// By an interval of a minute or more. Slots are `start` (or the epoch) + k × `every`.
    Every {
        /// The interval.
        every: Duration,
        /// Not before this time.
        start: Option<Timestamp>,
    },
    /// At times of a calendar.
    Cron {
        /// Five fields: minute, hour, day of month, month, day of week.
        cron: String,
        /// A time zone of the IANA database: `Europe/Berlin`, `UTC`.
        timezone: String,
    },
}

/// What the message ids of a sync's events are made of.
///
/// A run keeps this from the moment it is created. The default is that of runs which were created
/// before there were content ids, and of projects without an `id`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventIds {
    /// The sync's key. `None`: all ids are made of run and row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SyncKey>,
    /// The columns that say which event a row is, if the sync declares any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub event_key: Vec<String>,
    /// The form in which content is hashed, from 1 on; 0 if there is no key.
    #[serde(default)]
    pub form: u8,
}

impl EventIds {
    /// The newest form of content.
    pub const FORM: u8 = 1;

    /// Whether nothing was said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A sync with everything that a run of it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncSpec {
    /// Its name, unique in the project.
    pub name: String,
    /// A description for people.
    pub description: String,
    /// Words to select it by.
    pub tags: Vec<String>,
    /// The source's name.
    pub source: String,
    /// The database's name within the source.
    pub database: String,
    /// The database's SQL.
    pub dialect: Dialect,
    /// What each row becomes.
    pub call_type: CallType,
    /// The query as written, with its variables.
    pub query: String,
    /// When it is due.
    pub schedule: Schedule,
    /// Where its calls go.
    pub connections: Vec<Connection>,
    /// How long after its stamp a row may be committed where open transactions cannot be seen.
    /// Default 5 minutes.
    pub lookback: Duration,
    /// How far open transactions may keep the next run's start back. Default 1 hour.
    pub lookback_max: Duration,
    /// `last_sync_time` is the largest value of this column in the committed result, in place of
    /// the clock.
    pub cursor: Option<String>,
    /// What the message ids of its events are made of.
    pub ids: EventIds,
    /// What becomes of a row with a value that cannot be sent.
    pub on_invalid_value: OnInvalidValue,
    /// Where the first run begins.
    pub first_run: FirstRun,
    /// Whether it runs without being named.
    pub enabled: bool,
    /// The query may take this long. `None`: no limit but the server's.
    pub query_timeout: Option<Duration>,
    /// An extraction whose segments grow larger fails. `None`: only the disk reserve limits it.
    pub max_run_bytes: Option<u64>,
    /// What makes a run await approval before anything is sent.
    pub guards: Guards,
}
