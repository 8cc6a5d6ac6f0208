//! Times as headers write them.
//!
//! The three forms of RFC 9110, section 5.6.7, are read, and ISO 8601, which some services send.
//! What always holds: a wrong day of the week does not matter, and a text that is no time is
//! `None`. What it does not do: zones other than GMT, but for those that jiff reads.

use jiff::Timestamp;
use jiff::civil;
use jiff::tz::TimeZone;

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
/// A two-digit year that seems to be further ahead than this is of the century before.
const YEARS_AHEAD: i16 = 50;

/// The time that a header holds. `now` tells centuries apart.
pub(crate) fn read(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    http(text, now)
        .or_else(|| text.parse().ok())
        .or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp()))
}

/// `Thu, 26 Nov 2026 18:00:00 GMT`, `Thursday, 26-Nov-26 18:00:00 GMT`, `Thu Nov 26 18:00:00 2026`.
fn http(text: &str, now: Timestamp) -> Option<Timestamp> {
    let parts: Vec<&str> = text.split([' ', ',', '-']).filter(|part| !part.is_empty()).collect();
    let is_word = |part: &&str| part.bytes().all(|b| b.is_ascii_alphabetic());
    let parts = match parts.first() {
        Some(day) if is_word(day) && month(day).is_none() => &parts[1..],
        _ => &parts[..],
    };
    let (day, name, year, time) = match *parts {
        [name, day, time, year, ref zone @ ..] if month(name).is_some() => {
            (zone.len() <= 1 && zone.iter().all(|zone| is_gmt(zone))).then_some((day, name, year, time))?
        }
        [day, name, year, time] => (day, name, year, time),
        [day, name, year, time, zone] if is_gmt(zone) => (day, name, year, time),
        _ => return None,
    };
    let month = month(name)?;
    let (hour, minute, second) = clock(time)?;
    let day = number(day, 2)?;
    let at = civil::DateTime::new(full_year(year, now)?, month, day, hour, minute, second, 0).ok()?;
    TimeZone::UTC.to_timestamp(at).ok()
}

fn is_gmt(zone: &str) -> bool {
    ["gmt", "utc", "z", "+0000"].iter().any(|name| zone.eq_ignore_ascii_case(name))
}

fn month(name: &str) -> Option<i8> {
    let name = name.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, known)| *known == name).map(|(number, _)| number)
}

fn clock(time: &str) -> Option<(i8, i8, i8)> {
    let mut parts = time.split(':');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    // A leap second is the end of its minute.
    parts.next().is_none().then_some(())?;
    Some((number(hour, 2)?, number(minute, 2)?, number(second, 2)?.min(59)))
}

fn full_year(text: &str, now: Timestamp) -> Option<i16> {
    match text.len() {
        4 => text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?,
        2 => {
            let this = TimeZone::UTC.to_datetime(now).year();
            let year = this - this.rem_euclid(100) + i16::from(number(text, 2)?);
            // RFC 9110, section 5.6.7.
            Some(if year > this.saturating_add(YEARS_AHEAD) { year - 100 } else { year })
        }
        _ => None,
    }
}

fn number(text: &str, digits: usize) -> Option<i8> {
    let is_number = (1..=digits).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-26T17:00:00Z";

    fn at(text: &str) -> Option<String> {
        read(text, NOW.parse().unwrap()).map(|time| time.to_string())
    }

    #[test]
    fn every_form_of_a_date_is_read() {
        for text in [
            "Thu, 26 Nov 2026 18:00:00 GMT",
            "Thursday, 26-Nov-26 18:00:00 GMT",
            "Thu Nov 26 18:00:00 2026",
            "thu, 26 nov 2026 18:00:00 gmt",
            "26 Nov 2026 18:00:00 GMT",
            "Fri, 26 Nov 2026 18:00:00 GMT",
            "Thu, 26 Nov 2026 18:00:00 UTC",
            "Thu, 26 Nov 2026 18:00:00",
            "Thu, 26-Nov-2026 18:00:00 GMT",
            "Thu, 26 Nov 2026 20:00:00 +0200",
            "2026-11-26T18:00:00Z",
            "2026-11-26T20:00:00+02:00",
            "  Thu, 26 Nov 2026 18:00:00 GMT ",
        ] {
            assert_eq!(at(text).as_deref(), Some("2026-11-26T18:00:00Z"), "{text}");
        }
        assert_eq!(at("Sun Nov  1 18:00:00 2026").as_deref(), Some("2026-11-01T18:00:00Z"));
        assert_eq!(at("Sunday, 06-Nov-94 08:49:37 GMT").as_deref(), Some("1994-11-06T08:49:37Z"));
        assert_eq!(at("Sunday, 06-Nov-76 08:49:37 GMT").as_deref(), Some("2076-11-06T08:49:37Z"));
        assert_eq!(at("Sunday, 06-Nov-77 08:49:37 GMT").as_deref(), Some("1977-11-06T08:49:37Z"));
        assert_eq!(at("Thu, 31 Dec 2026 23:59:60 GMT").as_deref(), Some("2026-12-31T23:59:59Z"));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "soon",
            "Thu, 99 Nov 2026 18:00:00 GMT",
            "Thu, 26 Nov 2026",
            "Nov",
            "Thu Nov 26 18:00 2026",
            "Thu, 26 Nov 2026 18:00:00 GMT GMT",
            "26-11-2026 18:00:00",
            "é",
            "Thu, 26 Nov +026 18:00:00 GMT",
            "120",
            "1.5",
            "-5",
            "Thu, 26 Nov 2026 25:00:00 GMT",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[A-Za-z0-9:, +-]{0,40}|\\PC{0,30}") {
            read(&text, NOW.parse().unwrap());
        }
    }
}
