//! [`Functions`]: the functions of both sides under common names, and how often each was seen.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use super::{
    name::without_generics,
    side::{Round, Sampled, Side},
    stacks::{Function, Stacks},
};

/// The functions of both sides, in the order of their names.
#[derive(Debug, Default)]
pub(super) struct Functions {
    pub(super) names: Vec<Function>,
    /// Who calls whom, on either side.
    pub(super) calls: BTreeSet<(usize, usize)>,
    pub(super) a: Vec<Seen>,
    pub(super) b: Vec<Seen>,
}

/// What the samples of a round say.
#[derive(Debug)]
pub(super) struct Seen {
    /// CPU time of a request that one sample stands for, in microseconds.
    pub(super) us_per_sample: f64,
    /// All samples.
    pub(super) all: u64,
    /// Samples in each function itself.
    pub(super) own: Vec<u64>,
    /// Samples in each function or in what it calls.
    pub(super) total: Vec<u64>,
}

/// Which samples of a function are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Own,
    Total,
}

impl Seen {
    pub(super) fn counts(&self, family: Family) -> &[u64] {
        match family {
            Family::Own => &self.own,
            Family::Total => &self.total,
        }
    }
}

impl Functions {
    /// Of all rounds with samples. None where a side has no such round.
    pub(super) fn of(a: &Side, b: &Side) -> Option<Self> {
        let (a, b) = (sampled(&a.rounds), sampled(&b.rounds));
        if a.is_empty() || b.is_empty() {
            return None;
        }
        let names = Names::of(&a, &b);
        let mut calls = BTreeSet::new();
        let mut seen = |side: &[&Sampled]| {
            side.iter().map(|round| see(round, &names, &mut calls)).collect::<Vec<_>>()
        };
        let (a, b) = (seen(&a), seen(&b));
        Some(Self { names: names.common(), calls, a, b })
    }
}

/// The rounds with samples.
pub(super) fn sampled(rounds: &[Round]) -> Vec<&Sampled> {
    let profiles = rounds.iter().filter_map(|round| round.profile.as_ref());
    profiles.filter(|profile| profile.stacks.total() > 0).collect()
}

/// What each function is called in the comparison, and its place.
pub(super) struct Names<'a> {
    /// The function by the one it was seen as.
    pub(super) places: BTreeMap<&'a Function, usize>,
    common: BTreeMap<Function, usize>,
}

impl<'a> Names<'a> {
    /// A function that both sides have keeps its name; of the others, generic arguments are left
    /// out, because they change with the types around.
    pub(super) fn of(a: &[&'a Sampled], b: &[&'a Sampled]) -> Self {
        let of_side = |side: &[&'a Sampled]| -> BTreeSet<&'a Function> {
            side.iter().flat_map(|round| &round.stacks.functions).collect()
        };
        let (of_a, of_b) = (of_side(a), of_side(b));
        let common = |function: &Function| match of_a.contains(function) && of_b.contains(function)
        {
            true => function.clone(),
            false => Function { name: without_generics(&function.name), ..*function },
        };
        let named: Vec<(&Function, Function)> =
            of_a.union(&of_b).map(|function| (*function, common(function))).collect();
        let distinct: BTreeSet<&Function> = named.iter().map(|(_, common)| common).collect();
        let common: BTreeMap<Function, usize> =
            distinct.into_iter().cloned().enumerate().map(|(place, name)| (name, place)).collect();
        let places = named.iter().map(|(function, name)| (*function, common[name])).collect();
        Self { places, common }
    }

    pub(super) fn common(self) -> Vec<Function> {
        self.common.into_keys().collect()
    }
}

/// Counts a round's samples by function; a recursion counts once.
fn see(round: &Sampled, names: &Names<'_>, calls: &mut BTreeSet<(usize, usize)>) -> Seen {
    let Stacks { functions, nodes, samples, .. } = &round.stacks;
    let places: Vec<usize> = functions.iter().map(|function| names.places[function]).collect();
    let place = |node: u32| places[nodes[node as usize].1 as usize];
    let mut own = vec![0; names.common.len()];
    let mut total = own.clone();
    // The stack that last counted for the function: a recursion finds its own mark.
    let mut counted_by = vec![None; names.common.len()];
    let mut known = FxHashSet::default();
    let seen = (0_u32..).zip(samples).filter(|(_, count)| **count > 0);
    for (leaf, count) in seen {
        own[place(leaf)] += count;
        let mut next = Some(leaf);
        while let Some(node) = next {
            let function = place(node);
            if counted_by[function] != Some(leaf) {
                counted_by[function] = Some(leaf);
                total[function] += count;
            }
            next = nodes[node as usize].0;
            if let Some(caller) = next
                && known.insert((caller, node))
            {
                calls.insert((place(caller), function));
            }
        }
    }
    calls.retain(|(caller, callee)| caller != callee);
    let all = round.stacks.total();
    Seen { us_per_sample: round.us_per_request / all as f64, all, own, total }
}
