//! Whose turn it is: which of the syncs that share a limiter gets the next new body.
//!
//! What always holds: syncs take turns by name, one request each, so that none waits for more than
//! one request of each other sync. Backfills and replays come last: they get what the others leave,
//! and one turn in [`BACKFILL_EVERY`] while the others leave nothing, so that they end some time.
//! Of two waiters of one sync, the earlier comes first.
//!
//! What it does not do: decide whether a request may be sent at all.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tokio::sync::Notify;

/// While others wait, one turn in this many is a backfill's.
pub(super) const BACKFILL_EVERY: u32 = 16;

/// What a delivery does, as far as its turn depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// It brings what is new.
    New,
    /// It brings what came before: a backfill or a replay.
    Backfill,
}

/// One that waits for a turn.
#[derive(Clone)]
struct Waiter {
    number: u64,
    wake: Arc<Notify>,
}

/// Those of one urgency that wait, by sync.
#[derive(Default)]
struct Ring {
    waiting: BTreeMap<Arc<str>, VecDeque<Waiter>>,
    /// The sync that had the last turn.
    last: Option<Arc<str>>,
}

impl Ring {
    /// The next sync by name, and its first waiter.
    fn next(&self) -> Option<(&Arc<str>, &Waiter)> {
        let later = self.last.as_ref().and_then(|last| {
            let after = (std::ops::Bound::Excluded(last.clone()), std::ops::Bound::Unbounded);
            self.waiting.range(after).next()
        });
        let (sync, waiters) = later.or_else(|| self.waiting.first_key_value())?;
        Some((sync, waiters.front()?))
    }

    fn remove(&mut self, sync: &Arc<str>, number: u64) {
        if let Some(waiters) = self.waiting.get_mut(sync) {
            waiters.retain(|waiter| waiter.number != number);
            if waiters.is_empty() {
                self.waiting.remove(sync);
            }
        }
    }
}

/// Those who wait for a new body.
#[derive(Default)]
pub(super) struct Turns {
    new: Ring,
    backfills: Ring,
    /// Turns of others since the last one of a backfill, while a backfill waited.
    passed_over: u32,
    last_number: u64,
}

impl Turns {
    /// Whether no one waits.
    pub(super) fn is_empty(&self) -> bool {
        self.new.waiting.is_empty() && self.backfills.waiting.is_empty()
    }

    /// Someone waits from now on. Returns the number.
    pub(super) fn join(&mut self, sync: &Arc<str>, urgency: Urgency, wake: Arc<Notify>) -> u64 {
        self.last_number += 1;
        let waiter = Waiter { number: self.last_number, wake };
        self.ring(urgency).waiting.entry(sync.clone()).or_default().push_back(waiter);
        self.last_number
    }

    /// This one waits no longer.
    pub(super) fn leave(&mut self, sync: &Arc<str>, urgency: Urgency, number: u64) {
        self.ring(urgency).remove(sync, number);
    }

    /// Whether it is this one's turn.
    pub(super) fn is_turn_of(&self, number: u64) -> bool {
        self.next().is_some_and(|(_, (_, waiter))| waiter.number == number)
    }

    /// Wakes the one whose turn it is.
    pub(super) fn wake(&self) {
        if let Some((_, (_, waiter))) = self.next() {
            waiter.wake.notify_one();
        }
    }

    /// The one whose turn it is has been admitted.
    pub(super) fn taken(&mut self) {
        let Some((urgency, (sync, waiter))) = self.next() else { return };
        let (sync, number) = (sync.clone(), waiter.number);
        self.passed_over = match urgency {
            Urgency::New if !self.backfills.waiting.is_empty() => self.passed_over.saturating_add(1),
            Urgency::New | Urgency::Backfill => 0,
        };
        let ring = self.ring(urgency);
        ring.remove(&sync, number);
        ring.last = Some(sync);
    }

    fn next(&self) -> Option<(Urgency, (&Arc<str>, &Waiter))> {
        let new = self.new.next().map(|next| (Urgency::New, next));
        let backfill = self.backfills.next().map(|next| (Urgency::Backfill, next));
        match self.passed_over >= BACKFILL_EVERY - 1 {
            true => backfill.or(new),
            false => new.or(backfill),
        }
    }

    fn ring(&mut self, urgency: Urgency) -> &mut Ring {
        match urgency {
            Urgency::New => &mut self.new,
            Urgency::Backfill => &mut self.backfills,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Syncs that always have something to send. Returns who had the turns.
    fn turns(syncs: &[(&'static str, Urgency)], requests: usize) -> Vec<&'static str> {
        let mut turns = Turns::default();
        let mut waiting = BTreeMap::new();
        let mut had = Vec::new();
        for _ in 0..requests {
            for (sync, urgency) in syncs {
                let join = || turns.join(&Arc::from(*sync), *urgency, Arc::default());
                waiting.entry(*sync).or_insert_with(join);
            }
            let whose = waiting.iter().find(|(_, n)| turns.is_turn_of(**n)).map(|(sync, _)| *sync).unwrap();
            waiting.remove(whose);
            turns.taken();
            had.push(whose);
        }
        had
    }

    #[test]
    fn syncs_take_turns_by_name() {
        use Urgency::New;
        let had = turns(&[("a", New), ("b", New), ("c", New)], 7);
        assert_eq!(had, ["a", "b", "c", "a", "b", "c", "a"]);
    }

    #[test]
    fn backfills_come_last_and_still_end() {
        let had = turns(&[("a", Urgency::New), ("b", Urgency::New), ("old", Urgency::Backfill)], 160);
        let count = |name| had.iter().filter(|sync| **sync == name).count();
        assert_eq!((count("a"), count("b"), count("old")), (75, 75, 10));
        assert_eq!(turns(&[("old", Urgency::Backfill)], 3), ["old"; 3]);
    }

    #[test]
    fn the_earlier_of_one_sync_comes_first_and_one_that_leaves_is_passed_over() {
        let (mut turns, sync) = (Turns::default(), Arc::from("a"));
        let [first, second, third] = [(); 3].map(|()| turns.join(&sync, Urgency::New, Arc::default()));
        assert!(turns.is_turn_of(first) && !turns.is_turn_of(second));
        turns.leave(&sync, Urgency::New, first);
        assert!(turns.is_turn_of(second));
        turns.taken();
        assert!(turns.is_turn_of(third));
        turns.taken();
        assert!(turns.is_empty());
    }

    proptest! {
        /// Whoever comes and goes: one that waits gets its turn before any other sync has had two,
        /// a backfill before [`BACKFILL_EVERY`] others have had one for each backfill that waits.
        #[test]
        fn no_sync_starves(steps in prop::collection::vec((0_usize..8, any::<bool>()), 1..400)) {
            let mut turns = Turns::default();
            // Of each sync: the number of its waiter, and the turns of each sync since it joined.
            let mut waiting: BTreeMap<usize, (u64, Vec<u32>)> = BTreeMap::new();
            let urgency = |n: usize| if n < 5 { Urgency::New } else { Urgency::Backfill };
            let sync = |n: usize| -> Arc<str> { Arc::from(format!("s{n}")) };
            for (n, leaves) in steps {
                if leaves && let Some((number, _)) = waiting.remove(&n) {
                    turns.leave(&sync(n), urgency(n), number);
                }
                for n in 0..8 {
                    if !waiting.contains_key(&n) && (n + usize::from(leaves)) % 2 == 0 {
                        let number = turns.join(&sync(n), urgency(n), Arc::default());
                        waiting.insert(n, (number, vec![0; 8]));
                    }
                }
                let whose = waiting.iter().find(|(_, (n, _))| turns.is_turn_of(*n)).map(|(n, _)| *n);
                let Some(whose) = whose else { prop_assert!(waiting.is_empty()); continue };
                turns.taken();
                waiting.remove(&whose);
                for (n, (_, had)) in &mut waiting {
                    had[whose] += 1;
                    match urgency(*n) {
                        Urgency::New if whose < 5 => prop_assert!(had[whose] <= 1, "s{n} waits for s{whose}"),
                        Urgency::New => prop_assert!(had[5..].iter().sum::<u32>() <= 1),
                        Urgency::Backfill => prop_assert!(had.iter().sum::<u32>() <= 3 * BACKFILL_EVERY),
                    }
                }
            }
        }
    }
}
