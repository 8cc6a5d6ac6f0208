//! Backups of a house, and houses that are restored from them.

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;

use super::{House, Scripted};

impl House {
    /// A copy of all that it keeps.
    pub fn backup(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(self.dir.path(), copy.path());
        copy
    }

    /// The process ends, and another one finds what that copy has.
    pub fn back_to(self, copy: &TempDir, destinations: &[&Arc<Scripted>]) -> Self {
        drop(self);
        let dir = tempfile::tempdir().unwrap();
        copy_folder(copy.path(), dir.path());
        Self::in_dir(dir, destinations)
    }

    /// The same, but the state alone is from the copy.
    pub fn with_state_of(self, copy: &TempDir, destinations: &[&Arc<Scripted>]) -> Self {
        let Self { dir, engine, .. } = self;
        drop(engine);
        for name in ["state.db", "state.db-wal"] {
            let _ = std::fs::remove_file(dir.path().join(name));
            if copy.path().join(name).exists() {
                std::fs::copy(copy.path().join(name), dir.path().join(name)).unwrap();
            }
        }
        Self::in_dir(dir, destinations)
    }
}

/// Copies what is in a folder; each file is a new one.
fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => {
                std::fs::create_dir(&to).unwrap();
                copy_folder(&entry.path(), &to);
            }
            false => {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
}
