//! What a comparison says, in words.

use super::{
    change::{Change, Verdict},
    frames::{FunctionChange, Kind},
    side::Pair,
};
use crate::unit::Ratio;

/// What became of a metric: `slower by 2.1 % (1.6 to 2.6)`.
pub(super) fn sentence(change: &Change) -> String {
    let tolerance = Ratio(change.tolerance);
    let signed = signed(change);
    match (change.verdict, change.direction()) {
        (Verdict::Regressed | Verdict::Improved, _) => directed(change),
        (Verdict::Equivalent, Some(_)) => {
            format!("{}, within the tolerance of {tolerance}", directed(change))
        }
        (Verdict::Equivalent, None) => format!("no change beyond ±{tolerance}: {signed}"),
        (Verdict::Inconclusive, _) if change.ci95.is_none() => format!("inconclusive, {signed}"),
        (Verdict::Inconclusive, Some(_)) => format!(
            "{}, perhaps by no more than the tolerance of {tolerance}: inconclusive",
            directed(change)
        ),
        (Verdict::Inconclusive, None) => match change.visible {
            Some(visible) => format!(
                "inconclusive, {signed}; a change of {} would have been seen",
                Ratio(visible)
            ),
            None => format!("inconclusive, {signed}"),
        },
    }
}

/// With the direction as a word, and shares without a sign.
fn directed(change: &Change) -> String {
    let is_more = change.ratio >= 1.0;
    let word = if is_more { change.metric.more() } else { change.metric.less() };
    let share = |ratio: f64| (if is_more { ratio - 1.0 } else { 1.0 - ratio }) * 100.0;
    let ends = change.ci95.map(|[low, high]| if is_more { [low, high] } else { [high, low] });
    match ends {
        Some([from, to]) => format!(
            "{word} by {:.1} % ({:.1} to {:.1})",
            share(change.ratio),
            share(from),
            share(to)
        ),
        None => format!("{word} by {:.1} %", share(change.ratio)),
    }
}

/// With the direction as a sign: `+0.1 % (-0.3 to +0.5)`.
fn signed(change: &Change) -> String {
    match interval(change) {
        Some(interval) => format!("{} ({interval})", percent(change.ratio)),
        None => percent(change.ratio),
    }
}

/// A ratio as a change in percent.
pub(super) fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// The interval of a change in percent: `-0.3 to +0.5`.
pub(super) fn interval(change: &Change) -> Option<String> {
    let share = |ratio: f64| (ratio - 1.0) * 100.0;
    change.ci95.map(|[low, high]| format!("{:+.1} to {:+.1}", share(low), share(high)))
}

/// What the whole comparison says, in a sentence.
pub(super) fn headline(pair: &Pair, primary: Option<&Change>, waits: Option<&Change>) -> String {
    let invalid = |name: &str, why: &Option<String>| {
        why.as_ref().map(|why| format!("{name} is not valid, so nothing can be said: {why}"))
    };
    let invalid = invalid("A", &pair.a.invalid).or_else(|| invalid("B", &pair.b.invalid));
    if let Some(invalid) = invalid {
        return invalid;
    }
    let of = |change: &Change| format!("{}: {}", change.metric.label(), sentence(change));
    match (primary, waits) {
        (None, _) => "inconclusive: a side has no figure of its CPU time for each request".into(),
        (Some(cpu), None) => of(cpu),
        (Some(cpu), Some(latency)) => format!(
            "a latency regression without a CPU regression: requests wait longer, and the server \
             does not work more for them. {}. {}",
            of(latency),
            of(cpu)
        ),
    }
}

/// What became of a function, in a word or two. Without replicates, no more than what was seen.
pub(super) fn kind(function: &FunctionChange, replicated: bool) -> String {
    match function.kind {
        Kind::Moved => format!("moved: {}", function.moved_with.join(", ")),
        kind => certain(kind, replicated).to_owned(),
    }
}

/// The word for what can be said, whatever a function moved with.
pub(super) fn certain(kind: Kind, replicated: bool) -> &'static str {
    match kind {
        Kind::Slower if replicated => "slower",
        Kind::Slower => "more",
        Kind::Faster if replicated => "faster",
        Kind::Faster => "less",
        Kind::New => "new",
        Kind::Gone => "gone",
        Kind::Moved => "moved",
        Kind::Unsure => "not sure",
    }
}
