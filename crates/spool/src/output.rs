//! The folder of one extraction. A file has a temporary name until its contents are durable.
//!
//! A separate thread syncs files, so that compressing and writing continue meanwhile. A sync that
//! fails is the error of the next step, and is never repeated.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use outflow_core::{Code, Error, Result};

use crate::budget::Budget;
use crate::disk::{Disk, DiskFile, failed};

/// Where an extraction writes.
pub(crate) struct Output {
    /// How much it may write.
    pub(crate) budget: Budget,
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    made: bool,
    publisher: Option<Publisher>,
}

/// Files that may wait for the disk.
const WAITING: usize = 2;

/// The thread that makes files durable, in the order in which it gets them.
struct Publisher {
    files: SyncSender<NewFile>,
    thread: JoinHandle<Result<()>>,
}

impl Output {
    /// Files go to `dir`, which is made with the first of them.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, budget: Budget) -> Self {
        Self { budget, disk, dir, made: false, publisher: None }
    }

    /// Files go to `dir`, which is there.
    pub(crate) fn inside(disk: Arc<dyn Disk>, dir: PathBuf, budget: Budget) -> Self {
        Self { made: true, ..Self::new(disk, dir, budget) }
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

    /// Queues a file to be synced and then renamed. Both are done after [`Output::sync`].
    pub(crate) fn publish(&mut self, file: NewFile) -> Result<()> {
        let publisher = match self.publisher.take() {
            Some(publisher) => publisher,
            None => Publisher::start(self.disk.clone(), &self.dir)?,
        };
        if publisher.files.send(file).is_err() {
            return publisher.end();
        }
        self.publisher = Some(publisher);
        Ok(())
    }

    /// Waits until all published files are durable, and makes their names durable.
    pub(crate) fn sync(&mut self) -> Result<()> {
        if let Some(publisher) = self.publisher.take() {
            publisher.end()?;
        }
        if !self.made {
            return Ok(());
        }
        let parents = [Some(self.dir.as_path()), self.dir.parent()];
        parents
            .into_iter()
            .flatten()
            .try_for_each(|dir| self.disk.sync_dir(dir).map_err(|e| failed("sync", dir, e)))
    }

    /// Waits until writing has ended, and deletes nothing: the folder holds other files, too.
    pub(crate) fn leave(mut self) {
        if let Some(publisher) = self.publisher.take() {
            // The error that led here says more.
            let _ = publisher.end();
        }
    }

    /// Deletes all that was written. What cannot be deleted stays an orphan.
    pub(crate) fn discard(mut self) {
        if let Some(publisher) = self.publisher.take() {
            // Its result does not matter any more, but it has to have ended.
            let _ = publisher.end();
        }
        if self.made {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}

impl Publisher {
    fn start(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self> {
        let (files, received) = sync_channel::<NewFile>(WAITING);
        let thread = std::thread::Builder::new()
            .name("outflow-sync".into())
            .spawn(move || received.into_iter().try_for_each(|file| publish(disk.as_ref(), file)))
            .map_err(|e| failed("start a thread that syncs", dir, e))?;
        Ok(Self { files, thread })
    }

    /// Waits for the last file.
    fn end(self) -> Result<()> {
        drop(self.files);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| {
            Err(Error::new(Code::SpoolIo, "the thread that syncs the spool ended before its time"))
        })
    }
}

fn publish(disk: &dyn Disk, mut file: NewFile) -> Result<()> {
    // DURABILITY: contents first, then the name.
    file.file.sync().map_err(|e| failed("sync", &file.temporary, e))?;
    disk.rename(&file.temporary, &file.path).map_err(|e| failed("rename", &file.temporary, e))
}

/// A file that does not have its final name yet.
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
