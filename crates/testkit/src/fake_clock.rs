//! A wall clock for programs that a test sets, before they start or while they run.
//!
//! libfaketime stands between a program and its C library. What always holds: only the wall clock
//! is another; the monotonic clock and the uptime stay what they are.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::crash::Program;

/// A wall clock that is wrong by what a file says.
pub struct FakeClock {
    file: PathBuf,
}

impl FakeClock {
    /// A clock that is right; its file is in this folder.
    ///
    /// # Panics
    /// If libfaketime is not installed (the Debian package `faketime`), or the file cannot be
    /// written.
    pub fn new(folder: &Path) -> Self {
        let clock = Self { file: folder.join("clock") };
        clock.set(0);
        clock
    }

    /// Programs under this clock see it ahead by that many seconds, from now on.
    pub fn set(&self, seconds: i64) {
        let new = self.file.with_extension("new");
        std::fs::write(&new, format!("{seconds:+}\n")).expect("the clock's file can be written");
        std::fs::rename(&new, &self.file).expect("the clock's file can be replaced");
    }

    /// This program under this clock.
    #[must_use]
    pub fn rules(&self, program: Program) -> Program {
        program
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &self.file)
            // The file is read again for each look at the time.
            .env("FAKETIME_NO_CACHE", "1")
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .env("DONT_FAKE_MONOTONIC", "1")
    }
}

/// Where libfaketime is, as its wrapper says.
fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let said =
            Command::new("faketime").args(["-f", "+0", "sh", "-c", "printf %s \"$LD_PRELOAD\""]).output();
        let said = said.expect("the Debian package faketime is installed");
        String::from_utf8(said.stdout).expect("a path is text")
    })
}
