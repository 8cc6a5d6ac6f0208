//! The file system operations that writing needs, as a trait: tests fail each operation in turn and
//! cut the power.
//!
//! Reading goes to `std::fs` directly, as a failed read can do no harm.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use outflow_core::{Code, Error};

/// The operations that writing needs.
pub(crate) trait Disk: Send + Sync {
    /// Creates a folder for the owner alone. One that exists is left as it is.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Creates an empty file for the owner alone, in place of one of that name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Gives a file its final name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Bytes that may still be written to the disk that holds this folder.
    fn free(&self, path: &Path) -> io::Result<u64>;
}

/// A file that is being written.
pub(crate) trait DiskFile: Send {
    /// Appends all of these bytes.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes the contents durable. After a failure nothing is known of the file: it is never synced
    /// a second time.
    fn sync(&mut self) -> io::Result<()>;
}

/// The operating system's file system.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(path) {
            Err(_) if path.is_dir() => Ok(()),
            result => result,
        }
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl DiskFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// P003 for an operation on a path. `doing` completes "cannot …".
pub(crate) fn failed(doing: &str, path: &Path, cause: io::Error) -> Error {
    Error::new(Code::SpoolIo, format!("cannot {doing} {}: {cause}", path.display()))
        .help("see whether its disk is mounted, writable by this user, not full and in good health, then run again")
        .caused_by(cause)
}
