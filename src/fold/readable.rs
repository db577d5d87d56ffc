//! Stacks as a reader wants to see them.
//!
//! ```text
//! Profile -roles-> label | merged into its caller | root of Go's runtime -sum-> Readable
//! ```

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{
    Folded,
    folded::path,
    label::{self, Label, Role},
    language::Language,
    roots,
};
use crate::symbolize::{FrameId, FrameKind, Profile};

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

/// The root of what Go's runtime does on the stack of a thread.
pub(super) const GO_RUNTIME: &str = "[go runtime]";

impl Readable {
    /// Of one of the target's processes, or of all.
    pub fn of(profile: &Profile, process: Option<&str>) -> Self {
        let languages = Language::of_frames(profile);
        let merged = go_processes(profile, &languages);
        let roots = match process {
            None => roots::of_all(&profile.threads, &merged),
            Some(process) => roots::of_process(&profile.threads, process, &merged),
        };
        let labels = Labels::of(profile, &languages);
        let mut readable = Self::default();
        for ((root, stack), samples) in Folded::seen(profile, &roots) {
            let mut text = root.to_owned();
            for (label, frame) in labels.stack(profile, &path(&profile.stacks, stack)) {
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

/// What each frame of a profile is called, if anything.
struct Labels {
    roles: Vec<Named>,
}

/// A role with the name that is left.
enum Named {
    Shown(String),
    Merged,
    GoRoot,
}

impl Labels {
    fn of(profile: &Profile, languages: &[Language]) -> Self {
        let frames = profile.frames.iter().zip(languages);
        let roles: Vec<Role> =
            frames.map(|(frame, language)| label::role(frame, *language)).collect();
        // What two functions would both be called is said in full for both.
        let mut meant: FxHashMap<&str, &str> = FxHashMap::default();
        let mut ambiguous: FxHashSet<&str> = FxHashSet::default();
        for role in &roles {
            if let Role::Shown(Label { short, long }) = role
                && *meant.entry(short).or_insert(long) != long
            {
                ambiguous.insert(short);
            }
        }
        let name = |Label { short, long }: &Label| {
            if ambiguous.contains(short.as_str()) { long.clone() } else { short.clone() }
        };
        let roles = roles.iter().map(|role| match role {
            Role::Shown(label) => Named::Shown(name(label)),
            Role::Merged => Named::Merged,
            Role::GoRoot => Named::GoRoot,
        });
        Self { roles: roles.collect() }
    }

    /// The names of a stack's frames that are left, each with its frame.
    fn stack(&self, profile: &Profile, frames: &[usize]) -> Vec<(&str, usize)> {
        let mut labels: Vec<(&str, usize)> = Vec::with_capacity(frames.len());
        for &frame in frames {
            match &self.roles[frame] {
                Named::Merged => {}
                Named::GoRoot if labels.is_empty() => labels.push((GO_RUNTIME, frame)),
                Named::GoRoot => {}
                Named::Shown(label) => {
                    let stands = labels
                        .last()
                        .is_some_and(|(last, of)| last == label && is_one(profile, *of, frame));
                    if !stands {
                        labels.push((label, frame));
                    }
                }
            }
        }
        labels
    }
}

/// Whether two frames of one label, one above the other, are one to a reader: a function and a
/// closure in it, or code of a file without names. A recursion is not.
fn is_one(profile: &Profile, caller: usize, callee: usize) -> bool {
    let (caller, callee) = (&profile.frames[caller], &profile.frames[callee]);
    caller.name != callee.name || callee.kind == FrameKind::Unknown
}

#[cfg(test)]
mod tests;
