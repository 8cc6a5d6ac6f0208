//! A folder with a folder per run, named by the run's number.

use std::io;
use std::path::{Path, PathBuf};

use outflow_core::{Result, RunId};

use crate::disk::{Disk as _, RealDisk, failed};

/// The folder of an installation's spool or baseline.
#[derive(Clone)]
pub(crate) struct Folder {
    dir: PathBuf,
}

impl Folder {
    /// The folder `dir`, which is created durably if it does not exist.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        create_durably(dir).map_err(|e| failed("create", dir, e))?;
        Ok(Self::at(dir))
    }

    /// The folder `dir`, which exists.
    pub(crate) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.dir
    }

    /// The folder of a run, which need not exist.
    pub(crate) fn of(&self, run: RunId) -> PathBuf {
        self.dir.join(run.to_string())
    }

    /// The file that a segment's locator names: what is in front of the `#` is its path.
    pub(crate) fn segment(&self, locator: &str) -> PathBuf {
        self.dir.join(locator.split_once('#').map_or(locator, |(path, _)| path))
    }

    /// Deletes the folder of a run.
    pub(crate) fn remove(&self, run: RunId) -> Result<()> {
        let dir = self.of(run);
        absent_is_fine(std::fs::remove_dir_all(&dir)).map_err(|e| failed("delete", &dir, e))
    }

    /// The runs that have a folder, in order.
    pub(crate) fn runs(&self) -> Result<Vec<RunId>> {
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

/// Creates a folder and those above it, so that they survive a loss of power.
fn create_durably(dir: &Path) -> io::Result<()> {
    if dir.as_os_str().is_empty() || dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().unwrap_or(dir);
    create_durably(parent)?;
    RealDisk.create_dir(dir)?;
    RealDisk.sync_dir(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
}

/// Success, also if there was nothing to delete.
pub(crate) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
