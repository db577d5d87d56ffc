//! Means with an interval.

use crate::stats::student;

/// An estimate with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The estimate.
    pub value: f64,
    /// Its interval; none where there are too few observations for one.
    pub ci95: Option<[f64; 2]>,
}

impl Estimate {
    /// The mean of observations, with Student's interval. None without any.
    pub fn mean(observations: &[f64]) -> Option<Self> {
        if observations.is_empty() {
            return None;
        }
        let n = observations.len() as f64;
        let mean = observations.iter().sum::<f64>() / n;
        if observations.len() < 2 {
            return Some(Self { value: mean, ci95: None });
        }
        let squares: f64 = observations.iter().map(|x| (x - mean).powi(2)).sum();
        let standard_error = (squares / (n - 1.0) / n).sqrt();
        let reach = t_quantile_975(observations.len() - 1) * standard_error;
        Some(Self { value: mean, ci95: Some([mean - reach, mean + reach]) })
    }

    /// The ratio of two sums, of amounts that belong together in pairs, with Student's interval from
    /// how far each pair is from it (Cochran, Sampling Techniques, 6.4). None where the second sum
    /// is nothing.
    pub fn ratio(pairs: &[(f64, f64)]) -> Option<Self> {
        let n = pairs.len() as f64;
        let (above, below) = pairs.iter().fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
        let ratio = above / below;
        if !ratio.is_finite() {
            return None;
        }
        if pairs.len() < 2 {
            return Some(Self { value: ratio, ci95: None });
        }
        let squares: f64 = pairs.iter().map(|(a, b)| (a - ratio * b).powi(2)).sum();
        let standard_error = (squares / (n - 1.0) / n).sqrt() / (below / n);
        let reach = t_quantile_975(pairs.len() - 1) * standard_error;
        Some(Self { value: ratio, ci95: Some([ratio - reach, ratio + reach]) })
    }

    /// The geometric mean of amounts or ratios, which multiply, with the interval of its
    /// logarithms. None without any, and where one of them is not a positive number.
    pub fn geometric(observations: impl IntoIterator<Item = f64>) -> Option<Self> {
        let logs: Vec<f64> = observations.into_iter().map(f64::ln).collect();
        let is_sound = logs.iter().all(|log| log.is_finite());
        is_sound.then(|| Self::mean(&logs).map(Self::exp)).flatten()
    }

    /// The estimate of a ratio from one of its logarithm.
    pub fn exp(self) -> Self {
        Self { value: self.value.exp(), ci95: self.ci95.map(|ends| ends.map(f64::exp)) }
    }
}

/// The 97.5 % quantile of Student's t distribution.
pub fn t_quantile_975(degrees_of_freedom: usize) -> f64 {
    student::quantile(0.975, degrees_of_freedom as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (n, expected) in
            [(1, 12.706), (2, 4.303), (3, 3.182), (5, 2.571), (9, 2.262), (30, 2.042)]
        {
            let found = t_quantile_975(n);
            assert!((found / expected - 1.0).abs() < 0.005, "{n}: {found}, not {expected}");
        }
    }

    #[test]
    fn ratios_multiply() {
        let half_and_double = Estimate::geometric([0.5, 2.0]).expect("two ratios");
        assert!((half_and_double.value - 1.0).abs() < 1e-12);
        let [low, high] = half_and_double.ci95.expect("two have an interval");
        assert!((low * high - 1.0).abs() < 1e-9 && low < 0.5 && high > 2.0);
    }

    #[test]
    fn what_is_no_ratio_makes_none() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Estimate::geometric([1.0, wrong]), None);
        }
        assert_eq!(Estimate::geometric([]), None);
    }

    #[test]
    fn a_ratio_of_sums_scatters_as_its_pairs_do() {
        assert_eq!(Estimate::ratio(&[]), None);
        assert_eq!(Estimate::ratio(&[(1.0, 0.0)]), None);
        let one = Estimate { value: 4.0, ci95: None };
        assert_eq!(Estimate::ratio(&[(8.0, 2.0)]), Some(one));
        // Over equal divisors it is the mean of the ratios, and so is its interval.
        let mean = Estimate::mean(&[1.0, 2.0, 3.0]).and_then(|mean| mean.ci95);
        let ratio = Estimate::ratio(&[(10.0, 10.0), (20.0, 10.0), (30.0, 10.0)]);
        let (mean, ratio) = (mean.expect("of three"), ratio.and_then(|it| it.ci95).expect("so"));
        assert!(mean.iter().zip(ratio).all(|(a, b)| (a - b).abs() < 1e-9), "{mean:?} {ratio:?}");
        let exact = Estimate::ratio(&[(3.0, 1.0), (30.0, 10.0)]);
        assert_eq!(exact, Some(Estimate { value: 3.0, ci95: Some([3.0, 3.0]) }));
    }

    #[test]
    fn an_interval_needs_two_observations() {
        assert_eq!(Estimate::mean(&[]), None);
        assert_eq!(Estimate::mean(&[3.0]), Some(Estimate { value: 3.0, ci95: None }));
        let Some(Estimate { value, ci95: Some([low, high]) }) = Estimate::mean(&[1.0, 2.0, 3.0])
        else {
            panic!("three observations have an interval");
        };
        assert!((value - 2.0).abs() < 1e-12);
        // s = 1, so the reach is 4.303 / sqrt(3).
        assert!((high - value - 2.484).abs() < 0.001 && (value - low - 2.484).abs() < 0.001);
    }
}
