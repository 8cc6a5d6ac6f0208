//! Writing segments anew without the content of some entries, for a purge.
//!
//! A segment is replaced by one under a number of its own: until the state names the new file the old one counts, and from then on the new one. There is no instant at
//! which state and files could disagree. Places, ordinals, blocks and all other entries stay as they are, so cursors and counts do, too.

use std::path::Path;
use std::sync::Arc;

use outflow_core::ports::spool::{Blanked, BlockCall, CallBlock, Rejection, SegmentInfo, SegmentKind};
use outflow_core::{CallFlags, CallMeta, Result, RunId};

use crate::block::Encoder;
use crate::budget::Budget;
use crate::disk::Disk;
use crate::output::Output;
use crate::segment::{Buffers, NewSegment, Segment, damaged, file_name};

/// Writes the segments of the folder `dir` that hold one of these entries anew. The disk reserve does not count: what takes its place gives the room back.
pub(crate) fn write(
    disk: Arc<dyn Disk>,
    dir: &Path,
    run: RunId,
    segments: &[SegmentInfo],
    entries: &Blanked,
) -> Result<Vec<(SegmentInfo, SegmentInfo)>> {
    let budget = Budget::new(disk.clone(), dir.to_path_buf(), 0, None);
    let mut output = Output::new(disk, dir.to_path_buf(), budget);
    let written = rewrite_all(dir, run, segments, entries, &mut output);
    // Waited for in any case: after an error nobody writes any more.
    let synced = output.sync();
    let written = written?;
    synced.map(|()| written)
}

fn rewrite_all(
    dir: &Path,
    run: RunId,
    segments: &[SegmentInfo],
    entries: &Blanked,
    output: &mut Output,
) -> Result<Vec<(SegmentInfo, SegmentInfo)>> {
    let mut replaced = Vec::new();
    for (kind, positions) in
        [(SegmentKind::Calls, &entries.calls), (SegmentKind::Rejections, &entries.rejections)]
    {
        let of_kind = segments.iter().filter(|s| s.kind == kind);
        let mut number = of_kind.clone().map(|s| s.number + 1).max().unwrap_or(0);
        for old in of_kind {
            let from = positions.partition_point(|p| *p < old.first);
            let to = positions.partition_point(|p| *p < old.first + old.entries);
            if from < to {
                let new = rewrite(dir, run, old, number, &positions[from..to], output)?;
                replaced.push((old.clone(), new));
                number += 1;
            }
        }
    }
    Ok(replaced)
}

fn rewrite(
    dir: &Path,
    run: RunId,
    old: &SegmentInfo,
    number: u32,
    positions: &[u64],
    output: &mut Output,
) -> Result<SegmentInfo> {
    let path = dir.join(file_name(old.kind, old.number));
    let mut segment = Segment::open(path.clone(), run, old)?;
    let mut new = NewSegment::instead_of(&segment, old, number, output)?;
    let (mut block, mut buffers, mut encoder) = (CallBlock::default(), Buffers::default(), Encoder::new());
    while segment.next(&mut block, &mut buffers)? {
        let last = block.first + block.calls.len() as u64;
        if positions.iter().any(|p| (block.first..last).contains(p)) {
            block = without(&block, old.kind, positions)
                .ok_or_else(|| damaged(&path, "an entry is not of a form that this version reads".into()))?;
        }
        new.block(&block, &mut encoder, output)?;
    }
    new.close(output)
}

/// The block without the content of the entries at these positions. `None`: one is no rejection although it should be.
fn without(block: &CallBlock, kind: SegmentKind, positions: &[u64]) -> Option<CallBlock> {
    let mut new = CallBlock { first: block.first, ..CallBlock::default() };
    for (position, call) in (block.first..).zip(&block.calls) {
        let start = new.data.len() as u32;
        let json = block.json(call);
        let meta = match (positions.binary_search(&position), kind) {
            (Err(_), _) => {
                new.data.extend_from_slice(json);
                call.meta
            }
            (Ok(_), SegmentKind::Calls) => {
                let CallMeta { ordinal, call_type, .. } = call.meta;
                CallMeta { ordinal, call_type, flags: CallFlags::PURGED, key: 0, key2: 0, content: 0 }
            }
            (Ok(_), SegmentKind::Rejections) => {
                let rejection: Rejection = serde_json::from_slice(json).ok()?;
                serde_json::to_writer(&mut new.data, &rejection.blanked()).ok()?;
                call.meta
            }
        };
        new.calls.push(BlockCall { meta, start, end: new.data.len() as u32, unchanged: false });
    }
    Some(new)
}
