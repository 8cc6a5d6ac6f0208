//! What a supervisor does at its start with the runs that an earlier process left behind.

use std::collections::HashMap;
use std::sync::Arc;

use outflow_core::{Result, RunRecord, RunState};

use super::{Shared, queues};
use crate::event::Event;

/// Enqueues the runs that an earlier process did not finish, and reports those that await approval.
/// Returns those that are to be extracted, by sync: the state is read once for all of them. One
/// whose sync is gone can never be extracted, and is cancelled. Notes which syncs have gaps.
pub(super) async fn recover(shared: &Arc<Shared>) -> Result<HashMap<String, Vec<RunRecord>>> {
    let (config, mut open) = (shared.config(), HashMap::new());
    shared.gaps.find(&*config.engine.state).await?;
    for record in config.engine.state.unfinished_runs().await? {
        if matches!(record.state, RunState::Delivering | RunState::AwaitingApproval) {
            queues::enqueue(shared, record.id).await?;
        } else if config.sync_runtime(&record.sync).is_none() {
            config.engine.cancel_if_removed(&record).await?;
            let (sync, run) = (record.sync, record.id);
            (shared.observer)(Event::Ended { sync, run, state: RunState::Cancelled });
        } else {
            // The oldest comes first.
            open.entry(record.sync.clone()).or_insert_with(Vec::new).push(record);
        }
    }
    Ok(open)
}
