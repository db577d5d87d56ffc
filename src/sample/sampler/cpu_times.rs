//! Exact CPU times, apart by what is watched.

use std::ops::{AddAssign, Sub};

use crate::unit::Nanos;

/// Exact CPU times of what is watched, in the order of
/// [`Capture::processes`](crate::sample::Capture::processes). Their sum is the whole: no time is
/// read twice, so nothing is lost or counted double between the parts and the total.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CpuTimes(Vec<Nanos>);

impl CpuTimes {
    /// That of the one at `index`; nothing where that was not watched.
    pub fn of(&self, index: usize) -> Nanos {
        self.0.get(index).copied().unwrap_or_default()
    }

    /// That of all together.
    pub fn total(&self) -> Nanos {
        self.0.iter().copied().sum()
    }

    /// A part of each; `share` is from 0 to 1.
    #[must_use]
    pub fn part(&self, share: f64) -> Self {
        self.0.iter().map(|time| Nanos((time.0 as f64 * share) as u64)).collect()
    }

    pub(super) fn add(&mut self, index: usize, time: Nanos) {
        if self.0.len() <= index {
            self.0.resize(index + 1, Nanos(0));
        }
        if let Some(own) = self.0.get_mut(index) {
            *own += time;
        }
    }
}

impl From<Nanos> for CpuTimes {
    /// Of a single one.
    fn from(time: Nanos) -> Self {
        Self(vec![time])
    }
}

impl FromIterator<Nanos> for CpuTimes {
    fn from_iter<I: IntoIterator<Item = Nanos>>(times: I) -> Self {
        Self(times.into_iter().collect())
    }
}

impl AddAssign<&Self> for CpuTimes {
    fn add_assign(&mut self, other: &Self) {
        for (index, time) in other.0.iter().enumerate() {
            self.add(index, *time);
        }
    }
}

impl Sub<&Self> for CpuTimes {
    type Output = Self;

    fn sub(mut self, earlier: &Self) -> Self {
        for (own, before) in self.0.iter_mut().zip(&earlier.0) {
            *own = own.since(*before);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times(nanos: &[u64]) -> CpuTimes {
        nanos.iter().copied().map(Nanos).collect()
    }

    #[test]
    fn times_are_taken_apart_and_put_together() {
        let before = times(&[100, 7]);
        let after = times(&[150, 7, 30]);
        let slice = after - &before;
        assert_eq!(slice, times(&[50, 0, 30]));
        assert_eq!((slice.of(0), slice.of(2), slice.of(9)), (Nanos(50), Nanos(30), Nanos(0)));
        let mut all = CpuTimes::default();
        all += &slice;
        all += &slice;
        assert_eq!(all, times(&[100, 0, 60]));
    }

    proptest! {
        #[test]
        fn parts_add_up_to_the_total(
            slices in prop::collection::vec(prop::collection::vec(0_u64..1 << 40, 0..4), 0..20),
        ) {
            let mut all = CpuTimes::default();
            let mut total = 0;
            for slice in &slices {
                all += &times(slice);
                total += slice.iter().sum::<u64>();
            }
            prop_assert_eq!(all.total(), Nanos(total));
            prop_assert_eq!((0..4).map(|index| all.of(index)).sum::<Nanos>(), all.total());
        }
    }
}
