//! Time that moved: from a caller to what it calls or back, or to a function of a new name.
//!
//! Where a compiler inlines a function, or does so no longer, the time in each of the two changes
//! and their sum does not. That is no regression of either.

use std::collections::{BTreeMap, BTreeSet};

use super::frames::{FunctionChange, Judged, Kind, beyond};

/// Functions whose changes cancel to at most this share of the larger one may have traded time.
const LEFT_MAX: f64 = 0.25;

/// Marks those functions whose change is that of a neighbour's with the sign reversed.
pub(super) fn mark(
    changes: &mut [FunctionChange],
    calls: &BTreeSet<(usize, usize)>,
    own: &Judged<'_>,
    shift: f64,
) {
    let of = |at: usize| beyond(&own.costs[at], shift);
    let mut order: Vec<usize> = (0..changes.len()).filter(|at| changes[*at].own.sure).collect();
    order.sort_by(|a, b| of(*b).abs().total_cmp(&of(*a).abs()).then(a.cmp(b)));
    let neighbours = Neighbours::of(calls);
    for first in order.clone() {
        if changes[first].kind == Kind::Moved {
            continue;
        }
        let is_candidate = |at: &usize| {
            changes[*at].kind != Kind::Moved
                && of(*at) * of(first) < 0.0
                && neighbours.are(changes, first, *at)
        };
        let candidates: Vec<usize> = order.iter().copied().filter(is_candidate).collect();
        let group = closest(first, &candidates, of);
        if group.len() > 1 && cancels(&group, own, shift) {
            let name = |at: &usize| changes[*at].name.clone();
            let names: Vec<String> = group.iter().map(name).collect();
            // The first traded with each of the others, and they with it.
            for (place, at) in group.iter().enumerate() {
                changes[*at].kind = Kind::Moved;
                changes[*at].moved_with =
                    if place == 0 { names[1..].to_vec() } else { names[..1].to_vec() };
            }
        }
    }
}

/// The first function with those of the candidates, the largest first, that bring the sum nearer
/// to nothing.
fn closest(first: usize, candidates: &[usize], of: impl Fn(usize) -> f64) -> Vec<usize> {
    let mut group = vec![first];
    let mut sum = of(first);
    for candidate in candidates {
        let with = sum + of(*candidate);
        if with.abs() < sum.abs() {
            group.push(*candidate);
            sum = with;
        }
    }
    group
}

/// Whether what functions cost together did not change: not surely, and not by much.
fn cancels(group: &[usize], own: &Judged<'_>, shift: f64) -> bool {
    let together = own.table.cost(group);
    let left = beyond(&together, shift).abs();
    let largest = group.iter().map(|at| beyond(&own.costs[*at], shift).abs()).fold(0.0, f64::max);
    let reach = own.table.sureness(&together).reach() * together.mean();
    left <= reach.max(own.least()) && left <= LEFT_MAX * largest
}

/// Who calls whom, and who is called by the same function.
struct Neighbours<'a> {
    calls: &'a BTreeSet<(usize, usize)>,
    callers: BTreeMap<usize, BTreeSet<usize>>,
}

impl<'a> Neighbours<'a> {
    fn of(calls: &'a BTreeSet<(usize, usize)>) -> Self {
        let mut callers: BTreeMap<usize, BTreeSet<usize>> = BTreeMap::new();
        for (caller, callee) in calls {
            callers.entry(*callee).or_default().insert(*caller);
        }
        Self { calls, callers }
    }

    /// Whether one calls the other, or whether one is gone and the other, with the same caller, is
    /// new: then it may have been renamed.
    fn are(&self, changes: &[FunctionChange], one: usize, other: usize) -> bool {
        let renamed = matches!(
            (changes[one].kind, changes[other].kind),
            (Kind::New, Kind::Gone) | (Kind::Gone, Kind::New)
        );
        let share_a_caller = || match (self.callers.get(&one), self.callers.get(&other)) {
            (Some(one), Some(other)) => !one.is_disjoint(other),
            _ => false,
        };
        self.calls.contains(&(one, other))
            || self.calls.contains(&(other, one))
            || renamed && share_a_caller()
    }
}
