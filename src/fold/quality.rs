//! How much of a profile is known.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::{
    symbolize::{FrameKind, Profile},
    unit::Samples,
};

/// How much of a profile is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quality {
    /// Samples taken.
    pub samples: Samples,
    /// Those whose callers could not be followed to the root.
    pub truncated: Samples,
    /// Those with at least one frame that has no name.
    pub unknown: Samples,
    /// Those of which one or the other is true, each counted once.
    pub broken: Samples,
}

impl Quality {
    /// Of the samples of one of the target's processes; of all samples if none is named.
    pub fn of(profile: &Profile, process: Option<&str>) -> Self {
        let truncated = marks(profile, FrameKind::Truncated);
        let unknown = marks(profile, FrameKind::Unknown);
        let mut quality = Self::default();
        for sample in &profile.samples {
            let of = profile.threads.get(sample.thread.0 as usize).and_then(|t| t.of.as_deref());
            if process.is_some() && of != process {
                continue;
            }
            let has = |marks: &[bool]| marks.get(sample.stack.0 as usize) == Some(&true);
            let counts = |is: bool| if is { sample.weight } else { Samples(0) };
            let (truncated, unknown) = (has(&truncated), has(&unknown));
            quality.samples += sample.weight;
            quality.truncated += counts(truncated);
            quality.unknown += counts(unknown);
            quality.broken += counts(truncated || unknown);
        }
        quality
    }
}

/// The files that have functions without a name, with the samples that each of them makes unknown,
/// the most first. A sample may count for several.
pub fn unnamed(profile: &Profile, process: Option<&str>) -> Vec<(String, Samples)> {
    let mut seen: BTreeMap<&str, Samples> = BTreeMap::new();
    for sample in &profile.samples {
        let of = profile.threads.get(sample.thread.0 as usize).and_then(|t| t.of.as_deref());
        if process.is_some() && of != process {
            continue;
        }
        let mut modules = FxHashSet::default();
        let mut next = Some(sample.stack);
        while let Some(stack) = next.and_then(|id| profile.stacks.get(id.0 as usize)) {
            if let Some(frame) = profile.frames.get(stack.frame.0 as usize)
                && frame.kind == FrameKind::Unknown
            {
                modules.insert(frame.module.as_deref().unwrap_or("unknown places"));
            }
            next = stack.parent;
        }
        for module in modules {
            *seen.entry(module).or_default() += sample.weight;
        }
    }
    let mut files: Vec<_> = seen.into_iter().map(|(file, n)| (file.to_owned(), n)).collect();
    files.sort_by_key(|(_, samples)| std::cmp::Reverse(*samples));
    files
}

/// Which stacks have a frame of this kind, in themselves or in their callers.
fn marks(profile: &Profile, kind: FrameKind) -> Vec<bool> {
    let mut marks = Vec::with_capacity(profile.stacks.len());
    // Callers come before what they call.
    for stack in &profile.stacks {
        let own = profile.frames.get(stack.frame.0 as usize).is_some_and(|f| f.kind == kind);
        let callers = stack.parent.and_then(|parent| marks.get(parent.0 as usize)) == Some(&true);
        marks.push(own || callers);
    }
    marks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::folded::tests::profile;

    #[test]
    fn samples_are_judged_by_all_their_frames() {
        let mut profile = profile(
            "app/app;[truncated];f 3\napp/app;main;[libc.so.6];f 5\napp/app;main;f 7\n\
             app/other;[truncated];[unknown] 11\n",
        );
        for frame in &mut profile.frames {
            frame.kind = match frame.name.as_str() {
                "[truncated]" => FrameKind::Truncated,
                name if name.starts_with('[') => FrameKind::Unknown,
                _ => FrameKind::User,
            };
        }
        for (thread, of) in profile.threads.iter_mut().zip(["front", "front", "front", "back"]) {
            thread.of = Some(of.to_owned());
        }
        let of = |process| {
            let Quality { samples, truncated, unknown, broken } = Quality::of(&profile, process);
            (samples.0, truncated.0, unknown.0, broken.0)
        };
        assert_eq!(of(None), (26, 14, 16, 19));
        assert_eq!(of(Some("front")), (15, 3, 5, 8));
        assert_eq!(of(Some("back")), (11, 11, 11, 11));
        assert_eq!(of(Some("none")), (0, 0, 0, 0));
        for frame in &mut profile.frames {
            frame.module = (frame.name == "[libc.so.6]").then(|| "libc.so.6".to_owned());
        }
        let files = |process| {
            let files = unnamed(&profile, process).into_iter();
            files.map(|(file, samples)| format!("{file} {}", samples.0)).collect::<Vec<_>>()
        };
        assert_eq!(files(None), ["unknown places 11", "libc.so.6 5"]);
        assert_eq!(files(Some("front")), ["libc.so.6 5"]);
    }
}
