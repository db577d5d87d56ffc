//! Samples over time, in bounded memory.
//!
//! Each sample takes a few bytes until the timeline is full; then samples of the same stack and tag in
//! the same span of time are merged, with a span that doubles as often as needed. Counts stay
//! exact, only their times become coarser, and the length tends to the number of distinct stacks.

use super::capture::RawSample;
use crate::unit::Nanos;

/// Samples over time.
#[derive(Debug)]
pub(super) struct Timeline {
    samples: Vec<RawSample>,
    capacity: usize,
    /// Samples of a stack within this span count as simultaneous; zero while all are kept.
    resolution: Nanos,
}

/// Six megabytes: four minutes of one busy CPU at the default frequency, each sample apart.
pub(super) const CAPACITY: usize = 1 << 18;

/// The first span that samples are merged over.
const FIRST_RESOLUTION: Nanos = Nanos(1_000_000);

impl Timeline {
    /// A timeline that keeps up to `capacity` samples apart.
    pub(super) fn new(capacity: usize) -> Self {
        Self { samples: Vec::new(), capacity: capacity.max(1), resolution: Nanos(0) }
    }

    pub(super) fn push(&mut self, sample: RawSample) {
        if self.samples.len() >= self.capacity {
            self.condense();
        }
        self.samples.push(sample);
    }

    pub(super) fn clear(&mut self) {
        self.samples.clear();
        self.resolution = Nanos(0);
    }

    /// The samples in the order of time.
    pub(super) fn into_samples(mut self) -> Vec<RawSample> {
        self.samples.sort_by_key(|sample| sample.time);
        self.samples
    }

    /// Merges until at most half of the capacity is used, or as few are left as there are
    /// distinct stacks, for which the capacity must then make room.
    fn condense(&mut self) {
        let span = self.samples.iter().map(|sample| sample.time).max().unwrap_or_default();
        loop {
            self.merge();
            if self.samples.len() <= self.capacity / 2 || self.resolution > span {
                break;
            }
            self.resolution = Nanos((self.resolution.0 * 2).max(FIRST_RESOLUTION.0));
        }
        if self.samples.len() > self.capacity / 2 {
            self.capacity *= 2;
        }
    }

    /// In place: a map of the samples would take several times their memory.
    fn merge(&mut self) {
        let resolution = self.resolution.0.max(1);
        let key = |sample: &RawSample| {
            (sample.time.0 / resolution, sample.tag, sample.thread, sample.stack)
        };
        // The time comes last, so that the earliest of equals is the one that is kept.
        self.samples.sort_unstable_by_key(|sample| (key(sample), sample.time));
        self.samples.dedup_by(|later, kept| {
            let is_same = key(later) == key(kept);
            if is_same {
                kept.weight += later.weight;
            }
            is_same
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{sample::stacks::RawStackId, unit::Samples};

    fn sample(time: u64, stack: u32) -> RawSample {
        let weight = Samples(1);
        RawSample { time: Nanos(time), thread: 0, stack: RawStackId(stack), weight, tag: 0 }
    }

    fn weigh(timeline: Timeline) -> (usize, u64, bool) {
        let samples = timeline.into_samples();
        let ordered = samples.is_sorted_by_key(|sample| sample.time);
        (samples.len(), samples.iter().map(|sample| sample.weight.0).sum(), ordered)
    }

    #[test]
    fn few_stacks_over_a_long_time_stay_within_the_capacity() {
        let mut timeline = Timeline::new(64);
        for index in 0..1_000_000_u64 {
            timeline.push(sample(index * 1_000_000, index as u32 % 5));
        }
        let (length, weight, ordered) = weigh(timeline);
        assert!(length <= 64, "{length}");
        assert_eq!((weight, ordered), (1_000_000, true));
    }

    #[test]
    fn samples_of_two_tags_are_never_one() {
        let mut timeline = Timeline::new(8);
        for index in 0..10_000_u64 {
            timeline.push(RawSample { tag: index as u16 % 4, ..sample(index, 0) });
        }
        let mut of = [0; 4];
        for sample in timeline.into_samples() {
            of[usize::from(sample.tag)] += sample.weight.0;
        }
        assert_eq!(of, [2_500; 4]);
    }

    proptest! {
        #[test]
        fn no_sample_is_lost_or_invented(
            times in prop::collection::vec((0_u64..1 << 40, 0_u32..50), 0..500),
            capacity in 1_usize..100,
        ) {
            let mut timeline = Timeline::new(capacity);
            for (time, stack) in &times {
                timeline.push(sample(*time, *stack));
            }
            let (_, weight, ordered) = weigh(timeline);
            prop_assert_eq!(weight, times.len() as u64);
            prop_assert!(ordered);
        }
    }
}
