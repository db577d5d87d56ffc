//! One process of a target: the typed form of `[[process]]`.

use std::{collections::BTreeMap, fmt, num::NonZero, path::PathBuf, time::Duration};

use serde::{Deserialize, Deserializer};

use crate::{
    target::template::{Placeholder, Template},
    unit,
};

/// One process of a target.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its name, distinct within the target.
    pub name: String,
    /// Program and arguments; it runs in `dir`.
    pub command: Vec<Template>,
    /// Environment variables beside the inherited ones.
    pub env: BTreeMap<String, Template>,
    /// The port of a server that cannot be told one; none gives it a free port.
    pub port: Option<u16>,
    /// How many files it may open; none raises its limit as far as the system allows.
    pub open_files: Option<NonZero<u64>>,
    /// When it counts as ready.
    pub ready: Ready,
    /// Whether it is profiled.
    pub profile: bool,
    /// The path at which it serves a CPU profile, as Go's `net/http/pprof` does; none if it has
    /// none.
    pub pprof: Option<String>,
    /// The folder in which it runs, absolute: that of the manifest that it comes from, this one or
    /// another target's, unless that says another.
    pub dir: PathBuf,
    /// The place of its build among the manifest's recipes; none where it needs none.
    pub recipe: Option<usize>,
    /// The place of its database among the manifest's services; none where it has none.
    pub service: Option<usize>,
}

/// When a process counts as ready, and how long that may take.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ReadyTable")]
pub struct Ready {
    /// What has to happen.
    pub condition: Condition,
    /// The unix socket on which it is asked in place of its port, relative to the manifest.
    pub unix: Option<PathBuf>,
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

pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

impl Process {
    /// Whether the process has a port: it is told one, or always takes the same.
    pub(in crate::target) fn has_port(&self) -> bool {
        self.port.is_some() || self.uses(&Placeholder::Port)
    }

    /// Whether its command or environment has a hole for this.
    pub(in crate::target) fn uses(&self, placeholder: &Placeholder) -> bool {
        self.placeholders().any(|hole| hole == placeholder)
    }

    /// Whether it is told of its database on its command line, which everybody can read.
    pub(in crate::target) fn shows_database(&self) -> bool {
        self.command.iter().flat_map(Template::placeholders).any(|hole| *hole == Placeholder::DbUrl)
    }

    pub(super) fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.command.iter().chain(self.env.values()).flat_map(Template::placeholders)
    }
}

impl Default for Ready {
    fn default() -> Self {
        Self { condition: Condition::Port, unix: None, timeout: DEFAULT_TIMEOUT }
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

/// `[[process]]` as it is written.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AnyProcess")]
pub(super) enum ProcessTable {
    /// Of this target.
    Own(Box<OwnProcess>),
    /// Of another target.
    Borrowed(BorrowedProcess),
}

/// A process that the manifest says all of.
#[derive(Debug)]
pub(super) struct OwnProcess {
    name: String,
    command: Vec<Template>,
    env: BTreeMap<String, Template>,
    port: Option<u16>,
    open_files: Option<NonZero<u64>>,
    ready: Ready,
    profile: bool,
    pprof: Option<String>,
    /// From the manifest's folder.
    dir: Option<PathBuf>,
}

/// The process of another target, under a name of its own.
#[derive(Debug)]
pub(super) struct BorrowedProcess {
    pub(super) name: String,
    /// The folder of the other target, or its manifest.
    pub(super) target: PathBuf,
    pub(super) profile: bool,
}

impl OwnProcess {
    pub(super) fn resolve(
        self,
        dir: PathBuf,
        recipe: Option<usize>,
        service: Option<usize>,
    ) -> Process {
        let Self { name, command, env, port, open_files, ready, profile, pprof, dir: own } = self;
        let dir = own.map_or(dir.clone(), |own| dir.join(own));
        Process {
            name,
            command,
            env,
            port,
            open_files,
            ready,
            profile,
            pprof,
            dir,
            recipe,
            service,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AnyProcess {
    name: String,
    target: Option<PathBuf>,
    command: Option<Vec<Template>>,
    env: Option<BTreeMap<String, Template>>,
    port: Option<u16>,
    open_files: Option<NonZero<u64>>,
    ready: Option<Ready>,
    profile: Option<bool>,
    pprof: Option<String>,
    dir: Option<PathBuf>,
}

impl TryFrom<AnyProcess> for ProcessTable {
    type Error = &'static str;

    fn try_from(table: AnyProcess) -> Result<Self, Self::Error> {
        let profile = table.profile.unwrap_or(true);
        let Some(target) = table.target else {
            if table.pprof.as_ref().is_some_and(|path| !is_path(path)) {
                return Err("`pprof` is a path on the server, such as \"/debug/pprof/profile\"");
            }
            return Ok(Self::Own(Box::new(OwnProcess {
                name: table.name,
                command: table
                    .command
                    .ok_or("a process needs `command`, or `target` where it is another target's")?,
                env: table.env.unwrap_or_default(),
                port: table.port,
                open_files: table.open_files,
                ready: table.ready.unwrap_or_default(),
                profile,
                pprof: table.pprof,
                dir: table.dir,
            })));
        };
        let says_more = table.command.is_some()
            || table.env.is_some()
            || table.port.is_some()
            || table.open_files.is_some()
            || table.ready.is_some()
            || table.pprof.is_some()
            || table.dir.is_some();
        if says_more {
            return Err("`target` brings everything along: beside it, only `name` and `profile`");
        }
        Ok(Self::Borrowed(BorrowedProcess { name: table.name, target, profile }))
    }
}

/// Whether a text is a path on a server.
fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.contains([' ', '\r', '\n'])
}

/// `ready` as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadyTable {
    url: Option<String>,
    line: Option<String>,
    unix: Option<PathBuf>,
    #[serde(default, deserialize_with = "some_duration")]
    timeout: Option<Duration>,
}

impl TryFrom<ReadyTable> for Ready {
    type Error = &'static str;

    fn try_from(table: ReadyTable) -> Result<Self, Self::Error> {
        let condition = match (table.url, table.line) {
            (None, None) => Condition::Port,
            (Some(path), None) if is_path(&path) => Condition::Url(path),
            (Some(_), None) => return Err("`url` is a path on the server, such as \"/health\""),
            (None, Some(line)) if !line.is_empty() => Condition::Line(line),
            (None, Some(_)) => return Err("`line` is some text that the server prints"),
            (Some(_), Some(_)) => return Err("write `url` or `line`, not both"),
        };
        if table.unix.as_ref().is_some_and(|path| path.as_os_str().is_empty()) {
            return Err("`unix` is the file of a socket, such as \"run/shop.sock\"");
        }
        let timeout = table.timeout.unwrap_or(DEFAULT_TIMEOUT);
        Ok(Self { condition, unix: table.unix, timeout })
    }
}

fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    unit::deserialize_duration(from).map(Some)
}
