//! What a run commits that has read nothing.

use outflow_core::ports::state::{Extraction, SyncState};
use outflow_core::{RowCounts, Timestamp};

/// What a run commits that read nothing and leaves that state of its sync.
pub fn nothing_read(at: Timestamp, update: SyncState) -> Extraction {
    Extraction {
        at,
        rows: RowCounts::default(),
        segments: Vec::new(),
        findings: Vec::new(),
        columns: Vec::new(),
        next_last_sync_time: None,
        watermark_update: Some(update),
        replayed: None,
        fills: Vec::new(),
        fills_new: Vec::new(),
        compared_with: None,
        objections: Vec::new(),
        budgets: Default::default(),
    }
}
