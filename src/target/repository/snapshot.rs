//! The files as they are -> a commit that nothing leads to.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::Path,
};

use super::{Commit, Repository, RepositoryError, Revision};
use crate::target::git::{git, git_with};

/// Who commits, and when: the same files always are the same commit.
const SIGNATURE: [(&str, &str); 6] = [
    ("GIT_AUTHOR_NAME", "flameload"),
    ("GIT_AUTHOR_EMAIL", "flameload@localhost"),
    ("GIT_AUTHOR_DATE", "2000-01-01T00:00:00Z"),
    ("GIT_COMMITTER_NAME", "flameload"),
    ("GIT_COMMITTER_EMAIL", "flameload@localhost"),
    ("GIT_COMMITTER_DATE", "2000-01-01T00:00:00Z"),
];

const SUBJECT: &str = "The files as they are";

impl Repository {
    /// The files as they are; the last commit itself, where nothing has changed since.
    ///
    /// An index of its own is filled and written. The user's index, branch and files stay.
    pub(super) fn snapshot(&self) -> Result<Commit, RepositoryError> {
        let failed = |source| RepositoryError::Snapshot { top: self.top.clone(), source };
        let head = self.read("HEAD").ok();
        let folder = tempfile::tempdir().map_err(failed)?;
        let index = folder.path().join("index");
        let own = git(&self.top, &["rev-parse", "--path-format=absolute", "--git-path", "index"])?;
        copy(Path::new(&own), &index).map_err(failed)?;
        let variables = [("GIT_INDEX_FILE", index.as_os_str())];
        git_with(&self.top, &variables, &["add", "--all", "--", "."])?;
        let tree = git_with(&self.top, &variables, &["write-tree"])?;
        if let Some(head) = head.as_ref().filter(|head| head.tree == tree) {
            return Ok(head.clone());
        }
        let mut words = vec!["commit-tree", "--no-gpg-sign", "-m", SUBJECT];
        words.extend(head.iter().flat_map(|head| ["-p", &head.id]));
        words.push(&tree);
        let signature = SIGNATURE.map(|(name, value)| (name, OsStr::new(value)));
        let id = git_with(&self.top, &signature, &words)?;
        let revision = head.map(|head| Revision { commit: head.id, dirty: true });
        Ok(Commit { id, tree, subject: SUBJECT.to_owned(), is_snapshot: true, revision })
    }
}

/// Copies the user's index, which knows what need not be read again; there is none before the
/// first file is added.
fn copy(index: &Path, to: &Path) -> io::Result<()> {
    let modified = match fs::metadata(index) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?.modified()?,
    };
    fs::copy(index, to)?;
    // Files that changed within the instant in which it was written are read again.
    File::options().write(true).open(to)?.set_modified(modified)
}
