//! What a run tells while it goes on. Events are for people: nothing depends on them.

use std::sync::Arc;

use outflow_core::run::FindingCount;
use outflow_core::{Code, DeliveryCounts, DeliveryState, NextStep, RowCounts, RunId};

/// Takes the events of a run. It is called from several tasks and must not block.
pub type Progress = Arc<dyn Fn(Event) + Send + Sync>;

/// Something worth saying of a run before it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// What is so.
    pub text: String,
    /// What a person can do about it.
    pub next: Option<NextStep>,
}

/// Something that happened in a run.
#[derive(Clone, Debug)]
pub enum Event {
    /// A run begins, or an unfinished one goes on.
    Started {
        /// The run.
        run: RunId,
        /// It was left unfinished earlier.
        resumed: bool,
    },
    /// The query's rows begin to come.
    Reading {
        /// The value of `{{last_sync_time}}`.
        last_sync_time: String,
        /// What is worth saying of this run before it reads.
        notes: Vec<Note>,
    },
    /// So many rows have been read.
    Read {
        /// Rows read.
        rows: u64,
        /// Rows rejected among them.
        rejected: u64,
    },
    /// The extraction is committed.
    Extracted {
        /// Its rows.
        rows: RowCounts,
        /// What was found in them.
        findings: Vec<FindingCount>,
        /// What it took, in seconds.
        seconds: f64,
    },
    /// Calls have been settled.
    Delivered {
        /// The destination.
        destination: String,
        /// Its numbers now.
        counts: DeliveryCounts,
    },
    /// A request failed and will be sent again.
    Retrying {
        /// The destination.
        destination: String,
        /// Why.
        code: Code,
        /// What happened.
        reason: String,
        /// In how many seconds.
        seconds: f64,
    },
    /// A destination is finished with this run, or has stopped.
    Ended {
        /// The destination.
        destination: String,
        /// Where it stands.
        state: DeliveryState,
        /// Its numbers.
        counts: DeliveryCounts,
        /// Why it stopped.
        reason: Option<(Code, String)>,
    },
}
