//! One comparison: the caller feeds hashes, a separate thread sorts and compares them.
//!
//! Calls go to the thread 4,096 at a time, in buffers whose memory is used again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use async_trait::async_trait;
use outflow_core::ports::baseline::{Compared, Comparison, ComparisonSpec, Repeats, RetainedHashes};
use outflow_core::{Code, Error, Positions, Result};

use super::fill::Fill;
use super::hashes::{self, Earlier, HashFile};
use super::ids::Ids;
use super::repeated_keys::RepeatedKeys;
use super::repeats::{RepeatSorter, see};
use super::sorter::{Entry, Numbered, Sorted, check_position};
use crate::budget::Budget;
use crate::disk::Disk;
use crate::output::Output;
use crate::worker::{Jobs, QUEUE, Worker, blocking};

/// Calls that go to the thread at a time.
const BUFFER: usize = 4096;

/// Calls with the hashes of their contents.
type Calls = Vec<(u64, u128)>;

/// What calls are, and what the number before each content is.
#[derive(Clone, Copy)]
enum Kind {
    /// The run's own, with their keys.
    Fed,
    /// Calls that the next run can read again; the number says nothing.
    Overlap,
    /// Those that the destination has got, with their keys.
    Given,
    /// The same, with parts of their ids.
    GivenIds,
    /// The run's own, twice each, with both halves of the id of the first of their content.
    FirstIds,
    /// The run's own, with hashes of the ids that they were given.
    Ids,
}

enum Job {
    Calls(Kind, Calls),
    Retain(RetainedHashes),
    Finish,
}

/// The caller's side.
pub(crate) struct DiskComparison {
    fed: Calls,
    overlap: Calls,
    given: Calls,
    given_ids: Calls,
    first_ids: Calls,
    ids: Calls,
    /// What was not handed over yet.
    waiting: VecDeque<Job>,
    spare: Receiver<Calls>,
    worker: Worker<Job, Option<Compared>>,
}

impl DiskComparison {
    /// Begins a comparison that writes to the folder `dir`, which must not exist.
    pub(super) fn begin(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        spec: ComparisonSpec,
        [previous, before]: [Option<HashFile>; 2],
        budget: Budget,
        sorted: usize,
    ) -> Result<Self> {
        let (recycle, spare) = sync_channel(QUEUE + 2);
        let work = Work {
            spec,
            previous,
            fill: spec.fill.map(|fill| Fill::new(fill, before, spec.numbers, sorted)),
            repeated_keys: spec.by_key.then(RepeatedKeys::new),
            fed: Numbered::new("fed.spill", sorted),
            retained: Numbered::new("retained.spill", sorted),
            repeats: spec.numbers.then(|| RepeatSorter::new(sorted)),
            ids: Ids::new(sorted),
            sorted,
            output: Output::new(disk, dir.clone(), budget),
        };
        let worker = Worker::start("outflow-baseline", &dir, move |jobs| work.run(jobs, &recycle))?;
        let (fed, overlap, given, given_ids, first_ids, ids, waiting) = Default::default();
        Ok(Self { fed, overlap, given, given_ids, first_ids, ids, waiting, spare, worker })
    }

    /// Adds a call of that kind.
    #[inline]
    fn push(&mut self, kind: Kind, number: u64, content: u128) {
        let calls = match kind {
            Kind::Fed => &mut self.fed,
            Kind::Overlap => &mut self.overlap,
            Kind::Given => &mut self.given,
            Kind::GivenIds => &mut self.given_ids,
            Kind::FirstIds => &mut self.first_ids,
            Kind::Ids => &mut self.ids,
        };
        calls.push((number, content));
        if calls.len() == BUFFER {
            let next = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(BUFFER));
            let full = std::mem::replace(calls, next);
            self.waiting.push_back(Job::Calls(kind, full));
        }
    }
}

#[async_trait]
impl Comparison for DiskComparison {
    fn feed(&mut self, key: u64, content: u128) {
        self.push(Kind::Fed, key, content);
    }

    fn mark_overlap(&mut self, content: u128) {
        self.push(Kind::Overlap, 0, content);
    }

    fn mark_given(&mut self, key: u64, content: u128) {
        self.push(Kind::Given, key, content);
    }

    fn feed_first_id(&mut self, id: u128, content: u128) {
        // A buffer holds an even number of them, so that both are in one.
        self.push(Kind::FirstIds, (id >> 64) as u64, content);
        self.push(Kind::FirstIds, id as u64, content);
    }

    fn mark_given_id(&mut self, id: u128, content: u128) {
        self.push(Kind::GivenIds, id as u64, content);
    }

    fn feed_id(&mut self, id: u64, content: u128) {
        self.push(Kind::Ids, id, content);
    }

    fn retain(&mut self, retained: RetainedHashes) {
        self.waiting.push_back(Job::Retain(retained));
    }

    async fn flush(&mut self) -> Result<()> {
        self.worker.send_all(&mut self.waiting).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Compared> {
        let rest = [
            (Kind::Fed, std::mem::take(&mut self.fed)),
            (Kind::Overlap, std::mem::take(&mut self.overlap)),
            (Kind::Given, std::mem::take(&mut self.given)),
            (Kind::GivenIds, std::mem::take(&mut self.given_ids)),
            (Kind::FirstIds, std::mem::take(&mut self.first_ids)),
            (Kind::Ids, std::mem::take(&mut self.ids)),
        ];
        self.waiting.extend(rest.map(|(kind, calls)| Job::Calls(kind, calls)));
        self.waiting.push_back(Job::Finish);
        self.flush().await?;
        let ended = self.worker.end().await?;
        ended.ok_or_else(|| Error::new(Code::SpoolIo, "the comparison was abandoned"))
    }

    async fn abandon(self: Box<Self>) {
        // Waits for the thread, which deletes what it wrote.
        let _ = blocking(move || {
            drop(self);
            Ok(())
        })
        .await;
    }
}

/// The thread's side.
struct Work {
    spec: ComparisonSpec,
    /// The file of the earlier run.
    previous: Option<HashFile>,
    fill: Option<Fill>,
    /// Keys that occur again, if their order counts.
    repeated_keys: Option<RepeatedKeys>,
    fed: Numbered,
    /// Hashes that are kept, unless all are.
    retained: Numbered,
    repeats: Option<RepeatSorter>,
    ids: Ids,
    sorted: usize,
    output: Output,
}

impl Work {
    /// Works until there is nothing more to do. `None`: the comparison was abandoned.
    fn run(mut self, jobs: Jobs<Job>, recycle: &SyncSender<Calls>) -> Result<Option<Compared>> {
        let result = self.work(jobs, recycle);
        if !matches!(result, Ok(Some(_))) {
            self.output.discard();
        }
        result
    }

    fn work(&mut self, mut jobs: Jobs<Job>, recycle: &SyncSender<Calls>) -> Result<Option<Compared>> {
        while let Some(job) = jobs.next() {
            match job {
                Job::Finish => return self.finish().map(Some),
                Job::Retain(retained) => self.spec.retained = retained,
                Job::Calls(kind, mut calls) => {
                    self.take(kind, &calls)?;
                    calls.clear();
                    let _ = recycle.try_send(calls);
                }
            }
        }
        Ok(None)
    }

    fn take(&mut self, kind: Kind, calls: &[(u64, u128)]) -> Result<()> {
        let output = &mut self.output;
        match kind {
            Kind::Fed => {
                if let Some(fill) = self.fill.as_mut().filter(|fill| fill.by_key()) {
                    fill.keyed(calls, output)?;
                }
                if let Some(repeated) = &mut self.repeated_keys {
                    repeated.add(calls, output)?;
                }
                calls.iter().try_for_each(|(_, content)| self.fed.push(*content, output))
            }
            Kind::Overlap => calls.iter().try_for_each(|(_, content)| self.retained.push(*content, output)),
            Kind::Given | Kind::GivenIds | Kind::FirstIds => {
                let Some(fill) = &mut self.fill else { return Ok(()) };
                match kind {
                    Kind::GivenIds => fill.numbered.given(calls, output),
                    Kind::FirstIds => fill.numbered.first(calls, output),
                    _ => fill.given(calls, output),
                }
            }
            Kind::Ids => calls.iter().try_for_each(|(id, content)| self.ids.push(*id, *content, output)),
        }
    }

    fn finish(&mut self) -> Result<Compared> {
        if self.fed.count == 0 {
            return Ok(Compared::default());
        }
        let (count, fed) = self.take_fed()?;
        if let Some(fill) = self.fill.take() {
            return self.fill_gap(fill, count, fed);
        }
        let (fed, groups) = match self.repeated_keys.take() {
            Some(repeated) => {
                let earlier = self.earlier();
                repeated.adjust(fed, earlier, self.sorted, &mut self.output)?
            }
            None => (fed, None),
        };
        let mut compared = match self.spec.retained {
            RetainedHashes::All => self.compare_and_keep_all(count, fed)?,
            RetainedHashes::Overlap => {
                let (repeats, output) = (&mut self.repeats, &mut self.output);
                let earlier = self.previous.as_ref().and_then(|(path, run)| Earlier::open(path, *run));
                let compared = compare(count, fed, earlier, |entry, _| see(repeats, entry, output))?;
                self.keep_retained()?;
                compared
            }
            RetainedHashes::Shared => {
                let compared = self.compare_and_retain_shared(count, fed)?;
                self.keep_retained()?;
                compared
            }
        };
        compared.repeats = self.take_repeats()?;
        compared.repeated_ids = self.compare_ids()?;
        self.output.sync()?;
        if let Some(groups) = groups.filter(|_| !compared.earlier_missing) {
            groups.settle(&mut compared.same)?;
        }
        compared.earlier_missing &= self.previous.is_some();
        Ok(compared)
    }

    /// Compares for a run that fills a gap, and keeps what the sync's next run may still leave out:
    /// the hashes of the run before that this one found again.
    fn fill_gap(&mut self, fill: Fill, count: u64, fed: Sorted) -> Result<Compared> {
        let next = std::mem::replace(&mut self.retained, Numbered::new("shared.spill", self.sorted));
        let next = next.sorter.finish(&mut self.output)?;
        let (retained, output) = (&mut self.retained, &mut self.output);
        let kept = (self.previous.as_ref(), retained, &mut self.repeats);
        let mut compared = fill.compare(count, fed, next, kept, output)?;
        self.keep_retained()?;
        compared.repeats = self.take_repeats()?;
        compared.repeated_ids = self.compare_ids()?;
        self.output.sync()?;
        Ok(compared)
    }

    fn earlier(&self) -> Option<Earlier> {
        self.previous.as_ref().and_then(|(path, run)| Earlier::open(path, *run))
    }

    /// All hashes of the run in order, and how many there are.
    fn take_fed(&mut self) -> Result<(u64, Sorted)> {
        let fed = std::mem::replace(&mut self.fed, Numbered::new("fed.spill", self.sorted));
        Ok((fed.count, fed.sorter.finish(&mut self.output)?))
    }

    fn compare_and_keep_all(&mut self, count: u64, fed: Sorted) -> Result<Compared> {
        let earlier = self.earlier();
        let mut file = hashes::Writer::begin(self.spec.run, count, &mut self.output)?;
        let (repeats, output) = (&mut self.repeats, &mut self.output);
        let compared = compare(count, fed, earlier, |entry, _| {
            see(repeats, entry, output)?;
            file.push(entry.hash(), output)
        })?;
        file.finish(&mut self.output)?;
        Ok(compared)
    }

    fn compare_and_retain_shared(&mut self, count: u64, fed: Sorted) -> Result<Compared> {
        let earlier = self.earlier();
        let (retained, repeats, output) = (&mut self.retained, &mut self.repeats, &mut self.output);
        let compared = compare(count, fed, earlier, |entry, same| {
            see(repeats, entry, output)?;
            match same {
                true => retained.push(entry.hash(), output),
                false => Ok(()),
            }
        })?;
        if compared.same.count() == 0 {
            // The earlier file is missing or damaged: a hash that was found in it proves nothing.
            self.retained = Numbered::new(self.retained.name, self.sorted);
        }
        Ok(compared)
    }

    /// Compares the ids that the query gave with those of the earlier run.
    fn compare_ids(&mut self) -> Result<u64> {
        let ids = std::mem::replace(&mut self.ids, Ids::new(self.sorted));
        let earlier = self.previous.as_ref();
        let earlier =
            earlier.and_then(|(path, run)| Earlier::open(&path.with_file_name(hashes::IDS_FILE), *run));
        let keeps = self.spec.retained != RetainedHashes::Shared;
        ids.finish(self.spec.run, earlier, keeps, &mut self.output)
    }

    fn take_repeats(&mut self) -> Result<Repeats> {
        self.repeats.take().map_or_else(|| Ok(Repeats::default()), |repeats| repeats.finish(&mut self.output))
    }

    fn keep_retained(&mut self) -> Result<()> {
        let empty = Numbered::new(self.retained.name, self.sorted);
        let retained = std::mem::replace(&mut self.retained, empty);
        let mut file = hashes::Writer::begin(self.spec.run, retained.count, &mut self.output)?;
        let mut sorted = retained.sorter.finish(&mut self.output)?;
        while let Some(entry) = sorted.next()? {
            file.push(entry.hash(), &mut self.output)?;
        }
        file.finish(&mut self.output)
    }
}

/// Compares `count` hashes, sorted, with the file of an earlier run. `each` gets every entry in
/// order, and whether the earlier run has it too.
fn compare(
    count: u64,
    mut sorted: Sorted,
    mut earlier: Option<Earlier>,
    mut each: impl FnMut(Entry, bool) -> Result<()>,
) -> Result<Compared> {
    let mut same = Positions::none_of(count);
    while let Some(entry) = sorted.next()? {
        check_position(entry.position, count)?;
        let found = earlier.as_mut().is_some_and(|e| e.take(entry.hash()));
        if found {
            same.insert(entry.position);
        }
        each(entry, found)?;
    }
    match earlier.and_then(Earlier::finish) {
        Some(total) => {
            // An ordered file gives each of its hashes at most once.
            let not_fed = total.saturating_sub(same.count());
            Ok(Compared { not_fed, same, ..Compared::default() })
        }
        None => {
            let same = Positions::none_of(count);
            Ok(Compared { same, earlier_missing: true, ..Compared::default() })
        }
    }
}
