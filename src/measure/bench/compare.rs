//! Every target against the baseline, level by level.

use super::cell::estimate;
use crate::{
    measure::confidence::Estimate,
    record::{Bench, CellFacts, EstimateFacts, RoundFacts},
};

/// Fills in the ratios to the target that is called `baseline`.
///
/// Where the targets took turns, a ratio is of two rounds that were made in the same turn, and its
/// interval is that of such ratios. Otherwise it is of the two means, and has no interval: drift
/// of the machine is in it, and nobody knows how much.
pub(super) fn to_baseline(bench: &mut Bench, baseline: &str) {
    let bases: Vec<CellFacts> =
        bench.cells.iter().filter(|cell| cell.target == baseline).cloned().collect();
    for cell in bench.cells.iter_mut().filter(|cell| cell.target != baseline) {
        let Some(base) = bases.iter().find(|base| base.level == cell.level) else { continue };
        if !(cell.valid && base.valid) {
            continue;
        }
        let (throughput, cpu) = match bench.paired {
            true => (
                paired(cell, base, |round| round.requests_per_second),
                paired(cell, base, |round| round.cpu_us_per_request),
            ),
            false => (
                of_means(cell.requests_per_second, base.requests_per_second),
                of_means(cell.cpu_us_per_request, base.cpu_us_per_request),
            ),
        };
        (cell.throughput_ratio, cell.cpu_ratio) = (throughput, cpu);
    }
}

fn paired(
    cell: &CellFacts,
    base: &CellFacts,
    figure: fn(&RoundFacts) -> Option<f64>,
) -> Option<EstimateFacts> {
    let ratios = cell.rounds.iter().filter(|round| round.valid).filter_map(|round| {
        let same = |other: &&RoundFacts| other.valid && other.round == round.round;
        Some(figure(round)? / figure(base.rounds.iter().find(same)?)?)
    });
    Estimate::geometric(ratios).and_then(estimate)
}

fn of_means(a: Option<EstimateFacts>, b: Option<EstimateFacts>) -> Option<EstimateFacts> {
    let value = a?.value / b?.value;
    estimate(Estimate { value, ci95: None })
}
