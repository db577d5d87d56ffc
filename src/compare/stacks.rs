//! [`Stacks`]: how often each stack of functions was seen.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::name;
use crate::symbolize::{FrameKind, Profile};

/// How often each stack of functions was seen, whenever it was, on whatever thread.
///
/// A prefix tree, like the profile's own; a function is one whatever its lines.
#[derive(Debug, Clone, Default)]
pub struct Stacks {
    pub(super) functions: Vec<Function>,
    /// Each stack's caller and innermost function; a caller comes before what it calls.
    pub(super) nodes: Vec<(Option<u32>, u32)>,
    /// How often each stack was seen.
    pub(super) samples: Vec<u64>,
    /// The namespaces of the target's own code.
    pub(super) own: BTreeSet<String>,
    known: FxHashMap<Function, u32>,
    children: FxHashMap<(Option<u32>, u32), u32>,
}

/// A function; the same name in the kernel and outside are two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Function {
    /// Its name, without what the compiler adds to it.
    pub name: String,
    /// Whether it is the kernel's.
    pub kernel: bool,
}

impl Stacks {
    /// Those of a profile.
    pub fn of(profile: &Profile) -> Self {
        let mut stacks = Self { own: profile.own_namespaces(), ..Self::default() };
        let functions: Vec<u32> = profile
            .frames
            .iter()
            .map(|frame| {
                let kernel = frame.kind == FrameKind::Kernel;
                stacks.function(Function { name: name::clean(&frame.name), kernel })
            })
            .collect();
        let mut nodes: Vec<u32> = Vec::with_capacity(profile.stacks.len());
        for stack in &profile.stacks {
            let parent = stack.parent.and_then(|parent| nodes.get(parent.0 as usize).copied());
            nodes.push(stacks.node(parent, functions[stack.frame.0 as usize]));
        }
        for sample in &profile.samples {
            if let Some(node) = nodes.get(sample.stack.0 as usize) {
                stacks.samples[*node as usize] += sample.weight.0;
            }
        }
        stacks
    }

    /// Adds samples of a stack, given from its root on. An empty stack is none.
    pub fn add(&mut self, path: impl IntoIterator<Item = Function>, samples: u64) {
        let mut at = None;
        for function in path {
            let function = self.function(function);
            at = Some(self.node(at, function));
        }
        if let Some(node) = at {
            self.samples[node as usize] += samples;
        }
    }

    /// The samples of all stacks.
    pub fn total(&self) -> u64 {
        self.samples.iter().sum()
    }

    fn function(&mut self, function: Function) -> u32 {
        let next = self.functions.len() as u32;
        let id = *self.known.entry(function.clone()).or_insert(next);
        if id == next {
            self.functions.push(function);
        }
        id
    }

    fn node(&mut self, parent: Option<u32>, function: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let id = *self.children.entry((parent, function)).or_insert(next);
        if id == next {
            self.nodes.push((parent, function));
            self.samples.push(0);
        }
        id
    }
}
