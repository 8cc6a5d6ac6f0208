//! Comparing a run with an earlier one, on the local disk: a folder with a folder per run.
//!
//! The hashes of a run's calls are sorted in a fixed amount of memory ([`sorter`]) and kept as one
//! file ([`hashes`]). The next run walks that file and its own sorted hashes in step
//! ([`comparison`]); a run that fills a gap walks several ([`fill`]). Equal calls of
//! one run are numbered ([`repeats`]).
//!
//! What always holds: a file under its final name is complete and durable. Whatever else a crash
//! leaves is an orphan. A comparison holds a few MiB, plus one bit per call. The bytes on disk are
//! described in `docs/formats/baseline.md`.

mod comparison;
mod fill;
mod hashes;
mod ids;
mod numbers;
mod rejections;
mod repeated_keys;
mod repeats;
mod sorter;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::baseline::{Baseline, Comparison, ComparisonSpec};
use outflow_core::{Result, RunId};

use self::comparison::DiskComparison;
use crate::budget::Budget;
use crate::disk::{Disk, RealDisk};
use crate::folder::Folder;
use crate::output::Output;
use crate::worker::blocking;

/// Content hashes that are sorted in memory: 3 MiB.
const SORTED: usize = (3 << 20) / sorter::Entry::SIZE;

/// Hashes in a folder of the local disk.
pub struct DiskBaseline {
    folder: Folder,
    reserve: u64,
    disk: Arc<dyn Disk>,
    sorted: usize,
}

impl DiskBaseline {
    /// The baseline in `dir`, which is created for its owner alone if it does not exist. A
    /// comparison never takes the disk's free space below `reserve_bytes`.
    ///
    /// # Errors
    /// P003: the folder cannot be created.
    pub fn open(dir: &Path, reserve_bytes: u64) -> Result<Self> {
        let folder = Folder::open(dir)?;
        Ok(Self { folder, reserve: reserve_bytes, disk: Arc::new(RealDisk), sorted: SORTED })
    }

    /// A baseline with another disk, or with fewer hashes in memory.
    #[cfg(test)]
    pub(crate) fn on(disk: Arc<dyn Disk>, dir: &Path, reserve: u64, sorted: usize) -> Self {
        Self { folder: Folder::at(dir), reserve, disk, sorted }
    }
}

#[async_trait]
impl Baseline for DiskBaseline {
    async fn begin(&self, spec: ComparisonSpec) -> Result<Box<dyn Comparison>> {
        let (folder, disk, sorted) = (self.folder.clone(), self.disk.clone(), self.sorted);
        let budget = Budget::new(disk.clone(), folder.path().to_path_buf(), self.reserve, None);
        let file = |run| (folder.of(run).join(hashes::FILE), run);
        let previous = spec.previous.map(file);
        let before = spec.fill.and_then(|fill| fill.before).map(file);
        blocking(move || {
            folder.remove(spec.run)?;
            let dir = folder.of(spec.run);
            let comparison = DiskComparison::begin(disk, dir, spec, [previous, before], budget, sorted)?;
            Ok(Box::new(comparison) as Box<dyn Comparison>)
        })
        .await
    }

    async fn remove(&self, run: RunId) -> Result<()> {
        let folder = self.folder.clone();
        blocking(move || folder.remove(run)).await
    }

    async fn rejections(&self, run: RunId) -> Result<Vec<u128>> {
        let dir = self.folder.of(run);
        blocking(move || Ok(rejections::read(&dir, run))).await
    }

    async fn keep_rejections(&self, run: RunId, hashes: Vec<u128>) -> Result<()> {
        let (folder, disk) = (self.folder.clone(), self.disk.clone());
        let budget = Budget::new(disk.clone(), folder.path().to_path_buf(), self.reserve, None);
        blocking(move || {
            let dir = folder.of(run);
            let mut output = match dir.is_dir() {
                true => Output::inside(disk, dir, budget),
                false => Output::new(disk, dir, budget),
            };
            rejections::write(run, hashes, &mut output)
        })
        .await
    }

    async fn runs(&self) -> Result<Vec<RunId>> {
        let folder = self.folder.clone();
        blocking(move || folder.runs()).await
    }
}
