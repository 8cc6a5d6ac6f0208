//! The numbers of a delivery.

use crate::ports::state::{DeliveryRecord, Settled, Settlement};
use crate::run::RunSpec;
use crate::{Code, DeliveryCounts, DeliveryState, Error, Result};

/// Calls that count as used on the day of a settlement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// Calls that the destination took.
    pub delivered: u64,
    /// Calls that it refused for good.
    pub dead_letters: u64,
}

/// A delivery for each connection of the run, with every call pending; cancelled where runs skip the
/// destination.
pub fn new_deliveries(spec: &RunSpec, calls: u64) -> Vec<DeliveryRecord> {
    let record = |destination: &String| {
        let is_skipped = spec.skipped.contains(destination);
        let (cancelled, pending) = if is_skipped { (calls, 0) } else { (0, calls) };
        DeliveryRecord {
            destination: destination.clone(),
            state: if pending == 0 { DeliveryState::Succeeded } else { DeliveryState::Delivering },
            counts: DeliveryCounts { calls, cancelled, pending, ..DeliveryCounts::default() },
            settled: Settled::default(),
            reason: is_skipped
                .then(|| (Code::DestinationSkipped, "too many calls waited for the destination".to_owned())),
            sequence: 0,
        }
    };
    spec.connections.iter().map(|c| record(&c.destination)).collect()
}

/// Adds a settlement to its delivery's record. `None`: the record contains it already.
///
/// # Errors
/// `CountsDiffer`: the settlement does not follow the record, settles a position twice, or its counts and
/// positions differ.
pub fn settle(record: &mut DeliveryRecord, settlement: &Settlement) -> Result<Option<Used>> {
    if settlement.sequence <= record.sequence {
        return Ok(None);
    }
    let differs = |what: &str| {
        let message = format!("the progress of run {} at {} {what}", settlement.run, settlement.destination);
        Error::new(Code::CountsDiffer, message).help("this is a mistake in Outflow; please report it")
    };
    if settlement.sequence != record.sequence + 1 {
        return Err(differs("does not follow what the state has"));
    }
    let mut counts = record.counts;
    let added = &settlement.added;
    let ended = added.delivered + added.dead_letters + added.filtered + added.cancelled + added.discarded;
    counts.pending =
        counts.pending.checked_sub(ended).ok_or_else(|| differs("settles more calls than are pending"))?;
    counts.delivered += added.delivered;
    counts.dead_letters += added.dead_letters;
    counts.filtered += added.filtered;
    counts.cancelled += added.cancelled;
    counts.discarded += added.discarded;
    counts.requests += added.requests;
    counts.retries += added.retries;
    counts.bytes += added.bytes;
    if !counts.closed() {
        return Err(differs("does not add up"));
    }
    record.counts = counts;
    for &(start, end) in &settlement.settled {
        record.settled.insert(start, end);
    }
    record.state = settlement.state;
    record.reason.clone_from(&settlement.reason);
    record.sequence = settlement.sequence;
    Ok(Some(Used { delivered: added.delivered, dead_letters: added.dead_letters }))
}

/// Discards what is pending, as the run was rejected.
pub fn reject_delivery(record: &mut DeliveryRecord) {
    record.counts.discarded += std::mem::take(&mut record.counts.pending);
    record.state = DeliveryState::Succeeded;
}
