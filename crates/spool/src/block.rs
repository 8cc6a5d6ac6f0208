//! One block of a segment: some entries and the index that delivery reads in place of their JSON.
//!
//! A block is self-contained: index and data are compressed without reference to other blocks, and
//! one checksum covers both as they lie on disk. Decoding trusts the checksum for meaning, never
//! for memory safety: whatever the bytes are, the result is a block or `None`.

use lz4_flex::block::{
    CompressError, CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};
use outflow_core::ports::spool::{BlockCall, CallBlock};
use outflow_core::{CallFlags, CallMeta, CallType, hash};

/// The most entries in a block, which bounds the memory for the index of tiny ones.
pub(crate) const BLOCK_ENTRIES: usize = 8 << 10;

/// The largest entry: what fits LZ4's and our 32-bit lengths with room to spare.
pub(crate) const MAX_ENTRY: usize = 1 << 30;

/// What the block table says of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    /// Entries.
    pub(crate) entries: u32,
    /// Bytes of the index, as it is and as stored.
    pub(crate) index: (u32, u32),
    /// Bytes of the data, as they are and as stored.
    pub(crate) data: (u32, u32),
    /// [`hash::checksum`] of index and data as stored.
    pub(crate) checksum: u64,
}

impl BlockEntry {
    /// The size of an entry of the block table.
    pub(crate) const SIZE: usize = 28;

    /// Bytes on disk.
    pub(crate) fn stored(&self) -> usize {
        self.index.1 as usize + self.data.1 as usize
    }

    /// Appends the table's form.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for n in [self.entries, self.index.0, self.index.1, self.data.0, self.data.1] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.extend_from_slice(&self.checksum.to_le_bytes());
    }

    /// Reads the table's form.
    pub(crate) fn read(bytes: &[u8; Self::SIZE]) -> Self {
        let n = |i: usize| u32::from_le_bytes([bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3]]);
        let checksum = u64::from(n(20)) | u64::from(n(24)) << 32;
        Self { entries: n(0), index: (n(4), n(8)), data: (n(12), n(16)), checksum }
    }
}

/// Writes blocks; holds the memory for it.
pub(crate) struct Encoder {
    table: CompressTable,
    index: Vec<u8>,
    stored: Vec<u8>,
}

impl Encoder {
    /// An encoder without memory yet.
    pub(crate) fn new() -> Self {
        Self { table: CompressTable::large(), index: Vec::new(), stored: Vec::new() }
    }

    /// The block's place in the table, and its bytes as they go to disk.
    pub(crate) fn encode(&mut self, block: &CallBlock) -> Result<(BlockEntry, &[u8]), CompressError> {
        write_index(&block.calls, &mut self.index);
        let room = get_maximum_output_size(self.index.len()) + get_maximum_output_size(block.data.len());
        if self.stored.len() < room {
            self.stored.resize(room, 0);
        }
        let index = compress_into_with_table(&self.index, &mut self.stored, &mut self.table)?;
        let data = compress_into_with_table(&block.data, &mut self.stored[index..], &mut self.table)?;
        let stored = &self.stored[..index + data];
        let entry = BlockEntry {
            entries: block.calls.len() as u32,
            index: (self.index.len() as u32, index as u32),
            data: (block.data.len() as u32, data as u32),
            checksum: hash::checksum(stored),
        };
        Ok((entry, stored))
    }

    /// Gives the memory back, after one very large entry.
    pub(crate) fn forget(&mut self) {
        (self.index, self.stored) = (Vec::new(), Vec::new());
    }
}

/// Replaces `block`'s calls with those of these bytes. `None`: they are not what the table entry
/// says.
pub(crate) fn decode(
    entry: &BlockEntry,
    stored: &[u8],
    index: &mut Vec<u8>,
    block: &mut CallBlock,
) -> Option<()> {
    if stored.len() != entry.stored() || hash::checksum(stored) != entry.checksum {
        return None;
    }
    let (stored_index, stored_data) = stored.split_at(entry.index.1 as usize);
    decompress(stored_index, entry.index.0, index)?;
    decompress(stored_data, entry.data.0, &mut block.data)?;
    read_index(index, entry, &mut block.calls)
}

fn decompress(stored: &[u8], size: u32, out: &mut Vec<u8>) -> Option<()> {
    // LZ4 makes at most 255 bytes of one.
    if size as usize / 256 > stored.len() {
        return None;
    }
    out.resize(size as usize, 0);
    (decompress_into(stored, out).ok()? == out.len()).then_some(())
}

/// The index is a column after the other: equal bytes are adjacent and LZ4 compresses the
/// constant ones.
fn write_index(calls: &[BlockCall], out: &mut Vec<u8>) {
    out.clear();
    let mut expected = 0;
    for call in calls {
        write_varint(call.meta.ordinal.wrapping_sub(expected), out);
        expected = call.meta.ordinal.wrapping_add(1);
    }
    for call in calls {
        write_varint(u64::from(call.end - call.start), out);
    }
    out.extend(calls.iter().map(|c| c.meta.call_type.to_byte()));
    out.extend(calls.iter().map(|c| c.meta.flags.0));
    for call in calls {
        out.extend_from_slice(&call.meta.key.to_le_bytes());
    }
    for call in calls.iter().filter(|c| c.meta.call_type == CallType::Alias) {
        out.extend_from_slice(&call.meta.key2.to_le_bytes());
    }
}

fn read_index(mut index: &[u8], entry: &BlockEntry, calls: &mut Vec<BlockCall>) -> Option<()> {
    let n = entry.entries as usize;
    // Each entry has at least twelve bytes of index, so a wrong count cannot cause a large
    // allocation.
    if n > index.len() / 12 {
        return None;
    }
    calls.clear();
    calls.reserve(n);
    let mut expected = 0_u64;
    for _ in 0..n {
        let ordinal = expected.wrapping_add(read_varint(&mut index)?);
        expected = ordinal.wrapping_add(1);
        let meta = CallMeta { ordinal, call_type: CallType::Identify, flags: CallFlags(0), key: 0, key2: 0 };
        calls.push(BlockCall { meta, start: 0, end: 0, unchanged: false });
    }
    let mut at = 0_u32;
    for call in calls.iter_mut() {
        call.start = at;
        at = at.checked_add(u32::try_from(read_varint(&mut index)?).ok()?)?;
        call.end = at;
    }
    if at != entry.data.0 {
        return None;
    }
    let (types, rest) = index.split_at_checked(n)?;
    let (flags, rest) = rest.split_at_checked(n)?;
    let (keys, rest) = rest.split_at_checked(n * 8)?;
    let (keys, _) = keys.as_chunks::<8>();
    let (mut second, torn) = rest.as_chunks::<8>();
    for (i, call) in calls.iter_mut().enumerate() {
        call.meta.call_type = CallType::from_byte(types[i])?;
        call.meta.flags = CallFlags(flags[i]);
        call.meta.key = u64::from_le_bytes(keys[i]);
        if call.meta.call_type == CallType::Alias {
            let (first, others) = second.split_first()?;
            call.meta.key2 = u64::from_le_bytes(*first);
            second = others;
        }
    }
    (second.is_empty() && torn.is_empty()).then_some(())
}

fn write_varint(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut n = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        n |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(n);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_survive_the_varint() {
        for n in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            write_varint(n, &mut bytes);
            assert_eq!(read_varint(&mut bytes.as_slice()), Some(n));
            assert_eq!(read_varint(&mut &bytes[..bytes.len() - 1]), None, "{n} cut short");
        }
    }

    #[test]
    fn an_index_that_lies_is_refused_and_never_a_panic() {
        let entry = |entries, data| BlockEntry { entries, data: (data, 0), ..BlockEntry::default() };
        let mut calls = Vec::new();
        let good = [vec![0, 2, 1, 0], vec![7; 8]].concat();
        assert!(read_index(&good, &entry(1, 2), &mut calls).is_some());
        for lie in [entry(2, 2), entry(1, 3), entry(0, 2), entry(u32::MAX, 2)] {
            assert!(read_index(&good, &lie, &mut calls).is_none(), "{lie:?}");
        }
        for i in 0..good.len() {
            assert!(read_index(&good[..i], &entry(1, 2), &mut calls).is_none());
        }
        let unknown_type = [vec![0, 2, 6, 0], vec![7; 8]].concat();
        assert!(read_index(&unknown_type, &entry(1, 2), &mut calls).is_none());
    }
}
