//! [`Store`]: the directory that keeps runs.

mod bench;
mod calibration;
mod comparison;
mod find;
mod write;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::{
    derive::{derive, derive_other},
    id::RunId,
    run::{Run, SCHEMA},
};
use crate::{
    render::RenderError,
    symbolize::{Profile, ProfileFileError},
    unpack::read_file,
};
pub use write::Attachment;

/// The record's file.
pub(super) const RUN: &str = "run.json";
/// The profile's file.
pub(super) const PROFILE: &str = "profile.json.gz";
/// The folded stacks' file.
pub(super) const FOLDED: &str = "cpu.folded";
/// The flamegraph's file.
pub(super) const SVG: &str = "cpu.svg";

/// The directory that keeps runs: `<root>/<target>/<run id>/`.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A run in the store, and its record where it can be read.
#[derive(Debug)]
pub struct RunSummary {
    /// Its directory.
    pub directory: PathBuf,
    /// The target's directory name.
    pub target: String,
    /// The run's directory name.
    pub id: RunId,
    /// The record, or why it cannot be read.
    pub run: Result<Run, RecordError>,
}

/// Why a run could not be kept, found or read.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A target's name cannot be a directory's.
    #[error("'{0}' cannot be a target's name: use letters, digits, '-', '_' and '.'")]
    TargetName(String),
    /// The store cannot be written to.
    #[error(
        "cannot write to {path}: {source}; make it writable, or choose another directory with --out"
    )]
    Unwritable {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system is nearly full.
    #[error(
        "{path} has only {} KiB left, and a run needs up to {} MiB: free some space, such as by \
         removing old runs",
        free_bytes >> 10,
        write::FREE_BYTES_MIN >> 20
    )]
    DiskFull {
        /// The directory.
        path: PathBuf,
        /// What is left.
        free_bytes: u64,
    },
    /// A file could not be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A record is not one.
    #[error("{path} is not a run's record: {source}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A benchmark's record is not one.
    #[error("{path} is not a benchmark's record: {source}")]
    Bench {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// The calibrations' file is none.
    #[error("{path} has no calibrations: {source}; remove it and calibrate again")]
    Calibration {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A record has another version.
    #[error("{path} has schema {found}, and this version reads {SCHEMA}: update flameload")]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// A profile could not be kept or read.
    #[error("{path}: {source}")]
    Profile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ProfileFileError,
    },
    /// The flamegraph could not be drawn.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// No run is meant by a text.
    #[error("there is no run '{text}'{hint}")]
    Unknown {
        /// The text.
        text: String,
        /// What could have been meant, or what to do.
        hint: String,
    },
    /// Several runs are meant by a text.
    #[error("'{text}' could be any of {}: write more of the id", candidates.join(", "))]
    Ambiguous {
        /// The text.
        text: String,
        /// The runs.
        candidates: Vec<String>,
    },
}

impl Store {
    /// The store in a directory, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Every run, in the order of time. One whose record cannot be read is listed with the
    /// reason.
    ///
    /// # Errors
    /// When the store exists and cannot be read.
    pub fn list(&self) -> Result<Vec<RunSummary>, RecordError> {
        let mut runs = Vec::new();
        for (target, directory) in directories(&self.root)? {
            for (name, directory) in directories(&directory)? {
                let is = |record: &str| directory.join(record).exists();
                if let Ok(id) = name.parse()
                    && !is(bench::BENCH)
                    && !is(comparison::COMPARISON)
                {
                    let run = Self::read(&directory);
                    runs.push(RunSummary { directory, target: target.clone(), id, run });
                }
            }
        }
        runs.sort_by(|a, b| (&a.id, &a.target).cmp(&(&b.id, &b.target)));
        Ok(runs)
    }

    /// The record in a run's directory.
    ///
    /// # Errors
    /// When there is none, or it is of another version.
    pub fn read(directory: &Path) -> Result<Run, RecordError> {
        let path = directory.join(RUN);
        parse(&read_json(&path)?, &path)
    }

    /// The profile in a run's directory.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn read_profile(directory: &Path) -> Result<Profile, RecordError> {
        Self::read_profile_file(&directory.join(PROFILE))
    }

    fn read_profile_file(path: &Path) -> Result<Profile, RecordError> {
        let path = path.to_owned();
        let file = fs::File::open(&path)
            .map_err(|source| RecordError::Read { path: path.clone(), source })?;
        Profile::read(file).map_err(|source| RecordError::Profile { path, source })
    }

    /// Makes a run's derived files again from its record and profile, and returns where the
    /// flamegraph is.
    ///
    /// # Errors
    /// When the run cannot be read, or its directory not be written to.
    pub fn render(directory: &Path) -> Result<PathBuf, RecordError> {
        Self::derive_again(directory, &Self::read(directory)?)
    }

    /// The same, but for pictures of every frame, whatever the record says; it stays as it is.
    ///
    /// # Errors
    /// As [`Self::render`].
    pub fn render_raw(directory: &Path) -> Result<PathBuf, RecordError> {
        let mut run = Self::read(directory)?;
        if let Some(profile) = &mut run.profile {
            profile.raw_stacks = true;
        }
        for other in &mut run.other_profiles {
            other.profile.raw_stacks = true;
        }
        Self::derive_again(directory, &run)
    }

    fn derive_again(directory: &Path, run: &Run) -> Result<PathBuf, RecordError> {
        let mut derived = derive(run, &Self::read_profile(directory)?)?;
        for other in &run.other_profiles {
            let Some(names @ [_, _, file]) = other.file_names() else { continue };
            let profile = Self::read_profile_file(&directory.join(file))?;
            derived.files.extend(derive_other(run, other, names, &profile)?.files);
        }
        for file in &derived.files {
            write::replace(directory, &file.name, &file.bytes)?;
        }
        Ok(directory.join(SVG))
    }
}

/// The largest record by far is of a benchmark of many targets, of some megabytes.
const JSON_BYTES_MAX: u64 = 64 << 20;

/// The bytes of a record.
fn read_json(path: &Path) -> Result<Vec<u8>, RecordError> {
    read_file(path, JSON_BYTES_MAX)
        .map_err(|source| RecordError::Read { path: path.to_owned(), source })
}

/// The record in bytes; the version is looked at first, since a later one may not fit at all.
fn parse(json: &[u8], path: &Path) -> Result<Run, RecordError> {
    let error = |source| RecordError::Parse { path: path.to_owned(), source };
    of_version(json, path, error)
}

/// A record in bytes, if it is of this version; `error` names what it is a record of.
fn of_version<T: serde::de::DeserializeOwned>(
    json: &[u8],
    path: &Path,
    error: impl Fn(serde_json::Error) -> RecordError,
) -> Result<T, RecordError> {
    #[derive(serde::Deserialize)]
    struct Version {
        schema: u32,
    }
    let Version { schema } = serde_json::from_slice(json).map_err(&error)?;
    if schema != SCHEMA {
        return Err(RecordError::Schema { path: path.to_owned(), found: schema });
    }
    serde_json::from_slice(json).map_err(error)
}

/// The directories in a directory, but for hidden ones, with their names; none where it does not
/// exist.
fn directories(parent: &Path) -> Result<Vec<(String, PathBuf)>, RecordError> {
    let error = |source| RecordError::Read { path: parent.to_owned(), source };
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(error(source)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(error)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if let Some(name) = name.filter(|name| !name.starts_with('.'))
            && path.is_dir()
        {
            found.push((name.to_owned(), path));
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
