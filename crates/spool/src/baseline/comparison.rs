//! One comparison: the caller feeds hashes, a separate thread sorts and compares them.
//!
//! Hashes go to the thread 4,096 at a time, in buffers whose memory is used again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use async_trait::async_trait;
use outflow_core::ports::baseline::{Compared, Comparison, ComparisonSpec, RetainedHashes};
use outflow_core::{Code, Error, Positions, Result, RunId};

use super::hashes::{self, Earlier};
use super::sorter::{Entry, Sorted, Sorter};
use crate::budget::Budget;
use crate::disk::Disk;
use crate::output::Output;
use crate::worker::{Jobs, QUEUE, Worker, blocking};

/// Hashes that go to the thread at a time.
const BUFFER: usize = 4096;

enum Job {
    Fed(Vec<u128>),
    Overlap(Vec<u128>),
    Finish,
}

/// The caller's side.
pub(crate) struct DiskComparison {
    fed: Vec<u128>,
    overlap: Vec<u128>,
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
        previous: Option<(PathBuf, RunId)>,
        budget: Budget,
        sorted: usize,
    ) -> Result<Self> {
        let (recycle, spare) = sync_channel(QUEUE + 2);
        let work = Work {
            spec,
            previous,
            fed: Numbered::new("fed.spill", sorted),
            retained: Numbered::new("retained.spill", sorted),
            sorted,
            output: Output::new(disk, dir.clone(), budget),
        };
        let worker = Worker::start("outflow-baseline", &dir, move |jobs| work.run(jobs, &recycle))?;
        Ok(Self { fed: Vec::new(), overlap: Vec::new(), waiting: VecDeque::new(), spare, worker })
    }

    /// An empty buffer.
    fn buffer(&self) -> Vec<u128> {
        self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(BUFFER))
    }
}

#[async_trait]
impl Comparison for DiskComparison {
    fn feed(&mut self, _key: u64, content: u128) {
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

    async fn flush(&mut self) -> Result<()> {
        self.worker.send_all(&mut self.waiting).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Compared> {
        let (fed, overlap) = (std::mem::take(&mut self.fed), std::mem::take(&mut self.overlap));
        self.waiting.extend([Job::Fed(fed), Job::Overlap(overlap), Job::Finish]);
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

/// A sorter that numbers what it gets.
struct Numbered {
    name: &'static str,
    sorter: Sorter,
    count: u64,
}

impl Numbered {
    fn new(name: &'static str, sorted: usize) -> Self {
        Self { name, sorter: Sorter::new(name, sorted), count: 0 }
    }

    fn push(&mut self, hash: u128, output: &mut Output) -> Result<()> {
        self.sorter.push(Entry::new(hash, self.count), output)?;
        self.count += 1;
        Ok(())
    }
}

/// The thread's side.
struct Work {
    spec: ComparisonSpec,
    /// The file of the earlier run.
    previous: Option<(PathBuf, RunId)>,
    fed: Numbered,
    /// Hashes that are kept, unless all are.
    retained: Numbered,
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
        let compared = match self.spec.retained {
            RetainedHashes::All => self.compare_and_keep_all(count, fed)?,
            RetainedHashes::Overlap => {
                let compared = compare(count, fed, self.earlier(), |_, _| Ok(()))?;
                self.keep_retained()?;
                compared
            }
            RetainedHashes::Shared => {
                let compared = self.compare_and_retain_shared(count, fed)?;
                self.keep_retained()?;
                compared
            }
        };
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
        let compared = compare(count, fed, earlier, |hash, _| file.push(hash, &mut self.output))?;
        file.finish(&mut self.output)?;
        Ok(compared)
    }

    fn compare_and_retain_shared(&mut self, count: u64, fed: Sorted) -> Result<Compared> {
        let earlier = self.earlier();
        let (retained, output) = (&mut self.retained, &mut self.output);
        let compared = compare(count, fed, earlier, |hash, same| match same {
            true => retained.push(hash, output),
            false => Ok(()),
        })?;
        if compared.same.count() == 0 {
            // The earlier file is missing or damaged: a hash that was found in it proves nothing.
            self.retained = Numbered::new(self.retained.name, self.sorted);
        }
        Ok(compared)
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

/// Compares `count` hashes, sorted, with the file of an earlier run. `each` gets every hash in
/// order, and whether the earlier run has it too.
fn compare(
    count: u64,
    mut sorted: Sorted,
    mut earlier: Option<Earlier>,
    mut each: impl FnMut(u128, bool) -> Result<()>,
) -> Result<Compared> {
    let mut same = Positions::none_of(count);
    while let Some(entry) = sorted.next()? {
        if entry.position >= count {
            return Err(Error::new(Code::SpoolIo, "the hashes read back differ from those written")
                .help("check the disk, then run again"));
        }
        let found = earlier.as_mut().is_some_and(|e| e.take(entry.hash()));
        if found {
            same.insert(entry.position);
        }
        each(entry.hash(), found)?;
    }
    match earlier.and_then(Earlier::finish) {
        Some(total) => Ok(Compared { not_fed: total - same.count(), same }),
        None => Ok(Compared { same: Positions::none_of(count), not_fed: 0 }),
    }
}
