//! What the headers of an answer say about the service's rate limit.
//!
//! These are read: `Retry-After` (RFC 9110, section 10.2.3); `RateLimit`, `RateLimit-Policy`,
//! `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` in the forms of the IETF drafts
//! `draft-ietf-httpapi-ratelimit-headers` 02 to 10; and the older `X-RateLimit-Remaining` and
//! `X-RateLimit-Reset` (or `X-RateLimit-Reset-After`). A reset may be a date, too. A header that
//! cannot be parsed is ignored.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use outflow_core::{Quota, RateHint};
use tracing::debug;

use crate::http_date;

/// The longest pause that a destination can request.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// A window up to this, in seconds, states a rate, and a longer one a quota.
const MINUTE: f64 = 60.0;
/// A stated rate of more requests per second than this, or of fewer, counts as this.
const MOST_PER_SECOND: f64 = 1e6;
const LEAST_PER_SECOND: f64 = 1.0 / MINUTE;
/// The longest window of a quota, in seconds: a year.
const LONGEST_WINDOW: f64 = 366.0 * 86_400.0;
/// More quotas in one answer are ignored.
const MOST_QUOTAS: usize = 4;
/// A reset above this is a time in Unix seconds and not a duration in seconds; above a thousand
/// times this, a time in Unix milliseconds.
const UNIX_TIME: f64 = 1e9;

/// The headers with a reset, the newer ones first.
const RESETS: [&str; 3] = ["ratelimit-reset", "x-ratelimit-reset", "x-ratelimit-reset-after"];

/// Reads the headers about the rate limit. `now` is used if the answer has no `Date`.
pub(crate) fn rate(headers: &HeaderMap, now: Timestamp) -> RateHint {
    let new = text(headers, "ratelimit");
    let newest = |short: &str, long: &str| {
        let item = strictest(new?, short, long)?;
        parameter(item, short).or_else(|| parameter(item, long))
    };
    let old = |name: &str| {
        let value = text(headers, &format!("ratelimit-{name}"))
            .or_else(|| text(headers, &format!("x-ratelimit-{name}")));
        value.and_then(number)
    };
    let remaining = newest("r", "remaining").or_else(|| old("remaining"));
    let sent_at = sent_at(headers, now);
    let reset = newest("t", "reset").and_then(|reset| pause(reset, sent_at));
    let reset = reset.or_else(|| RESETS.iter().find_map(|name| reset_of(headers, name, sent_at)));
    let policy = text(headers, "ratelimit-policy").or_else(|| text(headers, "ratelimit-limit"));
    let windows: Vec<_> = policy.into_iter().flat_map(windows).collect();
    RateHint {
        limit: limit(&windows),
        quotas: quotas(&windows),
        remaining: remaining.map(|r| r as u64),
        reset,
    }
}

/// What an answer says about when to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Nothing, or a time that is past.
    Now,
    /// After this time, which is an hour at most, however much longer it asks for.
    Wait {
        /// The wait.
        wait: Duration,
        /// The wait that it asks for, if that is longer.
        asked: Option<Duration>,
    },
    /// Something that cannot be read.
    Unclear,
}

/// `Retry-After`: seconds, or a date, which is compared with the answer's own `Date` so that clocks
/// need not agree. Of several, the longest counts.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> After {
    let (mut longest, mut is_unclear) = (Duration::ZERO, false);
    for value in headers.get_all("retry-after") {
        match value.to_str().ok().and_then(|v| wait(v.trim(), sent_at(headers, now))) {
            Some(wait) => longest = longest.max(wait),
            None => is_unclear = true,
        }
    }
    match longest.min(LONGEST_PAUSE) {
        Duration::ZERO if is_unclear => After::Unclear,
        Duration::ZERO => After::Now,
        wait => After::Wait { wait, asked: Some(longest).filter(|asked| *asked > wait) },
    }
}

/// The wait that a header asks for. Fractions are outside of the grammar, and some services send
/// them: they are rounded up. What is past is no wait.
fn wait(value: &str, sent_at: Timestamp) -> Option<Duration> {
    if let Some(seconds) = seconds(value) {
        return Some(seconds);
    }
    let until = http_date::read(value, sent_at)?.duration_since(sent_at);
    Some(Duration::try_from(until).unwrap_or_default())
}

/// A number of seconds: `7` or `3.5`. A wait below 0 is none that can be meant.
fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    // What is too long for the type is too long for every wait.
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().unwrap_or(u64::MAX) };
    Some(Duration::from_secs(whole.saturating_add(u64::from(fraction.bytes().any(|b| b != b'0')))))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim)
}

fn sent_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    text(headers, "date").and_then(|text| http_date::read(text, now)).unwrap_or(now)
}

/// When a header says that more is taken: seconds, Unix time, or a date.
fn reset_of(headers: &HeaderMap, name: &str, sent_at: Timestamp) -> Option<Duration> {
    let value = text(headers, name)?;
    match number(value) {
        Some(number) => pause(number, sent_at),
        None => Duration::try_from(http_date::read(value, sent_at)?.duration_since(sent_at))
            .ok()
            .map(|wait| wait.min(LONGEST_PAUSE))
            .filter(|wait| !wait.is_zero()),
    }
}

/// A number that is not negative.
fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0)
}

/// The value of `name` in `"default";q=100;w=60` or `limit=100, reset=5`.
fn parameter(text: &str, name: &str) -> Option<f64> {
    let mut members = text.split([';', ',']).filter_map(|m| m.split_once('='));
    members.find(|(n, _)| n.trim() == name).and_then(|(_, value)| number(value))
}

/// Of several items `"a";r=5;t=1, "b";r=0;t=60` the one with the least remainder. In the older form
/// all of the text is one item.
fn strictest<'a>(text: &'a str, short: &str, long: &str) -> Option<&'a str> {
    if !text.contains(';') {
        return Some(text);
    }
    let remainder = |item: &&str| parameter(item, "r").or_else(|| parameter(item, "remaining"));
    let items =
        text.split(',').filter(|item| parameter(item, short).or_else(|| parameter(item, long)).is_some());
    items.min_by(|a, b| {
        let [a, b] = [a, b].map(|item| remainder(item).unwrap_or(f64::INFINITY));
        a.total_cmp(&b)
    })
}

/// The quotas of a list with their time windows in seconds: `"a";q=100;w=1, "b";q=3000;w=60` or
/// `100, 100;w=1`.
fn windows(policies: &str) -> impl Iterator<Item = (f64, f64)> {
    policies.split(',').filter_map(|policy| {
        let quota = parameter(policy, "q").or_else(|| number(policy.split(';').next()?))?;
        let seconds = parameter(policy, "w")?;
        (quota > 0.0 && seconds > 0.0).then_some((quota, seconds))
    })
}

/// The strictest rate of the windows of up to a minute.
fn limit(windows: &[(f64, f64)]) -> Option<f64> {
    let rates =
        windows.iter().filter(|(_, seconds)| *seconds <= MINUTE).map(|(quota, seconds)| quota / seconds);
    let asked = rates.min_by(f64::total_cmp)?;
    let used = asked.clamp(LEAST_PER_SECOND, MOST_PER_SECOND);
    if asked < used {
        debug!(header = "ratelimit-policy", asked, used, CLAMPED);
    }
    Some(used)
}

/// What is allowed in windows of more than a minute.
fn quotas(windows: &[(f64, f64)]) -> Vec<Quota> {
    let long = windows.iter().filter(|(_, seconds)| *seconds > MINUTE).take(MOST_QUOTAS);
    let quota = |(requests, seconds): &(f64, f64)| {
        if *seconds > LONGEST_WINDOW {
            debug!(header = "ratelimit-policy", asked = seconds, used = LONGEST_WINDOW, CLAMPED);
        }
        // What is too large for the type becomes its largest number.
        let (requests, seconds) = (requests.ceil() as u64, seconds.min(LONGEST_WINDOW) as u64);
        Quota { requests, window: Duration::from_secs(seconds) }
    };
    long.map(quota).collect()
}

fn pause(reset: f64, sent_at: Timestamp) -> Option<Duration> {
    let unix = sent_at.as_millisecond() as f64 / 1000.0;
    let seconds = match reset {
        r if r >= UNIX_TIME * 1000.0 => r / 1000.0 - unix,
        r if r >= UNIX_TIME => r - unix,
        r => r,
    };
    let asked = Duration::try_from_secs_f64(seconds.min(LONGEST_PAUSE.as_secs_f64())).ok()?;
    (!asked.is_zero()).then_some(asked)
}

/// The message for a number that is beyond what Outflow takes from a destination.
const CLAMPED: &str = "the destination states a limit beyond the bounds; the bound is used";

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T10:00:00Z";

    fn hint(headers: &[(&'static str, &str)]) -> RateHint {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        rate(&map, NOW.parse().unwrap())
    }

    fn read(headers: &[(&'static str, &str)]) -> (Option<f64>, Option<u64>, Option<f64>) {
        let RateHint { limit, remaining, reset, .. } = hint(headers);
        (limit, remaining, reset.map(|r| r.as_secs_f64()))
    }

    #[test]
    fn windows_of_more_than_a_minute_are_quotas() {
        let quota = |requests, seconds| Quota { requests, window: Duration::from_secs(seconds) };
        for (policy, limit, quotas) in [
            ("\"daily\";q=1000;w=86400", None, vec![quota(1_000, 86_400)]),
            ("\"a\";q=100;w=1, \"b\";q=5000;w=3600", Some(100.0), vec![quota(5_000, 3_600)]),
            ("\"x\";q=1;w=60", Some(1.0 / 60.0), vec![]),
            ("\"x\";q=1;w=1e300", None, vec![quota(1, 31_622_400)]),
            ("\"x\";q=1e300;w=1e-300", Some(1e6), vec![]),
            ("\"x\";q=1e-300;w=60", Some(1.0 / 60.0), vec![]),
            ("\"x\";q=1e19;w=1e19", None, vec![quota(10_000_000_000_000_000_000, 31_622_400)]),
            ("\"x\";q=1e300;w=61", None, vec![quota(u64::MAX, 61)]),
            ("\"x\";q=nan;w=60, \"y\";q=-1;w=60, \"z\";q=1;w=inf", None, vec![]),
            ("", None, vec![]),
        ] {
            let hint = hint(&[("ratelimit-policy", policy)]);
            assert_eq!((hint.limit, &hint.quotas), (limit, &quotas), "{policy}");
        }
        let many = ["q=1;w=100"; 1_000].join(",");
        assert_eq!(hint(&[("ratelimit-policy", &many)]).quotas.len(), 4);
    }

    #[test]
    fn of_several_limits_the_one_with_the_least_remainder_counts() {
        let text = "\"burst\";r=50;t=1, \"daily\";r=0;t=1800, \"hourly\";r=7;t=90";
        assert_eq!(read(&[("ratelimit", text)]), (None, Some(0), Some(1_800.0)));
    }

    proptest::proptest! {
        #[test]
        fn no_header_panics_and_all_that_is_read_is_within_bounds(
            values in proptest::collection::vec("[\"a-z=;,.:0-9eE+ -]{0,40}|[0-9]{1,400}|-?[0-9]{1,30}e[0-9]{1,4}|(\"x\";)?[qrtwQ]=[0-9.eE+-]{1,24};w=[0-9.eE+-]{1,24}", 9),
        ) {
            const NAMES: [&str; 9] = [
                "ratelimit", "ratelimit-policy", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
                "x-ratelimit-remaining", "x-ratelimit-reset", "retry-after", "date",
            ];
            let mut map = HeaderMap::new();
            for (name, value) in NAMES.into_iter().zip(&values) {
                map.insert(name, value.parse().unwrap());
            }
            let now = NOW.parse().unwrap();
            let hint = rate(&map, now);
            proptest::prop_assert!(hint.limit.is_none_or(|l| (LEAST_PER_SECOND..=MOST_PER_SECOND).contains(&l)));
            proptest::prop_assert!(hint.reset.is_none_or(|r| r <= LONGEST_PAUSE));
            proptest::prop_assert!(hint.quotas.len() <= MOST_QUOTAS);
            for quota in &hint.quotas {
                proptest::prop_assert!(quota.requests >= 1 && quota.window.as_secs() <= LONGEST_WINDOW as u64);
            }
            let after = retry_after(&map, now);
            let too_long = matches!(after, After::Wait { wait, .. } if wait > LONGEST_PAUSE);
            proptest::prop_assert!(!too_long);
        }
    }

    #[test]
    fn each_form_of_the_headers_is_read() {
        for (headers, want) in [
            (&[][..], (None, None, None)),
            (&[("ratelimit", "\"default\";r=50;t=30")], (None, Some(50), Some(30.0))),
            (&[("ratelimit", "limit=100, remaining=0, reset=5")], (None, Some(0), Some(5.0))),
            (&[("ratelimit-policy", "\"a\";q=100;w=1,\"b\";q=600;w=60")], (Some(10.0), None, None)),
            (
                &[("ratelimit-limit", "100, 100;w=2"), ("ratelimit-remaining", "7")],
                (Some(50.0), Some(7), None),
            ),
            (&[("ratelimit-limit", "100")], (None, None, None)),
            (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "12")], (None, Some(0), Some(12.0))),
            (&[("x-ratelimit-reset", "1795514430")], (None, None, Some(30.0))),
            (&[("x-ratelimit-reset", "1795514430000")], (None, None, Some(30.0))),
            (&[("x-ratelimit-reset", "1795514340")], (None, None, None)),
            (&[("x-ratelimit-reset", "Tue, 24 Nov 2026 10:00:30 GMT")], (None, None, Some(30.0))),
            (&[("ratelimit-reset", "Tuesday, 24-Nov-26 10:00:30 GMT")], (None, None, Some(30.0))),
            (&[("x-ratelimit-reset", "Tue Nov 24 10:00:30 2026")], (None, None, Some(30.0))),
            (&[("x-ratelimit-reset", "2026-11-24T10:00:30Z")], (None, None, Some(30.0))),
            (&[("x-ratelimit-reset", "Tue, 24 Nov 2026 09:00:00 GMT")], (None, None, None)),
            (&[("x-ratelimit-reset", "Sat, 01 Jan 2050 00:00:00 GMT")], (None, None, Some(3600.0))),
            (&[("x-ratelimit-reset-after", "1.5")], (None, None, Some(1.5))),
            (&[("x-ratelimit-reset", "999999")], (None, None, Some(3600.0))),
            (&[("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "soon")], (None, None, None)),
            (&[("ratelimit-policy", "\"a\";q=0;w=1"), ("ratelimit", "nan")], (None, None, None)),
            (&[("x-ratelimit-reset", "NaN"), ("x-ratelimit-remaining", "inf")], (None, None, None)),
        ] {
            assert_eq!(read(headers), want, "{headers:?}");
        }
    }
}
