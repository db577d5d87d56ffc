//! When samples are taken: at random, so that they cannot fall into step with what is sampled.
//!
//! A timer with a fixed period and a server whose requests are all alike beat: samples fall on the
//! same places of each request for seconds. So a timer keeps a period for a few samples only, and
//! then gets another that is drawn anew. Times to draw are random as well.

use crate::{
    random::Random,
    unit::{Hertz, Nanos},
};

/// The shortest and longest period, in mean ones.
const PERIODS: [f64; 2] = [0.5, 1.5];
/// How long a period is kept, at least and at most, in mean ones.
const DWELLS: [f64; 2] = [5.0, 15.0];
/// A mean period over the period of the rate that is asked for. Rates of random periods are a
/// little higher than that of their mean (ln 3 for these), and what is cut off where a period
/// changes costs a little less than that.
const MEAN: f64 = 1.043;

/// Draws periods and how long they are kept.
#[derive(Debug)]
pub(super) struct Rhythm {
    random: Random,
    mean: f64,
}

impl Rhythm {
    /// For so many samples a second; the same seed draws the same.
    pub(super) fn new(hz: Hertz, seed: u32) -> Self {
        let mut rhythm = Self { random: Random::new(seed.into(), 0), mean: 0.0 };
        rhythm.set_rate(hz);
        rhythm
    }

    /// From now on, so many samples a second.
    pub(super) fn set_rate(&mut self, hz: Hertz) {
        self.mean = hz.period().0 as f64 * MEAN;
    }

    /// The next period.
    pub(super) fn period(&mut self) -> Nanos {
        self.between(PERIODS)
    }

    /// How long it is kept.
    pub(super) fn dwell(&mut self) -> Nanos {
        self.between(DWELLS)
    }

    /// One of so many, all equally likely.
    pub(super) fn one_of(&mut self, count: usize) -> usize {
        self.random.up_to(count.saturating_sub(1) as u64) as usize
    }

    /// A number from 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        self.random.unit()
    }

    /// Puts `items` in any order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        self.random.shuffle(items);
    }

    fn between(&mut self, [least, most]: [f64; 2]) -> Nanos {
        Nanos((self.mean * (least + (most - least) * self.random.unit())) as u64)
    }
}

/// A seed that nobody chose.
pub(super) fn any_seed() -> u32 {
    let mut bytes = [0; 4];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::NONBLOCK) {
        Ok(4) => u32::from_ne_bytes(bytes),
        // Early after boot there is no randomness yet; the clock is as good here.
        _ => Nanos::now().0 as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_draws_the_same() {
        let draw = |seed| {
            let mut rhythm = Rhythm::new(Hertz(997), seed);
            (0..8).map(|_| (rhythm.period(), rhythm.dwell())).collect::<Vec<_>>()
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    /// What a timer does that is set to each period in turn.
    #[test]
    fn samples_come_at_the_rate_that_is_asked_for() {
        for hz in [249, 997, 1_997] {
            let mut rhythm = Rhythm::new(Hertz(hz), 42);
            let (mut samples, mut seconds) = (0, 0.0);
            for _ in 0..20_000 {
                let (period, dwell) = (rhythm.period(), rhythm.dwell());
                samples += dwell.0 / period.0;
                seconds += dwell.as_secs_f64();
            }
            let rate = samples as f64 / seconds;
            assert!((rate / f64::from(hz) - 1.0).abs() < 0.01, "{rate} instead of {hz}");
        }
    }

    /// A request of any length is sampled evenly, whether or not that is a multiple of a period.
    #[test]
    fn no_place_of_a_request_is_preferred() {
        for request in [20_000, 100_301, 501_505, 1_003_009, 2_006_018, 5_015_045] {
            let mut rhythm = Rhythm::new(Hertz(997), request as u32);
            let (mut now, mut seen) = (0, [0_u32; 10]);
            for _ in 0..40_000 {
                let (period, dwell) = (rhythm.period().0, rhythm.dwell().0);
                let mut sample = now + period;
                while sample <= now + dwell {
                    seen[(sample % request * 10 / request) as usize] += 1;
                    sample += period;
                }
                now += dwell;
            }
            let all: u32 = seen.iter().sum();
            let off = seen.map(|n| (f64::from(n) * 10.0 / f64::from(all) - 1.0).abs());
            assert!(off.iter().all(|off| *off < 0.02), "{request}: {seen:?}");
        }
    }
}
