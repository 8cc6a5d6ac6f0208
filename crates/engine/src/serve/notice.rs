//! What the supervisor tells: for logs, metrics and alerts. Nothing depends on it, and no row value is in it.

use std::sync::Arc;

use outflow_core::ports::watch::AlertRecord;
use outflow_core::{Code, DeliveryCounts, DeliveryState, Error, RowCounts, RunId, RunState, Timestamp};

/// Takes notices. It is called from many tasks and must not block.
pub type Observer = Arc<dyn Fn(Notice) + Send + Sync>;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A run begins; its extraction may wait for a place.
    Started {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// It had been begun by an earlier process.
        resumed: bool,
    },
    /// A run that begins to read has something to say: of its comparison, its start, or a destination that is new.
    Noted {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// What.
        note: String,
    },
    /// An extraction is committed.
    Extracted {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// Its rows.
        rows: RowCounts,
        /// What it took.
        seconds: f64,
    },
    /// A run ended before its extraction was committed.
    Failed {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// Why.
        errors: Vec<Arc<Error>>,
    },
    /// A guard holds a run.
    AwaitingApproval {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// Which guard.
        code: Code,
        /// Why.
        reason: String,
    },
    /// A person released a run that was held.
    Approved {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
    },
    /// A slot found its sync busy.
    Skipped {
        /// The sync.
        sync: String,
        /// The record of the skip.
        run: RunId,
        /// The slot.
        slot: Timestamp,
        /// Why.
        reason: String,
    },
    /// A delivery ended, or stopped.
    Delivered {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// The destination.
        destination: String,
        /// Where it stands.
        state: DeliveryState,
        /// Its numbers.
        counts: DeliveryCounts,
        /// Why it stopped.
        reason: Option<(Code, String)>,
    },
    /// A run reached its end.
    Ended {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// How.
        state: RunState,
    },
    /// A destination's standing in a sync changed.
    Lagging {
        /// The sync.
        sync: String,
        /// The destination.
        destination: String,
        /// It lags; `false`: it has caught up.
        lags: bool,
    },
    /// Where a delivery stands: when it begins or goes on, and each time calls were settled.
    Delivering {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// The destination.
        destination: String,
        /// Its numbers.
        counts: DeliveryCounts,
    },
    /// A finished run was recounted.
    Audited {
        /// The sync.
        sync: String,
        /// The run.
        run: RunId,
        /// What does not agree; empty if all is well.
        differences: Vec<String>,
    },
    /// An alert fires or has recovered.
    Alert {
        /// As the state has it.
        alert: AlertRecord,
    },
    /// More waits for a destination than may: from this run on it is left out.
    DestinationSkipped {
        /// The sync.
        sync: String,
        /// The first run that leaves it out.
        run: RunId,
        /// The destination.
        destination: String,
    },
    /// A new project is in force.
    Reloaded,
    /// Something failed that belongs to no run.
    Trouble {
        /// What.
        error: Arc<Error>,
    },
}
