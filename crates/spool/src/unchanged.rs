//! Which calls of a run are unchanged: one bit per position, in a file of checksummed pages.
//!
//! Older versions kept unchanged calls in the segments and wrote this file. It is only read now.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use outflow_core::ports::spool::CallBlock;
use outflow_core::{Result, RunId, hash};

use crate::segment::{damaged, unreadable};

/// The file's name in the folder of its run.
pub(crate) const FILE: &str = "unchanged.bin";

const MAGIC: &[u8; 8] = b"OUTFSAME";
const HEAD: usize = 32;
/// Bytes of bits in a page.
const PAGE: usize = 8 << 10;
const PAGE_POSITIONS: u64 = PAGE as u64 * 8;

/// The bytes of the file, as older versions wrote them.
#[cfg(test)]
pub(crate) fn bytes(run: RunId, unchanged: &outflow_core::Positions) -> Vec<u8> {
    let bits = unchanged.as_bytes();
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&run.0.to_le_bytes());
    bytes.extend_from_slice(&(bits.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&hash::checksum(&bytes).to_le_bytes());
    for page in bits.chunks(PAGE) {
        bytes.extend_from_slice(page);
        bytes.extend_from_slice(&hash::checksum(page).to_le_bytes());
    }
    bytes
}

/// The bits of a run whose calls are read. One page is in memory.
pub(crate) struct Unchanged {
    file: File,
    path: PathBuf,
    length: u64,
    page: Vec<u8>,
    page_number: u64,
}

impl Unchanged {
    /// Opens the file of a run that marked `expected` of its calls. `None`: it marked none.
    ///
    /// # Errors
    /// P005: the file is missing. P004: it is damaged, or marks another number of calls.
    pub(crate) fn open(path: &Path, run: RunId, expected: u64) -> Result<Option<Self>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound && expected == 0 => return Ok(None),
            Err(e) => return Err(unreadable(path, e)),
        };
        let mut head = [0; HEAD];
        file.read_exact_at(&mut head, 0).map_err(|e| unreadable(path, e))?;
        let (words, _) = head.as_chunks::<8>();
        let length = u64::from_le_bytes(words[2]);
        if words[0] != *MAGIC
            || words[3] != hash::checksum(&head[..HEAD - 8]).to_le_bytes()
            || words[1] != run.0.to_le_bytes()
        {
            return Err(damaged(path, format!("its head is not that of run {run}")));
        }
        let path = path.to_path_buf();
        let mut unchanged = Self { file, path, length, page: Vec::new(), page_number: u64::MAX };
        let marked = unchanged.count()?;
        if marked != expected {
            let differs = format!("it marks {marked} calls in place of {expected}");
            return Err(damaged(&unchanged.path, differs));
        }
        Ok(Some(unchanged))
    }

    /// How many calls are marked.
    fn count(&mut self) -> Result<u64> {
        let mut marked = 0;
        for number in 0..self.length.div_ceil(PAGE as u64) {
            self.load(number)?;
            marked += self.page.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
        }
        Ok(marked)
    }

    /// Marks the unchanged calls of a block.
    pub(crate) fn mark(&mut self, block: &mut CallBlock) -> Result<()> {
        for (position, call) in (block.first..).zip(&mut block.calls) {
            if position / PAGE_POSITIONS != self.page_number {
                self.load(position / PAGE_POSITIONS)?;
            }
            let bit = position % PAGE_POSITIONS;
            let byte = self.page.get((bit / 8) as usize);
            let byte =
                byte.ok_or_else(|| damaged(&self.path, format!("it ends before position {position}")))?;
            call.unchanged = byte >> (bit % 8) & 1 == 1;
        }
        Ok(())
    }

    fn load(&mut self, number: u64) -> Result<()> {
        let start = number * PAGE as u64;
        let length = self.length.saturating_sub(start).min(PAGE as u64) as usize;
        self.page.resize(length + 8, 0);
        let offset = HEAD as u64 + number * (PAGE as u64 + 8);
        self.file.read_exact_at(&mut self.page, offset).map_err(|e| unreadable(&self.path, e))?;
        let checksum = self.page.split_off(length);
        if hash::checksum(&self.page).to_le_bytes() != *checksum {
            return Err(damaged(&self.path, format!("page {number} fails its checksum")));
        }
        self.page_number = number;
        Ok(())
    }
}
