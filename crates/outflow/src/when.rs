//! Times as people type them, and which syncs are due.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use outflow_core::sync::Schedule;
use outflow_core::{Code, Error, Timestamp};

/// Reads `2026-01-31`, `2026-01-31T10:00:00Z`, `2026-01-31 10:00` (UTC without an offset), or Unix seconds.
pub fn parse(text: &str) -> Result<Timestamp, Error> {
    let text = text.trim();
    let seconds = text.parse::<i64>().ok().and_then(|s| Timestamp::from_second(s).ok());
    let civil = || text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(DateTime::from)).ok();
    seconds
        .or_else(|| text.parse::<Timestamp>().ok())
        .or_else(|| civil().and_then(|c| TimeZone::UTC.to_timestamp(c).ok()))
        .ok_or_else(|| {
            Error::new(Code::C005, format!("{text:?} is not a time"))
                .help("write 2026-01-31, 2026-01-31T10:00:00Z or Unix seconds; without an offset it is UTC")
        })
}

/// The latest slot of the schedule that has come, if no run has begun since. Slots are start + k × every.
pub fn due(schedule: &Schedule, last_start: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let Schedule::Every { every, start } = schedule else { return None };
    let (start, every) =
        (start.unwrap_or(Timestamp::UNIX_EPOCH), i64::try_from(every.as_secs()).ok()?.max(1));
    let since = now.as_second() - start.as_second();
    if since < 0 {
        return None;
    }
    let slot = Timestamp::from_second(start.as_second() + since / every * every).ok()?;
    last_start.is_none_or(|last| last < slot).then_some(slot)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
        assert_eq!(parse("yesterday").unwrap_err().code(), Code::C005);
    }

    #[test]
    fn a_sync_is_due_once_in_each_slot() {
        let at = |s| Timestamp::from_second(s).unwrap();
        let every = Schedule::Every { every: Duration::from_secs(60), start: Some(at(30)) };
        assert_eq!(due(&every, None, at(29)), None);
        assert_eq!(due(&every, None, at(30)), Some(at(30)));
        assert_eq!(due(&every, Some(at(30)), at(89)), None);
        assert_eq!(due(&every, Some(at(31)), at(95)), Some(at(90)));
        assert_eq!(due(&every, Some(at(31)), at(1_000)), Some(at(990)));
        assert_eq!(due(&Schedule::Manual, None, at(1_000)), None);
    }
}
