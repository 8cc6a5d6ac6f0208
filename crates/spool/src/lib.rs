//! Keeps a run's calls and rejections on disk between its two halves: compressed, checksummed, immutable files.
//!
//! What always holds:
//! - A file that [`SpoolWriter::finish`] names is complete, synced, and stands in a synced folder under its final name.
//!   Nothing else is ever named, so what a crash leaves behind is an orphan and never half a result.
//! - A byte that changed on disk is an error or has no effect; it is never another payload.
//! - A writer holds a few MiB and a reader about one, however large the result is (plus one bit per call while two runs
//!   are compared).
//!
//! What it does not do: know which runs matter. The state names the segments, the engine sweeps orphans. The bytes
//! on disk are described in `docs/formats/segment.md`.

mod blank;
mod block;
mod budget;
mod contents;
mod disk;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod histories;
mod merge;
#[cfg(test)]
mod model;
mod output;
mod reader;
mod segment;
mod spool;
mod unchanged;
mod writer;

#[cfg(doc)]
use outflow_core::ports::spool::SpoolWriter;

pub use spool::DiskSpool;
