//! What the port promises beyond what the model tests hold.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use outflow_core::ports::spool::{
    CallBlock, Keep, Rejection, SegmentKind, Spool, SpoolHeader, SpoolWriter, Spooled,
};
use outflow_core::{CallFlags, CallMeta, CallType, Code, RunId, hash};
use outflow_spool::DiskSpool;

fn header(run: u64) -> SpoolHeader {
    SpoolHeader {
        run: RunId(run),
        sync: "users".into(),
        source: "warehouse.main".into(),
        call_type: CallType::Identify,
        columns: Vec::new(),
        max_bytes: None,
        keep: Keep::All,
    }
}

/// Text that LZ4 cannot shorten much.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    (0..).flat_map(|i| hash::seeded(seed.into(), i).to_be_bytes()).take(length).collect()
}

fn push(writer: &mut dyn SpoolWriter, ordinal: u64, json: &[u8]) -> outflow_core::Result<()> {
    let meta = CallMeta {
        ordinal,
        call_type: CallType::Identify,
        flags: CallFlags::NULLS,
        key: ordinal + 1,
        key2: 0,
        content: 0,
    };
    writer.call(&meta, hash::content(json), json)
}

fn write(spool: &DiskSpool, run: u64, calls: u64, previous: Option<u64>) -> Spooled {
    let mut writer = spool.create(header(run)).unwrap();
    for i in 0..calls {
        push(&mut *writer, i, &noise(i, 300)).unwrap();
    }
    writer.finish(previous.map(RunId)).unwrap()
}

fn count(spool: &DiskSpool, run: u64, spooled: &Spooled) -> usize {
    let mut reader = spool.read(RunId(run), &spooled.segments, 0).unwrap();
    let (mut block, mut count) = (CallBlock::default(), 0);
    while reader.next(&mut block).unwrap() {
        for call in &block.calls {
            assert_eq!(block.json(call), noise(call.meta.ordinal, 300));
        }
        count += block.calls.len();
    }
    count
}

#[test]
fn a_large_run_has_several_segments_and_is_compared_through_a_spill() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let first = write(&spool, 1, 150_000, None);
    assert_eq!((first.segments.len(), first.unchanged), (2, 0));
    let second = write(&spool, 2, 150_010, Some(1));
    assert_eq!(second.unchanged, 150_000);
    assert_eq!(count(&spool, 2, &second), 150_010);
    let files = std::fs::read_dir(dir.path().join("2")).unwrap().count();
    assert_eq!(files, 4, "two segments, the hashes and the marks, and nothing temporary");
}

#[test]
fn a_run_without_rows_leaves_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let spooled = spool.create(header(1)).unwrap().finish(None).unwrap();
    assert_eq!(spooled, Spooled::default());
    assert_eq!(spool.runs().unwrap(), []);
    assert_eq!(write(&spool, 2, 3, Some(1)).unchanged, 0);
}

#[test]
fn files_and_folders_are_for_the_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("state/spool");
    let spool = DiskSpool::open(&root, 0).unwrap();
    write(&spool, 1, 10, None);
    write(&spool, 2, 10, Some(1));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([&root, &root.join("2")].map(|p| mode(p)), [0o700; 2]);
    for file in ["calls-00000.seg", "contents.bin", "unchanged.bin"] {
        assert_eq!(mode(&root.join("2").join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_result_above_max_bytes_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let mut writer = spool.create(SpoolHeader { max_bytes: Some(100_000), ..header(1) }).unwrap();
    let pushed = (0..1_000_000).try_for_each(|i| push(&mut *writer, i, &noise(i, 300)));
    let error = pushed.and_then(|()| writer.finish(None).map(drop)).unwrap_err();
    assert_eq!(error.code(), Code::MaxRunBytesExceeded);
    assert!(error.message().contains("100000 bytes") && error.help_text().is_some(), "{error}");
    assert_eq!(spool.runs().unwrap(), []);

    let fits = spool.create(SpoolHeader { max_bytes: Some(100_000), ..header(1) });
    let mut writer = fits.unwrap();
    push(&mut *writer, 0, &noise(0, 90_000)).unwrap();
    assert!(writer.bytes() >= 90_000);
    assert!(writer.finish(None).unwrap().bytes <= 100_000);
}

#[test]
fn a_reserve_that_the_disk_does_not_have_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), u64::MAX).unwrap();
    let mut writer = spool.create(header(1)).unwrap();
    push(&mut *writer, 0, b"{}").unwrap();
    assert_eq!(writer.finish(None).unwrap_err().code(), Code::DiskReserveReached);
}

#[test]
fn an_abandoned_or_dropped_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    for abandon in [true, false] {
        let mut writer = spool.create(header(1)).unwrap();
        for i in 0..20_000 {
            push(&mut *writer, i, &noise(i, 300)).unwrap();
        }
        if abandon {
            writer.abandon()
        } else {
            drop(writer)
        }
        assert_eq!(spool.runs().unwrap(), []);
    }
}

#[test]
fn what_a_crash_left_is_ignored_and_removed_by_the_next_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let folder = dir.path().join("1");
    std::fs::create_dir(&folder).unwrap();
    for orphan in ["calls-00000.seg", "calls-00007.seg", "calls-00008.seg.tmp", "unchanged.bin"] {
        std::fs::write(folder.join(orphan), b"half").unwrap();
    }
    std::fs::write(dir.path().join("notes.txt"), b"").unwrap();
    std::fs::create_dir(dir.path().join("007")).unwrap();
    assert_eq!(spool.runs().unwrap(), [RunId(1)]);
    let spooled = write(&spool, 1, 5, None);
    assert_eq!(count(&spool, 1, &spooled), 5);
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
}

#[test]
fn a_removed_run_can_still_be_compared_with_if_its_contents_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let first = write(&spool, 1, 8, None);
    spool.remove(RunId(1), true).unwrap();
    assert_eq!(spool.read(RunId(1), &first.segments, 0).err().unwrap().code(), Code::SegmentMissing);
    assert_eq!(spool.runs().unwrap(), [RunId(1)]);
    assert_eq!(write(&spool, 2, 8, Some(1)).unchanged, 8);
    spool.remove(RunId(1), false).unwrap();
    spool.remove(RunId(1), true).unwrap();
    assert_eq!(spool.runs().unwrap(), [RunId(2)]);
}

#[test]
fn contents_that_are_not_wanted_are_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let mut writer = spool.create(SpoolHeader { keep: Keep::Nothing, ..header(1) }).unwrap();
    push(&mut *writer, 0, &noise(0, 300)).unwrap();
    writer.finish(None).unwrap();
    assert!(!dir.path().join("1/contents.bin").exists());
    assert_eq!(write(&spool, 2, 1, Some(1)).unchanged, 0);
}

/// Writes a run with calls of these numbers, and names some of them.
fn keeping(spool: &DiskSpool, run: u64, keep: Keep, calls: &[u64], named: &[u64], previous: u64) -> Spooled {
    let mut writer = spool.create(SpoolHeader { keep, ..header(run) }).unwrap();
    for (ordinal, n) in (0..).zip(calls) {
        push(&mut *writer, ordinal, &n.to_le_bytes()).unwrap();
    }
    named.iter().for_each(|n| writer.again(hash::content(&n.to_le_bytes())).unwrap());
    writer.finish((previous > 0).then_some(RunId(previous))).unwrap()
}

#[test]
fn only_what_was_named_is_compared_with_and_as_often_as_it_was_named() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    keeping(&spool, 1, Keep::All, &[1, 2], &[], 0);
    let second = keeping(&spool, 2, Keep::Named, &[2, 3, 3, 3, 4], &[3, 3], 1);
    assert_eq!(second.unchanged, 1, "it is compared with the run before as a whole");
    assert_eq!(keeping(&spool, 3, Keep::All, &[2, 3, 3, 3, 4], &[], 2).unchanged, 2);
    keeping(&spool, 4, Keep::Named, &[2], &[], 3);
    assert_eq!(keeping(&spool, 5, Keep::All, &[2], &[], 4).unchanged, 0);
}

#[test]
fn what_is_shared_stays_comparable_and_is_delivered_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    keeping(&spool, 1, Keep::All, &[1, 2, 2, 3], &[], 0);
    let shared = keeping(&spool, 2, Keep::Shared, &[2, 2, 2, 3, 9], &[], 1);
    assert_eq!(shared.unchanged, 3);
    let mut reader = spool.read(RunId(2), &shared.segments, 0).unwrap();
    let mut block = CallBlock::default();
    assert!(reader.next(&mut block).unwrap() && block.calls.iter().all(|c| !c.unchanged));
    assert_eq!(keeping(&spool, 3, Keep::All, &[1, 2, 2, 2, 3, 9], &[], 2).unchanged, 3);
    // Nothing is shared with what is damaged.
    std::fs::write(dir.path().join("1/contents.bin"), b"OUTFCONT").unwrap();
    assert_eq!(keeping(&spool, 4, Keep::Shared, &[1, 2], &[], 1).unchanged, 0);
    assert_eq!(keeping(&spool, 5, Keep::All, &[1, 2], &[], 4).unchanged, 0);
}

#[test]
fn calls_larger_than_a_block_come_back_whole() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let sizes = [10, 600_000, 3 << 20, 0, 512 << 10, 1];
    let mut writer = spool.create(header(1)).unwrap();
    for (i, size) in (0..).zip(sizes) {
        push(&mut *writer, i, &noise(i, size)).unwrap();
    }
    let spooled = writer.finish(None).unwrap();
    let mut reader = spool.read(RunId(1), &spooled.segments, 0).unwrap();
    let (mut block, mut read) = (CallBlock::default(), Vec::new());
    while reader.next(&mut block).unwrap() {
        for call in &block.calls {
            assert_eq!(block.json(call), noise(call.meta.ordinal, sizes[call.meta.ordinal as usize]));
            assert!(call.meta.flags.has(CallFlags::NULLS));
            read.push(call.meta.ordinal);
        }
    }
    assert_eq!(read, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn rejections_are_kept_in_row_order_beside_the_calls() {
    let dir = tempfile::tempdir().unwrap();
    let spool = DiskSpool::open(dir.path(), 0).unwrap();
    let mut writer = spool.create(header(1)).unwrap();
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
    let spooled = writer.finish(None).unwrap();
    assert_eq!((spooled.rejected, spooled.entries), (10_000, 0));
    assert!(spooled.segments.iter().all(|s| s.kind == SegmentKind::Rejections));
    let mut ordinal = 0;
    for read in spool.rejections(RunId(1), &spooled.segments).unwrap() {
        assert_eq!(read.unwrap(), rejection(ordinal));
        ordinal += 1;
    }
    assert_eq!(ordinal, 10_000);
}
