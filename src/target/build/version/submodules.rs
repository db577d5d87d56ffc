//! The files of submodules, which git leaves out of a checkout.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use super::BuildError;
use crate::target::git::{GitError, git, git_with};

/// Adds to `folder`, which has the files that the repository at `top` has at `tree`, those of its
/// submodules, and of theirs. They come from the user's own clones: nothing is fetched.
///
/// # Errors
/// When a submodule's commit is in no clone, with the command that gets it.
pub(super) fn fill(top: &Path, tree: &str, folder: &Path) -> Result<(), BuildError> {
    let need = |error: GitError| BuildError::Need(error.to_string());
    let listed = git(top, &["ls-tree", "-r", "-z", tree]).map_err(need)?;
    for (commit, path) in listed.split('\0').filter_map(link) {
        let own = top.join(path);
        let missing = || {
            BuildError::Need(format!(
                "the submodule {path} is not there at {}, as this revision has it: get it with \
                 `git -C {} submodule update --init --recursive`, or `git -C {} fetch --all`",
                commit.get(..10).unwrap_or(commit),
                top.display(),
                own.display()
            ))
        };
        // Without a repository of its own there, git would speak of the outer one.
        let own_top = git(&own, &["rev-parse", "--show-toplevel"]).map_err(|_| missing())?;
        let whole = own.canonicalize().map_err(|_| missing())?;
        if Path::new(&own_top).canonicalize().ok() != Some(whole) {
            return Err(missing());
        }
        let there = folder.join(path);
        let place = |source| BuildError::Cache { path: std::env::temp_dir(), source };
        let index = tempfile::tempdir().map_err(place)?;
        let index = index.path().join("index");
        checkout(&own, commit, &there, &index).map_err(|_| missing())?;
        fill(&own, commit, &there)?;
    }
    Ok(())
}

/// The commit and the path of a line of `git ls-tree` that stands for a submodule.
fn link(line: &str) -> Option<(&str, &str)> {
    let (entry, path) = line.split_once('\t')?;
    let mut words = entry.split(' ');
    (words.next() == Some("160000")).then_some(())?;
    Some((words.nth(1)?, path))
}

/// Writes the files of `tree` into `folder`, by an index of its own: the user's is not for us.
///
/// # Errors
/// When git fails.
pub(super) fn checkout(
    top: &Path,
    tree: &str,
    folder: &Path,
    index: &Path,
) -> Result<(), GitError> {
    let variables = [("GIT_INDEX_FILE", index.as_os_str())];
    let git = |words: &[&OsStr]| git_with(top, &variables, words);
    git(&["read-tree".as_ref(), tree.as_ref()])?;
    let mut prefix = OsString::from("--prefix=");
    prefix.push(folder.join(""));
    git(&["checkout-index".as_ref(), "--all".as_ref(), "--force".as_ref(), &prefix])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_from_files() {
        assert_eq!(link("160000 commit 0123abcd\tlib/a b"), Some(("0123abcd", "lib/a b")));
        assert_eq!(link("100644 blob 0123abcd\tlib/x"), None);
        assert_eq!(link(""), None);
    }
}
