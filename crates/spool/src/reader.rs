//! Reads a run's segments one block at a time.

use std::path::{Path, PathBuf};

use outflow_core::ports::spool::{CallBlock, Rejection, SegmentInfo, SegmentKind, SpoolReader};
use outflow_core::{Code, Error, Result, RunId};

use crate::segment::{Buffers, Segment, damaged, file_name, unreadable};
use crate::unchanged::{self, Unchanged};

/// Reads entries of one kind in position order.
pub(crate) struct Reader {
    dir: PathBuf,
    run: RunId,
    segments: std::vec::IntoIter<SegmentInfo>,
    open: Option<Segment>,
    from: u64,
    unchanged: Option<Unchanged>,
    buffers: Buffers,
}

impl Reader {
    /// Reads the run in `dir` from position `from` on. Every segment that will be needed is there and has its size.
    pub(crate) fn open(
        dir: PathBuf,
        run: RunId,
        segments: &[SegmentInfo],
        kind: SegmentKind,
        from: u64,
    ) -> Result<Self> {
        let mut wanted: Vec<_> = segments.iter().filter(|s| s.kind == kind).cloned().collect();
        wanted.sort_unstable_by_key(|s| s.first);
        let mut position = 0;
        for info in &wanted {
            if info.first != position {
                let gap = format!("run {run} has no segment with position {position}");
                return Err(Error::new(Code::SegmentMissing, gap).at(dir.display().to_string()));
            }
            position += info.entries;
        }
        wanted.retain(|s| s.first + s.entries > from);
        for info in &wanted {
            let path = dir.join(file_name(kind, info.number));
            let length = std::fs::metadata(&path).map_err(|e| unreadable(&path, e))?.len();
            if length != info.bytes {
                return Err(damaged(&path, format!("it has {length} bytes in place of {}", info.bytes)));
            }
        }
        let unchanged = match kind {
            SegmentKind::Calls => Unchanged::open(&dir.join(unchanged::FILE), run)?,
            SegmentKind::Rejections => None,
        };
        let segments = wanted.into_iter();
        Ok(Self { dir, run, segments, open: None, from, unchanged, buffers: Buffers::default() })
    }

    fn advance(&mut self, block: &mut CallBlock) -> Result<bool> {
        loop {
            if let Some(segment) = &mut self.open
                && segment.next(block, &mut self.buffers)?
            {
                return Ok(true);
            }
            let Some(info) = self.segments.next() else { return Ok(false) };
            let path = self.dir.join(file_name(info.kind, info.number));
            let mut segment = Segment::open(path, self.run, &info)?;
            segment.skip_to(self.from);
            self.open = Some(segment);
        }
    }
}

impl SpoolReader for Reader {
    fn next(&mut self, block: &mut CallBlock) -> Result<bool> {
        block.calls.clear();
        if !self.advance(block)? {
            block.data.clear();
            return Ok(false);
        }
        if block.first < self.from {
            block.calls.drain(..(self.from - block.first) as usize);
            block.first = self.from;
        }
        if let Some(unchanged) = &mut self.unchanged {
            unchanged.mark(block)?;
        }
        Ok(true)
    }
}

/// Reads rejections.
pub(crate) struct Rejections {
    reader: Reader,
    block: CallBlock,
    next: usize,
    failed: bool,
}

impl Rejections {
    /// Reads them from the first on.
    pub(crate) fn open(dir: PathBuf, run: RunId, segments: &[SegmentInfo]) -> Result<Self> {
        let reader = Reader::open(dir, run, segments, SegmentKind::Rejections, 0)?;
        Ok(Self { reader, block: CallBlock::default(), next: 0, failed: false })
    }

    fn entry(&mut self) -> Result<Option<Rejection>> {
        while self.next == self.block.calls.len() {
            self.next = 0;
            if !self.reader.next(&mut self.block)? {
                return Ok(None);
            }
        }
        let json = self.block.json(&self.block.calls[self.next]);
        self.next += 1;
        // The cause would quote the row, and the checksum has said that it is what was written.
        serde_json::from_slice(json)
            .map(Some)
            .map_err(|_| not_a_rejection(&self.reader.dir, self.block.first + self.next as u64 - 1))
    }
}

fn not_a_rejection(dir: &Path, position: u64) -> Error {
    damaged(dir, format!("entry {position} of the rejections is not of a form that this version reads"))
}

impl Iterator for Rejections {
    type Item = Result<Rejection>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let entry = self.entry();
        self.failed = !matches!(entry, Ok(Some(_)));
        entry.transpose()
    }
}
