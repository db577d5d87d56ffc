//! What samples: one instrument or several in turn.

use std::{fmt, str::FromStr};

use thiserror::Error;

use crate::config;

/// An instrument that samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Backend {
    /// The kernel, through `perf_event_open`: native and kernel code, each thread.
    PerfEvent,
    /// The server itself, asked over HTTP: the CPU profile of `net/http/pprof` and its like.
    Pprof,
    /// The memory of Python's interpreters, read while they run.
    PySpy,
}

/// The backends of a measurement, each once. The first one's profile is the run's own; with none
/// there are exact figures and no profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backends(Vec<Backend>);

/// Why names are not backends.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[expect(missing_docs, reason = "each message says what the variant means")]
pub enum BackendsError {
    #[error("unknown backend '{name}'; {advice}")]
    Unknown { name: String, advice: String },
    #[error("the backend '{0}' stands there twice: each takes its turns anyway")]
    Twice(Backend),
}

impl Backend {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::PerfEvent, Self::Pprof, Self::PySpy];

    /// Its name, as users and files have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PerfEvent => "perf-event",
            Self::Pprof => "pprof",
            Self::PySpy => "py-spy",
        }
    }

    /// Whether it sees the functions that the server is compiled to, so that two that do can be
    /// compared.
    pub fn sees_functions(self) -> bool {
        matches!(self, Self::PerfEvent | Self::Pprof)
    }
}

impl Backends {
    /// Only this one.
    pub fn one(backend: Backend) -> Self {
        Self(vec![backend])
    }

    /// None: exact figures only.
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// Backends in this order.
    ///
    /// # Errors
    /// When one stands there twice.
    pub fn new(backends: impl IntoIterator<Item = Backend>) -> Result<Self, BackendsError> {
        let mut all = Vec::new();
        for backend in backends {
            if all.contains(&backend) {
                return Err(BackendsError::Twice(backend));
            }
            all.push(backend);
        }
        Ok(Self(all))
    }

    /// Backends by their names, in this order.
    ///
    /// # Errors
    /// When a name is unknown or stands there twice.
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, BackendsError> {
        let all: Result<Vec<Backend>, _> =
            names.into_iter().map(|name| name.trim().parse()).collect();
        Self::new(all?)
    }

    /// In their order.
    pub fn as_slice(&self) -> &[Backend] {
        &self.0
    }

    /// Whether nothing samples.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    pub fn contains(&self, backend: Backend) -> bool {
        self.0.contains(&backend)
    }
}

impl TryFrom<&[String]> for Backends {
    type Error = BackendsError;

    fn try_from(names: &[String]) -> Result<Self, BackendsError> {
        Self::named(names.iter().map(String::as_str))
    }
}

impl Default for Backends {
    /// The kernel alone.
    fn default() -> Self {
        Self(vec![Backend::PerfEvent])
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Backend {
    type Err = BackendsError;

    fn from_str(name: &str) -> Result<Self, BackendsError> {
        let names = || Self::ALL.iter().map(|backend| backend.as_str());
        Self::ALL.into_iter().find(|backend| backend.as_str() == name).ok_or_else(|| {
            let near = config::nearest(name, names());
            let near = near.map(|near| format!("did you mean '{near}'? ")).unwrap_or_default();
            let known = names().collect::<Vec<_>>().join(", ");
            BackendsError::Unknown {
                name: name.to_owned(),
                advice: format!("{near}known are {known}"),
            }
        })
    }
}

impl FromStr for Backends {
    type Err = BackendsError;

    /// A list with commas.
    fn from_str(list: &str) -> Result<Self, BackendsError> {
        Self::named(list.split(','))
    }
}

impl fmt::Display for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|backend| backend.as_str()).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_keeps_its_order() {
        let both: Backends = "pprof, perf-event".parse().expect("both are known");
        assert_eq!(both.as_slice(), [Backend::Pprof, Backend::PerfEvent]);
        assert_eq!(both.to_string().parse(), Ok(both));
        assert_eq!(Backends::named([]), Ok(Backends::none()));
        assert_eq!(Backends::default().to_string(), "perf-event");
    }

    #[test]
    fn wrong_lists_say_what_is_known() {
        let error = |list: &str| list.parse::<Backends>().expect_err("it is wrong").to_string();
        assert_eq!(
            error("perf_event"),
            "unknown backend 'perf_event'; did you mean 'perf-event'? known are perf-event, pprof, py-spy"
        );
        assert_eq!(error("pprof,"), "unknown backend ''; known are perf-event, pprof, py-spy");
        assert!(error("pprof,pprof").contains("twice"));
    }
}
