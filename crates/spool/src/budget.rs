//! How much an extraction may write: not below the disk reserve (P001) and not above the run's own
//! limit (P002).

use std::path::PathBuf;
use std::sync::Arc;

use outflow_core::{Code, Error, Result};

use crate::disk::{Disk, failed};

/// Bytes that are written between two checks of the free space: others write to the same disk.
const GRANT: u64 = 4 << 20;

/// What one extraction may still write.
pub(crate) struct Budget {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    reserve: u64,
    max: Option<u64>,
    result: u64,
    total: u64,
    granted: u64,
}

impl Budget {
    /// `dir` is on the disk whose `reserve` stays free; `max` limits the bytes of the result.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, reserve: u64, max: Option<u64>) -> Self {
        Self { disk, dir, reserve, max, result: 0, total: 0, granted: 0 }
    }

    /// Asks for room for bytes of the result.
    pub(crate) fn result(&mut self, bytes: u64) -> Result<()> {
        self.result += bytes;
        match self.max {
            Some(max) if self.result > max => Err(Error::new(
                Code::MaxRunBytesExceeded,
                format!("the result needs more than max_run_bytes = {max} bytes ({}) on disk", size(max)),
            )
            .help("raise max_run_bytes, or have the query select fewer rows or columns")),
            _ => self.working(bytes),
        }
    }

    /// Asks for room for bytes that are not part of the result.
    pub(crate) fn working(&mut self, bytes: u64) -> Result<()> {
        if bytes > self.granted {
            let free = self.disk.free(&self.dir).map_err(|e| failed("measure the disk of", &self.dir, e))?;
            let room = free.saturating_sub(self.reserve);
            if bytes > room {
                return Err(self.too_large(free));
            }
            self.granted = room.min(GRANT.max(bytes));
        }
        self.granted -= bytes;
        self.total += bytes;
        Ok(())
    }

    /// Bytes of the result were replaced or deleted.
    pub(crate) fn give_back(&mut self, bytes: u64) {
        self.result = self.result.saturating_sub(bytes);
    }

    /// Bytes of the result so far.
    pub(crate) fn result_bytes(&self) -> u64 {
        self.result
    }

    fn too_large(&self, free: u64) -> Error {
        Error::new(
            Code::DiskReserveReached,
            format!(
                "the result does not fit: {} are written, {} are free and {} of them stay in reserve",
                size(self.total),
                size(free),
                size(self.reserve)
            ),
        )
        .at(self.dir.display().to_string())
        .help("make room on this disk, move the state folder to a larger one, lower the reserve, or have the query select fewer rows")
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..0x400 => format!("{bytes} bytes"),
        0x400..0x10_0000 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
