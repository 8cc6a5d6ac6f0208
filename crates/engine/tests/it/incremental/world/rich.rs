//! What writers do in a rich world: twins of which one is bad or comes later, corrections, rows
//! that are deleted and inserted again, and transactions that commit later than promised.

use outflow_core::ports::warehouse::Visibility;

use super::{Form, Micros, SECOND, Unit, Version, World};

/// Times of events are in steps of this.
const STEP: Micros = 10 * SECOND;

impl Version {
    /// When the event happened, which is not when it was written.
    pub(super) fn happened(&self) -> Micros {
        self.stamp.div_euclid(STEP) * STEP
    }

    /// Whether the column is filled that is NULL in some rows.
    pub(super) fn has_second(&self) -> bool {
        !self.event.is_multiple_of(3)
    }

    /// Whether it is in the table.
    pub fn is_there(&self) -> bool {
        self.visible
    }
}

impl World {
    /// The seconds since the beginning.
    pub fn seconds(&self) -> i64 {
        (self.now - super::BEGIN).div_euclid(SECOND)
    }

    pub(super) fn write_richly(&mut self) {
        let choice = if self.shape.people { 9 } else { self.rng.below(12) };
        match choice {
            0 => {
                let there: Vec<usize> = self.numbers(|v| v.visible);
                if let Some(number) = self.any_of(&there) {
                    self.versions[number].visible = false;
                }
            }
            1 => {
                let gone: Vec<usize> = self.numbers(|v| !v.visible && v.good && v.begun.is_none());
                let gone: Vec<usize> =
                    gone.into_iter().filter(|n| !self.pending.iter().any(|p| p.1 == *n)).collect();
                if let Some(number) = self.any_of(&gone) {
                    self.inserts_again(number);
                }
            }
            2 if self.shape.form == Form::Keyed => {
                let there: Vec<usize> = self.numbers(|v| v.visible && v.good);
                if let Some(number) = self.any_of(&there) {
                    self.corrects(number);
                }
            }
            _ => self.inserts(),
        }
        self.commit_until(self.now);
    }

    fn numbers(&self, are: impl Fn(&&Version) -> bool) -> Vec<usize> {
        self.versions.iter().filter(are).map(|v| v.number).collect()
    }

    fn any_of(&mut self, numbers: &[usize]) -> Option<usize> {
        (!numbers.is_empty()).then(|| numbers[self.rng.below(numbers.len() as u64) as usize])
    }

    /// The same row with the same stamp, which may be too old for any run.
    fn inserts_again(&mut self, number: usize) {
        let old = self.versions[number].clone();
        let again = self.add(old.key, old.value, old.good, old.stamp, None);
        self.versions[again].event = old.event;
        self.versions[again].promised = self.shape.form == Form::All;
        self.commit(again);
    }

    /// An event gets another value, and a stamp of now.
    fn corrects(&mut self, number: usize) {
        let old = self.versions[number].clone();
        let value = self.values[self.rng.below(3) as usize];
        let new = self.add(old.key, value, true, self.now + self.skew, None);
        self.versions[new].event = old.event;
        self.commit(new);
    }

    /// One row, or twins of which each may be bad and is committed in its own time.
    fn inserts(&mut self) {
        let is_seen = match self.sight {
            Visibility::None => false,
            Visibility::Some => self.rng.below(2) == 0,
            Visibility::All => true,
        };
        let most = if is_seen { self.longest_seen.max(self.shape.lookback) } else { self.shape.lookback };
        let longest = self.shape.longest_lag(most).unsigned_abs();
        let key = 1 + self.rng.below(if self.shape.people { 5 } else { 2 });
        if self.shape.people && self.pending.iter().any(|p| self.versions[p.1].key == key) {
            return;
        }
        let value = self.values[self.rng.below(3) as usize];
        let twins = if !self.shape.people && self.rng.below(3) == 0 { 2 } else { 1 };
        for _ in 0..twins {
            let (lag, promised) = match self.rng.below(16) {
                0 => (longest + 1 + self.rng.below(300 * SECOND as u64), self.shape.form == Form::All),
                1..4 => (longest, true),
                4..9 => (0, true),
                _ => (self.rng.below(longest + 1), true),
            };
            let good = self.rng.below(8) > 0;
            let stamp = match self.shape.unit {
                Unit::Counter => self.versions.len() as i64 + 1,
                _ => self.now + self.skew,
            };
            let begun = is_seen.then_some(self.now + self.skew);
            let number = self.add(key, value, good, stamp, begun);
            self.versions[number].promised = promised;
            self.pending.push((self.now + lag as i64, number));
        }
    }

    /// Counts the rows that are equal to this one.
    pub(super) fn count(&mut self, number: usize) {
        let told = self.shape.told(&self.versions[number]);
        let equal = |v: &&Version| v.visible && v.good && self.shape.told(v) == told;
        let there = self.versions.iter().filter(equal).count();
        let most = self.most.entry(told).or_default();
        *most = there.max(*most);
    }
}
