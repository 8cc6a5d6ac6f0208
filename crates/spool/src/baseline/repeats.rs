//! Equal calls of one run, numbered: which calls equal ones precede, and how many.
//!
//! Hashes come in order, those of equal calls in position order. What follows from them is sorted
//! by position, on disk if it is much: nearly all calls of a run are the first of their content.

use outflow_core::Result;
use outflow_core::ports::baseline::Repeats;

use super::sorter::{Entry, Sorter};
use crate::output::Output;

/// Collects the calls that equal ones precede.
pub(super) struct RepeatSorter {
    sorter: Sorter,
    current: Option<u128>,
    before: u64,
    any: bool,
}

impl RepeatSorter {
    /// Holds at most `sorted` of them in memory.
    pub(super) fn new(sorted: usize) -> Self {
        Self { sorter: Sorter::new("repeats.spill", sorted), current: None, before: 0, any: false }
    }

    /// All of them by position.
    pub(super) fn finish(self, output: &mut Output) -> Result<Repeats> {
        if !self.any {
            return Ok(Repeats::default());
        }
        let mut sorted = self.sorter.finish(output)?;
        Ok(Repeats::new(move || {
            Ok(sorted.next()?.map(|entry| ((entry.hash() >> 64) as u64, entry.position)))
        }))
    }
}

/// Takes the next entry into account, if calls are numbered.
pub(super) fn see(repeats: &mut Option<RepeatSorter>, entry: Entry, output: &mut Output) -> Result<()> {
    let Some(repeats) = repeats else { return Ok(()) };
    if repeats.current != Some(entry.hash()) {
        (repeats.current, repeats.before) = (Some(entry.hash()), 0);
        return Ok(());
    }
    repeats.before += 1;
    repeats.any = true;
    // Sorts by position; the number stands in for it.
    repeats.sorter.push(Entry::new(u128::from(entry.position) << 64, repeats.before), output)
}
