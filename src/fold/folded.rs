//! [`Folded`] stacks and their text.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use rustc_hash::{FxHashMap, FxHashSet};
use thiserror::Error;

use super::{name, roots};
use crate::{
    symbolize::{Frame, FrameKind, Profile, Stack, StackId},
    unit::Samples,
};

/// How often each stack was seen, whenever it was.
///
/// A stack is its frames' names from the root on, joined by `;`: the process, the thread where
/// its name differs, then functions. Threads of a pool (`worker-1`, `worker-2`) are one. Kernel
/// frames end in [`super::KERNEL_SUFFIX`].
///
/// Where a target has several processes, each of them is a root, such as `front (chain-front)`:
/// two may have the same executable.
///
/// The text form has one stack a line, then a space and the number of samples, sorted by bytes:
/// the folded format of the FlameGraph scripts (<https://github.com/brendangregg/FlameGraph>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    stacks: BTreeMap<String, Samples>,
}

/// Why a text is not folded stacks.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FoldedError {
    /// A line that is none.
    #[error("line {0} is not a folded stack, which is frames joined by ';', a space and a count")]
    Line(usize),
    /// More samples than can be summed.
    #[error("at line {0}, the samples are more than {SAMPLES_MAX}")]
    TooMany(usize),
}

/// More samples than this are not added up; see the profile's file, which has the same limit.
const SAMPLES_MAX: u64 = 1 << 53;

impl Folded {
    /// Sums a profile over time, threads of a pool and lines of a function.
    pub fn from_profile(profile: &Profile) -> Self {
        Self::with_roots(profile, &roots::of_all(&profile.threads, &FxHashSet::default()))
    }

    /// The same for one of the target's processes alone.
    pub fn of_process(profile: &Profile, process: &str) -> Self {
        let roots = roots::of_process(&profile.threads, process, &FxHashSet::default());
        Self::with_roots(profile, &roots)
    }

    /// The samples of each stack below each root.
    pub(super) fn seen<'a>(
        profile: &Profile,
        roots: &'a [Option<String>],
    ) -> FxHashMap<(&'a str, StackId), Samples> {
        let mut seen: FxHashMap<(&str, StackId), Samples> = FxHashMap::default();
        for sample in &profile.samples {
            if let Some(Some(root)) = roots.get(sample.thread.0 as usize) {
                *seen.entry((root, sample.stack)).or_default() += sample.weight;
            }
        }
        seen
    }

    pub(super) fn add(&mut self, stack: String, samples: Samples) {
        *self.stacks.entry(stack).or_default() += samples;
    }

    fn with_roots(profile: &Profile, roots: &[Option<String>]) -> Self {
        let names: Vec<String> = profile.frames.iter().map(frame_name).collect();
        let mut folded = Self::default();
        for ((root, stack), samples) in Self::seen(profile, roots) {
            let mut text = root.to_owned();
            for frame in path(&profile.stacks, stack) {
                text.push(';');
                text.push_str(&names[frame]);
            }
            folded.add(text, samples);
        }
        folded
    }

    /// The names that stacks of the profile begin with: those of processes and threads.
    pub fn root_names(profile: &Profile) -> BTreeSet<String> {
        let roots = roots::of_all(&profile.threads, &FxHashSet::default());
        roots.iter().flatten().flat_map(|root| root.split(';').map(String::from)).collect()
    }

    /// The stacks in the order of their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Samples)> {
        self.stacks.iter().map(|(stack, samples)| (stack.as_str(), *samples))
    }

    /// The samples of all stacks.
    pub fn total(&self) -> Samples {
        self.stacks.values().copied().sum()
    }
}

impl fmt::Display for Folded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stacks.iter().try_for_each(|(stack, samples)| writeln!(f, "{stack} {}", samples.0))
    }
}

impl FromStr for Folded {
    type Err = FoldedError;

    /// Blank lines are passed over; equal stacks are summed up.
    fn from_str(text: &str) -> Result<Self, FoldedError> {
        let mut folded = Self::default();
        let mut total = 0_u64;
        for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let error = FoldedError::Line(i + 1);
            let (stack, count) = line.trim_end().rsplit_once(' ').ok_or(error.clone())?;
            let count: u64 = count.parse().map_err(|_| error.clone())?;
            if stack.trim().is_empty() {
                return Err(error);
            }
            let stack = stack.split(';').map(name::safe).collect::<Vec<_>>().join(";");
            total = total.saturating_add(count);
            if total > SAMPLES_MAX {
                return Err(FoldedError::TooMany(i + 1));
            }
            *folded.stacks.entry(stack).or_default() += Samples(count);
        }
        Ok(folded)
    }
}

/// The frames' indexes of a stack, from the root on.
pub(super) fn path(stacks: &[Stack], stack: StackId) -> Vec<usize> {
    let mut path = Vec::new();
    let mut next = Some(stack);
    while let Some(stack) = next.and_then(|id| stacks.get(id.0 as usize)) {
        path.push(stack.frame.0 as usize);
        next = stack.parent;
    }
    path.reverse();
    path
}

fn frame_name(frame: &Frame) -> String {
    let name = name::safe(&frame.name);
    match frame.kind {
        FrameKind::Kernel => format!("{name}{}", name::KERNEL_SUFFIX),
        _ => name.into_owned(),
    }
}

#[cfg(test)]
pub(super) mod tests;
