//! A PostgreSQL server with one database: made once, kept, and a fresh copy of it for each launch.
//!
//! ```text
//! Service -prepare-> Cluster (in the cache) -hold-> HeldDatabase -start-> Database
//! ```

use std::{
    io,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use thiserror::Error;

use super::child::{Ending, SpawnError};
use installation::Installation;
use password::Password;
pub(super) use prepare::prepare;
pub(super) use server::{Database, HeldDatabase};

mod installation;
mod offline;
mod password;
mod prepare;
mod server;
mod tree;

/// The database, and the user that owns it.
const NAME: &str = "flameload";

/// Who may do everything, but never connect; also the name of that user's own database.
const SUPERUSER: &str = "postgres";

/// A data folder that has everything that a service's files say.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The name of the service.
    service: String,
    installation: Installation,
    /// In the cache: never served itself.
    data: PathBuf,
}

impl Cluster {
    /// The service and its server's version, such as `db: PostgreSQL 15.4`.
    pub fn describe(&self) -> String {
        format!("{}: {}", self.service, self.installation.version)
    }
}

/// Why a database does not serve.
#[derive(Debug, Error)]
pub enum DatabaseError {
    /// There is no folder or port for it.
    #[error("cannot make a place for it: {0}")]
    Place(io::Error),
    /// Its files cannot be copied.
    #[error("cannot copy {path}: {source}")]
    Copy {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its server could not be started at all.
    #[error(transparent)]
    Spawn(#[from] SpawnError),
    /// Its server ended.
    #[error("its server {ending}{}", tail(last_lines))]
    Ended {
        /// The exit status or signal.
        ending: Ending,
        /// The last lines it printed.
        last_lines: Vec<String>,
    },
    /// Its server did not get ready.
    #[error("its server was not ready within {waited:?}{}", tail(last_lines))]
    NotReady {
        /// How long it was given.
        waited: Duration,
        /// The last lines it printed.
        last_lines: Vec<String>,
    },
    /// The user gave up.
    #[error("interrupted while it was starting")]
    Interrupted,
}

fn tail(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n    {line}")).collect()
}

fn check(interrupted: &AtomicBool) -> Result<(), DatabaseError> {
    match interrupted.load(Ordering::Relaxed) {
        true => Err(DatabaseError::Interrupted),
        false => Ok(()),
    }
}
