//! Whose folder this is: a file with the id of the installation whose state names its segments.
//!
//! What always holds: an installation never reads, delivers or deletes files of another one. So
//! numbers of runs that are used again, by a new state or by one of another machine, never meet
//! segments of another history.

use std::io;
use std::path::Path;

use outflow_core::{Code, Error, Result};

use crate::disk::{Disk as _, RealDisk, failed};
use crate::folder::Folder;

/// The file's name in the folder.
const FILE: &str = "installation";

/// Makes the folder this installation's, unless it is another one's. Only the holder of the state
/// may call it.
///
/// # Errors
/// T006: it is another one's. P003: it cannot be read or written.
pub fn take(dir: &Path, installation: u128) -> Result<()> {
    let folder = Folder::open(dir)?;
    if owner(folder.path(), installation)? {
        return Ok(());
    }
    let path = dir.join(FILE);
    let written = || {
        let draft = dir.join(format!("{FILE}.tmp"));
        let mut file = RealDisk.create(&draft)?;
        file.append(format!("{installation:032x}\n").as_bytes())?;
        file.sync()?;
        RealDisk.rename(&draft, &path)?;
        RealDisk.sync_dir(dir)
    };
    written().map_err(|e| failed("write", &path, e))
}

/// Checks that the folder is this installation's, or that no installation has it yet. Changes
/// nothing.
///
/// # Errors
/// As for [`take`].
pub fn check(dir: &Path, installation: u128) -> Result<()> {
    owner(dir, installation).map(drop)
}

/// Whether the folder says that it is this installation's; T006 if it says another one.
fn owner(dir: &Path, installation: u128) -> Result<bool> {
    let path = dir.join(FILE);
    let found = match std::fs::read(&path) {
        Ok(found) => found,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(e) => return Err(failed("read", &path, e)),
    };
    let wanted = format!("{installation:032x}");
    if found.trim_ascii() == wanted.as_bytes() {
        return Ok(true);
    }
    let message = format!(
        "the calls in {} belong to another installation than the state ({} in place of {wanted})",
        dir.display(),
        String::from_utf8_lossy(&found[..found.len().min(32)]).escape_debug()
    );
    Err(Error::new(Code::FolderOfAnother, message)
        .help("bring the state back that the folder belongs to, or move the folders spool and baseline away"))
}
