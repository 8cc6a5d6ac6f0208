//! The error-rate threshold: when most of the last calls are refused in the same way, the
//! destination or the query is set up wrongly, and the delivery stops instead of making every call
//! a dead letter.
//!
//! It looks at the last [`WINDOW`] calls, at any time of a delivery. What was refused before a
//! restart does not count: a delivery that continues has its whole window before it, except where
//! `serve` only probes a destination that this threshold has stopped ([`ErrorThreshold::probing`]).

use std::collections::{HashMap, VecDeque};

use outflow_core::Code;
use outflow_core::ports::state::DeadLetter;

/// The threshold looks at this many of the last calls of a delivery.
const WINDOW: u64 = 1_000;
/// A probe of a destination that was stopped ends after this number of refusals.
const PROBE: u64 = 10;

/// A refusal by code and status.
type Refusal = (Code, Option<u16>);

/// Counts the refusals among the last calls.
pub(crate) struct ErrorThreshold {
    /// The last calls, the oldest first: how they ended (`None`: delivered), and how many in a row.
    last: VecDeque<(Option<Refusal>, u64)>,
    calls: u64,
    refused: HashMap<Refusal, u64>,
    /// Refusals alike that are needed at least.
    least: u64,
}

impl Default for ErrorThreshold {
    fn default() -> Self {
        let least = WINDOW / 2 + 1;
        Self { last: VecDeque::new(), calls: 0, refused: HashMap::new(), least }
    }
}

impl ErrorThreshold {
    /// For a delivery that `serve` continues by itself after this threshold has stopped it: few
    /// refusals show that nothing has changed.
    pub(crate) fn probing() -> Self {
        Self { least: PROBE, ..Self::default() }
    }

    /// Counts calls that were settled. Returns why the delivery stops, if more than half of the
    /// last calls are refused in the same way.
    pub(crate) fn check(&mut self, delivered: u64, dead: &[DeadLetter]) -> Option<String> {
        self.push(None, delivered);
        for letter in dead {
            let refusal = (letter.code, letter.status);
            self.push(Some(refusal), 1);
            let alike = self.refused.get(&refusal).copied().unwrap_or_default();
            if alike >= self.least && alike * 2 > self.calls {
                return Some(format!(
                    "{alike} of the last {} calls were refused alike ({}: {}); the rest stays pending",
                    self.calls, letter.code, letter.reason
                ));
            }
        }
        None
    }

    fn push(&mut self, ended: Option<Refusal>, calls: u64) {
        let calls = calls.min(WINDOW);
        if calls == 0 {
            return;
        }
        match self.last.back_mut() {
            Some((alike, n)) if *alike == ended => *n += calls,
            _ => self.last.push_back((ended, calls)),
        }
        if let Some(refusal) = ended {
            *self.refused.entry(refusal).or_default() += calls;
        }
        self.calls += calls;
        while self.calls > WINDOW {
            let excess = self.calls - WINDOW;
            let Some((oldest, n)) = self.last.front_mut() else { break };
            let (gone, refusal) = (excess.min(*n), *oldest);
            *n -= gone;
            if *n == 0 {
                self.last.pop_front();
            }
            self.calls -= gone;
            if let Some(refusal) = refusal
                && let Some(count) = self.refused.get_mut(&refusal)
            {
                *count -= gone;
                if *count == 0 {
                    self.refused.remove(&refusal);
                }
            }
        }
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
    fn more_than_half_of_the_last_calls_with_one_refusal_stop_the_delivery() {
        let mut threshold = ErrorThreshold::default();
        assert_eq!(threshold.check(0, &vec![letter(400); 500]), None);
        assert_eq!(threshold.check(0, &vec![letter(422); 400]), None, "another refusal");
        let reason = threshold.check(0, &[letter(400)]).unwrap();
        assert!(reason.starts_with("501 of the last 901 calls"), "{reason}");
    }

    #[test]
    fn refusals_count_at_any_time_of_a_delivery() {
        let mut threshold = ErrorThreshold::default();
        assert_eq!(threshold.check(u64::MAX, &[]), None);
        for n in 1..=500 {
            assert_eq!(threshold.check(0, &[letter(400)]), None, "{n}");
        }
        assert!(threshold.check(0, &[letter(400)]).is_some());
    }

    #[test]
    fn a_part_of_the_calls_is_refused_for_ever_without_a_stop() {
        let mut threshold = ErrorThreshold::default();
        for n in 0..50_000_u16 {
            assert_eq!(threshold.check(1, &[letter(400)]), None, "{n}");
        }
        assert!(threshold.last.len() as u64 <= WINDOW, "its memory is bounded");
        let mut threshold = ErrorThreshold::default();
        let mixed = |n: u16| letter(400 + n % 3);
        assert_eq!(threshold.check(0, &(0..5_000).map(mixed).collect::<Vec<_>>()), None, "no two alike");
        assert_eq!(threshold.refused.values().sum::<u64>(), WINDOW);
    }

    #[test]
    fn a_probe_ends_after_a_few_refusals_unless_most_calls_are_taken() {
        let mut threshold = ErrorThreshold::probing();
        assert_eq!(threshold.check(0, &vec![letter(400); 9]), None);
        assert!(threshold.check(0, &[letter(400)]).is_some());
        let mut threshold = ErrorThreshold::probing();
        assert_eq!(threshold.check(900, &vec![letter(400); 100]), None);
    }
}
