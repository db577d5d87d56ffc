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
                _ if frame.module.as_ref().is_some_and(|module| module.contains("vdso")) => {
                    "[vdso]".to_owned()
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

/// The last part of a path, without type arguments: `lt` of `<u64 as core::cmp::PartialOrd>::lt`.
pub(super) fn short(name: &str) -> &str {
    let mut depth = 0_usize;
    let is_outside = |character: char| {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ => return depth == 0 && character != ':',
        }
        false
    };
    // From the last character that is part of a name back to where that name begins.
    let outside: Vec<bool> = name.chars().map(is_outside).collect();
    let at: Vec<usize> = name.char_indices().map(|(at, _)| at).collect();
    let Some(last) = outside.iter().rposition(|outside| *outside) else { return name };
    let first = outside[..last].iter().rposition(|outside| !outside).map_or(0, |before| before + 1);
    let end = at.get(last + 1).copied().unwrap_or(name.len());
    &name[at[first]..end]
}

/// The chains from `root` in, with how many samples each has.
pub(super) fn chains(profile: &Profile, root: &str) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for seen in seen(profile) {
        if let Some(chain) = seen.chain(root) {
            *counts.entry(chain).or_default() += seen.weight();
        }
    }
    counts
}

/// Samples whose stack fits.
pub(super) fn count(profile: &Profile, fits: impl Fn(&Seen<'_>) -> bool) -> Samples {
    Samples(seen(profile).filter(|seen| fits(seen)).map(|seen| seen.weight()).sum())
}

#[test]
fn the_short_name_is_the_last_part() {
    for (name, expected) in [
        ("main", "main"),
        ("known::sections::recursive", "recursive"),
        ("<u64 as core::cmp::PartialOrd>::lt", "lt"),
        ("core::iter::range::<impl Iterator for core::ops::Range<A>>::next", "next"),
        ("core::hint::black_box::<u64>", "black_box"),
        ("[libc]", "[libc]"),
        ("<a>", "<a>"),
    ] {
        assert_eq!(short(name), expected, "{name}");
    }
}
