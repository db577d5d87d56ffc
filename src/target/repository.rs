//! The git repository that a target's sources are in, and its commits.

use std::{
    io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    git::{GitError, git},
    revision::Revision,
};
use crate::config;

mod snapshot;

/// The word for the files as they are, in place of a revision.
pub const WORKTREE: &str = "worktree";

/// How much of a commit's hash people read.
const SHORT: usize = 10;

/// A git repository with its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    top: PathBuf,
}

/// A commit, or the files as they are, which a commit without a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its full hash.
    pub id: String,
    /// The hash of its files: the same for the same files.
    pub tree: String,
    /// The first line of its message.
    pub subject: String,
    /// Whether it stands for files of which some are in no commit.
    pub is_snapshot: bool,
    /// What a record says of it: for a snapshot, the commit that it started from, as dirty; none
    /// for a snapshot before the first commit.
    pub revision: Option<Revision>,
}

/// Why a repository or a commit cannot be used.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// The folder is in no repository.
    #[error("{dir} is in no git repository, so it has no revisions: {source}")]
    None {
        /// The folder.
        dir: PathBuf,
        /// What git said.
        source: GitError,
    },
    /// There is no such revision.
    #[error("no revision '{revision}' in {top}{advice}")]
    Unknown {
        /// The revision asked for.
        revision: String,
        /// The repository.
        top: PathBuf,
        /// What may have been meant, or be missing.
        advice: String,
    },
    /// A file is not in the repository.
    #[error("{path} is not in the repository {top}")]
    Outside {
        /// The file.
        path: PathBuf,
        /// The repository.
        top: PathBuf,
    },
    /// The files as they are cannot be read.
    #[error("cannot take the files in {top} as they are: {source}")]
    Snapshot {
        /// The repository.
        top: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

impl Repository {
    /// The repository that the folder `dir` is in.
    ///
    /// # Errors
    /// When it is in none, or git is not installed.
    pub fn around(dir: &Path) -> Result<Self, RepositoryError> {
        let top = git(dir, &["rev-parse", "--show-toplevel"])
            .map_err(|source| RepositoryError::None { dir: dir.to_owned(), source })?;
        Ok(Self { top: top.into() })
    }

    /// The folder of all its files.
    pub fn top(&self) -> &Path {
        &self.top
    }

    /// The commit that `revision` means, in git's words; [`WORKTREE`] means the files as they are,
    /// with those that are new and not ignored. Nothing of the repository's own changes.
    ///
    /// # Errors
    /// When there is no such commit, with the nearest name.
    pub fn commit(&self, revision: &str) -> Result<Commit, RepositoryError> {
        match revision {
            WORKTREE => self.snapshot(),
            _ => self.read(revision).map_err(|error| match error {
                GitError::Run(_) => error.into(),
                GitError::Failed { .. } => self.unknown(revision),
            }),
        }
    }

    /// The newest commit from which both were made; none where the two have nothing in common, or
    /// a shallow clone lacks it.
    ///
    /// # Errors
    /// When git fails.
    pub fn merge_base(
        &self,
        one: &Commit,
        other: &Commit,
    ) -> Result<Option<Commit>, RepositoryError> {
        match git(&self.top, &["merge-base", &one.id, &other.id]) {
            Ok(id) => Ok(Some(self.read(&id)?)),
            Err(GitError::Failed { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether older commits were not fetched.
    pub fn is_shallow(&self) -> bool {
        let answer = git(&self.top, &["rev-parse", "--is-shallow-repository"]);
        answer.is_ok_and(|answer| answer == "true")
    }

    /// The files that the commits `from` and `to` differ in, with counts of lines, as people read
    /// them.
    ///
    /// # Errors
    /// When git fails.
    pub fn diff_stat(&self, from: &str, to: &str) -> Result<String, RepositoryError> {
        Ok(git(&self.top, &["diff", "--stat=80", "--no-color", from, to, "--"])?)
    }

    /// Where the file or folder `path` is, from the top.
    pub(super) fn place(&self, path: &Path) -> Result<PathBuf, RepositoryError> {
        let outside = || RepositoryError::Outside { path: path.to_owned(), top: self.top.clone() };
        // The file may be gone; what it was called is not.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new(".")).canonicalize().map_err(|_| outside())?;
        let whole = path.file_name().map_or(folder.clone(), |name| folder.join(name));
        let top = self.top.canonicalize().map_err(|_| outside())?;
        whole.strip_prefix(&top).map(Path::to_owned).map_err(|_| outside())
    }

    fn read(&self, revision: &str) -> Result<Commit, GitError> {
        let commit = format!("{revision}^{{commit}}");
        let id =
            git(&self.top, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        let text = git(&self.top, &["log", "-1", "--no-show-signature", "--format=%T%n%s", &id])?;
        let (tree, subject) = text.split_once('\n').unwrap_or((&text, ""));
        Ok(Commit {
            tree: tree.to_owned(),
            subject: subject.to_owned(),
            is_snapshot: false,
            revision: Some(Revision { commit: id.clone(), dirty: false }),
            id,
        })
    }

    fn unknown(&self, revision: &str) -> RepositoryError {
        // What follows counts from a commit that may well be known: `main~3`, `HEAD@{1}`, `v1^`.
        let name = revision.split(['~', '^', '@', ':']).next().unwrap_or(revision);
        let has_name = self.read(name).is_ok();
        let refs = ["for-each-ref", "--format=%(refname:short)", "refs/tags", "refs/heads"];
        let refs = git(&self.top, &refs).unwrap_or_default();
        let near = config::nearest(name, refs.lines().chain(["HEAD", WORKTREE]));
        let advice = match near {
            _ if has_name && self.is_shallow() => {
                "; this clone is shallow and has the newest commits only: `git fetch --unshallow` \
                 gets the others"
                    .to_owned()
            }
            _ if has_name => format!("; '{name}' is there, but has no such commit before it"),
            Some(near) => format!("; did you mean '{near}'?{}", self.unfetched(name)),
            None => self.unfetched(name),
        };
        RepositoryError::Unknown { revision: revision.to_owned(), top: self.top.clone(), advice }
    }

    /// How to get a branch that this clone may have left out.
    fn unfetched(&self, name: &str) -> String {
        let fetched = git(&self.top, &["config", "--get-all", "remote.origin.fetch"]);
        let has_all = fetched.map_or(true, |fetched| fetched.contains("refs/heads/*:"));
        let branch = name.strip_prefix("origin/").unwrap_or(name);
        match (has_all, self.is_shallow()) {
            (true, false) => String::new(),
            (false, _) => format!(
                "; this clone has one branch only: `git fetch origin {branch}:refs/remotes/origin/\
                 {branch}` gets another one, as origin/{branch}"
            ),
            (true, true) => {
                "; this clone is shallow: `git fetch --unshallow` gets older commits".to_owned()
            }
        }
    }
}

impl Commit {
    /// The start of its hash, for people.
    pub fn short(&self) -> &str {
        self.id.get(..SHORT).unwrap_or(&self.id)
    }
}

#[cfg(test)]
pub(super) mod tests;
