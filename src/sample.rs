//! Processes -> [`Capture`]: stacks of code addresses, counted over time.
//!
//! The kernel samples through `perf_event_open`, at instants drawn at random, and writes registers
//! and the top of the user stack into one ring per CPU. A thread of ours empties the rings, unwinds each stack at
//! once and keeps only its id, so that neither disk nor memory grows with the number of samples.
//!
//! ```text
//! sys (system calls) -> ring (bytes) -> record (decode) -> collector -+-> space, unwind (frames)
//!                                                                     +-> stacks, timeline
//! ```

mod access;
mod affinity;
mod attach;
mod bound;
mod capture;
mod collector;
mod cpu_clocks;
mod elf;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod instructions;
mod module;
mod moved;
mod named;
mod owners;
mod periods;
pub mod pprof;
pub mod py_spy;
pub(crate) mod python_file;
mod record;
mod rhythm;
mod ring;
mod roots;
mod rules;
mod sampler;
mod scope;
mod space;
mod stacks;
mod sys;
mod tags;
mod timeline;
mod trampoline;
mod unwind;

pub use access::{Access, SampleError, paranoid, rate_max};
pub use bound::BoundFunction;
pub use capture::{Capture, Counts, OfThreads, RawSample, SampledThread};
pub use cpu_clocks::CpuClocks;
pub(crate) use module::own_vdso_range;
pub use module::{Code, Module, ModuleId};
pub use named::{NamedCapture, NamedFrame, NamedKind};
pub use sampler::{Config, CpuTimes, Origin, Sampler};
pub use scope::Scope;
pub use stacks::{RawFrame, RawFrameId, RawStack, RawStackId};
