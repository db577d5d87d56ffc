//! Random numbers that are the same for the same seed, on every machine and in every version.

use std::time::Duration;

use crate::unit::Nanos;

/// The generator `SplitMix64`: Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators", 2014. Good enough to choose requests, and no dependency can change it.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The stream number `stream` of those that `seed` begins.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut seeds = Self(seed);
        let first = seeds.next();
        Self(first ^ Self(stream).next())
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `last`, all equally likely.
    pub(crate) fn up_to(&mut self, last: u64) -> u64 {
        let Some(count) = last.checked_add(1) else {
            return self.next();
        };
        // The numbers above the last whole multiple would make the first ones likelier.
        let fair = u64::MAX - (u64::MAX % count + 1) % count;
        loop {
            let number = self.next();
            if number <= fair {
                return number % count;
            }
        }
    }

    /// A number from 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // A double has 53 bits of precision.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A time between both.
    pub(crate) fn between(&mut self, min: Duration, max: Duration) -> Nanos {
        let (min, max) = (Nanos::from(min), Nanos::from(max));
        min + Nanos(self.up_to(max.since(min).0))
    }

    /// A number of the exponential distribution with mean 1.
    pub(crate) fn exponential(&mut self) -> f64 {
        -(1.0 - self.unit()).ln()
    }

    /// Puts `items` in any order, all equally likely.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.up_to(last as u64) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_paper() {
        // The first numbers of the generator begun with 0, as its authors' program prints them.
        let mut random = Random(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn streams_and_seeds_differ() {
        let first = |seed, stream| Random::new(seed, stream).next();
        assert_eq!(first(42, 0), first(42, 0));
        assert_ne!(first(42, 0), first(42, 1));
        assert_ne!(first(42, 0), first(43, 0));
    }

    #[test]
    fn numbers_stay_within_their_range_and_reach_its_ends() {
        let mut random = Random::new(1, 0);
        let mut seen = [0; 6];
        for _ in 0..6_000 {
            seen[random.up_to(5) as usize] += 1;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
        assert_eq!(random.up_to(0), 0);
        random.up_to(u64::MAX);
    }

    #[test]
    fn a_shuffle_loses_nothing() {
        let mut items: Vec<u32> = (0..100).collect();
        Random::new(7, 0).shuffle(&mut items);
        assert!(!items.is_sorted());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn means_are_what_they_should_be() {
        let mut random = Random::new(7, 0);
        let (min, max) = (Duration::from_millis(10), Duration::from_millis(30));
        let (mut gaps, mut times) = (0.0, 0.0);
        for _ in 0..20_000 {
            gaps += random.exponential() / 20_000.0;
            let time = Duration::from(random.between(min, max));
            assert!((min..=max).contains(&time), "{time:?}");
            times += time.as_secs_f64() / 20_000.0;
        }
        assert!((gaps - 1.0).abs() < 0.05, "{gaps}");
        assert!((times - 0.02).abs() < 0.001, "{times}");
        assert_eq!(random.between(max, min), max.into());
    }
}
