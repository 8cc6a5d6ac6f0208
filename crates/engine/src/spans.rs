//! The spans that everything logged in a run or a delivery is in.
//!
//! Their level is the highest, so that a filter for errors alone leaves them in place. A task that
//! is spawned inside one has to be put into it.

use outflow_core::RunRecord;
use tracing::{Span, error_span};

/// The extraction of a run.
pub(crate) fn run(record: &RunRecord) -> Span {
    error_span!("run", sync = record.sync, run = record.id.0)
}

/// The delivery of a run to one destination.
pub(crate) fn delivery(record: &RunRecord, destination: &str) -> Span {
    error_span!("delivery", sync = record.sync, run = record.id.0, destination)
}
