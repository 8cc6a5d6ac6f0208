//! One segment file, from both sides: written whole, opened with every claim checked.
//!
//! ```text
//! head:     magic, version, length of the JSON, JSON, checksum
//! blocks:   index and data of each, compressed
//! footer:   the block table
//! trailer:  where the footer begins, blocks, entries, checksum, magic
//! ```

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use outflow_core::ports::spool::{CallBlock, SegmentInfo, SegmentKind, SpoolHeader};
use outflow_core::{CallType, Code, Error, Result, RunId, hash};
use serde::{Deserialize, Serialize};

use crate::block::{BlockEntry, Encoder, decode};
use crate::disk::failed;
use crate::output::{NewFile, Output};

const HEAD_MAGIC: &[u8; 8] = b"OUTFSEG\n";
const END_MAGIC: &[u8; 8] = b"OUTFEND\n";
const VERSION: u32 = 1;
/// Magic, version and length in front of the head's JSON.
const HEAD_FIXED: usize = 16;
const TRAILER: usize = 36;

/// The name of a segment's file in the folder of its run.
pub(crate) fn file_name(kind: SegmentKind, number: u32) -> String {
    let word = match kind {
        SegmentKind::Calls => "calls",
        SegmentKind::Rejections => "rejected",
    };
    format!("{word}-{number:05}.seg")
}

/// The locator of a segment: its path below the spool's folder.
pub(crate) fn locator(run: RunId, kind: SegmentKind, number: u32) -> String {
    format!("{run}/{}", file_name(kind, number))
}

/// Whether a file of this name is a segment, or one on its way to disk.
pub(crate) fn is_segment(name: &str) -> bool {
    let name = name.strip_suffix(".tmp").unwrap_or(name);
    name.ends_with(".seg") && (name.starts_with("calls-") || name.starts_with("rejected-"))
}

#[derive(Serialize)]
struct HeadColumn<'a> {
    name: &'a str,
    #[serde(rename = "type")]
    ty: &'static str,
    declared: &'a str,
}

#[derive(Serialize)]
struct Head<'a> {
    kind: SegmentKind,
    run: RunId,
    number: u32,
    first: u64,
    sync: &'a str,
    source: &'a str,
    call_type: CallType,
    columns: Vec<HeadColumn<'a>>,
}

/// The part of the head that says which file this is.
#[derive(Deserialize, PartialEq, Eq)]
struct Identity {
    kind: SegmentKind,
    run: RunId,
    number: u32,
    first: u64,
}

fn head(header: &SpoolHeader, kind: SegmentKind, number: u32, first: u64) -> Vec<u8> {
    let columns = header.columns.iter();
    let head = Head {
        kind,
        run: header.run,
        number,
        first,
        sync: &header.sync,
        source: &header.source,
        call_type: header.call_type,
        columns: columns
            .map(|c| HeadColumn { name: &c.name, ty: c.ty.name(), declared: &c.declared })
            .collect(),
    };
    framed(&serde_json::to_vec(&head).expect("texts and numbers have a JSON form"))
}

/// A head around its JSON.
fn framed(json: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEAD_FIXED + json.len() + 8);
    bytes.extend_from_slice(HEAD_MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
    bytes.extend_from_slice(json);
    bytes.extend_from_slice(&hash::checksum(&bytes).to_le_bytes());
    bytes
}

/// A segment on its way to disk.
pub(crate) struct NewSegment {
    file: NewFile,
    info: SegmentInfo,
    table: Vec<u8>,
    raw: u64,
}

impl NewSegment {
    /// Begins the segment of that number, whose first entry has position `first`.
    pub(crate) fn begin(
        kind: SegmentKind,
        number: u32,
        first: u64,
        header: &SpoolHeader,
        output: &mut Output,
    ) -> Result<Self> {
        let file = output.create(&file_name(kind, number))?;
        let locator = locator(header.run, kind, number);
        let info = SegmentInfo { kind, number, locator, first, entries: 0, bytes: 0 };
        let mut segment = Self { file, info, table: Vec::new(), raw: 0 };
        segment.append(&head(header, kind, number, first), output)?;
        Ok(segment)
    }

    /// Begins a segment that takes the place of `old` under another number.
    pub(crate) fn instead_of(
        old: &Segment,
        run: RunId,
        info: &SegmentInfo,
        number: u32,
        output: &mut Output,
    ) -> Result<Self> {
        let mut head: serde_json::Value = serde_json::from_slice(&old.head)
            .map_err(|e| damaged(&old.path, "its head is not that of a segment".into()).caused_by(e))?;
        head["number"] = number.into();
        let json = serde_json::to_vec(&head).expect("a JSON value has a JSON form");
        let file = output.create(&file_name(info.kind, number))?;
        let locator = locator(run, info.kind, number);
        let info = SegmentInfo { number, locator, entries: 0, bytes: 0, ..info.clone() };
        let mut segment = Self { file, info, table: Vec::new(), raw: 0 };
        segment.append(&framed(&json), output)?;
        Ok(segment)
    }

    /// Adds a block.
    pub(crate) fn block(
        &mut self,
        block: &CallBlock,
        encoder: &mut Encoder,
        output: &mut Output,
    ) -> Result<()> {
        let (entry, stored) = encoder
            .encode(block)
            .map_err(|e| failed("compress a block for", self.file.path(), io::Error::other(e)))?;
        self.stored_block(&entry, stored, output)
    }

    /// Adds a block as it lies in another segment.
    pub(crate) fn stored_block(
        &mut self,
        entry: &BlockEntry,
        stored: &[u8],
        output: &mut Output,
    ) -> Result<()> {
        self.append(stored, output)?;
        entry.write(&mut self.table);
        self.info.entries += u64::from(entry.entries);
        self.raw += u64::from(entry.data.0);
        Ok(())
    }

    /// Bytes of entries so far, before compression.
    pub(crate) fn raw(&self) -> u64 {
        self.raw
    }

    /// Writes the footer and makes the file durable under its name, save for the folder.
    pub(crate) fn close(mut self, output: &mut Output) -> Result<SegmentInfo> {
        let blocks = (self.table.len() / BlockEntry::SIZE) as u32;
        let mut footer = std::mem::take(&mut self.table);
        footer.extend_from_slice(&self.info.bytes.to_le_bytes());
        footer.extend_from_slice(&blocks.to_le_bytes());
        footer.extend_from_slice(&self.info.entries.to_le_bytes());
        let checksum = hash::checksum(&footer);
        footer.extend_from_slice(&checksum.to_le_bytes());
        footer.extend_from_slice(END_MAGIC);
        // The footer has the checksum of every block: the state names this content and no other.
        self.info.locator = format!("{}#{checksum:016x}", self.info.locator);
        self.append(&footer, output)?;
        output.publish(self.file)?;
        Ok(self.info)
    }

    fn append(&mut self, bytes: &[u8], output: &mut Output) -> Result<()> {
        output.budget.result(bytes.len() as u64)?;
        self.file.append(bytes)?;
        self.info.bytes += bytes.len() as u64;
        Ok(())
    }
}

/// A segment that is open for reading.
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    /// The head's JSON.
    head: Vec<u8>,
    blocks: std::vec::IntoIter<BlockEntry>,
    offset: u64,
    position: u64,
    number: usize,
}

impl Segment {
    /// Opens the file at `path` and checks that it is the segment that `info` and `run` speak of.
    pub(crate) fn open(path: PathBuf, run: RunId, info: &SegmentInfo) -> Result<Self> {
        let file = File::open(&path).map_err(|e| unreadable(&path, e))?;
        let length = file.metadata().map_err(|e| unreadable(&path, e))?.len();
        if length != info.bytes {
            return Err(damaged(&path, format!("it has {length} bytes in place of {}", info.bytes)));
        }
        let head = Self::checked_head(&file, &path, run, info)?;
        let head_length = (HEAD_FIXED + head.len() + 8) as u64;
        let blocks = read_table(&file, &path, info)?;
        let stored: u64 = blocks.iter().map(|b| b.stored() as u64).sum();
        let footer = length - TRAILER as u64 - (blocks.len() * BlockEntry::SIZE) as u64;
        let entries: u64 = blocks.iter().map(|b| u64::from(b.entries)).sum();
        if head_length + stored != footer || entries != info.entries {
            return Err(damaged(&path, "its block table does not add up".into()));
        }
        let blocks = blocks.into_iter();
        Ok(Self { file, path, head, blocks, offset: head_length, position: info.first, number: 0 })
    }

    /// Returns the head's JSON.
    fn checked_head(file: &File, path: &Path, run: RunId, info: &SegmentInfo) -> Result<Vec<u8>> {
        let no_segment = || damaged(path, "its head is not that of a segment".into());
        let mut head = read_at(file, path, 0, HEAD_FIXED.min(info.bytes as usize))?;
        let (magic, rest) = head.split_first_chunk::<8>().ok_or_else(no_segment)?;
        let (version, rest) = rest.split_first_chunk::<4>().ok_or_else(no_segment)?;
        let json_length = rest.first_chunk::<4>().ok_or_else(no_segment)?;
        let json_length = u32::from_le_bytes(*json_length) as usize;
        let length = HEAD_FIXED + json_length + 8;
        if magic != HEAD_MAGIC || length as u64 > info.bytes {
            return Err(no_segment());
        }
        if *version != VERSION.to_le_bytes() {
            let version = u32::from_le_bytes(*version);
            return Err(damaged(path, format!("its format is {version}, and this version reads {VERSION}")));
        }
        head = read_at(file, path, 0, length)?;
        let (body, checksum) = head.split_last_chunk::<8>().ok_or_else(no_segment)?;
        if hash::checksum(body).to_le_bytes() != *checksum {
            return Err(damaged(path, "its head fails the checksum".into()));
        }
        let identity: Identity =
            serde_json::from_slice(&body[HEAD_FIXED..]).map_err(|e| no_segment().caused_by(e))?;
        if identity != (Identity { kind: info.kind, run, number: info.number, first: info.first }) {
            return Err(damaged(path, format!("it is another segment than run {run} wrote there")));
        }
        Ok(body[HEAD_FIXED..].to_vec())
    }

    /// Passes over blocks that end before `position`, without reading them.
    pub(crate) fn skip_to(&mut self, position: u64) {
        while let Some(block) = self.blocks.as_slice().first().copied()
            && self.position + u64::from(block.entries) <= position
        {
            self.blocks.next();
            self.pass(block.stored(), block.entries);
        }
    }

    /// The positions of the next block.
    pub(crate) fn peek(&self) -> Option<Range<u64>> {
        let block = self.blocks.as_slice().first()?;
        Some(self.position..self.position + u64::from(block.entries))
    }

    /// Replaces `block`'s calls with those of the next block. `false`: there is none.
    pub(crate) fn next(&mut self, block: &mut CallBlock, buffers: &mut Buffers) -> Result<bool> {
        let first = self.position;
        let Some(entry) = self.load(buffers)? else { return Ok(false) };
        if decode(&entry, &buffers.stored, &mut buffers.index, block).is_none() {
            return Err(self.fails_checksum());
        }
        block.first = first;
        Ok(true)
    }

    /// Reads the next block as it lies in the file, and checks its checksum.
    pub(crate) fn next_stored(&mut self, buffers: &mut Buffers) -> Result<Option<BlockEntry>> {
        match self.load(buffers)? {
            Some(entry) if hash::checksum(&buffers.stored) != entry.checksum => Err(self.fails_checksum()),
            entry => Ok(entry),
        }
    }

    fn load(&mut self, buffers: &mut Buffers) -> Result<Option<BlockEntry>> {
        let Some(entry) = self.blocks.next() else { return Ok(None) };
        buffers.stored.resize(entry.stored(), 0);
        self.file.read_exact_at(&mut buffers.stored, self.offset).map_err(|e| unreadable(&self.path, e))?;
        self.pass(entry.stored(), entry.entries);
        Ok(Some(entry))
    }

    fn pass(&mut self, stored: usize, entries: u32) {
        self.offset += stored as u64;
        self.position += u64::from(entries);
        self.number += 1;
    }

    fn fails_checksum(&self) -> Error {
        damaged(&self.path, format!("block {} fails its checksum", self.number.saturating_sub(1)))
    }
}

/// Memory that is used again from block to block.
#[derive(Default)]
pub(crate) struct Buffers {
    pub(crate) stored: Vec<u8>,
    index: Vec<u8>,
}

fn read_table(file: &File, path: &Path, info: &SegmentInfo) -> Result<Vec<BlockEntry>> {
    let no_end = || damaged(path, "its end is not that of a segment".into());
    let trailer_at = info.bytes.checked_sub(TRAILER as u64).ok_or_else(no_end)?;
    let trailer = read_at(file, path, trailer_at, TRAILER)?;
    let blocks = u64::from(u32::from_le_bytes([trailer[8], trailer[9], trailer[10], trailer[11]]));
    let table = blocks * BlockEntry::SIZE as u64;
    let footer_at = trailer_at.checked_sub(table).ok_or_else(no_end)?;
    if trailer[..8] != footer_at.to_le_bytes() || trailer[TRAILER - 8..] != *END_MAGIC {
        return Err(no_end());
    }
    let footer = read_at(file, path, footer_at, table as usize + TRAILER - 8)?;
    let (body, checksum) = footer.split_last_chunk::<8>().ok_or_else(no_end)?;
    if hash::checksum(body).to_le_bytes() != *checksum {
        return Err(damaged(path, "its footer fails the checksum".into()));
    }
    let is_named = |tag: &str| tag == format!("{:016x}", u64::from_le_bytes(*checksum));
    if info.locator.split_once('#').is_some_and(|(_, tag)| !is_named(tag)) {
        return Err(damaged(path, "it is another file than the one that was written there".into()));
    }
    let (entries, _) = body[..table as usize].as_chunks::<{ BlockEntry::SIZE }>();
    Ok(entries.iter().map(BlockEntry::read).collect())
}

fn read_at(file: &File, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(|e| unreadable(path, e))?;
    Ok(bytes)
}

/// P005 for a file that is not there, P004 for one that ends early, P003 for the rest.
pub(crate) fn unreadable(path: &Path, cause: io::Error) -> Error {
    match cause.kind() {
        io::ErrorKind::NotFound => {
            Error::new(Code::SegmentMissing, format!("the segment {} is missing", path.display()))
                .help("put the file back from a backup, or let the sync run again: what destinations lack is read again")
                .caused_by(cause)
        }
        io::ErrorKind::UnexpectedEof => damaged(path, "it ends too early".into()),
        _ => failed("read", path, cause),
    }
}

/// P004.
pub(crate) fn damaged(path: &Path, how: String) -> Error {
    Error::new(Code::SegmentDamaged, format!("the segment {} is damaged: {how}", path.display()))
        .help("check the disk; then let the sync run again: what destinations lack is read again")
}
