//! When interpreters are looked into: at random, so that never in step with what they do.

use rustix::rand::{GetRandomFlags, getrandom};

use crate::unit::Nanos;

/// Random intervals around a period; the same for the same seed.
///
/// By SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014.
#[derive(Debug)]
pub(super) struct Intervals {
    state: u64,
    period: Nanos,
}

impl Intervals {
    pub(super) fn new(seed: u64, period: Nanos) -> Self {
        Self { state: seed, period }
    }

    /// From half the period to one and a half of it, all equally likely.
    pub(super) fn next(&mut self) -> Nanos {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // As many periods as the upper half of it says of all its numbers.
        let share = (mixed ^ (mixed >> 31)) >> 32;
        let part = (u128::from(self.period.0) * u128::from(share)) >> 32;
        Nanos((self.period.0 / 2).saturating_add(part as u64))
    }
}

/// A seed that nobody chose.
pub(super) fn any_seed() -> u64 {
    let mut bytes = [0; 8];
    match getrandom(&mut bytes, GetRandomFlags::NONBLOCK) {
        Ok(8) => u64::from_ne_bytes(bytes),
        // Early after the start of a machine: the clock is never twice the same.
        _ => Nanos::now().0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_spread_around_their_period() {
        let drawn = |seed| {
            let mut intervals = Intervals::new(seed, Nanos(1_000_000));
            (0..10_000).map(|_| intervals.next().0).collect::<Vec<u64>>()
        };
        let all = drawn(7);
        assert!(all.iter().all(|interval| (500_000..1_500_000).contains(interval)));
        let mean = all.iter().sum::<u64>() as f64 / all.len() as f64;
        // Four standard errors of 289,000 / 100.
        assert!((mean - 1e6).abs() < 11_600.0, "{mean}");
        let early = all.iter().filter(|interval| **interval < 600_000).count();
        assert!((850..1_150).contains(&early), "{early}");
        assert!(drawn(7) == all && drawn(8) != all);
    }
}
