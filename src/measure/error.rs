//! Why a measurement could not be made.

use std::{io, time::Duration};

use thiserror::Error;

use super::backends::{Backend, BackendsError};
use crate::{
    load::{ExternalError, LoadError, ProbeError},
    record::RecordError,
    sample::{SampleError, pprof::PprofError, py_spy::PySpyError},
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
    #[error("{0}{hint}", hint = way_out(.0))]
    Sample(#[from] SampleError),
    #[error(transparent)]
    Pprof(#[from] PprofError),
    #[error(transparent)]
    PySpy(#[from] PySpyError),
    #[error(transparent)]
    Backends(#[from] BackendsError),
    #[error(
        "a window of so many requests has no length in time, which the backend '{}' has to be \
         told: give the script a duration, or use --backend {}",
        Backend::Pprof,
        Backend::PerfEvent
    )]
    CountedProfile,
    #[error(
        "stage {stage} is shorter than {} s, which a block of slices takes with the backend '{}': \
         make it longer, or use --backend {}",
        least.as_secs_f64(), Backend::Pprof, Backend::PerfEvent
    )]
    ShortStage { stage: usize, least: Duration },
    #[error(
        "stage {stage} of the script is shorter than {} s, which the {slices} slices of a block \
         take: by_request gives each request slices of its own; make the stage longer, or leave \
         by_request out",
        least.as_secs_f64()
    )]
    CrowdedStage { stage: usize, least: Duration, slices: usize },
    #[error(
        "{engine} says what it did in all, and not when: one backend at a time can sample with \
         it, not {backends}"
    )]
    SeveralBackends { engine: String, backends: String },
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
    #[error(
        "the server sends interim responses (1xx, such as 103 Early Hints), and {engine} counts \
         each of them as a response: let the built-in engine send the load, or another tool"
    )]
    Interim { engine: String },
    #[error("the server stopped answering: it runs, but the last slices have no response at all")]
    Silent,
    #[error("{0}")]
    Collapsed(String),
    #[error("a threshold ended it: {0}")]
    Threshold(String),
    #[error("process {0} does not run")]
    NoProcess(u32),
    #[error("cannot look into process {pid}: {why}")]
    Guarded { pid: u32, why: String },
    #[error("cannot read what process {pid} has open: {source}: is it in another container?")]
    Unreadable { pid: u32, source: io::Error },
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
    #[error("the server ended in the middle of the measurement: {0}")]
    ExitedMidway(String),
    #[error(
        "the script '{script}' cannot be cut into slices that alternate between two servers: {why}"
    )]
    NotInTurns { script: String, why: String },
    #[error("side {side}: {source}")]
    OfSide { side: String, source: Box<MeasureError> },
    #[error("interrupted before anything was measured")]
    Interrupted,
}

/// What works where the kernel does not allow sampling.
fn way_out(error: &SampleError) -> &'static str {
    match error {
        SampleError::Refused { .. } => {
            "; or let a server that can do so profile itself, with --backend pprof"
        }
        _ => "",
    }
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
