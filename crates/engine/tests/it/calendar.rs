//! A year of schedules against a slow reference, over the time-zone database, and a simulated year
//! of what the scheduler decides.
//!
//! The reference knows nothing of days or of offsets to come: it looks at the wall clock of each
//! minute of the year, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use outflow_core::Timestamp;
use outflow_engine::schedule::{Cron, Due, Slots, due, resume};
use outflow_testkit::{Report, Rng, long, seed, slice_or_whole};

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// What a wall clock shows at one minute.
#[derive(Clone, Copy)]
struct Wall {
    /// Minutes from the epoch to what it shows, as if that were UTC.
    shown: i64,
    minute: usize,
    hour: usize,
    day: usize,
    month: usize,
    weekday: usize,
}

impl Wall {
    fn of(shown: i64) -> Wall {
        let civil = TimeZone::UTC.to_datetime(at(shown * MINUTE));
        Wall {
            shown,
            minute: civil.minute() as usize,
            hour: civil.hour() as usize,
            day: civil.day() as usize,
            month: civil.month() as usize,
            weekday: civil.weekday().to_sunday_zero_offset() as usize,
        }
    }
}

/// One field of an expression: its text, and which values it names.
#[derive(Clone)]
struct Field {
    text: String,
    named: Vec<bool>,
}

/// An expression by its fields: minute, hour, day of month, month, day of week.
#[derive(Clone)]
struct Expression([Field; 5]);

impl Expression {
    fn any(rng: &mut Rng) -> Expression {
        let loose = |rng: &mut Rng, least, most| match rng.below(3) {
            0 => Field::any(rng, (least, most), (least, most)),
            _ => Field::all(least, most),
        };
        let hour = if rng.below(2) == 0 {
            Field::any(rng, (0, 3), (0, 23))
        } else {
            Field::any(rng, (0, 23), (0, 23))
        };
        Expression([
            Field::any(rng, (0, 59), (0, 59)),
            hour,
            loose(rng, 1, 31),
            loose(rng, 1, 12),
            loose(rng, 0, 6),
        ])
    }

    fn text(&self) -> String {
        self.0.each_ref().map(|field| field.text.as_str()).join(" ")
    }

    fn names(&self, wall: Wall) -> bool {
        let [minute, hour, day, month, weekday] = &self.0;
        let (by_day, by_weekday) = (day.named[wall.day], weekday.named[wall.weekday]);
        let restricted = |field: &Field| !field.text.starts_with('*');
        let on_day =
            if restricted(day) && restricted(weekday) { by_day || by_weekday } else { by_day && by_weekday };
        minute.named[wall.minute] && hour.named[wall.hour] && month.named[wall.month] && on_day
    }
}

impl Field {
    fn all(least: usize, most: usize) -> Field {
        Field { text: "*".into(), named: (0..=most).map(|value| value >= least).collect() }
    }

    /// A random field with numbers from a part of what it may hold.
    fn any(rng: &mut Rng, part: (usize, usize), (least, most): (usize, usize)) -> Field {
        let value = |rng: &mut Rng| part.0 + rng.below((part.1 - part.0 + 1) as u64) as usize;
        let (a, b) = (value(rng), value(rng));
        let (from, to) = (a.min(b), a.max(b));
        let step = 1 + rng.below(20) as usize;
        let (text, named): (String, Vec<usize>) = match rng.below(5) {
            0 => return Field::all(least, most),
            1 => (format!("*/{step}"), (least..=most).step_by(step).collect()),
            2 => (format!("{from}-{to}/{step}"), (from..=to).step_by(step).collect()),
            3 => (format!("{a},{b}"), vec![a, b]),
            _ => (a.to_string(), vec![a]),
        };
        Field { text, named: (0..=most).map(|value| named.contains(&value)).collect() }
    }
}

/// What the wall clock of a zone shows at each minute from `from` on.
fn walls(zone: &TimeZone, from: i64, minutes: i64) -> Vec<Wall> {
    let mut last: Option<Wall> = None;
    (0..minutes)
        .map(|n| {
            let second = from + n * MINUTE;
            let shown = (second + i64::from(zone.to_offset(at(second)).seconds())).div_euclid(MINUTE);
            let wall = match last {
                // The common case by counting, which is quicker.
                Some(wall) if shown == wall.shown + 1 && wall.minute < 59 => {
                    Wall { shown, minute: wall.minute + 1, ..wall }
                }
                _ => Wall::of(shown),
            };
            last = Some(wall);
            wall
        })
        .collect()
}

/// The slots by the rules: a time that the wall clock shows again does not fire again; times that
/// it passes by fire together as it does so.
fn reference(expression: &Expression, walls: &[Wall], from: i64) -> Vec<i64> {
    let (mut slots, mut latest) = (Vec::new(), walls[0].shown - 1);
    for (n, wall) in walls.iter().enumerate() {
        if wall.shown <= latest {
            continue;
        }
        let fires = match wall.shown - latest {
            1 => expression.names(*wall),
            _ => (latest + 1..=wall.shown).any(|shown| expression.names(Wall::of(shown))),
        };
        latest = wall.shown;
        if fires {
            slots.push(from + n as i64 * MINUTE);
        }
    }
    slots
}

/// Zones with rules that others do not have.
const ODD: [(&str, i64); 14] = [
    ("Australia/Lord_Howe", 2026),
    ("Pacific/Apia", 2011),
    ("Africa/Casablanca", 2026),
    ("Asia/Tehran", 2022),
    ("Antarctica/Troll", 2026),
    ("Pacific/Kiritimati", 1994),
    ("Pacific/Chatham", 2026),
    ("Europe/Dublin", 2026),
    ("America/St_Johns", 2006),
    ("Asia/Gaza", 2026),
    ("America/Godthab", 2023),
    ("Africa/Cairo", 2026),
    ("America/New_York", 2026),
    ("UTC", 2026),
];

/// How much of a year's calendars is looked at.
struct Extent {
    expressions: usize,
    /// A calendar of more slots would take its time for nothing new.
    slots: usize,
}

/// One calendar of a year in a zone, slot by slot and by its latest slots, against the reference.
/// How many slots it has; `None`: it is of too many.
fn compare(rng: &mut Rng, name: &str, walls: &[Wall], from: i64, most: usize) -> Option<usize> {
    let (expression, end) = (Expression::any(rng), from + walls.len() as i64 * MINUTE - MINUTE);
    let (expected, text) = (reference(&expression, walls, from), expression.text());
    if expected.len() > most {
        return None;
    }
    let cron = match Cron::parse(&text, name) {
        Ok(cron) => cron,
        Err(told) => {
            assert!(told.contains("never") && expected.is_empty(), "{text}: {told}");
            return Some(0);
        }
    };
    let (mut found, mut last) = (Vec::new(), at(from - 1));
    while let Some(slot) = cron.after(last).filter(|slot| slot.as_second() <= end) {
        found.push(slot.as_second());
        last = slot;
    }
    let differs = expected.iter().zip(&found).find(|(a, b)| a != b);
    assert!(
        expected == found,
        "{text} in {name} from {from}: {} slots and not {}, the first other is {differs:?}",
        found.len(),
        expected.len()
    );
    for _ in 0..LATEST {
        let mut any = || from + rng.below((end - from) as u64) as i64;
        let (a, b) = (any(), any());
        let (after, until) = (a.min(b), a.max(b));
        let latest = expected.iter().rev().find(|slot| **slot > after && **slot <= until);
        let latest = latest.map(|slot| at(*slot));
        assert_eq!(cron.latest(at(after), at(until)), latest, "{text} in {name}: ({after}, {until}]");
    }
    Some(expected.len())
}

/// How often each calendar is asked for the latest slot of a random span.
const LATEST: usize = 20;

#[test]
fn a_year_in_every_zone_has_the_slots_of_a_slow_reference() {
    let mut rng = Rng::new(seed());
    let mut zones: Vec<(String, i64)> = ODD.map(|(zone, year)| (zone.to_owned(), year)).to_vec();
    if long() {
        let known = jiff::tz::db().available().map(|name| name.to_string());
        zones.extend(known.map(|zone| (zone, 1995 + rng.below(42) as i64)));
    }
    let extent =
        slice_or_whole(Extent { expressions: 3, slots: 4_000 }, Extent { expressions: 20, slots: 20_000 });
    let (mut slots, mut calendars) = (0, 0);
    for (name, year) in &zones {
        let zone = TimeZone::get(name).unwrap();
        let from = format!("{year}-01-01T00:00:00Z").parse::<Timestamp>().unwrap().as_second();
        let walls = walls(&zone, from, 366 * DAY / MINUTE);
        let mut done = 0;
        while done < extent.expressions {
            if let Some(found) = compare(&mut rng, name, &walls, from, extent.slots) {
                (slots, done) = (slots + found, done + 1);
            }
        }
        calendars += done;
    }
    Report::new(
        "calendar::a_year_in_every_zone_has_the_slots_of_a_slow_reference",
        format!("slots of {calendars} calendars, each over a year, in {} zones", zones.len()),
        slots as u64,
    )
    .with("slots that differ", 0)
    .with("latest slots asked for", calendars * LATEST)
    .print();
}

/// What became of a slot.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Run,
    /// The sync was busy with the run of that slot.
    SkippedBy(i64),
}

/// By how much a clock is wrong: by seconds to years, in either direction, or right.
fn wrong_by(rng: &mut Rng) -> i64 {
    let most = [10, 600, 3_000, 12 * 3_600, 40 * DAY, 30 * 365 * DAY][rng.below(6) as usize];
    let by = rng.below(most as u64) as i64;
    match rng.below(5) {
        0 | 1 => by,
        2 | 3 => -by,
        _ => 0,
    }
}

/// A schedule as its state keeps it, and what it has fired.
struct Fired {
    /// The last slot that counts.
    last: Timestamp,
    /// Every slot that was ever fired.
    all: BTreeMap<i64, Fate>,
    /// Those since the schedule was last set back from a slot ahead.
    since_reset: BTreeSet<i64>,
    resets: u64,
}

impl Fired {
    /// The slot to fire now, if one is.
    fn look(&mut self, schedule: &Slots, now: i64) -> Option<i64> {
        let mut todo = due(schedule, self.last, at(now));
        if todo == Due::Ahead {
            let earlier = self.all.range(..=now).next_back().map(|(slot, _)| at(*slot));
            self.last = resume(schedule, earlier, at(now));
            self.since_reset.clear();
            self.resets += 1;
            todo = due(schedule, self.last, at(now));
            assert_ne!(todo, Due::Ahead);
        }
        let Due::Slot(slot) = todo else { return None };
        assert!(slot > self.last && slot <= at(now), "{slot} after {} at {now}", self.last);
        self.last = slot;
        assert!(self.since_reset.insert(slot.as_second()), "{slot} is fired twice");
        Some(slot.as_second())
    }
}

/// The latest slot between two instants, found by going from slot to slot.
fn reference_latest(schedule: &Slots, after: i64, until: i64) -> Option<i64> {
    let mut last = None;
    let mut next = schedule.after(at(after));
    while let Some(slot) = next.filter(|slot| slot.as_second() <= until) {
        last = Some(slot.as_second());
        next = schedule.after(slot);
    }
    last
}

#[test]
fn in_a_simulated_year_every_slot_is_a_run_or_an_explained_skip_and_none_is_twice() {
    let mut rng = Rng::new(seed());
    let (years, mut slots, mut runs, mut passed_over) = (slice_or_whole(3, 500), 0, 0, 0);
    let (mut jumps, mut resets) = (0, 0);
    for year in 0..years {
        let every = 60 * (1 + rng.below(600) as i64);
        let schedule = match year % 3 {
            0 => Slots::Cron(
                Cron::parse(&Expression::any(&mut rng).text(), ODD[rng.below(8) as usize].0)
                    .unwrap_or_else(|_| Cron::parse("@hourly", "UTC").unwrap()),
            ),
            1 => Slots::Every { every, start: Some(rng.below(1_000_000) as i64) },
            _ => Slots::Every { every, start: None },
        };
        // The true time, and by how much the clock is wrong.
        let from = 1_767_225_600;
        let (mut time, mut wrong, mut busy) = (from, 0, None::<(i64, i64)>);
        let (all, since_reset) = (BTreeMap::new(), BTreeSet::new());
        let mut fired = Fired { last: at(from), all, since_reset, resets: 0 };
        // What the clock said at the last look, if it has gone on since and the process was up.
        let mut looked: Option<i64> = None;
        while time < from + 365 * DAY {
            let now = time + wrong;
            busy = busy.filter(|(_, until)| *until > time);
            if let Some(slot) = fired.look(&schedule, now) {
                let fate = match busy {
                    Some((run, _)) => Fate::SkippedBy(run),
                    None => {
                        // Most runs are short, some last for many slots.
                        busy = Some((slot, time + (1 << rng.below(17)) as i64));
                        Fate::Run
                    }
                };
                if let Fate::SkippedBy(run) = fate {
                    assert_eq!(
                        fired.all.get(&run),
                        Some(&Fate::Run),
                        "{slot} is explained by a run that was"
                    );
                }
                runs += u64::from(fate == Fate::Run);
                // A run's slot that a wrong clock had fired as a skip is a run, and stays one.
                let known = fired.all.entry(slot).or_insert(Fate::SkippedBy(slot));
                if *known != Fate::Run {
                    *known = fate;
                }
            }
            let came = reference_latest(&schedule, looked.unwrap_or(now), now);
            if let Some(slot) = came {
                assert!(fired.all.contains_key(&slot), "{slot} was forgotten at {now}");
                slots += 1;
            }
            looked = Some(now);
            time += match rng.below(500) {
                0 => {
                    let pause = rng.below(3 * DAY as u64) as i64;
                    (busy, looked) = (None, None);
                    passed_over += 1;
                    pause
                }
                // The clock is set, or set right.
                1 | 2 => {
                    (wrong, looked) = (wrong_by(&mut rng), None);
                    jumps += 1;
                    rng.below(30) as i64
                }
                // As the scheduler sleeps: until the next slot, or for 20 seconds, whichever comes
                // first; and now and then it wakes late.
                n => {
                    let late = if n < 50 { rng.below(30) as i64 } else { 0 };
                    late + match schedule.after(at(now)).map(|next| next.as_second() - now) {
                        Some(wait) if wait > 20 * 30 => wait.min(DAY),
                        Some(wait) => wait.min(20),
                        None => DAY,
                    }
                }
            };
        }
        resets += fired.resets;
    }
    Report::new(
        "calendar::in_a_simulated_year_every_slot_is_a_run_or_an_explained_skip_and_none_is_twice",
        format!(
            "{years} simulated years with random busy times, pauses, and {jumps} times a clock set ahead or back by seconds to years"
        ),
        slots,
    )
    .with("runs", runs)
    .with("pauses", passed_over)
    .with("slots that a wrong clock fired ahead", resets)
    .with("fired twice", 0)
    .with("forgotten", 0)
    .print();
}
