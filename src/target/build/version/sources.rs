//! The files of a commit, in a folder that stays as it is.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Beside, BuildError, Runner, Version, VersionError, submodules};
use crate::target::{
    build::Slot,
    git::{GitError, git},
};

/// The folder of the files of a version's commit, with those that are beside it.
pub(super) fn of(
    version: &Version<'_>,
    beside: &Beside,
    cache: &Path,
    runner: &mut Runner<'_>,
) -> Result<PathBuf, VersionError> {
    let commit = version.commit;
    let failed = |source| VersionError::Build { commit: commit.short().to_owned(), source };
    let origin = commit.tree.clone() + &beside.key();
    let mut slot = Slot::open(cache, "sources", origin, runner).map_err(failed)?;
    let folder = slot.dir().join("files");
    let own = slot.dir().join("git");
    if slot.is_whole() {
        // Other commits may have the same files.
        let head = own.join("HEAD");
        fs::write(&head, format!("{}\n", commit.id))
            .map_err(|source| failed(BuildError::Cache { path: head, source }))?;
        return Ok(folder);
    }
    let cache = |source| failed(BuildError::Cache { path: folder.clone(), source });
    fs::create_dir_all(&folder).map_err(cache)?;
    fs::create_dir_all(&own).map_err(cache)?;
    let top = version.repository.top();
    let tree = &commit.tree;
    let wrong = VersionError::git(commit);
    submodules::checkout(top, tree, &folder, &own.join("index")).map_err(&wrong)?;
    submodules::fill(top, tree, &folder).map_err(failed)?;
    beside.put(&folder, &slot.dir().join("beside.json")).map_err(cache)?;
    tell_git(&folder, &own, &commit.id, &common_dir(top).map_err(wrong)?).map_err(cache)?;
    slot.finish().map_err(failed)?;
    Ok(folder)
}

/// What all worktrees of a repository have in common.
pub(super) fn common_dir(top: &Path) -> Result<String, GitError> {
    git(top, &["rev-parse", "--path-format=absolute", "--git-common-dir"])
}

/// Makes the folder a worktree of the user's repository, so that a build that asks git what it
/// builds is told of that commit, and one that commits does so on no branch of anyone's. See
/// gitrepository-layout(5); git lists no such worktree, and never cleans it up.
pub(super) fn tell_git(folder: &Path, own: &Path, head: &str, common: &str) -> io::Result<()> {
    let link = folder.join(".git");
    fs::write(own.join("HEAD"), format!("{head}\n"))?;
    fs::write(own.join("commondir"), format!("{common}\n"))?;
    fs::write(own.join("gitdir"), format!("{}\n", link.display()))?;
    fs::write(link, format!("gitdir: {}\n", own.display()))
}
