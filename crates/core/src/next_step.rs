//! What a person can do next with Outflow, as a fact: a front end says with which command, button
//! or request.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::RunId;

/// Something that helps after an error, or beside a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextStep {
    /// Look at the list of runs.
    ListRuns,
    /// Check the project without its databases.
    Validate,
    /// Print the script for a service account.
    PrintSetupSql,
    /// Look at the calls that a run of the sync would send.
    PreviewCalls {
        /// The sync.
        sync: String,
    },
    /// Run the sync, which finishes the run that it has in progress.
    Run {
        /// The sync.
        sync: String,
    },
    /// Run the sync as for the first time.
    RunFull {
        /// The sync.
        sync: String,
    },
    /// Read the sync's rows again from a time on.
    RunSince {
        /// The sync.
        sync: String,
    },
    /// Send a destination what it has missed.
    Backfill {
        /// The destination.
        destination: String,
    },
    /// Send a destination what the query gives from a time on, also what it has got.
    BackfillSince {
        /// The destination.
        destination: String,
        /// The sync.
        sync: String,
        /// In Unix seconds.
        since: String,
    },
    /// Give up the calls that wait for a destination that the project no longer has.
    Cancel {
        /// The destination.
        destination: String,
    },
    /// Run the sync with the options that were given, although its events go out under second ids.
    RunWithSecondIds {
        /// The sync.
        sync: String,
        /// Everything was requested.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        full: bool,
        /// A start was requested.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<Timestamp>,
        /// A number of rows was requested.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<u64>,
        /// One destination was requested.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        destination: Option<String>,
    },
    /// Backfill the destination although events of the sync go out under second ids.
    BackfillWithSecondIds {
        /// The sync.
        sync: String,
        /// The destination.
        destination: String,
        /// Where the backfill begins.
        since: Timestamp,
    },
    /// Check the whole state.
    VerifyAll,
    /// Deliver a run that awaits approval.
    Approve {
        /// The run.
        run: RunId,
    },
    /// Drop a run that awaits approval.
    Reject {
        /// The run.
        run: RunId,
    },
}
