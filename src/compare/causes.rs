//! Where a change comes from, when it is not in any function itself but in what one calls: the
//! frames of a flamegraph at which a colour begins.
//!
//! A log line costs a little in each of thirty functions, of which none changed for certain by
//! itself. The one that has them all below it did.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use super::frames::{FunctionChange, Kind};

/// A function that passes on this share of its change to one that it calls only leads there.
const PASSED_ON: f64 = 0.8;
/// A function whose caller changed by this share of its own proportion only is a part of that.
const ALIKE: f64 = 0.8;
/// A function that changed by this share of it in itself is named for that already.
const ITSELF: f64 = 0.5;
/// No more than these are named.
const CAUSES_MAX: usize = 5;

/// The functions from which changes come, the largest first, by their places.
pub(super) fn causes(
    changes: &[FunctionChange],
    calls: &BTreeSet<(usize, usize)>,
    shift: f64,
) -> Vec<usize> {
    let graph = Calls::of(calls);
    let mean = |at: usize| f64::midpoint(changes[at].total.a_us, changes[at].total.b_us);
    let beyond = |at: usize| changes[at].total.change_us - shift * mean(at);
    let is_sure = |at: usize| changes[at].total.sure && changes[at].kind != Kind::Moved;
    // Callers cost more than what they call, or as much; where they call each other, names decide.
    let is_larger = |one: usize, other: usize| match mean(one).total_cmp(&mean(other)) {
        Ordering::Equal => !graph.below(other).contains(&one) || one < other,
        order => order.is_gt(),
    };
    let goes_with = |one: usize, other: usize| is_sure(one) && beyond(one) * beyond(other) > 0.0;
    let is_part = |at: usize| {
        calls.iter().any(|(caller, callee)| {
            *callee == at
                && is_larger(*caller, at)
                && goes_with(*caller, at)
                && (beyond(*caller) / mean(*caller)).abs() >= ALIKE * (beyond(at) / mean(at)).abs()
        })
    };
    let heads: Vec<usize> = (0..changes.len()).filter(|at| is_sure(*at) && !is_part(*at)).collect();
    let only_leads = |at: usize| {
        let below = graph.below(at);
        heads.iter().any(|head| {
            below.contains(head)
                && is_larger(at, *head)
                && goes_with(*head, at)
                && beyond(*head).abs() >= PASSED_ON * beyond(at).abs()
        })
    };
    let is_itself = |at: usize| {
        let own = &changes[at].own;
        let middle = f64::midpoint(own.a_us, own.b_us);
        own.sure && (own.change_us - shift * middle) / beyond(at) >= ITSELF
    };
    let mut causes: Vec<usize> =
        heads.iter().copied().filter(|at| !only_leads(*at) && !is_itself(*at)).collect();
    causes.sort_by(|a, b| beyond(*b).abs().total_cmp(&beyond(*a).abs()).then(a.cmp(b)));
    causes.truncate(CAUSES_MAX);
    causes
}

/// What each function calls.
struct Calls {
    callees: BTreeMap<usize, Vec<usize>>,
}

impl Calls {
    fn of(calls: &BTreeSet<(usize, usize)>) -> Self {
        let mut callees = BTreeMap::<usize, Vec<usize>>::new();
        for (caller, callee) in calls {
            callees.entry(*caller).or_default().push(*callee);
        }
        Self { callees }
    }

    /// All that a function calls, and what that calls.
    fn below(&self, function: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![function];
        while let Some(at) = open.pop() {
            for callee in self.callees.get(&at).into_iter().flatten() {
                if found.insert(*callee) {
                    open.push(*callee);
                }
            }
        }
        found
    }
}
