//! Why another tool cannot drive a load, or what it said cannot be read.

use std::{io, path::PathBuf, process::ExitStatus};

use thiserror::Error;

use crate::load::{EngineKind, LoadError};

/// Why another tool could not be used.
#[derive(Debug, Error)]
pub enum ExternalError {
    /// The built-in engine is no other tool.
    #[error("the built-in engine needs no other tool")]
    BuiltIn,
    /// The tool is not there.
    #[error("{engine} is not installed: {}", install(*engine))]
    NotInstalled {
        /// Which one.
        engine: EngineKind,
    },
    /// A program has the tool's name, but it is not that tool, or does not run.
    #[error("{path} is not {engine}, or does not work: {why}")]
    NotThat {
        /// Which tool it should be.
        engine: EngineKind,
        /// The program.
        path: PathBuf,
        /// What it did instead.
        why: String,
    },
    /// The tool cannot do what a key of the script asks for.
    #[error("{engine} cannot express {key}: {why}")]
    Inexpressible {
        /// Which tool.
        engine: EngineKind,
        /// The key of the script, or its value.
        key: String,
        /// Why not, and what can be done.
        why: String,
    },
    /// The script cannot be rendered for its address.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A file for the tool could not be written, or one of its own could not be read.
    #[error("cannot {action} {path}: {source}")]
    File {
        /// `read` or `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The tool failed.
    #[error("{engine} failed ({}): {detail}", code(*exit))]
    Failed {
        /// Which tool.
        engine: EngineKind,
        /// Its exit code, unless a signal ended it.
        exit: Option<i32>,
        /// The last it said.
        detail: String,
    },
    /// The tool ended well, but its figures are not where they should be.
    #[error("cannot read the output of {engine}: {why}")]
    Output {
        /// Which tool.
        engine: EngineKind,
        /// What is missing or wrong.
        why: String,
    },
}

impl ExternalError {
    pub(super) fn output(engine: EngineKind, why: impl Into<String>) -> Self {
        Self::Output { engine, why: why.into() }
    }

    pub(super) fn did_not_answer(engine: EngineKind, path: PathBuf, status: ExitStatus) -> Self {
        Self::NotThat { engine, path, why: format!("it said nothing of itself, and {status}") }
    }
}

fn code(exit: Option<i32>) -> String {
    exit.map_or_else(|| "ended by a signal".to_owned(), |code| format!("exit code {code}"))
}

/// How to get each tool.
fn install(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Builtin => "it is built in",
        EngineKind::Wrk => "try `apt-get install wrk`, or `brew install wrk`",
        EngineKind::Wrk2 => {
            "no package has it: build it from its source, <https://github.com/giltene/wrk2>, and \
             put the program on the PATH with the name wrk2"
        }
        EngineKind::K6 => "try `go install go.k6.io/k6@latest`, or see <https://k6.io>",
        EngineKind::Hey => {
            "try `apt-get install hey`, or `go install github.com/rakyll/hey@latest`"
        }
        EngineKind::Oha => "try `cargo install oha`",
        EngineKind::Bombardier => {
            "try `go install github.com/codesenberg/bombardier@latest`, or `brew install bombardier`"
        }
    }
}
