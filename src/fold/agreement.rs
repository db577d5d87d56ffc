//! How far two profiles of the same work agree about where its time is.

mod comparable;

use rustc_hash::FxHashMap;

use self::comparable::comparable;
use crate::{
    symbolize::{Frame, FrameKind, Profile},
    unit::Ratio,
};

/// How far two profiles agree, from the hottest functions of either.
#[derive(Debug, Clone, PartialEq)]
pub struct Agreement {
    /// The sum over these functions of the smaller of both shares: 1 where they agree in all.
    pub overlap: Ratio,
    /// What that would be on average for two samples as large as these of one and the same truth.
    pub by_chance: Ratio,
    /// The share of all self time that is in these functions, in each of the two.
    pub covers: [Ratio; 2],
    /// The functions, those on which the two differ most first.
    pub functions: Vec<ComparedFunction>,
}

/// What two profiles say of one function.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedFunction {
    /// Its name, without what the two spell differently.
    pub name: String,
    /// Its share of the self time in the functions compared, in each of the two.
    pub shares: [Ratio; 2],
}

/// Compares the self time of the `top` hottest functions of either profile; none where one of
/// them has no samples.
///
/// What one of the two cannot see is made alike: time in the kernel, and in the code that it maps
/// into every process, belongs to the function that went there; inlined functions count as
/// functions; names lose what compilers and tools add to them.
pub fn agreement(first: &Profile, second: &Profile, top: usize) -> Option<Agreement> {
    let own = [self_samples(first), self_samples(second)];
    let mut names: Vec<&str> = own.iter().flat_map(|own| hottest(own, top)).collect();
    names.sort_unstable();
    names.dedup();
    let of = |side: usize, name: &str| own[side].get(name).copied().unwrap_or(0.0);
    let sum = |side: usize| names.iter().map(|name| of(side, name)).sum::<f64>();
    let (sums, alls) = ([sum(0), sum(1)], [0, 1].map(|side| own[side].values().sum::<f64>()));
    if sums.iter().any(|sum| *sum <= 0.0) {
        return None;
    }
    let mut functions: Vec<ComparedFunction> = names
        .iter()
        .map(|name| ComparedFunction {
            name: (*name).to_owned(),
            shares: [0, 1].map(|side| Ratio(of(side, name) / sums[side])),
        })
        .collect();
    functions.sort_by(|a, b| difference(b).total_cmp(&difference(a)).then(a.name.cmp(&b.name)));
    let common = functions.iter().map(|function| {
        let [a, b] = function.shares;
        a.0.min(b.0)
    });
    Some(Agreement {
        overlap: Ratio(common.sum::<f64>().min(1.0)),
        by_chance: Ratio(by_chance(&functions, sums)),
        covers: [0, 1].map(|side| Ratio(sums[side] / alls[side])),
        functions,
    })
}

fn difference(function: &ComparedFunction) -> f64 {
    let [a, b] = function.shares;
    (a.0 - b.0).abs()
}

/// The mean overlap of two samples of these sizes of one truth, which is taken to lie where both
/// together say. The difference of two shares of a function scatters about zero nearly normally,
/// and the mean of its amount is its deviation times the root of 2/pi; half of the amounts is what
/// an overlap lacks.
fn by_chance(functions: &[ComparedFunction], sizes: [f64; 2]) -> f64 {
    let [n, m] = sizes;
    let scatter = functions.iter().map(|function| {
        let [a, b] = function.shares;
        let truth = (a.0 * n + b.0 * m) / (n + m);
        (truth * (1.0 - truth) * (1.0 / n + 1.0 / m)).max(0.0).sqrt()
    });
    let mean_amount = (2.0 / std::f64::consts::PI).sqrt() * scatter.sum::<f64>();
    (1.0 - mean_amount / 2.0).max(0.0)
}

/// The samples of each function itself, by its comparable name.
fn self_samples(profile: &Profile) -> FxHashMap<String, f64> {
    let mut own: FxHashMap<String, f64> = FxHashMap::default();
    let names: Vec<Option<String>> = profile.frames.iter().map(name).collect();
    for sample in &profile.samples {
        let mut next = Some(sample.stack);
        while let Some(stack) = next.and_then(|id| profile.stacks.get(id.0 as usize)) {
            if let Some(name) = names.get(stack.frame.0 as usize).and_then(Option::as_ref) {
                *own.entry(name.clone()).or_default() += sample.weight.0 as f64;
                break;
            }
            // A stack that is nothing but kernel is none that a program could see.
            next = stack.parent;
        }
    }
    own
}

/// The comparable name of a frame; none of one that belongs to its caller.
fn name(frame: &Frame) -> Option<String> {
    let is_callers = matches!(frame.kind, FrameKind::Kernel | FrameKind::Truncated)
        || frame.module.as_deref() == Some("vdso");
    (!is_callers).then(|| comparable(&frame.name))
}

fn hottest(own: &FxHashMap<String, f64>, top: usize) -> Vec<&str> {
    let mut all: Vec<(&str, f64)> = own.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    all.into_iter().take(top).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests;
