//! Why a measurement could not be made.

use std::io;

use thiserror::Error;

use crate::{
    load::{ExternalError, LoadError, ProbeError},
    record::RecordError,
    sample::SampleError,
    target::{BuildError, TargetError, ToolError},
};

/// Why a measurement could not be made. Whatever it had started is stopped by then.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message says what the variant means")]
pub enum MeasureError {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Target(#[from] TargetError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    External(#[from] ExternalError),
    #[error(transparent)]
    Tool(#[from] ToolError),
    #[error("{0}")]
    ToolHangs(String),
    #[error("cannot make a folder for the files of the load tool: {0}")]
    ToolFolder(io::Error),
    #[error(transparent)]
    Sample(#[from] SampleError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("cannot start the guard that stops servers with this tool: {0}")]
    Guard(io::Error),
    #[error("the server does not answer the script's request: {0}")]
    NoAnswer(ProbeError),
    #[error(
        "{request} is answered with status {status}, which the script '{script}' does not expect: \
         choose the script that fits this server with --script, or correct its path"
    )]
    WrongStatus { request: String, status: u16, script: String },
    #[error("the server stopped answering: it runs, but the last slices have no response at all")]
    Silent,
    #[error("{0}")]
    Collapsed(String),
    #[error("a threshold ended it: {0}")]
    Threshold(String),
    #[error("process {0} does not run")]
    NoProcess(u32),
    #[error("process {0} is a kernel thread and runs no program: give the id of the server")]
    KernelThread(u32),
    #[error("process {0} listens on no port: give the address to load with --url")]
    NoPort(u32),
    #[error("process {pid} listens on several ports ({ports}): choose one with --url")]
    ManyPorts { pid: u32, ports: String },
    #[error("the target has no port: use {{port}} in the command of its last process")]
    NoAddress,
    #[error("the server ended before the measurement began: {0}")]
    Exited(String),
    #[error("interrupted before anything was measured")]
    Interrupted,
}

impl MeasureError {
    /// Whether the user asked for it to end.
    pub fn is_interruption(&self) -> bool {
        matches!(
            self,
            Self::Interrupted
                | Self::Target(TargetError::Interrupted)
                | Self::Build(BuildError::Interrupted)
        )
    }
}
