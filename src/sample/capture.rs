//! What sampling yields: stacks of addresses over time, and what is known of their quality.

use super::{
    access::Access,
    bound::BoundFunction,
    module::Module,
    scope::Scope,
    stacks::{RawFrame, RawStack, RawStackId},
};
use crate::unit::{Bytes, Hertz, Nanos, Samples};

/// Stacks of addresses over time.
#[derive(Debug)]
pub struct Capture {
    /// When the window began, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// When it ended.
    pub ended: Nanos,
    /// The mean frequency of the samples, of which instants are drawn at random.
    pub hz: Hertz,
    /// What all draws began with.
    pub seed: u32,
    /// What the sampling events were opened on.
    pub scope: Scope,
    /// The part of the time that samples can stand for: intervals that were cut off, and turns that
    /// nobody had, have none.
    pub duty: f64,
    /// CPU time of the threads that were sampled, where those were a few at a time.
    pub of_threads: Option<OfThreads>,
    /// What drove the samples: `cycles` or `cpu-clock`.
    pub clock: &'static str,
    /// What the samples cover.
    pub access: Access,
    /// How much of the user stack each sample copied.
    pub dump: Bytes,
    /// Places that code came from.
    pub modules: Vec<Module>,
    /// Distinct frames.
    pub frames: Vec<RawFrame>,
    /// Distinct stacks; a parent comes before its children.
    pub stacks: Vec<RawStack>,
    /// The names of what was watched, in the order in which it first was; see
    /// [`Sampler::watch_as`](super::Sampler::watch_as).
    pub processes: Vec<String>,
    /// The threads seen.
    pub threads: Vec<SampledThread>,
    /// Samples in the order of time, which counts from `started`.
    pub samples: Vec<RawSample>,
    /// Functions that their own file does not name.
    pub bound: Vec<BoundFunction>,
    /// What is known of the samples' quality.
    pub counts: Counts,
}

impl Capture {
    /// The CPU time that one of the samples stands for, on average: periods differ, and what was cut
    /// off is spread over them.
    pub fn mean_period(&self) -> Nanos {
        let Counts { sampled, samples, .. } = self.counts;
        Nanos((sampled.0 as f64 / self.duty / samples.0.max(1) as f64) as u64)
    }
}

/// The threads that were sampled, where those were a few at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfThreads {
    /// CPU time of each while it was sampled, together.
    pub cpu: Nanos,
    /// How many were sampled at a time.
    pub at_a_time: usize,
    /// Of how many that worked.
    pub working: usize,
}

/// A thread that was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampledThread {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Index into [`Capture::processes`]: the watched process that it belongs to, or that its
    /// process descends from; none where nobody can tell.
    pub of: Option<u32>,
    /// Name of the process: its main thread's.
    pub process: String,
    /// Name of the thread.
    pub name: String,
}

/// A stack seen on a thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawSample {
    /// When, since the window began.
    pub time: Nanos,
    /// Index into [`Capture::threads`].
    pub thread: u32,
    /// The stack.
    pub stack: RawStackId,
    /// How many samples this stands for.
    pub weight: Samples,
    /// What was going on then, by a number of whoever samples; see
    /// [`Sampler::tag`](super::Sampler::tag).
    pub tag: u16,
}

/// What is known of the samples' quality. Nothing that goes wrong is dropped silently.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Samples taken.
    pub samples: Samples,
    /// CPU time that they stand for: the periods after which they were taken.
    pub sampled: Nanos,
    /// Records that the kernel could not write because a ring was full.
    pub lost: Samples,
    /// Times that the kernel held back samples because they cost it too much.
    pub throttled: u64,
    /// Samples whose stack went on beyond the part that was copied.
    pub dump_exhausted: Samples,
    /// Samples whose stack has more frames than are followed.
    pub too_deep: Samples,
    /// Samples whose stack led to code that says nothing of its callers: it has no unwind tables,
    /// and no chain of frame pointers led on to a root.
    pub without_rules: Samples,
    /// Samples whose stack the unwinder could not follow to its root for another reason.
    pub unwind_failed: Samples,
    /// Records that could not be decoded.
    pub bad_records: u64,
    /// Frames whose unwind rule was known already, warm-up included.
    pub rule_hits: u64,
    /// Frames whose unwind rule had to be read from the tables, warm-up included.
    pub rule_misses: u64,
}

impl Counts {
    /// Samples whose callers are not all known.
    pub fn truncated(&self) -> Samples {
        self.dump_exhausted + self.too_deep + self.without_rules + self.unwind_failed
    }
}
