//! Builds the profile: names the distinct addresses of a capture, and its stacks with them.

use rustc_hash::FxHashMap;

use super::{
    names::{Detail, Names},
    profile::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId},
};
use crate::{
    sample::{Capture, ModuleId, RawFrame, RawFrameId},
    unit::Samples,
};

/// A profile, and how much of it has no name.
#[derive(Debug)]
pub struct Resolved {
    /// The named stacks.
    pub profile: Profile,
    /// Samples whose stack has at least one frame without a name.
    pub unknown: Samples,
}

/// Names every stack of `capture` that a sample refers to.
///
/// Never fails: what has no name keeps its module's, and is counted.
pub fn resolve(capture: &Capture, title: String, detail: Detail) -> Resolved {
    let used = used_stacks(capture);
    let names = name_frames(capture, &used, detail);
    let mut builder = Builder::default();
    let mut resolved_stacks: Vec<Option<StackId>> = vec![None; capture.stacks.len()];
    let mut has_unknown = vec![false; capture.stacks.len()];
    for (index, stack) in capture.stacks.iter().enumerate().filter(|(index, _)| used[*index]) {
        let parent = stack.parent.map(|parent| parent.0 as usize);
        let frames = &names[stack.frame.0 as usize];
        let parent_stack = parent.and_then(|parent| resolved_stacks[parent]);
        resolved_stacks[index] =
            frames.iter().fold(parent_stack, |caller, frame| Some(builder.push(caller, frame)));
        has_unknown[index] = frames.iter().any(|frame| frame.kind == FrameKind::Unknown)
            || parent.is_some_and(|parent| has_unknown[parent]);
    }
    let mut unknown = Samples(0);
    let mut samples = Vec::with_capacity(capture.samples.len());
    for sample in &capture.samples {
        let index = sample.stack.0 as usize;
        if has_unknown[index] {
            unknown += sample.weight;
        }
        if let Some(stack) = resolved_stacks[index] {
            let thread = ThreadId(sample.thread);
            samples.push(Sample { time: sample.time, thread, stack, weight: sample.weight });
        }
    }
    let threads = capture.threads.iter().map(|thread| Thread {
        pid: thread.pid,
        tid: thread.tid,
        process: thread.process.clone(),
        name: thread.name.clone(),
    });
    let profile = Profile {
        title,
        hz: capture.hz,
        started: capture.started,
        duration: capture.ended.since(capture.started),
        frames: builder.frames,
        stacks: builder.stacks,
        threads: threads.collect(),
        samples,
    };
    Resolved { profile, unknown }
}

/// Which stacks samples refer to, with all their callers: the others were seen before the window.
fn used_stacks(capture: &Capture) -> Vec<bool> {
    let mut used = vec![false; capture.stacks.len()];
    for sample in &capture.samples {
        let mut next = Some(sample.stack);
        while let Some(stack) = next.filter(|stack| !used[stack.0 as usize]) {
            used[stack.0 as usize] = true;
            next = capture.stacks[stack.0 as usize].parent;
        }
    }
    used
}

/// For each frame that is used, its functions from the outermost in.
fn name_frames(capture: &Capture, used: &[bool], detail: Detail) -> Vec<Vec<Frame>> {
    let mut names = vec![Vec::new(); capture.frames.len()];
    let mut by_module: FxHashMap<ModuleId, Vec<(RawFrameId, u64)>> = FxHashMap::default();
    let mut seen = vec![false; capture.frames.len()];
    let stacks = capture.stacks.iter().zip(used).filter(|(_, used)| **used);
    for frame in stacks.map(|(stack, _)| stack.frame) {
        if std::mem::replace(&mut seen[frame.0 as usize], true) {
            continue;
        }
        match capture.frames[frame.0 as usize] {
            RawFrame::Address { module, address } => {
                by_module.entry(module).or_default().push((frame, address));
            }
            RawFrame::Unmapped => {
                names[frame.0 as usize] = vec![mark("[unknown]", FrameKind::Unknown)]
            }
            RawFrame::Truncated => {
                names[frame.0 as usize] = vec![mark("[truncated]", FrameKind::Truncated)];
            }
        }
    }
    let lookup = Names::new(detail);
    for (module, mut frames) in by_module {
        frames.sort_by_key(|(_, address)| *address);
        let addresses: Vec<u64> = frames.iter().map(|(_, address)| *address).collect();
        let found = lookup.of(&capture.modules[module.0 as usize], &addresses);
        for ((frame, _), functions) in frames.into_iter().zip(found) {
            names[frame.0 as usize] = functions;
        }
    }
    names
}

fn mark(name: &str, kind: FrameKind) -> Frame {
    Frame { name: name.to_owned(), module: None, file: None, line: None, kind }
}

/// Distinct frames and stacks of the profile.
#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    frame_ids: FxHashMap<Frame, FrameId>,
    stacks: Vec<Stack>,
    stack_ids: FxHashMap<Stack, StackId>,
}

impl Builder {
    fn push(&mut self, parent: Option<StackId>, frame: &Frame) -> StackId {
        let frame = match self.frame_ids.get(frame) {
            Some(id) => *id,
            None => {
                let id = FrameId(self.frames.len() as u32);
                self.frames.push(frame.clone());
                self.frame_ids.insert(frame.clone(), id);
                id
            }
        };
        let stack = Stack { parent, frame };
        *self.stack_ids.entry(stack).or_insert_with(|| {
            self.stacks.push(stack);
            StackId(self.stacks.len() as u32 - 1)
        })
    }
}
