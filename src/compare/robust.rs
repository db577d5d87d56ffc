//! Where observations lie, whatever a few of them say.

use super::student;

/// Fewer observations have no interval of 95 % by their ranks.
const RANKED_MIN: usize = 6;

/// Where observations lie, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Location {
    /// The Hodges-Lehmann estimate: the median of the means of all pairs.
    pub(super) value: f64,
    /// Its variance; none where a single observation tells nothing of it.
    pub(super) variance: Option<f64>,
    /// How many observations there were.
    pub(super) count: usize,
}

impl Location {
    /// Of observations that scatter to both sides alike. None without any.
    ///
    /// A stalled slice moves a mean by as much as it is late, this by no more than its rank: up to
    /// 29 % of the observations may be anywhere. Of a normal distribution it is nearly as good as
    /// the mean (95 %), and of a symmetric one its median, so it has no bias.
    pub(super) fn of(observations: &[f64]) -> Option<Self> {
        let count = observations.len();
        let mut means = walsh(observations);
        let value = median(&mut means)?;
        let variance = if count >= RANKED_MIN {
            Some(by_ranks(&means, count))
        } else {
            (count > 1).then(|| sample_variance(observations) / count as f64)
        };
        Some(Self { value, variance, count })
    }
}

/// The means of all pairs, each observation with itself too.
fn walsh(observations: &[f64]) -> Vec<f64> {
    let pairs = |(i, a): (usize, &f64)| {
        let a = *a;
        observations[i..].iter().map(move |b| f64::midpoint(a, *b))
    };
    observations.iter().enumerate().flat_map(pairs).collect()
}

/// The variance that makes an interval as wide as that of the signed ranks (Hollander, Wolfe and
/// Chicken, Nonparametric Statistical Methods, section 3.3, with the normal approximation).
/// `means` are sorted.
fn by_ranks(means: &[f64], count: usize) -> f64 {
    let n = count as f64;
    let z = student::quantile(0.975, f64::INFINITY);
    let half = n * (n + 1.0) / 4.0 - z * (n * (n + 1.0) * (2.0 * n + 1.0) / 24.0).sqrt();
    let outside = (half.floor().max(0.0) as usize).min((means.len() - 1) / 2);
    let width = means[means.len() - 1 - outside] - means[outside];
    (width / 2.0 / z).powi(2)
}

/// The median of values, which are sorted by it.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 0 => Some(f64::midpoint(values[middle - 1], values[middle])),
        _ => Some(values[middle]),
    }
}

/// The value with half of the weight on each side; between two where the weight splits evenly.
pub(super) fn weighted_median(values: &mut [(f64, f64)]) -> Option<f64> {
    values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = values.iter().map(|(_, weight)| weight).sum::<f64>() / 2.0;
    let mut below = 0.0;
    for (at, (value, weight)) in values.iter().enumerate() {
        below += weight;
        let is_split = (below - half).abs() <= half * 1e-12;
        match values.get(at + 1) {
            Some((next, _)) if is_split => return Some(f64::midpoint(*value, *next)),
            _ if below >= half => return Some(*value),
            _ => {}
        }
    }
    None
}

/// The mean; not a number without any values.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sum of the squares of the distances from the mean.
pub(super) fn squares(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|value| (value - mean).powi(2)).sum()
}

fn sample_variance(values: &[f64]) -> f64 {
    squares(values) / (values.len() as f64 - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_pairs_by_hand() {
        // Walsh averages of 1, 2, 6: 1, 1.5, 3.5, 2, 4, 6.
        let location = Location::of(&[6.0, 1.0, 2.0]).expect("there are some");
        assert_eq!(location.value, 2.75);
        // About their mean of 3, the squares are 4, 1 and 9; over n - 1, and that over n.
        assert!((location.variance.expect("three scatter") - 14.0 / 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(Location::of(&[]), None);
        let one = Location::of(&[5.0]).expect("there is one");
        assert_eq!((one.value, one.variance), (5.0, None));
    }

    #[test]
    fn one_stalled_slice_hardly_moves_it() {
        let mut slices: Vec<f64> = (0..20).map(|i| f64::from(i % 5) * 0.01).collect();
        let before = Location::of(&slices).expect("there are some");
        slices[7] = 3.0;
        let after = Location::of(&slices).expect("there are some");
        assert!((after.value - before.value).abs() < 0.003, "{before:?} {after:?}");
        assert!((mean(&slices) - before.value).abs() > 0.1);
        let sd = |location: Location| location.variance.expect("20 scatter").sqrt();
        assert!(sd(after) < 1.5 * sd(before), "{before:?} {after:?}");
    }

    #[test]
    fn ranks_give_the_width_that_the_tables_give() {
        // For n = 10, the normal approximation leaves out 8 averages at each end (55 in all).
        let observations: Vec<f64> = (0..10).map(f64::from).collect();
        let mut means = walsh(&observations);
        let _ = median(&mut means);
        let width = means[54 - 8] - means[8];
        let sd = Location::of(&observations).expect("ten").variance.expect("ten").sqrt();
        assert!((sd * 2.0 * 1.96 - width).abs() < 0.001 * width);
    }

    #[test]
    fn weight_decides_the_weighted_median() {
        assert_eq!(weighted_median(&mut [(3.0, 1.0), (1.0, 1.0), (2.0, 5.0)]), Some(2.0));
        assert_eq!(weighted_median(&mut [(1.0, 2.0), (2.0, 1.0), (4.0, 1.0)]), Some(1.5));
        assert_eq!(weighted_median(&mut [(-4.0, 1.0), (-2.0, 1.0), (-1.0, 2.0)]), Some(-1.5));
        assert_eq!(weighted_median(&mut []), None);
    }
}
