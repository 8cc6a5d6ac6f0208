//! Keeps a run's calls and rejections on disk between its two halves ([`DiskSpool`]), and compares
//! runs with each other ([`DiskBaseline`]).
//!
//! What always holds:
//! - A file that [`SpoolWriter::finish`] names is complete, synced, and in a synced folder
//!   under its final name. Nothing else is ever named: what a crash leaves behind is an orphan.
//! - A byte that changed on disk is an error or has no effect; it is never another payload.
//! - A writer holds a few MiB and a reader about one, however large the result is.
//!
//! What it does not do: know which runs matter. The state names the segments, the engine removes
//! orphans. The bytes on disk are described in `docs/formats/segment.md` and
//! `docs/formats/baseline.md`.

#![cfg_attr(not(test), warn(clippy::arithmetic_side_effects))]

mod baseline;
mod block;
mod budget;
#[cfg(test)]
mod damage;
mod disk;
mod edit;
#[cfg(test)]
mod faults;
mod folder;
#[cfg(test)]
mod histories;
mod mark;
#[cfg(test)]
mod model;
mod output;
pub mod owner;
mod reader;
mod redact;
mod segment;
mod sizes;
mod spool;
mod unchanged;
mod worker;
mod writer;

#[cfg(doc)]
use outflow_core::ports::spool::SpoolWriter;

pub use baseline::DiskBaseline;
pub use spool::DiskSpool;
