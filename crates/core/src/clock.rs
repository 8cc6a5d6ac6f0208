//! Wall time and uptime as a port, so that tests can hold them still, and sums of times that cannot
//! panic.
//!
//! A wall clock can be wrong by years, and is set right at any moment. What must survive that
//! compares two readings of the uptime as well, which no person and no time server sets.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long the machine has been up. Two readings of one boot tell how much time has passed between
/// them, also in different processes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uptime {
    /// Which boot of which machine: readings of different boots cannot be compared.
    pub boot: String,
    /// Microseconds since then, including the time for which the machine was suspended.
    pub us: i64,
}

impl Uptime {
    /// From its parts, as a store keeps them; `None` where one is missing.
    pub fn of(boot: Option<String>, us: Option<i64>) -> Option<Self> {
        boot.zip(us).map(|(boot, us)| Self { boot, us })
    }
}

/// The time of day. Durations are never taken from it: those come from the monotonic clock, or from
/// the uptime where a process may end in between.
pub trait Clock: Send + Sync {
    /// The present moment in UTC.
    fn now(&self) -> Timestamp;

    /// The uptime of this machine; `None` where the system does not tell it.
    fn uptime(&self) -> Option<Uptime> {
        None
    }
}

/// The operating system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

/// How many seconds [`SystemClock`] is behind the operating system's.
static BEHIND_S: AtomicU32 = AtomicU32::new(0);

impl SystemClock {
    /// From now on this process lives that many seconds in the past. `outflow demo` alone does
    /// this: it makes its history by running it.
    pub fn set_behind(seconds: u32) {
        BEHIND_S.store(seconds, Ordering::Relaxed);
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let behind = Duration::from_secs(BEHIND_S.load(Ordering::Relaxed).into());
        if behind.is_zero() { Timestamp::now() } else { earlier(Timestamp::now(), behind) }
    }

    /// From Linux's `/proc`, which is memory and does not block. Other systems have none.
    /// In the past there is none: it would contradict the wall clock.
    fn uptime(&self) -> Option<Uptime> {
        if BEHIND_S.load(Ordering::Relaxed) > 0 {
            return None;
        }
        static BOOT: OnceLock<Option<String>> = OnceLock::new();
        let boot = BOOT.get_or_init(|| {
            let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
            Some(id.trim().to_owned()).filter(|id| !id.is_empty())
        });
        let text = std::fs::read_to_string("/proc/uptime").ok()?;
        Some(Uptime { boot: boot.clone()?, us: microseconds(text.split_whitespace().next()?)? })
    }
}

/// Seconds with two decimals, as `/proc/uptime` has them.
fn microseconds(seconds: &str) -> Option<i64> {
    let (whole, part) = seconds.split_once('.')?;
    let hundredths: i64 = part.get(..2)?.parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(1_000_000)?.checked_add(hundredths * 10_000)
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
    fn the_uptime_is_read_from_seconds_with_two_decimals() {
        assert_eq!(microseconds("12345.67"), Some(12_345_670_000));
        assert_eq!(microseconds("0.00"), Some(0));
        for odd in ["", "12", "x.00", "1.x", "1.5", "99999999999999999999.00"] {
            assert_eq!(microseconds(odd), None, "{odd}");
        }
    }

    #[test]
    fn two_readings_of_one_boot_tell_what_has_passed() {
        let Some(before) = SystemClock.uptime() else { return };
        let after = SystemClock.uptime().unwrap();
        assert!(before.boot == after.boot && after.us >= before.us, "{before:?} {after:?}");
    }

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
