//! What a target is: the typed form of `target.toml`.

use std::{
    fmt, io,
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::template::{Placeholder, Template};
use crate::{
    config::{self, ConfigError},
    unit,
};

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
    /// How the server is built; none where it exists already.
    pub build: Option<Build>,
    /// The processes in the order of their start; the load goes to the last.
    pub processes: Vec<Process>,
    /// The folder that holds the manifest, absolute; relative paths start here.
    pub dir: PathBuf,
}

/// How a server is built.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BuildTable")]
pub enum Build {
    /// By cargo, with a profile made for measuring.
    Cargo(CargoBuild),
    /// By a command that leaves its result at a known path.
    Command(CommandBuild),
}

/// A build by cargo, in release mode, that changes nothing in the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoBuild {
    /// The folder of the package's `Cargo.toml`, relative to the manifest.
    pub dir: PathBuf,
    /// The package of a workspace; none takes the one in `dir`.
    pub package: Option<String>,
    /// The binary; none takes the only one.
    pub bin: Option<String>,
    /// Features to enable beside the default ones.
    pub features: Vec<String>,
    /// Whether the default features are enabled.
    pub default_features: bool,
    /// How much debug information is made, in cargo's words.
    ///
    /// `limited` is the least that names inlined functions by their full path. With
    /// `line-tables-only` they are bare: `poll` instead of `hyper::proto::h1::…::poll`.
    pub debug: DebugLevel,
    /// Whether code keeps frame pointers, which make stacks cheap to walk.
    pub frame_pointers: bool,
}

/// How much debug information a build makes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebugLevel {
    /// Nothing: functions have names, inlined ones are invisible.
    None,
    /// Line tables and the bare names of inlined functions.
    LineTablesOnly,
    /// Line tables and the full names of inlined functions.
    #[default]
    Limited,
    /// Everything, variables included.
    Full,
}

/// A build by a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandBuild {
    /// Program and arguments, run in the manifest's folder.
    pub command: Vec<String>,
    /// Where the binary is after it, relative to the manifest.
    pub binary: PathBuf,
}

/// One process of a target.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its name, distinct within the target.
    pub name: String,
    /// Program and arguments; it runs in the manifest's folder.
    pub command: Vec<Template>,
    /// Environment variables beside the inherited ones.
    #[serde(default)]
    pub env: std::collections::BTreeMap<String, Template>,
    /// The port of a server that cannot be told one; none gives it a free port.
    pub port: Option<u16>,
    /// How many files it may open; none raises its limit as far as the system allows.
    pub open_files: Option<NonZero<u64>>,
    /// When it counts as ready.
    #[serde(default)]
    pub ready: Ready,
    /// Whether it is profiled.
    #[serde(default = "yes")]
    pub profile: bool,
}

/// When a process counts as ready, and how long that may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ReadyTable")]
pub struct Ready {
    /// What has to happen.
    pub condition: Condition,
    /// How long it may take.
    pub timeout: Duration,
}

/// What has to happen for a process to count as ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Its port accepts a connection.
    Port,
    /// A `GET` of this path is answered with a status of 200 to 399.
    Url(String),
    /// It prints a line that contains this text.
    Line(String),
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

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Manifest {
    /// Reads the manifest at `path`, or the one in the folder `path`.
    ///
    /// # Errors
    /// When the file cannot be read, has unknown keys, or its parts do not fit each other.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let path = if path.is_dir() { path.join(FILE_NAME) } else { path.to_owned() };
        let file: ManifestFile = config::read(&path)?;
        let absolute = std::path::absolute(&path)
            .map_err(|source| ConfigError::Read { path: path.clone(), source })?;
        let dir = absolute.parent().unwrap_or(Path::new("/")).to_owned();
        check::whole(&file).map_err(|message| ManifestError::Invalid { path, message })?;
        let ManifestFile { name, language, description, script, build, process } = file;
        Ok(Self { name, language, description, script, build, processes: process, dir })
    }

    /// Reads the manifest of the target `name` in the folder of targets `dir`.
    ///
    /// # Errors
    /// When there is no such target, with the nearest name; or as [`Manifest::read`].
    pub fn find(dir: &Path, name: &str) -> Result<Self, ManifestError> {
        let names = Self::names(dir)?;
        if names.iter().any(|known| known == name) {
            return Self::read(&dir.join(name));
        }
        let near = match config::nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean '{near}'? "),
            None => String::new(),
        };
        let advice = match names.as_slice() {
            [] => format!("{} has no targets", dir.display()),
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

    /// The names of the folders in `dir` that have a manifest, ascending.
    fn names(dir: &Path) -> Result<Vec<String>, ManifestError> {
        let error = |source| ManifestError::List { dir: dir.to_owned(), source };
        let mut names = Vec::new();
        for entry in dir.read_dir().map_err(error)? {
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

impl Process {
    /// Whether the process has a port: it is told one, or always takes the same.
    pub(super) fn has_port(&self) -> bool {
        self.port.is_some() || self.placeholders().any(|hole| *hole == Placeholder::Port)
    }

    fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.command.iter().chain(self.env.values()).flat_map(Template::placeholders)
    }
}

impl DebugLevel {
    /// The level in cargo's words.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LineTablesOnly => "line-tables-only",
            Self::Limited => "limited",
            Self::Full => "full",
        }
    }
}

impl Default for Ready {
    fn default() -> Self {
        Self { condition: Condition::Port, timeout: DEFAULT_TIMEOUT }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port => f.write_str("its port accepts connections"),
            Self::Url(path) => write!(f, "GET {path} is answered with 200 to 399"),
            Self::Line(text) => write!(f, "it prints '{text}'"),
        }
    }
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManifestFile {
    name: String,
    language: String,
    description: String,
    script: Option<String>,
    build: Option<Build>,
    process: Vec<Process>,
}

/// `[build]` as it is written: the keys of every kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildTable {
    kind: Option<Kind>,
    dir: Option<PathBuf>,
    package: Option<String>,
    bin: Option<String>,
    #[serde(default)]
    features: Vec<String>,
    default_features: Option<bool>,
    debug: Option<DebugLevel>,
    frame_pointers: Option<bool>,
    command: Option<Vec<String>>,
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Cargo,
}

impl TryFrom<BuildTable> for Build {
    type Error = &'static str;

    fn try_from(table: BuildTable) -> Result<Self, Self::Error> {
        match (table.kind, table.command, table.binary) {
            (Some(Kind::Cargo), None, None) => Ok(Self::Cargo(CargoBuild {
                dir: table.dir.unwrap_or_else(|| ".".into()),
                package: table.package,
                bin: table.bin,
                features: table.features,
                default_features: table.default_features.unwrap_or(true),
                debug: table.debug.unwrap_or_default(),
                frame_pointers: table.frame_pointers.unwrap_or(true),
            })),
            (Some(_), ..) => Err("`kind` builds by itself: leave out `command` and `binary`"),
            (None, Some(command), Some(binary)) if !command.is_empty() => {
                Ok(Self::Command(CommandBuild { command, binary }))
            }
            (None, ..) => Err("write kind = \"cargo\", or command = [...] and binary = \"path\""),
        }
    }
}

/// `ready` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadyTable {
    url: Option<String>,
    line: Option<String>,
    #[serde(default, deserialize_with = "some_duration")]
    timeout: Option<Duration>,
}

impl TryFrom<ReadyTable> for Ready {
    type Error = &'static str;

    fn try_from(table: ReadyTable) -> Result<Self, Self::Error> {
        let condition = match (table.url, table.line) {
            (None, None) => Condition::Port,
            (Some(path), None) if path.starts_with('/') && !path.contains([' ', '\r', '\n']) => {
                Condition::Url(path)
            }
            (Some(_), None) => return Err("`url` is a path on the server, such as \"/health\""),
            (None, Some(line)) if !line.is_empty() => Condition::Line(line),
            (None, Some(_)) => return Err("`line` is some text that the server prints"),
            (Some(_), Some(_)) => return Err("write `url` or `line`, not both"),
        };
        Ok(Self { condition, timeout: table.timeout.unwrap_or(DEFAULT_TIMEOUT) })
    }
}

fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    unit::deserialize_duration(from).map(Some)
}

fn yes() -> bool {
    true
}

mod check;
#[cfg(test)]
mod tests;
