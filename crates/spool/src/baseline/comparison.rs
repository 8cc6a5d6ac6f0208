//! One comparison: the caller feeds hashes, a separate thread sorts and compares them.
//!
//! Hashes go to the thread 4,096 at a time, in buffers whose memory is used again.

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

/// Hashes that go to the thread at a time.
const BUFFER: usize = 4096;

enum Job {
    Fed(Vec<u128>),
    Overlap(Vec<u128>),
    /// Keys with contents: of the run's own calls, and, for one that fills a gap, of those that the
    /// destination has got.
    Keyed(Vec<(u64, u128)>),
    Given(Vec<(u64, u128)>),
    Ids(Vec<(u64, u128)>),
    Retain(RetainedHashes),
    Finish,
}

/// The caller's side.
pub(crate) struct DiskComparison {
    fed: Vec<u128>,
    overlap: Vec<u128>,
    /// Calls with their keys, if keys count.
    keyed: Option<Vec<(u64, u128)>>,
    given: Vec<(u64, u128)>,
    /// Ids with contents.
    ids: Vec<(u64, u128)>,
    /// What was not handed over yet.
    waiting: VecDeque<Job>,
    spare: Receiver<Vec<u128>>,
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
            fill: spec.fill.map(|fill| Fill::new(fill, before, sorted)),
            repeated_keys: spec.by_key.then(RepeatedKeys::new),
            fed: Numbered::new("fed.spill", sorted),
            retained: Numbered::new("retained.spill", sorted),
            repeats: spec.numbers.then(|| RepeatSorter::new(sorted)),
            ids: Ids::new(sorted),
            sorted,
            output: Output::new(disk, dir.clone(), budget),
        };
        let worker = Worker::start("outflow-baseline", &dir, move |jobs| work.run(jobs, &recycle))?;
        let keyed = (spec.by_key || spec.fill.is_some_and(|fill| fill.by_key)).then(Vec::new);
        let (fed, overlap, given, ids, waiting) = Default::default();
        Ok(Self { fed, overlap, keyed, given, ids, waiting, spare, worker })
    }

    /// An empty buffer.
    fn buffer(&self) -> Vec<u128> {
        self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(BUFFER))
    }
}

#[async_trait]
impl Comparison for DiskComparison {
    fn feed(&mut self, key: u64, content: u128) {
        if let Some(keyed) = &mut self.keyed {
            keyed.push((key, content));
            if keyed.len() == BUFFER {
                self.waiting.push_back(Job::Keyed(std::mem::take(keyed)));
            }
        }
        self.fed.push(content);
        if self.fed.len() == BUFFER {
            let next = self.buffer();
            let full = std::mem::replace(&mut self.fed, next);
            self.waiting.push_back(Job::Fed(full));
        }
    }

    fn mark_overlap(&mut self, content: u128) {
        self.overlap.push(content);
        if self.overlap.len() == BUFFER {
            let next = self.buffer();
            let full = std::mem::replace(&mut self.overlap, next);
            self.waiting.push_back(Job::Overlap(full));
        }
    }

    fn mark_given(&mut self, key: u64, content: u128) {
        self.given.push((key, content));
        if self.given.len() == BUFFER {
            self.waiting.push_back(Job::Given(std::mem::take(&mut self.given)));
        }
    }

    fn feed_id(&mut self, id: u64, content: u128) {
        self.ids.push((id, content));
        if self.ids.len() == BUFFER {
            self.waiting.push_back(Job::Ids(std::mem::take(&mut self.ids)));
        }
    }

    fn retain(&mut self, retained: RetainedHashes) {
        self.waiting.push_back(Job::Retain(retained));
    }

    async fn flush(&mut self) -> Result<()> {
        self.worker.send_all(&mut self.waiting).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Compared> {
        let (fed, overlap) = (std::mem::take(&mut self.fed), std::mem::take(&mut self.overlap));
        let (keyed, given) = (self.keyed.take().unwrap_or_default(), std::mem::take(&mut self.given));
        let ids = Job::Ids(std::mem::take(&mut self.ids));
        let last = [Job::Fed(fed), Job::Overlap(overlap), Job::Keyed(keyed), Job::Given(given), ids];
        self.waiting.extend(last);
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
    fn run(mut self, jobs: Jobs<Job>, recycle: &SyncSender<Vec<u128>>) -> Result<Option<Compared>> {
        let result = self.work(jobs, recycle);
        if !matches!(result, Ok(Some(_))) {
            self.output.discard();
        }
        result
    }

    fn work(&mut self, mut jobs: Jobs<Job>, recycle: &SyncSender<Vec<u128>>) -> Result<Option<Compared>> {
        while let Some(job) = jobs.next() {
            let (sorter, mut hashes) = match job {
                Job::Finish => return self.finish().map(Some),
                Job::Fed(hashes) => (&mut self.fed, hashes),
                Job::Overlap(hashes) => (&mut self.retained, hashes),
                Job::Retain(retained) => {
                    self.spec.retained = retained;
                    continue;
                }
                Job::Ids(ids) => {
                    for (id, content) in ids {
                        self.ids.push(id, content, &mut self.output)?;
                    }
                    continue;
                }
                Job::Keyed(calls) => {
                    self.fill.as_mut().map_or(Ok(()), |fill| fill.keyed(&calls, &mut self.output))?;
                    let repeated = self.repeated_keys.as_mut();
                    repeated.map_or(Ok(()), |repeated| repeated.add(&calls, &mut self.output))?;
                    continue;
                }
                Job::Given(calls) => {
                    self.fill.as_mut().map_or(Ok(()), |fill| fill.given(&calls, &mut self.output))?;
                    continue;
                }
            };
            hashes.drain(..).try_for_each(|hash| sorter.push(hash, &mut self.output))?;
            let _ = recycle.try_send(hashes);
        }
        Ok(None)
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
