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

/// A delivery for each connection of the run, with every call pending; cancelled where runs skip
/// the destination.
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
                .then(|| (Code::DestinationSkipped, "left out: it was too far behind".to_owned())),
            sequence: 0,
        }
    };
    spec.connections.iter().map(|c| record(&c.destination)).collect()
}

/// Adds a settlement to its delivery's record. `None`: the record contains it already.
///
/// # Errors
/// `CountsDiffer`: the settlement does not follow the record, or counts more calls than are pending
/// or than it has new positions for. The record is then as it was.
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
    let (mut counts, mut settled) = (record.counts, record.settled.clone());
    let added = &settlement.added;
    for &(start, end) in &settlement.settled {
        settled.insert(start, end);
    }
    let sent = [added.delivered, added.dead_letters, added.filtered];
    let dropped = [added.cancelled, added.discarded];
    let sum = |numbers: &[u64]| numbers.iter().try_fold(0_u64, |sum, n| sum.checked_add(*n));
    let ended = sum(&sent).and_then(|sent| sent.checked_add(sum(&dropped)?));
    let pending = ended.and_then(|ended| counts.pending.checked_sub(ended));
    counts.pending = pending.ok_or_else(|| differs("ends more calls than are pending"))?;
    let new_positions = settled.count().checked_sub(record.settled.count());
    if new_positions.zip(sum(&sent)).is_none_or(|(new, sent)| new < sent) {
        return Err(differs("counts more calls than it settles positions"));
    }
    if settlement.dead.len() as u64 != added.dead_letters {
        return Err(differs("counts other dead letters than it has"));
    }
    counts.delivered += added.delivered;
    counts.dead_letters += added.dead_letters;
    counts.filtered += added.filtered;
    counts.cancelled += added.cancelled;
    counts.discarded += added.discarded;
    for (count, more) in [
        (&mut counts.requests, added.requests),
        (&mut counts.retries, added.retries),
        (&mut counts.bytes, added.bytes),
    ] {
        *count = count.saturating_add(more);
    }
    (record.counts, record.settled) = (counts, settled);
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ports::state::DeadLetter;
    use crate::run::RunOptions;
    use crate::{Connection, Guards, Nulls, RunId, Timestamp};

    fn spec(skipped: &[&str]) -> RunSpec {
        let connection = |name: &str| Connection { destination: name.into(), nulls: Nulls::Send };
        RunSpec {
            source: "shop.main".into(),
            query: "SELECT 1".into(),
            connections: vec![connection("a"), connection("b")],
            options: RunOptions::default(),
            guards: Guards::default(),
            ids: Default::default(),
            skipped: skipped.iter().map(ToString::to_string).collect(),
        }
    }

    fn letter(position: u64) -> DeadLetter {
        DeadLetter {
            position,
            ordinal: position,
            message_id: String::new(),
            code: Code::CallRefused,
            status: Some(400),
            reason: String::new(),
            at: Timestamp::UNIX_EPOCH,
            replayed_by: None,
        }
    }

    /// Delivers `calls` calls from `start` on, the last `dead` of them as dead letters.
    fn settlement(record: &DeliveryRecord, start: u64, calls: u64, dead: u64) -> Settlement {
        Settlement {
            run: RunId(1),
            destination: record.destination.clone(),
            sequence: record.sequence + 1,
            settled: vec![(start, start + calls)],
            added: DeliveryCounts {
                delivered: calls - dead,
                dead_letters: dead,
                requests: 1,
                bytes: 7,
                ..DeliveryCounts::default()
            },
            dead: (start + calls - dead..start + calls).map(letter).collect(),
            state: DeliveryState::Delivering,
            reason: None,
            at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn calls_for_a_skipped_destination_are_cancelled_at_once() {
        let [a, b]: [_; 2] = new_deliveries(&spec(&["b"]), 5).try_into().unwrap();
        assert_eq!((a.counts.pending, a.counts.cancelled, a.state), (5, 0, DeliveryState::Delivering));
        assert_eq!((b.counts.pending, b.counts.cancelled, b.state), (0, 5, DeliveryState::Succeeded));
        assert_eq!((a.reason, b.reason.map(|r| r.0)), (None, Some(Code::DestinationSkipped)));
        assert!(new_deliveries(&spec(&[]), 0).iter().all(|d| d.state == DeliveryState::Succeeded));
    }

    #[test]
    fn a_rejected_delivery_has_nothing_pending() {
        let mut record = new_deliveries(&spec(&[]), 5).remove(0);
        reject_delivery(&mut record);
        assert_eq!((record.counts.discarded, record.counts.pending), (5, 0));
        assert!(record.counts.closed());
    }

    proptest! {
        /// Random settlements, some repeated, some that skip a number, some with positions that are
        /// settled already or with more calls than are pending.
        #[test]
        fn settlements_add_up_count_once_and_change_nothing_if_they_are_wrong(
            steps in prop::collection::vec((0_u64..60, 0_u64..8, 0_u64..3, 0_u64..6), 1..60)
        ) {
            let mut record = new_deliveries(&spec(&[]), 50).remove(0);
            let (mut used, mut plain) = (Used::default(), std::collections::BTreeSet::new());
            for (start, calls, dead, how) in steps {
                let dead = dead.min(calls);
                let mut next = settlement(&record, start, calls, dead);
                let before = record.clone();
                match how {
                    0 => {
                        next.sequence += 1;
                        prop_assert!(settle(&mut record, &next).is_err());
                        prop_assert_eq!(&record, &before);
                        continue;
                    }
                    1 => next.sequence = record.sequence,
                    _ => {}
                }
                let is_new = (start..start + calls).all(|p| !plain.contains(&p));
                let fits = is_new && calls <= before.counts.pending;
                match settle(&mut record, &next) {
                    Ok(None) => prop_assert_eq!(how, 1),
                    Ok(Some(added)) => {
                        prop_assert!(fits, "{:?}", next);
                        plain.extend(start..start + calls);
                        used.delivered += added.delivered;
                        used.dead_letters += added.dead_letters;
                        // The same again changes nothing.
                        let once = record.clone();
                        prop_assert_eq!(settle(&mut record, &next).unwrap(), None);
                        prop_assert_eq!(&record, &once);
                    }
                    Err(error) => {
                        prop_assert!(!fits && error.code() == Code::CountsDiffer);
                        prop_assert_eq!(&record, &before);
                    }
                }
                prop_assert!(record.counts.closed());
                prop_assert_eq!(record.settled.count(), plain.len() as u64);
                prop_assert_eq!(record.counts.delivered, used.delivered);
                prop_assert_eq!(record.counts.dead_letters, used.dead_letters);
                prop_assert_eq!(record.counts.pending + record.settled.count(), record.counts.calls);
            }
        }
    }
}
