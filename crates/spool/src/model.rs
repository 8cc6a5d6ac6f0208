//! Tests against plain vectors: whatever is written, read from anywhere, compared or damaged, the
//! model says the same.

use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use outflow_core::call::{message_id_mut, nth_message_id};
use outflow_core::ports::baseline::{Baseline, ComparisonSpec, RetainedHashes};
use outflow_core::ports::spool::{
    BlockCall, CallBlock, Edits, Rejection, SegmentInfo, SegmentKind, Spool, SpoolHeader, Spooled,
};
use outflow_core::{
    CallFlags, CallMeta, CallType, Code, Column, ColumnType, Positions, Result, RunId, SyncKey, hash,
};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::disk::{Disk, RealDisk};
use crate::sizes::Sizes;
use crate::unchanged;
use crate::{DiskBaseline, DiskSpool};

/// Blocks and segments that a few entries fill.
pub(crate) const SMALL: Sizes = Sizes { block: 200, segment: 1000 };
/// Hashes that are sorted in memory: few, so that tests compare through spill files.
const FEW: usize = 5;

/// A spool and a baseline beside each other.
pub(crate) struct Store {
    spool: DiskSpool,
    baseline: DiskBaseline,
}

impl Store {
    pub(crate) fn on(disk: Arc<dyn Disk>, dir: &Path, reserve: u64, sizes: Sizes) -> Self {
        let hashes = dir.join("baseline");
        std::fs::create_dir_all(&hashes).unwrap();
        let baseline = DiskBaseline::on(disk.clone(), &hashes, reserve, FEW);
        Self { spool: DiskSpool::on(disk, dir, reserve, sizes), baseline }
    }

    pub(crate) fn baseline(&self) -> &DiskBaseline {
        &self.baseline
    }
}

/// Waits for an async step in a test.
pub(crate) fn wait<T>(step: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
    RUNTIME.block_on(step)
}

impl Deref for Store {
    type Target = DiskSpool;

    fn deref(&self) -> &DiskSpool {
        &self.spool
    }
}

/// What a caller passes in.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// Index, content hash, JSON.
    Call(CallMeta, u128, Vec<u8>),
    Reject(Rejection),
}

pub(crate) fn small_store(dir: &Path) -> Store {
    Store::on(Arc::new(RealDisk), dir, 0, SMALL)
}

pub(crate) fn header(run: u64, call_type: CallType) -> SpoolHeader {
    let column = Column { name: "user\"id".into(), ty: ColumnType::Int, declared: "bigint".into() };
    SpoolHeader {
        run: RunId(run),
        sync: "users".into(),
        source: "warehouse.main".into(),
        call_type,
        columns: vec![column],
        max_bytes: None,
    }
}

pub(crate) fn call(ordinal: u64, content: u128, json: &[u8]) -> Entry {
    let meta = CallMeta {
        ordinal,
        call_type: CallType::Track,
        flags: CallFlags((ordinal % 3) as u8),
        key: hash::key(b'p', json),
        key2: 0,
    };
    Entry::Call(meta, content, json.to_vec())
}

pub(crate) fn rejection(ordinal: u64, reason: &str) -> Entry {
    let row = [("id".to_owned(), serde_json::Value::Null), ("n".to_owned(), reason.into())];
    Entry::Reject(Rejection {
        ordinal,
        code: Code::MissingField,
        column: (!reason.is_empty()).then(|| "id".into()),
        reason: reason.into(),
        row: row.into_iter().collect(),
    })
}

/// Writes a run as the engine does: everything is deleted if one half fails.
pub(crate) fn write(
    store: &Store,
    header: SpoolHeader,
    entries: &[Entry],
    previous: Option<u64>,
) -> Result<Spooled> {
    wait(extract(store, header, entries, previous))
}

async fn extract(
    store: &Store,
    header: SpoolHeader,
    entries: &[Entry],
    previous: Option<u64>,
) -> Result<Spooled> {
    let run = header.run;
    let spec = ComparisonSpec {
        numbers: true,
        ..ComparisonSpec::new(run, previous.map(RunId), RetainedHashes::All)
    };
    let mut comparison = store.baseline.begin(spec).await?;
    let mut writer = store.spool.create(header).await?;
    for entry in entries {
        match entry {
            Entry::Call(meta, content, json) => {
                writer.call(meta, json)?;
                comparison.feed(meta.key, *content);
            }
            Entry::Reject(rejection) => writer.reject(rejection)?,
        }
        writer.flush().await?;
        comparison.flush().await?;
    }
    writer.seal().await?;
    let compared = comparison.finish().await?;
    let unchanged = compared.same.count();
    let written = writer.finish(Edits { unchanged: compared.same, repeats: compared.repeats }).await;
    match &written {
        Ok(spooled) => {
            assert_eq!(spooled.unchanged, unchanged);
            let calls = spooled.segments.iter().filter(|s| s.kind == SegmentKind::Calls);
            assert_eq!(calls.map(|s| s.entries).sum::<u64>(), spooled.entries - unchanged);
        }
        Err(_) => drop(store.baseline.remove(run).await),
    }
    written
}

/// Adds what older versions wrote for a run that kept its unchanged calls.
pub(crate) fn mark(dir: &Path, run: u64, unchanged: &Positions) {
    let bytes = unchanged::bytes(RunId(run), unchanged);
    std::fs::write(dir.join(run.to_string()).join(unchanged::FILE), bytes).unwrap();
}

/// A call as it was read: position, index, JSON, marked as unchanged.
pub(crate) type Read = (u64, CallMeta, Vec<u8>, bool);

pub(crate) fn read(
    spool: &Store,
    run: u64,
    segments: &[SegmentInfo],
    unchanged: u64,
    from: u64,
) -> Result<Vec<Read>> {
    let mut reader = wait(spool.read(RunId(run), segments, unchanged, from))?;
    let (mut block, mut calls) = (CallBlock::default(), Vec::new());
    while wait(reader.next(&mut block))? {
        assert!(!block.calls.is_empty());
        for (position, call) in (block.first..).zip(&block.calls) {
            let BlockCall { meta, unchanged, .. } = *call;
            calls.push((position, meta, block.json(call).to_vec(), unchanged));
        }
    }
    Ok(calls)
}

pub(crate) fn rejections(spool: &Store, run: u64, segments: &[SegmentInfo]) -> Result<Vec<Rejection>> {
    let mut reader = wait(spool.rejections(RunId(run), segments, 0))?;
    let mut all = Vec::new();
    while let Some(read) = wait(reader.next())? {
        assert!(!read.is_empty());
        all.extend(read);
    }
    Ok(all)
}

/// What must be read of these entries when nothing is unchanged.
pub(crate) fn expected(entries: &[Entry], from: u64) -> Vec<Read> {
    expected_after(&[], entries, from)
}

/// What must be read of these entries after a run that made those before: unchanged calls are left
/// out, and the others have the ids of their numbers.
pub(crate) fn expected_after(before: &[Entry], entries: &[Entry], from: u64) -> Vec<Read> {
    let calls = |entries: &[Entry]| {
        let call = |e: &Entry| match e {
            Entry::Call(meta, content, json) => Some((*meta, *content, json.clone())),
            Entry::Reject(_) => None,
        };
        entries.iter().filter_map(call).collect::<Vec<_>>()
    };
    let mut left: HashMap<u128, usize> = HashMap::new();
    calls(before).iter().for_each(|c| *left.entry(c.1).or_default() += 1);
    let mut numbers: HashMap<u128, u64> = HashMap::new();
    let mut stay = Vec::new();
    for (meta, content, mut json) in calls(entries) {
        let number = numbers.entry(content).or_default();
        if meta.flags.has(CallFlags::CONTENT_ID)
            && let Some(id) = message_id_mut(&mut json)
        {
            *id = nth_message_id(id, *number);
        }
        *number += 1;
        match left.get_mut(&content) {
            Some(n) if *n > 0 => *n -= 1,
            _ => stay.push((meta, json)),
        }
    }
    let positions = (0..).zip(stay).map(|(position, (meta, json))| (position, meta, json, false));
    positions.filter(|c| c.0 >= from).collect()
}

/// Entries with rejections in between, large calls, all types, ordinals with gaps.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let json = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..60),
        1 => proptest::collection::vec(any::<u8>(), 150..900),
        1 => (1_usize..4000).prop_map(|n| vec![b'a'; n]),
    ];
    let entry = (0_u64..4, 0..6_usize, any::<u8>(), any::<[u64; 2]>(), json, 0..5);
    proptest::collection::vec(entry, 0..120).prop_map(|made| {
        let mut ordinal = 0;
        made.into_iter()
            .map(|(gap, kind, flags, keys, json, rejected)| {
                ordinal += gap + 1;
                if rejected == 0 {
                    return rejection(ordinal, &"x".repeat(json.len()));
                }
                let call_type = CallType::ALL[kind];
                let meta = CallMeta {
                    ordinal,
                    call_type,
                    flags: CallFlags(flags),
                    key: keys[0],
                    key2: if call_type == CallType::Alias { keys[1] } else { 0 },
                };
                Entry::Call(meta, hash::content(&json), json)
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read_from_any_position(entries in entries(), from in 0_u64..130, usual: bool) {
        let dir = tempfile::tempdir().unwrap();
        let sizes = if usual { Sizes::USUAL } else { SMALL };
        let spool = Store::on(Arc::new(RealDisk), dir.path(), 0, sizes);
        let spooled = write(&spool, header(7, CallType::Alias), &entries, None).unwrap();

        let all = expected(&entries, 0);
        prop_assert_eq!(spooled.entries, all.len() as u64);
        prop_assert_eq!(spooled.rejected as usize, entries.len() - all.len());
        prop_assert_eq!(read(&spool, 7, &spooled.segments, 0, 0).unwrap(), all);
        prop_assert_eq!(read(&spool, 7, &spooled.segments, 0, from).unwrap(), expected(&entries, from));

        let rejected: Vec<_> = entries
            .iter()
            .filter_map(|e| match e { Entry::Reject(r) => Some(r.clone()), Entry::Call(..) => None })
            .collect();
        prop_assert_eq!(rejections(&spool, 7, &spooled.segments).unwrap(), rejected);

        let on_disk = |s: &SegmentInfo| dir.path().join(s.locator.split('#').next().unwrap());
        for segment in &spooled.segments {
            prop_assert_eq!(std::fs::metadata(on_disk(segment)).unwrap().len(), segment.bytes);
        }
        prop_assert_eq!(spooled.bytes, spooled.segments.iter().map(|s| s.bytes).sum::<u64>());
        prop_assert_eq!(dir.path().join("7").exists(), !entries.is_empty());
    }

    #[test]
    fn runs_are_compared_as_multisets_with_the_run_before(
        runs in proptest::collection::vec(proptest::collection::vec(0_u8..12, 0..60), 1..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let spool = small_store(dir.path());
        let mut before = Vec::new();
        for (run, contents) in (1..).zip(&runs) {
            let entries: Vec<_> =
                (0..).zip(contents).map(|(i, c)| call(i, u128::from(*c) << 120 | 1, &[*c])).collect();
            let previous = (run > 1).then(|| run - 1);
            let spooled = write(&spool, header(run, CallType::Track), &entries, previous).unwrap();

            let calls = read(&spool, run, &spooled.segments, 0, 0).unwrap();
            prop_assert_eq!(calls, expected_after(&before, &entries, 0));
            before = entries;
        }
    }

    #[test]
    fn what_stays_of_a_run_is_whole_and_numbered(
        before in entries(), entries in entries(), shared in 0_usize..120, usual: bool, from in 0_u64..130,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let sizes = if usual { Sizes::USUAL } else { SMALL };
        let store = Store::on(Arc::new(RealDisk), dir.path(), 0, sizes);
        // The second run makes some calls of the first one again, and some of its own twice.
        let again = |from: &[Entry]| from.iter().take(shared).cloned().collect::<Vec<_>>();
        let entries = with_ids([again(&before), entries.clone(), again(&entries)].concat());
        let before = with_ids(before);
        write(&store, header(1, CallType::Track), &before, None).unwrap();
        let spooled = write(&store, header(2, CallType::Track), &entries, Some(1)).unwrap();
        let all = expected_after(&before, &entries, 0);
        prop_assert_eq!(read(&store, 2, &spooled.segments, 0, 0).unwrap(), all);
        prop_assert_eq!(read(&store, 2, &spooled.segments, 0, from).unwrap(), expected_after(&before, &entries, from));
        let files = std::fs::read_dir(dir.path().join("2")).map_or(0, Iterator::count);
        prop_assert_eq!(files, spooled.segments.len());
    }
}

/// The same entries, every other call with a content id.
fn with_ids(entries: Vec<Entry>) -> Vec<Entry> {
    let with_id = |entry| match entry {
        Entry::Call(mut meta, content, json) if content % 2 == 0 => {
            meta.flags.set(CallFlags::CONTENT_ID);
            let id = SyncKey(1).message_id(content);
            Entry::Call(meta, content, [b"{\"messageId\":\"", &id[..], b"\",", &json].concat())
        }
        entry => entry,
    };
    entries.into_iter().map(with_id).collect()
}
