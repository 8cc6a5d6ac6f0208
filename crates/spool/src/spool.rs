//! The spool of an installation: a folder with a folder per run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use outflow_core::ports::spool::{
    Blanked, Rejection, Room, SegmentInfo, SegmentKind, Spool, SpoolHeader, SpoolReader, SpoolWriter,
};
use outflow_core::{Result, RunId};

use crate::blank;
use crate::budget::Budget;
use crate::contents;
use crate::disk::{Disk, RealDisk, failed};
use crate::reader::{Reader, Rejections};
use crate::segment::{file_name, is_segment};
use crate::writer::{Sizes, Writer};

/// A spool in a folder of the local disk.
pub struct DiskSpool {
    dir: PathBuf,
    reserve: u64,
    disk: Arc<dyn Disk>,
    sizes: Sizes,
}

impl DiskSpool {
    /// The spool in `dir`, which is created if need be (for its owner alone). An extraction never takes the disk's free
    /// space below `reserve_bytes`.
    ///
    /// # Errors
    /// P003: the folder cannot be created.
    pub fn open(dir: &Path, reserve_bytes: u64) -> Result<Self> {
        create_durably(dir).map_err(|e| failed("create", dir, e))?;
        Ok(Self::on(Arc::new(RealDisk), dir, reserve_bytes, Sizes::USUAL))
    }

    /// A spool with another disk or other sizes than the usual ones.
    pub(crate) fn on(disk: Arc<dyn Disk>, dir: &Path, reserve: u64, sizes: Sizes) -> Self {
        Self { dir: dir.to_path_buf(), reserve, disk, sizes }
    }

    fn folder(&self, run: RunId) -> PathBuf {
        self.dir.join(run.to_string())
    }

    fn delete_folder(&self, run: RunId) -> Result<()> {
        let dir = self.folder(run);
        absent_is_fine(std::fs::remove_dir_all(&dir)).map_err(|e| failed("delete", &dir, e))
    }
}

impl Spool for DiskSpool {
    fn create(&self, header: SpoolHeader) -> Result<Box<dyn SpoolWriter>> {
        self.delete_folder(header.run)?;
        let budget = Budget::new(self.disk.clone(), self.dir.clone(), self.reserve, header.max_bytes);
        let folder = self.folder(header.run);
        let writer = Writer::begin(self.disk.clone(), folder, header, budget, self.sizes)?;
        Ok(Box::new(writer))
    }

    fn read(&self, run: RunId, segments: &[SegmentInfo], from: u64) -> Result<Box<dyn SpoolReader>> {
        let reader = Reader::open(self.folder(run), run, segments, SegmentKind::Calls, from)?;
        Ok(Box::new(reader))
    }

    fn rejections(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
    ) -> Result<Box<dyn Iterator<Item = Result<Rejection>> + Send>> {
        Ok(Box::new(Rejections::open(self.folder(run), run, segments)?))
    }

    fn blank(
        &self,
        run: RunId,
        segments: &[SegmentInfo],
        entries: &Blanked,
    ) -> Result<Vec<(SegmentInfo, SegmentInfo)>> {
        blank::write(self.disk.clone(), &self.folder(run), run, segments, entries)
    }

    fn tidy(&self, run: RunId, segments: &[SegmentInfo]) -> Result<()> {
        let dir = self.folder(run);
        let named: Vec<String> = segments.iter().map(|s| file_name(s.kind, s.number)).collect();
        let strays = || -> io::Result<bool> {
            let mut found = false;
            for entry in std::fs::read_dir(&dir)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if is_segment(&name) && !named.contains(&name) {
                    absent_is_fine(std::fs::remove_file(entry.path()))?;
                    found = true;
                }
            }
            Ok(found)
        };
        match strays() {
            Ok(true) => self.disk.sync_dir(&dir).map_err(|e| failed("sync", &dir, e)),
            Ok(false) => Ok(()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(failed("delete files in", &dir, e)),
        }
    }

    fn remove(&self, run: RunId, keep_contents: bool) -> Result<()> {
        let dir = self.folder(run);
        if !keep_contents || !dir.join(contents::FILE).exists() {
            return self.delete_folder(run);
        }
        let list = || -> io::Result<()> {
            for entry in std::fs::read_dir(&dir)? {
                let entry = entry?;
                if entry.file_name() != contents::FILE {
                    absent_is_fine(std::fs::remove_file(entry.path()))?;
                }
            }
            Ok(())
        };
        list().map_err(|e| failed("delete files in", &dir, e))
    }

    fn room(&self) -> Result<Room> {
        let free = self.disk.free(&self.dir).map_err(|e| failed("measure the disk of", &self.dir, e))?;
        Ok(Room { free, reserve: self.reserve })
    }

    fn runs(&self) -> Result<Vec<RunId>> {
        let list = || -> io::Result<Vec<RunId>> {
            let mut runs = Vec::new();
            for entry in std::fs::read_dir(&self.dir)? {
                let name = entry?.file_name();
                let run = name.to_str().and_then(|name| name.parse().ok().map(RunId));
                runs.extend(run.filter(|run| run.to_string().as_str() == name));
            }
            runs.sort_unstable();
            Ok(runs)
        };
        list().map_err(|e| failed("list", &self.dir, e))
    }
}

/// Creates a folder and those above it, so that they are there after a loss of power too.
fn create_durably(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(dir);
    create_durably(parent)?;
    RealDisk.create_dir(dir)?;
    RealDisk.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
