//! Moments and durations whose arithmetic cannot panic, whatever a service says.

use std::time::Duration;

use tokio::time::Instant;

/// No destination makes Outflow wait longer than this for the next request.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// The moment this much later, or decades later if that is beyond what can be represented.
pub(crate) fn later(at: Instant, by: Duration) -> Instant {
    Instant::from_std(outflow_core::clock::later(at.into_std(), by))
}

/// A number of seconds: zero for what is no number or negative, the longest duration for what is
/// beyond it.
pub(crate) fn seconds(number: f64) -> Duration {
    Duration::try_from_secs_f64(number).unwrap_or(if number > 0.0 { Duration::MAX } else { Duration::ZERO })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_and_no_sum_panics() {
        let now = Instant::now();
        for by in [Duration::ZERO, LONGEST_WAIT, Duration::from_secs(u64::MAX), Duration::MAX] {
            assert!(later(now, by) >= now);
            assert!(later(later(now, by), by) >= now);
        }
        let numbers = [f64::NAN, f64::NEG_INFINITY, -1.0, 0.0, 1e-300, f64::INFINITY, 1e300];
        let read = numbers.map(seconds);
        assert_eq!(read[..4], [Duration::ZERO; 4]);
        assert_eq!(read[5..], [Duration::MAX; 2]);
    }
}
