//! Processes -> [`Capture`]: stacks of code addresses, counted over time.
//!
//! The kernel samples each thread through `perf_event_open` and writes registers and the top of
//! the user stack into one ring per CPU. A thread of ours empties the rings, unwinds each stack at
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
mod elf;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod module;
mod named;
mod owners;
pub mod pprof;
pub mod py_spy;
mod record;
mod ring;
mod sampler;
mod space;
mod stacks;
mod sys;
mod tags;
mod timeline;
mod unwind;

pub use access::{Access, SampleError, paranoid};
pub use bound::BoundFunction;
pub use capture::{Capture, Counts, RawSample, SampledThread};
pub(crate) use module::own_vdso_range;
pub use module::{Code, Module, ModuleId};
pub use named::{NamedCapture, NamedFrame, NamedKind};
pub use sampler::{Config, CpuTimes, Origin, Sampler};
pub use stacks::{RawFrame, RawFrameId, RawStack, RawStackId};
