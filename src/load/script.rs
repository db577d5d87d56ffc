//! A load script: what is requested, how hard, for how long, and what counts as an error.

mod file;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsStr,
    fs, io,
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::Deserialize;

use super::error::LoadError;
use crate::config;

/// The longest warm-up, duration or timeout: beyond it, a unit was probably mistaken.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A validated load script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Its name, for titles and records.
    pub name: String,
    /// What it measures, in a line.
    pub description: Option<String>,
    /// What decides when the next request is sent.
    pub mode: Mode,
    /// Connections kept open.
    pub connections: NonZeroU32,
    /// Threads that drive them.
    pub threads: Threads,
    /// How long the load is measured.
    pub duration: Duration,
    /// How long the same load flows before that, unmeasured.
    pub warmup: Duration,
    /// How long a complete response, or a connection, may take.
    pub timeout: Duration,
    /// What is asked for.
    pub request: ScriptRequest,
}

/// What decides when the next request is sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The response to the last one, on the same connection.
    #[default]
    Closed,
}

/// How many threads drive the connections; never more than there are connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Threads {
    /// One for each CPU that the load may use.
    #[default]
    Auto,
    /// So many.
    Count(NonZeroU32),
}

/// One request of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptRequest {
    /// Its name in reports.
    pub name: String,
    /// The method.
    pub method: String,
    /// Path and query, as they go over the wire.
    pub path: String,
    /// Headers besides `Host` and `Content-Length`, which the engine adds.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: Vec<u8>,
    /// What a good response is.
    pub expect: Expect,
}

/// What a good response is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expect {
    /// The statuses that are good; if empty, any 2xx.
    pub status: Vec<u16>,
    /// What the decoded body must contain.
    pub body_contains: Option<String>,
}

impl Script {
    /// Reads the script at `path`; files that it names are relative to its directory.
    ///
    /// # Errors
    /// When the file or a body cannot be read, a key is unknown, or a value makes no sense.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let file: file::ScriptFile = config::read(path)?;
        file.into_script(path.parent().unwrap_or(Path::new("")))
    }

    /// Reads the script `name` of the directory `dir`. A path, with a slash or ending in `.toml`,
    /// is read as it is.
    ///
    /// # Errors
    /// As [`Script::read`]; for an unknown name, the error has those there are and the nearest.
    pub fn find(dir: &Path, name: &str) -> Result<Self, LoadError> {
        if name.contains('/') || name.ends_with(".toml") {
            return Self::read(Path::new(name));
        }
        let available = Self::list(dir)?;
        if !available.iter().any(|known| known == name) {
            let nearest = config::nearest(name, available.iter().map(String::as_str));
            let nearest = nearest.map(str::to_owned);
            return Err(LoadError::UnknownScript { name: name.to_owned(), nearest, available });
        }
        Self::read(&dir.join(format!("{name}.toml")))
    }

    /// The names of the scripts in the directory `dir`, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn list(dir: &Path) -> Result<Vec<String>, LoadError> {
        let unreadable = |source| LoadError::Read { path: dir.to_owned(), source };
        let paths: Result<Vec<PathBuf>, io::Error> =
            fs::read_dir(dir).map_err(unreadable)?.map(|entry| Ok(entry?.path())).collect();
        let mut names: Vec<String> = paths
            .map_err(unreadable)?
            .iter()
            .filter(|path| path.extension() == Some(OsStr::new("toml")))
            .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
            .collect();
        names.sort();
        Ok(names)
    }

    /// The script with so many connections.
    #[must_use]
    pub fn with_connections(self, connections: NonZeroU32) -> Self {
        Self { connections, ..self }
    }

    /// The script with a measured time of `duration`.
    ///
    /// # Errors
    /// When it is zero or longer than a day.
    pub fn with_duration(self, duration: Duration) -> Result<Self, LoadError> {
        Self { duration, ..self }.checked()
    }

    /// The script with a warm-up of `warmup`, which may be zero.
    ///
    /// # Errors
    /// When it is longer than a day.
    pub fn with_warmup(self, warmup: Duration) -> Result<Self, LoadError> {
        Self { warmup, ..self }.checked()
    }

    fn checked(self) -> Result<Self, LoadError> {
        let spans =
            [("duration", self.duration), ("timeout", self.timeout), ("warmup", self.warmup)];
        for (key, span) in spans {
            if span.is_zero() && key != "warmup" {
                return Err(LoadError::invalid(&self.name, format!("{key} must not be zero")));
            }
            if span > LONGEST {
                let message = format!("{key} is {span:?}, but may be 24h at most");
                return Err(LoadError::invalid(&self.name, message));
            }
        }
        Ok(self)
    }
}
