//! How far measured shares are from the truth, in standard deviations and as probabilities.

use super::seen::Seen;

/// The shares of the three functions among themselves.
pub(super) const TRUTH: [f64; 3] = [0.6, 0.3, 0.1];

/// Standard deviations from the middle to the end of an interval of 95 %.
const REACH: f64 = 1.959_964;

/// One further from the truth than this is no chance, of a few thousand.
const FAR: f64 = 4.0;

/// The least share of intervals that must have the truth in them: of a few hundred of 95 %, chance
/// leaves fewer hardly ever.
const COVERAGE: f64 = 0.92;

/// How far one profile is from the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Off {
    /// The measured shares.
    pub(super) shares: [f64; 3],
    /// Each one's distance in standard deviations of counting alone.
    pub(super) by_counting: [f64; 3],
    /// And in those that the profile itself claims.
    pub(super) by_own: [f64; 3],
}

impl Off {
    pub(super) fn of(seen: &Seen) -> Self {
        let total = seen.total();
        let shares = seen.samples.map(|count| count / total);
        let by_counting = std::array::from_fn(|at| {
            let truth: f64 = TRUTH[at];
            (shares[at] - truth) / (truth * (1.0 - truth) / total).sqrt()
        });
        let by_own = std::array::from_fn(|at: usize| by_counting[at] / seen.design[at].sqrt());
        Self { shares, by_counting, by_own }
    }

    /// The larger distance of the two kinds that any function has.
    pub(super) fn worst(&self) -> (f64, f64) {
        let worst = |all: [f64; 3]| all.into_iter().map(f64::abs).fold(0.0, f64::max);
        (worst(self.by_counting), worst(self.by_own))
    }
}

/// All profiles together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    /// How many shares were measured: three a profile.
    pub(super) shares: usize,
    /// How many had the truth in their interval.
    pub(super) covered: usize,
    /// How many were far from it.
    pub(super) far: usize,
    /// Sum of the squares, and how probable one that large is if all is as claimed.
    pub(super) chi_squared: f64,
    pub(super) degrees: usize,
    pub(super) probability: f64,
}

impl Verdict {
    pub(super) fn of(all: &[Seen]) -> Self {
        let distances: Vec<f64> =
            all.iter().flat_map(|seen| Off::of(seen).by_own).map(f64::abs).collect();
        let chi_squared = all.iter().map(chi_squared).sum();
        Self {
            shares: distances.len(),
            covered: distances.iter().filter(|distance| **distance <= REACH).count(),
            far: distances.iter().filter(|distance| **distance > FAR).count(),
            chi_squared,
            degrees: 2 * all.len(),
            probability: tail(chi_squared, all.len()),
        }
    }

    pub(super) fn coverage(&self) -> f64 {
        self.covered as f64 / self.shares.max(1) as f64
    }

    /// Whether the intervals keep what they promise.
    pub(super) fn is_true(&self) -> bool {
        self.far == 0 && self.coverage() >= COVERAGE
    }
}

/// Of the samples of one profile: two degrees of freedom, since three shares have one sum.
fn chi_squared(seen: &Seen) -> f64 {
    let total = seen.total();
    let design = seen.design.iter().sum::<f64>() / 3.0;
    let off = seen.samples.iter().zip(TRUTH).map(|(count, truth)| {
        let expected = total * truth;
        (count - expected).powi(2) / expected
    });
    off.sum::<f64>() / design
}

/// How probable a chi-squared of at least `value` is with two degrees of freedom for each of
/// `pairs`: for an even number, the sum of the first terms of a Poisson distribution.
fn tail(value: f64, pairs: usize) -> f64 {
    let half = value / 2.0;
    if half <= 0.0 {
        return 1.0;
    }
    let (mut sum, mut log) = (0.0, -half);
    for term in 0..pairs {
        if term > 0 {
            log += (half / term as f64).ln();
        }
        sum += log.exp();
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(samples: [f64; 3], design: f64) -> Seen {
        Seen { samples, design: [design; 3], has_own: true, sum_us: None }
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 5e-4
    }

    #[test]
    fn tails_are_those_of_tables() {
        // The values that tables give for 5 % and 1 %.
        for (value, pairs, probability) in [
            (5.991, 1, 0.05),
            (9.210, 1, 0.01),
            (9.488, 2, 0.05),
            (18.307, 5, 0.05),
            (124.342, 50, 0.05),
            (0.0, 3, 1.0),
        ] {
            assert!(near(tail(value, pairs), probability), "{value} {pairs}");
        }
        assert!(tail(3000.0, 180) < 1e-12);
    }

    #[test]
    fn distances_are_in_standard_deviations() {
        // sqrt(0.6 * 0.4 / 2400) is 0.01, and the share is 0.62.
        let off = Off::of(&seen([1488.0, 712.0, 200.0], 4.0));
        assert!(near(off.by_counting[0], 2.0) && near(off.by_own[0], 1.0), "{off:?}");
        assert!(near(off.shares[0], 0.62));
        assert!(near(chi_squared(&seen([60.0, 30.0, 10.0], 1.0)), 0.0));
        // 100 / 60 + 100 / 30 + 0.
        assert!(near(chi_squared(&seen([70.0, 20.0, 10.0], 1.0)), 5.0));
        assert!(near(chi_squared(&seen([70.0, 20.0, 10.0], 2.0)), 2.5));
    }

    #[test]
    fn a_verdict_counts_what_is_in_its_interval_and_what_is_far() {
        let exact = seen([600.0, 300.0, 100.0], 1.0);
        let verdict = Verdict::of(&[exact; 9]);
        assert_eq!((verdict.shares, verdict.covered, verdict.far), (27, 27, 0));
        assert!(verdict.is_true() && near(verdict.probability, 1.0));
        // In step with the load: the second function is hardly ever seen.
        let in_step = seen([800.0, 100.0, 100.0], 1.0);
        let verdict = Verdict::of(&[exact, in_step]);
        assert_eq!((verdict.covered, verdict.far, verdict.degrees), (4, 2, 4));
        assert!(!verdict.is_true() && verdict.probability < 1e-9);
        // The same is no wonder where the profile claims no more.
        assert_eq!(Verdict::of(&[seen([800.0, 100.0, 100.0], 100.0)]).far, 0);
    }
}
