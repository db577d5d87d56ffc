//! What a target is: the typed form of `target.toml`.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use thiserror::Error;

use super::{
    budget::{Budget, BudgetName, BudgetTable},
    template::Placeholder,
};
use crate::config::{self, ConfigError};

mod build;
mod check;
mod process;
mod resolve;
mod service;
mod settings;
#[cfg(test)]
mod tests;

use build::BuildPart;
pub use build::{
    Build, CargoBuild, CommandBuild, DebugLevel, GoBuild, PythonBuild, PythonVersion, Recipe,
};
use process::ProcessTable;
pub use process::{Condition, Process, Ready};
use service::ServiceTable;
pub use service::{Service, ServiceKind};
pub use settings::Difference;

/// The name of a manifest's file in its target's folder.
pub const FILE_NAME: &str = "target.toml";

/// A target: how its server is built and started.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Short name, also that of the target's folder.
    pub name: String,
    /// The language it is written in, such as `Rust`.
    pub language: String,
    /// What it is, in a sentence.
    pub description: String,
    /// The load script used unless another is asked for.
    pub script: Option<String>,
    /// The names of the profilers used unless others are asked for, at least one.
    pub backends: Vec<String>,
    /// How its servers are built; none where they exist already, several where processes of other
    /// targets come along.
    pub recipes: Vec<Recipe>,
    /// What is started before the processes.
    pub services: Vec<Service>,
    /// The processes in the order of their start; the load goes to the last.
    pub processes: Vec<Process>,
    /// The folder that holds the manifest, absolute; relative paths start here.
    pub dir: PathBuf,
    single: Budget,
    multi: Budget,
    /// That of no name in the file.
    default: Budget,
}

/// Why a manifest cannot be used.
#[derive(Debug, Error)]
pub enum ManifestError {
    /// The file cannot be read or does not fit.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The parts of the manifest do not fit each other.
    #[error("{path}: {message}")]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// What is wrong and what to write instead.
        message: String,
    },
    /// The target that a process is taken from cannot be used.
    #[error("{path}: process '{process}' cannot be taken from {target}: {source}")]
    Borrowed {
        /// The manifest.
        path: PathBuf,
        /// The process.
        process: String,
        /// The other target, as it is written.
        target: PathBuf,
        /// What is wrong with it.
        source: Box<ManifestError>,
    },
    /// No target has this name.
    #[error("unknown target '{name}'; {advice}")]
    Unknown {
        /// The name asked for.
        name: String,
        /// The nearest name, and those that exist.
        advice: String,
    },
    /// The folder of targets cannot be read.
    #[error("cannot list the targets in {dir}: {source}")]
    List {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Manifest {
    /// Reads the manifest at `path`, or the one in the folder `path`, and those of the targets that
    /// its processes are taken from.
    ///
    /// # Errors
    /// When a file cannot be read, has unknown keys, or its parts do not fit each other.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        resolve::read(path)
    }

    /// Reads the manifest of the target `name` in the folder of targets `dir`. A path, with a slash
    /// or ending in `.toml`, is read as it is.
    ///
    /// # Errors
    /// When there is no such target, with the nearest name; or as [`Manifest::read`].
    pub fn find(dir: &Path, name: &str) -> Result<Self, ManifestError> {
        if name.contains('/') || name.ends_with(".toml") {
            return Self::read(Path::new(name));
        }
        let names = Self::names(dir)?;
        if names.iter().any(|known| known == name) {
            return Self::read(&dir.join(name));
        }
        let near = match config::nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'? "),
            None => String::new(),
        };
        let advice = match names.as_slice() {
            [] => format!("there are no targets in {}", dir.display()),
            names => format!("{near}known are {}", names.join(", ")),
        };
        Err(ManifestError::Unknown { name: name.to_owned(), advice })
    }

    /// Reads every manifest in the folder of targets `dir`, in the order of their names; a broken
    /// one does not hide the others.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn list(dir: &Path) -> Result<Vec<Result<Self, ManifestError>>, ManifestError> {
        Ok(Self::names(dir)?.iter().map(|name| Self::read(&dir.join(name))).collect())
    }

    /// What the target may use under the budget `name`.
    pub fn budget(&self, name: BudgetName) -> Budget {
        match name {
            BudgetName::Single => self.single,
            BudgetName::Multi => self.multi,
            BudgetName::Default => self.default,
        }
    }

    /// Changes what it may use under each budget.
    pub(super) fn change_budgets(&mut self, change: impl Fn(&mut Budget)) {
        [&mut self.single, &mut self.multi, &mut self.default].into_iter().for_each(change);
    }

    /// Whether any of its processes asks for a database.
    pub fn uses_database(&self) -> bool {
        let holes = [Placeholder::DbUrl, Placeholder::DbConnections];
        self.processes.iter().any(|process| holes.iter().any(|hole| process.uses(hole)))
    }

    /// The names of the folders in `dir` that have a manifest, ascending; none where there is no
    /// such folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(dir: &Path) -> Result<Vec<String>, ManifestError> {
        let error = |source| ManifestError::List { dir: dir.to_owned(), source };
        let mut names = Vec::new();
        let entries = match dir.read_dir() {
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(names),
            entries => entries.map_err(error)?,
        };
        for entry in entries {
            let entry = entry.map_err(error)?;
            if entry.path().join(FILE_NAME).is_file()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    name: String,
    #[serde(default)]
    language: String,
    #[serde(default)]
    description: String,
    script: Option<String>,
    backends: Option<Vec<String>>,
    build: Option<BuildPart>,
    #[serde(default)]
    service: Vec<ServiceTable>,
    process: Vec<ProcessTable>,
    #[serde(default)]
    budget: BudgetsTable,
}

/// `[budget]` as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct BudgetsTable {
    single: BudgetTable,
    multi: BudgetTable,
}
