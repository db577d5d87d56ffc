//! A target at a commit -> built, beside the user's own files.
//!
//! ```text
//! Commit -Sources-> a folder of its files: the manifest, and what processes read as they run;
//!                   and of files that git ignores, those that the manifest names
//!        -Checkout-> the folder in which all commits are compiled -> a binary that is kept
//! ```
//!
//! The path of its sources goes into what a compiler makes, as far as the order of functions in
//! memory. Two builds in two folders differ in speed for that alone, so all are made in one; what
//! they depend on stays built there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use thiserror::Error;

use super::{BuildError, BuildOptions, Built, Runner};
use crate::target::{
    Guard,
    changes::{Changes, ChangesError},
    database,
    git::GitError,
    manifest::{FILE_NAME, Manifest, ManifestError},
    repository::{Commit, Repository, RepositoryError},
};

mod beside;
mod checkout;
mod hint;
mod product;
mod sources;
mod submodules;
#[cfg(test)]
mod tests;

use beside::Beside;
use product::Workshop;

/// The folder of the cache for what is made of commits.
const FOLDER: &str = "revisions";

/// A target as it was at a commit, with changed settings.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// Where its sources are.
    pub repository: &'a Repository,
    /// What they were.
    pub commit: &'a Commit,
    /// The manifest, or its folder, in the files of the repository.
    pub manifest: &'a Path,
    /// What is changed in it.
    pub changes: &'a Changes,
}

/// Why there is nothing to measure of a commit.
#[derive(Debug, Error)]
pub enum VersionError {
    /// The repository cannot be used.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// There was no such target.
    #[error("there is no {path} at {commit} ({subject})")]
    NoManifest {
        /// The manifest, from the top of the repository.
        path: PathBuf,
        /// The commit.
        commit: String,
        /// What it says of itself.
        subject: String,
    },
    /// The manifest of that time does not fit.
    #[error("the manifest at {commit} cannot be used: {source}")]
    Manifest {
        /// The commit.
        commit: String,
        /// What is wrong with it.
        source: ManifestError,
    },
    /// The changes mean nothing to the target.
    #[error(transparent)]
    Changes(#[from] ChangesError),
    /// It cannot be built.
    #[error("{commit}: {source}")]
    Build {
        /// The commit.
        commit: String,
        /// Why.
        source: BuildError,
    },
}

impl VersionError {
    /// Whether it is the commit that cannot be used, and others may well be.
    pub fn is_of_commit(&self) -> bool {
        match self {
            Self::NoManifest { .. } | Self::Manifest { .. } => true,
            Self::Repository(_) | Self::Changes(_) => false,
            Self::Build { source, .. } => matches!(
                source,
                BuildError::Failed { .. }
                    | BuildError::Binary(_)
                    | BuildError::Need(_)
                    | BuildError::Metadata { .. }
                    | BuildError::Database { .. }
            ),
        }
    }

    /// Whether the user gave up.
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Build { source: BuildError::Interrupted, .. })
    }

    fn git(commit: &Commit) -> impl Fn(GitError) -> Self {
        let id = commit.short().to_owned();
        move |error| match error {
            GitError::Run(_) => Self::Repository(error.into()),
            GitError::Failed { .. } => {
                let source = BuildError::Need(error.to_string());
                Self::Build { commit: id.clone(), source }
            }
        }
    }
}

/// Builds a version of a target, unless it was built before; the manifest that comes with it is
/// that of the commit, or where that has none, the one in the working tree, with the changes.
///
/// Nothing of the user's files, branches, builds or worktrees changes.
///
/// # Errors
/// When the target was not there yet, does not fit, or cannot be built.
pub fn build_version(
    version: &Version<'_>,
    options: &BuildOptions,
    guard: &Guard,
    interrupted: &AtomicBool,
    on_line: &mut dyn FnMut(&str),
) -> Result<(Manifest, Built), VersionError> {
    let commit = version.commit;
    let failed = |source| VersionError::Build { commit: commit.short().to_owned(), source };
    let place = version.repository.place(version.manifest)?;
    let mut runner = Runner { guard, interrupted, on_line };
    let cache = cache(options).map_err(failed)?;
    let beside = Beside::of(version)?;
    let sources = sources::of(version, &beside, &cache, &mut runner)?;
    let manifest = read(version, &sources.join(&place), place)?;
    let mut workshop = Workshop { version, beside, cache, sources, options, runner };
    let products = manifest.recipes.iter().map(|recipe| workshop.product(recipe));
    let products = products.collect::<Result<_, _>>()?;
    let services = if options.services { manifest.services.as_slice() } else { &[] };
    let clusters = database::prepare(services, options, &mut workshop.runner).map_err(failed)?;
    let (revision, later_manifest) = (commit.revision.clone(), workshop.beside.has_manifest);
    Ok((manifest, Built { products, clusters, revision, later_manifest }))
}

/// The manifest at `path`, with the changes.
fn read(version: &Version<'_>, path: &Path, place: PathBuf) -> Result<Manifest, VersionError> {
    let commit = version.commit;
    let file = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
    if !file.is_file() {
        let (commit, subject) = (commit.short().to_owned(), commit.subject.clone());
        return Err(VersionError::NoManifest { path: place, commit, subject });
    }
    let mut manifest = Manifest::read(&file)
        .map_err(|source| VersionError::Manifest { commit: commit.short().to_owned(), source })?;
    version.changes.apply(&mut manifest)?;
    Ok(manifest)
}

/// The folder for what is made of commits, as the one path that leads to it.
fn cache(options: &BuildOptions) -> Result<PathBuf, BuildError> {
    let folder = options.cache.join(FOLDER);
    let make = || -> io::Result<PathBuf> {
        std::fs::create_dir_all(&folder)?;
        folder.canonicalize()
    };
    make().map_err(|source| BuildError::Cache { path: folder.clone(), source })
}
