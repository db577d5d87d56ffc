//! [`Change`]: what became of a metric, and its verdict.

use serde::{Deserialize, Serialize};

use super::{
    estimate::{Basis, Estimate, estimate, figure},
    floor::Options,
    metric::Metric,
    robust::mean,
    side::{Design, Pair, Round},
    words,
};

/// What became of a metric from A to B.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The metric.
    pub metric: Metric,
    /// What A had as a whole, the mean over its rounds.
    pub a: f64,
    /// What B had.
    pub b: f64,
    /// B over A, of typical slices and rounds.
    pub ratio: f64,
    /// Its 95 % interval; none where nothing is known of how it scatters.
    pub ci95: Option<[f64; 2]>,
    /// What the interval rests on.
    pub basis: Option<Basis>,
    /// How many rounds there are of A and of B.
    pub rounds: [usize; 2],
    /// A change up to this share is none.
    pub tolerance: f64,
    /// What can be said.
    pub verdict: Verdict,
    /// A change of this share would have got a verdict in 95 of 100 comparisons.
    pub visible: Option<f64>,
    /// What a reader of the figures must know.
    pub remark: Option<String>,
}

/// What can be said of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is surely worse, by more than the tolerance.
    Regressed,
    /// It is surely better, by more than the tolerance.
    Improved,
    /// If it changed, then surely by less than the tolerance.
    Equivalent,
    /// None of these is sure.
    Inconclusive,
}

/// Totals and typical slices may differ by this share of the tolerance and still be equivalent.
const FAR: f64 = 0.5;

impl Change {
    /// Compares a metric; none where a side has no figure of it.
    pub(super) fn of(pair: &Pair, metric: Metric, options: &Options) -> Option<Self> {
        let estimate = estimate(pair, metric, options)?;
        let Estimate { value, error } = estimate;
        let tail = options.tail();
        let ends = error.map(|error| error.reach(tail)).map(|reach| [value - reach, value + reach]);
        let figures = |rounds: &[Round]| -> Vec<f64> {
            rounds.iter().filter_map(|round| figure(round, metric)).collect()
        };
        let (of_a, of_b) = (figures(&pair.a.rounds), figures(&pair.b.rounds));
        if of_a.is_empty() || of_b.is_empty() {
            return None;
        }
        let limit = options.log_tolerance(metric, of_a.len().min(of_b.len()));
        let mut change = Self {
            metric,
            a: mean(&of_a),
            b: mean(&of_b),
            ratio: value.exp(),
            ci95: ends.map(|ends| ends.map(f64::exp)).filter(is_finite),
            basis: error.map(|error| error.basis),
            rounds: [of_a.len(), of_b.len()],
            tolerance: limit.exp_m1(),
            verdict: ends.map_or(Verdict::Inconclusive, |ends| verdict(metric, ends, limit)),
            visible: error
                .map(|error| (limit + error.visible(tail)).exp_m1())
                .filter(|share| share.is_finite()),
            remark: None,
        };
        change.doubt(pair);
        Some(change)
    }

    /// Takes back what must not be said.
    fn doubt(&mut self, pair: &Pair) {
        let total = self.b / self.a;
        let apart = (total / self.ratio).ln().abs();
        let is_outside = self.ci95.is_some_and(|[low, high]| !(low..=high).contains(&total));
        // A cost that comes in bursts is not in the typical slices.
        if is_outside && apart > self.tolerance.ln_1p() * FAR && self.verdict == Verdict::Equivalent
        {
            self.verdict = Verdict::Inconclusive;
        }
        self.remark = self.of_whole(total, is_outside || apart > self.tolerance.ln_1p());
        if self.ci95.is_none() {
            let figure = if self.rounds == [1, 1] { "one figure" } else { "figures" };
            let apart = if pair.design == Design::Separate { " at different times" } else { "" };
            let whole = self.remark.take().map(|whole| format!("; {whole}")).unwrap_or_default();
            self.remark = Some(format!("{figure} on each side{apart}{whole}"));
        }
        if pair.a.invalid.is_some() || pair.b.invalid.is_some() {
            self.verdict = Verdict::Inconclusive;
            self.remark = Some("figures that are not valid have no verdict".to_owned());
        }
    }

    /// Why the figures of A and B are not as far apart as the change is, where that `is_seen` and
    /// not only a matter of the last digit.
    fn of_whole(&self, total: f64, is_seen: bool) -> Option<String> {
        let shown = words::percent(total);
        let why = match self.metric {
            // They have no slices.
            Metric::Memory | Metric::Switches => "the change is that of typical rounds",
            _ => "the change is that of typical slices, and a few are far from them",
        };
        let differs = is_seen && shown != words::percent(self.ratio);
        differs.then(|| format!("B as a whole has {shown}: {why}"))
    }

    /// Whether it is surely more or less, however little: more is true.
    pub fn direction(&self) -> Option<bool> {
        let [low, high] = self.ci95?;
        (low > 1.0 || high < 1.0).then_some(low > 1.0)
    }
}

fn is_finite(ends: &[f64; 2]) -> bool {
    ends.iter().all(|end| end.is_finite())
}

fn verdict(metric: Metric, [low, high]: [f64; 2], limit: f64) -> Verdict {
    let (more, less) = match metric.is_cost() {
        true => (Verdict::Regressed, Verdict::Improved),
        false => (Verdict::Improved, Verdict::Regressed),
    };
    match () {
        () if low > limit => more,
        () if high < -limit => less,
        () if low > -limit && high < limit => Verdict::Equivalent,
        () => Verdict::Inconclusive,
    }
}
