//! Symbolized stacks over time: what a run keeps, and what everything else is derived from.

use std::{borrow::Cow, collections::BTreeSet};

use crate::unit::{Hertz, Nanos, Samples};

/// Symbolized stacks over time.
///
/// Stacks are a prefix tree: a stack names its frame and its caller's stack, so a thousand deep
/// stacks that share their roots cost little. Every id indexes the vector of its kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// What was measured: target and script, as a viewer's title.
    pub title: String,
    /// The frequency that was asked for.
    pub hz: Hertz,
    /// When the measured window began, `CLOCK_MONOTONIC`.
    pub started: Nanos,
    /// How long the measured window lasted.
    pub duration: Nanos,
    /// Distinct frames.
    pub frames: Vec<Frame>,
    /// Distinct stacks; a parent comes before its children.
    pub stacks: Vec<Stack>,
    /// The threads that were sampled.
    pub threads: Vec<Thread>,
    /// Samples in the order of time.
    pub samples: Vec<Sample>,
}

impl Profile {
    /// The tag of samples under the load that the script asks for: the mix of all its requests.
    pub const MIX: u16 = 0;

    /// Only the samples with this tag; itself where all have it.
    pub fn only(&self, tag: u16) -> Cow<'_, Self> {
        if self.samples.iter().all(|sample| sample.tag == tag) {
            return Cow::Borrowed(self);
        }
        let samples = self.samples.iter().filter(|sample| sample.tag == tag).copied();
        let samples = samples.collect();
        let (title, frames) = (self.title.clone(), self.frames.clone());
        let (stacks, threads) = (self.stacks.clone(), self.threads.clone());
        Cow::Owned(Self { title, frames, stacks, threads, samples, ..*self })
    }

    /// The namespaces of the target's own code: the crates that are named as its executables, and
    /// `main`. Libraries are not executables.
    pub fn own_namespaces(&self) -> BTreeSet<String> {
        self.frames
            .iter()
            .filter(|frame| matches!(frame.kind, FrameKind::User | FrameKind::Inlined))
            .filter_map(|frame| frame.module.as_deref())
            .filter(|module| !module.contains(".so") && !module.starts_with('['))
            .map(|module| module.replace('-', "_"))
            .chain(["main".to_owned()])
            .collect()
    }
}

/// Index into [`Profile::frames`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameId(pub u32);

/// Index into [`Profile::stacks`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StackId(pub u32);

/// Index into [`Profile::threads`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId(pub u32);

/// One function as it shows in a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Frame {
    /// Demangled name, without the compiler's hash; `[module]` where the function has no name.
    pub name: String,
    /// Base name of the file the code was mapped from, `kernel` for kernel code.
    pub module: Option<String>,
    /// Source file, where line tables say.
    pub file: Option<String>,
    /// Line in `file`, from 1: of the sampled instruction, or of the call.
    pub line: Option<u32>,
    /// What kind of code it is.
    pub kind: FrameKind,
}

/// What kind of code a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A function of the target or its libraries.
    User,
    /// A function that the compiler inlined into its caller.
    Inlined,
    /// A function of the kernel.
    Kernel,
    /// Code without a name: the frame's name is its `[module]` or `[unknown]`.
    Unknown,
    /// Not code: the callers above this point could not be unwound.
    Truncated,
}

/// A stack: a frame and the stack of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stack {
    /// The callers; none for a root.
    pub parent: Option<StackId>,
    /// The innermost frame.
    pub frame: FrameId,
}

/// A thread that was sampled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Thread {
    /// Process id.
    pub pid: u32,
    /// Thread id.
    pub tid: u32,
    /// Name of the target's process that it belongs to, or that its process descends from; none
    /// where only one is profiled, or nobody can tell.
    pub of: Option<String>,
    /// Name of the process: its main thread's name.
    pub process: String,
    /// Name of the thread.
    pub name: String,
}

/// A stack seen on a thread at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When, since [`Profile::started`].
    pub time: Nanos,
    /// On which thread.
    pub thread: ThreadId,
    /// What it was doing.
    pub stack: StackId,
    /// How many samples this stands for: more than one where a long run was condensed.
    pub weight: Samples,
    /// What the load was at the time: [`Profile::MIX`], or only the script's request of that
    /// number, counted from 1.
    pub tag: u16,
}
