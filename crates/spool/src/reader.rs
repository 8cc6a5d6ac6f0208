//! Reads a run's segments one block at a time.

use std::path::Path;

use async_trait::async_trait;
use outflow_core::ports::spool::{
    CallBlock, Rejection, RejectionReader, SegmentInfo, SegmentKind, SpoolReader,
};
use outflow_core::{Code, Error, Result, RunId};
use tokio::task::JoinHandle;

use crate::folder::Folder;
use crate::segment::{Buffers, Segment, damaged, unreadable};
use crate::unchanged::{self, Unchanged};

/// Reads entries of one kind in position order.
pub(crate) struct Reader {
    folder: Folder,
    run: RunId,
    segments: std::vec::IntoIter<SegmentInfo>,
    open: Option<Segment>,
    from: u64,
    unchanged: Option<Unchanged>,
    buffers: Buffers,
}

impl Reader {
    /// Reads a run from position `from` on. Every segment that will be needed is there and has its
    /// size; so is what says which calls are unchanged.
    pub(crate) fn open(
        folder: &Folder,
        run: RunId,
        segments: &[SegmentInfo],
        kind: SegmentKind,
        unchanged: u64,
        from: u64,
    ) -> Result<Self> {
        let mut wanted: Vec<_> = segments.iter().filter(|s| s.kind == kind).cloned().collect();
        wanted.sort_unstable_by_key(|s| s.first);
        let mut position = 0;
        for info in &wanted {
            if info.first != position {
                let gap = format!("run {run} has no segment with position {position}");
                let dir = folder.of(run).display().to_string();
                return Err(Error::new(Code::SegmentMissing, gap).at(dir));
            }
            position += info.entries;
        }
        wanted.retain(|s| s.first + s.entries > from);
        for info in &wanted {
            let path = folder.segment(&info.locator);
            let length = std::fs::metadata(&path).map_err(|e| unreadable(&path, e))?.len();
            if length != info.bytes {
                return Err(damaged(&path, format!("it has {length} bytes in place of {}", info.bytes)));
            }
        }
        let unchanged = match kind {
            // Calls that are no longer kept are marked nowhere.
            SegmentKind::Calls if position == 0 => None,
            SegmentKind::Calls => Unchanged::open(&folder.of(run).join(unchanged::FILE), run, unchanged)?,
            SegmentKind::Rejections => None,
        };
        let segments = wanted.into_iter();
        let folder = folder.clone();
        Ok(Self { folder, run, segments, open: None, from, unchanged, buffers: Buffers::default() })
    }

    fn advance(&mut self, block: &mut CallBlock) -> Result<bool> {
        loop {
            if let Some(segment) = &mut self.open
                && segment.next(block, &mut self.buffers)?
            {
                return Ok(true);
            }
            let Some(info) = self.segments.next() else { return Ok(false) };
            let path = self.folder.segment(&info.locator);
            let mut segment = Segment::open(path, self.run, &info)?;
            segment.skip_to(self.from);
            self.open = Some(segment);
        }
    }
}

impl Reader {
    /// Replaces the block's calls with the next ones. `false`: there are no more.
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

/// Reads each block on a blocking thread. A read whose future was dropped continues, and its block
/// is the next one's.
pub(crate) struct DiskReader {
    state: State,
}

enum State {
    Idle(Box<Reader>),
    Reading(JoinHandle<(Box<Reader>, CallBlock, Result<bool>)>),
    Failed,
}

impl DiskReader {
    pub(crate) fn new(reader: Reader) -> Self {
        Self { state: State::Idle(Box::new(reader)) }
    }
}

#[async_trait]
impl SpoolReader for DiskReader {
    async fn next(&mut self, block: &mut CallBlock) -> Result<bool> {
        if let State::Idle(_) = self.state
            && let State::Idle(mut reader) = std::mem::replace(&mut self.state, State::Failed)
        {
            let mut memory = std::mem::take(block);
            self.state = State::Reading(tokio::task::spawn_blocking(move || {
                let result = reader.next(&mut memory);
                (reader, memory, result)
            }));
        }
        let State::Reading(reading) = &mut self.state else {
            return Err(Error::new(Code::SpoolIo, "nothing more can be read after a background task failed"));
        };
        let ended = reading.await;
        self.state = State::Failed;
        let (reader, read, result) =
            ended.map_err(|join| Error::new(Code::SpoolIo, "a background task failed").caused_by(join))?;
        *block = read;
        self.state = State::Idle(reader);
        result
    }
}

/// Reads rejections, a block at a time.
pub(crate) struct Rejections {
    reader: DiskReader,
    block: CallBlock,
}

impl Rejections {
    pub(crate) fn new(reader: DiskReader) -> Self {
        Self { reader, block: CallBlock::default() }
    }
}

#[async_trait]
impl RejectionReader for Rejections {
    async fn next(&mut self) -> Result<Option<Vec<Rejection>>> {
        if !self.reader.next(&mut self.block).await? {
            return Ok(None);
        }
        let block = &self.block;
        let rejections = (block.first..).zip(&block.calls).map(|(position, call)| {
            // The cause would quote the row. The checksum proves that it is what was written.
            serde_json::from_slice(block.json(call)).map_err(|_| not_a_rejection(position))
        });
        rejections.collect::<Result<_>>().map(Some)
    }
}

fn not_a_rejection(position: u64) -> Error {
    let form = format!("rejection {position} is not of a form that this version reads");
    damaged(Path::new("rejected-*.seg"), form)
}
