//! The folder of one extraction: files appear in it under a temporary name and get their own when they are durable.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use outflow_core::Result;

use crate::budget::Budget;
use crate::disk::{Disk, DiskFile, failed};

/// Where an extraction writes.
pub(crate) struct Output {
    /// How much it may write.
    pub(crate) budget: Budget,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    made: bool,
}

impl Output {
    /// Files go to `dir`, which is made with the first of them.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, budget: Budget) -> Self {
        Self { budget, disk, dir, made: false }
    }

    /// Begins a file of that name.
    pub(crate) fn create(&mut self, name: &str) -> Result<NewFile> {
        if !self.made {
            self.disk.create_dir(&self.dir).map_err(|e| failed("create", &self.dir, e))?;
            self.made = true;
        }
        let path = self.dir.join(name);
        let temporary = self.dir.join(format!("{name}.tmp"));
        let file = self.disk.create(&temporary).map_err(|e| failed("create", &temporary, e))?;
        Ok(NewFile { file, temporary, path })
    }

    /// Makes the contents of a file durable and gives it its name. The name is durable after [`Output::sync`].
    pub(crate) fn publish(&self, mut file: NewFile) -> Result<()> {
        file.file.sync().map_err(|e| failed("sync", &file.temporary, e))?;
        self.disk.rename(&file.temporary, &file.path).map_err(|e| failed("rename", &file.temporary, e))
    }

    /// Makes the names of all published files durable.
    pub(crate) fn sync(&self) -> Result<()> {
        if !self.made {
            return Ok(());
        }
        let parents = [Some(self.dir.as_path()), self.dir.parent()];
        parents
            .into_iter()
            .flatten()
            .try_for_each(|dir| self.disk.sync_dir(dir).map_err(|e| failed("sync", dir, e)))
    }

    /// Deletes all that was written. What cannot be deleted stays an orphan.
    pub(crate) fn discard(self) {
        if self.made {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

/// A file that has no name of its own yet.
pub(crate) struct NewFile {
    file: Box<dyn DiskFile>,
    temporary: PathBuf,
    path: PathBuf,
}

impl NewFile {
    /// Appends these bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.append(bytes).map_err(|e| failed("write", &self.temporary, e))
    }

    /// The path that the file will have.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The path that it has now.
    pub(crate) fn temporary(&self) -> &Path {
        &self.temporary
    }
}
