//! Comparing a run with the previous one: the hashes of its calls, sorted, as one file that the next run reads in step.
//!
//! Two runs are compared as multisets. A call whose content the previous run made n times is unchanged in its first n
//! occurrences. When the previous file is missing or damaged, nothing is unchanged: calls are sent again, none is lost.
//! Which contents a run leaves for the next one is the caller's choice ([`Keep`](outflow_core::ports::spool::Keep)).

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::Path;

use outflow_core::{Code, Error, Result, RunId, hash};

use crate::merge::Sorted;
use crate::output::{NewFile, Output};
use crate::unchanged::Bits;

/// The file's name in the folder of its run.
pub(crate) const FILE: &str = "contents.bin";

const MAGIC: &[u8; 8] = b"OUTFCONT";
const HEAD: usize = 32;
/// Hashes in a chunk.
const CHUNK: u64 = 4096;

/// Compares the `entries` contents of a run, `sorted`, with the file of `previous`: which of them stand there, too. `each` gets every hash in order, and whether
/// it does.
pub(crate) fn compare(
    entries: u64,
    mut sorted: Sorted,
    previous: Option<(&Path, RunId)>,
    mut each: impl FnMut(u128, bool) -> Result<()>,
) -> Result<Bits> {
    let mut previous = previous.and_then(|(path, run)| Previous::open(path, run));
    let mut bits = Bits::new(entries);
    while let Some(content) = sorted.next()? {
        if content.position >= entries {
            return Err(Error::new(Code::SpoolIo, "the spool read other hashes than it wrote")
                .help("check the disk, then run again"));
        }
        let there = previous.as_mut().is_some_and(|p| p.take(content.hash()));
        if there {
            bits.set(content.position);
        }
        each(content.hash(), there)?;
    }
    match previous {
        Some(previous) if !previous.damaged => Ok(bits),
        _ => Ok(Bits::new(entries)),
    }
}

/// Compares, and writes the file of `run` with all its contents.
pub(crate) fn compare_and_write(
    run: RunId,
    entries: u64,
    sorted: Sorted,
    previous: Option<(&Path, RunId)>,
    output: &mut Output,
) -> Result<Bits> {
    let mut file = Writer::begin(run, entries, output)?;
    let bits = compare(entries, sorted, previous, |hash, _| file.push(hash, output))?;
    file.finish(output)?;
    Ok(bits)
}

/// Writes the file of `run` with these `count` contents.
pub(crate) fn write(run: RunId, count: u64, mut sorted: Sorted, output: &mut Output) -> Result<()> {
    let mut file = Writer::begin(run, count, output)?;
    while let Some(content) = sorted.next()? {
        file.push(content.hash(), output)?;
    }
    file.finish(output)
}

/// `magic, run, count, checksum`, then chunks of up to 4,096 hashes with a checksum each.
struct Writer {
    file: NewFile,
    bytes: Vec<u8>,
}

impl Writer {
    fn begin(run: RunId, entries: u64, output: &mut Output) -> Result<Self> {
        let mut file = output.create(FILE)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&run.0.to_le_bytes());
        bytes.extend_from_slice(&entries.to_le_bytes());
        bytes.extend_from_slice(&hash::checksum(&bytes).to_le_bytes());
        output.budget.working(HEAD as u64)?;
        file.append(&bytes)?;
        bytes.clear();
        Ok(Self { file, bytes })
    }

    fn push(&mut self, hash: u128, output: &mut Output) -> Result<()> {
        self.bytes.extend_from_slice(&hash.to_le_bytes());
        if self.bytes.len() as u64 == CHUNK * 16 { self.flush(output) } else { Ok(()) }
    }

    fn flush(&mut self, output: &mut Output) -> Result<()> {
        self.bytes.extend_from_slice(&hash::checksum(&self.bytes).to_le_bytes());
        output.budget.working(self.bytes.len() as u64)?;
        self.file.append(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn finish(mut self, output: &mut Output) -> Result<()> {
        if !self.bytes.is_empty() {
            self.flush(output)?;
        }
        output.publish(self.file)
    }
}

/// The hashes of the previous run, in order.
struct Previous {
    file: BufReader<File>,
    left: u64,
    bytes: Vec<u8>,
    next: usize,
    head: Option<u128>,
    damaged: bool,
}

impl Previous {
    fn open(path: &Path, run: RunId) -> Option<Self> {
        let mut file = BufReader::new(File::open(path).ok()?);
        let mut head = [0; HEAD];
        file.read_exact(&mut head).ok()?;
        let (words, _) = head.as_chunks::<8>();
        if words[0] != *MAGIC
            || words[1] != run.0.to_le_bytes()
            || words[3] != hash::checksum(&head[..HEAD - 8]).to_le_bytes()
        {
            return None;
        }
        let left = u64::from_le_bytes(words[2]);
        let mut previous = Self { file, left, bytes: Vec::new(), next: 0, head: Some(0), damaged: false };
        previous.advance();
        Some(previous)
    }

    /// Whether this hash is there. Each one is there once; questions come in order.
    fn take(&mut self, hash: u128) -> bool {
        while self.head.is_some_and(|head| head < hash) {
            self.advance();
        }
        let found = self.head == Some(hash);
        if found {
            self.advance();
        }
        found
    }

    fn advance(&mut self) {
        if self.next == self.bytes.len() && self.fill().is_none() {
            self.damaged = self.left > 0;
            self.head = None;
            return;
        }
        let next = self.bytes[self.next..].first_chunk().map(|b| u128::from_le_bytes(*b));
        self.next += 16;
        // Chunks that changed places are as bad as chunks that changed.
        self.damaged |= next < self.head;
        self.head = next.filter(|_| !self.damaged);
    }

    fn fill(&mut self) -> Option<()> {
        if self.left == 0 {
            return None;
        }
        let hashes = self.left.min(CHUNK);
        self.bytes.resize(hashes as usize * 16, 0);
        let mut checksum = [0; 8];
        self.file.read_exact(&mut self.bytes).ok()?;
        self.file.read_exact(&mut checksum).ok()?;
        if hash::checksum(&self.bytes).to_le_bytes() != checksum {
            return None;
        }
        self.left -= hashes;
        self.next = 0;
        Some(())
    }
}
