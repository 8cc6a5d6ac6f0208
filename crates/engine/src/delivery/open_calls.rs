//! Calls that are settled record by record.
//!
//! Most calls become one record that holds the call's `messageId`, and are settled with it. All
//! others are kept here from the time that they are cut until each of their records is settled:
//! those in the batches in flight and those that the batcher defers, so their number is bounded.

use std::collections::HashMap;

use outflow_core::ports::state::DeadLetter;
use outflow_core::{Refusal, Timestamp};

use crate::delivery::send::{SettledRecord, dead_letter};

/// The calls with records that are not settled, by position.
#[derive(Default)]
pub(crate) struct OpenCalls(HashMap<u64, OpenCall>);

/// A call with records that are not settled.
pub(crate) struct OpenCall {
    pub(crate) ordinal: u64,
    pub(crate) message_id: String,
    /// How many records are not settled.
    pub(crate) records: usize,
    /// Of the first record that was refused.
    pub(crate) refusal: Option<Refusal>,
}

/// A call whose records are all settled.
pub(crate) struct SettledCall {
    pub(crate) position: u64,
    /// Without one, the call is delivered.
    pub(crate) dead: Option<DeadLetter>,
}

impl OpenCalls {
    /// A call was cut into records.
    pub(crate) fn open(&mut self, position: u64, call: OpenCall) {
        self.0.insert(position, call);
    }

    /// Counts a settled record. Returns the call if it was the last one.
    pub(crate) fn settle(&mut self, record: SettledRecord, at: Timestamp) -> Option<SettledCall> {
        let SettledRecord { position, refusal } = record;
        let call = self.0.get_mut(&position)?;
        call.records -= 1;
        call.refusal = call.refusal.take().or(refusal);
        if call.records > 0 {
            return None;
        }
        let OpenCall { ordinal, message_id, refusal, .. } = self.0.remove(&position)?;
        let dead = refusal.map(|refusal| dead_letter(position, ordinal, message_id, refusal, at));
        Some(SettledCall { position, dead })
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::Code;

    use super::*;

    fn refusal(reason: &str) -> Refusal {
        Refusal { code: Code::CallRefused, status: Some(400), reason: reason.to_owned() }
    }

    /// Settles the three records of a call; the result is its dead letter, once it is settled.
    fn settle(refusals: [Option<Refusal>; 3]) -> Option<DeadLetter> {
        let mut calls = OpenCalls::default();
        let call = OpenCall { ordinal: 70, message_id: "m".to_owned(), records: 3, refusal: None };
        calls.open(7, call);
        let now = Timestamp::UNIX_EPOCH;
        let mut settled = refusals
            .into_iter()
            .map(|refusal| calls.settle(SettledRecord { position: 7, refusal }, now))
            .collect::<Vec<_>>();
        let last = settled.pop().flatten().unwrap();
        assert!(settled.iter().all(Option::is_none), "only the last record settles the call");
        assert!(calls.0.is_empty());
        assert_eq!(last.position, 7);
        last.dead
    }

    #[test]
    fn a_call_is_delivered_if_none_of_its_records_is_refused() {
        assert!(settle([None, None, None]).is_none());
    }

    #[test]
    fn a_call_is_one_dead_letter_with_its_first_refusal() {
        let letter = settle([None, Some(refusal("first")), Some(refusal("second"))]).unwrap();
        assert_eq!((letter.position, letter.ordinal), (7, 70));
        assert_eq!((letter.message_id.as_str(), letter.reason.as_str()), ("m", "first"));
    }
}
