//! Reproducible randomness: a seed that is printed, and a small generator.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The seed of this test: `OUTFLOW_SEED` where that is set, else a random one. It is printed, so
/// that a failure can be run again.
pub fn seed() -> u64 {
    let seed = match std::env::var("OUTFLOW_SEED") {
        Ok(text) => {
            text.parse().unwrap_or_else(|_| panic!("OUTFLOW_SEED must be a whole number, not {text:?}"))
        }
        Err(_) => entropy(),
    };
    eprintln!("OUTFLOW_SEED={seed}");
    seed
}

fn entropy() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same seed gives the same numbers everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A generator that starts from this seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn from_entropy() -> Rng {
        Rng(entropy())
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `bound` - 1; `bound` is not 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The upper half of a 128-bit product: even enough for tests, and without a loop.
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A duration from zero up to `longest`.
    pub fn duration(&mut self, longest: Duration) -> Duration {
        Duration::from_nanos(self.below(longest.as_nanos().max(1) as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers_below_the_bound() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (0..1000).map(|_| rng.below(10)).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!((0..10).all(|n| draw(7).contains(&n)) && draw(7).iter().all(|&n| n < 10));
    }
}
