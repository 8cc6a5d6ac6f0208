//! Quotas: how many requests a service takes in a window of more than a minute, such as a day.
//!
//! Requests within a quota go as fast as the rate limiter lets them. Only when a quota is used up
//! does the destination wait: until the window ends, and never longer than [`LONGEST_WAIT`] without
//! a request that asks again. Every answer states the quotas again; one that states none ends them.
//!
//! What always holds: few quotas are tracked, each within bounds that no service sets. What it does
//! not do: wait. After a restart nothing is known until the first answer.

use std::time::Duration;

use outflow_core::outcome::Quota;
use tokio::time::Instant;

use super::moments::{LONGEST_WAIT, later};

/// A window up to this is a rate.
pub(crate) const SHORTEST_WINDOW: Duration = Duration::from_secs(60);
/// A longer window counts as this long.
const LONGEST_WINDOW: Duration = Duration::from_secs(366 * 86_400);
/// More quotas are not tracked.
const MOST: usize = 4;

/// The quotas that a service states.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Vec<Tracked>);

#[derive(Debug)]
struct Tracked {
    quota: Quota,
    /// Requests in this window.
    used: u64,
    began: Instant,
    /// The last request, or when the service said that the quota is used up.
    last: Instant,
}

/// A quota that is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UsedUp {
    pub(crate) quota: Quota,
    /// When the next request may go.
    pub(crate) until: Instant,
}

impl Quotas {
    /// The service states these quotas. Of one that was not known, `sent` requests count already.
    pub(crate) fn state(&mut self, stated: &[Quota], sent: u64, now: Instant) {
        let mut tracked: Vec<Tracked> = Vec::new();
        for quota in stated.iter().filter(|quota| quota.window > SHORTEST_WINDOW) {
            let window = quota.window.min(LONGEST_WINDOW);
            let quota = Quota { requests: quota.requests.max(1), window };
            if tracked.len() == MOST || tracked.iter().any(|t| t.quota.window == window) {
                continue;
            }
            let known = self.0.iter().position(|t| t.quota.window == window);
            tracked.push(match known {
                Some(known) => Tracked { quota, ..self.0.swap_remove(known) },
                None => Tracked { quota, used: sent, began: now, last: now },
            });
        }
        self.0 = tracked;
    }

    /// The service says that nothing remains until `reset` has passed.
    pub(crate) fn exhaust(&mut self, reset: Duration, now: Instant) {
        // It belongs to the shortest window that is long enough.
        let fitting = self.0.iter_mut().filter(|t| t.quota.window >= reset).min_by_key(|t| t.quota.window);
        if let Some(tracked) = fitting {
            tracked.used = tracked.used.max(tracked.quota.requests);
            tracked.began = now.checked_sub(tracked.quota.window.saturating_sub(reset)).unwrap_or(now);
            tracked.last = now;
        }
    }

    /// Whether the service states any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request may go now; if not, until when it waits.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), UsedUp> {
        let waits = self.0.iter_mut().filter_map(|tracked| tracked.wait(now));
        waits.max_by_key(|used_up| used_up.until).map_or(Ok(()), Err)
    }

    /// A request goes.
    pub(crate) fn count(&mut self, now: Instant) {
        for tracked in &mut self.0 {
            tracked.used = tracked.used.saturating_add(1);
            tracked.last = now;
        }
    }

    /// A request that was counted does not go.
    pub(crate) fn give_back(&mut self) {
        for tracked in &mut self.0 {
            tracked.used = tracked.used.saturating_sub(1);
        }
    }
}

impl Tracked {
    fn wait(&mut self, now: Instant) -> Option<UsedUp> {
        let end = later(self.began, self.quota.window);
        if now >= end {
            (self.used, self.began) = (0, now);
            return None;
        }
        let until = end.min(later(self.last, LONGEST_WAIT));
        (self.used >= self.quota.requests && now < until).then_some(UsedUp { quota: self.quota, until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);

    fn quota(requests: u64, window: Duration) -> Quota {
        Quota { requests, window }
    }

    /// Requests that go now, up to this many.
    fn go(quotas: &mut Quotas, most: u64, now: Instant) -> u64 {
        (0..most).take_while(|_| quotas.check(now).map(|()| quotas.count(now)).is_ok()).count() as u64
    }

    #[test]
    fn a_quota_goes_at_any_speed_and_is_waited_for_only_when_it_is_used_up() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        quotas.state(&[quota(1_000, DAY)], 1, now);
        assert_eq!(go(&mut quotas, 5_000, now), 999);
        assert_eq!(quotas.check(now).unwrap_err().until, later(now, HOUR), "then one asks again each hour");
        let mut at = later(now, HOUR);
        for _ in 0..22 {
            assert_eq!(go(&mut quotas, 5, at), 1);
            at = later(at, HOUR);
        }
        assert_eq!(go(&mut quotas, 5_000, later(now, DAY)), 1_000, "another day");
    }

    #[test]
    fn the_strictest_quota_counts_and_one_that_is_no_longer_stated_ends() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        quotas.state(&[quota(1_000, DAY), quota(10, HOUR / 2)], 0, now);
        assert_eq!(go(&mut quotas, 50, now), 10);
        assert_eq!(quotas.check(now).unwrap_err().until, later(now, HOUR / 2));
        quotas.state(&[quota(1_000, DAY)], 0, now);
        assert_eq!(go(&mut quotas, 5_000, now), 990, "what was sent counts still");
        quotas.state(&[], 0, now);
        assert_eq!(go(&mut quotas, 5_000, now), 5_000);
    }

    #[test]
    fn nothing_that_is_stated_is_beyond_the_bounds() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        let windows = [Duration::ZERO, SHORTEST_WINDOW, Duration::MAX, DAY, HOUR, HOUR * 2, HOUR * 3];
        let stated: Vec<_> = windows.into_iter().cycle().take(10_000).map(|w| quota(0, w)).collect();
        quotas.state(&stated, u64::MAX, now);
        assert_eq!(quotas.0.len(), MOST);
        quotas.exhaust(Duration::MAX, now);
        quotas.exhaust(DAY, now);
        quotas.count(now);
        let used_up = quotas.check(now).unwrap_err();
        assert_eq!(used_up.until, later(now, HOUR));
    }

    #[test]
    fn what_the_service_says_of_its_remainder_counts() {
        let (mut quotas, now) = (Quotas::default(), Instant::now());
        quotas.state(&[quota(1_000, DAY)], 1, now);
        quotas.exhaust(Duration::from_secs(90), now);
        assert_eq!(quotas.check(now).unwrap_err().until, later(now, Duration::from_secs(90)));
        assert_eq!(go(&mut quotas, 2_000, later(now, Duration::from_secs(90))), 1_000);
    }
}
