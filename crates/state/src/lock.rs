//! One owner per state folder: a lock of the operating system, which ends with the process that holds it.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use outflow_core::{Code, Error, Result};

use crate::errors::{cannot_open, held};

/// How often a waiting process asks whether it should still wait.
const PATIENCE: Duration = Duration::from_millis(100);

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

    /// Takes the lock as soon as it is free; E001 if `stop` says so before.
    ///
    /// The system's call cannot be called off. It waits on a thread of its own, which lets the lock go if nobody
    /// waits for it any more.
    pub(crate) fn wait(dir: &Path, stop: &dyn Fn() -> bool) -> Result<Self> {
        let (path, file) = open(dir)?;
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .name("outflow-lock".into())
            .spawn(move || {
                let locked = file.lock();
                let _ = sender.send(locked.map(|()| file));
            })
            .map_err(|e| cannot_open(&path, e))?;
        loop {
            match receiver.recv_timeout(PATIENCE) {
                Ok(Ok(file)) => return Ok(Self { file }),
                Ok(Err(e)) => return Err(cannot_open(&path, e)),
                Err(RecvTimeoutError::Disconnected) => return Err(held(dir)),
                Err(RecvTimeoutError::Timeout) if stop() => {
                    return Err(Error::new(
                        Code::Interrupted,
                        "interrupted while another process worked with the state",
                    ));
                }
                Err(RecvTimeoutError::Timeout) => {}
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
