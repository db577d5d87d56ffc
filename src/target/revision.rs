//! Which revision of its sources a target was built from.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::git::git;

/// A git revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The commit's full hash.
    pub commit: String,
    /// Whether the folder has changes that are in no commit.
    pub dirty: bool,
}

impl Revision {
    /// The revision of the folder `dir`; none outside a repository, before the first commit, or
    /// where git is not installed.
    pub(super) fn of(dir: &Path) -> Option<Self> {
        let commit = git(dir, &["rev-parse", "--verify", "HEAD"]).ok()?;
        let changes =
            git(dir, &["--no-optional-locks", "status", "--porcelain", "--", "."]).ok()?;
        Some(Self { commit, dirty: !changes.is_empty() })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_revision_is_clean_until_something_changes() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let (inside, beside) = (dir.path().join("inside"), dir.path().join("beside"));
        for folder in [&inside, &beside] {
            fs::create_dir(folder).expect("a folder");
            fs::write(folder.join("file"), "1").expect("a file");
        }
        assert_eq!(Revision::of(&inside), None);
        if git(dir.path(), &["init", "--quiet"]).is_err() {
            // Without git there is nothing more to tell.
            return;
        }
        assert_eq!(Revision::of(&inside), None);
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        git(dir.path(), &["add", "."]).expect("adds");
        git(dir.path(), &[&who[..], &["commit", "--quiet", "--message", "x"]].concat())
            .expect("commits");
        let revision = Revision::of(&inside).expect("a commit");
        assert_eq!((revision.commit.len(), revision.dirty), (40, false));
        fs::write(beside.join("file"), "2").expect("a file");
        assert_eq!(Revision::of(&inside), Some(revision.clone()));
        fs::write(inside.join("new"), "2").expect("a file");
        assert_eq!(Revision::of(&inside), Some(Revision { dirty: true, ..revision }));
    }
}
