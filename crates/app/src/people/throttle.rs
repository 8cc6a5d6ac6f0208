//! How many attempts to sign in there may be.
//!
//! What always holds: an attempt takes from a bucket of its user and from one of its address before
//! anything is checked, and gives back what it took if it succeeds; buckets fill slowly. A browser
//! from which that user has signed in before has a bucket of its own in place of both: however much
//! others guess, whoever signs in from there gets in. What is kept in memory is bounded.
//!
//! What it does not do: remember anything over a restart, or read a clock.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use outflow_core::hash;

/// An attempt from elsewhere: this many for one user at once, …
const OF_USER: Limit = Limit { burst: 10, every: Duration::from_secs(60) };
/// … and from one address, which may be a whole office.
const OF_ADDRESS: Limit = Limit { burst: 20, every: Duration::from_secs(15) };
/// Attempts for one user in a browser that they have used before.
const OF_BROWSER: Limit = Limit { burst: 10, every: Duration::from_secs(60) };

/// This many buckets are kept. What is beyond shares one.
const BUCKETS: usize = 100_000;
/// Full ones are looked for no more often than this: that takes a walk over all.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// How many attempts there may be.
#[derive(Clone, Copy, Debug)]
struct Limit {
    /// This many at once, if there was none for long.
    burst: u32,
    /// And one more after each of these times.
    every: Duration,
}

impl Limit {
    /// How long it takes until an empty bucket is full.
    fn whole(self) -> Duration {
        self.every.saturating_mul(self.burst)
    }
}

/// From where an attempt comes, for whom.
#[derive(Clone, Debug)]
pub(crate) struct Attempt<'a> {
    /// The user's name, or what was typed as one.
    pub(crate) user: &'a str,
    /// The address.
    pub(crate) address: Option<&'a str>,
    /// The browser, if the user has signed in there before.
    pub(crate) known_browser: Option<[u8; 32]>,
}

/// What an attempt has taken.
#[derive(Debug)]
pub(crate) struct Taken(Vec<(u128, Limit)>);

/// The buckets. Each is the time at which it will be full.
#[derive(Debug)]
pub(crate) struct Throttle {
    full_at: HashMap<u128, Duration>,
    next_sweep: Duration,
    /// Secret, so that it cannot be computed which names share a bucket.
    key: u128,
}

impl Throttle {
    /// With buckets that are all full. `key` is random.
    pub(crate) fn new(key: u128) -> Self {
        Self { full_at: HashMap::new(), next_sweep: Duration::ZERO, key }
    }

    /// Takes what an attempt takes, at `now` (on a clock that only goes forward).
    ///
    /// # Errors
    /// How long until there is enough for it. Then it has taken nothing.
    pub(crate) fn take(&mut self, attempt: &Attempt<'_>, now: Duration) -> Result<Taken, Duration> {
        let buckets = self.buckets(attempt);
        if self.full_at.len().saturating_add(buckets.len()) > BUCKETS && now >= self.next_sweep {
            self.full_at.retain(|_, full_at| *full_at > now);
            self.next_sweep = now.saturating_add(SWEEP_EVERY);
        }
        let wait = buckets.iter().map(|(bucket, limit)| self.wait(*bucket, *limit, now)).max();
        match wait {
            Some(wait) if !wait.is_zero() => return Err(wait),
            _ => {}
        }
        for (bucket, limit) in &buckets {
            let bucket = self.place(*bucket);
            let full_at = self.full_at.entry(bucket).or_default();
            *full_at = (*full_at).max(now).saturating_add(limit.every);
        }
        Ok(Taken(buckets))
    }

    /// Gives back what an attempt took that succeeded.
    pub(crate) fn give_back(&mut self, taken: &Taken) {
        for (bucket, limit) in &taken.0 {
            let bucket = self.place(*bucket);
            if let Some(full_at) = self.full_at.get_mut(&bucket) {
                *full_at = full_at.saturating_sub(limit.every);
            }
        }
    }

    /// Forgets what was counted for a user: an administrator has set a new password.
    pub(crate) fn forget(&mut self, user: &str) {
        let bucket = self.bucket(0, user.as_bytes());
        self.full_at.remove(&bucket);
    }

    /// How long until there is one in this bucket.
    fn wait(&self, bucket: u128, limit: Limit, now: Duration) -> Duration {
        let full_at = self.full_at.get(&self.place(bucket)).copied().unwrap_or_default();
        // After this one it would take so long until it is full; no bucket is emptier than empty.
        let after = full_at.max(now).saturating_add(limit.every).saturating_sub(now);
        after.saturating_sub(limit.whole())
    }

    fn buckets(&self, attempt: &Attempt<'_>) -> Vec<(u128, Limit)> {
        if let Some(browser) = attempt.known_browser {
            return vec![(self.bucket(1, &browser), OF_BROWSER)];
        }
        let address = network(attempt.address.unwrap_or_default());
        vec![
            (self.bucket(0, attempt.user.as_bytes()), OF_USER),
            (self.bucket(2, address.as_bytes()), OF_ADDRESS),
        ]
    }

    fn bucket(&self, kind: u64, of: &[u8]) -> u128 {
        hash::joined(hash::seeded(self.key, kind), hash::content(of))
    }

    /// Where a bucket is kept.
    fn place(&self, bucket: u128) -> u128 {
        let is_there = self.full_at.len() < BUCKETS || self.full_at.contains_key(&bucket);
        if is_there { bucket } else { self.key }
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, which one customer has.
pub(crate) fn network(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).to_string(),
        },
        Ok(IpAddr::V4(v4)) => v4.to_string(),
        Err(_) => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt<'a>(user: &'a str, address: &'a str) -> Attempt<'a> {
        Attempt { user, address: Some(address), known_browser: None }
    }

    fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn a_user_and_an_address_have_so_many_attempts_and_one_more_after_each_time() {
        let mut throttle = Throttle::new(7);
        let address = |n: u32| format!("192.0.2.{n}");
        let accepted = (0..100).filter(|n| throttle.take(&attempt("ada", &address(*n)), seconds(0)).is_ok());
        assert_eq!(accepted.count() as u32, OF_USER.burst);
        let wait = throttle.take(&attempt("ada", "192.0.2.200"), seconds(10)).unwrap_err();
        assert_eq!(wait, OF_USER.every - seconds(10));
        assert!(throttle.take(&attempt("ada", "192.0.2.200"), OF_USER.every).is_ok());
        assert!(throttle.take(&attempt("ada", "192.0.2.201"), OF_USER.every).is_err());

        let mut throttle = Throttle::new(7);
        let user = |n: u32| format!("user{n}");
        let accepted = (0..100).filter(|n| throttle.take(&attempt(&user(*n), "::1"), seconds(0)).is_ok());
        assert_eq!(accepted.count() as u32, OF_ADDRESS.burst);
        assert!(throttle.take(&attempt("other", "::2"), seconds(0)).is_err(), "the same network");
        assert!(throttle.take(&attempt("other", "0:0:0:1::2"), seconds(0)).is_ok(), "another one");
    }

    #[test]
    fn what_is_refused_takes_nothing_and_what_succeeds_gives_back() {
        let mut throttle = Throttle::new(7);
        for _ in 0..OF_USER.burst {
            throttle.take(&attempt("ada", "192.0.2.1"), seconds(0)).unwrap();
        }
        for _ in 0..1000 {
            let wait = throttle.take(&attempt("ada", "192.0.2.1"), seconds(0)).unwrap_err();
            assert_eq!(wait, OF_USER.every, "who tries on does not wait longer");
        }
        // The address has some left: it was not charged for what its user was refused.
        throttle.take(&attempt("bob", "192.0.2.1"), seconds(0)).unwrap();
        let mut throttle = Throttle::new(7);
        for _ in 0..1000 {
            let taken = throttle.take(&attempt("ada", "192.0.2.1"), seconds(0)).unwrap();
            throttle.give_back(&taken);
        }
        throttle.forget("ada");
    }

    #[test]
    fn guesses_from_elsewhere_take_nothing_from_a_known_browser() {
        let mut throttle = Throttle::new(7);
        while throttle.take(&attempt("ada", "192.0.2.1"), seconds(0)).is_ok() {}
        let own = Attempt { known_browser: Some([1; 32]), ..attempt("ada", "192.0.2.1") };
        let accepted = (0..100).filter(|_| throttle.take(&own, seconds(0)).is_ok()).count();
        assert_eq!(accepted as u32, OF_BROWSER.burst, "and whoever has that browser does not guess on");
        throttle.forget("ada");
        assert!(throttle.take(&attempt("ada", "192.0.2.9"), seconds(0)).is_ok());
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_are_forgotten() {
        let mut throttle = Throttle::new(7);
        let mut accepted = 0_u32;
        for n in 0..BUCKETS as u32 {
            let (user, address) = (format!("u{n}"), std::net::Ipv4Addr::from_bits(n).to_string());
            accepted += u32::from(throttle.take(&attempt(&user, &address), seconds(0)).is_ok());
        }
        assert!(throttle.full_at.len() <= BUCKETS + 1, "{}", throttle.full_at.len());
        assert!(accepted >= BUCKETS as u32 / 2, "until it is full nobody is in another's way");
        assert!(accepted <= BUCKETS as u32 / 2 + OF_ADDRESS.burst, "then all share one: {accepted}");
        let later = OF_USER.whole() + OF_ADDRESS.whole();
        assert!(throttle.take(&attempt("ada", "192.0.2.1"), later).is_ok());
        assert!(throttle.full_at.len() < 5, "{}", throttle.full_at.len());
    }
}
