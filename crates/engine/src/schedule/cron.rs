//! Calendars: `minute hour day-of-month month day-of-week` in a time zone.
//!
//! The fields are those of Vixie cron: `*`, numbers, names (JAN, MON), lists, ranges and steps; 7
//! is Sunday; `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. If both days are restricted,
//! either will do.
//!
//! Each time on the wall clock fires once. An hour that is repeated when clocks go back fires in
//! its first pass and not in its second, whatever the expression (for an interval, write
//! `every`). Times that are skipped when clocks go forward fire together, once, at the instant of
//! the change.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// The longest wait for a calendar that fires at all: 29 February on one day of the week, over a
/// year that is no leap year.
const HORIZON_DAYS: i32 = 366 * 41;

/// A calendar.
#[derive(Clone, Debug)]
pub struct Cron {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Day of month and day of week are both restricted.
    either_day: bool,
    zone: TimeZone,
}

/// A field: its name for people, its least and greatest value, and names that stand for values from
/// the least one on.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    names: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, names: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, names: &[] };
const DAY: Field = Field { name: "day of month", least: 1, most: 31, names: &[] };
const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Field = Field {
    name: "day of week",
    least: 0,
    most: 7,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Cron {
    /// Reads an expression and a time zone of the IANA database.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &str, zone: &str) -> Result<Cron, String> {
        let text = match text.trim() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            other => other,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(format!(
                "{text:?} has {} fields; write five: minute hour day-of-month month day-of-week",
                fields.len()
            ));
        };
        let zone = TimeZone::get(zone)
            .map_err(|_| format!("{zone:?} is no time zone; write one such as Europe/Berlin or UTC"))?;
        let mut weekdays = WEEKDAY.read(weekday)?;
        weekdays |= weekdays >> 7 & 1;
        let cron = Cron {
            minutes: MINUTE.read(minute)?,
            hours: HOUR.read(hour)?,
            days: DAY.read(day)?,
            months: MONTH.read(month)?,
            weekdays,
            either_day: !day.starts_with('*') && !weekday.starts_with('*'),
            zone,
        };
        let some = Timestamp::UNIX_EPOCH;
        cron.after(some)
            .map(|_| cron.clone())
            .ok_or_else(|| format!("{text:?} never comes: there is no such day"))
    }

    /// The first slot after `t`.
    pub fn after(&self, t: Timestamp) -> Option<Timestamp> {
        // A clock that goes back over midnight shows the day before again.
        let mut date = self.zone.to_datetime(t).date().yesterday().ok()?;
        for _ in 0..HORIZON_DAYS {
            if self.fires_on(date)
                && let (_, Some(slot)) = self.around(date, t)
            {
                return Some(slot);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// The latest slot in `(after, until]`.
    pub fn latest(&self, after: Timestamp, until: Timestamp) -> Option<Timestamp> {
        let first = self.zone.to_datetime(after).date().yesterday().ok()?;
        // A day whose clocks go back may show tomorrow's date before `until`.
        let mut date = self.zone.to_datetime(until).date().tomorrow().ok()?;
        while date >= first {
            if self.fires_on(date)
                && let (Some(slot), _) = self.around(date, until)
            {
                return (slot > after).then_some(slot);
            }
            date = date.yesterday().ok()?;
        }
        None
    }

    fn fires_on(&self, date: Date) -> bool {
        let day = self.days >> date.day() & 1 == 1;
        let weekday = self.weekdays >> date.weekday().to_sunday_zero_offset() & 1 == 1;
        self.months >> date.month() & 1 == 1 && if self.either_day { day || weekday } else { day && weekday }
    }

    /// The last slot of a day up to `t`, and the first one after it.
    fn around(&self, date: Date, t: Timestamp) -> (Option<Timestamp>, Option<Timestamp>) {
        let times: Vec<Time> = self.times().collect();
        // In the order of a day's times their instants never fall.
        let later = times.partition_point(|time| self.instant(date, *time).is_none_or(|slot| slot <= t));
        let slot = |place: Option<usize>| self.instant(date, *times.get(place?)?);
        (slot(later.checked_sub(1)), slot(Some(later)))
    }

    /// The times of a day, in order.
    fn times(&self) -> impl Iterator<Item = Time> {
        let hours = (0..24).filter(|h| self.hours >> h & 1 == 1);
        hours.flat_map(|h| {
            let minutes = (0..60).filter(|m| self.minutes >> m & 1 == 1);
            minutes.filter_map(move |m| Time::new(h, m, 0, 0).ok())
        })
    }

    /// When the wall clock first shows this time, or passes it by.
    fn instant(&self, date: Date, time: Time) -> Option<Timestamp> {
        let civil = DateTime::from_parts(date, time);
        let offset = match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } | AmbiguousOffset::Fold { before: offset, .. } => offset,
            // By the offset from before the change, the time lies after it; the change is the last
            // one before.
            AmbiguousOffset::Gap { before, .. } => {
                let beyond = before.to_timestamp(civil).ok()?;
                let next = Timestamp::from_second(beyond.as_second() + 1).ok()?;
                return self.zone.preceding(next).next().map(|change| change.timestamp());
            }
        };
        offset.to_timestamp(civil).ok()
    }
}

impl Field {
    /// The values of the field as bits.
    fn read(&self, text: &str) -> Result<u64, String> {
        let mut bits = 0;
        for part in text.split(',') {
            bits |= self.part(part).ok_or_else(|| {
                format!(
                    "{text:?} is no {}: write {}-{}, a list, a range or a step such as */15",
                    self.name, self.least, self.most
                )
            })?;
        }
        Ok(bits)
    }

    /// `*`, `5`, `1-5`, `*/15`, `10-30/5`, `MON-FRI`.
    fn part(&self, part: &str) -> Option<u64> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u8>().ok().filter(|s| *s > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most - u8::from(self.most == 7)),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            // `5/10` begins at 5 and goes on to the end.
            None if part.contains('/') => (self.value(range)?, self.most),
            None => (self.value(range)?, self.value(range)?),
        };
        (from <= to).then(|| (from..=to).step_by(step.into()).fold(0, |bits, value| bits | 1_u64 << value))
    }

    fn value(&self, text: &str) -> Option<u8> {
        let named = self.names.iter().position(|n| n.eq_ignore_ascii_case(text));
        let value = match named {
            Some(place) => self.least + place as u8,
            None => text.parse().ok().filter(|_| text.bytes().all(|b| b.is_ascii_digit()))?,
        };
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn t(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The slots in `(from, to]`.
    fn slots(cron: &Cron, from: &str, to: &str) -> Vec<String> {
        let (mut at, end, mut found) = (t(from), t(to), Vec::new());
        while let Some(slot) = cron.after(at).filter(|slot| *slot <= end) {
            found.push({
                let local = cron.zone.to_datetime(slot).strftime("%m-%d %H:%M").to_string();
                format!("{local} {}", cron.zone.to_offset_info(slot).abbreviation())
            });
            at = slot;
        }
        found
    }

    #[test]
    fn expressions_that_make_no_sense_are_told_which_field() {
        for (text, zone, word) in [
            ("* * * *", "UTC", "4 fields"),
            ("60 * * * *", "UTC", "minute"),
            ("* 24 * * *", "UTC", "hour"),
            ("* * 0 * *", "UTC", "day of month"),
            ("* * * 13 *", "UTC", "month"),
            ("* * * * 8", "UTC", "day of week"),
            ("*/0 * * * *", "UTC", "minute"),
            ("5-1 * * * *", "UTC", "minute"),
            ("+5 * * * *", "UTC", "minute"),
            ("0 0 31 2 *", "UTC", "never"),
            ("0 0 * * *", "Europe/Nowhere", "time zone"),
        ] {
            let told = Cron::parse(text, zone).unwrap_err();
            assert!(told.contains(word), "{text}: {told}");
        }
    }

    #[test]
    fn weekdays_at_nine_stay_at_nine_through_the_change_of_clocks() {
        let cron = Cron::parse("0 9 * * MON-FRI", "Europe/Berlin").unwrap();
        let found = slots(&cron, "2026-03-26T00:00:00Z", "2026-03-31T00:00:00Z");
        assert_eq!(found, ["03-26 09:00 CET", "03-27 09:00 CET", "03-30 09:00 CEST"]);
    }

    #[test]
    fn a_repeated_hour_fires_once() {
        let cron = Cron::parse("30 2 * * *", "Europe/Berlin").unwrap();
        let found = slots(&cron, "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z");
        assert_eq!(found, ["10-25 02:30 CEST", "10-26 02:30 CET"]);
        let quarters = Cron::parse("*/30 * * * *", "Europe/Berlin").unwrap();
        let found = slots(&quarters, "2026-10-24T23:50:00Z", "2026-10-25T02:10:00Z");
        assert_eq!(found, ["10-25 02:00 CEST", "10-25 02:30 CEST", "10-25 03:00 CET"]);
    }

    #[test]
    fn a_skipped_hour_fires_once_at_the_change() {
        let cron = Cron::parse("0,30 2 * * *", "Europe/Berlin").unwrap();
        let found = slots(&cron, "2026-03-28T12:00:00Z", "2026-03-30T12:00:00Z");
        assert_eq!(found, ["03-29 03:00 CEST", "03-30 02:00 CEST", "03-30 02:30 CEST"]);
        // Lord Howe moves by half an hour, Samoa once left out a day.
        let howe = Cron::parse("10 2 * * *", "Australia/Lord_Howe").unwrap();
        assert_eq!(slots(&howe, "2026-10-03T12:00:00Z", "2026-10-03T23:00:00Z").len(), 1);
        let samoa = Cron::parse("0 12 30 12 *", "Pacific/Apia").unwrap();
        assert_eq!(slots(&samoa, "2011-12-29T00:00:00Z", "2012-01-02T00:00:00Z"), ["12-31 00:00 +14"]);
    }

    #[test]
    fn the_latest_slot_is_the_last_of_those_that_come_one_by_one() {
        for (text, zone) in [
            ("*/7 */3 * * *", "America/New_York"),
            ("30 1,2 * * *", "Europe/London"),
            ("5 0 1,15 * MON", "UTC"),
        ] {
            let cron = Cron::parse(text, zone).unwrap();
            let (mut at, mut last) = (t("2026-10-20T00:00:00Z"), t("2026-10-20T00:00:00Z"));
            for _ in 0..3000 {
                let next = Timestamp::from_second(at.as_second() + 307).unwrap();
                let mut expected = None;
                while let Some(slot) = cron.after(last).filter(|slot| *slot <= next) {
                    last = slot;
                    expected = Some(slot);
                }
                assert_eq!(cron.latest(at, next), expected, "{text} {zone} {at}");
                at = next;
            }
        }
    }

    #[test]
    fn either_day_will_do_when_both_are_restricted() {
        let cron = Cron::parse("0 0 13 * FRI", "UTC").unwrap();
        let found = slots(&cron, "2026-03-01T00:00:00Z", "2026-03-21T00:00:00Z");
        assert_eq!(found, ["03-06 00:00 UTC", "03-13 00:00 UTC", "03-20 00:00 UTC"]);
        let cron = Cron::parse("0 0 * * 7", "UTC").unwrap();
        assert_eq!(slots(&cron, "2026-03-01T00:00:00Z", "2026-03-09T00:00:00Z"), ["03-08 00:00 UTC"]);
    }
}
