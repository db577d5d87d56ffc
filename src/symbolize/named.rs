//! A capture that came with its names -> a [`Profile`].

use super::{
    profile::{Frame, FrameId, FrameKind, Profile, Sample, Stack, StackId, Thread, ThreadId},
    resolve::Resolved,
    source_path,
};
use crate::{
    sample::{NamedCapture, NamedFrame, NamedKind},
    unit::{Hertz, Samples},
};

/// The profile of a capture whose functions have their names already. `owners` says of processes
/// which of several watched ones they are or descend from.
pub fn adopt(capture: &NamedCapture, title: String, owners: &[(u32, String)]) -> Resolved {
    let owner = |pid| owners.iter().find(|(of, _)| *of == pid).map(|(_, name)| name.clone());
    let frames: Vec<Frame> = capture.frames.iter().map(frame).collect();
    let stack = |raw: &crate::sample::RawStack| Stack {
        parent: raw.parent.map(|parent| StackId(parent.0)),
        frame: FrameId(raw.frame.0),
    };
    let stacks: Vec<Stack> = capture.stacks.iter().map(stack).collect();
    let has_unknown = with_unknown(&frames, &stacks);
    let mut unknown = Samples(0);
    let samples = capture.samples.iter().map(|sample| {
        if has_unknown.get(sample.stack.0 as usize).is_some_and(|has| *has) {
            unknown += sample.weight;
        }
        let (thread, stack) = (ThreadId(sample.thread), StackId(sample.stack.0));
        Sample { time: sample.time, thread, stack, weight: sample.weight, tag: sample.tag }
    });
    let samples = samples.collect();
    let thread = |thread: &crate::sample::SampledThread| Thread {
        pid: thread.pid,
        tid: thread.tid,
        of: owner(thread.pid),
        process: thread.process.clone(),
        name: thread.name.clone(),
    };
    let profile = Profile {
        title,
        hz: capture.hz.unwrap_or(Hertz(0)),
        started: capture.started,
        duration: capture.ended.since(capture.started),
        frames,
        stacks,
        threads: capture.threads.iter().map(thread).collect(),
        samples,
    };
    Resolved { profile, unknown, unread: Vec::new() }
}

fn frame(named: &NamedFrame) -> Frame {
    let NamedFrame { name, module, file, line, kind } = named;
    Frame {
        name: name.clone(),
        module: module.clone(),
        file: file.as_deref().map(|file| source_path::shorten(file).to_owned()),
        line: *line,
        kind: match kind {
            NamedKind::Function => FrameKind::User,
            NamedKind::Inlined => FrameKind::Inlined,
            NamedKind::Unknown => FrameKind::Unknown,
            NamedKind::Truncated => FrameKind::Truncated,
        },
    }
}

/// Which stacks have a frame without a name. A parent comes before its children.
fn with_unknown(frames: &[Frame], stacks: &[Stack]) -> Vec<bool> {
    let mut found: Vec<bool> = Vec::with_capacity(stacks.len());
    for stack in stacks {
        let frame = frames.get(stack.frame.0 as usize);
        let is_unknown = frame.is_some_and(|frame| frame.kind == FrameKind::Unknown);
        let above = stack.parent.and_then(|parent| found.get(parent.0 as usize).copied());
        found.push(is_unknown || above.unwrap_or(false));
    }
    found
}
