//! Student's t distribution, as far as intervals and tests need it.

use statrs::distribution::{ContinuousCDF, StudentsT};

/// From so many degrees of freedom on, it is the normal distribution to four digits.
const DEGREES_MAX: f64 = 1e4;

/// The value that a share `p` of Student's distribution lies below. Infinite without a degree of
/// freedom: then nothing is known.
pub(crate) fn quantile(p: f64, degrees: f64) -> f64 {
    student(degrees).map_or(f64::INFINITY, |student| student.inverse_cdf(p))
}

/// How often a value at least this far from 0, to either side, comes by chance.
pub(crate) fn two_sided_p(t: f64, degrees: f64) -> f64 {
    let tail = |student: StudentsT| 2.0 * student.cdf(-t.abs());
    student(degrees).filter(|_| t.is_finite()).map_or(1.0, tail).min(1.0)
}

fn student(degrees: f64) -> Option<StudentsT> {
    let degrees = degrees.min(DEGREES_MAX);
    (degrees > 0.0).then(|| StudentsT::new(0.0, 1.0, degrees).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (degrees, expected) in
            [(1.0, 12.706), (2.0, 4.303), (4.0, 2.776), (9.0, 2.262), (30.0, 2.042), (1e9, 1.960)]
        {
            let found = quantile(0.975, degrees);
            assert!((found - expected).abs() < 0.0006, "{degrees}: {found}, not {expected}");
        }
        assert_eq!(quantile(0.975, 0.0), f64::INFINITY);
    }

    #[test]
    fn a_value_at_the_quantile_comes_once_in_twenty() {
        for degrees in [1.0, 7.5, 300.0] {
            let at = quantile(0.975, degrees);
            assert!((two_sided_p(at, degrees) - 0.05).abs() < 1e-6);
            assert!((two_sided_p(-at, degrees) - 0.05).abs() < 1e-6);
        }
        assert_eq!(two_sided_p(0.0, 5.0), 1.0);
        assert_eq!(two_sided_p(9.0, 0.0), 1.0);
        assert_eq!(two_sided_p(f64::NAN, 5.0), 1.0);
    }
}
