//! What the tests look at in a profile.

use std::collections::BTreeMap;

use flameload::{
    sample::Capture,
    symbolize::{Detail, Frame, FrameKind, Profile, Resolved, Sample, Thread, resolve},
    unit::Samples,
};

pub(super) fn resolved(capture: &Capture) -> Resolved {
    resolve(capture, "known".to_owned(), Detail::Full)
}

/// A sample with what it refers to.
pub(super) struct Seen<'a> {
    pub(super) sample: &'a Sample,
    pub(super) thread: &'a Thread,
    /// From the root in.
    pub(super) frames: Vec<&'a Frame>,
}

pub(super) fn seen(profile: &Profile) -> impl Iterator<Item = Seen<'_>> {
    profile.samples.iter().map(|sample| {
        let mut frames = Vec::new();
        let mut next = Some(sample.stack);
        while let Some(stack) = next.map(|id| &profile.stacks[id.0 as usize]) {
            frames.push(&profile.frames[stack.frame.0 as usize]);
            next = stack.parent;
        }
        frames.reverse();
        Seen { sample, thread: &profile.threads[sample.thread.0 as usize], frames }
    })
}

impl Seen<'_> {
    pub(super) fn weight(&self) -> u64 {
        self.sample.weight.0
    }

    /// Whether a function of this short name is in the stack.
    pub(super) fn has(&self, name: &str) -> bool {
        self.frames.iter().any(|frame| short(&frame.name) == name)
    }

    pub(super) fn has_kind(&self, kind: FrameKind) -> bool {
        self.frames.iter().any(|frame| frame.kind == kind)
    }

    /// The callers from `root` in: a run of one function as `name x times`, the kernel and the C
    /// library as one.
    pub(super) fn chain(&self, root: &str) -> Option<String> {
        let start = self.frames.iter().position(|frame| short(&frame.name) == root)?;
        let mut runs: Vec<(String, usize)> = Vec::new();
        for frame in &self.frames[start..] {
            let name = match frame.kind {
                FrameKind::Kernel => "[kernel]".to_owned(),
                // Its functions have other names where its debug symbols are installed.
                _ if frame.module.as_ref().is_some_and(|module| module.starts_with("libc.")) => {
                    "[libc]".to_owned()
                }
                FrameKind::Inlined => format!("{} (inlined)", short(&frame.name)),
                _ => short(&frame.name).to_owned(),
            };
            match runs.last_mut().filter(|(last, _)| *last == name) {
                Some((_, times)) => *times += 1,
                None => runs.push((name, 1)),
            }
        }
        let words: Vec<String> = runs
            .into_iter()
            .map(|(name, times)| match times {
                1 => name,
                _ if name.starts_with('[') => name,
                _ => format!("{name} x {times}"),
            })
            .collect();
        Some(words.join(" > "))
    }
}

/// The last part of a path, without type arguments.
pub(super) fn short(name: &str) -> &str {
    let plain = name.split('<').next().unwrap_or_default();
    plain.trim_end_matches("::").rsplit("::").next().unwrap_or_default()
}

/// The chains from `root` in that make up at least 5 % of those samples, one a line: what is in
/// the stacks for a moment only, such as interrupts, is left out.
pub(super) fn chains(profile: &Profile, root: &str) -> String {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for seen in seen(profile) {
        if let Some(chain) = seen.chain(root) {
            *counts.entry(chain).or_default() += seen.weight();
        }
    }
    let total: u64 = counts.values().sum();
    counts.retain(|_, count| *count * 20 >= total);
    counts.into_keys().map(|chain| chain + "\n").collect()
}

/// Samples whose stack fits.
pub(super) fn count(profile: &Profile, fits: impl Fn(&Seen<'_>) -> bool) -> Samples {
    Samples(seen(profile).filter(|seen| fits(seen)).map(|seen| seen.weight()).sum())
}
