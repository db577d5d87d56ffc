//! How far a share of samples is from the truth: by counting alone, and by how it scatters.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::student;

/// Scatter that comes by chance once in so many profiles is told of.
const CHANCE: f64 = 0.001;

/// What intervals of shares are made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Confidence {
    /// How many samples there are.
    pub(crate) samples: f64,
    /// Over how many parts of the window their scatter was looked at.
    pub(crate) parts: usize,
}

impl Confidence {
    /// The 95 % interval of a share whose variance over the parts of the window is `design_effect`
    /// times that of independent samples; less than 1 counts as 1.
    ///
    /// Wilson's interval, of as many samples as would be that sure if they were independent, with
    /// Student's quantile for the number of parts. None where there are not two of them.
    pub(crate) fn interval(&self, share: f64, design_effect: f64) -> Option<[f64; 2]> {
        if self.parts < 2 || self.samples < 1.0 {
            return None;
        }
        let n = self.samples / design_effect.max(1.0);
        let z = student::quantile(0.975, (self.parts - 1) as f64);
        let (share, z2) = (share.clamp(0.0, 1.0), z * z);
        let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let reach = z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        // The share lies within, whatever rounding does.
        Some([(centre - reach).max(0.0).min(share), (centre + reach).min(1.0).max(share)])
    }
}

/// Whether shares that scatter so much over so many parts do so by more than chance.
pub(crate) fn is_more_than_chance(design_effect: f64, parts: usize) -> bool {
    let degrees = parts.saturating_sub(1) as f64;
    ChiSquared::new(degrees)
        .is_ok_and(|chi| design_effect.is_finite() && chi.sf(design_effect * degrees) < CHANCE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_interval_is_never_less_than_counting_gives() {
        let confidence = Confidence { samples: 10_000.0, parts: 1_000_000 };
        let [low, high] = confidence.interval(0.5, 0.2).expect("enough parts");
        // 1.96 * sqrt(0.25 / 10,000)
        assert!((high - 0.5098).abs() < 1e-4 && (low - 0.4902).abs() < 1e-4, "{low} {high}");
        let [low, high] = confidence.interval(0.5, 4.0).expect("enough parts");
        assert!((high - low - 0.0392).abs() < 1e-4, "twice as wide: {low} {high}");
        assert_eq!(Confidence { parts: 1, ..confidence }.interval(0.5, 1.0), None);
    }

    #[test]
    fn scatter_by_chance_is_not_told_of() {
        // The quantile 0.999 of 20 degrees of freedom is 45.3.
        assert!(!is_more_than_chance(2.26, 21));
        assert!(is_more_than_chance(2.27, 21));
        assert!(!is_more_than_chance(f64::NAN, 21) && !is_more_than_chance(99.0, 1));
    }

    proptest! {
        #[test]
        fn a_share_lies_within_its_interval(
            samples in 0.0_f64..1e7, parts in 0_usize..500, share in 0.0_f64..=1.0,
            effect in 0.0_f64..100.0,
        ) {
            if let Some([low, high]) = (Confidence { samples, parts }).interval(share, effect) {
                prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            }
        }
    }
}
