//! The rows of the page's tables: those of the comparison's own.

use super::{marks, stacks::Stacks};
use crate::{
    compare::{Comparison, Frames, FunctionLine},
    fold::Costs,
    render::diff::{FunctionRow, Mark, MetricRow},
};

pub(super) fn metrics(comparison: &Comparison) -> Vec<MetricRow> {
    let changes = comparison.metrics.iter();
    let lines = comparison.metric_lines().into_iter().zip(changes);
    lines
        .map(|(line, change)| MetricRow {
            name: line.label.to_owned(),
            a: line.a,
            b: line.b,
            change: line.change,
            interval: line.interval,
            verdict: line.verdict,
            mark: marks::verdict(change.verdict),
        })
        .collect()
}

/// The waterfall, and the whole as the last row.
pub(super) fn functions(frames: &Frames, stacks: &Stacks) -> Vec<FunctionRow> {
    let lines = frames.lines().into_iter();
    lines
        .map(|line| {
            let change = line.function.and_then(|place| frames.functions.get(place));
            row(line, stacks, change.map_or(Mark::NotSignificant, marks::own))
        })
        .collect()
}

/// What changed through what it calls.
pub(super) fn causes(frames: &Frames, stacks: &Stacks) -> Vec<FunctionRow> {
    let lines = frames.cause_lines().into_iter();
    lines
        .map(|line| {
            let change = line.function.and_then(|place| frames.functions.get(place));
            let mark =
                change.map_or(Mark::NotSignificant, |change| marks::of_total(change, frames));
            row(line, stacks, mark)
        })
        .collect()
}

fn row(line: FunctionLine, stacks: &Stacks, mark: Mark) -> FunctionRow {
    FunctionRow {
        label: line.function.and_then(|place| stacks.label(place)).map(str::to_owned),
        change_us: line.change_us,
        costs: line.us.map(|[a, b]| Costs { a, b }),
        mark,
        name: line.name,
        a: line.a,
        b: line.b,
        change: line.change,
        interval: line.interval,
        verdict: line.verdict,
    }
}
