//! Message ids that the query gave: which of them stand for several contents, in one run or against
//! the run before.
//!
//! An id and its content are 64 bits of a hash each: this is for a warning. They are sorted and
//! walked in step with those of the run before, in a fixed amount of memory.

use outflow_core::{Result, RunId};

use super::hashes::{Earlier, IDS_FILE, Writer};
use super::sorter::{Numbered, Sorter};
use crate::output::Output;

/// The ids of a run.
pub(super) struct Ids(Numbered);

impl Ids {
    pub(super) fn new(sorted: usize) -> Self {
        Self(Numbered { name: "ids.spill", sorter: Sorter::new("ids.spill", sorted), count: 0 })
    }

    pub(super) fn push(&mut self, id: u64, content: u128, output: &mut Output) -> Result<()> {
        self.0.push(u128::from(id) << 64 | u128::from(content as u64), output)
    }

    /// How many calls repeat an id with another content. The ids are kept for the next run if
    /// `keeps` says so.
    pub(super) fn finish(
        self,
        run: RunId,
        mut earlier: Option<Earlier>,
        keeps: bool,
        output: &mut Output,
    ) -> Result<u64> {
        if self.0.count == 0 {
            return Ok(0);
        }
        let mut file = match keeps {
            true => Some(Writer::begin_file(IDS_FILE, run, self.0.count, output)?),
            false => None,
        };
        let mut sorted = self.0.sorter.finish(output)?;
        let (mut repeated, mut group) = (0_u64, None::<Group>);
        while let Some(entry) = sorted.next()? {
            if let Some(file) = &mut file {
                file.push(entry.hash(), output)?;
            }
            let (id, content) = ((entry.hash() >> 64) as u64, entry.hash() as u64);
            match &mut group {
                Some(group) if group.id == id => {
                    group.last = content;
                    group.calls += 1;
                }
                group => {
                    repeated += group.take().map_or(0, Group::repeated);
                    let before = earlier.as_mut().and_then(|earlier| earlier.range_of(id));
                    *group = Some(Group { id, before, first: content, last: content, calls: 1 });
                }
            }
        }
        repeated += group.map_or(0, Group::repeated);
        if let Some(file) = file {
            file.finish(output)?;
        }
        Ok(repeated)
    }
}

/// The calls of one id, whose contents come in order.
struct Group {
    id: u64,
    /// The smallest and the largest content that the run before had under it.
    before: Option<(u64, u64)>,
    first: u64,
    last: u64,
    calls: u64,
}

impl Group {
    fn repeated(self) -> u64 {
        match self.before {
            Some((first, last)) if first.min(self.first) != last.max(self.last) => self.calls,
            None if self.first != self.last => self.calls.saturating_sub(1),
            _ => 0,
        }
    }
}
