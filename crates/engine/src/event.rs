//! What happens to syncs and runs: for progress bars, logs, metrics and alerts.
//!
//! What always holds: no row value is in an event but in a [`ForeignText`], which logs, metrics and
//! alerts cannot show, and in the start of a run (`Reading`), and nothing depends on whether events
//! are observed. The same events come from `outflow run` and from `outflow serve`, as one driver
//! runs both ([`crate::serve`]). Only `Failed` is not sent for a run that a caller waits for: its
//! errors are the result.

use std::sync::Arc;

use outflow_core::ports::watch::AlertRecord;
use outflow_core::run::FindingCount;
use outflow_core::{
    Code, DeliveryCounts, DeliveryState, Error, ForeignText, NextStep, RowCounts, RunId, RunState, Timestamp,
};

/// Takes events. It is called from many tasks and must not block.
pub type Observer = Arc<dyn Fn(Event) + Send + Sync>;

/// A notice about a run before it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is so.
    pub text: String,
    /// What a person can do about it.
    pub next: Option<NextStep>,
}

/// Something that happened. `sync`, `run` and `destination` name what it happened to.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "a field whose name says all has no comment")]
pub enum Event {
    /// A run begins; its extraction may wait for a permit.
    Started {
        sync: String,
        run: RunId,
        /// An earlier process or command began it.
        resumed: bool,
    },
    /// The query's rows begin to arrive.
    Reading {
        sync: String,
        run: RunId,
        /// The value of `{{last_sync_time}}`.
        last_sync_time: String,
        /// Notices about the comparison, the start, or a new destination.
        notes: Vec<Note>,
    },
    /// Rows have been read: totals so far.
    Read { sync: String, run: RunId, rows: u64, rejected: u64 },
    /// The extraction is committed.
    Extracted {
        sync: String,
        run: RunId,
        rows: RowCounts,
        findings: Vec<FindingCount>,
        /// From the connection to the commit.
        seconds: f64,
    },
    /// A run ended before its extraction was committed.
    Failed { sync: String, run: RunId, errors: Vec<Arc<Error>> },
    /// A guard objects: the run waits for a person. `code` is the guard's.
    AwaitingApproval { sync: String, run: RunId, code: Code, reason: String },
    /// A person approved a run.
    Approved { sync: String, run: RunId },
    /// A slot found its sync busy. `run` is the record of the skip.
    Skipped { sync: String, run: RunId, slot: Timestamp, reason: String },
    /// The numbers of a delivery: when it begins or continues, and each time calls were settled.
    Delivering { sync: String, run: RunId, destination: String, counts: DeliveryCounts },
    /// A request failed and will be sent again.
    Retrying {
        sync: String,
        run: RunId,
        destination: String,
        code: Code,
        reason: ForeignText,
        /// Until it is sent again.
        seconds: f64,
        /// Until the delivery gives up for now, if the destination takes nothing; `None`: it does
        /// not.
        gives_up: Option<f64>,
    },
    /// A delivery ended, or stopped for `reason`.
    Delivered {
        sync: String,
        run: RunId,
        destination: String,
        state: DeliveryState,
        counts: DeliveryCounts,
        reason: Option<(Code, ForeignText)>,
    },
    /// A run reached a final state.
    Ended { sync: String, run: RunId, state: RunState },
    /// A destination of a sync became degraded, or (`degraded: false`) takes calls again.
    Degraded { sync: String, destination: String, degraded: bool },
    /// A finished run was recounted; `differences` is empty if its numbers add up.
    Audited { sync: String, run: RunId, differences: Vec<String> },
    /// An alert fires or has recovered.
    Alert { alert: AlertRecord },
    /// More calls wait for a destination than allowed: runs skip it, from this one on.
    DestinationSkipped { sync: String, run: RunId, destination: String },
    /// The clock of this machine has jumped.
    ClockJumped { warning: Arc<Error> },
    /// A new project is in force.
    Reloaded,
    /// Something failed that belongs to no run.
    Problem { error: Arc<Error> },
}
