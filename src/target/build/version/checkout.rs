//! The folder in which all commits of a repository are compiled, one after another.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Beside, BuildError, Runner, Version, VersionError,
    sources::{common_dir, tell_git},
    submodules,
};
use crate::target::{
    build::Slot,
    git::{GitError, git},
};

/// Its name, which builds may show.
const NAME: &str = "flameload";

/// A git worktree that no other process uses until this is dropped.
#[derive(Debug)]
pub(super) struct Checkout {
    dir: PathBuf,
    _slot: Slot,
}

impl Checkout {
    /// The checkout of a version's repository, with the files of its commit and those beside it.
    ///
    /// Files that are the same keep their times, so that only what changed is compiled anew.
    pub(super) fn of(
        version: &Version<'_>,
        beside: &Beside,
        cache: &Path,
        runner: &mut Runner<'_>,
    ) -> Result<Self, VersionError> {
        let (top, commit) = (version.repository.top(), version.commit);
        let failed = |source| VersionError::Build { commit: commit.short().to_owned(), source };
        let origin = top.display().to_string();
        let mut slot = Slot::open(cache, "checkout", origin, runner).map_err(failed)?;
        let dir = slot.dir().join(NAME);
        let common = common_dir(top).map_err(VersionError::git(commit))?;
        // What git says of a folder that it does not know, or that was left half made, is no help.
        if !is_worktree(&dir, &common) || switch(&dir, &commit.id).is_err() {
            let own = slot.dir().join("git");
            let make = || {
                clear(&dir)?;
                clear(&own)?;
                tell_git(&dir, &own, &commit.id, &common)
            };
            make().map_err(|source| failed(BuildError::Cache { path: dir.clone(), source }))?;
            switch(&dir, &commit.id).map_err(VersionError::git(commit))?;
        }
        submodules::fill(top, &commit.tree, &dir).map_err(failed)?;
        beside
            .put(&dir, &slot.dir().join("beside.json"))
            .map_err(|source| failed(BuildError::Cache { path: dir.clone(), source }))?;
        if !slot.is_whole() {
            slot.finish().map_err(failed)?;
        }
        Ok(Self { dir, _slot: slot })
    }

    /// Where its files are.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }
}

/// Whether the folder is the top of a worktree of this repository, and not just somewhere within
/// one; not one either that an earlier version had put into the repository's list.
fn is_worktree(dir: &Path, common: &str) -> bool {
    let is_top =
        git(dir, &["rev-parse", "--show-toplevel"]).is_ok_and(|top| Path::new(&top) == dir);
    is_top
        && common_dir(dir).is_ok_and(|own| own == common)
        && git(dir, &["rev-parse", "--absolute-git-dir"]).is_ok_and(|own| !own.starts_with(common))
}

/// Takes the worktree to a commit, and away what earlier ones left beside what is ignored and what
/// cargo built.
fn switch(dir: &Path, commit: &str) -> Result<(), GitError> {
    git(dir, &["checkout", "--quiet", "--detach", "--force", commit])?;
    git(dir, &["clean", "-ffdq", "-e", "target/"])?;
    Ok(())
}

/// Removes a folder and makes it anew.
fn clear(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        cleared => cleared?,
    }
    fs::create_dir_all(dir)
}
