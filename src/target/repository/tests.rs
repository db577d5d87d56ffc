use std::fs;

use super::*;

/// A repository with one commit of these files, in a temporary folder. Without git there would be
/// no sources to test either.
pub(in crate::target) fn fixture(files: &[(&str, &str)]) -> (tempfile::TempDir, Repository) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    git(dir.path(), &["init", "--quiet"]).expect("git is installed, and makes a repository");
    let repository = Repository::around(dir.path()).expect("a repository");
    commit(&repository, files);
    (dir, repository)
}

/// Writes files and commits them; gives the commit.
pub(in crate::target) fn commit(repository: &Repository, files: &[(&str, &str)]) -> Commit {
    write(repository, files);
    git(&repository.top, &["add", "--all"]).expect("adds");
    let who = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    let words = [&who[..], &["commit", "--quiet", "--message", "A change"]].concat();
    git(&repository.top, &words).expect("commits");
    repository.commit("HEAD").expect("a commit")
}

pub(in crate::target) fn write(repository: &Repository, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = repository.top.join(name);
        fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }
}

/// What git sees of the user's own.
fn state(repository: &Repository) -> Vec<String> {
    let asked: [&[&str]; 4] = [
        &["status", "--porcelain"],
        &["stash", "list"],
        &["for-each-ref"],
        &["ls-files", "--stage"],
    ];
    asked.map(|words| git(&repository.top, words).expect("git answers")).into()
}

#[test]
fn revisions_are_found() {
    let (_dir, repository) = fixture(&[("a", "1")]);
    let first = repository.commit("HEAD").expect("a commit");
    let second = commit(&repository, &[("a", "2")]);
    git(&repository.top, &["tag", "v1.2"]).expect("a tag");
    assert_ne!((&first.id, &first.tree), (&second.id, &second.tree));
    assert_eq!((second.subject.as_str(), second.is_snapshot), ("A change", false));
    assert_eq!(repository.commit("HEAD~1").expect("a commit"), first);
    assert_eq!(repository.commit("v1.2").expect("a commit"), second);
    assert_eq!(second.short(), &second.id[..10]);
    let stat = repository.diff_stat(&first.id, &second.id).expect("a difference");
    assert!(stat.contains("a | 2 +-"), "{stat}");
}

#[test]
fn an_unknown_revision_has_a_hint() {
    let (dir, repository) = fixture(&[("a", "1")]);
    git(&repository.top, &["tag", "release-1.2"]).expect("a tag");
    let error = |revision| repository.commit(revision).expect_err("there is none").to_string();
    assert!(error("relaese-1.2").ends_with("; did you mean 'release-1.2'?"));
    assert!(error("workteree").ends_with("; did you mean 'worktree'?"));
    assert!(error("--help").starts_with("no revision '--help' in "), "{}", error("--help"));
    assert!(error("HEAD~1").starts_with("no revision 'HEAD~1' in "));
    let elsewhere = tempfile::tempdir().expect("a folder");
    let error = Repository::around(elsewhere.path()).expect_err("there is none").to_string();
    assert!(error.contains("is in no git repository"), "{error}");
    let error = repository.place(elsewhere.path()).expect_err("it is not there").to_string();
    assert!(error.contains("is not in the repository"), "{error}");
    assert_eq!(repository.place(&dir.path().join("b")).expect("inside"), Path::new("b"));
}

#[test]
fn a_snapshot_has_what_is_new_and_changes_nothing() {
    let (_dir, repository) = fixture(&[("a", "1"), ("gone", "1"), (".gitignore", "ignored")]);
    let head = repository.commit("HEAD").expect("a commit");
    assert_eq!(repository.commit(WORKTREE).expect("a snapshot"), head, "nothing has changed");
    // Of the same size, and within the second in which it was committed.
    write(&repository, &[("a", "2"), ("new/b", "1"), ("staged", "1"), ("ignored", "1")]);
    git(&repository.top, &["add", "staged"]).expect("adds");
    fs::remove_file(repository.top.join("gone")).expect("it was there");
    let before = state(&repository);
    let snapshot = repository.commit(WORKTREE).expect("a snapshot");
    assert_eq!(state(&repository), before);
    assert!(snapshot.is_snapshot);
    assert_eq!(snapshot.revision, Some(Revision { commit: head.id.clone(), dirty: true }));
    let files = git(&repository.top, &["ls-tree", "-r", "--name-only", &snapshot.tree]);
    assert_eq!(files.expect("a tree"), ".gitignore\na\nnew/b\nstaged");
    let changed = git(&repository.top, &["show", &format!("{}:a", snapshot.id)]);
    assert_eq!(changed.expect("a file"), "2");
    assert_eq!(repository.commit(WORKTREE).expect("a snapshot"), snapshot, "the same again");
}

#[test]
fn there_is_a_snapshot_before_the_first_commit() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    if git(dir.path(), &["init", "--quiet"]).is_err() {
        return;
    }
    let repository = Repository::around(dir.path()).expect("a repository");
    write(&repository, &[("a", "1")]);
    let snapshot = repository.commit(WORKTREE).expect("a snapshot");
    assert!(snapshot.is_snapshot && snapshot.revision.is_none());
    assert!(repository.commit("HEAD").is_err());
}
