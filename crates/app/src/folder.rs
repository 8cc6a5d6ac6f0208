//! Finding the project that a command means.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use outflow_project::FILE;

use crate::user::own_user;

/// The folder with the project: this one, or the nearest one above it that has one. Only a file of
/// the same user or of root counts above: whoever may write to a folder such as /tmp must not lead
/// a command to a project of theirs. Without any, it is this folder.
pub fn find_project(here: &Path) -> PathBuf {
    if here.join(FILE).exists() {
        return here.to_owned();
    }
    let Ok(from) = here.canonicalize() else { return here.to_owned() };
    let user = own_user().ok();
    let is_ours = |folder: &&Path| {
        let owner = fs::metadata(folder.join(FILE)).ok().filter(|file| file.is_file()).map(|file| file.uid());
        owner.is_some_and(|owner| owner == 0 || Some(owner) == user)
    };
    from.ancestors().skip(1).find(is_ours).map_or_else(|| here.to_owned(), Path::to_owned)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::chown;

    use super::*;

    #[tokio::test]
    async fn the_nearest_project_above_is_meant_unless_it_is_a_strangers() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("queries/new");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(find_project(&deep), deep, "there is none");
        fs::write(dir.path().join(FILE), "version: 1\n").unwrap();
        assert_eq!(find_project(&deep), dir.path().canonicalize().unwrap());
        assert_eq!(find_project(dir.path()), dir.path());
        // Only root can give a file away.
        if own_user().unwrap() == 0 {
            chown(dir.path().join(FILE), Some(12_345), None).unwrap();
            assert_eq!(find_project(&deep), deep);
        }
    }
}
