//! What is missing when a run is lost, and where runs leave a destination out.

use jiff::Timestamp;

use crate::ports::state::{DeliveryRecord, GapCause, MissingCalls};
use crate::run::{RunKind, RunTrigger};
use crate::{RunId, RunRecord};

/// What destinations lack of a run that is lost, one gap for each that has pending calls.
/// `compared_with` is what the run was compared with.
///
/// A lost backfill opens its own gap again, and so does a replay that fills the gap of a run which
/// left the destination out. Another lost replay opens none: its dead letters can be replayed
/// again. Nor does a run with a limit, whose rows are unknown.
pub fn missing_after_loss(
    run: &RunRecord,
    deliveries: &[DeliveryRecord],
    compared_with: Option<RunId>,
    at: Timestamp,
) -> Vec<MissingCalls> {
    let options = &run.spec.options;
    let (first, cause) = match &options.kind {
        RunKind::Incremental | RunKind::Full | RunKind::Since { .. } => (run.id, GapCause::Lost),
        RunKind::Backfill { first, .. } => (*first, GapCause::Lost),
        RunKind::Replay(replay) if run.trigger == RunTrigger::Gap => (replay.run, GapCause::LeftOut),
        RunKind::Replay(_) => return Vec::new(),
    };
    if options.limit.is_some() {
        return Vec::new();
    }
    let lacking = deliveries.iter().filter(|delivery| delivery.counts.pending > 0);
    let missing = lacking.map(|delivery| MissingCalls {
        sync: run.sync.clone(),
        destination: delivery.destination.clone(),
        start: run.last_sync_time.clone(),
        first,
        compared_with,
        opened_by: run.id,
        cause,
        calls: delivery.counts.pending,
        opened_at: at,
    });
    missing.collect()
}

/// What the destinations lack that a run leaves out, from the moment at which its calls begin to be
/// delivered to the others. A run without calls leaves nothing out.
pub fn missing_where_left_out(
    run: &RunRecord,
    calls: u64,
    compared_with: Option<RunId>,
    at: Timestamp,
) -> Vec<MissingCalls> {
    let left_out = run.spec.skipped.iter().filter(|_| calls > 0);
    let missing = left_out.map(|destination| MissingCalls {
        sync: run.sync.clone(),
        destination: destination.clone(),
        start: run.last_sync_time.clone(),
        first: run.id,
        compared_with,
        opened_by: run.id,
        cause: GapCause::LeftOut,
        calls,
        opened_at: at,
    });
    missing.collect()
}
