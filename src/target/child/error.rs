//! Why a process could not be started, in words.

use std::{io, path::PathBuf};

use rustix::io::Errno;
use thiserror::Error;

use super::Spec;
use crate::target::{
    cpus::Cpus,
    sys::{Failure, Step},
};

/// Why a process could not be started.
#[derive(Debug, Error)]
pub enum SpawnError {
    /// No folder of `PATH` has the program.
    #[error("cannot find the program '{0}': it is in no folder of PATH")]
    NotFound(String),
    /// The system refused a pipe, a process or a thread.
    #[error("cannot start another process: {0}")]
    System(#[from] io::Error),
    /// The folder to run in cannot be entered.
    #[error("cannot enter the folder {dir}: {source}")]
    Directory {
        /// The folder.
        dir: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The CPUs asked for cannot be used.
    #[error("cannot run on the CPUs {cpus}: {source}; those that may be used are {available}")]
    Affinity {
        /// The CPUs asked for.
        cpus: String,
        /// What the system said.
        source: io::Error,
        /// The CPUs that may be used.
        available: String,
    },
    /// The limit of open files asked for is more than the system allows.
    #[error(
        "cannot let it open {asked} files: {source}; lower `open_files`, or raise the hard limit \
         (`ulimit -Hn`)"
    )]
    OpenFiles {
        /// The limit asked for.
        asked: u64,
        /// What the system said.
        source: io::Error,
    },
    /// The process cannot become another user's.
    #[error("cannot run as the user with id {uid}: {source}")]
    Account {
        /// The user's id.
        uid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("cannot run {program}: {source}{}", exec_advice(source))]
    Exec {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
}

/// What a failure of a child means for what it was to run.
pub(super) fn explain(failure: Failure, spec: &Spec) -> SpawnError {
    let source = io::Error::from_raw_os_error(failure.errno);
    let cpus_text = |cpus: Option<&Cpus>| cpus.map_or("unknown".to_owned(), Cpus::to_string);
    match failure.step {
        Step::Streams => SpawnError::System(source),
        Step::Directory => SpawnError::Directory { dir: spec.dir.clone(), source },
        Step::Affinity => SpawnError::Affinity {
            cpus: cpus_text(spec.cpus.as_ref()),
            source,
            available: cpus_text(Cpus::available().ok().as_ref()),
        },
        Step::OpenFiles => {
            SpawnError::OpenFiles { asked: spec.open_files.unwrap_or_default(), source }
        }
        Step::Account => {
            SpawnError::Account { uid: spec.account.map_or(0, |account| account.uid), source }
        }
        Step::Exec => {
            SpawnError::Exec { program: spec.program.to_string_lossy().into_owned(), source }
        }
    }
}

fn exec_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; is the path right, and its interpreter installed?",
        io::ErrorKind::PermissionDenied => "; is it executable (chmod +x)?",
        _ if Errno::from_io_error(error) == Some(Errno::NOEXEC) => {
            "; it is no program: a script needs a first line such as #!/bin/sh"
        }
        _ => "",
    }
}
