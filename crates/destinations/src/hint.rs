//! What the headers of an answer say about the service's rate limit.
//!
//! These are read: `Retry-After` (RFC 9110, section 10.2.3); `RateLimit`, `RateLimit-Policy`,
//! `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset` in the forms of the IETF drafts
//! `draft-ietf-httpapi-ratelimit-headers` 02 to 10; and the older `X-RateLimit-Remaining` and
//! `X-RateLimit-Reset`. A header that cannot be parsed is ignored.

use std::time::Duration;

use http::HeaderMap;
use jiff::Timestamp;
use outflow_core::RateHint;

/// The longest pause that a destination can request.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The longest wait for the reset of a limit, in seconds: after it, a request is sent anyway.
const LONGEST_RESET: f64 = 60.0;
/// A reset above this is a time in Unix seconds and not a duration in seconds; above a thousand
/// times this, a time in Unix milliseconds.
const UNIX_TIME: f64 = 1e9;

/// Reads the headers about the rate limit. `now` is used if the answer has no `Date`.
pub(crate) fn rate(headers: &HeaderMap, now: Timestamp) -> RateHint {
    let new = text(headers, "ratelimit");
    let newest =
        |short: &str, long: &str| new.and_then(|v| parameter(v, short).or_else(|| parameter(v, long)));
    let old = |name: &str| {
        let value = text(headers, &format!("ratelimit-{name}"))
            .or_else(|| text(headers, &format!("x-ratelimit-{name}")));
        value.and_then(number)
    };
    let remaining = newest("r", "remaining").or_else(|| old("remaining"));
    let reset = newest("t", "reset").or_else(|| old("reset"));
    let policy = text(headers, "ratelimit-policy").or_else(|| text(headers, "ratelimit-limit"));
    RateHint {
        limit: policy.and_then(limit),
        remaining: remaining.map(|r| r as u64),
        reset: reset.and_then(|r| pause(r, sent_at(headers, now))),
    }
}

/// `Retry-After`: seconds, or a date, which is compared with the answer's own `Date` so that clocks
/// need not agree. `None` if it is past or invalid; one hour at most.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = text(headers, "retry-after")?;
    let wait = if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        Duration::try_from(date(value)?.duration_since(sent_at(headers, now))).ok()?
    };
    (!wait.is_zero()).then(|| wait.min(LONGEST_PAUSE))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim)
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::parse(text).ok().map(|z| z.timestamp())
}

fn sent_at(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    text(headers, "date").and_then(date).unwrap_or(now)
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

/// The strictest rate of a list of quotas with a time window each: `"a";q=100;w=1, "b";q=3000;w=60`
/// or `100, 100;w=1`.
fn limit(policies: &str) -> Option<f64> {
    let quotas = policies.split(',').filter_map(|policy| {
        let quota = parameter(policy, "q").or_else(|| number(policy.split(';').next()?))?;
        let seconds = parameter(policy, "w")?;
        (quota > 0.0 && seconds > 0.0).then(|| quota / seconds)
    });
    quotas.min_by(f64::total_cmp)
}

fn pause(reset: f64, sent_at: Timestamp) -> Option<Duration> {
    let unix = sent_at.as_millisecond() as f64 / 1000.0;
    let seconds = match reset {
        r if r >= UNIX_TIME * 1000.0 => r / 1000.0 - unix,
        r if r >= UNIX_TIME => r - unix,
        r => r,
    };
    (seconds > 0.0).then(|| Duration::from_secs_f64(seconds.min(LONGEST_RESET)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-24T10:00:00Z";

    fn read(headers: &[(&'static str, &str)]) -> (Option<f64>, Option<u64>, Option<f64>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let RateHint { limit, remaining, reset } = rate(&map, NOW.parse().unwrap());
        (limit, remaining, reset.map(|r| r.as_secs_f64()))
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
            (&[("x-ratelimit-reset", "999999")], (None, None, Some(60.0))),
            (&[("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "soon")], (None, None, None)),
            (&[("ratelimit-policy", "\"a\";q=0;w=1"), ("ratelimit", "nan")], (None, None, None)),
            (&[("x-ratelimit-reset", "NaN"), ("x-ratelimit-remaining", "inf")], (None, None, None)),
        ] {
            assert_eq!(read(headers), want, "{headers:?}");
        }
    }
}
