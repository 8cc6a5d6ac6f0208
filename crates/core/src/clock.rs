//! Wall time as a port, so that tests can hold it still, and sums of times that cannot panic.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// The time of day. Durations are never taken from it: those come from the monotonic clock.
pub trait Clock: Send + Sync {
    /// The present moment in UTC.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Monotonic times that a platform can surely represent end about here.
const DECADES: Duration = Duration::from_secs(30 * 366 * 86_400);

/// The moment this much later, or decades later if that is beyond what can be represented.
pub fn later(at: Instant, by: Duration) -> Instant {
    at.checked_add(by).or_else(|| at.checked_add(DECADES)).unwrap_or(at)
}

/// The time this much earlier, or the earliest that there is.
pub fn earlier(at: Timestamp, by: Duration) -> Timestamp {
    SignedDuration::try_from(by).ok().and_then(|by| at.checked_sub(by).ok()).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_sum_of_times_panics() {
        let (now, time) = (Instant::now(), Timestamp::UNIX_EPOCH);
        for by in [Duration::ZERO, DECADES, Duration::from_secs(1 << 40), Duration::MAX] {
            assert!(later(later(now, by), by) >= now);
            assert!(earlier(earlier(time, by), by) <= time);
        }
        assert_eq!(later(now, Duration::from_secs(5)) - now, Duration::from_secs(5));
        assert_eq!(earlier(time, Duration::from_secs(5)).as_second(), -5);
        assert_eq!(earlier(time, Duration::MAX), Timestamp::MIN);
    }
}
