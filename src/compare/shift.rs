//! [`Shift`]: what happened to every function alike, as when the machine became slower.

use serde::{Deserialize, Serialize};

use super::{
    moderated::{Cost, Table},
    robust::weighted_median,
    student,
};

/// A change that most functions have in common.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// It, over the mean of both sides.
    pub relative: f64,
    /// Its 95 % interval.
    pub ci95: [f64; 2],
    /// What it makes of the whole, in microseconds for each request.
    pub change_us: f64,
}

/// Fewer functions have nothing in common.
const FUNCTIONS_MIN: usize = 8;
/// No function has more than this share of the say, so that a single hot one is not "everything".
const SHARE_MAX: f64 = 0.1;
/// Functions with this share of the say must fit the shift.
const MOST: f64 = 2.0 / 3.0;
/// How much wider than that of a mean the interval of a median is (of a normal distribution).
const MEDIAN_WIDTH: f64 = 1.2533;

impl Shift {
    /// The shift that functions have in common. None where they have none that is sure, or where
    /// they do not agree: a function that became slower, and all that it calls, is not the host.
    /// Of judged functions, with their places in the table.
    pub(super) fn of(table: &Table<'_>, judged: &[(usize, Cost)]) -> Option<Self> {
        let costs: Vec<Cost> = judged.iter().map(|(_, cost)| *cost).collect();
        if costs.len() < FUNCTIONS_MIN {
            return None;
        }
        let surenesses: Vec<_> = costs.iter().map(|cost| table.sureness(cost)).collect();
        let precisions: Vec<f64> = surenesses.iter().map(|sure| sure.sd.powi(-2)).collect();
        let limit = precisions.iter().sum::<f64>() * SHARE_MAX;
        let says: Vec<f64> = precisions.iter().map(|precision| precision.min(limit)).collect();
        let mut weighted: Vec<(f64, f64)> =
            costs.iter().zip(&says).map(|(cost, say)| (cost.relative, *say)).collect();
        let relative = weighted_median(&mut weighted)?;
        // The variance of a weighted mean, widened for the median.
        let all: f64 = says.iter().sum();
        let noise: f64 =
            says.iter().zip(&surenesses).map(|(say, sure)| (say * sure.sd).powi(2)).sum();
        let reach = student::quantile(0.975, f64::INFINITY) * MEDIAN_WIDTH * noise.sqrt() / all;
        let fits = |cost: &Cost| (cost.relative - relative).abs() <= table.sureness(cost).reach();
        let fitting: f64 =
            costs.iter().zip(&says).filter(|(cost, _)| fits(cost)).map(|(_, say)| say).sum();
        // Each by itself, functions fit nearly anything. What happened to all of them happened to
        // the kernel's together, and to the program's.
        let fit_together = [false, true].into_iter().all(|kernel| {
            let is_of = |at: &usize| table.is_kernel(*at) == kernel;
            let group: Vec<usize> = judged
                .iter()
                .filter(|(_, cost)| fits(cost))
                .map(|(at, _)| *at)
                .filter(is_of)
                .collect();
            group.is_empty() || fits(&table.cost(&group))
        });
        let is_sure = relative.abs() > reach && fitting >= MOST * all && fit_together;
        is_sure.then_some(Self {
            relative,
            ci95: [relative - reach, relative + reach],
            change_us: relative * table.whole,
        })
    }
}
