//! A load script: what is requested, how hard, for how long, and what counts as an error.

mod check;
mod engine;
mod file;
mod http;
mod overrides;
mod pace;
mod request;
mod shipped;
#[cfg(test)]
mod tests;
mod threshold;
mod var;

use std::{
    ffi::OsStr,
    fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use self::file::{Context, ScriptFile};
use super::error::LoadError;
use crate::config::{self, ConfigError};
pub use engine::{Engine, EngineKind};
pub use http::{Base, Cookies, Http, Secret, Tls, Version};
pub use pace::{Arrival, Extent, OnOverload, Pace, Stage, Think, Threads};
pub use request::{Body, Expect, ScriptRequest};
pub use threshold::{Metric, Stat, Threshold};
pub use var::{Pick, Values, Var};

/// A validated load script, for one load level: a script with a list of levels is read as several.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Its name, for titles and records.
    pub name: String,
    /// What it measures, in a line.
    pub description: Option<String>,
    /// What sends the requests.
    pub engine: Engine,
    /// Where they go.
    pub base: Base,
    /// What all random choices start from: the same seed makes the same requests.
    pub seed: u64,
    /// What decides when requests are sent.
    pub pace: Pace,
    /// Threads that drive the connections.
    pub threads: Threads,
    /// When the load ends.
    pub extent: Extent,
    /// How long the same load flows before that, unmeasured.
    pub warmup: Duration,
    /// How long nothing is asked of the server afterwards, before the next level.
    pub cooldown: Duration,
    /// How long a complete response, or a connection, may take.
    pub timeout: Duration,
    /// After so many requests, a connection is closed and a new one opened; never if none.
    pub requests_per_connection: Option<NonZeroU32>,
    /// Requests under way at once on a connection, one after the other without waiting.
    pub pipeline: NonZeroU32,
    /// How requests travel.
    pub http: Http,
    /// The `Authorization` of every request.
    pub authorization: Option<Secret>,
    /// The variables of the environment that headers name as `{env:NAME}`, and their values.
    pub environment: Vec<(String, Secret)>,
    /// Variables of the requests' templates.
    pub vars: Vec<Var>,
    /// Whether each request of several also has slices of its own, which say what it costs.
    pub by_request: bool,
    /// What is asked for; never empty.
    pub requests: Vec<ScriptRequest>,
    /// What the run must keep to.
    pub thresholds: Vec<Threshold>,
    /// What keeps the load from doing harm.
    pub limits: Limits,
}

/// What keeps a load from doing harm, and from measuring what is broken.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Whether load may go to other machines.
    pub allow_remote: bool,
    /// The measurement ends when more than this share of all attempts has failed for a second.
    pub max_error_rate: f64,
    /// Whether the limit of open files is raised as far as the system allows.
    pub raise_nofile: bool,
    /// Whether a load that cannot work, for want of descriptors, ports or backlog, is refused.
    pub preflight: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { allow_remote: false, max_error_rate: 0.5, raise_nofile: true, preflight: true }
    }
}

/// Where a script is.
enum Source {
    File(PathBuf),
    /// In the program itself.
    Shipped(&'static str),
}

impl Script {
    /// Reads the script at `path`, once for each of its load levels in their order: there is at
    /// least one. Files that it names are relative to its directory.
    ///
    /// # Errors
    /// When the file or a body cannot be read, a key is unknown, or a value makes no sense.
    pub fn read(path: &Path) -> Result<Vec<Self>, LoadError> {
        Self::read_with(path, &|name| std::env::var(name).ok())
    }

    /// As [`Script::read`], with secrets from `environment`.
    fn read_with(
        path: &Path,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Vec<Self>, LoadError> {
        let file: ScriptFile = config::read(path)?;
        let dir = path.parent().unwrap_or(Path::new(""));
        let name = file.name.clone();
        file.into_scripts(&Context { name: &name, dir, environment })
    }

    /// Reads the script `name` of the directory `dir`, or of those that everybody has. A path, with
    /// a slash or ending in `.toml`, is read as it is.
    ///
    /// # Errors
    /// As [`Script::read`]; for an unknown name, the error has those there are and the nearest.
    pub fn find(dir: &Path, name: &str) -> Result<Vec<Self>, LoadError> {
        match Self::source(dir, name)? {
            Source::File(path) => Self::read(&path),
            Source::Shipped(text) => {
                let parsed = config::parse::<ScriptFile>(text).map_err(|message| {
                    ConfigError::Parse { path: format!("{name}.toml").into(), message }
                })?;
                let environment = |name: &str| std::env::var(name).ok();
                let (dir, environment) = (Path::new(""), &environment);
                parsed.into_scripts(&Context { name, dir, environment })
            }
        }
    }

    /// The text of the script that [`Script::find`] reads.
    ///
    /// # Errors
    /// When there is no such script, or it cannot be read.
    pub fn text(dir: &Path, name: &str) -> Result<String, LoadError> {
        match Self::source(dir, name)? {
            Source::File(path) => {
                fs::read_to_string(&path).map_err(|source| LoadError::Read { path, source })
            }
            Source::Shipped(text) => Ok(text.to_owned()),
        }
    }

    fn source(dir: &Path, name: &str) -> Result<Source, LoadError> {
        if name.contains('/') || name.ends_with(".toml") {
            return Ok(Source::File(name.into()));
        }
        if Self::own(dir)?.iter().any(|known| known == name) {
            return Ok(Source::File(dir.join(format!("{name}.toml"))));
        }
        shipped::text(name).map(Source::Shipped).ok_or_else(|| {
            let available = Self::list(dir).unwrap_or_default();
            let nearest = config::nearest(name, available.iter().map(String::as_str));
            let nearest = nearest.map(str::to_owned);
            LoadError::UnknownScript { name: name.to_owned(), nearest, available }
        })
    }

    /// The names of the scripts in the directory `dir` and of those that everybody has, in order.
    ///
    /// # Errors
    /// When the directory is there and cannot be read.
    pub fn list(dir: &Path) -> Result<Vec<String>, LoadError> {
        let mut names = Self::own(dir)?;
        names.extend(shipped::SHIPPED.map(|(name, _)| name.to_owned()));
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The names of the scripts in a directory; none where there is no such directory.
    fn own(dir: &Path) -> Result<Vec<String>, LoadError> {
        let unreadable = |source| LoadError::Read { path: dir.to_owned(), source };
        let entries = match fs::read_dir(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(unreadable)?,
        };
        let paths: Result<Vec<PathBuf>, io::Error> =
            entries.map(|entry| Ok(entry?.path())).collect();
        let names = paths
            .map_err(unreadable)?
            .iter()
            .filter(|path| path.extension() == Some(OsStr::new("toml")))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        Ok(names)
    }

    /// The first request, which stands for all where only one can.
    pub fn request(&self) -> &ScriptRequest {
        &self.requests[0]
    }

    /// How long the load is measured; one that ends after so many requests, nobody knows how long.
    pub fn duration(&self) -> Duration {
        match &self.extent {
            Extent::Duration(duration) => *duration,
            Extent::Requests(_) => check::LONGEST,
            Extent::Stages { stages, .. } => {
                stages.iter().fold(Duration::ZERO, |sum, stage| sum.saturating_add(stage.duration))
            }
        }
    }
}
