//! Sorts any number of content hashes in a fixed amount of memory: sorted runs in a file, merged at
//! the end.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use outflow_core::{Code, Error, Result};

use crate::disk::failed;
use crate::output::{NewFile, Output};

/// Memory of the merge for all its runs together.
const MERGE_BYTES: usize = 3 << 20;

/// The hash of a call's content, and where the call is. Sorted by hash, then by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    high: u64,
    low: u64,
    /// The call's position.
    pub(crate) position: u64,
}

impl Entry {
    /// Bytes in memory and in a spill file.
    pub(crate) const SIZE: usize = 24;

    /// The hash of the call at a position.
    pub(crate) fn new(hash: u128, position: u64) -> Self {
        Self { high: (hash >> 64) as u64, low: hash as u64, position }
    }

    /// The hash.
    pub(crate) fn hash(&self) -> u128 {
        u128::from(self.high) << 64 | u128::from(self.low)
    }

    fn write(&self, out: &mut Vec<u8>) {
        for n in [self.high, self.low, self.position] {
            out.extend_from_slice(&n.to_le_bytes());
        }
    }

    fn read(bytes: &[u8; Self::SIZE]) -> Self {
        let (numbers, _) = bytes.as_chunks::<8>();
        let [high, low, position] = [0, 1, 2].map(|i| u64::from_le_bytes(numbers[i]));
        Self { high, low, position }
    }
}

/// Whether a position that was read back is one of a call.
pub(super) fn check_position(position: u64, count: u64) -> Result<()> {
    if position < count {
        return Ok(());
    }
    Err(Error::new(Code::SpoolIo, "the hashes read back differ from those written")
        .help("check the disk, then run again"))
}

/// A sorter that numbers what it gets.
pub(super) struct Numbered {
    pub(super) name: &'static str,
    pub(super) sorter: Sorter,
    pub(super) count: u64,
}

impl Numbered {
    pub(super) fn new(name: &'static str, sorted: usize) -> Self {
        Self { name, sorter: Sorter::new(name, sorted), count: 0 }
    }

    pub(super) fn push(&mut self, hash: u128, output: &mut Output) -> Result<()> {
        self.sorter.push(Entry::new(hash, self.count), output)?;
        self.count += 1;
        Ok(())
    }
}

/// Collects entries in any order.
pub(crate) struct Sorter {
    name: &'static str,
    run: Vec<Entry>,
    limit: usize,
    spill: Option<Spill>,
}

struct Spill {
    file: NewFile,
    length: u64,
    /// Where each run ends in the file.
    ends: Vec<u64>,
    bytes: Vec<u8>,
}

impl Sorter {
    /// A sorter that holds at most `limit` entries in memory, and the others in a file of that
    /// name.
    pub(crate) fn new(name: &'static str, limit: usize) -> Self {
        Self { name, run: Vec::new(), limit, spill: None }
    }

    /// Adds an entry.
    pub(crate) fn push(&mut self, entry: Entry, output: &mut Output) -> Result<()> {
        if self.run.len() == self.limit {
            self.write_run(output)?;
        }
        self.run.push(entry);
        Ok(())
    }

    /// All of them in order.
    pub(crate) fn finish(mut self, output: &mut Output) -> Result<Sorted> {
        if self.spill.is_none() {
            self.run.sort_unstable();
            return Ok(Sorted::Memory(self.run.into_iter()));
        }
        self.write_run(output)?;
        self.run = Vec::new();
        let spill = self.spill.take().expect("a run was written just now");
        Merge::open(&spill).map(Sorted::File)
    }

    fn write_run(&mut self, output: &mut Output) -> Result<()> {
        self.run.sort_unstable();
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(Spill {
                file: output.create(self.name)?,
                length: 0,
                ends: Vec::new(),
                bytes: Vec::new(),
            }),
        };
        for part in self.run.chunks(4096) {
            spill.bytes.clear();
            part.iter().for_each(|c| c.write(&mut spill.bytes));
            output.budget.working(spill.bytes.len() as u64)?;
            spill.file.append(&spill.bytes)?;
            spill.length += spill.bytes.len() as u64;
        }
        spill.ends.push(spill.length);
        self.run.clear();
        Ok(())
    }
}

/// Entries in order.
pub(crate) enum Sorted {
    /// All fitted into memory.
    Memory(std::vec::IntoIter<Entry>),
    /// Runs in a file.
    File(Merge),
    /// Entries of which some have others in their place.
    Adjusted(Box<Adjusted>),
}

impl Sorted {
    /// The next one.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>> {
        match self {
            Self::Memory(entries) => Ok(entries.next()),
            Self::File(merge) => merge.next(),
            Self::Adjusted(adjusted) => adjusted.next(),
        }
    }
}

/// Entries in order, without some of them, and with others.
pub(crate) struct Adjusted {
    entries: Peeked,
    without: Peeked,
    with: Peeked,
}

impl Adjusted {
    /// `without` are some of the entries.
    pub(crate) fn new(entries: Sorted, without: Sorted, with: Sorted) -> Result<Self> {
        let [entries, without, with] = [entries, without, with].map(Peeked::new);
        Ok(Self { entries: entries?, without: without?, with: with? })
    }

    fn next(&mut self) -> Result<Option<Entry>> {
        while let (Some(entry), Some(left_out)) = (self.entries.peek(), self.without.peek()) {
            if entry != left_out {
                break;
            }
            self.entries.take()?;
            self.without.take()?;
        }
        match (self.entries.peek(), self.with.peek()) {
            (Some(entry), Some(with)) if with < entry => self.with.take(),
            (None, Some(_)) => self.with.take(),
            _ => self.entries.take(),
        }
    }
}

/// Entries in order, of which the next one can be looked at.
pub(crate) struct Peeked {
    sorted: Sorted,
    next: Option<Entry>,
}

impl Peeked {
    /// Looks at the first entry.
    pub(crate) fn new(mut sorted: Sorted) -> Result<Self> {
        let next = sorted.next()?;
        Ok(Self { sorted, next })
    }

    /// The next entry, which stays the next one.
    pub(crate) fn peek(&self) -> Option<Entry> {
        self.next
    }

    /// Takes the next entry.
    pub(crate) fn take(&mut self) -> Result<Option<Entry>> {
        let next = self.sorted.next()?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// How many entries have this hash. They and those before them are taken.
    pub(crate) fn take_all(&mut self, hash: u128) -> Result<u64> {
        let mut found = 0;
        while let Some(entry) = self.next.filter(|entry| entry.hash() <= hash) {
            found += u64::from(entry.hash() == hash);
            self.take()?;
        }
        Ok(found)
    }
}

/// Merges the runs of a spill file.
pub(crate) struct Merge {
    file: File,
    path: PathBuf,
    runs: Vec<Run>,
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
}

struct Run {
    at: u64,
    end: u64,
    bytes: Vec<u8>,
    next: usize,
}

impl Merge {
    fn open(spill: &Spill) -> Result<Self> {
        let path = spill.file.temporary().to_path_buf();
        let file = File::open(&path).map_err(|e| failed("read", &path, e))?;
        // It stays readable while it is open, and needs no cleaning up.
        let _ = std::fs::remove_file(&path);
        let share = (MERGE_BYTES / spill.ends.len() / Entry::SIZE).clamp(16, 4096) * Entry::SIZE;
        let starts = std::iter::once(&0).chain(&spill.ends);
        let runs = starts
            .zip(&spill.ends)
            .map(|(&at, &end)| Run { at, end, bytes: vec![0; share], next: share })
            .collect();
        let mut merge = Self { file, path, runs, heads: BinaryHeap::new() };
        for i in 0..merge.runs.len() {
            if let Some(head) = merge.advance(i)? {
                merge.heads.push(Reverse((head, i)));
            }
        }
        Ok(merge)
    }

    fn next(&mut self) -> Result<Option<Entry>> {
        let Some(&Reverse((entry, i))) = self.heads.peek() else { return Ok(None) };
        let head = self.advance(i)?;
        if let Some(mut top) = self.heads.peek_mut() {
            match head {
                Some(head) => *top = Reverse((head, i)),
                None => {
                    PeekMut::pop(top);
                }
            }
        }
        Ok(Some(entry))
    }

    fn advance(&mut self, i: usize) -> Result<Option<Entry>> {
        let run = &mut self.runs[i];
        if run.next == run.bytes.len() {
            let length = (run.end - run.at).min(run.bytes.len() as u64) as usize;
            run.bytes.truncate(length);
            self.file.read_exact_at(&mut run.bytes, run.at).map_err(|e| failed("read", &self.path, e))?;
            run.at += length as u64;
            run.next = 0;
        }
        let head = run.bytes[run.next..].first_chunk().map(Entry::read);
        run.next = (run.next + Entry::SIZE).min(run.bytes.len());
        Ok(head)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::budget::Budget;
    use crate::disk::RealDisk;

    #[test]
    fn entries_come_out_in_order_whether_or_not_they_fit_into_memory() {
        let dir = tempfile::tempdir().unwrap();
        for (count, limit) in [(0, 10), (9, 10), (10, 10), (11, 10), (1000, 10), (20_000, 7)] {
            let disk = Arc::new(RealDisk);
            let budget = Budget::new(disk.clone(), dir.path().into(), 0, None);
            let mut output = Output::new(disk, dir.path().join("run"), budget);
            let mut sorter = Sorter::new("fed.spill", limit);
            let mut plain = Vec::new();
            for position in 0..count {
                let hash = outflow_core::hash::seeded(3, position) % 500;
                sorter.push(Entry::new(hash << 60, position), &mut output).unwrap();
                plain.push((hash << 60, position));
            }
            plain.sort_unstable();
            let mut sorted = sorter.finish(&mut output).unwrap();
            for expected in plain {
                let entry = sorted.next().unwrap().unwrap();
                assert_eq!((entry.hash(), entry.position), expected);
            }
            assert!(sorted.next().unwrap().is_none());
        }
    }
}
