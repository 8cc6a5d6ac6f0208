//! The error-rate threshold: when most of the first calls are refused in the same way, the
//! destination or the query is set up wrongly, and the delivery stops instead of making every call
//! a dead letter.

use std::collections::HashMap;

use outflow_core::ports::state::DeadLetter;
use outflow_core::{Code, DeliveryCounts};

/// The threshold looks at this many of the first calls of a delivery.
const FIRST_CALLS: u64 = 1_000;

/// Counts the refusals of the first calls by code and status.
#[derive(Default)]
pub(crate) struct ErrorThreshold(HashMap<(Code, Option<u16>), u64>);

impl ErrorThreshold {
    /// Counts new dead letters. `counts` are those of the delivery before them. Returns why the
    /// delivery stops, if more than half of the first calls are refused in the same way.
    pub(crate) fn check(&mut self, counts: &DeliveryCounts, dead: &[DeadLetter]) -> Option<String> {
        if counts.delivered + counts.dead_letters >= FIRST_CALLS {
            return None;
        }
        for letter in dead {
            let alike = self.0.entry((letter.code, letter.status)).or_default();
            *alike += 1;
            if *alike > FIRST_CALLS / 2 {
                return Some(format!(
                    "{alike} of the first calls were refused alike ({}: {}); the rest stays pending",
                    letter.code, letter.reason
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use outflow_core::Timestamp;

    use super::*;

    fn letter(status: u16) -> DeadLetter {
        DeadLetter {
            position: 0,
            ordinal: 0,
            message_id: "m".to_owned(),
            code: Code::CallRefused,
            status: Some(status),
            reason: "no".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            replayed_by: None,
        }
    }

    #[test]
    fn more_than_half_of_the_first_calls_with_one_refusal_stop_the_delivery() {
        let mut threshold = ErrorThreshold::default();
        let counts = DeliveryCounts::default();
        assert_eq!(threshold.check(&counts, &vec![letter(400); 500]), None);
        assert_eq!(threshold.check(&counts, &vec![letter(422); 500]), None, "another refusal");
        let reason = threshold.check(&counts, &[letter(400)]).unwrap();
        assert!(reason.starts_with("501 of the first calls"), "{reason}");
    }

    #[test]
    fn refusals_after_the_first_calls_do_not_count() {
        let mut threshold = ErrorThreshold::default();
        let counts = DeliveryCounts { delivered: 999, ..DeliveryCounts::default() };
        assert_eq!(threshold.check(&counts, &vec![letter(400); 500]), None);
        let counts = DeliveryCounts { delivered: 999, dead_letters: 1, ..counts };
        assert_eq!(threshold.check(&counts, &vec![letter(400); 5_000]), None);
    }
}
