//! Ratios between two sides, over blocks.

use flameload::measure::Estimate;

/// The geometric mean of ratios, with its 95 % interval: ratios multiply. None without any, and
/// where one of them is not a positive number.
pub(crate) fn geometric(ratios: impl Iterator<Item = f64>) -> Option<Estimate> {
    let logs: Vec<f64> = ratios.map(f64::ln).collect();
    let is_sound = logs.iter().all(|log| log.is_finite());
    is_sound.then(|| Estimate::mean(&logs).map(Estimate::exp)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_multiply() {
        let half_and_double = geometric([0.5, 2.0].into_iter()).expect("two ratios");
        assert!((half_and_double.value - 1.0).abs() < 1e-12);
        let [low, high] = half_and_double.ci95.expect("two have an interval");
        assert!((low * high - 1.0).abs() < 1e-9 && low < 0.5 && high > 2.0);
    }

    #[test]
    fn what_is_no_ratio_makes_none() {
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(geometric([1.0, wrong].into_iter()), None);
        }
        assert_eq!(geometric(std::iter::empty()), None);
    }
}
