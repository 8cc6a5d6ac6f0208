//! Tests on a disk that fails: every operation in turn, and a loss of power at any instant.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use outflow_core::ports::spool::{Redacted, SegmentInfo, Spool};
use outflow_core::{CallType, Code, Error, RunId};
use outflow_testkit::Report;

use crate::disk::{Disk, DiskFile, RealDisk};
use crate::model::{Entry, SMALL, Store, call, expected_after, header, read, rejection, wait, write};

/// A disk over the real one that fails one operation and knows what a loss of power would take.
#[derive(Default)]
pub(crate) struct FaultyDisk {
    log: Arc<Mutex<Log>>,
    free: Option<u64>,
}

#[derive(Default)]
struct Log {
    operations: usize,
    fail_at: Option<usize>,
    /// The power goes off as this operation begins: it and all behind it fail.
    power_off_at: Option<usize>,
    /// Files whose sync or write failed: they must not be touched again.
    poisoned: HashSet<PathBuf>,
    /// Files with bytes that are not synced, under the names that they have now, and how many bytes
    /// are.
    dirty: BTreeMap<PathBuf, u64>,
    /// Renames in folders that were not synced since.
    renames: Vec<(PathBuf, PathBuf)>,
    /// Folders that were not synced into their parent since they were made.
    folders: Vec<PathBuf>,
}

impl Log {
    fn operation(&mut self, path: &Path) -> io::Result<()> {
        // A file whose write or sync failed is never written or synced again, and a folder
        // likewise, unless by a new extraction.
        assert!(!self.poisoned.contains(path), "{} is used after it failed", path.display());
        self.operations += 1;
        if self.power_off_at.is_some_and(|at| self.operations >= at) {
            return Err(io::Error::other("the power is off"));
        }
        if self.fail_at == Some(self.operations) {
            self.poisoned.insert(path.to_path_buf());
            return Err(io::Error::other("the disk says no"));
        }
        Ok(())
    }
}

impl FaultyDisk {
    /// Its `n`th operation fails.
    pub(crate) fn failing_at(n: usize) -> Self {
        let disk = Self::default();
        disk.log.lock().unwrap().fail_at = Some(n);
        disk
    }

    /// The power goes off as the `n`th operation from now begins.
    pub(crate) fn power_off_in(&self, n: usize) {
        let mut log = self.log.lock().unwrap();
        log.power_off_at = Some(log.operations + n);
    }

    /// It reports this many free bytes.
    pub(crate) fn with_free(bytes: u64) -> Self {
        Self { free: Some(bytes), ..Self::default() }
    }

    /// Takes from the real disk what a loss of power would take now.
    pub(crate) fn lose_power(&self) {
        let log = self.log.lock().unwrap();
        for (path, synced) in &log.dirty {
            if let Ok(file) = std::fs::OpenOptions::new().write(true).open(path) {
                file.set_len(*synced).unwrap();
            }
        }
        for (from, to) in log.renames.iter().rev() {
            let _ = std::fs::rename(to, from);
        }
        for folder in &log.folders {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        log.operation(path)?;
        log.folders.push(path.to_path_buf());
        RealDisk.create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut log = self.log.lock().unwrap();
        log.operation(path)?;
        log.dirty.insert(path.to_path_buf(), 0);
        let file = RealDisk.create(path)?;
        Ok(Box::new(FaultyFile { log: self.log.clone(), path: path.to_path_buf(), file, length: 0 }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        log.operation(from)?;
        log.renames.push((from.to_path_buf(), to.to_path_buf()));
        if let Some(synced) = log.dirty.remove(from) {
            log.dirty.insert(to.to_path_buf(), synced);
        }
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        log.operation(path)?;
        log.renames.retain(|(_, to)| to.parent() != Some(path));
        log.folders.retain(|folder| folder.parent() != Some(path));
        RealDisk.sync_dir(path)
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        self.log.lock().unwrap().operation(path)?;
        self.free.map_or_else(|| RealDisk.free(path), Ok)
    }
}

struct FaultyFile {
    log: Arc<Mutex<Log>>,
    path: PathBuf,
    file: Box<dyn DiskFile>,
    length: u64,
}

impl DiskFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        log.operation(&self.path)?;
        log.dirty.entry(self.path.clone()).or_insert(self.length);
        self.length += bytes.len() as u64;
        self.file.append(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        log.operation(&self.path)?;
        log.dirty.remove(&self.path);
        self.file.sync()
    }
}

/// Enough for several segments, a spill and unchanged calls.
fn entries() -> Vec<Entry> {
    (0..40)
        .map(|i| if i % 9 == 8 { rejection(i, "bad") } else { call(i, i.into(), &[b'a' + i as u8 % 26; 90]) })
        .collect()
}

/// A folder with run 1, with which run 2 is compared.
fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let spool = Store::on(Arc::new(RealDisk), dir.path(), 0, SMALL);
    write(&spool, header(1, CallType::Track), &entries()[..20], None).unwrap();
    dir
}

fn second_run(disk: Arc<dyn Disk>, dir: &Path) -> Result<(), Error> {
    let spool = Store::on(disk, dir, 0, SMALL);
    let spooled = write(&spool, header(2, CallType::Track), &entries(), Some(1))?;
    assert_eq!(spooled.unchanged, 18);
    let calls = read(&spool, 2, &spooled.segments, 0, 0)?;
    assert_eq!(calls, expected_after(&entries()[..20], &entries(), 0));
    Ok(())
}

#[test]
fn whichever_operation_fails_the_extraction_fails_and_can_be_done_again() {
    let dir = folder();
    for n in 1.. {
        let disk = Arc::new(FaultyDisk::failing_at(n));
        match second_run(disk.clone(), dir.path()) {
            Ok(()) => {
                assert!(n > 40, "only {n} operations");
                Report::new(
                    "faults::whichever_operation_fails_the_extraction_fails_and_can_be_done_again",
                    "spool: an I/O error at the n-th operation, for every n; no file is touched again after its sync failed",
                    n as u64 - 1,
                )
                .with("divergences", 0)
                .print();
                break;
            }
            Err(error) => {
                assert_eq!(error.code(), Code::SpoolIo, "operation {n}: {error}");
                assert!(
                    error.help_text().is_some() && error.message().contains("the disk says no"),
                    "{error}"
                );
                for left in ["2", "baseline/2"] {
                    assert!(!dir.path().join(left).exists(), "operation {n} left {left}");
                }
                disk.lose_power();
                second_run(Arc::new(RealDisk), dir.path()).unwrap();
            }
        }
    }
}

#[test]
fn power_that_goes_off_at_any_operation_costs_nothing_but_the_run_that_was_being_written() {
    let mut points = 0;
    for n in 1.. {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Arc::new(FaultyDisk::default()));
        let spool = Store::on(disk.clone(), dir.path(), 0, SMALL);
        write(&spool, header(1, CallType::Track), &entries()[..20], None).unwrap();
        disk.power_off_in(n);
        let Err(error) = write(&spool, header(2, CallType::Track), &entries(), Some(1)) else { break };
        assert_eq!(error.code(), Code::SpoolIo, "operation {n}: {error}");
        disk.lose_power();
        // The next process compares with run 1, which is whole, and writes run 2 again.
        second_run(Arc::new(RealDisk), dir.path()).unwrap();
        points += 1;
    }
    assert!(points > 40, "only {points} operations");
    Report::new(
        "faults::power_that_goes_off_at_any_operation_costs_nothing_but_the_run_that_was_being_written",
        "spool: loss of power at the n-th operation, for every n",
        points,
    )
    .with("divergences", 0)
    .print();
}

#[test]
fn what_finish_names_survives_a_loss_of_power_in_the_next_instant() {
    let dir = folder();
    let disk = Arc::new(FaultyDisk::default());
    let spool = Store::on(disk.clone(), dir.path(), 0, SMALL);
    let spooled = write(&spool, header(2, CallType::Track), &entries(), Some(1)).unwrap();
    disk.lose_power();
    assert_eq!(disk.log.lock().unwrap().renames, []);
    let calls = read(&spool, 2, &spooled.segments, 0, 0).unwrap();
    assert_eq!(calls, expected_after(&entries()[..20], &entries(), 0));
    let again = write(&spool, header(3, CallType::Track), &entries(), Some(2)).unwrap();
    assert_eq!(again.unchanged, again.entries);
}

#[test]
fn the_disk_reserve_ends_an_extraction_with_its_sizes() {
    let dir = folder();
    let disk = Arc::new(FaultyDisk::with_free(3 << 20));
    for (reserve, fits) in [(2 << 20, true), (3 << 20, false), (4 << 20, false)] {
        let spool = Store::on(disk.clone(), dir.path(), reserve, SMALL);
        let result = write(&spool, header(2, CallType::Track), &entries(), Some(1));
        assert_eq!(result.is_ok(), fits, "{reserve}");
        if let Err(error) = result {
            assert_eq!(error.code(), Code::DiskReserveReached);
            assert!(error.message().contains("3.0 MiB are free"), "{error}");
            assert_eq!(wait(spool.runs()).unwrap().len(), 1, "what was written is deleted");
        }
    }
}

#[test]
fn a_purge_that_fails_or_loses_power_at_any_operation_leaves_the_old_segments_or_the_new_ones() {
    let redacted = Redacted { calls: vec![0, 7, 15], rejections: vec![1] };
    for n in 1.. {
        let dir = folder();
        let whole = Store::on(Arc::new(RealDisk), dir.path(), 0, SMALL);
        let spooled = write(&whole, header(2, CallType::Track), &entries(), Some(1)).unwrap();
        let old = spooled.segments.clone();
        let before = read(&whole, 2, &old, 0, 0).unwrap();
        let disk = Arc::new(FaultyDisk::failing_at(n));
        let spool = Store::on(disk.clone(), dir.path(), 0, SMALL);
        let replaced = wait(spool.redact(RunId(2), &old, &redacted));
        disk.lose_power();
        match replaced {
            Err(error) => {
                assert_eq!(error.code(), Code::SpoolIo, "operation {n}: {error}");
                // The state names the old ones: they are whole, and what the attempt left is
                // deleted.
                assert_eq!(read(&whole, 2, &old, 0, 0).unwrap(), before, "operation {n}");
                wait(whole.remove_orphans(RunId(2), &old)).unwrap();
                assert_eq!(segment_files(dir.path()), old.len());
            }
            Ok(replaced) => {
                let named = |s: &SegmentInfo| {
                    replaced
                        .iter()
                        .find(|(old, _)| old == s)
                        .map_or_else(|| s.clone(), |(_, new)| new.clone())
                };
                let new: Vec<SegmentInfo> = old.iter().map(named).collect();
                assert_eq!(
                    read(&whole, 2, &old, 0, 0).unwrap(),
                    before,
                    "until the state names the new ones"
                );
                let calls = read(&whole, 2, &new, 0, 0).unwrap();
                assert_eq!(calls.iter().filter(|c| c.2.is_empty()).count(), 3);
                wait(whole.remove_orphans(RunId(2), &new)).unwrap();
                assert_eq!(read(&whole, 2, &new, 0, 0).unwrap(), calls);
                assert_eq!(segment_files(dir.path()), new.len());
                assert!(n > 12 && replaced.len() > 2, "{n} operations, {} segments", replaced.len());
                break;
            }
        }
    }
}

fn segment_files(dir: &Path) -> usize {
    let names = std::fs::read_dir(dir.join("2")).unwrap().map(|e| e.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().contains(".seg")).count()
}
