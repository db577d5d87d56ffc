//! Manifest -> build -> launch -> ready -> a running server; its CPUs, memory and processes.
//!
//! ```text
//! Manifest -build-> Built -launch-> Held -release-> Running -stop-> Exit
//! ```
//!
//! - A [`Version`] is a target as it was at a [`Commit`] of its [`Repository`], with [`Changes`]:
//!   [`build_version`] builds it beside the user's own files.
//! - [`Manifest`] says how a server is built and started; [`build()`] builds it for measuring
//!   without a change to its project.
//! - [`launch()`] gives [`Held`]: processes that exist but wait before their exec, so that
//!   counters and samplers opened on them miss nothing. [`Held::release`] lets them go and waits
//!   until they serve.
//! - [`Running`] stops every process when it is dropped. The [`Guard`] does the same when this
//!   process is killed and drops nothing.
//! - [`usage`] says what processes use, [`descendants`] and [`listening_ports`] which belong
//!   together and where they listen, [`network`] how their queues of connections fare, [`Cpus`]
//!   and [`split_cpus`] who gets which CPU.
//! - [`Budget`] says what a target may use, [`Allowance`] what it gets of that on this machine;
//!   services of a manifest run beside the processes, and never count as a part of them.
//! - [`run_tool`] runs a helper program, such as a load tool, to its end.
//!
//! What a started server prints is read and its last lines are kept: they are in every error
//! that a user sees.

mod account;
mod allowance;
mod birthmark;
mod bisection;
mod budget;
mod build;
mod cache;
mod cgroup;
mod changes;
mod child;
mod cpus;
mod database;
mod environment;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod git;
mod guard;
mod http;
mod java;
mod launch;
mod manifest;
pub mod network;
mod output;
mod perf_maps;
mod port;
mod procfs;
mod ready;
mod repository;
mod revision;
mod running;
mod scratch;
mod secrets;
mod sys;
mod template;
mod tool;
pub mod usage;

pub use allowance::Allowance;
pub use bisection::{Bisection, BisectionError, Mark, Step};
pub use budget::{Budget, BudgetName};
pub use build::{
    BuildError, BuildOptions, Built, Product, Version, VersionError, build, build_version,
};
pub use cache::{Cached, cached};
pub use changes::{Changes, ChangesError};
pub use child::{Ending, Relative, SpawnError, left_running};
pub use cpus::{Cpus, CpusError, Split, split_cpus};
pub use database::{Cluster, DatabaseError};
pub use error::{Exit, TargetError};
pub use git::GitError;
pub use guard::Guard;
pub use http::{Answer, get};
pub use java::name_java_code;
pub use launch::{Held, LaunchOptions, launch};
pub use manifest::{
    Build, CargoBuild, CommandBuild, Condition, DebugLevel, Difference, FILE_NAME, GoBuild,
    Manifest, ManifestError, Process, PythonBuild, PythonVersion, Ready, Recipe, Service,
    ServiceKind,
};
pub use perf_maps::PerfMaps;
pub use procfs::{descendants, guarded, is_kernel_thread, is_running, listening_ports};
pub use ready::{Caller, Refusal};
pub use repository::{Commit, Repository, RepositoryError, WORKTREE};
pub use revision::Revision;
pub use running::{Listener, Running};
pub use secrets::Secrets;
pub use template::{Template, TemplateError};
pub use tool::{ToolError, ToolRun, ToolSpec, run_tool};
