//! Where a run waits behind an earlier one of its sync: each destination gets runs in their order.

use std::collections::HashMap;

use outflow_core::ports::state::{DeliveryRecord, StateReader};
use outflow_core::{Code, DeliveryState, Result, RunId, RunRecord};

use crate::report::{EarlierDocument, Reason, RunDocument};

/// The destinations at which an earlier run of the sync has stopped, with that run and why.
pub type StoppedBefore = HashMap<String, (RunId, Code, String)>;

/// Where earlier runs of the sync have stopped.
///
/// # Errors
/// Those of the state.
pub async fn stopped_before(state: &dyn StateReader, record: &RunRecord) -> Result<StoppedBefore> {
    let mut found = HashMap::new();
    for earlier in state.unfinished_of(&record.sync).await? {
        if earlier.id >= record.id {
            continue;
        }
        for delivery in state.deliveries(earlier.id).await? {
            if let (DeliveryState::Stopped, Some((code, text))) = (delivery.state, delivery.reason) {
                found.entry(delivery.destination).or_insert((earlier.id, code, text));
            }
        }
    }
    Ok(found)
}

/// Why a delivery waits, if it does.
pub fn waits_behind(before: &StoppedBefore, delivery: &DeliveryRecord) -> Option<(Code, String)> {
    let (run, code, text) = before.get(&delivery.destination)?;
    (delivery.state == DeliveryState::Delivering)
        .then(|| (*code, format!("it waits behind run {run}, which stopped: {text}")))
}

impl RunDocument {
    /// The document with what waits of earlier runs of the sync for destinations that have stopped:
    /// a run without calls for them would look as if they got everything.
    ///
    /// # Errors
    /// Those of the state.
    pub async fn with_earlier(mut self, state: &dyn StateReader) -> Result<Self> {
        let mut found: Vec<EarlierDocument> = Vec::new();
        for earlier in state.unfinished_of(&self.sync).await? {
            if earlier.id >= self.run {
                continue;
            }
            for delivery in state.deliveries(earlier.id).await? {
                let DeliveryRecord { destination, counts, .. } = delivery;
                if let Some(known) = found.iter_mut().find(|known| known.destination == destination) {
                    known.calls = known.calls.saturating_add(counts.pending);
                } else if let (DeliveryState::Stopped, Some(reason)) = (delivery.state, delivery.reason)
                    && counts.pending > 0
                {
                    let reason = Reason::from(reason);
                    found.push(EarlierDocument {
                        destination,
                        run: earlier.id,
                        calls: counts.pending,
                        reason,
                    });
                }
            }
        }
        let waits = |name: &str| {
            self.destinations.iter().any(|(of, d)| of == name && d.state == DeliveryState::Stopped)
        };
        found.retain(|earlier| !waits(&earlier.destination));
        self.earlier = found;
        Ok(self)
    }
}
