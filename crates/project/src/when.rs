//! Times as people type them.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use outflow_core::{Code, Error, Timestamp};

/// Reads `2026-01-31`, `2026-01-31T10:00:00Z`, `2026-01-31 10:00` (UTC without an offset), or Unix
/// seconds.
pub fn parse(text: &str) -> Result<Timestamp, Error> {
    let text = text.trim();
    let seconds = text.parse::<i64>().ok().and_then(|s| Timestamp::from_second(s).ok());
    let civil = || text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok();
    seconds
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| civil().and_then(|c| TimeZone::UTC.to_timestamp(c).ok()))
        .ok_or_else(|| {
            Error::new(Code::InvalidValue, format!("{text:?} is not a time"))
                .help("write 2026-01-31, 2026-01-31T10:00:00Z or Unix seconds; without an offset it is UTC")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_the_forms_that_people_type() {
        for text in [
            "1767225600",
            "2026-01-01",
            "2026-01-01T00:00:00Z",
            "2026-01-01 00:00",
            "2026-01-01T01:00:00+01:00",
        ] {
            assert_eq!(parse(text).unwrap().as_second(), 1_767_225_600, "{text}");
        }
        assert_eq!(parse("yesterday").unwrap_err().code(), Code::InvalidValue);
    }
}
