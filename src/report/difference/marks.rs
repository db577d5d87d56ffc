//! What the comparison knows of a change, as the picture marks it.

use super::stacks::Stacks;
use crate::{
    compare::{Comparison, Delta, Frames, FunctionChange, Kind, Metric, Verdict},
    fold::DeltaFunction,
    render::diff::{Finding, Mark},
};

/// What is known of the whole, of which A costs so many microseconds per request.
pub(super) fn whole(comparison: &Comparison, a: f64) -> Finding {
    let Some(cpu) = comparison.metric(Metric::Cpu) else { return Finding::default() };
    let ci95 = cpu.ci95.map(|ends| ends.map(|end| (end - 1.0) * a));
    Finding { mark: verdict(cpu.verdict), ci95 }
}

/// The direction of a verdict.
pub(super) fn verdict(verdict: Verdict) -> Mark {
    match verdict {
        Verdict::Regressed => Mark::Slower,
        Verdict::Improved => Mark::Faster,
        Verdict::Equivalent | Verdict::Inconclusive => Mark::NotSignificant,
    }
}

/// What is known of the time in a function itself.
pub(super) fn own(change: &FunctionChange) -> Mark {
    match change.kind {
        Kind::Slower => Mark::Slower,
        Kind::Faster => Mark::Faster,
        Kind::New => Mark::New,
        Kind::Gone => Mark::Gone,
        Kind::Moved => Mark::Moved,
        Kind::Unsure => Mark::NotSignificant,
    }
}

/// What is known of the time in what the picture has under a name, and in what it calls.
///
/// Such a name may stand for several functions, such as one and a closure in it. It then has the
/// mark of the one that costs most, and no interval.
pub(super) fn total(frames: &Frames, stacks: &Stacks, function: &DeltaFunction) -> Finding {
    let places = stacks.places(&function.name);
    let changes = || places.iter().filter_map(|place| frames.functions.get(*place));
    let cost = |change: &FunctionChange| change.total.a_us + change.total.b_us;
    let is_all_of_it = |total: &Delta| {
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * one.abs().max(1.0);
        near(total.a_us, function.total.a) && near(total.b_us, function.total.b)
    };
    let most = changes().max_by(|one, other| cost(one).total_cmp(&cost(other)));
    let Some(change) = most else {
        return Finding { mark: Mark::NotSignificant, ci95: None };
    };
    let ci95 = change.total.ci95_us.filter(|_| is_all_of_it(&change.total));
    Finding { mark: of_total(change, frames), ci95 }
}

fn of_total(change: &FunctionChange, frames: &Frames) -> Mark {
    let total = &change.total;
    match total.samples {
        _ if !total.sure => Mark::NotSignificant,
        // All of it: what remains of a function whose callee was inlined costs what it did.
        _ if change.kind == Kind::Moved => Mark::Moved,
        [0, _] => Mark::New,
        [_, 0] => Mark::Gone,
        _ if total.beyond_us(frames.shift.as_ref()) > 0.0 => Mark::Slower,
        _ => Mark::Faster,
    }
}
