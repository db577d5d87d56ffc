//! Distinct stacks as a prefix tree: memory grows with what is new, not with what is sampled.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::module::ModuleId;

/// Index into the frames of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawFrameId(pub u32);

/// Index into the stacks of a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawStackId(pub u32);

/// One frame before it has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RawFrame {
    /// An address in a module, as a look-up wants it.
    Address {
        /// The module.
        module: ModuleId,
        /// The address; what it counts from depends on [`super::Code`].
        address: u64,
    },
    /// An address in no module that is known.
    Unmapped,
    /// The callers above this point could not be unwound.
    Truncated,
}

/// A stack: a frame and the stack of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RawStack {
    /// The callers; none for a root.
    pub parent: Option<RawStackId>,
    /// The innermost frame.
    pub frame: RawFrameId,
}

/// The distinct frames and stacks seen so far.
#[derive(Debug)]
pub(super) struct Stacks<F = RawFrame> {
    frames: Vec<F>,
    frame_ids: FxHashMap<F, RawFrameId>,
    stacks: Vec<RawStack>,
    stack_ids: FxHashMap<RawStack, RawStackId>,
}

impl<F> Default for Stacks<F> {
    fn default() -> Self {
        Self {
            frames: Vec::new(),
            frame_ids: FxHashMap::default(),
            stacks: Vec::new(),
            stack_ids: FxHashMap::default(),
        }
    }
}

impl<F: Clone + Eq + Hash> Stacks<F> {
    pub(super) fn frame(&mut self, frame: F) -> RawFrameId {
        if let Some(id) = self.frame_ids.get(&frame) {
            return *id;
        }
        let id = RawFrameId(self.frames.len() as u32);
        self.frames.push(frame.clone());
        self.frame_ids.insert(frame, id);
        id
    }

    /// The stack of `frames`, given from the root in.
    pub(super) fn stack(&mut self, frames: impl Iterator<Item = RawFrameId>) -> Option<RawStackId> {
        frames.fold(None, |parent, frame| Some(self.child(parent, frame)))
    }

    fn child(&mut self, parent: Option<RawStackId>, frame: RawFrameId) -> RawStackId {
        let stack = RawStack { parent, frame };
        *self.stack_ids.entry(stack).or_insert_with(|| {
            self.stacks.push(stack);
            RawStackId(self.stacks.len() as u32 - 1)
        })
    }

    pub(super) fn into_parts(self) -> (Vec<F>, Vec<RawStack>) {
        (self.frames, self.stacks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_stacks_are_one_and_prefixes_are_shared() {
        let mut stacks = Stacks::default();
        let [a, b, c] = [1, 2, 3]
            .map(|address| stacks.frame(RawFrame::Address { module: ModuleId(0), address }));
        let abc = stacks.stack([a, b, c].into_iter());
        assert_eq!(stacks.stack([a, b, c].into_iter()), abc);
        assert_ne!(stacks.stack([a, c].into_iter()), abc);
        assert_eq!(stacks.stack(std::iter::empty()), None);
        let (_, all) = stacks.into_parts();
        assert_eq!(all.len(), 4, "a, ab, abc and ac");
        for (index, stack) in all.iter().enumerate() {
            assert!(stack.parent.is_none_or(|parent| (parent.0 as usize) < index));
        }
    }
}
