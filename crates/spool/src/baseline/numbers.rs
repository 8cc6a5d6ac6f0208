//! Which calls of equal content a run that fills a gap leaves out, by their numbers.
//!
//! Calls of equal content differ by their ids alone, and an id says which of them it is of: the
//! destination may have got the second one and lack the first. So what is left out is chosen by
//! number wherever ids tell it, and by count elsewhere, from the lowest number on.

use std::collections::BTreeSet;
use std::ops::Range;

use outflow_core::call::{MessageId, id_bits, id_of_bits, nth_message_id};
use outflow_core::{Positions, Result};

use super::sorter::{Entry, Peeked, Sorter};
use crate::output::Output;

/// The ids of the run's own calls and of those that the destination has got, by content.
pub(super) struct Numbers {
    counts: bool,
    /// Both halves of the id that the first call of each content has.
    first: [Sorter; 2],
    /// The low halves of the ids that the destination has got.
    given: Sorter,
}

impl Numbers {
    /// `counts`: whether the run's calls are numbered.
    pub(super) fn new(counts: bool, sorted: usize) -> Self {
        let first = [Sorter::new("first-high.spill", sorted), Sorter::new("first-low.spill", sorted)];
        Self { counts, first, given: Sorter::new("given-ids.spill", sorted) }
    }

    /// Adds ids of calls of the run: for each the high half and the low half.
    pub(super) fn first(&mut self, halves: &[(u64, u128)], output: &mut Output) -> Result<()> {
        for (n, (half, content)) in halves.iter().enumerate() {
            self.first[n % 2].push(Entry::new(*content, *half), output)?;
        }
        Ok(())
    }

    /// Adds ids of calls that the destination has got.
    pub(super) fn given(&mut self, ids: &[(u64, u128)], output: &mut Output) -> Result<()> {
        ids.iter().try_for_each(|(id, content)| self.given.push(Entry::new(*content, *id), output))
    }

    /// All of them, sorted. `None`: the run's calls are not numbered.
    pub(super) fn finish(self, output: &mut Output) -> Result<Option<Sorted>> {
        let [high, low] = self.first;
        let mut sorted = |sorter: Sorter| Peeked::new(sorter.finish(output)?);
        let (first, given) = ([sorted(high)?, sorted(low)?], sorted(self.given)?);
        Ok(self.counts.then_some(Sorted { first, given }))
    }
}

/// The same in the order of contents.
pub(super) struct Sorted {
    first: [Peeked; 2],
    given: Peeked,
}

impl Sorted {
    /// The calls of this content, of which `counted` are left out: what the destination `had`, what
    /// the `next` run sends, and what it has got without a number. Contents come in order.
    pub(super) fn group(&mut self, content: u128, had: u64, next: Range<u64>, counted: u64) -> Result<Group> {
        let [high, low] = &mut self.first;
        let (high, low) = (take(high, content)?, take(low, content)?);
        let given = take(&mut self.given, content)?;
        let (Some(high), Some(low)) = (high.first(), low.first()) else {
            // Nothing numbers them.
            return Ok(Group::counted(counted));
        };
        let numbered = had.saturating_add(next.end.saturating_sub(next.start));
        Ok(Group {
            had,
            next,
            given,
            first: Some(id_of_bits(u128::from(*high) << 64 | u128::from(*low))),
            ..Group::counted(counted.saturating_sub(numbered))
        })
    }
}

/// What is there of this content. What is there of contents before it is passed over.
fn take(sorted: &mut Peeked, content: u128) -> Result<BTreeSet<u64>> {
    let mut found = BTreeSet::new();
    while let Some(entry) = sorted.peek().filter(|entry| entry.hash() <= content) {
        if entry.hash() == content {
            found.insert(entry.position);
        }
        sorted.take()?;
    }
    Ok(found)
}

/// The calls of one content, in position order.
#[derive(Default)]
pub(super) struct Group {
    /// How many of them the destination had before the gap: the lowest numbers.
    had: u64,
    /// The numbers that the next run sends.
    next: Range<u64>,
    /// How many are left out besides, whatever their numbers.
    counted: u64,
    /// The id of the first one.
    first: Option<MessageId>,
    /// The low halves of ids that the destination has got, and no call of the group has yet.
    given: BTreeSet<u64>,
    /// How many calls there were.
    number: u64,
    /// The first ones that are not left out, as many as `given` may have.
    open: Vec<u64>,
}

impl Group {
    /// This many are left out.
    pub(super) fn counted(counted: u64) -> Self {
        Self { counted, ..Self::default() }
    }

    /// Whether the next call is left out, as far as is known then.
    pub(super) fn leaves_out(&mut self, position: u64) -> bool {
        let number = self.number;
        self.number += 1;
        let is_given = !self.given.is_empty()
            && self
                .first
                .is_some_and(|first| self.given.remove(&(id_bits(&nth_message_id(&first, number)) as u64)));
        if number < self.had || self.next.contains(&number) || is_given {
            return true;
        }
        if self.counted > 0 {
            self.counted -= 1;
            return true;
        }
        if self.open.len() < self.given.len() {
            self.open.push(position);
        }
        false
    }

    /// No call of the content follows. Ids of another form may be of any call of the group: as many
    /// are left out as there are such ids.
    pub(super) fn end(&mut self, same: &mut Positions) {
        self.open.drain(..).take(self.given.len()).for_each(|position| same.insert(position));
    }
}
