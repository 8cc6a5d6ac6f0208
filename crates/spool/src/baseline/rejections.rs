//! The hashes of a run's rejected rows: a file beside those of its calls.
//!
//! What always holds: the file is whole and durable, or counts for nothing: then rows that are
//! rejected again are counted again. They are few, as callers bound them, so they fit into memory.

use std::path::Path;

use outflow_core::{Result, RunId};

use super::hashes::{Earlier, Writer};
use crate::output::Output;

/// The file's name in the folder of its run.
const FILE: &str = "rejections.bin";

/// Writes the hashes, sorted, and makes them durable.
pub(super) fn write(run: RunId, mut hashes: Vec<u128>, output: &mut Output) -> Result<()> {
    hashes.sort_unstable();
    let mut file = Writer::begin_file(FILE, run, hashes.len() as u64, output)?;
    hashes.iter().try_for_each(|hash| file.push(*hash, output))?;
    file.finish(output)?;
    output.sync()
}

/// The hashes in the folder of a run, sorted. Without a whole file there are none.
pub(super) fn read(dir: &Path, run: RunId) -> Vec<u128> {
    let Some(mut file) = Earlier::open(&dir.join(FILE), run) else { return Vec::new() };
    let hashes: Vec<u128> = std::iter::from_fn(|| file.pop()).collect();
    match file.finish() {
        Some(total) if total == hashes.len() as u64 => hashes,
        _ => Vec::new(),
    }
}
