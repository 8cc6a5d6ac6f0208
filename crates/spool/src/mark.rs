//! The spool's mark: a file that says with which state the spool was used last, and when the file
//! itself was made.
//!
//! What always holds: a mark is a new file each time. A copy of it, also one that was written over
//! a later mark, was made at another time than it says, and so is recognised. A file system that
//! keeps no times of creation shows no copies.

use std::io;
use std::path::Path;
use std::time::UNIX_EPOCH;

use outflow_core::Result;
use outflow_core::ports::spool::SpoolMark;

use crate::disk::{Disk, failed};
use crate::folder::absent_is_fine;

/// The file's name in the folder.
const FILE: &str = "mark";
/// In place of a time that the file system does not keep.
const UNKNOWN: &str = "-";

/// The mark of this folder. One that is damaged is none.
pub(crate) fn read(dir: &Path) -> Result<Option<SpoolMark>> {
    let path = dir.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("read", &path, e)),
    };
    let Some((id, made)) = text.trim_ascii().split_once(' ') else { return Ok(None) };
    let Ok(id) = u128::from_str_radix(id, 16) else { return Ok(None) };
    let now = created(&path);
    Ok(Some(SpoolMark { id, is_original: made == UNKNOWN || now == UNKNOWN || made == now }))
}

/// Gives this folder a mark, in place of the one that it has.
pub(crate) fn write(disk: &dyn Disk, dir: &Path, id: u128) -> Result<()> {
    let (path, draft) = (dir.join(FILE), dir.join(format!("{FILE}.tmp")));
    let written = || {
        absent_is_fine(std::fs::remove_file(&draft))?;
        let mut file = disk.create(&draft)?;
        file.append(format!("{id:032x} {}\n", created(&draft)).as_bytes())?;
        file.sync()?;
        disk.rename(&draft, &path)
    };
    written().map_err(|e| failed("write", &path, e))
}

/// When the file was made, in nanoseconds.
fn created(path: &Path) -> String {
    let made = std::fs::metadata(path).and_then(|found| found.created());
    let since = made.ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    since.map_or_else(|| UNKNOWN.to_owned(), |since| since.as_nanos().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::RealDisk;

    fn marked(dir: &Path) -> Option<(u128, bool)> {
        read(dir).unwrap().map(|mark| (mark.id, mark.is_original))
    }

    #[test]
    fn a_mark_is_found_where_it_was_set_and_a_copy_of_it_is_recognised() {
        let dir = tempfile::tempdir().unwrap();
        let (here, there) = (dir.path().join("a"), dir.path().join("b"));
        [&here, &there].into_iter().for_each(|dir| std::fs::create_dir(dir).unwrap());
        assert_eq!(marked(&here), None);
        write(&RealDisk, &here, 7).unwrap();
        assert_eq!(marked(&here), Some((7, true)));
        // It is moved as a whole.
        std::fs::rename(&here, dir.path().join("c")).unwrap();
        let here = dir.path().join("c");
        assert_eq!(marked(&here), Some((7, true)));
        std::fs::copy(here.join(FILE), there.join(FILE)).unwrap();
        assert_eq!(marked(&there), Some((7, false)));
        // A later mark, over which the copy is written.
        write(&RealDisk, &here, 8).unwrap();
        assert_eq!(marked(&here), Some((8, true)));
        std::fs::copy(there.join(FILE), here.join(FILE)).unwrap();
        assert_eq!(marked(&here), Some((7, false)));
    }

    #[test]
    fn a_damaged_mark_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "x 1", "7", "\u{0}\u{0}\u{0}"] {
            std::fs::write(dir.path().join(FILE), text).unwrap();
            assert_eq!(marked(dir.path()), None, "{text:?}");
        }
        std::fs::write(dir.path().join(FILE), "7 -").unwrap();
        assert_eq!(marked(dir.path()), Some((7, true)), "nothing is known of its making");
    }
}
