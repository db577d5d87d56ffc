//! How often to sample: as often as costs the server little, which the warm-up finds out.

use super::confidence::Estimate;
use crate::unit::{Hertz, Nanos};

/// Sampling may cost so much of the server's CPU time.
pub(super) const BUDGET: f64 = 0.015;
/// The warm-up samples so often: what a sample costs is small, and many show it better.
pub(super) const PROBE: Hertz = Hertz(3_989);
/// No more are taken even if they cost next to nothing: each has to be unwound beside the load.
const MOST: f64 = 1_997.0;
/// No fewer are, so that ten seconds say something.
const LEAST: f64 = 199.0;
/// What a sample costs where nothing is known yet, and how far that may be off.
const USUAL: f64 = 10e-6;
const USUAL_SD: f64 = 8e-6;

/// What sampling costs a server, from slices of its warm-up.
#[derive(Debug, Clone, Default)]
pub(super) struct Costs {
    /// Slices come in blocks of four: off, on, on, off, and the reverse.
    slices: Vec<Warm>,
}

/// A slice of the warm-up.
#[derive(Debug, Clone, Copy)]
struct Warm {
    is_sampled: bool,
    cpu: Nanos,
    requests: u64,
    samples: u64,
}

/// Where threads that are sampled cost nothing, so many times as many may be.
const THREADS_GROW: f64 = 4.0;

/// How many slices a block has.
const BLOCK: usize = 4;

impl Costs {
    /// Whether the next slice of the warm-up is to be sampled.
    pub(super) fn samples_next(&self) -> bool {
        let (block, place) = (self.slices.len() / BLOCK, self.slices.len() % BLOCK);
        matches!(place, 1 | 2) == (block % 2 == 0)
    }

    /// A slice of the warm-up: exact CPU time, good responses, samples.
    pub(super) fn add(&mut self, is_sampled: bool, cpu: Nanos, requests: u64, samples: u64) {
        self.slices.push(Warm { is_sampled, cpu, requests, samples });
    }

    /// Samples cost something else from now on.
    pub(super) fn forget(&mut self) {
        self.slices.clear();
    }

    /// How much CPU time per request sampling adds, as a share: one ratio from each block.
    fn effect(&self) -> Option<Estimate> {
        let mean_log = |block: &[Warm], is_sampled: bool| {
            let of_kind = block.iter().filter(|warm| warm.is_sampled == is_sampled);
            let logs: Vec<f64> =
                of_kind.map(|warm| (warm.cpu.as_secs_f64() / warm.requests as f64).ln()).collect();
            logs.iter().sum::<f64>() / logs.len() as f64
        };
        let blocks = self.slices.chunks_exact(BLOCK);
        let ratios = blocks.map(|block| mean_log(block, true) - mean_log(block, false));
        let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
        Estimate::mean(&ratios)
    }

    /// What a sample costs at most, by five chances in six, in seconds of CPU time: what the warm-up
    /// has shown, as far as that is more certain than what is usual. A warm-up that shows too little
    /// by chance must not have the server pay for it.
    fn of_sample(&self) -> f64 {
        let sampled = self.slices.iter().filter(|warm| warm.is_sampled);
        let (cpu, samples) = sampled.fold((0.0, 0.0), |(cpu, samples), warm| {
            (cpu + warm.cpu.as_secs_f64(), samples + warm.samples as f64)
        });
        let found = self.effect().filter(|_| samples > 0.0).map(|effect| {
            let seconds = cpu / samples;
            // Two blocks have an interval, with a quantile of 12.7; one is taken to be as bad.
            let sd = effect.ci95.map_or(0.03, |[low, high]| ((high - low) / 4.0).clamp(0.01, 0.05));
            (effect.value.exp_m1() * seconds, sd * seconds)
        });
        let Some((cost, sd)) = found else { return USUAL };
        let (known, usual) = (sd.powi(-2), USUAL_SD.powi(-2));
        let mean = (cost * known + USUAL * usual) / (known + usual);
        mean.max(1e-6) + (known + usual).powf(-0.5)
    }

    /// The highest rate that costs what it may.
    pub(super) fn rate(&self) -> Found {
        let cost = self.of_sample();
        let hz = (BUDGET / cost).clamp(LEAST, MOST).round();
        Found { hz: Hertz(hz as u32), effect: hz * cost }
    }

    /// How many threads may be sampled at a time where so many were: their cost is one of switches,
    /// and not of samples.
    pub(super) fn threads_at_a_time(&self, threads: usize) -> usize {
        let effect = self.effect().map_or(BUDGET, |effect| effect.value.exp_m1());
        let part = BUDGET / effect.max(BUDGET / THREADS_GROW);
        ((threads as f64 * part) as usize).max(1)
    }
}

/// A rate that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub(super) hz: Hertz,
    /// What it is expected to cost, as a share of the server's CPU time.
    pub(super) effect: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server whose requests take 100 µs, and samples of so many seconds.
    fn costs(cost: f64, blocks: usize) -> Costs {
        let mut costs = Costs::default();
        for index in 0..blocks * BLOCK {
            let is_sampled = costs.samples_next();
            let (requests, samples) = (1_000, if is_sampled { 400 } else { 0 });
            // A drift of 1 % a slice cancels in each block.
            let seconds = 0.1 * 1.01_f64.powi(index as i32) + samples as f64 * cost;
            costs.add(is_sampled, Nanos((seconds * 1e9) as u64), requests, samples);
        }
        costs
    }

    #[test]
    fn slices_are_balanced() {
        let mut costs = Costs::default();
        let mut order = String::new();
        for _ in 0..8 {
            order.push(if costs.samples_next() { 'S' } else { '.' });
            costs.add(costs.samples_next(), Nanos(1), 1, 1);
        }
        assert_eq!(order, ".SS.S..S");
    }

    #[test]
    fn the_rate_is_what_the_cost_allows() {
        let at = |cost| f64::from(costs(cost, 4).rate().hz.0);
        // No more than the budget, and not much less: the doubt of four blocks is taken off.
        for cost in [30e-6, 60e-6] {
            let share = at(cost) * cost / BUDGET;
            assert!((0.85..1.0).contains(&share), "{share} at {cost}");
        }
        assert_eq!(at(1e-6), MOST);
        assert_eq!(at(1e-3), LEAST);
        let Found { effect, .. } = costs(30e-6, 4).rate();
        assert!((effect - BUDGET).abs() < 0.001, "{effect}");
    }

    #[test]
    fn without_a_warm_up_it_is_what_is_usual() {
        assert_eq!(Costs::default().rate().hz, Hertz((BUDGET / USUAL).round() as u32));
        let mut silent = Costs::default();
        (0..8).for_each(|_| silent.add(silent.samples_next(), Nanos(0), 0, 0));
        assert_eq!(silent.rate(), Costs::default().rate());
    }

    #[test]
    fn fewer_threads_are_sampled_where_they_cost_much() {
        let threads = |cost| costs(cost, 4).threads_at_a_time(4);
        assert_eq!((threads(1e-7), threads(10e-6), threads(1e-3)), (16, 1, 1));
        assert_eq!(Costs::default().threads_at_a_time(4), 4);
    }
}
