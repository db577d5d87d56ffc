//! The files of a commit, in a folder that stays as it is.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use super::{BuildError, Runner, Version, VersionError};
use crate::target::{build::Slot, git::git_with};

/// The folder of the files of a version's commit.
pub(super) fn of(
    version: &Version<'_>,
    cache: &Path,
    runner: &mut Runner<'_>,
) -> Result<PathBuf, VersionError> {
    let commit = version.commit;
    let failed = |source| VersionError::Build { commit: commit.short().to_owned(), source };
    let mut slot = Slot::open(cache, "sources", commit.tree.clone(), runner).map_err(failed)?;
    let folder = slot.dir().join("files");
    if slot.is_whole() {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)
        .map_err(|source| failed(BuildError::Cache { path: folder.clone(), source }))?;
    // An index of its own: the user's is not for us.
    let index = slot.dir().join("index");
    let variables = [("GIT_INDEX_FILE", index.as_os_str())];
    let git = |words: &[&OsStr]| {
        let ran = git_with(version.repository.top(), &variables, words);
        ran.map_err(VersionError::git(commit))
    };
    git(&["read-tree".as_ref(), commit.tree.as_ref()])?;
    let mut prefix = OsString::from("--prefix=");
    prefix.push(folder.join(""));
    git(&["checkout-index".as_ref(), "--all".as_ref(), "--force".as_ref(), &prefix])?;
    slot.finish().map_err(failed)?;
    Ok(folder)
}
