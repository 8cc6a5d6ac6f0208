//! What a user configures, resolved and checked: the input of a run.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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

/// What becomes of a trait or property that is NULL, on the way to one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Nulls {
    /// Sent as `null`: the destination forgets the old value. The default, as a NULL in the warehouse says that there is no value.
    #[default]
    Send,
    /// Left out: the destination keeps the old value.
    Omit,
}

/// Where `last_sync_time` stands before the first run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstRun {
    /// At 0: the first run takes everything.
    #[default]
    Beginning,
    /// At the warehouse's clock: the first run takes nothing that is older.
    Now,
    /// At this time.
    At(Timestamp),
}

/// The tie between a source and one of its destinations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// The destination's name in the project.
    pub destination: String,
    /// What becomes of nulls.
    pub nulls: Nulls,
}

/// When a sync is due.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Only when someone asks.
    #[default]
    Manual,
    /// Every so often, a minute or more. Slots are `start` (or the epoch) + k × `every`.
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

/// A sync with everything that a run of it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncSpec {
    /// Its name, unique in the project.
    pub name: String,
    /// For people.
    pub description: String,
    /// The source's name.
    pub source: String,
    /// The database's name within the source.
    pub database: String,
    /// The database's SQL.
    pub dialect: Dialect,
    /// What each row becomes.
    pub call_type: CallType,
    /// The query as written, variables and all.
    pub query: String,
    /// When it is due.
    pub schedule: Schedule,
    /// Where its calls go.
    pub connections: Vec<Connection>,
    /// Subtracted from `last_sync_time`. Default 1 s.
    pub lookback: Duration,
    /// `last_sync_time` is the largest value of this column in the committed result, in place of the clock.
    pub cursor: Option<String>,
    /// Where the first run begins.
    pub first_run: FirstRun,
    /// Whether it runs without being named.
    pub enabled: bool,
    /// The query may take this long. `None`: no limit but the server's.
    pub query_timeout: Option<Duration>,
    /// An extraction whose segments grow larger fails. `None`: the disk reserve alone decides.
    pub max_run_bytes: Option<u64>,
    /// What holds a run of it before anything is sent.
    pub guards: Guards,
}
