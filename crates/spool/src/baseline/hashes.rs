//! The hashes that a run keeps for a later comparison: sorted, in one file of checksummed chunks.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use outflow_core::{Result, RunId, hash};

use crate::output::{NewFile, Output};

/// The file of a run.
pub(super) type HashFile = (PathBuf, RunId);

/// The file's name in the folder of its run.
pub(crate) const FILE: &str = "hashes.bin";

/// The file of the same form with the ids that the query gave, each with its content.
pub(crate) const IDS_FILE: &str = "ids.bin";

const MAGIC: &[u8; 8] = b"OUTFHASH";
const HEAD: usize = 32;
/// Hashes in a chunk.
const CHUNK: u64 = 4096;

/// Writes `magic, run, count, checksum`, then chunks of up to 4,096 hashes with a checksum each.
pub(crate) struct Writer {
    file: NewFile,
    bytes: Vec<u8>,
}

impl Writer {
    /// Begins the file of `run`, for `count` hashes.
    pub(crate) fn begin(run: RunId, count: u64, output: &mut Output) -> Result<Self> {
        Self::begin_file(FILE, run, count, output)
    }

    /// Begins the file of that name.
    pub(crate) fn begin_file(name: &str, run: RunId, count: u64, output: &mut Output) -> Result<Self> {
        let mut file = output.create(name)?;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&run.0.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(&hash::checksum(&bytes).to_le_bytes());
        output.budget.working(HEAD as u64)?;
        file.append(&bytes)?;
        bytes.clear();
        Ok(Self { file, bytes })
    }

    /// Adds the next hash in order.
    pub(crate) fn push(&mut self, hash: u128, output: &mut Output) -> Result<()> {
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

    /// Gives the file its name. It is durable after [`Output::sync`].
    pub(crate) fn finish(mut self, output: &mut Output) -> Result<()> {
        if !self.bytes.is_empty() {
            self.flush(output)?;
        }
        output.publish(self.file)
    }
}

/// The hashes of an earlier run, in order.
pub(crate) struct Earlier {
    file: BufReader<File>,
    total: u64,
    left: u64,
    bytes: Vec<u8>,
    next: usize,
    head: Option<u128>,
    damaged: bool,
}

impl Earlier {
    /// Opens the file of `run`. `None`: it is missing, or its head is damaged.
    pub(crate) fn open(path: &Path, run: RunId) -> Option<Self> {
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
        let total = u64::from_le_bytes(words[2]);
        let bytes = Vec::new();
        let mut earlier = Self { file, total, left: total, bytes, next: 0, head: Some(0), damaged: false };
        earlier.advance();
        Some(earlier)
    }

    /// Opens the file of `run` after all of it was found to be whole.
    pub(crate) fn open_whole(path: &Path, run: RunId) -> Option<Self> {
        let mut read = Self::open(path, run)?;
        while read.head.is_some() {
            read.advance();
        }
        read.finish()?;
        Self::open(path, run)
    }

    /// How often the file has this hash, which it then uses up. Hashes are looked up in order.
    pub(crate) fn take_all(&mut self, hash: u128) -> u64 {
        std::iter::repeat_with(|| self.take(hash)).take_while(|found| *found).count() as u64
    }

    /// Whether the file has this hash, which it then uses up. Hashes are looked up in order.
    pub(crate) fn take(&mut self, hash: u128) -> bool {
        while self.head.is_some_and(|head| head < hash) {
            self.advance();
        }
        let found = self.head == Some(hash);
        if found {
            self.advance();
        }
        found
    }

    /// The smallest and the largest low half among the hashes with this high half, which are used
    /// up. High halves are looked up in order.
    pub(crate) fn range_of(&mut self, high: u64) -> Option<(u64, u64)> {
        let half = |hash: u128| ((hash >> 64) as u64, hash as u64);
        while self.head.is_some_and(|head| half(head).0 < high) {
            self.advance();
        }
        let mut found: Option<(u64, u64)> = None;
        while let Some((_, low)) = self.head.map(half).filter(|(h, _)| *h == high) {
            found = Some((found.map_or(low, |(first, _)| first), low));
            self.advance();
        }
        found
    }

    /// The next hash.
    pub(crate) fn pop(&mut self) -> Option<u128> {
        let next = self.head?;
        self.advance();
        Some(next)
    }

    /// How many hashes the file has. `None`: what was read of it is damaged.
    pub(crate) fn finish(self) -> Option<u64> {
        (!self.damaged).then_some(self.total)
    }

    fn advance(&mut self) {
        if self.next == self.bytes.len() && self.fill().is_none() {
            self.damaged = self.left > 0;
            self.head = None;
            return;
        }
        let next = self.bytes[self.next..].first_chunk().map(|b| u128::from_le_bytes(*b));
        self.next += 16;
        // Chunks in the wrong order are damage, too.
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
