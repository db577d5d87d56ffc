//! Stacks as a reader wants to see them.
//!
//! ```text
//! Profile -roles-> label | merged into its caller | root of Go's runtime -sum-> Readable
//! ```

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::{Folded, folded::path, labels::Labels, language::Language, roots};
use crate::symbolize::{FrameId, Profile};

/// Stacks as a reader wants to see them: names are short, and frames that only pass on what they
/// are given are part of their callers. No time is lost: what such a frame has of its own is that
/// of the frame above it, or of the thread.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readable {
    /// The stacks, of short names.
    pub folded: Folded,
    /// The frames that each name stands for, one for each full name; processes and threads have
    /// none.
    pub names: BTreeMap<String, Vec<FrameId>>,
}

impl Readable {
    /// Of one of the target's processes, or of all.
    pub fn of(profile: &Profile, process: Option<&str>) -> Self {
        let languages = Language::of_frames(profile);
        let merged = go_processes(profile, &languages);
        let roots = match process {
            None => roots::of_all(&profile.threads, &merged),
            Some(process) => roots::of_process(&profile.threads, process, &merged),
        };
        let labels = Labels::of(&profile.frames, &languages);
        let mut readable = Self::default();
        for ((root, stack), samples) in Folded::seen(profile, &roots) {
            let mut text = root.to_owned();
            for (label, frame) in labels.stack(&profile.frames, &path(&profile.stacks, stack)) {
                text.push(';');
                text.push_str(label);
                readable.note(profile, label, frame);
            }
            readable.folded.add(text, samples);
        }
        // The samples come in no order.
        for frames in readable.names.values_mut() {
            frames.sort_by_key(|frame| &profile.frames[frame.0 as usize].name);
        }
        readable
    }

    fn note(&mut self, profile: &Profile, label: &str, frame: usize) {
        let name = |frame: usize| &profile.frames[frame].name;
        match self.names.get_mut(label) {
            Some(frames) if frames.iter().any(|f| name(f.0 as usize) == name(frame)) => {}
            Some(frames) => frames.push(FrameId(frame as u32)),
            None => drop(self.names.insert(label.to_owned(), vec![FrameId(frame as u32)])),
        }
    }
}

/// Processes of Go: their threads tell nothing, as goroutines move between them.
fn go_processes(profile: &Profile, languages: &[Language]) -> FxHashSet<u32> {
    let mut is_go: Vec<bool> = Vec::with_capacity(profile.stacks.len());
    for stack in &profile.stacks {
        let own = languages.get(stack.frame.0 as usize) == Some(&Language::Go);
        let caller = stack.parent.is_some_and(|p| is_go.get(p.0 as usize) == Some(&true));
        is_go.push(own || caller);
    }
    let samples = profile.samples.iter().filter(|s| is_go.get(s.stack.0 as usize) == Some(&true));
    let thread = |thread: u32| profile.threads.get(thread as usize);
    samples.filter_map(|sample| Some(thread(sample.thread.0)?.pid)).collect()
}

#[cfg(test)]
mod tests;
