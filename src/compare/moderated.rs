//! Which functions changed: a paired t test for each, moderated by what is known of all.
//!
//! With few rounds, how a single function scatters between them is hardly known. But how samples
//! scatter is known from their number, and how much more than that functions scatter from all of
//! them together. Student's test with such a variance is that of limma (Smyth 2004) for genes,
//! whose tables are like ours: counts by function and run.

use super::{
    functions::{Family, Functions, Seen},
    robust::{median, squares},
    side::Design,
    student,
};

/// How many degrees of freedom the variance that is known from before weighs.
const PRIOR_DEGREES: f64 = 8.0;
/// The median of the squares of a normal distribution.
const MEDIAN_SQUARE: f64 = 0.454_936;

/// The cost of functions on both sides, and how it scatters, for one family of costs.
pub(super) struct Table<'a> {
    functions: &'a Functions,
    design: Design,
    family: Family,
    /// Cost of all functions, the mean of both sides, in microseconds for each request.
    pub(super) whole: f64,
    /// How much functions scatter beyond their samples, as a variance.
    pub(super) excess: f64,
}

/// What a function, or several together, cost on each side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cost {
    /// Microseconds for each request.
    pub(super) a: f64,
    pub(super) b: f64,
    /// Samples.
    pub(super) samples: [u64; 2],
    /// The change over the mean of both: nearly the logarithm of the ratio where it is small, and
    /// 2 for a function that is new.
    pub(super) relative: f64,
    /// Variance of a round's relative change for its number of samples alone.
    by_samples: f64,
    /// How rounds scatter, with the degrees of freedom of that.
    scatter: Option<(f64, f64)>,
}

/// How sure a relative change is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sureness {
    /// Its standard error.
    pub(super) sd: f64,
    pub(super) degrees: f64,
}

impl Cost {
    pub(super) fn mean(&self) -> f64 {
        f64::midpoint(self.a, self.b)
    }

    pub(super) fn change(&self) -> f64 {
        self.b - self.a
    }
}

impl Sureness {
    /// How often a relative change comes by chance that is this far from `shift`.
    pub(super) fn p(&self, relative: f64, shift: f64) -> f64 {
        student::two_sided_p((relative - shift) / self.sd, self.degrees)
    }

    /// How far the interval of 95 % reaches.
    pub(super) fn reach(&self) -> f64 {
        student::quantile(0.975, self.degrees) * self.sd
    }
}

impl<'a> Table<'a> {
    /// The table of a family; `excess` is still to be found, with [`Table::with_excess`].
    pub(super) fn new(functions: &'a Functions, design: Design, family: Family) -> Self {
        let all = |side: &[Seen]| {
            side.iter().map(|round| round.us_per_sample * round.all as f64).sum::<f64>()
                / side.len() as f64
        };
        let whole = f64::midpoint(all(&functions.a), all(&functions.b));
        // Rounds belong together only where each has samples.
        let pairs = functions.a.len() == functions.b.len();
        let design = if pairs { design } else { Design::Separate };
        Self { functions, design, family, whole, excess: 0.0 }
    }

    /// How much functions scatter beyond their samples: the median over those that count, so that
    /// those that changed do not matter. Without replicates, how far functions lie from each other
    /// stands for how they would scatter: most of them are taken to be unchanged.
    pub(super) fn with_excess(mut self, costs: &[Cost]) -> Self {
        let centre = median(&mut costs.iter().map(|cost| cost.relative).collect::<Vec<_>>());
        let centre = centre.unwrap_or(0.0);
        let excess = |cost: &Cost| match cost.scatter {
            Some((scatter, degrees)) => scatter / median_of_scatter(degrees) - cost.by_samples,
            None => (cost.relative - centre).powi(2) / MEDIAN_SQUARE - cost.by_samples,
        };
        let mut excesses: Vec<f64> = costs.iter().map(excess).collect();
        self.excess = median(&mut excesses).unwrap_or(0.0).max(0.0);
        self
    }

    /// Whether the function at a place is the kernel's.
    pub(super) fn is_kernel(&self, at: usize) -> bool {
        self.functions.names.get(at).is_some_and(|function| function.kernel)
    }

    /// The cost of some functions together.
    pub(super) fn cost(&self, members: &[usize]) -> Cost {
        let Functions { a, b, .. } = self.functions;
        let count = |round: &Seen| -> u64 {
            members.iter().map(|member| round.counts(self.family)[*member]).sum()
        };
        let costs = |side: &[Seen]| -> Vec<f64> {
            side.iter().map(|round| round.us_per_sample * count(round) as f64).collect()
        };
        let mean = |side: &[f64]| side.iter().sum::<f64>() / side.len() as f64;
        let (of_a, of_b) = (costs(a), costs(b));
        let (cost_a, cost_b) = (mean(&of_a), mean(&of_b));
        let middle = f64::midpoint(cost_a, cost_b);
        let relative = if middle > 0.0 { (cost_b - cost_a) / middle } else { 0.0 };
        let per_sample = |side: &[Seen]| {
            side.iter().map(|round| round.us_per_sample).sum::<f64>() / (side.len().pow(2) as f64)
        };
        // Of a share of all samples, so it is nothing for what is always there.
        let rest = (1.0 / middle - 1.0 / self.whole).max(0.0);
        let by_samples = (per_sample(a) + per_sample(b)) * rest * self.rounds();
        Cost {
            a: cost_a,
            b: cost_b,
            samples: [a, b].map(|side| side.iter().map(count).sum()),
            relative,
            by_samples,
            scatter: self.scatter(&of_a, &of_b, middle),
        }
    }

    /// How sure a relative change is.
    pub(super) fn sureness(&self, cost: &Cost) -> Sureness {
        let prior = cost.by_samples + self.excess;
        let (scatter, degrees) = cost.scatter.unwrap_or((0.0, 0.0));
        let all = PRIOR_DEGREES + degrees;
        let variance = (PRIOR_DEGREES * prior + degrees * scatter) / all;
        Sureness { sd: (variance / self.rounds()).sqrt(), degrees: all }
    }

    /// How many pairs of rounds there are; where they are not paired, how many would tell as much.
    fn rounds(&self) -> f64 {
        2.0 / (1.0 / self.functions.a.len() as f64 + 1.0 / self.functions.b.len() as f64)
    }

    /// The variance between rounds of a relative change, with its degrees of freedom.
    fn scatter(&self, a: &[f64], b: &[f64], middle: f64) -> Option<(f64, f64)> {
        let (squares, degrees) = match self.design {
            Design::Interleaved => {
                let relative = |(a, b): (&f64, &f64)| (b - a) / f64::midpoint(*a, *b);
                let rounds = || a.iter().zip(b).filter(|(a, b)| **a + **b > 0.0);
                let centre = mean_change(a, b) / middle;
                // A round with more of the function says more.
                let squares = rounds().map(|(a, b)| {
                    f64::midpoint(*a, *b) / middle * (relative((a, b)) - centre).powi(2)
                });
                (squares.sum::<f64>(), a.len() as f64 - 1.0)
            }
            // A change has the scatter of both sides.
            Design::Turns | Design::Separate => {
                let squares = (squares(a) + squares(b)) / middle.powi(2);
                (2.0 * squares, (a.len() + b.len()) as f64 - 2.0)
            }
        };
        let variance = squares / degrees;
        (degrees > 0.0 && variance.is_finite()).then_some((variance, degrees))
    }
}

fn mean_change(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| b - a).sum::<f64>() / a.len() as f64
}

/// What half of all variances of a sample lie below, over the true one (Wilson and Hilferty 1931).
fn median_of_scatter(degrees: f64) -> f64 {
    (1.0 - 2.0 / (9.0 * degrees)).powi(3)
}
