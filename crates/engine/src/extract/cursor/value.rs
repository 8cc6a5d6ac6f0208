//! A value of a cursor column.
//!
//! A cursor column holds numbers (Unix seconds or milliseconds, or a counter) or times. Both have
//! one order, so a value is kept as a text and compared as what it means.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use outflow_core::Timestamp;
use outflow_query::LastSyncTime;

/// From here on a whole number is taken as milliseconds, as in `shape`.
const MILLISECONDS_FROM: i128 = 100_000_000_000;

/// A value of a cursor column.
#[derive(Clone, Debug)]
pub(crate) enum CursorValue {
    /// A number: its text, and its value times 10⁹ (nine decimals decide).
    Number { text: String, nanos: i128 },
    /// A time in Unix microseconds.
    Time(i64),
}

impl CursorValue {
    /// Reads a number or a time from a column's text, or from what [`fmt::Display`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_matches('"');
        if let Some(nanos) = decimal(text) {
            return Some(Self::Number { text: text.to_owned(), nanos });
        }
        time(text).map(Self::Time)
    }

    /// The value less a lookback in seconds, never below 0. Milliseconds stay milliseconds, and
    /// smaller parts of a second what they are.
    pub(crate) fn less(&self, lookback: u64) -> LastSyncTime {
        match self {
            Self::Time(us) => {
                let lookback = i64::try_from(lookback).unwrap_or(i64::MAX);
                LastSyncTime::Seconds(us.div_euclid(1_000_000).saturating_sub(lookback).max(0))
            }
            Self::Number { nanos, .. } => {
                let whole = nanos.div_euclid(1_000_000_000);
                let less = i128::from(lookback) * unit(whole);
                LastSyncTime::Number((whole - less).max(0).to_string())
            }
        }
    }

    /// The value less that many numbers, never below 0.
    pub(crate) fn minus(&self, numbers: u64) -> LastSyncTime {
        match self {
            Self::Time(_) => self.less(numbers),
            Self::Number { nanos, .. } => {
                let whole = nanos.div_euclid(1_000_000_000) - i128::from(numbers);
                LastSyncTime::Number(whole.max(0).to_string())
            }
        }
    }

    /// The Unix seconds that it stands for: those of a time, and of a number that is a time of that
    /// span before the clock, or a day after it. `None`: a counter.
    pub(crate) fn seconds(&self, clock: Timestamp, span: i64) -> Option<i64> {
        match self {
            Self::Time(us) => Some(us.div_euclid(1_000_000)),
            Self::Number { nanos, .. } => {
                let whole = nanos.div_euclid(1_000_000_000);
                let seconds = i64::try_from(whole / unit(whole)).ok()?;
                let now = clock.as_second();
                (now - span..now + 86_400).contains(&seconds).then_some(seconds)
            }
        }
    }

    /// That time as a value of the same kind, never below 0.
    pub(crate) fn at(&self, seconds: i64) -> LastSyncTime {
        let seconds = seconds.max(0);
        match self {
            Self::Time(_) => LastSyncTime::Seconds(seconds),
            Self::Number { nanos, .. } => {
                let unit = unit(nanos.div_euclid(1_000_000_000));
                LastSyncTime::Number((i128::from(seconds) * unit).to_string())
            }
        }
    }

    /// What an earlier run kept as the next one's start, as a value of the same kind.
    pub(crate) fn given(&self, text: &str) -> Option<LastSyncTime> {
        Some(match self {
            Self::Time(_) => LastSyncTime::Seconds(text.parse().ok()?),
            Self::Number { .. } => LastSyncTime::Number(text.to_owned()),
        })
    }

    /// A time, but no later one than the clock's. Numbers may be anything and stay.
    pub(crate) fn not_after(self, clock: Timestamp) -> Self {
        match self {
            Self::Time(us) => Self::Time(us.min(clock.as_microsecond())),
            number => number,
        }
    }

    /// Whether it is a time ahead of the clock's.
    pub(crate) fn is_after(&self, clock: Timestamp) -> bool {
        matches!(self, Self::Time(us) if *us > clock.as_microsecond())
    }

    pub(super) fn rank(&self) -> i128 {
        match self {
            Self::Number { nanos, .. } => *nanos,
            Self::Time(us) => i128::from(*us) * 1_000,
        }
    }
}

impl PartialEq for CursorValue {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for CursorValue {}

impl PartialOrd for CursorValue {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CursorValue {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl fmt::Display for CursorValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number { text, .. } => f.write_str(text),
            Self::Time(us) => match Timestamp::from_microsecond(*us) {
                Ok(t) => write!(f, "{t}"),
                Err(_) => write!(f, "{}", us.div_euclid(1_000_000)),
            },
        }
    }
}

/// How many units of a number are a second. Each unit has a thousand times as many digits' room as
/// the one before: seconds, milliseconds, microseconds, nanoseconds.
pub(super) fn unit(whole: i128) -> i128 {
    match whole.abs() / MILLISECONDS_FROM {
        0 => 1,
        1..1_000 => 1_000,
        1_000..1_000_000 => 1_000_000,
        _ => 1_000_000_000,
    }
}

/// The value as documents and the state contain it.
pub(crate) fn text(value: &LastSyncTime) -> String {
    match value {
        LastSyncTime::Seconds(s) => s.to_string(),
        LastSyncTime::Number(n) => n.clone(),
    }
}

/// A decimal number times 10⁹, cut off there. Floats may have an exponent.
fn decimal(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, exponent) = match digits.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (digits, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(whole) || !plain(fraction) {
        return None;
    }
    // Digits in front of the point once the number is multiplied by 10⁹.
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(9)?;
    let mut all = whole.bytes().chain(fraction.bytes()).map(|digit| i128::from(digit - b'0'));
    let mut nanos = 0_i128;
    for _ in 0..point.min(400) {
        nanos = nanos.checked_mul(10)?.checked_add(all.next().unwrap_or(0))?;
    }
    Some(if negative { -nanos } else { nanos })
}

/// A date, or a date and time with or without an offset (UTC then). What lies beyond all times that
/// is known to be the last or the first of them.
fn time(text: &str) -> Option<i64> {
    if let Ok(t) = text.parse::<Timestamp>() {
        return Some(t.as_microsecond());
    }
    let beyond = |after| if after { Timestamp::MAX } else { Timestamp::MIN };
    if let "infinity" | "-infinity" = text {
        return Some(beyond(text == "infinity").as_microsecond());
    }
    // The year 0 is what MySQL and its exports write for "never".
    if text.ends_with(" BC") || text.starts_with("0000-") {
        return Some(beyond(false).as_microsecond());
    }
    // A year of five or six digits: mostly a typing error.
    let year = text.split('-').next().unwrap_or_default();
    if (5..=6).contains(&year.len())
        && text.len() >= year.len() + 6
        && year.bytes().all(|b| b.is_ascii_digit())
    {
        return Some(beyond(true).as_microsecond());
    }
    let civil = text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok()?;
    let t = TimeZone::UTC.to_timestamp(civil).unwrap_or_else(|_| beyond(civil.year() > 0));
    Some(t.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_compare_as_what_they_mean() {
        let v = |t: &str| CursorValue::parse(t).unwrap_or_else(|| panic!("{t}"));
        assert!(v("9") < v("10"));
        assert!(v("-3") < v("2.5"));
        assert!(v("2.50") == v("2.5"));
        assert!(v("2026-01-01 00:00:00") < v("2026-01-01 00:00:00.5"));
        assert!(v("2026-01-01 00:00:00+00") == v("2026-01-01"));
        assert!(v("2026-01-01 02:00:00+02") == v("2026-01-01T00:00:00Z"));
        assert!(CursorValue::parse("soon").is_none() && CursorValue::parse("").is_none());
        assert!(v("9999-12-31 23:59:59") == v("infinity") && v("9999-12-31 23:59:59+00") == v("infinity"));
        assert!(v("-infinity") < v("0044-03-15"));
        assert!(v("12026-03-01 10:00:00+00") == v("infinity") && v("294276-12-31") == v("infinity"));
        assert!(v("1e+16") == v("10000000000000000") && v("2.5e1") == v("25") && v("-1.5e-05") < v("0"));
        assert!(v("1e-300") == v("0"));
        for t in ["17", "2.5", "2026-01-01 00:00:00.25"] {
            assert_eq!(v(&v(t).to_string()), v(t));
        }
    }

    #[test]
    fn the_lookback_is_taken_off_in_the_columns_own_unit() {
        let less = |t: &str| text(&CursorValue::parse(t).unwrap().less(2));
        assert_eq!(less("1700000000"), "1699999998");
        assert_eq!(less("1700000000123"), "1699999998123");
        assert_eq!(less("1700000000123456"), "1699999998123456");
        assert_eq!(less("1700000000123456789"), "1699999998123456789");
        assert_eq!(less("1"), "0");
        assert_eq!(less("2026-01-01 00:00:00.9"), "1767225598");
    }
}
