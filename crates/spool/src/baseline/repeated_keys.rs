//! Keys that a result repeats: of calls that say how something is, the last one of a key holds, so
//! their order counts.
//!
//! Runs are compared as multisets ([`super::comparison`]). That X and Y of one person became Y and
//! X would go unseen, and the destination would keep Y. So of a key's calls all but the last bear
//! another hash, that of a content which another one supersedes, and is the same as one that was
//! superseded or the last; and if any call of a key is sent, the last one is sent, too, behind it.
//!
//! What always holds: a key that occurs once has the hash of its content. Memory is bounded: which
//! keys occur again is found by a filter, and what it names is looked up in a file of all calls. Of
//! more than [`MOST`] such keys the others are compared as multisets.

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;

use outflow_core::hash::{self, KeyHasher};
use outflow_core::{Positions, Result};

use super::hashes::Earlier;
use super::sorter::{Adjusted, Entry, Sorted, Sorter};
use crate::disk::failed;
use crate::output::{NewFile, Output};

/// Keys that occur again: 8 MiB at most.
const MOST: usize = 200_000;
/// Bits of the filter: 2 MiB. With a million keys it names one key in a thousand without need.
const BITS: u64 = 1 << 24;
/// Calls that are kept in memory: 1 MiB.
const BUFFER: usize = 1 << 15;
/// Bytes of a call in the file.
const SIZE: usize = 24;
/// Calls that are read from the file at a time.
const CHUNK: u64 = 4096;

/// The calls of a run, by key.
pub(super) struct RepeatedKeys {
    filter: Vec<u64>,
    /// Keys that may occur again.
    named: HashMap<u64, Last, KeyHasher>,
    calls: Vec<(u64, u128)>,
    spill: Option<NewFile>,
    spilled: u64,
}

/// What is known of a key.
#[derive(Clone, Copy, Default)]
struct Last {
    found: bool,
    repeats: bool,
    position: u64,
    is_sent: bool,
}

impl RepeatedKeys {
    pub(super) fn new() -> Self {
        let (named, calls) = Default::default();
        Self { filter: vec![0; (BITS / 64) as usize], named, calls, spill: None, spilled: 0 }
    }

    /// Adds calls in position order.
    pub(super) fn add(&mut self, calls: &[(u64, u128)], output: &mut Output) -> Result<()> {
        for (key, content) in calls {
            if self.is_known(*key) && (self.named.len() < MOST || self.named.contains_key(key)) {
                self.named.entry(*key).or_default();
            }
            self.calls.push((*key, *content));
            if self.calls.len() == BUFFER {
                self.write(output)?;
            }
        }
        Ok(())
    }

    /// Whether the filter has the key, which it has from now on.
    fn is_known(&mut self, key: u64) -> bool {
        let mut known = true;
        for part in [key, key.rotate_left(21), key.rotate_left(42)] {
            let bit = part % BITS;
            let word = &mut self.filter[(bit / 64) as usize];
            known &= *word >> (bit % 64) & 1 == 1;
            *word |= 1 << (bit % 64);
        }
        known
    }

    fn write(&mut self, output: &mut Output) -> Result<()> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(output.create("keys.spill")?),
        };
        let mut bytes = Vec::with_capacity(CHUNK as usize * SIZE);
        for part in self.calls.chunks(CHUNK as usize) {
            bytes.clear();
            for (key, content) in part {
                bytes.extend_from_slice(&key.to_le_bytes());
                bytes.extend_from_slice(&content.to_le_bytes());
            }
            output.budget.working(bytes.len() as u64)?;
            spill.append(&bytes)?;
        }
        self.spilled += self.calls.len() as u64;
        self.calls.clear();
        Ok(())
    }

    /// The hashes of the run's calls in order, with those of superseded contents in place; and what
    /// decides in the end. `earlier` is what the run is compared with; `sorted`: how many entries
    /// may be sorted in memory.
    pub(super) fn adjust(
        mut self,
        fed: Sorted,
        earlier: Option<Earlier>,
        sorted: usize,
        output: &mut Output,
    ) -> Result<(Sorted, Option<Groups>)> {
        let file = match &self.spill {
            Some(spill) => {
                let path = spill.temporary();
                let file = File::open(path).map_err(|e| failed("read", path, e))?;
                // It stays readable while it is open, and needs no cleaning up.
                let _ = std::fs::remove_file(path);
                Some(file)
            }
            None => None,
        };
        if self.named.is_empty() {
            return Ok((fed, None));
        }
        let calls = std::mem::take(&mut self.calls);
        let were_last = Vec::new();
        let mut groups = Groups { named: self.named, calls, spilled: self.spilled, file, were_last };
        let mut without = Sorter::new("superseded.spill", sorted);
        let mut looked_up = Sorter::new("looked-up.spill", sorted);
        let mut with = Sorter::new("replaced.spill", sorted);
        let mut replace = |position: u64, content: u128| {
            without.push(Entry::new(content, position), output)?;
            looked_up.push(Entry::new(content, position), output)?;
            with.push(Entry::new(superseded(content), position), output)
        };
        groups.mark_last()?;
        if groups.named.is_empty() {
            return Ok((fed, None));
        }
        groups.each(|last, position, content| match position < last.position {
            true => replace(position, content),
            false => Ok(()),
        })?;
        if let Some(mut earlier) = earlier {
            let mut looked_up = looked_up.finish(output)?;
            while let Some(entry) = looked_up.next()? {
                if earlier.take(entry.hash()) {
                    groups.were_last.push(entry.position);
                }
            }
        }
        let adjusted = Adjusted::new(fed, without.finish(output)?, with.finish(output)?)?;
        Ok((Sorted::Adjusted(Box::new(adjusted)), Some(groups)))
    }
}

/// The keys that a result repeats, once it has been read.
pub(super) struct Groups {
    named: HashMap<u64, Last, KeyHasher>,
    /// The last calls.
    calls: Vec<(u64, u128)>,
    /// How many are in the file.
    spilled: u64,
    file: Option<File>,
    /// Calls whose content was the last one of its key in the earlier run: one for each key.
    were_last: Vec<u64>,
}

impl Groups {
    /// Finds the last call of each key, and forgets the keys that occur once.
    fn mark_last(&mut self) -> Result<()> {
        self.each(|last, position, _| {
            last.repeats |= last.found;
            (last.found, last.position) = (true, position);
            Ok(())
        })?;
        self.named.retain(|_, last| last.repeats);
        Ok(())
    }

    /// A call that was the last one of its key is the same, whatever follows it now; and the last
    /// call of a key is sent if another one of it is.
    pub(super) fn settle(mut self, same: &mut Positions) -> Result<()> {
        std::mem::take(&mut self.were_last).into_iter().for_each(|position| same.insert(position));
        self.each(|last, position, _| {
            last.is_sent |= !same.contains(position);
            Ok(())
        })?;
        for last in self.named.values().filter(|last| last.is_sent) {
            same.remove(last.position);
        }
        Ok(())
    }

    /// Goes through the calls whose keys may occur again.
    fn each(&mut self, mut take: impl FnMut(&mut Last, u64, u128) -> Result<()>) -> Result<()> {
        let mut bytes = Vec::new();
        let mut at = 0_u64;
        while let Some(file) = self.file.as_ref().filter(|_| at < self.spilled) {
            let calls = CHUNK.min(self.spilled - at);
            bytes.resize(calls as usize * SIZE, 0);
            let read = file.read_exact_at(&mut bytes, at * SIZE as u64);
            read.map_err(|e| failed("read", std::path::Path::new("keys.spill"), e))?;
            let (calls, _) = bytes.as_chunks::<SIZE>();
            for call in calls {
                let key = call.first_chunk().map_or(0, |b| u64::from_le_bytes(*b));
                let content = call.last_chunk().map_or(0, |b| u128::from_le_bytes(*b));
                if let Some(last) = self.named.get_mut(&key) {
                    take(last, at, content)?;
                }
                at += 1;
            }
        }
        for (position, (key, content)) in (self.spilled..).zip(&self.calls) {
            if let Some(last) = self.named.get_mut(key) {
                take(last, position, *content)?;
            }
        }
        Ok(())
    }
}

/// The hash of a content that a later call of its key supersedes.
fn superseded(content: u128) -> u128 {
    hash::content(&[&b"superseded"[..], &content.to_le_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::super::sorter::Numbered;
    use super::*;
    use crate::budget::Budget;
    use crate::disk::RealDisk;

    /// Adds calls; gives their hashes in order, the groups, and what the hashes should be.
    fn adjusted(calls: &[(u64, u128)]) -> (Vec<Entry>, Option<Groups>, Vec<Entry>) {
        let dir = tempfile::tempdir().unwrap();
        let disk = Arc::new(RealDisk);
        let budget = Budget::new(disk.clone(), dir.path().into(), 0, None);
        let mut output = Output::new(disk, dir.path().join("run"), budget);
        let (mut repeats, mut fed) = (RepeatedKeys::new(), Numbered::new("fed.spill", 1_000));
        for part in calls.chunks(777) {
            repeats.add(part, &mut output).unwrap();
            part.iter().for_each(|call| fed.push(call.1, &mut output).unwrap());
        }
        let fed = fed.sorter.finish(&mut output).unwrap();
        let (mut sorted, groups) = repeats.adjust(fed, None, 1_000, &mut output).unwrap();
        let found: Vec<_> = std::iter::from_fn(|| sorted.next().unwrap()).collect();
        let last: HashMap<u64, u64> = (0..).zip(calls).map(|(at, call)| (call.0, at)).collect();
        let hash = |(at, (key, content)): (u64, &(u64, u128))| {
            let hash = if last[key] == at { *content } else { superseded(*content) };
            Entry::new(hash, at)
        };
        let mut expected: Vec<_> = (0..).zip(calls).map(hash).collect();
        expected.sort_unstable();
        (found, groups, expected)
    }

    fn call(key: u64, content: u64) -> (u64, u128) {
        (outflow_core::hash::seeded(1, key) as u64, outflow_core::hash::seeded(2, content))
    }

    #[test]
    fn all_but_the_last_call_of_a_key_have_another_hash_however_many_calls_there_are() {
        for count in [0, 1, 100, BUFFER as u64 - 1, BUFFER as u64 * 2 + 500] {
            // One key in ten occurs again, near or far.
            let calls: Vec<_> =
                (0..count).map(|n| call(if n % 10 == 0 { n / 20 } else { n + count }, n % 50)).collect();
            let (found, _, expected) = adjusted(&calls);
            assert!(found == expected, "{count} calls");
        }
    }

    #[test]
    fn the_last_call_of_a_key_is_sent_behind_one_that_is_sent() {
        let calls = [call(1, 1), call(2, 1), call(1, 2), call(3, 1), call(2, 2), call(1, 3)];
        let (_, groups, _) = adjusted(&calls);
        let mut same = Positions::none_of(6);
        // The second call of 1 is new.
        [0, 1, 3, 4, 5].iter().for_each(|position| same.insert(*position));
        groups.unwrap().settle(&mut same).unwrap();
        let kept: Vec<u64> = (0..6).filter(|position| same.contains(*position)).collect();
        assert_eq!(kept, [0, 1, 3, 4]);
        assert!(adjusted(&calls[..2]).1.is_none(), "no key occurs again");
    }
}
