//! Finds the commit that made a difference, by git's own bisection.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process,
};

use tempfile::TempDir;
use thiserror::Error;

use super::{
    git::{GitError, git, git_with},
    procfs::read_stat,
    repository::{Commit, Repository, RepositoryError},
};

/// Git's bisection between two commits, in a worktree of its own that has no files: a bisection
/// of the user's goes on untouched.
#[derive(Debug)]
pub struct Bisection {
    repository: Repository,
    dir: PathBuf,
    _folder: TempDir,
}

/// What was found of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is like the good one.
    Good,
    /// It is like the bad one.
    Bad,
    /// Nothing could be told.
    Skip,
}

/// How far a bisection is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// This commit is to be looked at next.
    Next {
        /// The commit.
        commit: Commit,
        /// About how many more there will be after it, as git estimates; none where it does not.
        left: Option<u32>,
    },
    /// This one made the difference.
    Found(Commit),
    /// One of these did: nothing could be told of those in between.
    OneOf(Vec<Commit>),
}

/// Why there is no bisection.
#[derive(Debug, Error)]
pub enum BisectionError {
    /// The good commit is not among those that the bad one was made from.
    #[error(
        "{good} is no ancestor of {bad}, so no commit between them can be found; \
         `git merge-base {good} {bad}` gives one that both have"
    )]
    Apart {
        /// The good commit.
        good: String,
        /// The bad commit.
        bad: String,
    },
    /// Both are the same.
    #[error("the good and the bad commit are the same, {0}")]
    Same(String),
    /// There is no folder for it.
    #[error("cannot make a temporary folder: {0}")]
    Folder(#[from] std::io::Error),
    /// Git failed.
    #[error(transparent)]
    Git(#[from] GitError),
    /// The repository cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// What git's log of a bisection has at its end.
const FOUND: &str = "# first bad commit: [";
const POSSIBLE: &str = "# possible first bad commit: [";

impl Bisection {
    /// Begins between a commit and one of its descendants.
    ///
    /// # Errors
    /// When they are no such two, or git fails.
    pub fn start(
        repository: &Repository,
        good: &Commit,
        bad: &Commit,
    ) -> Result<(Self, Step), BisectionError> {
        if good.id == bad.id {
            return Err(BisectionError::Same(good.short().to_owned()));
        }
        let top = repository.top();
        match git(top, &["merge-base", "--is-ancestor", &good.id, &bad.id]) {
            Err(GitError::Failed { .. }) => {
                let (good, bad) = (good.short().to_owned(), bad.short().to_owned());
                return Err(BisectionError::Apart { good, bad });
            }
            asked => asked?,
        };
        remove_abandoned(top);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let dir = folder.path().join(worktree_name(process::id()));
        let words = ["worktree", "add", "--no-checkout", "--detach", "--quiet"];
        let words = words.iter().map(AsRef::<OsStr>::as_ref);
        let words: Vec<&OsStr> = words.chain([dir.as_os_str(), bad.id.as_ref()]).collect();
        git_with(top, &[], &words)?;
        let bisection = Self { repository: repository.clone(), dir, _folder: folder };
        let said = bisection.bisect(&["start", "--no-checkout", &bad.id, &good.id])?;
        let step = bisection.step(&said)?;
        Ok((bisection, step))
    }

    /// Says what was found of a commit, and what is to be looked at next.
    ///
    /// # Errors
    /// When git fails.
    pub fn mark(&mut self, commit: &Commit, mark: Mark) -> Result<Step, BisectionError> {
        let word = match mark {
            Mark::Good => "good",
            Mark::Bad => "bad",
            Mark::Skip => "skip",
        };
        let said = match self.bisect(&[word, &commit.id]) {
            // So it ends where only such are left that were skipped; the log says which.
            Err(GitError::Failed { .. }) if !self.logged(POSSIBLE)?.is_empty() => String::new(),
            said => said?,
        };
        self.step(&said)
    }

    /// How many commits there are from one to the other, the last one included.
    ///
    /// # Errors
    /// When git fails.
    pub fn count(repository: &Repository, good: &Commit, bad: &Commit) -> Result<u32, GitError> {
        let range = format!("{}..{}", good.id, bad.id);
        let count = git(repository.top(), &["rev-list", "--count", &range])?;
        Ok(count.parse().unwrap_or_default())
    }

    fn step(&self, said: &str) -> Result<Step, BisectionError> {
        if let Some(id) = self.logged(FOUND)?.first() {
            return Ok(Step::Found(self.repository.commit(id)?));
        }
        let possible = self.logged(POSSIBLE)?;
        if !possible.is_empty() {
            let commits = possible.iter().map(|id| self.repository.commit(id));
            return Ok(Step::OneOf(commits.collect::<Result<_, _>>()?));
        }
        let next = git(&self.dir, &["rev-parse", "--verify", "BISECT_HEAD"])?;
        Ok(Step::Next { commit: self.repository.commit(&next)?, left: steps(said) })
    }

    /// The commits on the lines of git's log that begin so.
    fn logged(&self, start: &str) -> Result<Vec<String>, GitError> {
        let log = self.bisect(&["log"])?;
        let id = |line: &str| Some(line.strip_prefix(start)?.split_once(']')?.0.to_owned());
        Ok(log.lines().filter_map(id).collect())
    }

    fn bisect(&self, words: &[&str]) -> Result<String, GitError> {
        let words: Vec<&str> = ["bisect"].iter().chain(words).copied().collect();
        // Its estimate is in words.
        git_with(&self.dir, &[("LC_ALL", OsStr::new("C"))], &words)
    }
}

impl Drop for Bisection {
    fn drop(&mut self) {
        // What stays is forgotten by git once the folder is gone.
        let _ = self.bisect(&["reset", "HEAD"]);
        let words: [&OsStr; 4] =
            ["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), self.dir.as_ref()];
        let _ = git_with(self.repository.top(), &[], &words);
    }
}

/// What the names of worktrees begin with; the process that uses one follows.
const PREFIX: &str = "flameload-bisect-";

/// A name that tells whether the process that made it is still there.
fn worktree_name(pid: u32) -> String {
    let started = read_stat(pid).map_or(0, |stat| stat.started);
    format!("{PREFIX}{pid}-{started}")
}

/// Removes the worktrees of bisections that were killed, which git and the user's repository would
/// keep for ever. What cannot be removed is left to the next one.
fn remove_abandoned(top: &Path) {
    let Ok(list) = git(top, &["worktree", "list", "--porcelain", "-z"]) else { return };
    for dir in list.split('\0').filter_map(|line| line.strip_prefix("worktree ")) {
        let dir = Path::new(dir);
        let Some(name) = dir.file_name().and_then(OsStr::to_str) else { continue };
        let owner = name.strip_prefix(PREFIX).and_then(|owner| owner.split_once('-'));
        let Some(pid) = owner.and_then(|(pid, _)| pid.parse().ok()) else { continue };
        if name == worktree_name(pid) {
            continue;
        }
        let words: [&OsStr; 4] =
            ["worktree".as_ref(), "remove".as_ref(), "--force".as_ref(), dir.as_ref()];
        let _ = git_with(top, &[], &words);
        // The temporary folder around it is empty now.
        let _ = dir.parent().map(fs::remove_dir);
    }
}

/// How many steps git estimates to be left: `… (roughly 3 steps)`.
fn steps(said: &str) -> Option<u32> {
    let (_, rest) = said.split_once("(roughly ")?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::repository::tests::{commit, fixture};

    /// A repository with so many commits, the first of all at the front.
    fn history(count: usize) -> (TempDir, Repository, Vec<Commit>) {
        let (dir, repository) = fixture(&[("number", "0")]);
        let mut commits = vec![repository.commit("HEAD").expect("a commit")];
        commits.extend((1..count).map(|n| commit(&repository, &[("number", &n.to_string())])));
        (dir, repository, commits)
    }

    /// Where a bisection leads that judges commits by their place, and how many it looked at.
    fn find(
        repository: &Repository,
        commits: &[Commit],
        judge: impl Fn(usize) -> Mark,
    ) -> (Step, usize) {
        let [good, .., bad] = commits else { panic!("at least two commits") };
        let (mut bisection, mut step) =
            Bisection::start(repository, good, bad).expect("it can begin");
        let mut looked = 0;
        while let Step::Next { commit, .. } = &step {
            let place = commits.iter().position(|known| known == commit).expect("in between");
            looked += 1;
            step = bisection.mark(commit, judge(place)).expect("it goes on");
        }
        (step, looked)
    }

    /// What the user has of his own in git.
    fn own(repository: &Repository) -> Vec<String> {
        let asked: [&[&str]; 4] = [
            &["status", "--porcelain"],
            &["for-each-ref"],
            &["rev-parse", "HEAD"],
            &["worktree", "list"],
        ];
        asked.map(|words| git(repository.top(), words).expect("git answers")).into()
    }

    #[test]
    fn the_first_bad_commit_is_found_and_nothing_is_left() {
        let (_dir, repository, commits) = history(17);
        let before = own(&repository);
        for culprit in [1, 7, 16] {
            let judge = |place| if place < culprit { Mark::Good } else { Mark::Bad };
            let (step, looked) = find(&repository, &commits, judge);
            assert_eq!(step, Step::Found(commits[culprit].clone()));
            assert!(looked <= 5, "{looked} of 16");
        }
        assert_eq!(own(&repository), before);
    }

    #[test]
    fn a_commit_of_which_nothing_can_be_told_is_passed_over() {
        let (_dir, repository, commits) = history(17);
        let judge = |place| match place {
            8 => Mark::Skip,
            0..11 => Mark::Good,
            _ => Mark::Bad,
        };
        assert_eq!(find(&repository, &commits, judge).0, Step::Found(commits[11].clone()));
        let judge = |place| match place {
            9..11 => Mark::Skip,
            0..9 => Mark::Good,
            _ => Mark::Bad,
        };
        let (Step::OneOf(mut possible), _) = find(&repository, &commits, judge) else {
            panic!("it cannot be told");
        };
        possible.sort_by_key(|commit| commits.iter().position(|known| known == commit));
        assert_eq!(possible, commits[9..12]);
    }

    #[test]
    fn a_bisection_of_the_users_goes_on() {
        let (_dir, repository, commits) = history(8);
        git(repository.top(), &["bisect", "start", &commits[7].id, &commits[0].id])
            .expect("begins");
        let log = || git(repository.top(), &["bisect", "log"]).expect("git answers");
        let before = (log(), own(&repository));
        let judge = |place| if place < 3 { Mark::Good } else { Mark::Bad };
        assert_eq!(find(&repository, &commits, judge).0, Step::Found(commits[3].clone()));
        assert_eq!((log(), own(&repository)), before);
    }

    #[test]
    fn commits_that_do_not_follow_each_other_are_refused() {
        let (_dir, repository, commits) = history(3);
        let error = |good: &Commit, bad: &Commit| {
            Bisection::start(&repository, good, bad).expect_err("there is nothing to find")
        };
        assert!(matches!(error(&commits[2], &commits[0]), BisectionError::Apart { .. }));
        assert!(matches!(error(&commits[1], &commits[1]), BisectionError::Same(_)));
        assert_eq!(Bisection::count(&repository, &commits[0], &commits[2]).expect("counts"), 2);
        assert_eq!(
            steps("Bisecting: 7 revisions left to test after this (roughly 3 steps)\n"),
            Some(3)
        );
        assert_eq!(steps(""), None);
    }
}
