//! Rewrites segments without the content of some entries, for a purge.
//!
//! A replacement is a file under a new number. The old file is valid until the state names the
//! new one, so state and files never disagree. Positions, ordinals, blocks and all other entries
//! stay as they are, and so do cursors and counts.

use std::sync::Arc;

use outflow_core::ports::spool::{BlockCall, CallBlock, Redacted, Rejection, SegmentInfo, SegmentKind};
use outflow_core::{CallFlags, CallMeta, Result, RunId};

use crate::block::Encoder;
use crate::budget::Budget;
use crate::disk::Disk;
use crate::folder::Folder;
use crate::output::Output;
use crate::segment::{Buffers, NewSegment, Segment, damaged};

/// Rewrites the segments of a run that hold one of these entries. The disk reserve does not
/// count: the replaced files give the room back.
pub(crate) fn write(
    disk: Arc<dyn Disk>,
    folder: &Folder,
    run: RunId,
    segments: &[SegmentInfo],
    entries: &Redacted,
) -> Result<Vec<(SegmentInfo, SegmentInfo)>> {
    let dir = folder.of(run);
    let budget = Budget::new(disk.clone(), dir.clone(), 0, None);
    let mut output = Output::inside(disk, dir, budget);
    let written = rewrite_all(folder, run, segments, entries, &mut output)
        .and_then(|written| output.sync().map(|()| written));
    output.leave();
    written
}

fn rewrite_all(
    folder: &Folder,
    run: RunId,
    segments: &[SegmentInfo],
    entries: &Redacted,
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
                let new = rewrite(folder, run, old, number, &positions[from..to], output)?;
                replaced.push((old.clone(), new));
                number += 1;
            }
        }
    }
    Ok(replaced)
}

fn rewrite(
    folder: &Folder,
    run: RunId,
    old: &SegmentInfo,
    number: u32,
    positions: &[u64],
    output: &mut Output,
) -> Result<SegmentInfo> {
    let path = folder.segment(&old.locator);
    let mut segment = Segment::open(path.clone(), run, old)?;
    let mut new = NewSegment::instead_of(&segment, run, old, number, output)?;
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

/// The block without the content of the entries at these positions. `None`: one should be a
/// rejection and is not.
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
                CallMeta { ordinal, call_type, flags: CallFlags::PURGED, key: 0, key2: 0 }
            }
            (Ok(_), SegmentKind::Rejections) => {
                let rejection: Rejection = serde_json::from_slice(json).ok()?;
                serde_json::to_writer(&mut new.data, &rejection.redacted()).ok()?;
                call.meta
            }
        };
        new.calls.push(BlockCall { meta, start, end: new.data.len() as u32, unchanged: false });
    }
    Some(new)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use outflow_core::CallType;
    use outflow_core::ports::spool::Spool as _;
    use proptest::prelude::*;

    use super::*;
    use crate::model::{
        Entry, Read, Store, call, header, read, rejection, rejections, small_store, wait, write,
    };

    /// Every file of a run, as it is and with every block decoded.
    fn bytes_of(dir: &Path, spool: &Store, segments: &[SegmentInfo], unchanged: u64) -> Vec<Vec<u8>> {
        let mut all: Vec<Vec<u8>> = std::fs::read_dir(dir.join("2"))
            .unwrap()
            .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
            .collect();
        all.extend(read(spool, 2, segments, unchanged, 0).unwrap().into_iter().map(|r| r.2));
        let rejected = rejections(spool, 2, segments).unwrap();
        all.extend(rejected.iter().map(|r| serde_json::to_vec(r).unwrap()));
        all
    }

    fn holds(bytes: &[u8], text: &str) -> bool {
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn nothing_stays_of_a_person_and_everybody_else_is_as_before(
            people in proptest::collection::vec((0_u8..6, any::<bool>(), 0..40_usize), 1..150),
            again in 0..40_usize,
        ) {
            let dir = tempfile::tempdir().unwrap();
            let spool = small_store(dir.path());
            let entries: Vec<Entry> = (0..)
                .zip(&people)
                .map(|(ordinal, (person, rejected, padding))| {
                    let text = format!("<person-{person}>{}", "x".repeat(*padding));
                    if *rejected { rejection(ordinal, &text) } else { call(ordinal, u128::from(ordinal), text.as_bytes()) }
                })
                .collect();
            // Some calls are unchanged since the run before.
            write(&spool, header(1, CallType::Track), &entries[..again.min(entries.len())], None).unwrap();
            let spooled = write(&spool, header(2, CallType::Track), &entries, Some(1)).unwrap();
            let before = read(&spool, 2, &spooled.segments, 0, 0).unwrap();
            let rejected = rejections(&spool, 2, &spooled.segments).unwrap();

            let is_theirs = |json: &[u8]| holds(json, "<person-3>");
            let redacted = Redacted {
                calls: before.iter().filter(|r| is_theirs(&r.2)).map(|r| r.0).collect(),
                rejections: (0..)
                    .zip(&rejected)
                    .filter(|(_, r)| is_theirs(r.reason.as_bytes()))
                    .map(|(position, _)| position)
                    .collect(),
            };
            let replaced = wait(spool.redact(RunId(2), &spooled.segments, &redacted)).unwrap();
            let mut segments = spooled.segments.clone();
            for (old, new) in &replaced {
                *segments.iter_mut().find(|s| *s == old).unwrap() = new.clone();
            }
            // Until the state names the new segments, the old ones are as they were.
            prop_assert_eq!(&read(&spool, 2, &spooled.segments, 0, 0).unwrap(), &before);
            wait(spool.remove_orphans(RunId(2), &segments)).unwrap();

            for bytes in bytes_of(dir.path(), &spool, &segments, 0) {
                prop_assert!(!holds(&bytes, "person-3"));
            }
            let after = read(&spool, 2, &segments, 0, 0).unwrap();
            let expected: Vec<Read> = before
                .into_iter()
                .map(|(position, meta, json, unchanged)| match is_theirs(&json) {
                    false => (position, meta, json, unchanged),
                    true => {
                        let CallMeta { ordinal, call_type, .. } = meta;
                        let flags = CallFlags::PURGED;
                        (position, CallMeta { ordinal, call_type, flags, key: 0, key2: 0 }, vec![], unchanged)
                    }
                })
                .collect();
            prop_assert_eq!(after, expected);
            let kept = rejections(&spool, 2, &segments).unwrap();
            let expected: Vec<Rejection> = rejected
                .iter()
                .map(|r| if is_theirs(r.reason.as_bytes()) { r.redacted() } else { r.clone() })
                .collect();
            prop_assert_eq!(kept, expected);
            // A second time there is nothing to do, and the next run is still compared with this
            // one.
            prop_assert_eq!(wait(spool.redact(RunId(2), &segments, &Redacted::default())).unwrap(), vec![]);
            let next = write(&spool, header(3, CallType::Track), &entries, Some(2)).unwrap();
            prop_assert_eq!(next.unchanged, next.entries);
        }
    }
}
