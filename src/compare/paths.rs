//! [`Paths`]: the stacks of both sides under common names, with what each costs.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    functions::{Names, sampled},
    robust::mean,
    side::{Pair, Round, Sampled},
    stacks::{Function, Stacks},
};

/// The stacks of both sides under common names, with what each costs.
///
/// The names are those of the functions in a comparison's [`super::Frames`], and the costs of all
/// stacks of a function add up to the function's there.
#[derive(Debug, Clone, PartialEq)]
pub struct Paths {
    /// The functions in the order of their names.
    pub functions: Vec<Function>,
    /// Each stack that was seen, once.
    pub paths: Vec<Path>,
    /// The namespaces of the targets' own code.
    pub own: BTreeSet<String>,
    /// CPU time of a request that no sample stands for, in microseconds, on each side: the
    /// kernel's, where it could not be sampled.
    pub unsampled_us: [f64; 2],
}

/// A stack, and what it costs without what it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// The places of its functions in [`Paths::functions`], from the outermost caller on.
    pub functions: Vec<usize>,
    /// Microseconds for each request on each side, the mean of its rounds.
    pub us: [f64; 2],
    /// How often it was seen on each side.
    pub samples: [u64; 2],
}

impl Pair {
    /// The stacks of both sides; none where functions cannot be compared.
    pub fn paths(&self) -> Option<Paths> {
        let sides = [sampled(&self.a.rounds), sampled(&self.b.rounds)];
        if self.without_frames.is_some() || sides.iter().any(Vec::is_empty) {
            return None;
        }
        let names = Names::of(&sides[0], &sides[1]);
        let mut seen = BTreeMap::new();
        for (side, rounds) in sides.iter().enumerate() {
            for round in rounds {
                add(&mut seen, round, &names, side, rounds.len());
            }
        }
        let own = sides.iter().flatten().flat_map(|round| round.stacks.own.clone()).collect();
        let path = |(functions, (us, samples))| Path { functions, us, samples };
        Some(Paths {
            functions: names.common(),
            paths: seen.into_iter().map(path).collect(),
            own,
            unsampled_us: [unsampled(&self.a.rounds), unsampled(&self.b.rounds)],
        })
    }
}

/// Costs and samples of stacks, by the places of their functions.
type Seen = BTreeMap<Vec<usize>, ([f64; 2], [u64; 2])>;

/// Adds a round, one of `rounds` of its side.
fn add(seen: &mut Seen, round: &Sampled, names: &Names<'_>, side: usize, rounds: usize) {
    let Stacks { functions, nodes, samples, .. } = &round.stacks;
    let places: Vec<usize> = functions.iter().map(|function| names.places[function]).collect();
    let us_per_sample = round.us_per_request / round.stacks.total() as f64 / rounds as f64;
    for (leaf, count) in (0_u32..).zip(samples).filter(|(_, count)| **count > 0) {
        let callers = std::iter::successors(Some(leaf), |node| nodes[*node as usize].0);
        let mut path: Vec<usize> =
            callers.map(|at| places[nodes[at as usize].1 as usize]).collect();
        path.reverse();
        let (us, seen) = seen.entry(path).or_default();
        us[side] += us_per_sample * *count as f64;
        seen[side] += count;
    }
}

/// CPU time of a request that no sample stands for.
pub(super) fn unsampled(rounds: &[Round]) -> f64 {
    let left = |round: &Round| {
        let profile = round.profile.as_ref().filter(|profile| profile.stacks.total() > 0)?;
        let whole = round.figures.get(&super::metric::Metric::Cpu)?;
        Some(whole - profile.us_per_request)
    };
    let left: Vec<f64> = rounds.iter().filter_map(left).collect();
    // Nothing but rounding is left where all could be sampled.
    if left.is_empty() { 0.0 } else { Some(mean(&left)).filter(|us| *us > 1e-6).unwrap_or(0.0) }
}
