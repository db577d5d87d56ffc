//! Builds the profile: names the distinct addresses of a capture, and its stacks with them.

use std::{
    collections::BTreeSet,
    num::NonZero,
    sync::{Mutex, PoisonError},
    thread,
};

use rustc_hash::FxHashMap;

use super::{
    go_table,
    names::{Detail, Names, unnamed},
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
    /// The files whose debug information could not be read: their inlined functions and lines are
    /// missing.
    pub unread: Vec<String>,
}

/// Names every stack of `capture` that a sample refers to.
///
/// Never fails: what has no name keeps its module's, and is counted.
pub fn resolve(capture: &Capture, title: String, detail: Detail) -> Resolved {
    let used = used_stacks(capture);
    let (names, unread) = name_frames(capture, &used, detail);
    let mut builder = Builder::default();
    let mut named: Vec<Option<Named>> = vec![None; capture.stacks.len()];
    for (index, stack) in capture.stacks.iter().enumerate().filter(|(index, _)| used[*index]) {
        let caller = stack.parent.and_then(|parent| named[parent.0 as usize]);
        named[index] = builder.push_all(caller, &names[stack.frame.0 as usize]);
    }
    let mut unknown = Samples(0);
    let mut samples = Vec::with_capacity(capture.samples.len());
    for sample in &capture.samples {
        if let Some(Named { stack, has_unknown, .. }) = named[sample.stack.0 as usize] {
            let (thread, weight) = (ThreadId(sample.thread), sample.weight);
            unknown += if has_unknown { weight } else { Samples(0) };
            samples.push(Sample { time: sample.time, thread, stack, weight, tag: sample.tag });
        }
    }
    let several = capture.processes.len() > 1;
    let process = |of: Option<u32>| capture.processes.get(of? as usize).cloned();
    let threads = capture.threads.iter().map(|thread| Thread {
        pid: thread.pid,
        tid: thread.tid,
        of: process(thread.of).filter(|_| several),
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
    Resolved { profile, unknown, unread: unread.into_iter().collect() }
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

/// For each frame that is used, its functions from the outermost in; and the files whose debug
/// information could not be read.
fn name_frames(
    capture: &Capture,
    used: &[bool],
    detail: Detail,
) -> (Vec<Vec<Frame>>, BTreeSet<String>) {
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
                names[frame.0 as usize] = vec![unnamed(&capture.modules[module.0 as usize])];
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
    let jobs = by_module.into_iter().map(|(module, frames)| Job { module, frames }).collect();
    let (found, unread) = look_up(capture, jobs, detail);
    for (frame, functions) in found {
        names[frame.0 as usize] = functions;
    }
    (names, unread)
}

/// The frames to name in one module, with their addresses.
struct Job {
    module: ModuleId,
    frames: Vec<(RawFrameId, u64)>,
}

/// The functions of frames, and the files whose debug information could not be read.
type LookedUp = (Vec<(RawFrameId, Vec<Frame>)>, BTreeSet<String>);

/// Names the frames of several modules at once: the kernel's table and a program's debug
/// information take about as long to read.
fn look_up(capture: &Capture, mut jobs: Vec<Job>, detail: Detail) -> LookedUp {
    // Taken from the end: the one with most to name first.
    jobs.sort_by_key(|job| (job.frames.len(), job.module));
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(jobs.len());
    let jobs = Mutex::new(jobs);
    let take = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || {
        let names = Names::new(detail);
        let mut found = Vec::new();
        while let Some(Job { module, mut frames }) = take() {
            frames.sort_by_key(|(_, address)| *address);
            let addresses: Vec<u64> = frames.iter().map(|(_, address)| *address).collect();
            let bound: Vec<_> =
                capture.bound.iter().filter(|f| f.module == module).cloned().collect();
            let module = &capture.modules[module.0 as usize];
            let mut functions = names.with_bound(module, &addresses, &bound);
            go_table::name_unnamed(module, &addresses, &mut functions);
            found.extend(frames.into_iter().map(|(frame, _)| frame).zip(functions));
        }
        (found, names.into_unread())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // Where debug information makes the parser panic, names are lost and no more.
        let (mut found, mut unread) = LookedUp::default();
        for (functions, files) in workers.into_iter().filter_map(|worker| worker.join().ok()) {
            found.extend(functions);
            unread.extend(files);
        }
        (found, unread)
    })
}

/// What stripped libraries of C and C++ run before the program's own code is called so: nothing
/// else can be there, whatever its functions are called.
const LIBRARY_START: &str = "[libc start]";

/// Functions that lead to a program's own, beside the libraries' unnamed ones.
const STARTS: [&str; 8] = [
    "_start",
    "__libc_start_main",
    "__libc_start_main_impl",
    "__libc_start_call_main",
    "__clone3",
    "clone3",
    "clone",
    "start_thread",
];

/// How the names of the libraries begin that start programs and threads: glibc's, with its loader,
/// musl's, which is called `ld-musl` too, and those that have the start of a `std::thread`.
const STARTERS: [&str; 7] =
    ["libc.", "libc-", "ld-", "libpthread.", "libpthread-", "libstdc++.", "libc++."];

fn is_unnamed_library(frame: &Frame) -> bool {
    let is_library = |module: &String| STARTERS.iter().any(|begin| module.starts_with(begin));
    frame.kind == FrameKind::Unknown && frame.module.as_ref().is_some_and(is_library)
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

/// A stack of the capture in terms of the profile.
#[derive(Clone, Copy)]
struct Named {
    stack: StackId,
    has_unknown: bool,
    /// Whether all of it is code that starts threads and programs.
    is_start: bool,
}

impl Builder {
    /// Puts a frame's functions on top of a caller's stack.
    fn push_all(&mut self, caller: Option<Named>, functions: &[Frame]) -> Option<Named> {
        let at_start = caller.is_none_or(|caller| caller.is_start);
        if at_start && functions.iter().all(is_unnamed_library) {
            return Some(self.push_library_start(caller));
        }
        let is_start = at_start && functions.iter().all(|f| STARTS.contains(&f.name.as_str()));
        let has_unknown = functions.iter().any(|f| f.kind == FrameKind::Unknown)
            || caller.is_some_and(|caller| caller.has_unknown);
        let below = caller.map(|caller| caller.stack);
        let stack = functions.iter().fold(below, |below, f| Some(self.push(below, f)))?;
        Some(Named { stack, has_unknown, is_start })
    }

    /// One frame stands for all unnamed functions that lead from the libraries into the program.
    fn push_library_start(&mut self, caller: Option<Named>) -> Named {
        let start = mark(LIBRARY_START, FrameKind::User);
        let stack = match caller {
            Some(caller) if self.is_top(caller.stack, &start) => caller.stack,
            _ => self.push(caller.map(|caller| caller.stack), &start),
        };
        Named { stack, has_unknown: false, is_start: true }
    }

    fn is_top(&self, stack: StackId, frame: &Frame) -> bool {
        let top = self.stacks[stack.0 as usize].frame;
        self.frames[top.0 as usize] == *frame
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(name: &str, module: &str) -> Frame {
        let kind = if name.is_empty() { FrameKind::Unknown } else { FrameKind::User };
        let name = if name.is_empty() { format!("[{module}]") } else { name.to_owned() };
        Frame { name, module: Some(module.to_owned()), file: None, line: None, kind }
    }

    /// The names of a stack of functions and modules from the root in, and whether one is unknown.
    fn stack(functions: &[(&str, &str)]) -> (Vec<String>, bool) {
        let mut builder = Builder::default();
        let push =
            |below, (name, module): &(&str, &str)| builder.push_all(below, &[frame(name, module)]);
        let named = functions.iter().fold(None, push).expect("a function");
        let mut names = Vec::new();
        let mut next = Some(named.stack);
        while let Some(stack) = next.map(|id| builder.stacks[id.0 as usize]) {
            names.push(builder.frames[stack.frame.0 as usize].name.clone());
            next = stack.parent;
        }
        names.reverse();
        (names, named.has_unknown)
    }

    #[test]
    fn what_starts_a_thread_is_one_frame() {
        let (libc, libstdcxx) = ("libc.so.6", "libstdc++.so.6.0.30");
        let (names, has_unknown) =
            stack(&[("", libc), ("", libc), ("", libstdcxx), ("work", "app")]);
        assert_eq!(names, ["[libc start]", "work"]);
        assert!(!has_unknown);
        let (names, has_unknown) = stack(&[
            ("clone3", libc),
            ("start_thread", libc),
            ("", "libc++.so.1"),
            ("work", "app"),
        ]);
        assert_eq!(names, ["clone3", "start_thread", "[libc start]", "work"]);
        assert!(!has_unknown);
        assert!(!stack(&[("", "ld-musl-x86_64.so.1"), ("main", "app")]).1);
    }

    #[test]
    fn an_unnamed_function_anywhere_else_is_a_hole() {
        let (libc, libstdcxx) = ("libc.so.6", "libstdc++.so.6");
        let (names, has_unknown) = stack(&[("", libc), ("work", "app"), ("", libstdcxx)]);
        assert_eq!(names, ["[libc start]", "work", "[libstdc++.so.6]"]);
        assert!(has_unknown);
        assert!(stack(&[("", libc), ("", "app"), ("work", "app")]).1);
        assert!(stack(&[("", "libfoo.so"), ("work", "app")]).1);
    }
}
