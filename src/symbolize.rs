//! Addresses -> names: turns a [`crate::sample::Capture`] into a [`Profile`].
//!
//! Runs once, after the load has ended, on the distinct addresses only. Kernel and ELF names,
//! inlined functions and debug links come from `blazesym`; generated code from perf maps; what
//! has no name is called after its module and counted. What came with its names is only taken
//! over: [`adopt`].

mod debug_info;
mod file;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod go_table;
mod named;
mod names;
mod perf_map;
mod profile;
mod python;
mod resolve;
mod source_path;
mod stubs;

pub use file::ProfileFileError;
pub use named::adopt;
pub use names::Detail;
pub use profile::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId};
pub use resolve::{Resolved, resolve};
