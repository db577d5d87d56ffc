//! What the comparison knows of a change, as the picture marks it.

use crate::{
    compare::{Comparison, Frames, FunctionChange, Kind, Metric, Verdict},
    fold::Costs,
    render::diff::{Finding, Mark},
};

/// What is known of the whole, of which A costs so many microseconds per request.
pub(super) fn whole(comparison: &Comparison, a: f64) -> Finding {
    let Some(cpu) = comparison.metric(Metric::Cpu) else { return Finding::default() };
    let interval = cpu.ci95.map(|ends| ends.map(|end| (end - 1.0) * a));
    // It is of typical slices. Where totals lie outside, a remark says so, and it is not theirs.
    let ci95 = interval.filter(|[low, high]| (low..=high).contains(&&(cpu.b - cpu.a)));
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

/// What is known of a frame with what it calls: of its function, with what that costs over all
/// its callers.
///
/// A frame may stand for several functions, such as one and a closure in it. It then is that of
/// the one that costs most.
pub(super) fn total<'a>(
    frames: &Frames,
    changes: impl Iterator<Item = &'a FunctionChange>,
) -> Option<(Costs, Finding)> {
    let costs = |change: &FunctionChange| Costs { a: change.total.a_us, b: change.total.b_us };
    let most = changes.max_by(|one, other| costs(one).mean().total_cmp(&costs(other).mean()))?;
    let finding = Finding { mark: of_total(most, frames), ci95: most.total.ci95_us };
    Some((costs(most), finding))
}

/// What is known of the time in a function and in what it calls.
pub(super) fn of_total(change: &FunctionChange, frames: &Frames) -> Mark {
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
