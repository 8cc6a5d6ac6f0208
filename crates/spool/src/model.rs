//! Tests against plain vectors: whatever is written, read from anywhere, compared or damaged, the
//! model says the same.

use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, LazyLock, mpsc};

use outflow_core::ports::baseline::{Baseline, ComparisonSpec, RetainedHashes};
use outflow_core::ports::spool::{
    BlockCall, CallBlock, Rejection, SegmentInfo, SegmentKind, Spool, SpoolHeader, Spooled,
};
use outflow_core::{CallFlags, CallMeta, CallType, Code, Column, ColumnType, Result, RunId, hash};
use proptest::prelude::*;
use tokio::runtime::{self, Runtime};

use crate::disk::{Disk, RealDisk};
use crate::segment::file_name;
use crate::writer::Sizes;
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
    let spec = ComparisonSpec::new(run, previous.map(RunId), RetainedHashes::All);
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
    let written = writer.finish(compared.same).await;
    match &written {
        Ok(spooled) => assert_eq!(spooled.unchanged, unchanged),
        Err(_) => drop(store.baseline.remove(run).await),
    }
    written
}

/// A call as it was read: position, index, JSON, unchanged.
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
    let mut reader = wait(spool.rejections(RunId(run), segments))?;
    let mut all = Vec::new();
    while let Some(read) = wait(reader.next())? {
        assert!(!read.is_empty());
        all.extend(read);
    }
    Ok(all)
}

/// What must be read of these entries when nothing is unchanged.
pub(crate) fn expected(entries: &[Entry], from: u64) -> Vec<Read> {
    let calls = entries.iter().filter_map(|e| match e {
        Entry::Call(meta, _, json) => Some((*meta, json.clone())),
        Entry::Reject(_) => None,
    });
    (0..)
        .zip(calls)
        .map(|(position, (meta, json))| (position, meta, json, false))
        .filter(|c| c.0 >= from)
        .collect()
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
        prop_assert_eq!(read(&spool, 7, &spooled.segments, spooled.unchanged, 0).unwrap(), all);
        prop_assert_eq!(read(&spool, 7, &spooled.segments, spooled.unchanged, from).unwrap(), expected(&entries, from));

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
        let mut before: HashMap<u8, usize> = HashMap::new();
        for (run, contents) in (1..).zip(&runs) {
            let entries: Vec<_> =
                (0..).zip(contents).map(|(i, c)| call(i, u128::from(*c) << 120 | 1, &[*c])).collect();
            let previous = (run > 1).then(|| run - 1);
            let spooled = write(&spool, header(run, CallType::Track), &entries, previous).unwrap();

            let mut left = std::mem::take(&mut before);
            let unchanged: Vec<bool> = contents
                .iter()
                .map(|c| match left.get_mut(c) {
                    Some(n) if *n > 0 => { *n -= 1; true }
                    _ => false,
                })
                .collect();
            contents.iter().for_each(|c| *before.entry(*c).or_default() += 1);
            let calls = read(&spool, run, &spooled.segments, spooled.unchanged, 0).unwrap();
            prop_assert_eq!(calls.iter().map(|c| c.3).collect::<Vec<_>>(), unchanged.clone());
            prop_assert_eq!(spooled.unchanged, unchanged.iter().filter(|u| **u).count() as u64);
        }
    }
}

/// A run with calls, rejections and unchanged calls, in several small segments.
fn small_run(spool: &Store) -> (Vec<Entry>, Spooled) {
    let entries: Vec<_> = (0..40)
        .map(|i| match i % 10 {
            9 => rejection(i, "no id"),
            _ => call(i, i.into(), format!("{{\"n\":{i},\"text\":\"{}\"}}", "ab".repeat(12)).as_bytes()),
        })
        .collect();
    write(spool, header(1, CallType::Track), &entries[..20], None).unwrap();
    let spooled = write(spool, header(2, CallType::Track), &entries, Some(1)).unwrap();
    (entries, spooled)
}

#[test]
fn every_flipped_byte_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let (_, spooled) = small_run(&spool);
    let names = spooled.segments.iter().map(|s| file_name(s.kind, s.number));
    let mut flips = 0;
    for name in names.chain(["unchanged.bin".to_owned()]) {
        let path = dir.path().join("2").join(&name);
        let good = std::fs::read(&path).unwrap();
        for i in 0..good.len() {
            for flip in [1, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[i] ^= flip;
                std::fs::write(&path, bad).unwrap();
                let calls = read(&spool, 2, &spooled.segments, spooled.unchanged, 0).map(drop);
                let rejections = rejections(&spool, 2, &spooled.segments).map(drop);
                let error = calls.and(rejections).expect_err(&format!("byte {i} of {name}"));
                assert_eq!(error.code(), Code::SegmentDamaged, "byte {i} of {name}: {error}");
                assert!(error.message().contains(&name), "{error}");
                flips += 1;
            }
        }
        std::fs::write(&path, good).unwrap();
    }
    assert!(flips > 5000, "{flips}");
}

#[test]
fn a_file_of_another_length_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let (_, spooled) = small_run(&spool);
    let path = dir.path().join("2").join(file_name(SegmentKind::Calls, 0));
    let good = std::fs::read(&path).unwrap();
    for length in (0..good.len()).chain([good.len() + 1]) {
        let mut bad = good.clone();
        bad.resize(length, 0);
        std::fs::write(&path, bad).unwrap();
        assert_eq!(
            read(&spool, 2, &spooled.segments, spooled.unchanged, 0).unwrap_err().code(),
            Code::SegmentDamaged
        );

        // Even when the state is as wrong as the file.
        let mut segments = spooled.segments.clone();
        segments[0].bytes = length as u64;
        assert_eq!(
            read(&spool, 2, &segments, spooled.unchanged, 0).unwrap_err().code(),
            Code::SegmentDamaged
        );
    }
}

#[test]
fn a_segment_in_the_place_of_another_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let entries: Vec<_> = (0..9).map(|i| call(i, 0, &[b'a' + i as u8; 150])).collect();
    let one = write(&spool, header(1, CallType::Track), &entries, None).unwrap();
    write(&spool, header(2, CallType::Track), &entries, None).unwrap();
    let name = file_name(SegmentKind::Calls, 0);
    std::fs::copy(dir.path().join("2").join(&name), dir.path().join("1").join(&name)).unwrap();
    let error = read(&spool, 1, &one.segments, one.unchanged, 0).unwrap_err();
    assert_eq!(error.code(), Code::SegmentDamaged);
    assert!(error.message().contains("another segment"), "{error}");
}

#[test]
fn a_missing_segment_is_an_error_only_for_those_who_need_it() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let (entries, spooled) = small_run(&spool);
    std::fs::remove_file(dir.path().join("2").join(file_name(SegmentKind::Calls, 0))).unwrap();
    let error = read(&spool, 2, &spooled.segments, spooled.unchanged, 0).unwrap_err();
    assert_eq!(error.code(), Code::SegmentMissing);
    assert!(error.message().contains("calls-00000.seg"), "{error}");

    let second = spooled.segments[1].first;
    let calls = read(&spool, 2, &spooled.segments, spooled.unchanged, second).unwrap();
    assert_eq!(calls.len(), expected(&entries, second).len());

    let without: Vec<_> = spooled.segments.iter().filter(|s| s.first != 0).cloned().collect();
    assert_eq!(
        read(&spool, 2, &without, spooled.unchanged, second).unwrap_err().code(),
        Code::SegmentMissing
    );
}

#[test]
fn without_whole_hashes_of_the_previous_run_nothing_is_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let entries: Vec<_> = (0..30).map(|i| call(i, u128::from(i) << 64, b"{}")).collect();
    write(&spool, header(1, CallType::Track), &entries, None).unwrap();
    let path = dir.path().join("baseline/1/hashes.bin");
    let good = std::fs::read(&path).unwrap();
    let unchanged = || write(&spool, header(2, CallType::Track), &entries, Some(1)).unwrap().unchanged;
    assert_eq!(unchanged(), 30);
    for i in 0..good.len() {
        let mut bad = good.clone();
        bad[i] ^= 0x10;
        std::fs::write(&path, bad).unwrap();
        assert_eq!(unchanged(), 0, "byte {i}");
        std::fs::write(&path, &good[..i]).unwrap();
        assert_eq!(unchanged(), 0, "cut to {i}");
    }
    std::fs::remove_file(&path).unwrap();
    assert_eq!(unchanged(), 0);
}

#[test]
fn a_read_whose_future_is_dropped_loses_no_call() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let (entries, spooled) = small_run(&spool);
    // One thread reads. While it is occupied no read ends, so each first poll is given up.
    let runtime = runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    let reading = spool.read(RunId(2), &spooled.segments, spooled.unchanged, 0);
    let mut reader = runtime.block_on(reading).unwrap();
    let (mut block, mut ordinals) = (CallBlock::default(), Vec::new());
    loop {
        let (release, released) = mpsc::channel::<()>();
        let occupied = runtime.spawn_blocking(move || released.recv());
        let given_up = runtime.block_on(async {
            tokio::select! {
                biased;
                _ = reader.next(&mut block) => false,
                () = std::future::ready(()) => true,
            }
        });
        assert!(given_up);
        drop(release);
        runtime.block_on(occupied).unwrap().unwrap_err();
        if !runtime.block_on(reader.next(&mut block)).unwrap() {
            break;
        }
        ordinals.extend(block.calls.iter().map(|c| c.meta.ordinal));
    }
    let all: Vec<u64> = expected(&entries, 0).iter().map(|c| c.1.ordinal).collect();
    assert_eq!(ordinals, all);
}
