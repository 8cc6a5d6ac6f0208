//! The spool of an installation: a folder with a folder per run.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use outflow_core::ports::spool::{
    Redacted, RejectionReader, Room, SegmentInfo, SegmentKind, Spool, SpoolHeader, SpoolMark, SpoolReader,
    SpoolWriter,
};
use outflow_core::{Result, RunId};

use crate::budget::Budget;
use crate::disk::{Disk, RealDisk, failed};
use crate::folder::{Folder, absent_is_fine};
use crate::mark;
use crate::reader::{DiskReader, Reader, Rejections};
use crate::redact;
use crate::segment::is_segment;
use crate::sizes::Sizes;
use crate::worker::blocking;
use crate::writer::Writer;

/// A spool in a folder of the local disk.
pub struct DiskSpool {
    folder: Folder,
    reserve: u64,
    disk: Arc<dyn Disk>,
    sizes: Sizes,
}

impl DiskSpool {
    /// The spool in `dir`, which is created for its owner alone if it does not exist. An extraction
    /// never takes the disk's free space below `reserve_bytes`.
    ///
    /// # Errors
    /// P003: the folder cannot be created.
    pub fn open(dir: &Path, reserve_bytes: u64) -> Result<Self> {
        let folder = Folder::open(dir)?;
        Ok(Self { folder, reserve: reserve_bytes, disk: Arc::new(RealDisk), sizes: Sizes::USUAL })
    }

    /// The spool in `dir` for reading alone. Creates nothing: `dir` may be on a medium that cannot
    /// be written to, or not exist.
    pub fn to_read(dir: &Path) -> Self {
        Self { folder: Folder::at(dir), reserve: 0, disk: Arc::new(RealDisk), sizes: Sizes::USUAL }
    }

    /// A spool with another disk or other sizes than the usual ones.
    #[cfg(test)]
    pub(crate) fn on(disk: Arc<dyn Disk>, dir: &Path, reserve: u64, sizes: Sizes) -> Self {
        Self { folder: Folder::at(dir), reserve, disk, sizes }
    }
}

#[async_trait]
impl Spool for DiskSpool {
    async fn create(&self, header: SpoolHeader) -> Result<Box<dyn SpoolWriter>> {
        let (folder, disk, sizes) = (self.folder.clone(), self.disk.clone(), self.sizes);
        let root = folder.path().to_path_buf();
        let budget = Budget::new(disk.clone(), root, self.reserve, header.max_bytes);
        blocking(move || {
            folder.remove(header.run)?;
            let dir = folder.of(header.run);
            Ok(Box::new(Writer::begin(disk, dir, header, budget, sizes)?) as Box<dyn SpoolWriter>)
        })
        .await
    }

    async fn read(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        unchanged: u64,
        from: u64,
    ) -> Result<Box<dyn SpoolReader>> {
        let (folder, segments) = (self.folder.clone(), segments.to_vec());
        let open = move || Reader::open(&folder, run, &segments, SegmentKind::Calls, unchanged, from);
        let opened = blocking(open);
        Ok(Box::new(DiskReader::new(opened.await?)))
    }

    async fn rejections(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        from: u64,
    ) -> Result<Box<dyn RejectionReader>> {
        let (folder, segments) = (self.folder.clone(), segments.to_vec());
        let opened =
            blocking(move || Reader::open(&folder, run, &segments, SegmentKind::Rejections, 0, from));
        Ok(Box::new(Rejections::new(DiskReader::new(opened.await?))))
    }

    async fn redact(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        entries: &Redacted,
    ) -> Result<Vec<(SegmentInfo, SegmentInfo)>> {
        let (folder, disk) = (self.folder.clone(), self.disk.clone());
        let (segments, entries) = (segments.to_vec(), entries.clone());
        blocking(move || redact::write(disk, &folder, run, &segments, &entries)).await
    }

    async fn remove_orphans(&self, run: RunId, segments: &[SegmentInfo]) -> Result<()> {
        let (folder, disk, segments) = (self.folder.clone(), self.disk.clone(), segments.to_vec());
        blocking(move || {
            let dir = folder.of(run);
            let named: HashSet<PathBuf> = segments.iter().map(|s| folder.segment(&s.locator)).collect();
            match remove_unnamed(&dir, &named) {
                Ok(true) => disk.sync_dir(&dir).map_err(|e| failed("sync", &dir, e)),
                Ok(false) => Ok(()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(e) => Err(failed("delete files in", &dir, e)),
            }
        })
        .await
    }

    async fn remove(&self, run: RunId) -> Result<()> {
        let folder = self.folder.clone();
        blocking(move || folder.remove(run)).await
    }

    async fn runs(&self) -> Result<Vec<RunId>> {
        let folder = self.folder.clone();
        blocking(move || folder.runs()).await
    }

    async fn mark(&self) -> Result<Option<SpoolMark>> {
        let folder = self.folder.clone();
        blocking(move || mark::read(folder.path())).await
    }

    async fn set_mark(&self, id: u128) -> Result<()> {
        let (folder, disk) = (self.folder.clone(), self.disk.clone());
        blocking(move || mark::write(&*disk, folder.path(), id)).await
    }

    fn room(&self) -> Result<Room> {
        let dir = self.folder.path();
        let free = self.disk.free(dir).map_err(|e| failed("measure the disk of", dir, e))?;
        Ok(Room { free, reserve: self.reserve })
    }
}

/// Deletes the segment files of a folder that are not among these. Returns whether there were any.
fn remove_unnamed(dir: &Path, named: &HashSet<PathBuf>) -> io::Result<bool> {
    let mut found = false;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if is_segment(&name) && !named.contains(&path) {
            absent_is_fine(std::fs::remove_file(&path))?;
            found = true;
        }
    }
    Ok(found)
}
