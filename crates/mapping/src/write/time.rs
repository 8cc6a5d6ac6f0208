//! Dates and times in ISO 8601.
//!
//! A time that came in UTC is copied, not computed: its digits stay as they are. All years are 0001
//! to 9999 of the Gregorian calendar.

use outflow_core::{Code, ColumnType};

use super::json::{self, Scalar};
use super::number::{self, TimeUnit};
use crate::cure::Cure;
use crate::row_error::RowError;

const SAYS: &str =
    "is not a time between the years 0001 and 9999; give ISO 8601, or Unix seconds in a numeric column";
const BAD: RowError = RowError::value(Code::InvalidTime, SAYS);
const ENDLESS: RowError = RowError::value(Code::InvalidTime, "has no form in ISO 8601")
    .with_cure(Cure::Null { value: "infinity", or_text: true });
const BEFORE_TIME: RowError = RowError::value(Code::InvalidTime, "has no form in ISO 8601")
    .with_cure(Cure::Null { value: "-infinity", or_text: true });
const FAR: RowError =
    RowError::value(Code::InvalidTime, "lies beyond the year 9999, which is mostly a typing error")
        .with_cure(Cure::Far);
const EARLY: RowError =
    RowError::value(Code::InvalidTime, "lies before the year 1, which is mostly a typing error")
        .with_cure(Cure::Early);
const NO_UNIX: &str = "is no Unix time in seconds, milliseconds, microseconds or nanoseconds between the years 0001 \
                       and 9999; give one of these";
const DAY: i64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01.
const TO_1970: i64 = 719_468;
/// Digits of a second's fraction that are kept.
const FRACTION: usize = 9;

/// Appends a `YYYY-MM-DD` as a JSON string.
pub(crate) fn date(out: &mut Vec<u8>, text: &[u8]) -> Result<(), RowError> {
    let day: &[u8; 10] = text.try_into().map_err(|_| bad(text))?;
    if day_number(day).is_none() {
        return Err(bad(text));
    }
    out.push(b'"');
    out.extend_from_slice(day);
    out.push(b'"');
    Ok(())
}

/// Appends a date and time as a JSON string in UTC. Blank or `T` between them, zone optional (UTC),
/// time optional (midnight).
pub(crate) fn timestamp(out: &mut Vec<u8>, text: &[u8]) -> Result<(), RowError> {
    let Some(moment) = parse(text).or_else(|| parse(text.trim_ascii())) else { return Err(bad(text)) };
    let clock = if moment.offset == 0 {
        moment.clock
    } else {
        let second = moment.day * DAY + moment.second - moment.offset;
        clock(second).ok_or(if second < 0 { EARLY } else { FAR })?
    };
    put(out, clock, moment.fraction);
    Ok(())
}

/// Why a text is no time that can be sent.
#[cold]
fn bad(text: &[u8]) -> RowError {
    let text = text.trim_ascii();
    let digits = text.iter().take_while(|b| b.is_ascii_digit()).count();
    match text {
        b"infinity" => ENDLESS,
        b"-infinity" => BEFORE_TIME,
        _ if text.ends_with(b" BC") || text.starts_with(b"0000-") => EARLY,
        _ if (5..=6).contains(&digits) && text.get(digits) == Some(&b'-') => FAR,
        _ => BAD,
    }
}

/// Appends a `HH:MM:SS[.f]+ZZ` as a JSON string with an offset of ISO 8601: `Z` or `+ZZ:ZZ`.
pub(crate) fn time_tz(out: &mut Vec<u8>, text: &[u8]) -> Result<(), RowError> {
    if !text.iter().all(|b| matches!(b, b'0'..=b'9' | b':' | b'.' | b'+' | b'-')) {
        return Err(BAD);
    }
    let sign = text.iter().position(|b| matches!(b, b'+' | b'-'));
    let (time, zone) = text.split_at(sign.unwrap_or(text.len()));
    out.push(b'"');
    out.extend_from_slice(time);
    match zone {
        b"+00" | b"-00" => out.push(b'Z'),
        [_, _, _] => {
            out.extend_from_slice(zone);
            out.extend_from_slice(b":00");
        }
        _ => out.extend_from_slice(zone),
    }
    out.push(b'"');
    Ok(())
}

/// Appends a moment in its JSON form, for any type: a date is its midnight, a number is Unix time
/// in the unit that [`number::unix_nanos`] finds. Returns that unit.
pub(crate) fn moment(out: &mut Vec<u8>, ty: ColumnType, text: &[u8]) -> Result<Option<TimeUnit>, RowError> {
    let written = match ty {
        ColumnType::Timestamp
        | ColumnType::TimestampTz
        | ColumnType::Date
        | ColumnType::Text
        | ColumnType::Char => timestamp(out, text),
        ColumnType::Int | ColumnType::Numeric | ColumnType::Float => return unix(out, text),
        ColumnType::Json => match json::scalar(text)? {
            Scalar::String(text) => timestamp(out, &text),
            Scalar::Number(number) => return unix(out, number),
            Scalar::Null | Scalar::Bool(_) | Scalar::Compound => Err(BAD),
        },
        ColumnType::Bool
        | ColumnType::Time
        | ColumnType::TimeTz
        | ColumnType::Bytes
        | ColumnType::Interval
        | ColumnType::Array(_)
        | ColumnType::Hstore
        | ColumnType::Opaque => Err(BAD),
    };
    written.map(|()| None).map_err(RowError::without_text)
}

/// Appends a moment with milliseconds. The run's clock is never outside the years that can be
/// written; if it were, the nearest would do.
pub(crate) fn milliseconds(out: &mut Vec<u8>, millis: i64) {
    let millis = millis.clamp(-62_135_596_800_000, 253_402_300_799_999);
    let clock = clock(millis.div_euclid(1000)).expect("the moment lies within the years 0001 to 9999");
    put(out, clock, format!("{:03}", millis.rem_euclid(1000)).as_bytes());
}

fn unix(out: &mut Vec<u8>, text: &[u8]) -> Result<Option<TimeUnit>, RowError> {
    const NONE: RowError = RowError::value(Code::InvalidTime, NO_UNIX);
    let text = text.trim_ascii();
    let found = if number::is_number(text) { number::unix_nanos(text) } else { None };
    let (nanos, unit) = found.ok_or(NONE)?;
    let second = nanos.div_euclid(1_000_000_000) as i64;
    let fraction = format!("{:09}", nanos.rem_euclid(1_000_000_000));
    let digits = fraction.trim_end_matches('0').len();
    let digits = if digits == 0 { 0 } else { digits.max(3) };
    put(out, clock(second).ok_or(NONE)?, &fraction.as_bytes()[..digits]);
    Ok(unit)
}

/// `YYYY-MM-DDTHH:MM:SS`.
type Clock = [u8; 19];

struct Moment<'a> {
    clock: Clock,
    fraction: &'a [u8],
    /// Days since 1970.
    day: i64,
    /// Second of the day.
    second: i64,
    /// Seconds east of UTC.
    offset: i64,
}

fn parse(text: &[u8]) -> Option<Moment<'_>> {
    let (date, rest) = text.split_first_chunk::<10>()?;
    let mut moment = Moment {
        clock: *b"0000-00-00T00:00:00",
        fraction: b"",
        day: day_number(date)?,
        second: 0,
        offset: 0,
    };
    moment.clock[..10].copy_from_slice(date);
    let [b' ' | b'T' | b't', time @ ..] = rest else {
        return rest.is_empty().then_some(moment);
    };
    let (minutes, mut rest) = time.split_first_chunk::<5>()?;
    moment.second = 60 * minute_of_day(minutes)?;
    moment.clock[11..16].copy_from_slice(minutes);
    if let Some(([b':', a, b], after)) = rest.split_first_chunk::<3>() {
        moment.second += two([*a, *b], 59)?;
        moment.clock[17..].copy_from_slice(&[*a, *b]);
        rest = after;
        if let [b'.', after @ ..] = rest {
            let digits = after.iter().take_while(|d| d.is_ascii_digit()).count();
            if digits == 0 {
                return None;
            }
            (moment.fraction, rest) = after.split_at(digits);
            moment.fraction = &moment.fraction[..digits.min(FRACTION)];
        }
    }
    moment.offset = offset(rest)?;
    Some(moment)
}

/// The zone behind a time, in seconds east of UTC: nothing, `Z`, `+HH`, `+HHMM`, `+HH:MM` or
/// `+HH:MM:SS`.
fn offset(zone: &[u8]) -> Option<i64> {
    let (east, zone) = match zone {
        [] | b"+00" | [b'Z' | b'z'] => return Some(0),
        [b'+', zone @ ..] => (1, zone),
        [b'-', zone @ ..] => (-1, zone),
        _ => return None,
    };
    let hours = |a: &u8, b: &u8| two([*a, *b], 23).map(|h| h * 3600);
    let minutes = |a: &u8, b: &u8| two([*a, *b], 59).map(|m| m * 60);
    let seconds = match zone {
        [a, b] => hours(a, b)?,
        [a, b, c, d] | [a, b, b':', c, d] => hours(a, b)? + minutes(c, d)?,
        [a, b, b':', c, d, b':', e, f] => hours(a, b)? + minutes(c, d)? + two([*e, *f], 59)?,
        _ => return None,
    };
    Some(east * seconds)
}

fn minute_of_day(text: &[u8; 5]) -> Option<i64> {
    let [a, b, b':', c, d] = *text else { return None };
    Some(60 * two([a, b], 23)? + two([c, d], 59)?)
}

/// Two digits, at most `most`.
fn two([a, b]: [u8; 2], most: i64) -> Option<i64> {
    let (a, b) = (a.wrapping_sub(b'0'), b.wrapping_sub(b'0'));
    let number = i64::from(a) * 10 + i64::from(b);
    (a < 10 && b < 10 && number <= most).then_some(number)
}

/// Days since 1970 of a `YYYY-MM-DD`, if it is a day.
fn day_number(text: &[u8; 10]) -> Option<i64> {
    const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let [a, b, c, d, b'-', e, f, b'-', g, h] = *text else { return None };
    let year = 100 * two([a, b], 99)? + two([c, d], 99)?;
    let (month, day) = (two([e, f], 12)?, two([g, h], 31)?);
    let leap = i64::from(month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));
    if year == 0 || month == 0 || day == 0 || day > DAYS[month as usize - 1] + leap {
        return None;
    }
    // Years that begin in March end with their leap day, so a plain formula gives the days before
    // each month.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before = year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    Some(before + (153 * month + 2) / 5 + day - 1 - TO_1970)
}

/// The clock at that second since 1970, if its year has four digits.
fn clock(second: i64) -> Option<Clock> {
    let (days, second) = (second.div_euclid(DAY) + TO_1970, second.rem_euclid(DAY));
    // The inverse of `day_number`: 400 years have 146,097 days.
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = (cycle * 400 + year, month + 3);
    let (year, month) = if month > 12 { (year + 1, month - 12) } else { (year, month) };
    if !(1..=9999).contains(&year) {
        return None;
    }
    let mut clock = *b"0000-00-00T00:00:00";
    let parts = [year / 100, year % 100, month, day, second / 3600, second / 60 % 60, second % 60];
    for (at, part) in [0, 2, 5, 8, 11, 14, 17].into_iter().zip(parts) {
        clock[at] += (part / 10) as u8;
        clock[at + 1] += (part % 10) as u8;
    }
    Some(clock)
}

fn put(out: &mut Vec<u8>, clock: Clock, fraction: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(&clock);
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
    out.extend_from_slice(b"Z\"");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(text: &str) -> Option<String> {
        let mut out = Vec::new();
        timestamp(&mut out, text.as_bytes()).ok()?;
        Some(String::from_utf8(out).unwrap().trim_matches('"').to_owned())
    }

    #[test]
    fn clocks_and_days_are_inverse_over_all_years() {
        let first = day_number(b"0001-01-01").unwrap();
        let last = day_number(b"9999-12-31").unwrap();
        assert_eq!((first, last, day_number(b"1970-01-01")), (-719_162, 2_932_896, Some(0)));
        for day in first..=last {
            let clock = clock(day * DAY + 86_399).unwrap();
            assert_eq!(day_number(clock.first_chunk().unwrap()), Some(day));
            assert!(clock.ends_with(b"T23:59:59"));
        }
        assert!(clock(first * DAY - 1).is_none() && clock((last + 1) * DAY).is_none());
    }

    #[test]
    fn times_come_out_in_utc_with_the_digits_they_came_with() {
        for (text, expected) in [
            ("2026-01-02 03:04:05.678", "2026-01-02T03:04:05.678Z"),
            ("2026-01-02 03:04:05", "2026-01-02T03:04:05Z"),
            ("2026-01-02 03:04:05.6+00", "2026-01-02T03:04:05.6Z"),
            ("2026-01-02 00:04:05.678901-03:30", "2026-01-02T03:34:05.678901Z"),
            ("2026-01-01 00:00:00+05:30:10", "2025-12-31T18:29:50Z"),
            ("2024-02-28t23:30:00-0100", "2024-02-29T00:30:00Z"),
            (" 2026-01-02 ", "2026-01-02T00:00:00Z"),
            ("2026-01-02T03:04", "2026-01-02T03:04:00Z"),
            ("2026-01-02T03:04+01", "2026-01-02T02:04:00Z"),
            ("2026-01-02T03:04:05.1234567891z", "2026-01-02T03:04:05.123456789Z"),
        ] {
            assert_eq!(iso(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_of_those_years_is_refused() {
        for text in [
            "",
            "now",
            "infinity",
            "-infinity",
            "0000-01-01",
            "0044-03-15 BC",
            "10000-01-01 00:00:00",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-04-31",
            "1900-02-29",
            "2026-01-02 24:00:00",
            "2026-01-02 03:60",
            "2026-01-02 03:04:60",
            "2026-01-02 03:04:05.",
            "2026-01-02 03",
            "2026-01-02 03:04:05+24",
            "2026-01-02 03:04:05 UTC",
            "2026-1-2",
            "20260102",
            "0001-01-01 00:00:00+01",
            "9999-12-31 23:59:59-01",
            "2026-01-02 03:04:05 BC",
            "1767312000",
            "2026-01-0é",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
    }
}
