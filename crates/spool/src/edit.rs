//! Rewrites the segments of an extraction that is about to end: unchanged calls are left out, and
//! equal calls get the ids of their numbers.
//!
//! It is one pass in position order, in the memory of a few blocks. A block without an edit is
//! copied as it lies on disk; one of which nothing stays is not read. The new files take the names
//! of the old ones, so the pass needs room for a few segments at a time. What a crash leaves is
//! part of an extraction that was not committed.

use std::path::Path;

use outflow_core::call::{message_id_mut, nth_message_id};
use outflow_core::ports::spool::{BlockCall, CallBlock, Edits, SegmentInfo, SegmentKind, SpoolHeader};
use outflow_core::{CallFlags, Result};

use crate::block::{BLOCK_ENTRIES, Encoder};
use crate::disk::failed;
use crate::output::Output;
use crate::segment::{Buffers, NewSegment, Segment, file_name};
use crate::sizes::Sizes;

/// Replaces the call segments in `dir`, all of them durable. Returns the new ones.
pub(crate) fn rewrite(
    dir: &Path,
    header: &SpoolHeader,
    old: &[SegmentInfo],
    edits: Edits,
    sizes: Sizes,
    output: &mut Output,
) -> Result<Vec<SegmentInfo>> {
    let mut pass = Pass {
        header,
        sizes,
        edits,
        next_repeat: None,
        encoder: Encoder::new(),
        open: None,
        segments: Vec::new(),
        position: 0,
        block: CallBlock::default(),
        output,
    };
    pass.next_repeat = pass.edits.repeats.next().transpose()?;
    for info in old {
        let path = dir.join(file_name(SegmentKind::Calls, info.number));
        let segment = Segment::open(path, header.run, info)?;
        pass.output.budget.give_back(info.bytes);
        pass.segment(segment)?;
    }
    pass.flush()?;
    pass.close()?;
    let segments = pass.segments;
    for info in old.iter().filter(|info| info.number as usize >= segments.len()) {
        let path = dir.join(file_name(SegmentKind::Calls, info.number));
        std::fs::remove_file(&path).map_err(|e| failed("delete", &path, e))?;
    }
    Ok(segments)
}

struct Pass<'a> {
    header: &'a SpoolHeader,
    sizes: Sizes,
    edits: Edits,
    next_repeat: Option<(u64, u64)>,
    encoder: Encoder,
    open: Option<NewSegment>,
    segments: Vec<SegmentInfo>,
    /// The next position of the new segments.
    position: u64,
    /// Calls that stay and are not written yet.
    block: CallBlock,
    output: &'a mut Output,
}

impl Pass<'_> {
    fn segment(&mut self, mut segment: Segment) -> Result<()> {
        let (mut block, mut buffers) = (CallBlock::default(), Buffers::default());
        while let Some(positions) = segment.peek() {
            let left_out = positions.clone().filter(|p| self.edits.unchanged.contains(*p)).count() as u64;
            if left_out == positions.end - positions.start {
                segment.skip_to(positions.end);
                continue;
            }
            let repeats = self.next_from(positions.start)?.is_some_and(|(next, _)| next < positions.end);
            if left_out == 0 && !repeats {
                self.flush()?;
                if let Some(entry) = segment.next_stored(&mut buffers)? {
                    let mut new = self.take_open()?;
                    new.stored_block(&entry, &buffers.stored, self.output)?;
                    self.written(new, u64::from(entry.entries))?;
                }
                continue;
            }
            if segment.next(&mut block, &mut buffers)? {
                self.keep(&block)?;
            }
        }
        Ok(())
    }

    /// The first repeat from a position on.
    fn next_from(&mut self, position: u64) -> Result<Option<(u64, u64)>> {
        while self.next_repeat.is_some_and(|(next, _)| next < position) {
            self.next_repeat = self.edits.repeats.next().transpose()?;
        }
        Ok(self.next_repeat)
    }

    /// Adds the calls of a block that stay.
    fn keep(&mut self, block: &CallBlock) -> Result<()> {
        for (position, call) in (block.first..).zip(&block.calls) {
            if self.edits.unchanged.contains(position) {
                continue;
            }
            let json = block.json(call);
            let limit = self.sizes.block;
            let is_full =
                self.block.data.len() + json.len() > limit || self.block.calls.len() == BLOCK_ENTRIES;
            if is_full {
                self.flush()?;
            }
            let start = self.block.data.len();
            self.block.data.extend_from_slice(json);
            if let Some((_, number)) = self.next_from(position)?.filter(|(next, _)| *next == position)
                && call.meta.flags.has(CallFlags::CONTENT_ID)
                && let Some(id) = message_id_mut(&mut self.block.data[start..])
            {
                *id = nth_message_id(id, number);
            }
            let end = self.block.data.len() as u32;
            self.block.calls.push(BlockCall { meta: call.meta, start: start as u32, end, unchanged: false });
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.block.calls.is_empty() {
            return Ok(());
        }
        let mut new = self.take_open()?;
        new.block(&self.block, &mut self.encoder, self.output)?;
        self.written(new, self.block.calls.len() as u64)?;
        self.block.calls.clear();
        self.block.data.clear();
        Ok(())
    }

    fn take_open(&mut self) -> Result<NewSegment> {
        match self.open.take() {
            Some(segment) => Ok(segment),
            None => {
                let number = self.segments.len() as u32;
                NewSegment::begin(SegmentKind::Calls, number, self.position, self.header, self.output)
            }
        }
    }

    fn written(&mut self, segment: NewSegment, calls: u64) -> Result<()> {
        self.position += calls;
        let is_full = segment.raw() >= self.sizes.segment;
        self.open = Some(segment);
        if is_full { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<()> {
        if let Some(segment) = self.open.take() {
            self.segments.push(segment.close(self.output)?);
        }
        Ok(())
    }
}
