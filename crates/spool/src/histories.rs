//! Random histories of a spool whose disk fails, loses power and fills up, against a table of what
//! each run that was finished holds.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use outflow_core::ports::baseline::Baseline as _;
use outflow_core::ports::spool::{Spool as _, Spooled};
use outflow_core::{CallType, Code, Error, RunId};
use outflow_testkit::{Report, Rng, seed, slice_or_whole};

use crate::disk::RealDisk;
use crate::faults::FaultyDisk;
use crate::model::{
    Entry, Read, SMALL, Store, call, expected_after, header, read, rejection, rejections, wait, write,
};

/// Free space that is to stay.
const RESERVE: u64 = 1 << 20;

/// What happens to the disk under a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mishap {
    None,
    Fails(usize),
    PowerOff(usize),
    Full(u64),
}

impl Mishap {
    fn any(rng: &mut Rng) -> Mishap {
        match rng.below(6) {
            0 => Mishap::Fails(1 + rng.below(60) as usize),
            1 => Mishap::PowerOff(1 + rng.below(60) as usize),
            2 => Mishap::Full(rng.below(2_000)),
            _ => Mishap::None,
        }
    }

    fn disk(self) -> FaultyDisk {
        match self {
            Mishap::None => FaultyDisk::default(),
            Mishap::Fails(n) => FaultyDisk::failing_at(n),
            Mishap::PowerOff(n) => {
                let disk = FaultyDisk::default();
                disk.power_off_in(n);
                disk
            }
            Mishap::Full(room) => FaultyDisk::with_free(RESERVE + room),
        }
    }

    /// Demands that a run failed in the way of this, and left no file behind where there was power
    /// to remove it.
    fn assert_explains(self, error: &Error, dir: &Path, run: u64) {
        let full = error.message().contains("are written") && error.message().contains("are free");
        match self {
            Mishap::None => panic!("run {run}: {error}"),
            Mishap::Fails(_) | Mishap::PowerOff(_) => assert_eq!(error.code(), Code::SpoolIo, "{error}"),
            Mishap::Full(_) => assert!(error.code() == Code::DiskReserveReached && full, "{error}"),
        }
        for left in [dir.join(run.to_string()), dir.join(format!("baseline/{run}"))] {
            assert!(matches!(self, Mishap::PowerOff(_)) || !left.exists(), "{} is left", left.display());
        }
    }
}

/// A spool's folder, and what its finished runs hold.
struct History {
    dir: tempfile::TempDir,
    rng: Rng,
    finished: BTreeMap<u64, Finished>,
}

/// A run that was finished.
struct Finished {
    entries: Vec<Entry>,
    /// What is read of it.
    calls: Vec<Read>,
    spooled: Spooled,
}

impl History {
    fn entries(&mut self, run: u64) -> Vec<Entry> {
        let rng = &mut self.rng;
        let count = rng.below(60);
        let text = |rng: &mut Rng| vec![b'a' + rng.below(26) as u8; rng.below(300) as usize];
        let entry = |rng: &mut Rng, i| match rng.below(8) {
            0 => rejection(i, "bad"),
            // Some contents come again in the next run.
            _ => call(i, (u128::from(run / 2) << 64) | u128::from(rng.below(30)), &text(rng)),
        };
        (0..count).map(|i| entry(rng, i)).collect()
    }

    /// Writes a run; then the power goes off in any case. Returns what kept it from being finished.
    fn write(&mut self, run: u64) -> Option<Mishap> {
        let (entries, mishap) = (self.entries(run), Mishap::any(&mut self.rng));
        let disk = Arc::new(mishap.disk());
        let reserve = if matches!(mishap, Mishap::Full(_)) { RESERVE } else { 0 };
        let spool = Store::on(disk.clone(), self.dir.path(), reserve, SMALL);
        let previous = self.finished.keys().next_back().copied();
        let written = write(&spool, header(run, CallType::Track), &entries, previous);
        if let Err(error) = &written {
            mishap.assert_explains(error, self.dir.path(), run);
        }
        disk.lose_power();
        match written {
            Ok(spooled) => {
                let before = previous.and_then(|run| self.finished.get(&run));
                let calls = expected_after(before.map_or(&[], |run| &run.entries), &entries, 0);
                self.finished.insert(run, Finished { entries, calls, spooled });
                None
            }
            Err(_) => Some(mishap),
        }
    }

    /// Another process opens the spool: every finished run is whole, from any position on, and
    /// everything else is removed as an orphan.
    fn check(&mut self) {
        let spool = Store::on(Arc::new(RealDisk), self.dir.path(), 0, SMALL);
        if self.rng.below(5) == 0 && self.finished.len() > 1 {
            let (oldest, _) = self.finished.pop_first().unwrap();
            wait(spool.remove(RunId(oldest))).unwrap();
            wait(spool.baseline().remove(RunId(oldest))).unwrap();
        }
        for (run, Finished { calls, spooled, .. }) in &self.finished {
            let whole = read(&spool, *run, &spooled.segments, 0, 0).unwrap();
            let from = self.rng.below(whole.len() as u64 + 1);
            let tail: Vec<_> = whole.iter().filter(|c| c.0 >= from).cloned().collect();
            assert_eq!(
                read(&spool, *run, &spooled.segments, 0, from).unwrap(),
                tail,
                "run {run} from {from}"
            );
            assert_eq!(whole, *calls, "run {run}");
            let rejected = rejections(&spool, *run, &spooled.segments).unwrap();
            assert_eq!(rejected.len() as u64, spooled.rejected, "run {run}");
        }
        // Orphans are removed by the number of their run.
        let named = |run: &RunId| self.finished.contains_key(&run.0);
        for left in wait(spool.runs()).unwrap().into_iter().filter(|run| !named(run)) {
            wait(spool.remove(left)).unwrap();
        }
        for left in wait(spool.baseline().runs()).unwrap().into_iter().filter(|run| !named(run)) {
            wait(spool.baseline().remove(left)).unwrap();
        }
    }
}

#[test]
fn random_histories_with_faults_keep_every_finished_run_and_invent_none() {
    let (first, histories) = (seed(), slice_or_whole(30, 600));
    let (mut written, mut failed, mut powerless, mut full) = (0, 0, 0, 0);
    for history in 0..histories {
        let dir = tempfile::tempdir().unwrap();
        let rng = Rng::new(first.wrapping_add(history));
        let mut history = History { dir, rng, finished: BTreeMap::new() };
        for run in 1..=12 {
            match history.write(run) {
                None | Some(Mishap::None) => written += 1,
                Some(Mishap::Fails(_)) => failed += 1,
                Some(Mishap::PowerOff(_)) => powerless += 1,
                Some(Mishap::Full(_)) => full += 1,
            }
            history.check();
        }
    }
    assert!(failed > 0 && powerless > 0 && full > 0, "{failed} {powerless} {full}");
    Report::new(
        "histories::random_histories_with_faults_keep_every_finished_run_and_invent_none",
        format!("spool: {failed} failed operations, {powerless} losses of power, {full} full disks among {written} finished runs"),
        failed + powerless + full,
    )
    .with("histories", histories)
    .with("divergences", 0)
    .print();
}
