//! Zipf's distribution: a few values are asked for often, most of them seldom.

use crate::load::random::Random;

/// Ranks from 0 to `last`, the k-th of them with a probability in proportion to 1 / k^exponent.
///
/// Drawn by rejection-inversion, without a table however many ranks there are: Hörmann and
/// Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions",
/// 1996. The names of the constants are the paper's.
#[derive(Debug, Clone)]
pub(super) struct Zipf {
    count: f64,
    exponent: f64,
    h_first: f64,
    h_last: f64,
    shortcut: f64,
}

impl Zipf {
    pub(super) fn new(last: u64, exponent: f64) -> Self {
        let mut zipf =
            Self { count: last as f64 + 1.0, exponent, h_first: 0.0, h_last: 0.0, shortcut: 0.0 };
        zipf.h_first = zipf.integral(1.5) - 1.0;
        zipf.h_last = zipf.integral(zipf.count + 0.5);
        zipf.shortcut = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.height(2.0));
        zipf
    }

    /// A rank from 0.
    pub(super) fn draw(&self, random: &mut Random) -> u64 {
        loop {
            let area = self.h_last + random.unit() * (self.h_first - self.h_last);
            let x = self.inverse(area);
            let k = x.round().clamp(1.0, self.count);
            if k - x <= self.shortcut || area >= self.integral(k + 0.5) - self.height(k) {
                return k as u64 - 1;
            }
        }
    }

    /// 1 / x^exponent.
    fn height(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of `height` from 1 to x.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        let power = (1.0 - self.exponent) * log;
        // (e^p - 1) / p, which tends to 1.
        let factor = if power.abs() > 1e-8 { power.exp_m1() / power } else { 1.0 + power / 2.0 };
        factor * log
    }

    /// The x with `integral(x) == area`.
    fn inverse(&self, area: f64) -> f64 {
        let power = (area * (1.0 - self.exponent)).max(-1.0);
        // ln(1 + p) / p, which tends to 1.
        let factor = if power.abs() > 1e-8 { power.ln_1p() / power } else { 1.0 - power / 2.0 };
        (factor * area).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shares of the first ranks are those that the formula says, within a percent point.
    #[track_caller]
    fn check(last: u64, exponent: f64) {
        const DRAWS: u32 = 50_000;
        let (zipf, mut random) = (Zipf::new(last, exponent), Random::new(3, 0));
        let mut seen = [0_u32; 3];
        for _ in 0..DRAWS {
            let rank = zipf.draw(&mut random);
            assert!(rank <= last, "{rank} of {last}");
            if let Some(count) = seen.get_mut(rank as usize) {
                *count += 1;
            }
        }
        let weight = |rank: u64| ((rank + 1) as f64).powf(-exponent);
        let total: f64 = (0..=last).map(weight).sum();
        for (rank, count) in seen.iter().enumerate().take(last as usize + 1) {
            let (share, wanted) =
                (f64::from(*count) / f64::from(DRAWS), weight(rank as u64) / total);
            assert!((share - wanted).abs() < 0.01, "rank {rank}: {share}, not {wanted}");
        }
    }

    #[test]
    fn the_shares_are_those_of_the_formula() {
        check(0, 1.0);
        check(1, 1.0);
        check(99, 1.0);
        check(9_999, 1.2);
        check(9_999, 0.8);
        check(99_999, 3.0);
    }

    #[test]
    fn any_number_of_ranks_can_be_drawn_from() {
        let (zipf, mut random) = (Zipf::new(u64::MAX, 0.5), Random::new(3, 0));
        for _ in 0..1_000 {
            zipf.draw(&mut random);
        }
    }
}
