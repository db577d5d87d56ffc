//! The folder in which all commits of a repository are compiled, one after another.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Beside, BuildError, Runner, Version, VersionError, submodules};
use crate::target::{
    build::Slot,
    git::{GitError, git, git_with},
};

/// Its name, which `git worktree list` shows.
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
        // What git says of a folder that it does not know, or that was left half made, is no help.
        if !is_worktree(&dir) || switch(&dir, &commit.id).is_err() {
            clear(&dir)
                .map_err(|source| failed(BuildError::Cache { path: dir.clone(), source }))?;
            add(top, &dir, &commit.id).map_err(VersionError::git(commit))?;
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

/// Whether the folder is the top of a worktree, and not just somewhere within one.
fn is_worktree(dir: &Path) -> bool {
    dir.join(".git").is_file()
        && git(dir, &["rev-parse", "--show-toplevel"]).is_ok_and(|top| Path::new(&top) == dir)
}

/// Takes the worktree to a commit, and away what earlier ones left beside what is ignored and what
/// cargo built.
fn switch(dir: &Path, commit: &str) -> Result<(), GitError> {
    git(dir, &["checkout", "--quiet", "--detach", "--force", commit])?;
    git(dir, &["clean", "-ffdq", "-e", "target/"])?;
    Ok(())
}

fn add(top: &Path, dir: &Path, commit: &str) -> Result<(), GitError> {
    let words: [&OsStr; 7] = [
        "worktree".as_ref(),
        "add".as_ref(),
        // Also where git has one in its list whose folder is gone.
        "--force".as_ref(),
        "--detach".as_ref(),
        "--quiet".as_ref(),
        dir.as_ref(),
        commit.as_ref(),
    ];
    git_with(top, &[], &words).map(drop)
}

fn clear(dir: &Path) -> io::Result<()> {
    if let Some(slot) = dir.parent() {
        fs::create_dir_all(slot)?;
    }
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        cleared => cleared,
    }
}
