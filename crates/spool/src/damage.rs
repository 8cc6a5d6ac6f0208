//! Damage of every kind is found, in segments and in the marks that older versions left; what is
//! whole is read even if a caller gives up in between.

use std::path::Path;
use std::sync::mpsc;

use outflow_core::ports::spool::{CallBlock, SegmentKind, Spool as _, Spooled};
use outflow_core::{CallType, Code, Positions, RunId};
use tokio::runtime;

use crate::model::{
    Entry, Store, call, expected, header, mark, read, rejection, rejections, small_store, write,
};
use crate::segment::file_name;

/// A run with calls, rejections and calls that are marked as unchanged, in several small segments.
fn small_run(dir: &Path, spool: &Store) -> (Vec<Entry>, Spooled) {
    let entries: Vec<_> = (0..40)
        .map(|i| match i % 10 {
            9 => rejection(i, "no id"),
            _ => call(i, i.into(), format!("{{\"n\":{i},\"text\":\"{}\"}}", "ab".repeat(12)).as_bytes()),
        })
        .collect();
    let mut spooled = write(spool, header(2, CallType::Track), &entries, None).unwrap();
    let mut unchanged = Positions::none_of(spooled.entries);
    (0..18).for_each(|position| unchanged.insert(position));
    mark(dir, 2, &unchanged);
    spooled.unchanged = 18;
    (entries, spooled)
}

#[test]
fn every_flipped_byte_is_detected() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let (_, spooled) = small_run(dir.path(), &spool);
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
    let (_, spooled) = small_run(dir.path(), &spool);
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
    let (entries, spooled) = small_run(dir.path(), &spool);
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
    let (entries, spooled) = small_run(dir.path(), &spool);
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

#[test]
fn which_calls_are_marked_is_known_or_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let spool = small_store(dir.path());
    let (_, spooled) = small_run(dir.path(), &spool);
    let read = |marked| read(&spool, 2, &spooled.segments, marked, 0);
    let marks = |calls: &[crate::model::Read]| calls.iter().map(|c| c.3).collect::<Vec<_>>();
    let calls = marks(&read(18).unwrap());
    assert!(calls[..18].iter().all(|m| *m) && calls[18..].iter().all(|m| !m), "{calls:?}");
    assert_eq!(read(17).unwrap_err().code(), Code::SegmentDamaged);
    assert_eq!(read(0).unwrap_err().code(), Code::SegmentDamaged);
    std::fs::remove_file(dir.path().join("2/unchanged.bin")).unwrap();
    assert_eq!(read(18).unwrap_err().code(), Code::SegmentMissing);
    assert!(read(0).is_ok());
    // Of calls that are no longer kept nothing is asked.
    assert!(crate::model::read(&spool, 2, &[], 8, 0).is_ok());
}
