//! How a target's servers are built: the typed form of `[build]`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Deserializer};

/// A build of one manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The name of the target that it comes from.
    pub target: String,
    /// The folder that holds the manifest, absolute; relative paths of the build start here.
    pub dir: PathBuf,
    /// The build.
    pub build: Build,
    /// What it needs beside what git has of it, relative to `dir`: a build of a revision gets it
    /// from the files as they are.
    pub files: Vec<PathBuf>,
}

/// How a server is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Build {
    /// By cargo, with a profile made for measuring.
    Cargo(CargoBuild),
    /// By the go command, with symbols and debug information.
    Go(GoBuild),
    /// A Python environment of the target's own, from a lock file.
    Python(PythonBuild),
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

/// A build by the go command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoBuild {
    /// The folder of `go.mod`, relative to the manifest.
    pub dir: PathBuf,
    /// The package, as the go command takes it in that folder.
    pub package: String,
    /// Build tags.
    pub tags: Vec<String>,
}

/// A Python environment that holds what a lock file names, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonBuild {
    /// The folder of the lock file, relative to the manifest.
    pub dir: PathBuf,
    /// The lock file: requirements with exact versions and hashes.
    pub lock: PathBuf,
    /// The interpreter that the environment is made with: a name in `PATH`, or a path from `dir`.
    /// None takes the newest that is found.
    pub python: Option<String>,
    /// The least version of that interpreter.
    pub requires: Option<PythonVersion>,
    /// Its very version.
    pub version: Option<PythonVersion>,
    /// Whether an interpreter that can name its functions for profilers is asked to do so, which
    /// costs CPU time.
    pub perf_support: bool,
}

/// The version of a Python interpreter as far as programs ask for it, such as 3.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PythonVersion {
    /// The first number.
    pub major: u32,
    /// The second number.
    pub minor: u32,
}

/// A build by a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandBuild {
    /// Program and arguments, run in the manifest's folder.
    pub command: Vec<String>,
    /// Where the binary is after it, relative to the manifest.
    pub binary: PathBuf,
}

impl Recipe {
    /// The folder of what is built.
    pub(in crate::target) fn sources(&self) -> PathBuf {
        match &self.build {
            Build::Cargo(CargoBuild { dir, .. })
            | Build::Go(GoBuild { dir, .. })
            | Build::Python(PythonBuild { dir, .. }) => self.dir.join(dir),
            Build::Command(_) => self.dir.clone(),
        }
    }
}

impl DebugLevel {
    /// The level in cargo's words.
    pub(in crate::target) fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LineTablesOnly => "line-tables-only",
            Self::Limited => "limited",
            Self::Full => "full",
        }
    }
}

impl FromStr for PythonVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (major, minor) = text.split_once('.')?;
            Some(Self { major: major.parse().ok()?, minor: minor.parse().ok()? })
        };
        parse().ok_or_else(|| format!("'{text}' is no version of Python such as \"3.11\""))
    }
}

impl fmt::Display for PythonVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl<'de> Deserialize<'de> for PythonVersion {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What `[build]` says.
#[derive(Debug, Deserialize)]
#[serde(try_from = "BuildTable")]
pub(super) struct BuildPart {
    build: Build,
    files: Vec<PathBuf>,
}

impl BuildPart {
    pub(super) fn resolve(self, target: &str, dir: &Path) -> Recipe {
        let Self { build, files } = self;
        Recipe { target: target.to_owned(), dir: dir.to_owned(), build, files }
    }
}

/// `[build]` as it is written: the keys of every kind.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BuildTable {
    kind: Option<Kind>,
    dir: Option<PathBuf>,
    package: Option<String>,
    bin: Option<String>,
    features: Option<Vec<String>>,
    default_features: Option<bool>,
    debug: Option<DebugLevel>,
    frame_pointers: Option<bool>,
    tags: Option<Vec<String>>,
    lock: Option<PathBuf>,
    python: Option<String>,
    requires: Option<PythonVersion>,
    version: Option<PythonVersion>,
    perf_support: Option<bool>,
    command: Option<Vec<String>>,
    binary: Option<PathBuf>,
    /// Of every kind.
    #[serde(default)]
    files: Vec<PathBuf>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Cargo,
    Go,
    Python,
}

impl BuildTable {
    /// The keys that are there, but for `kind`.
    fn keys(&self) -> impl Iterator<Item = &'static str> {
        let keys = [
            ("dir", self.dir.is_some()),
            ("package", self.package.is_some()),
            ("bin", self.bin.is_some()),
            ("features", self.features.is_some()),
            ("default_features", self.default_features.is_some()),
            ("debug", self.debug.is_some()),
            ("frame_pointers", self.frame_pointers.is_some()),
            ("tags", self.tags.is_some()),
            ("lock", self.lock.is_some()),
            ("python", self.python.is_some()),
            ("requires", self.requires.is_some()),
            ("version", self.version.is_some()),
            ("perf_support", self.perf_support.is_some()),
            ("command", self.command.is_some()),
            ("binary", self.binary.is_some()),
        ];
        keys.into_iter().filter(|(_, is_there)| *is_there).map(|(key, _)| key)
    }

    /// Refuses keys that mean nothing for the kind that was chosen.
    fn check_keys(&self) -> Result<(), String> {
        let (kind, known): (_, &[&str]) = match self.kind {
            Some(Kind::Cargo) => (
                "kind = \"cargo\"",
                &[
                    "dir",
                    "package",
                    "bin",
                    "features",
                    "default_features",
                    "debug",
                    "frame_pointers",
                ],
            ),
            Some(Kind::Go) => ("kind = \"go\"", &["dir", "package", "tags"]),
            Some(Kind::Python) => (
                "kind = \"python\"",
                &["dir", "lock", "python", "requires", "version", "perf_support"],
            ),
            None => ("a build by `command`", &["command", "binary"]),
        };
        let found: Vec<&str> = self.keys().collect();
        match found.into_iter().find(|key| !known.contains(key)) {
            Some("command" | "binary") => {
                Err("`kind` builds by itself: leave out `command` and `binary`".to_owned())
            }
            Some(key) => Err(format!("{kind} has no `{key}`: it has {}, files", known.join(", "))),
            None => Ok(()),
        }
    }
}

impl TryFrom<BuildTable> for BuildPart {
    type Error = String;

    fn try_from(mut table: BuildTable) -> Result<Self, String> {
        let files = std::mem::take(&mut table.files);
        if files.iter().any(|path| path.as_os_str().is_empty() || path.is_absolute()) {
            return Err(
                "`files` are paths from the manifest's folder, such as \"gen/api.rs\"".into()
            );
        }
        Ok(Self { build: table.try_into()?, files })
    }
}

impl TryFrom<BuildTable> for Build {
    type Error = String;

    fn try_from(table: BuildTable) -> Result<Self, String> {
        if table.kind.is_none() && table.command.as_ref().is_none_or(Vec::is_empty)
            || table.kind.is_none() && table.binary.is_none()
        {
            return Err("write kind = \"cargo\", \"go\" or \"python\", or command = [...] and \
                        binary = \"path\""
                .to_owned());
        }
        table.check_keys()?;
        let dir = table.dir.unwrap_or_else(|| ".".into());
        Ok(match table.kind {
            Some(Kind::Cargo) => Self::Cargo(CargoBuild {
                dir,
                package: table.package,
                bin: table.bin,
                features: table.features.unwrap_or_default(),
                default_features: table.default_features.unwrap_or(true),
                debug: table.debug.unwrap_or_default(),
                frame_pointers: table.frame_pointers.unwrap_or(true),
            }),
            Some(Kind::Go) => Self::Go(GoBuild {
                dir,
                package: table.package.unwrap_or_else(|| ".".to_owned()),
                tags: table.tags.unwrap_or_default(),
            }),
            Some(Kind::Python) => Self::Python(PythonBuild {
                dir,
                lock: table.lock.unwrap_or_else(|| "requirements.lock".into()),
                python: table.python,
                requires: table.requires,
                version: table.version,
                perf_support: table.perf_support.unwrap_or(true),
            }),
            None => Self::Command(CommandBuild {
                command: table.command.unwrap_or_default(),
                binary: table.binary.unwrap_or_default(),
            }),
        })
    }
}
