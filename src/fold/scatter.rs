//! How the samples of functions scatter over the window, and how far their shares can be trusted.
//!
//! Samples that are taken soon one after the other see the same: the same request, the same phase
//! of a program. So their number says too little of how far a share may be off. What it differs by
//! from one part of the window to the next says it.

use std::ops::Range;

use crate::{
    stats::{self, Confidence},
    symbolize::Profile,
    unit::{Nanos, Ratio, Samples},
};

/// Scatter is looked at over so many parts at least: slices, or pieces of them where those are few.
const PARTS_MIN: usize = 20;
/// A slice is cut into no more pieces than this, so that each has several periods of the sampler.
const PIECES_MAX: usize = 8;

/// The parts of a window in which samples were taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// In the order of time, which counts from the start of the profile.
    spans: Vec<Range<u64>>,
}

impl Parts {
    /// Of slices in their order, each with its start since the start of the profile and its length.
    pub fn of_slices(slices: impl IntoIterator<Item = (Nanos, Nanos)>) -> Self {
        let slices: Vec<(u64, u64)> =
            slices.into_iter().map(|(start, length)| (start.0, length.0)).collect();
        let pieces = PARTS_MIN.div_ceil(slices.len().max(1)).min(PIECES_MAX) as u64;
        let spans = slices.iter().flat_map(|(start, length)| {
            let at = move |piece: u64| {
                start.saturating_add(
                    (u128::from(*length) * u128::from(piece) / u128::from(pieces)) as u64,
                )
            };
            (0..pieces).map(move |piece| at(piece)..at(piece + 1))
        });
        Self { spans: spans.collect() }
    }

    /// The part that an instant lies in, or after the end of which it does: a sample may bear a
    /// time just after its slice.
    fn of(&self, time: Nanos) -> Option<usize> {
        self.spans.partition_point(|span| span.start <= time.0).checked_sub(1)
    }

    /// The samples of the profile, by part; a slice without any sample was no part of it.
    pub(super) fn samples(&self, profile: &Profile) -> Vec<Vec<(usize, Samples)>> {
        let mut parts = vec![Vec::new(); self.spans.len()];
        for sample in &profile.samples {
            if let Some(part) = self.of(sample.time).and_then(|part| parts.get_mut(part)) {
                part.push((sample.stack.0 as usize, sample.weight));
            }
        }
        parts.retain(|part: &Vec<_>| !part.is_empty());
        parts
    }
}

/// Sums over parts of the window, for one function.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sums {
    own: f64,
    squares: f64,
    products: f64,
}

impl Sums {
    /// A part with so many samples, of which so many are the function's.
    pub(super) fn add(&mut self, all: f64, own: f64) {
        self.own += own;
        self.squares += own * own;
        self.products += own * all;
    }
}

/// What there is to know of all parts together.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Whole {
    pub(super) parts: usize,
    samples: f64,
    squares: f64,
    /// How many samples there are, whatever they weigh.
    counted: f64,
}

impl Whole {
    /// Of so many samples, whose weights need not be counts.
    pub(super) fn of(counted: u64) -> Self {
        Self { counted: counted as f64, ..Self::default() }
    }

    pub(super) fn add(&mut self, all: f64) {
        self.parts += 1;
        self.samples += all;
        self.squares += all * all;
    }

    /// The variance of a function's number of samples, if they were independent.
    fn by_chance(&self, sums: &Sums) -> f64 {
        let share = sums.own / self.samples;
        self.samples.powi(2) / self.counted * share * (1.0 - share)
    }

    /// The same as it is, from how parts differ (the variance of a ratio of sums).
    fn as_is(&self, sums: &Sums) -> f64 {
        let share = sums.own / self.samples;
        let squares = sums.squares - 2.0 * share * sums.products + share * share * self.squares;
        let parts = self.parts as f64;
        squares.max(0.0) * parts / (parts - 1.0)
    }

    /// By how much the one is more than the other; 1 where that cannot be told.
    pub(super) fn design_effect(&self, sums: &Sums) -> f64 {
        let effect = self.as_is(sums) / self.by_chance(sums);
        if effect.is_finite() { effect } else { 1.0 }
    }

    /// The same of several functions together, each with the weight that it has by chance. None
    /// where that cannot be told.
    pub(super) fn design_effect_of_all<'a>(
        &self,
        all: impl Iterator<Item = &'a Sums> + Clone,
    ) -> Option<f64> {
        let sum =
            |of: &dyn Fn(&Sums) -> f64| all.clone().map(of).filter(|x| x.is_finite()).sum::<f64>();
        let effect = sum(&|sums| self.as_is(sums)) / sum(&|sums| self.by_chance(sums));
        effect.is_finite().then_some(effect)
    }
}

/// How far the shares of a profile can be trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scatter {
    pub(super) confidence: Confidence,
    /// The variance of shares over what it would be if samples were independent; for all
    /// functions together.
    pub design_effect: f64,
}

impl Scatter {
    /// Of a profile with so many samples in so many parts.
    pub fn new(samples: u64, parts: usize, design_effect: f64) -> Self {
        Self { confidence: Confidence { samples: samples as f64, parts }, design_effect }
    }

    /// The same of no more samples than this.
    #[must_use]
    pub fn of_part(mut self, samples: Samples) -> Self {
        self.confidence.samples = self.confidence.samples.min(samples.0 as f64);
        self
    }

    /// Over how many parts of the window it was looked at.
    pub fn parts(&self) -> usize {
        self.confidence.parts
    }

    /// Whether shares scatter by more than chance.
    pub fn is_more_than_chance(&self) -> bool {
        stats::is_more_than_chance(self.design_effect, self.confidence.parts)
    }

    /// The 95 % interval of a share whose own design effect is this; of all functions, if none.
    /// None where there is too little to tell.
    pub fn interval(&self, share: Ratio, design_effect: Option<f64>) -> Option<[Ratio; 2]> {
        let effect = design_effect.unwrap_or(self.design_effect);
        self.confidence.interval(share.0, effect).map(|ends| ends.map(Ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_slices_are_cut_into_pieces() {
        let slices = |count: u64| (0..count).map(|i| (Nanos(i * 500), Nanos(250)));
        assert_eq!(Parts::of_slices(slices(20)).spans.len(), 20);
        assert_eq!(Parts::of_slices(slices(8)).spans.len(), 24);
        assert_eq!(Parts::of_slices(slices(1)).spans.len(), 8);
        assert_eq!(Parts::of_slices(slices(0)).spans.len(), 0);
        let parts = Parts::of_slices(slices(2));
        assert_eq!(parts.of(Nanos(30)), Some(0));
        assert_eq!(parts.of(Nanos(32)), Some(1));
        assert_eq!(parts.of(Nanos(260)), Some(7), "just after its slice");
        assert_eq!(parts.of(Nanos(500)), Some(8));
    }

    /// A function that has every sample of half of the parts and none of the others scatters as
    /// much as is possible.
    #[test]
    fn the_design_effect_is_that_of_clusters() {
        let (mut whole, mut even, mut odd) = (Whole::of(5_000), Sums::default(), Sums::default());
        for part in 0..100 {
            whole.add(50.0);
            even.add(50.0, 25.0);
            odd.add(50.0, if part % 2 == 0 { 50.0 } else { 0.0 });
        }
        assert_eq!(whole.design_effect(&even), 0.0);
        // Samples of a part are all alike: each part is one observation.
        assert!((whole.design_effect(&odd) - 50.0).abs() < 1.0, "{}", whole.design_effect(&odd));
        let both = whole.design_effect_of_all([even, odd].iter()).expect("there are samples");
        assert!((both - 25.0).abs() < 1.0, "{both}");
        assert_eq!(whole.design_effect(&Sums::default()), 1.0);
        // The same of samples that weigh ten each.
        whole.counted /= 10.0;
        assert!((whole.design_effect(&odd) - 5.0).abs() < 0.1, "{}", whole.design_effect(&odd));
    }
}
