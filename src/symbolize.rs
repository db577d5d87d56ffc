//! Addresses -> names: turns a capture into a [`Profile`].

mod profile;

pub use profile::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId};
