//! The largest value of a sync's cursor column.
//!
//! A cursor column holds numbers (Unix seconds or milliseconds, or a counter) or times. Both have
//! one order, so a value is kept as a text and compared as what it means.

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use outflow_core::{Code, Column, Error, Result, Row, Timestamp};
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

    fn rank(&self) -> i128 {
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
fn unit(whole: i128) -> i128 {
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

/// Follows the cursor column through a result.
///
/// What always holds: one absurd value neither ends the run nor moves the cursor past real rows. A
/// time ahead of the clock counts only if no row has another one, and one more than a day ahead not
/// at all. So does a number where the column counts Unix time: where the cursor so far, or half of
/// the values, are times of the last years in one unit.
pub(crate) struct CursorTracker {
    index: usize,
    name: String,
    clock: Timestamp,
    /// The unit of the cursor so far, if that is a time.
    unit: Option<usize>,
    /// The largest number, and all of them.
    largest: Option<CursorValue>,
    numbers: u64,
    /// The numbers that are times of the last years by the clock, for each of [`UNITS`].
    plausible: [Plausible; UNITS.len()],
    /// The largest time by the clock, and the largest one within a day after it.
    by_clock: Option<CursorValue>,
    soon: Option<CursorValue>,
    /// Times further ahead, and what has no order: NaN and infinity.
    absurd: u64,
    last: Vec<u8>,
    rows: u64,
}

/// What the numbers of a column may count of Unix time, in a second.
const UNITS: [i128; 4] = [1, 1_000, 1_000_000, 1_000_000_000];
/// Times up to this long before the clock are what a cursor column is expected to hold.
const PLAUSIBLE: i64 = 20 * 366 * 86_400;
/// A stamp may be ahead by this much: it is written by another clock, or in another zone.
const AHEAD: i64 = 86_400;

#[derive(Clone, Debug, Default)]
struct Plausible {
    count: u64,
    largest: Option<CursorValue>,
}

impl CursorTracker {
    /// Finds the column. Its absence is the error Q008. `so_far` is the cursor that the state has.
    pub(crate) fn new(
        name: &str,
        columns: &[Column],
        clock: Timestamp,
        so_far: Option<&CursorValue>,
    ) -> Result<Self> {
        let Some(index) = columns.iter().position(|c| c.name.eq_ignore_ascii_case(name)) else {
            return Err(Error::new(
                Code::CursorColumnMissing,
                format!("the cursor column {name:?} is not in the result"),
            )
            .help(format!("add {name} to the query's select list, or take `cursor` out of the sync")));
        };
        Ok(Self {
            index,
            name: name.to_owned(),
            clock,
            unit: so_far.and_then(|value| plausible_unit(value, clock)),
            largest: None,
            numbers: 0,
            plausible: Default::default(),
            by_clock: None,
            soon: None,
            absurd: 0,
            last: Vec::new(),
            rows: 0,
        })
    }

    /// Takes a row into account. NULL counts for nothing; what is neither a number nor a time is
    /// the error Q008.
    pub(crate) fn see(&mut self, row: Row<'_>) -> Result<()> {
        self.rows += 1;
        let Some(Some(text)) = row.fields().nth(self.index) else { return Ok(()) };
        if text == self.last.as_slice() {
            return Ok(());
        }
        self.last.clear();
        self.last.extend_from_slice(text);
        let text = std::str::from_utf8(text).map_err(|_| self.refused(text, row))?;
        match CursorValue::parse(text) {
            Some(value) => self.take(value),
            None if is_unordered(text) => self.absurd += 1,
            None => return Err(self.refused(text.as_bytes(), row)),
        }
        Ok(())
    }

    fn take(&mut self, value: CursorValue) {
        match &value {
            CursorValue::Number { .. } => {
                self.numbers += 1;
                if let Some(unit) = plausible_unit(&value, self.clock) {
                    let seen = &mut self.plausible[unit];
                    seen.count += 1;
                    raise(&mut seen.largest, value.clone());
                }
                raise(&mut self.largest, value);
            }
            CursorValue::Time(us) => match us.saturating_sub(self.clock.as_microsecond()) {
                ..=0 => raise(&mut self.by_clock, value),
                ahead if ahead <= AHEAD * 1_000_000 => raise(&mut self.soon, value),
                _ => self.absurd += 1,
            },
        }
    }

    #[cold]
    fn refused(&self, text: &[u8], row: Row<'_>) -> Error {
        let message = format!(
            "the cursor column {:?} holds a value that is neither a number nor a time, in row {} of the result",
            self.name, self.rows
        );
        let shown = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(100)]).into_owned();
        let others = row.fields().enumerate().filter(|(index, _)| *index != self.index);
        let first = others.filter_map(|(_, field)| field).next().map(shown);
        let within = first.map(|first| format!(" beside {first:?}")).unwrap_or_default();
        Error::new(Code::CursorColumnMissing, message)
            .quoting(format!("{:?}{within}", shown(text)))
            .help("use a column of numbers, dates or timestamps as the cursor")
    }

    /// The largest value that counts, and how many values were ignored as absurd.
    pub(crate) fn largest(self) -> (Option<CursorValue>, u64) {
        let time = self.by_clock.or(self.soon);
        let Some(largest) = self.largest else { return (time, self.absurd) };
        let half = self.plausible.iter().position(|seen| seen.count > 0 && seen.count * 2 >= self.numbers);
        let Some(unit) = self.unit.or(half) else { return (Some(largest), self.absurd) };
        let bound = i128::from(self.clock.as_second() + AHEAD) * UNITS[unit] * 1_000_000_000;
        if largest.rank() <= bound {
            return (Some(largest), self.absurd);
        }
        let seen = &self.plausible[unit];
        (seen.largest.clone(), self.absurd + self.numbers.saturating_sub(seen.count).max(1))
    }
}

fn raise(largest: &mut Option<CursorValue>, value: CursorValue) {
    if largest.as_ref().is_none_or(|known| value > *known) {
        *largest = Some(value);
    }
}

/// The unit in which a number is a time of the last years, or at most a day ahead of the clock.
fn plausible_unit(value: &CursorValue, clock: Timestamp) -> Option<usize> {
    let CursorValue::Number { nanos, .. } = value else { return None };
    let whole = nanos.div_euclid(1_000_000_000);
    let unit = UNITS.iter().position(|of| *of == unit(whole))?;
    let seconds = i64::try_from(whole / UNITS[unit]).ok()?;
    let now = clock.as_second();
    (now - PLAUSIBLE..=now + AHEAD).contains(&seconds).then_some(unit)
}

/// NaN, infinity, and numbers beyond all that is counted: numbers that say no place in an order.
fn is_unordered(text: &str) -> bool {
    text.trim().trim_matches('"').parse::<f64>().is_ok()
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
    if text.ends_with(" BC") {
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
    use outflow_core::{ColumnType, RowPage};

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

    /// The largest value of a column, and how many were ignored. The clock says 2026-11-24.
    fn tracked(so_far: Option<&str>, texts: &[Option<&str>]) -> (Option<String>, u64) {
        let columns = [Column { name: "Updated".into(), ty: ColumnType::Int, declared: String::new() }];
        let mut page = RowPage::default();
        texts.iter().for_each(|text| page.push([text.map(str::as_bytes)]));
        let so_far = so_far.and_then(CursorValue::parse);
        let clock = "2026-11-24T00:00:00Z".parse().unwrap();
        let mut tracker = CursorTracker::new("updated", &columns, clock, so_far.as_ref()).unwrap();
        page.iter().for_each(|r| tracker.see(r).unwrap());
        let (largest, ignored) = tracker.largest();
        (largest.map(|value| value.to_string()), ignored)
    }

    #[test]
    fn the_tracker_finds_the_largest_and_ignores_null() {
        assert_eq!(tracked(None, &[Some("5"), None, Some("40"), Some("7")]), (Some("40".into()), 0));
        let missing = CursorTracker::new("other", &[], Timestamp::UNIX_EPOCH, None);
        assert_eq!(missing.err().map(|e| e.code()), Some(Code::CursorColumnMissing));
    }

    #[test]
    fn one_absurd_value_counts_for_nothing() {
        let real = "2026-03-01 10:00:00+00";
        for absurd in ["12026-03-01 10:00:00+00", "9999-12-31", "infinity", "2027-01-01"] {
            for texts in [[Some(real), Some(absurd)], [Some(absurd), Some(real)]] {
                assert_eq!(tracked(None, &texts), (Some("2026-03-01T10:00:00Z".into()), 1), "{absurd}");
            }
            assert_eq!(tracked(None, &[Some(absurd)]), (None, 1), "{absurd}");
        }
        let ahead = tracked(None, &[Some("2026-11-24 09:00:00")]);
        assert_eq!(ahead, (Some("2026-11-24T09:00:00Z".into()), 0), "a stamp in another zone");
        for absurd in ["NaN", "Infinity", "-Infinity", "1e300"] {
            assert_eq!(tracked(None, &[Some("7.5"), Some(absurd)]), (Some("7.5".into()), 1), "{absurd}");
        }
    }

    #[test]
    fn a_number_far_ahead_counts_only_where_numbers_are_no_times() {
        for (so_far, texts, largest) in [
            (None, ["1795000000", "9999999999"], "1795000000"),
            (None, ["1795000000", "1795000000000"], "1795000000"),
            (None, ["1795000000123", "99999999999999"], "1795000000123"),
            (None, ["40", "9999999999"], "9999999999"),
            (Some("40"), ["50", "9999999999"], "9999999999"),
        ] {
            let (found, ignored) = tracked(so_far, &texts.map(Some));
            assert_eq!(found.as_deref(), Some(largest), "{texts:?}");
            assert_eq!(ignored, u64::from(largest == texts[0]), "{texts:?}");
        }
        assert_eq!(tracked(Some("1795000000"), &[Some("9999999999")]), (None, 1));
    }

    #[test]
    fn what_has_no_order_is_named_with_its_row() {
        let column = |name: &str| Column { name: name.into(), ty: ColumnType::Text, declared: String::new() };
        let mut page = RowPage::default();
        page.push([Some(&b"ada"[..]), Some(b"5")]);
        page.push([Some(&b"bob"[..]), Some(b"soon")]);
        let columns = [column("id"), column("changed")];
        let mut tracker = CursorTracker::new("changed", &columns, Timestamp::UNIX_EPOCH, None).unwrap();
        let error = page.iter().find_map(|row| tracker.see(row).err()).unwrap();
        assert!(error.message().contains("in row 2"), "{error:?}");
        assert_eq!(error.quoted().unwrap().reveal(), "\"soon\" beside \"bob\"");
        assert!(!error.message().contains("soon"), "a log shows no value");
    }
}
