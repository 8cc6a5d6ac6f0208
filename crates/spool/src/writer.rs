//! Writing an extraction: the caller fills blocks, a thread of its own compresses and writes them.
//!
//! At most four blocks exist at a time (one being filled, two waiting, one being written), and their memory is used
//! again. The caller waits when the thread is behind. What goes wrong there is the error of the caller's next step.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use outflow_core::ports::spool::{
    BlockCall, CallBlock, Keep, Rejection, SegmentInfo, SegmentKind, SpoolHeader, SpoolWriter, Spooled,
};
use outflow_core::{CallFlags, CallMeta, CallType, Code, Error, Result, RunId};

use crate::block::{BLOCK_ENTRIES, Encoder, MAX_ENTRY};
use crate::budget::Budget;
use crate::contents;
use crate::disk::{Disk, failed};
use crate::merge::{Content, Sorter};
use crate::output::Output;
use crate::segment::NewSegment;

/// When one thing ends and the next begins. Tests make much of little data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    /// The most bytes of entries in a block, unless one entry alone is larger.
    pub(crate) block: usize,
    /// A segment with this many bytes of entries is closed: what a damaged file costs stays small.
    pub(crate) segment: u64,
    /// Content hashes that are sorted in memory.
    pub(crate) sort: usize,
}

impl Sizes {
    /// Those of `docs/formats/segment.md`; 3 MiB of hashes.
    pub(crate) const USUAL: Self =
        Self { block: 512 << 10, segment: 32 << 20, sort: (3 << 20) / Content::SIZE };
}

/// Blocks that wait for the thread.
const QUEUE: usize = 2;

/// Contents that are named at a time.
const NAMES: usize = 4096;

enum Job {
    Block(SegmentKind, CallBlock),
    Named(Vec<u128>),
    Finish(Option<RunId>),
}

/// The caller's side.
pub(crate) struct Writer {
    sizes: Sizes,
    call_type: CallType,
    calls: CallBlock,
    rejections: CallBlock,
    named: Vec<u128>,
    jobs: Option<SyncSender<Job>>,
    spare: Receiver<CallBlock>,
    thread: Option<JoinHandle<Result<Option<Spooled>>>>,
    bytes: Arc<AtomicU64>,
}

impl Writer {
    /// Begins an extraction that writes to the folder `dir`, of which nothing may exist.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        header: SpoolHeader,
        budget: Budget,
        sizes: Sizes,
    ) -> Result<Self> {
        let (jobs, received) = sync_channel(QUEUE);
        let (recycle, spare) = sync_channel(QUEUE + 2);
        let bytes = Arc::new(AtomicU64::new(0));
        let call_type = header.call_type;
        let work = Work {
            sizes,
            sorter: (header.keep != Keep::Nothing).then(|| Sorter::new("contents.spill", sizes.sort)),
            named: Sorter::new("named.spill", sizes.sort),
            names: 0,
            header,
            encoder: Encoder::new(),
            calls: Stream::new(SegmentKind::Calls),
            rejections: Stream::new(SegmentKind::Rejections),
            output: Output::new(disk, dir.clone(), budget),
            dir: dir.clone(),
            bytes: bytes.clone(),
        };
        let thread = std::thread::Builder::new()
            .name("outflow-spool".into())
            .spawn(move || work.run(&received, &recycle))
            .map_err(|e| failed("start a thread that writes", &dir, e))?;
        let (calls, rejections) = (CallBlock::default(), CallBlock::default());
        let (jobs, thread) = (Some(jobs), Some(thread));
        Ok(Self { sizes, call_type, calls, rejections, named: Vec::new(), jobs, spare, thread, bytes })
    }

    fn push(&mut self, kind: SegmentKind, meta: CallMeta, json: &[u8]) -> Result<()> {
        let limit = self.sizes.block;
        if json.len() > MAX_ENTRY {
            let length = json.len();
            return Err(Error::new(
                Code::SpoolIo,
                format!("a row of {length} bytes is too large for a segment"),
            )
            .help("leave the large column out of the query"));
        }
        let block = self.block(kind);
        if !block.calls.is_empty() && block.data.len() + json.len() > limit {
            self.send(kind)?;
        }
        let block = self.block(kind);
        let start = block.data.len() as u32;
        block.data.extend_from_slice(json);
        let end = block.data.len() as u32;
        block.calls.push(BlockCall { meta, start, end, unchanged: false });
        if block.data.len() >= limit || block.calls.len() == BLOCK_ENTRIES {
            self.send(kind)?;
        }
        Ok(())
    }

    fn block(&mut self, kind: SegmentKind) -> &mut CallBlock {
        match kind {
            SegmentKind::Calls => &mut self.calls,
            SegmentKind::Rejections => &mut self.rejections,
        }
    }

    /// Hands the block of that kind to the thread and begins an empty one.
    fn send(&mut self, kind: SegmentKind) -> Result<()> {
        let mut next = self.spare.try_recv().unwrap_or_default();
        let full = self.block(kind);
        next.first = full.first + full.calls.len() as u64;
        let full = std::mem::replace(full, next);
        self.bytes.fetch_add(full.data.len() as u64, Ordering::Relaxed);
        self.job(Job::Block(kind, full))
    }

    fn job(&mut self, job: Job) -> Result<()> {
        let sent = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(self.failure()) }
    }

    fn send_named(&mut self) -> Result<()> {
        let named = std::mem::take(&mut self.named);
        if named.is_empty() { Ok(()) } else { self.job(Job::Named(named)) }
    }

    /// What the thread ended with.
    fn join(&mut self) -> Result<Option<Spooled>> {
        self.jobs = None;
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) | None => Ok(None),
        }
    }

    fn failure(&mut self) -> Error {
        self.join().err().unwrap_or_else(|| {
            Error::new(Code::SpoolIo, "the spool takes nothing more after it failed")
                .help("the first error says why; run again")
        })
    }
}

impl SpoolWriter for Writer {
    fn call(&mut self, meta: &CallMeta, content: u128, json: &[u8]) -> Result<()> {
        self.push(SegmentKind::Calls, CallMeta { content, ..*meta }, json)
    }

    fn reject(&mut self, rejection: &Rejection) -> Result<()> {
        let json = serde_json::to_vec(rejection).expect("texts and numbers have a JSON form");
        let meta = CallMeta {
            ordinal: rejection.ordinal,
            call_type: self.call_type,
            flags: CallFlags(0),
            key: 0,
            key2: 0,
            content: 0,
        };
        self.push(SegmentKind::Rejections, meta, &json)
    }

    fn again(&mut self, content: u128) -> Result<()> {
        self.named.push(content);
        if self.named.len() == NAMES { self.send_named() } else { Ok(()) }
    }

    fn bytes(&self) -> u64 {
        let waiting = self.calls.data.len() + self.rejections.data.len();
        self.bytes.load(Ordering::Relaxed) + waiting as u64
    }

    fn finish(mut self: Box<Self>, previous: Option<RunId>) -> Result<Spooled> {
        for kind in [SegmentKind::Calls, SegmentKind::Rejections] {
            if !self.block(kind).calls.is_empty() {
                self.send(kind)?;
            }
        }
        self.send_named()?;
        self.job(Job::Finish(previous))?;
        match self.join()? {
            Some(spooled) => Ok(spooled),
            None => Err(self.failure()),
        }
    }

    fn abandon(self: Box<Self>) {}
}

impl Drop for Writer {
    /// A writer that was not finished is abandoned: the thread deletes what it wrote.
    fn drop(&mut self) {
        let _ = self.join();
    }
}

/// The thread's side.
struct Work {
    sizes: Sizes,
    header: SpoolHeader,
    encoder: Encoder,
    calls: Stream,
    rejections: Stream,
    sorter: Option<Sorter>,
    named: Sorter,
    names: u64,
    output: Output,
    dir: PathBuf,
    bytes: Arc<AtomicU64>,
}

impl Work {
    /// Works until there is nothing more to do. `None`: the extraction was abandoned.
    fn run(mut self, jobs: &Receiver<Job>, recycle: &SyncSender<CallBlock>) -> Result<Option<Spooled>> {
        let result = self.work(jobs, recycle);
        if !matches!(result, Ok(Some(_))) {
            self.output.discard();
        }
        result
    }

    fn work(&mut self, jobs: &Receiver<Job>, recycle: &SyncSender<CallBlock>) -> Result<Option<Spooled>> {
        while let Ok(job) = jobs.recv() {
            match job {
                Job::Finish(previous) => return self.finish(previous).map(Some),
                Job::Named(contents) => contents.into_iter().try_for_each(|c| self.name(c))?,
                Job::Block(kind, mut block) => {
                    self.write(kind, &block)?;
                    if block.data.capacity() <= 2 * self.sizes.block {
                        block.data.clear();
                        block.calls.clear();
                        let _ = recycle.try_send(block);
                    } else {
                        self.encoder.forget();
                    }
                }
            }
        }
        Ok(None)
    }

    fn write(&mut self, kind: SegmentKind, block: &CallBlock) -> Result<()> {
        let before = self.output.budget.result_bytes();
        let stream = match kind {
            SegmentKind::Calls => &mut self.calls,
            SegmentKind::Rejections => &mut self.rejections,
        };
        stream.write(block, &self.header, &mut self.encoder, &mut self.output)?;
        if stream.open.as_ref().is_some_and(|s| s.raw() >= self.sizes.segment) {
            stream.close(&mut self.output)?;
        }
        if let (SegmentKind::Calls, Some(sorter)) = (kind, &mut self.sorter) {
            for (position, call) in (block.first..).zip(&block.calls) {
                sorter.push(Content::new(call.meta.content, position), &mut self.output)?;
            }
        }
        let written = self.output.budget.result_bytes() - before;
        self.bytes.fetch_add(written, Ordering::Relaxed);
        self.bytes.fetch_sub(block.data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn name(&mut self, content: u128) -> Result<()> {
        self.named.push(Content::new(content, self.names), &mut self.output)?;
        self.names += 1;
        Ok(())
    }

    fn finish(&mut self, previous: Option<RunId>) -> Result<Spooled> {
        self.calls.close(&mut self.output)?;
        self.rejections.close(&mut self.output)?;
        let unchanged = match self.sorter.take() {
            Some(sorter) if self.calls.position > 0 => self.compare(sorter, previous)?,
            _ => 0,
        };
        self.output.sync()?;
        let mut segments = std::mem::take(&mut self.calls.segments);
        segments.append(&mut self.rejections.segments);
        Ok(Spooled {
            bytes: segments.iter().map(|s| s.bytes).sum(),
            segments,
            entries: self.calls.position,
            unchanged,
            rejected: self.rejections.position,
        })
    }

    /// Returns how many calls the previous run made already.
    fn compare(&mut self, sorter: Sorter, previous: Option<RunId>) -> Result<u64> {
        let sorted = sorter.finish(&mut self.output)?;
        let file = previous.map(|run| (self.dir.with_file_name(run.to_string()).join(contents::FILE), run));
        let previous = file.as_ref().map(|(path, run)| (path.as_path(), *run));
        let (run, entries, output) = (self.header.run, self.calls.position, &mut self.output);
        let bits = match self.header.keep {
            Keep::Nothing | Keep::All => contents::compare_and_write(run, entries, sorted, previous, output)?,
            Keep::Named => contents::compare(entries, sorted, previous, |_, _| Ok(()))?,
            Keep::Shared => {
                let (named, names) = (&mut self.named, &mut self.names);
                let bits = contents::compare(entries, sorted, previous, |hash, there| {
                    *names += u64::from(there);
                    if there { named.push(Content::new(hash, *names), output) } else { Ok(()) }
                })?;
                if bits.count() == 0 {
                    // The previous file is missing or damaged: what was found in it proves nothing.
                    (*named, *names) = (Sorter::new("named.spill", self.sizes.sort), 0);
                }
                bits
            }
        };
        if self.header.keep != Keep::All {
            let named = std::mem::replace(&mut self.named, Sorter::new("named.spill", self.sizes.sort));
            contents::write(run, self.names, named.finish(&mut self.output)?, &mut self.output)?;
        }
        if self.header.keep != Keep::Shared {
            bits.write(run, &mut self.output)?;
        }
        Ok(bits.count())
    }
}

/// The segments of one kind.
struct Stream {
    kind: SegmentKind,
    open: Option<NewSegment>,
    segments: Vec<SegmentInfo>,
    position: u64,
}

impl Stream {
    fn new(kind: SegmentKind) -> Self {
        Self { kind, open: None, segments: Vec::new(), position: 0 }
    }

    fn write(
        &mut self,
        block: &CallBlock,
        header: &SpoolHeader,
        encoder: &mut Encoder,
        output: &mut Output,
    ) -> Result<()> {
        let mut segment = match self.open.take() {
            Some(segment) => segment,
            None => {
                let number = self.segments.len() as u32;
                NewSegment::begin(self.kind, number, self.position, header, output)?
            }
        };
        segment.block(block, encoder, output)?;
        self.position += block.calls.len() as u64;
        self.open = Some(segment);
        Ok(())
    }

    fn close(&mut self, output: &mut Output) -> Result<()> {
        if let Some(segment) = self.open.take() {
            self.segments.push(segment.close(output)?);
        }
        Ok(())
    }
}
