//! What is believed at each limit.

use super::*;

const DAY: i64 = 86_400 * SECOND;
const YEAR: i64 = 365 * DAY;

/// The wall clock, and the uptime in this boot.
fn reading(wall_us: i64, boot: &str, us: i64) -> Reading {
    Reading { wall_us, uptime: Some(Uptime { boot: boot.into(), us }) }
}

fn wall(wall_us: i64) -> Reading {
    Reading { wall_us, uptime: None }
}

#[test]
fn time_is_measured_by_the_uptime_of_one_boot_and_else_assumed() {
    let between = |a: &Reading, b: &Reading| Elapsed::between(a, b);
    let before = reading(1_000 * DAY, "a", 500);
    assert_eq!(between(&before, &reading(5 * DAY, "a", 700)), Elapsed::Measured(200));
    assert_eq!(between(&before, &reading(1_000 * DAY + 9, "b", 700)), Elapsed::Assumed(9));
    assert_eq!(between(&before, &reading(5 * DAY, "b", 700)), Elapsed::Unknown);
    assert_eq!(between(&before, &reading(1_001 * DAY, "a", 400)), Elapsed::Assumed(DAY), "another container");
    assert_eq!(between(&wall(5), &wall(9)), Elapsed::Assumed(4));
    assert_eq!(between(&wall(9), &wall(5)), Elapsed::Unknown);
}

/// The warehouse's clock an hour ago and now, moved by `set`.
fn pair(set: i64, passed: Elapsed) -> Pair {
    let then_us = 1_000 * DAY + 1;
    Pair { then_us, now_us: then_us + 3_600 * SECOND + set, same: true, passed, latency_us: 0 }
}

#[test]
fn a_clock_that_was_set_back_is_carried_over_by_what_has_passed() {
    let hour = Elapsed::Measured(3_600 * SECOND);
    for set in [0, SECOND, -SECOND, DAY, YEAR, 40 * YEAR] {
        assert_eq!(pair(set, hour).begin(), Begin::Stands, "{set}");
    }
    for set in [-4 * SECOND, -600 * SECOND, -DAY, -YEAR] {
        let carried = pair(0, hour).then_us + set;
        assert_eq!(pair(set, hour).begin(), Begin::Carried(carried), "{set}");
    }
    let elsewhere = Pair { same: false, ..pair(40, hour) };
    assert_eq!(elsewhere.begin(), Begin::Carried(elsewhere.then_us), "never forward");
}

#[test]
fn where_nobody_knows_what_has_passed_an_earlier_run_decides() {
    let then = pair(0, Elapsed::Unknown).then_us;
    assert_eq!(pair(-DAY, Elapsed::Unknown).begin(), Begin::Unclear(then + 3_600 * SECOND - DAY));
    assert_eq!(pair(0, Elapsed::Unknown).begin(), Begin::Stands, "ours alone was set back");
    assert_eq!(pair(0, Elapsed::Assumed(40 * YEAR)).begin(), Begin::Unclear(then), "ours leapt ahead");
    let elsewhere = Pair { same: false, ..pair(DAY, Elapsed::Unknown) };
    assert_eq!(elsewhere.begin(), Begin::Unclear(then));
}

#[test]
fn a_leap_ahead_is_told_from_time_that_passes() {
    let hour = Elapsed::Measured(3_600 * SECOND);
    assert_eq!(pair(DAY, hour).leapt_us(), Some(DAY));
    assert_eq!(pair(SECOND, hour).leapt_us(), None, "clocks differ in their pace");
    assert_eq!(pair(-DAY, hour).leapt_us(), None);
    assert_eq!(pair(DAY, Elapsed::Assumed(3_600 * SECOND)).leapt_us(), None);
}

/// Looks at the clock after `up` more microseconds, in which it moved by `moved`.
fn after(record: &ClockRecord, up: i64, moved: i64) -> (ClockRecord, Option<i64>) {
    let us = record.uptime.as_ref().unwrap().us + up;
    look(Some(record), &reading(record.wall.as_microsecond() + moved, "a", us))
}

#[test]
fn a_leap_ahead_counts_for_what_is_deleted_when_it_has_stood_for_a_day() {
    let (first, jumped) = look(None, &reading(1_000 * DAY, "a", 0));
    assert_eq!((first.jumped_us, jumped), (0, None));
    let (leapt, jumped) = after(&first, SECOND, YEAR + SECOND);
    assert_eq!((leapt.jumped_us, leapt.measured, jumped), (YEAR, true, Some(YEAR)));
    assert_eq!(trusted(&leapt).as_microsecond(), 1_000 * DAY + SECOND);
    let (later, jumped) = after(&leapt, DAY / 2, DAY / 2);
    assert_eq!((later.jumped_us, later.stood_us, jumped), (YEAR, DAY / 2, None));
    assert_eq!(trusted(&later).as_microsecond(), 1_000 * DAY + SECOND + DAY / 2);
    let (stood, _) = after(&later, DAY / 2, DAY / 2);
    assert_eq!((stood.jumped_us, stood.measured, trusted(&stood)), (0, false, stood.wall));
    // Set right before that, it is trusted at once.
    let (right, jumped) = after(&later, SECOND, SECOND - YEAR);
    assert_eq!((right.jumped_us, right.measured, jumped), (0, false, Some(-YEAR)));
    assert_eq!(trusted(&right), right.wall);
}

#[test]
fn a_clock_that_is_set_back_and_one_that_was_off_are_told_apart() {
    let (first, _) = look(None, &reading(1_000 * DAY, "a", 0));
    let (back, jumped) = after(&first, SECOND, SECOND - DAY);
    assert_eq!((back.jumped_us, back.measured, jumped), (-DAY, true, Some(-DAY)));
    assert_eq!(trusted(&back), back.wall);
    // Another boot, thirty days on: it may have been off, or is wrong. It has to stand, in silence.
    let (off, jumped) = look(Some(&first), &reading(1_030 * DAY, "b", SECOND));
    assert_eq!((off.jumped_us, off.measured, jumped), (30 * DAY, false, None));
    assert_eq!(trusted(&off), first.wall);
    let (short, jumped) = look(Some(&first), &reading(1_001 * DAY, "b", SECOND));
    assert_eq!((short.jumped_us, jumped), (0, None), "a day off is nothing unusual");
}

#[test]
fn ages_have_no_bounds_that_panic() {
    let now = Timestamp::UNIX_EPOCH;
    assert_eq!(age(Timestamp::MAX, now), None);
    assert!(age(Timestamp::MIN, Timestamp::MAX).unwrap() > Duration::from_secs(9_999 * 365 * 86_400));
}

#[test]
fn spans_are_told_by_their_two_largest_units() {
    let told = [
        (0, "0 ms"),
        (-1_500, "1 ms"),
        (61 * SECOND, "1 min 1 s"),
        (-DAY, "1 d"),
        (DAY + 3_600 * SECOND + 5, "1 d 1 h"),
        (7_200 * SECOND, "2 h"),
    ];
    for (us, text) in told {
        assert_eq!(span(us), text);
    }
}
