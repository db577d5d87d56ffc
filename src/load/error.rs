//! What can go wrong before any load flows; what goes wrong under load is counted instead.

use std::{io, net::SocketAddr, path::PathBuf};

use thiserror::Error;

use super::endpoint::Address;
use super::preflight::Shortages;
use crate::config::ConfigError;

/// Why load could not be prepared or started.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The script is not readable, not TOML, or has a key that does not exist.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The script's keys are known, but a value makes no sense.
    #[error("script '{script}': {message}")]
    Invalid {
        /// The script's name.
        script: String,
        /// Which value is wrong and what it may be.
        message: String,
    },
    /// No script has this name.
    #[error("no script '{name}'{}", known(nearest.as_deref(), available))]
    UnknownScript {
        /// What was asked for.
        name: String,
        /// The name it was probably meant to be.
        nearest: Option<String>,
        /// The names there are.
        available: Vec<String>,
    },
    /// A directory of scripts or a request's body could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of trusted certificates has something else in it, or nothing.
    #[error("cannot trust the certificates of {path}: {message}; tls.ca is a file in PEM format")]
    Certificates {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// Encryption cannot be prepared, for want of certificates to trust.
    #[error(
        "the system has no certificates to trust: {0}; \
         name a file of them in tls.ca, or accept any with tls.insecure"
    )]
    Trust(String),
    /// The address is another machine's.
    #[error("refusing to send load to {0}: only loopback addresses are allowed")]
    Remote(SocketAddr),
    /// The load needs more of something than there is.
    #[error("this load cannot work: {0}")]
    Shortage(Shortages),
    /// A thread could not be made, or not its event queue.
    #[error("cannot start a load thread: {0}")]
    Thread(io::Error),
    /// A thread could not be pinned.
    #[error("cannot pin a load thread to CPU {cpu}: {source}; choose CPUs this process may use")]
    Pin {
        /// The CPU.
        cpu: usize,
        /// What the system said.
        source: io::Error,
    },
    /// Not one connection could be opened.
    #[error("cannot connect to {addr}: {detail}; is the server listening there?")]
    Unreachable {
        /// Where the server should be.
        addr: Address,
        /// The first failure.
        detail: String,
    },
}

impl LoadError {
    pub(super) fn invalid(script: &str, message: impl Into<String>) -> Self {
        Self::Invalid { script: script.to_owned(), message: message.into() }
    }
}

fn known(nearest: Option<&str>, available: &[String]) -> String {
    let meant = nearest.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default();
    let list = match available {
        [] => "there are none".to_owned(),
        names => format!("there are {}", names.join(", ")),
    };
    format!("{meant} ({list})")
}
