//! One owner per state folder: a lock of the operating system, which ends with the process that
//! holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use outflow_core::{BoxFuture, Code, Error, Result};
use tokio::sync::oneshot;

use super::errors::{cannot_open, held};

/// The lock of a folder. Dropping it lets the next one in.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, or T002 at once.
    pub(crate) fn take(dir: &Path) -> Result<Self> {
        let (path, file) = open(dir)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(held(dir)),
            Err(TryLockError::Error(e)) => Err(cannot_open(&path, e)),
        }
    }

    /// Takes the lock as soon as it is free; E001 if `stop` resolves before.
    ///
    /// The system's call cannot be cancelled. It waits on a separate thread, which lets the lock
    /// go if this future no longer waits for it.
    pub(crate) async fn wait(dir: &Path, stop: BoxFuture<'static, ()>) -> Result<Self> {
        let (path, file) = open(dir)?;
        let (sender, receiver) = oneshot::channel();
        std::thread::Builder::new()
            .name("outflow-lock".into())
            .spawn(move || {
                let locked = file.lock();
                let _ = sender.send(locked.map(|()| Self { file }));
            })
            .map_err(|e| cannot_open(&path, e))?;
        tokio::select! {
            locked = receiver => match locked {
                Ok(Ok(lock)) => Ok(lock),
                Ok(Err(e)) => Err(cannot_open(&path, e)),
                Err(_) => Err(held(dir)),
            },
            () = stop => {
                Err(Error::new(Code::Interrupted, "interrupted while another process worked with the state"))
            }
        }
    }
}

impl Drop for Lock {
    /// Closing the file would not do while a process that is just being started has a copy of it.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn open(dir: &Path) -> Result<(PathBuf, File)> {
    let path = dir.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path);
    match file {
        Ok(file) => Ok((path, file)),
        Err(e) => Err(cannot_open(&path, e)),
    }
}
