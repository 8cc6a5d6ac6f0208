//! Writing an extraction: the caller fills blocks, a separate thread compresses and writes them.
//!
//! Full blocks wait with the caller until it flushes; two more wait for the thread. The memory of
//! written blocks is used again.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use async_trait::async_trait;
use outflow_core::ports::spool::{
    BlockCall, CallBlock, Edits, Rejection, SegmentInfo, SegmentKind, SpoolHeader, SpoolWriter, Spooled,
};
use outflow_core::{CallFlags, CallMeta, CallType, Code, Error, Result};

use crate::block::{BLOCK_ENTRIES, Encoder, MAX_ENTRY};
use crate::budget::Budget;
use crate::disk::Disk;
use crate::edit;
use crate::output::Output;
use crate::segment::NewSegment;
use crate::sizes::Sizes;
use crate::worker::{Jobs, QUEUE, Worker, blocking};

enum Job {
    Block(SegmentKind, CallBlock),
    Seal,
    Finish(Edits),
}

/// The caller's side.
pub(crate) struct Writer {
    sizes: Sizes,
    call_type: CallType,
    calls: CallBlock,
    rejections: CallBlock,
    /// What was not handed over yet.
    waiting: VecDeque<Job>,
    spare: Receiver<CallBlock>,
    worker: Worker<Job, Option<Spooled>>,
    bytes: Arc<AtomicU64>,
}

impl Writer {
    /// Begins an extraction that writes to the folder `dir`, which must not exist.
    pub(crate) fn begin(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        header: SpoolHeader,
        budget: Budget,
        sizes: Sizes,
    ) -> Result<Self> {
        let (recycle, spare) = sync_channel(QUEUE + 2);
        let bytes = Arc::new(AtomicU64::new(0));
        let call_type = header.call_type;
        let work = Work {
            sizes,
            header,
            dir: dir.clone(),
            encoder: Encoder::new(),
            calls: Stream::new(SegmentKind::Calls),
            rejections: Stream::new(SegmentKind::Rejections),
            output: Output::new(disk, dir.clone(), budget),
            bytes: bytes.clone(),
        };
        let worker = Worker::start("outflow-spool", &dir, move |jobs| work.run(jobs, &recycle))?;
        let (calls, rejections) = (CallBlock::default(), CallBlock::default());
        Ok(Self { sizes, call_type, calls, rejections, waiting: VecDeque::new(), spare, worker, bytes })
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
            self.close_block(kind);
        }
        let block = self.block(kind);
        let start = block.data.len() as u32;
        block.data.extend_from_slice(json);
        let end = block.data.len() as u32;
        block.calls.push(BlockCall { meta, start, end, unchanged: false });
        if block.data.len() >= limit || block.calls.len() == BLOCK_ENTRIES {
            self.close_block(kind);
        }
        Ok(())
    }

    fn block(&mut self, kind: SegmentKind) -> &mut CallBlock {
        match kind {
            SegmentKind::Calls => &mut self.calls,
            SegmentKind::Rejections => &mut self.rejections,
        }
    }

    /// Has the block of that kind wait for the thread, and begins an empty one.
    fn close_block(&mut self, kind: SegmentKind) {
        let mut next = self.spare.try_recv().unwrap_or_default();
        let full = self.block(kind);
        next.first = full.first + full.calls.len() as u64;
        let full = std::mem::replace(full, next);
        self.bytes.fetch_add(full.data.len() as u64, Ordering::Relaxed);
        self.waiting.push_back(Job::Block(kind, full));
    }

    fn close(&mut self) {
        for kind in [SegmentKind::Calls, SegmentKind::Rejections] {
            if !self.block(kind).calls.is_empty() {
                self.close_block(kind);
            }
        }
        self.waiting.push_back(Job::Seal);
    }
}

#[async_trait]
impl SpoolWriter for Writer {
    fn call(&mut self, meta: &CallMeta, json: &[u8]) -> Result<()> {
        self.push(SegmentKind::Calls, *meta, json)
    }

    fn reject(&mut self, rejection: &Rejection) -> Result<()> {
        let json = serde_json::to_vec(rejection).expect("texts and numbers have a JSON form");
        let meta = CallMeta {
            ordinal: rejection.ordinal,
            call_type: self.call_type,
            flags: CallFlags(0),
            key: 0,
            key2: 0,
        };
        self.push(SegmentKind::Rejections, meta, &json)
    }

    fn bytes(&self) -> u64 {
        let open = self.calls.data.len() + self.rejections.data.len();
        self.bytes.load(Ordering::Relaxed) + open as u64
    }

    async fn flush(&mut self) -> Result<()> {
        self.worker.send_all(&mut self.waiting).await
    }

    async fn seal(&mut self) -> Result<()> {
        self.close();
        self.flush().await
    }

    async fn finish(mut self: Box<Self>, edits: Edits) -> Result<Spooled> {
        self.close();
        self.waiting.push_back(Job::Finish(edits));
        self.flush().await?;
        let ended = self.worker.end().await?;
        ended.ok_or_else(|| Error::new(Code::SpoolIo, "the extraction was abandoned"))
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
    sizes: Sizes,
    header: SpoolHeader,
    dir: PathBuf,
    encoder: Encoder,
    calls: Stream,
    rejections: Stream,
    output: Output,
    bytes: Arc<AtomicU64>,
}

impl Work {
    /// Works until there is nothing more to do. `None`: the extraction was abandoned.
    fn run(mut self, jobs: Jobs<Job>, recycle: &SyncSender<CallBlock>) -> Result<Option<Spooled>> {
        let result = self.work(jobs, recycle);
        if !matches!(result, Ok(Some(_))) {
            self.output.discard();
        }
        result
    }

    fn work(&mut self, mut jobs: Jobs<Job>, recycle: &SyncSender<CallBlock>) -> Result<Option<Spooled>> {
        while let Some(job) = jobs.next() {
            match job {
                Job::Seal => self.seal()?,
                Job::Finish(edits) => return self.finish(edits).map(Some),
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
        let written = self.output.budget.result_bytes() - before;
        self.bytes.fetch_add(written, Ordering::Relaxed);
        self.bytes.fetch_sub(block.data.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn seal(&mut self) -> Result<()> {
        self.calls.close(&mut self.output)?;
        self.rejections.close(&mut self.output)
    }

    fn finish(&mut self, edits: Edits) -> Result<Spooled> {
        let mut segments = std::mem::take(&mut self.calls.segments);
        let unchanged = edits.unchanged.count();
        if !edits.is_empty() {
            // The files have to have their names before they are read.
            self.output.sync()?;
            segments =
                edit::rewrite(&self.dir, &self.header, &segments, edits, self.sizes, &mut self.output)?;
        }
        self.output.sync()?;
        segments.append(&mut self.rejections.segments);
        Ok(Spooled {
            bytes: segments.iter().map(|s| s.bytes).sum(),
            segments,
            entries: self.calls.position,
            unchanged,
            rejected: self.rejections.position,
        })
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
