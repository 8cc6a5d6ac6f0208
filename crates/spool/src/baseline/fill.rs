//! Comparing a run that fills a gap: which of its calls the destination has got, or gets from the
//! sync's next run.
//!
//! Everything is sorted and walked in step, as for any comparison: memory does not grow with the
//! number of calls but for one or two bits each. A file that is missing or damaged counts as empty,
//! so that a call is rather sent again than left out.

use outflow_core::ports::baseline::{Compared, FillSpec};
use outflow_core::{Positions, Result};

use super::comparison::{HashFile, Numbered, check_position};
use super::hashes::Earlier;
use super::sorter::{Entry, Peeked, Sorted, Sorter};
use crate::output::Output;

/// What a run that fills a gap collects besides its calls.
pub(super) struct Fill {
    spec: FillSpec,
    before: Option<HashFile>,
    /// Its own calls by key.
    keyed: Sorter,
    fed: u64,
    /// What the destination has got: by key, or by content.
    given: Sorter,
    given_count: u64,
}

impl Fill {
    pub(super) fn new(spec: FillSpec, before: Option<HashFile>, sorted: usize) -> Self {
        let (keyed, given) = (Sorter::new("keyed.spill", sorted), Sorter::new("given.spill", sorted));
        Self { spec, before, keyed, fed: 0, given, given_count: 0 }
    }

    /// Adds calls of the run, in position order.
    pub(super) fn keyed(&mut self, calls: &[(u64, u128)], output: &mut Output) -> Result<()> {
        for (key, content) in calls {
            self.keyed.push(by_key(*key, self.fed, *content), output)?;
            self.fed += 1;
        }
        Ok(())
    }

    /// Adds calls that the destination has got, in the order in which it got them.
    pub(super) fn given(&mut self, calls: &[(u64, u128)], output: &mut Output) -> Result<()> {
        for (key, content) in calls {
            let entry = match self.spec.by_key {
                true => by_key(*key, self.given_count, *content),
                false => Entry::new(*content, self.given_count),
            };
            self.given.push(entry, output)?;
            self.given_count += 1;
        }
        Ok(())
    }

    /// Which of the `count` calls, sorted in `fed`, are left out. `next` is what the next run reads
    /// and `previous` what it is compared with; `retained` gets what of the latter was found again.
    pub(super) fn compare(
        self,
        count: u64,
        mut fed: Sorted,
        next: Sorted,
        previous: Option<&HashFile>,
        retained: &mut Numbered,
        output: &mut Output,
    ) -> Result<Compared> {
        let whole = |file: Option<&HashFile>| file.and_then(|(path, run)| Earlier::open_whole(path, *run));
        let (mut kept, mut before) = (whole(previous), whole(self.before.as_ref()));
        let earlier_missing = previous.is_some() && kept.is_none();
        let before_missing = self.before.is_some() && before.is_none();
        let (mut next, mut given) = (Peeked::new(next)?, Peeked::new(self.given.finish(output)?)?);
        let mut same = Positions::none_of(count);
        let mut had_before = Positions::none_of(count);
        let (mut current, mut shared, mut left, mut was_before) = (None, 0_u64, 0_u64, false);
        while let Some(entry) = fed.next()? {
            check_position(entry.position, count)?;
            let hash = entry.hash();
            if current != Some(hash) {
                current = Some(hash);
                shared = kept.as_mut().map_or(0, |kept| kept.take_all(hash));
                left = next.take_all(hash)?.saturating_sub(shared);
                let had = before.as_mut().map_or(0, |before| before.take_all(hash));
                was_before = had > 0;
                if !self.spec.by_key {
                    left = left.saturating_add(had).saturating_add(given.take_all(hash)?);
                }
            }
            if shared > 0 {
                shared -= 1;
                retained.push(hash, output)?;
            }
            if left > 0 {
                left -= 1;
                same.insert(entry.position);
            }
            if was_before && self.spec.by_key {
                had_before.insert(entry.position);
            }
        }
        if self.spec.by_key {
            leave_out_by_key(self.keyed.finish(output)?, given, count, &had_before, &mut same)?;
        }
        Ok(Compared { same, not_fed: 0, earlier_missing, before_missing })
    }
}

/// Sorts by key, the last of a key first. The low half of the content stands in for it: it is only
/// compared within its key.
fn by_key(key: u64, number: u64, content: u128) -> Entry {
    Entry::new(u128::from(key) << 64 | u128::from(!number), content as u64)
}

/// Adds the calls of each key whose last one is what the destination got last. At first `same` has
/// those that the next run sends.
fn leave_out_by_key(
    mut keyed: Sorted,
    mut given: Peeked,
    count: u64,
    had_before: &Positions,
    same: &mut Positions,
) -> Result<()> {
    let key_of = |entry: Entry| (entry.hash() >> 64) as u64;
    let (mut current, mut got_last, mut leaves_out) = (None, None, None);
    while let Some(entry) = keyed.next()? {
        let (key, position) = (key_of(entry), !(entry.hash() as u64));
        check_position(position, count)?;
        if current != Some(key) {
            (current, leaves_out) = (Some(key), None);
            while given.peek().is_some_and(|entry| key_of(entry) < key) {
                given.take()?;
            }
            got_last = given.peek().filter(|entry| key_of(*entry) == key).map(|entry| entry.position);
        }
        if same.contains(position) {
            continue;
        }
        let is_same = || match got_last {
            Some(content) => content == entry.position,
            None => had_before.contains(position),
        };
        if *leaves_out.get_or_insert_with(is_same) {
            same.insert(position);
        }
    }
    Ok(())
}
