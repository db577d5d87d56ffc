//! When the requests of an open loop are due, by arithmetic alone: nothing that happens under load
//! moves them.

use std::sync::Arc;

use super::{course::Course, random::Random, script::Arrival};
use crate::unit::Nanos;

/// Never.
pub(super) const NEVER: Nanos = Nanos(u64::MAX);

/// One of several that share a load evenly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Its number, from 0.
    pub(super) index: usize,
    /// How many there are.
    pub(super) of: usize,
}

impl Share {
    /// How many of `total` are its own, if they are dealt out one by one.
    pub(super) fn part(self, total: usize) -> usize {
        total.saturating_sub(self.index).div_ceil(self.of.max(1))
    }
}

/// The instants at which the requests of one thread are due, one after the other.
///
/// Requests are numbered over all threads. With constant arrivals, request k is due when the
/// course's integral is k, and the threads have one each in turn: together they keep exact
/// intervals. With Poisson arrivals each thread has a process of its own with its part of the
/// rate; the sum of Poisson processes is one.
///
/// A copy goes through the same instants, which is how requests that wait need no memory: one
/// copy counts what is due, another follows with what is sent.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    course: Arc<Course>,
    /// When the course began.
    origin: Nanos,
    share: Share,
    /// The gaps of a Poisson process; none for constant arrivals.
    random: Option<Random>,
    /// The integral of the course at the next request.
    place: f64,
    next: Nanos,
}

impl Arrivals {
    /// No requests, until [`Arrivals::begin`].
    pub(super) fn new(course: Arc<Course>, share: Share, arrival: Arrival, seed: u64) -> Self {
        let random = match arrival {
            Arrival::Constant => None,
            Arrival::Poisson => Some(Random::new(seed, share.index as u64)),
        };
        Self { course, origin: Nanos(0), share, random, place: 0.0, next: NEVER }
    }

    /// Goes to the first request not before `now` of `course`, which began at `origin`.
    pub(super) fn begin(&mut self, course: Arc<Course>, origin: Nanos, now: Nanos) {
        self.course = course;
        self.origin = origin;
        let passed = self.course.total(now.since(origin));
        let (first, stride) = (self.share.index as f64, self.share.of as f64);
        self.place = match &mut self.random {
            None => first + ((passed - first) / stride).ceil().max(0.0) * stride,
            // What is left of a gap is distributed like a whole one.
            Some(random) => passed + random.exponential() * stride,
        };
        self.next = now;
        self.find();
    }

    /// When the next request is due; at the end of time if none is.
    pub(super) fn next(&self) -> Nanos {
        self.next
    }

    /// Goes to the one after it.
    pub(super) fn advance(&mut self) {
        let stride = self.share.of as f64;
        self.place += match &mut self.random {
            None => stride,
            Some(random) => random.exponential() * stride,
        };
        self.find();
    }

    /// Rounding never lets the time go back.
    fn find(&mut self) {
        let instant = self.course.instant_of(self.place).map(|instant| self.origin + instant);
        self.next = instant.unwrap_or(NEVER).max(self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn arrivals(rate: f64, share: Share, arrival: Arrival) -> Arrivals {
        Arrivals::new(Arc::new(Course::steady(rate)), share, arrival, 42)
    }

    fn take(arrivals: &mut Arrivals, count: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(arrivals.next().0);
            arrivals.advance();
        }
        taken
    }

    fn begun(rate: f64, share: Share, arrival: Arrival, origin: u64, now: u64) -> Arrivals {
        let mut arrivals = arrivals(rate, share, arrival);
        let course = Arc::clone(&arrivals.course);
        arrivals.begin(course, Nanos(origin), Nanos(now));
        arrivals
    }

    #[test]
    fn a_share_is_dealt_one_by_one() {
        let parts = |total| [0, 1, 2].map(|index| Share { index, of: 3 }.part(total));
        assert_eq!(parts(0), [0, 0, 0]);
        assert_eq!(parts(2), [1, 1, 0]);
        assert_eq!(parts(7), [3, 2, 2]);
    }

    #[test]
    fn nothing_is_due_before_the_beginning_or_without_a_rate() {
        let share = Share { index: 0, of: 1 };
        assert_eq!(arrivals(10.0, share, Arrival::Constant).next(), NEVER);
        assert_eq!(begun(0.0, share, Arrival::Poisson, 0, 5).next(), NEVER);
    }

    #[test]
    fn threads_keep_one_exact_interval_together() {
        let origin = 7 * SECOND;
        let mut all: Vec<u64> = (0..3)
            .map(|index| begun(1000.0, Share { index, of: 3 }, Arrival::Constant, origin, origin))
            .flat_map(|mut arrivals| take(&mut arrivals, 100))
            .collect();
        all.sort_unstable();
        let expected: Vec<u64> = (0..300).map(|k| origin + k * SECOND / 1000).collect();
        assert_eq!(all, expected);
    }

    #[test]
    fn what_was_due_during_a_pause_is_left_out() {
        let share = Share { index: 1, of: 2 };
        let mut late = begun(10.0, share, Arrival::Constant, SECOND, 2 * SECOND + 1);
        assert_eq!(take(&mut late, 2), [2 * SECOND + SECOND / 10, 2 * SECOND + 3 * SECOND / 10]);
        let mut poisson = begun(10.0, share, Arrival::Poisson, SECOND, 2 * SECOND);
        assert!(take(&mut poisson, 1)[0] >= 2 * SECOND);
    }

    #[test]
    fn independent_arrivals_have_the_rate_and_the_spread_of_a_poisson_process() {
        let mut both: Vec<u64> = (0..2)
            .map(|index| begun(1000.0, Share { index, of: 2 }, Arrival::Poisson, 0, 0))
            .flat_map(|mut arrivals| take(&mut arrivals, 12_000))
            .filter(|at| *at < 20 * SECOND)
            .collect();
        both.sort_unstable();
        assert!((19_300..20_700).contains(&both.len()), "{}", both.len());
        // In each tenth of a second, mean and variance are the same.
        let mut counts = vec![0_f64; 200];
        for at in both {
            counts[(at / (SECOND / 10)) as usize] += 1.0;
        }
        let mean = counts.iter().sum::<f64>() / 200.0;
        let variance = counts.iter().map(|n| (n - mean).powi(2)).sum::<f64>() / 199.0;
        assert!((0.6..1.5).contains(&(variance / mean)), "{}", variance / mean);
    }

    #[test]
    fn a_copy_goes_through_the_same_instants() {
        let mut due = begun(500.0, Share { index: 0, of: 1 }, Arrival::Poisson, 0, 0);
        let mut sent = due.clone();
        assert_eq!(take(&mut due, 50), take(&mut sent, 50));
    }
}
