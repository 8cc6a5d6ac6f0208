//! What the port promises beyond what the model tests hold.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use outflow_core::ports::baseline::{Baseline, Compared, ComparisonSpec, RetainedHashes};
use outflow_core::ports::spool::{
    CallBlock, Edits, Rejection, SegmentKind, Spool, SpoolHeader, SpoolWriter, Spooled,
};
use outflow_core::{CallFlags, CallMeta, CallType, Code, Positions, RunId, hash};
use outflow_spool::{DiskBaseline, DiskSpool};

/// A spool in `spool`, and a baseline in `baseline`.
struct Store {
    spool: DiskSpool,
    baseline: DiskBaseline,
}

impl Store {
    fn open(dir: &Path) -> Self {
        let spool = DiskSpool::open(&dir.join("spool"), 0).unwrap();
        Self { spool, baseline: DiskBaseline::open(&dir.join("baseline"), 0).unwrap() }
    }

    /// Compares the calls of a run with those of another one.
    async fn compare(
        &self,
        spec: ComparisonSpec,
        calls: impl IntoIterator<Item = u128>,
        overlap: impl IntoIterator<Item = u128>,
    ) -> Compared {
        let mut comparison = self.baseline.begin(spec).await.unwrap();
        calls.into_iter().for_each(|content| comparison.feed(content as u64, content));
        overlap.into_iter().for_each(|content| comparison.mark_overlap(content));
        comparison.finish().await.unwrap()
    }
}

fn header(run: u64) -> SpoolHeader {
    SpoolHeader {
        run: RunId(run),
        sync: "users".into(),
        source: "warehouse.main".into(),
        call_type: CallType::Identify,
        columns: Vec::new(),
        max_bytes: None,
    }
}

/// Text that LZ4 cannot shorten much.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    (0..).flat_map(|i| hash::seeded(seed.into(), i).to_be_bytes()).take(length).collect()
}

async fn push(writer: &mut dyn SpoolWriter, ordinal: u64, json: &[u8]) -> outflow_core::Result<()> {
    let meta = CallMeta {
        ordinal,
        call_type: CallType::Identify,
        flags: CallFlags::NULLS,
        key: ordinal + 1,
        key2: 0,
    };
    writer.call(&meta, json)?;
    writer.flush().await
}

async fn write(store: &Store, run: u64, calls: u64, previous: Option<u64>) -> Spooled {
    let mut writer = store.spool.create(header(run)).await.unwrap();
    for i in 0..calls {
        push(&mut *writer, i, &noise(i, 300)).await.unwrap();
    }
    let previous = previous.map(RunId);
    let spec = ComparisonSpec::new(RunId(run), previous, RetainedHashes::All);
    let contents = (0..calls).map(|i| hash::content(&noise(i, 300)));
    let compared = store.compare(spec, contents, []).await;
    writer.finish(Edits { unchanged: compared.same, repeats: compared.repeats }).await.unwrap()
}

async fn count(store: &Store, run: u64, spooled: &Spooled) -> usize {
    let mut reader = store.spool.read(RunId(run), &spooled.segments, 0, 0).await.unwrap();
    let (mut block, mut count) = (CallBlock::default(), 0);
    while reader.next(&mut block).await.unwrap() {
        for call in &block.calls {
            assert_eq!(block.json(call), noise(call.meta.ordinal, 300));
        }
        count += block.calls.len();
    }
    count
}

#[tokio::test]
async fn a_large_run_has_several_segments_and_is_compared_through_a_spill() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    let first = write(&store, 1, 150_000, None).await;
    assert_eq!((first.segments.len(), first.unchanged), (2, 0));
    let second = write(&store, 2, 150_010, Some(1)).await;
    assert_eq!(second.unchanged, 150_000);
    assert_eq!(count(&store, 2, &second).await, 10, "nothing is kept of what is unchanged");
    let files = std::fs::read_dir(dir.path().join("spool/2")).unwrap().count();
    assert_eq!(files, 1, "one segment, and nothing temporary");
    let files = std::fs::read_dir(dir.path().join("baseline/2")).unwrap().count();
    assert_eq!(files, 1, "the hashes, and nothing temporary");
}

#[tokio::test]
async fn a_run_without_rows_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    let spooled = store.spool.create(header(1)).await.unwrap().finish(Edits::default()).await.unwrap();
    assert_eq!(spooled, Spooled::default());
    let spec = ComparisonSpec::new(RunId(1), None, RetainedHashes::All);
    assert_eq!(store.compare(spec, [], []).await.same, Positions::default());
    assert_eq!((store.spool.runs().await.unwrap(), store.baseline.runs().await.unwrap()), (vec![], vec![]));
    assert_eq!(write(&store, 2, 3, Some(1)).await.unchanged, 0);
}

#[tokio::test]
async fn files_and_folders_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state");
    let store = Store::open(&root);
    write(&store, 1, 10, None).await;
    write(&store, 2, 12, Some(1)).await;
    let mode = |path: &str| std::fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o777;
    for folder in ["", "spool", "spool/2", "baseline", "baseline/2"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
    for file in ["spool/2/calls-00000.seg", "baseline/2/hashes.bin"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_result_above_max_bytes_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let mut writer = spool.create(SpoolHeader { max_bytes: Some(100_000), ..header(1) }).await.unwrap();
    let mut pushed = Ok(());
    for i in 0..1_000_000 {
        if pushed.is_ok() {
            pushed = push(&mut *writer, i, &noise(i, 300)).await;
        }
    }
    let error = match pushed {
        Ok(()) => writer.finish(Edits::default()).await.unwrap_err(),
        Err(error) => error,
    };
    assert_eq!(error.code(), Code::MaxRunBytesExceeded);
    assert!(error.message().contains("100000 bytes") && error.help_text().is_some(), "{error}");
    assert_eq!(spool.runs().await.unwrap(), []);

    let fits = spool.create(SpoolHeader { max_bytes: Some(100_000), ..header(1) });
    let mut writer = fits.await.unwrap();
    push(&mut *writer, 0, &noise(0, 90_000)).await.unwrap();
    assert!(writer.bytes() >= 90_000);
    assert!(writer.finish(Edits::default()).await.unwrap().bytes <= 100_000);
}

#[tokio::test]
async fn a_reserve_that_the_disk_does_not_have_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), u64::MAX).unwrap();
    let mut writer = spool.create(header(1)).await.unwrap();
    push(&mut *writer, 0, b"{}").await.unwrap();
    assert_eq!(writer.finish(Edits::default()).await.unwrap_err().code(), Code::DiskReserveReached);
}

#[tokio::test]
async fn an_abandoned_or_dropped_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    for abandon in [true, false] {
        let mut writer = spool.create(header(1)).await.unwrap();
        for i in 0..20_000 {
            push(&mut *writer, i, &noise(i, 300)).await.unwrap();
        }
        if abandon {
            writer.abandon().await
        } else {
            drop(writer)
        }
        assert_eq!(spool.runs().await.unwrap(), []);
    }
}

#[tokio::test]
async fn what_a_crash_left_is_ignored_and_removed_by_the_next_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    let folder = dir.path().join("spool/1");
    std::fs::create_dir(&folder).unwrap();
    for orphan in ["calls-00000.seg", "calls-00007.seg", "calls-00008.seg.tmp", "unchanged.bin"] {
        std::fs::write(folder.join(orphan), b"half").unwrap();
    }
    std::fs::write(dir.path().join("spool/notes.txt"), b"").unwrap();
    std::fs::create_dir(dir.path().join("spool/007")).unwrap();
    assert_eq!(store.spool.runs().await.unwrap(), [RunId(1)]);
    let spooled = write(&store, 1, 5, None).await;
    assert_eq!(count(&store, 1, &spooled).await, 5);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
}

#[tokio::test]
async fn a_removed_run_can_still_be_compared_with_until_its_hashes_are_removed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    let first = write(&store, 1, 8, None).await;
    store.spool.remove(RunId(1)).await.unwrap();
    let read = store.spool.read(RunId(1), &first.segments, 0, 0).await;
    assert_eq!(read.err().unwrap().code(), Code::SegmentMissing);
    assert_eq!(store.baseline.runs().await.unwrap(), [RunId(1)]);
    assert_eq!(write(&store, 2, 8, Some(1)).await.unchanged, 8);
    for _ in 0..2 {
        store.spool.remove(RunId(1)).await.unwrap();
        store.baseline.remove(RunId(1)).await.unwrap();
    }
    assert_eq!(store.spool.runs().await.unwrap(), [RunId(2)]);
    assert_eq!(store.baseline.runs().await.unwrap(), [RunId(2)]);
    assert_eq!(write(&store, 3, 8, Some(1)).await.unchanged, 0);
}

#[tokio::test]
async fn an_abandoned_or_dropped_comparison_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    for abandon in [true, false] {
        let spec = ComparisonSpec::new(RunId(1), None, RetainedHashes::All);
        let mut comparison = store.baseline.begin(spec).await.unwrap();
        for i in 0..300_000 {
            comparison.feed(i, hash::seeded(1, i));
            comparison.flush().await.unwrap();
        }
        assert_eq!(store.baseline.runs().await.unwrap(), [RunId(1)], "hashes were spilled");
        if abandon {
            comparison.abandon().await
        } else {
            drop(comparison)
        }
        assert_eq!(store.baseline.runs().await.unwrap(), []);
    }
}

/// Compares a run that makes these calls.
async fn compare(
    store: &Store,
    run: u64,
    retained: RetainedHashes,
    calls: &[u64],
    overlap: &[u64],
) -> Compared {
    let previous = (run > 1).then(|| RunId(run - 1));
    let content = |n: &u64| hash::content(&n.to_le_bytes());
    let spec = ComparisonSpec::new(RunId(run), previous, retained);
    store.compare(spec, calls.iter().map(content), overlap.iter().map(content)).await
}

#[tokio::test]
async fn what_is_the_same_and_what_was_not_fed_add_up_to_the_earlier_run() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    compare(&store, 1, RetainedHashes::All, &[1, 2, 2, 3, 4], &[]).await;
    let second = compare(&store, 2, RetainedHashes::All, &[9, 2, 3, 2, 2], &[]).await;
    let same: Vec<u64> = (0..5).filter(|p| second.same.contains(*p)).collect();
    assert_eq!((same, second.not_fed), (vec![1, 2, 3], 2));
}

#[tokio::test]
async fn only_the_overlap_is_compared_with_and_as_often_as_it_was_marked() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    compare(&store, 1, RetainedHashes::All, &[1, 2], &[]).await;
    let second = compare(&store, 2, RetainedHashes::Overlap, &[2, 3, 3, 3, 4], &[3, 3]).await;
    assert_eq!(second.same.count(), 1, "it is compared with the run before as a whole");
    assert_eq!(compare(&store, 3, RetainedHashes::All, &[2, 3, 3, 3, 4], &[]).await.same.count(), 2);
    compare(&store, 4, RetainedHashes::Overlap, &[2], &[]).await;
    assert_eq!(compare(&store, 5, RetainedHashes::All, &[2], &[]).await.same.count(), 0);
}

#[tokio::test]
async fn what_is_shared_stays_comparable() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    compare(&store, 1, RetainedHashes::All, &[1, 2, 2, 3], &[]).await;
    assert_eq!(compare(&store, 2, RetainedHashes::Shared, &[2, 2, 2, 3, 9], &[]).await.same.count(), 3);
    let third = compare(&store, 3, RetainedHashes::Shared, &[1, 2, 2, 2, 3, 9], &[]).await;
    assert_eq!(third.same.count(), 3);
    // Nothing is shared with what is damaged.
    std::fs::write(dir.path().join("baseline/3/hashes.bin"), b"OUTFHASH").unwrap();
    assert_eq!(compare(&store, 4, RetainedHashes::Shared, &[2, 3], &[]).await.same.count(), 0);
    assert_eq!(compare(&store, 5, RetainedHashes::All, &[2, 3], &[]).await.same.count(), 0);
}

#[tokio::test]
async fn calls_larger_than_a_block_come_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let sizes = [10, 600_000, 3 << 20, 0, 512 << 10, 1];
    let mut writer = spool.create(header(1)).await.unwrap();
    for (i, size) in (0..).zip(sizes) {
        push(&mut *writer, i, &noise(i, size)).await.unwrap();
    }
    let spooled = writer.finish(Edits::default()).await.unwrap();
    let mut reader = spool.read(RunId(1), &spooled.segments, 0, 0).await.unwrap();
    let (mut block, mut read) = (CallBlock::default(), Vec::new());
    while reader.next(&mut block).await.unwrap() {
        for call in &block.calls {
            assert_eq!(block.json(call), noise(call.meta.ordinal, sizes[call.meta.ordinal as usize]));
            assert!(call.meta.flags.has(CallFlags::NULLS));
            read.push(call.meta.ordinal);
        }
    }
    assert_eq!(read, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn rejections_are_kept_in_row_order_beside_the_calls() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let mut writer = spool.create(header(1)).await.unwrap();
    let rejection = |ordinal| Rejection {
        ordinal,
        code: Code::InvalidTime,
        column: Some("timestamp".into()),
        reason: "not a time: \"soon\"".into(),
        row: serde_json::from_str(r#"{"id":"1","amount":"12345678901234567890.10","gone":null}"#).unwrap(),
    };
    for i in 0..10_000 {
        writer.reject(&rejection(i)).unwrap();
    }
    let spooled = writer.finish(Edits::default()).await.unwrap();
    assert_eq!((spooled.rejected, spooled.entries), (10_000, 0));
    assert!(spooled.segments.iter().all(|s| s.kind == SegmentKind::Rejections));
    let mut rejections = spool.rejections(RunId(1), &spooled.segments, 0).await.unwrap();
    let mut ordinal = 0;
    while let Some(read) = rejections.next().await.unwrap() {
        for read in read {
            assert_eq!(read, rejection(ordinal));
            ordinal += 1;
        }
    }
    assert_eq!(ordinal, 10_000);
}

#[tokio::test]
async fn hashes_that_are_missing_are_told_from_none() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    write(&store, 1, 8, None).await;
    let compare = async |run, previous| {
        let spec = ComparisonSpec::new(RunId(run), previous, RetainedHashes::All);
        store.compare(spec, (0..8).map(|i| hash::content(&noise(i, 300))), []).await
    };
    assert!(!compare(2, None).await.earlier_missing);
    let whole = compare(3, Some(RunId(1))).await;
    assert_eq!((whole.same.count(), whole.earlier_missing), (8, false));
    store.baseline.remove(RunId(1)).await.unwrap();
    let missing = compare(4, Some(RunId(1))).await;
    assert_eq!((missing.same.count(), missing.earlier_missing), (0, true));
}

#[tokio::test]
async fn hashes_of_rejected_rows_are_kept_whole_or_count_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path());
    let file = dir.path().join("baseline/1/rejections.bin");
    assert_eq!(store.baseline.rejections(RunId(1)).await.unwrap(), [0; 0]);
    // Beside the hashes of calls, or without any; kept again after an error.
    write(&store, 1, 8, None).await;
    for hashes in [vec![3, 1, 2, 1], (0..10_000).collect()] {
        store.baseline.keep_rejections(RunId(1), hashes.clone()).await.unwrap();
        let mut sorted = hashes;
        sorted.sort_unstable();
        assert_eq!(store.baseline.rejections(RunId(1)).await.unwrap(), sorted);
    }
    store.baseline.keep_rejections(RunId(2), vec![7]).await.unwrap();
    assert_eq!(store.baseline.runs().await.unwrap(), [RunId(1), RunId(2)]);
    assert_eq!(write(&store, 3, 8, Some(1)).await.unchanged, 8, "those of calls are as they were");
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[70] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(store.baseline.rejections(RunId(1)).await.unwrap(), [0; 0], "damaged");
    store.baseline.remove(RunId(2)).await.unwrap();
    assert_eq!(store.baseline.rejections(RunId(2)).await.unwrap(), [0; 0]);
}
