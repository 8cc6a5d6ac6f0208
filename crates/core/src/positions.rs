//! A set of positions of one run's calls, as one bit per call.

/// Which of the calls `0..len` belong to the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Positions {
    bits: Vec<u8>,
    count: u64,
}

impl Positions {
    /// An empty set of positions below `len`.
    pub fn none_of(len: u64) -> Self {
        Self { bits: vec![0; len.div_ceil(8) as usize], count: 0 }
    }

    /// Adds a position. It must lie below the length.
    pub fn insert(&mut self, position: u64) {
        let byte = &mut self.bits[(position / 8) as usize];
        let bit = 1 << (position % 8);
        self.count += u64::from(*byte & bit == 0);
        *byte |= bit;
    }

    /// Takes a position out.
    pub fn remove(&mut self, position: u64) {
        if self.contains(position) {
            self.bits[(position / 8) as usize] &= !(1 << (position % 8));
            self.count = self.count.saturating_sub(1);
        }
    }

    /// Whether the set has this position.
    pub fn contains(&self, position: u64) -> bool {
        self.bits.get((position / 8) as usize).is_some_and(|byte| byte >> (position % 8) & 1 == 1)
    }

    /// How many positions the set has.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Bit `p % 8` (lowest first) of byte `p / 8` is set if the set has `p`.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_added_and_nothing_else() {
        let mut set = Positions::none_of(11);
        for position in [0, 7, 8, 10, 8] {
            set.insert(position);
        }
        let held: Vec<u64> = (0..20).filter(|p| set.contains(*p)).collect();
        assert_eq!((held, set.count()), (vec![0, 7, 8, 10], 4));
        assert_eq!(set.as_bytes(), [0b1000_0001, 0b0000_0101]);
        for position in [7, 7, 3, 99] {
            set.remove(position);
        }
        assert_eq!((set.as_bytes(), set.count()), (&[0b0000_0001, 0b0000_0101][..], 3));
    }
}
