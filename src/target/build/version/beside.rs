//! What a revision is built with beside the files of its commit: those that git ignores, such as
//! generated code, and that a manifest names in `files`; and the manifest itself, where the commit
//! is older than it.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Component, Path, PathBuf},
};

use super::{BuildError, Version, VersionError};
use crate::target::{
    git::git_with,
    manifest::{FILE_NAME, Manifest},
};

/// The files and links to copy, from the working tree.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// The working tree.
    top: PathBuf,
    /// From the top, in their order.
    paths: Vec<PathBuf>,
    /// What tells other content from this.
    hash: u64,
    /// Whether the manifest is among them.
    pub(super) has_manifest: bool,
}

impl Beside {
    /// What the manifest in the working tree names, as it is there now. The manifest of the commit
    /// is not asked: it cannot know what is there now, and an old one knows nothing of `files`.
    pub(super) fn of(version: &Version<'_>) -> Result<Self, VersionError> {
        let commit = version.commit;
        let failed = |source| VersionError::Build { commit: commit.short().to_owned(), source };
        // One that does not fit, or is gone, names nothing.
        let Ok(manifest) = Manifest::read(version.manifest) else { return Ok(Self::default()) };
        let top = version.repository.top();
        let place = |source| BuildError::Cache { path: top.to_owned(), source };
        let top = top.canonicalize().map_err(|source| failed(place(source)))?;
        let mut found = Self { top, ..Self::default() };
        for recipe in &manifest.recipes {
            for named in &recipe.files {
                found.name(&recipe.dir, named).map_err(failed)?;
            }
        }
        let own_manifest = version.repository.place(&file_of(version.manifest))?;
        found.paths.push(own_manifest.clone());
        let own = found.of_commit(&commit.tree).map_err(VersionError::git(commit))?;
        found.paths.retain(|path| !own.contains(path));
        if found.paths.is_empty() {
            return Ok(found);
        }
        found.has_manifest = found.paths.contains(&own_manifest);
        found.paths.sort_unstable();
        found.paths.dedup();
        found.hash = found.hashed().map_err(|source| failed(place(source)))?;
        Ok(found)
    }

    /// What the key of a build has of it: nothing where there is nothing.
    pub(super) fn key(&self) -> String {
        if self.paths.is_empty() { String::new() } else { format!("\nfiles {:016x}", self.hash) }
    }

    /// Adds what one entry of `files` names.
    fn name(&mut self, dir: &Path, named: &Path) -> Result<(), BuildError> {
        let shown = named.display();
        let need = |why: String| BuildError::Need(format!("`files` names {shown}, {why}"));
        let outside = || need(format!("which is not in the repository {}", self.top.display()));
        let missing = |_| need(format!("and there is no such file in {}", dir.display()));
        let plain = plain(&dir.canonicalize().map_err(missing)?.join(named));
        let place = plain.strip_prefix(&self.top).map_err(|_| outside())?.to_owned();
        let parent = plain.parent().unwrap_or(&plain).canonicalize().map_err(missing)?;
        if place.as_os_str().is_empty() || Some(parent.as_path()) != plain.parent() {
            return Err(outside());
        }
        fs::symlink_metadata(&plain).map_err(missing)?;
        self.walk(place).map_err(|(path, why)| need(format!("but {} {why}", path.display())))
    }

    /// Adds a file, a link, or all that is in a folder.
    fn walk(&mut self, place: PathBuf) -> Result<(), (PathBuf, String)> {
        let path = self.top.join(&place);
        let wrong = |error: io::Error| (place.clone(), format!("cannot be read: {error}"));
        let kind = fs::symlink_metadata(&path).map_err(wrong)?.file_type();
        if kind.is_dir() {
            for entry in fs::read_dir(&path).map_err(wrong)? {
                let name = entry.map_err(wrong)?.file_name();
                // A repository within is for git, and not for a build.
                if name != ".git" {
                    self.walk(place.join(name))?;
                }
            }
            return Ok(());
        }
        if kind.is_symlink() {
            let to = fs::read_link(&path).map_err(wrong)?;
            let is_inside = path.canonicalize().is_ok_and(|end| end.starts_with(&self.top));
            // A link with a whole path would lead from the copy to the original.
            if to.is_absolute() || !is_inside {
                return Err((place, format!("is a link that leads out, to {}", to.display())));
            }
        } else if !kind.is_file() {
            return Err((place, "is neither a file nor a folder".to_owned()));
        }
        self.paths.push(place);
        Ok(())
    }

    /// What of it the commit has itself.
    fn of_commit(&self, tree: &str) -> Result<Vec<PathBuf>, crate::target::GitError> {
        let words = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", tree];
        let listed = git_with(&self.top, &[], &words)?;
        Ok(listed.split('\0').map(PathBuf::from).collect())
    }

    fn hashed(&self) -> io::Result<u64> {
        let mut hasher = DefaultHasher::new();
        for place in &self.paths {
            let path = self.top.join(place);
            let metadata = fs::symlink_metadata(&path)?;
            place.hash(&mut hasher);
            if metadata.is_symlink() {
                fs::read_link(&path)?.hash(&mut hasher);
            } else {
                is_executable(&metadata).hash(&mut hasher);
                fs::read(&path)?.hash(&mut hasher);
            }
        }
        Ok(hasher.finish())
    }

    /// Puts it into `folder`, which has the files of the commit, and takes away what an earlier
    /// call put there and `list` says. What is there already stays, with its time.
    pub(super) fn put(&self, folder: &Path, list: &Path) -> io::Result<()> {
        let text = match fs::read(list) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read?,
        };
        let listed: Vec<PathBuf> = serde_json::from_slice(&text).unwrap_or_default();
        for old in listed.iter().filter(|old| !self.paths.contains(old)) {
            // The commit may have it by now.
            let ignored = git_with(folder, &[], &["check-ignore".as_ref(), old.as_os_str()]);
            if ignored.is_ok() {
                remove(&folder.join(old))?;
                // With the folders that are empty now; the first that is not ends it.
                let folders = old.ancestors().skip(1);
                let _ = folders.map(|it| folder.join(it)).try_for_each(fs::remove_dir);
            }
        }
        // Listed before it is there: what a killed process leaves is taken away too.
        fs::write(list, serde_json::to_vec(&self.paths)?)?;
        self.paths.iter().try_for_each(|place| copy(&self.top.join(place), folder, place))
    }
}

/// The file of a manifest that is named by it or by its folder.
fn file_of(manifest: &Path) -> PathBuf {
    if manifest.is_dir() { manifest.join(FILE_NAME) } else { manifest.to_owned() }
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

fn copy(from: &Path, folder: &Path, place: &Path) -> io::Result<()> {
    let to = folder.join(place);
    let metadata = fs::symlink_metadata(from)?;
    // A folder of today may have been a link at that commit, to anywhere.
    let whole = folder.canonicalize()?;
    let end = to.ancestors().skip(1).find_map(|folder| folder.canonicalize().ok());
    if !end.is_some_and(|end| end.starts_with(whole)) {
        let why = format!("{} leads out of the commit's files", place.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    if metadata.is_symlink() {
        remove(&to)?;
        return std::os::unix::fs::symlink(fs::read_link(from)?, &to);
    }
    let bytes = fs::read(from)?;
    let there = fs::symlink_metadata(&to);
    let is_same = there.is_ok_and(|there| {
        there.is_file()
            && is_executable(&there) == is_executable(&metadata)
            && fs::read(&to).is_ok_and(|there| there == bytes)
    });
    if is_same {
        return Ok(());
    }
    remove(&to)?;
    fs::write(&to, bytes)?;
    fs::set_permissions(&to, metadata.permissions())
}

fn is_executable(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o111 != 0
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
