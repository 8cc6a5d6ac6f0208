//! The notices of the supervisor, for logs, metrics and alerts. No behaviour depends on them, and
//! they contain no values of rows.

#![allow(missing_docs, reason = "the names of most fields say all")]

use std::sync::Arc;

use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Code, DeliveryCounts, DeliveryState, Error, RowCounts, RunId, RunState, Timestamp};

/// Receives notices. It is called from many tasks and must not block.
pub type Observer = Arc<dyn Fn(Notice) + Send + Sync>;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A run begins; its extraction may wait for a slot.
    Started {
        sync: String,
        run: RunId,
        /// An earlier process began it.
        resumed: bool,
    },
    /// A remark at the start of an extraction: on its comparison with the last run, its start time,
    /// or a new destination.
    Noted { sync: String, run: RunId, note: String },
    /// An extraction is committed.
    Extracted { sync: String, run: RunId, rows: RowCounts, seconds: f64 },
    /// A run ended before its extraction was committed.
    Failed { sync: String, run: RunId, errors: Vec<Arc<Error>> },
    /// A guard stops a run until it is approved.
    AwaitingApproval { sync: String, run: RunId, code: Code, reason: String },
    /// A person approved a run.
    Approved { sync: String, run: RunId },
    /// A slot was skipped because its sync was busy.
    Skipped {
        sync: String,
        /// The run that records the skip.
        run: RunId,
        slot: Timestamp,
        reason: String,
    },
    /// A delivery ended, or stopped.
    Delivered {
        sync: String,
        run: RunId,
        destination: String,
        state: DeliveryState,
        counts: DeliveryCounts,
        reason: Option<(Code, String)>,
    },
    /// A run reached its end.
    Ended { sync: String, run: RunId, state: RunState },
    /// A destination of a sync began or ceased to lag.
    Lagging {
        sync: String,
        destination: String,
        /// `false`: it has caught up.
        lags: bool,
    },
    /// The progress of a delivery: when it begins or continues, and each time calls are settled.
    Delivering { sync: String, run: RunId, destination: String, counts: DeliveryCounts },
    /// A finished run was audited.
    Audited {
        sync: String,
        run: RunId,
        /// The differences; empty if there are none.
        differences: Vec<String>,
    },
    /// An alert fires or has ended.
    Alert {
        /// As stored in the state.
        alert: AlertRecord,
    },
    /// The backlog of a destination is full: it is skipped from this run on.
    DestinationSkipped {
        sync: String,
        /// The first run that skips it.
        run: RunId,
        destination: String,
    },
    /// A new project is in force.
    Reloaded,
    /// An error that belongs to no run.
    Trouble { error: Arc<Error> },
}
