//! Addresses -> names: turns a capture into a [`Profile`].

mod file;
mod profile;

pub use file::ProfileFileError;
pub use profile::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId};
