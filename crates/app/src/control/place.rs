//! Where the control socket lies.
//!
//! What always holds: its folder belongs to the user who serves (root may serve in any), and no
//! other user may write to it, so that no other user can put another socket in its place.

use std::fs::{DirBuilder, File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::ROOT;

/// The name of the socket of a `serve` in its folder.
pub(super) const CONTROL: &str = "control.sock";
/// That of a process that holds the state until its work is done.
pub(super) const WORK: &str = "work.sock";
/// The folder of the socket where others may write to the state's folder.
const OWN: &str = "control";
/// The longest path that fits into a socket's address on every system.
const LONGEST: usize = 100;
/// The rights of others than the owner to write.
const OTHERS_WRITE: u32 = 0o022;

/// The place of a socket.
pub(super) struct Place {
    /// Its path.
    pub(super) path: PathBuf,
    /// The user to whom the state's folder belongs.
    pub(super) owner: u32,
    /// Its folder, opened: a path through it is short.
    folder: File,
    name: &'static str,
}

impl Place {
    /// Where a process that serves this folder listens.
    pub(super) fn find(dir: &Path, name: &'static str) -> io::Result<Place> {
        let dir = dir.canonicalize()?;
        let metadata = dir.metadata()?;
        let folder = if is_shared(&metadata) { dir.join(OWN) } else { dir };
        // What somebody else put there as a link leads to a place that was not checked.
        if !folder.symlink_metadata()?.is_dir() {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        // Not the owner of the socket's own folder: where many may write, anybody may have made it.
        let owner = metadata.uid();
        Ok(Place { path: folder.join(name), owner, folder: File::open(folder)?, name })
    }

    /// The same for the process that serves as `user`, with the folder made if need be.
    pub(super) fn make(dir: &Path, user: u32, name: &'static str) -> io::Result<Place> {
        let dir = dir.canonicalize()?;
        let shared = is_shared(&dir.metadata()?);
        if shared {
            match DirBuilder::new().mode(0o700).create(dir.join(OWN)) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => {}
            }
        }
        let place = Self::find(&dir, name)?;
        let metadata = place.folder.metadata()?;
        if (metadata.uid() != user && user != ROOT) || is_shared(&metadata) {
            let who = "its folder belongs to another user, or others may write to it";
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, who));
        }
        Ok(place)
    }

    /// The path to bind to or to connect to. It is valid as long as this lives.
    pub(super) fn address(&self) -> PathBuf {
        if self.path.as_os_str().len() <= LONGEST {
            return self.path.clone();
        }
        PathBuf::from(format!("/proc/self/fd/{}", self.folder.as_raw_fd())).join(self.name)
    }
}

fn is_shared(metadata: &Metadata) -> bool {
    metadata.mode() & OTHERS_WRITE != 0
}

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;
    use crate::user::own_user;

    fn mode(path: &Path, mode: u32) {
        set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[tokio::test]
    async fn the_socket_lies_where_no_other_user_can_write() {
        let folder = tempfile::tempdir().unwrap();
        let (dir, user) = (folder.path(), own_user().unwrap());
        for open in [0o700, 0o755] {
            mode(dir, open);
            assert_eq!(
                Place::make(dir, user, CONTROL).unwrap().path,
                dir.canonicalize().unwrap().join(CONTROL)
            );
        }
        for shared in [0o770, 0o2775, 0o1777, 0o777] {
            mode(dir, shared);
            let place = Place::make(dir, user, CONTROL).unwrap();
            assert_eq!(place.path, dir.canonicalize().unwrap().join(OWN).join(CONTROL));
            assert_eq!(Place::find(dir, CONTROL).unwrap().path, place.path);
            assert_eq!(dir.join(OWN).metadata().unwrap().mode() & 0o7777, 0o700);
        }
        // Somebody else was there first: a folder in which others may write, or of another user, or
        // a link to one.
        mode(&dir.join(OWN), 0o777);
        assert!(Place::make(dir, user, CONTROL).is_err());
        mode(&dir.join(OWN), 0o700);
        assert!(Place::make(dir, user + 4711, CONTROL).is_err());
        if user == ROOT {
            chown(dir.join(OWN), Some(4711), None).unwrap();
            assert_eq!(
                Place::find(dir, CONTROL).unwrap().owner,
                user,
                "who made the folder is not whom we trust"
            );
        }
        std::fs::remove_dir(dir.join(OWN)).unwrap();
        symlink(tempfile::tempdir().unwrap().keep(), dir.join(OWN)).unwrap();
        assert!(Place::make(dir, user, CONTROL).is_err() && Place::find(dir, CONTROL).is_err());
    }
}
