//! Which period a sample stands for, and which part of the time was sampled at all.

use std::collections::VecDeque;

use crate::unit::Nanos;

/// The periods that were in force, by ring. The kernel's records do not have them: after a change
/// they go on stating the first one.
#[derive(Debug)]
pub(super) struct Periods {
    rings: Vec<VecDeque<Change>>,
    /// How long timers ran, and how much of that lies between two ticks of one.
    ran: Nanos,
    covered: Nanos,
}

/// A period and since when it is in force.
#[derive(Debug, Clone, Copy)]
struct Change {
    at: Nanos,
    period: Nanos,
}

impl Periods {
    /// The same period for every ring.
    pub(super) fn of(rings: usize, period: Nanos) -> Self {
        let first = VecDeque::from([Change { at: Nanos(0), period }]);
        Self { rings: vec![first; rings], ran: Nanos(0), covered: Nanos(0) }
    }

    /// A ring's samples stand for another period from now on.
    pub(super) fn set(&mut self, ring: usize, period: Nanos, at: Nanos) {
        if let Some(changes) = self.rings.get_mut(ring) {
            changes.push_back(Change { at, period });
        }
    }

    /// The same for all rings.
    pub(super) fn set_all(&mut self, period: Nanos, at: Nanos) {
        (0..self.rings.len()).for_each(|ring| self.set(ring, period, at));
    }

    /// What a sample stands for; to be asked in the order of time.
    pub(super) fn at(&mut self, ring: usize, time: Nanos) -> Nanos {
        let Some(changes) = self.rings.get_mut(ring) else { return Nanos(0) };
        while changes.get(1).is_some_and(|next| next.at <= time) {
            changes.pop_front();
        }
        changes.front().map(|change| change.period).unwrap_or_default()
    }

    /// A timer ran for so long, of which so much lies between two of its ticks: the rest is of an
    /// interval that was cut off.
    pub(super) fn ran(&mut self, ran: Nanos, covered: Nanos) {
        self.ran += ran;
        self.covered += covered;
    }

    /// Forgets how long timers ran.
    pub(super) fn begin_window(&mut self) {
        (self.ran, self.covered) = (Nanos(0), Nanos(0));
    }

    /// The part of the time that samples can stand for, above 0 and at most 1.
    pub(super) fn duty(&self) -> f64 {
        let duty = self.covered.as_secs_f64() / self.ran.as_secs_f64();
        if duty.is_finite() && duty > 0.0 { duty.min(1.0) } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_stands_for_the_period_that_was_in_force() {
        let mut periods = Periods::of(2, Nanos(10));
        periods.set(0, Nanos(7), Nanos(100));
        periods.set(0, Nanos(5), Nanos(200));
        assert_eq!(periods.at(0, Nanos(99)), Nanos(10));
        assert_eq!(periods.at(1, Nanos(150)), Nanos(10));
        assert_eq!(periods.at(0, Nanos(100)), Nanos(7));
        assert_eq!(periods.at(0, Nanos(300)), Nanos(5));
        assert_eq!(periods.at(9, Nanos(300)), Nanos(0));
        periods.set_all(Nanos(3), Nanos(400));
        assert_eq!((periods.at(0, Nanos(400)), periods.at(1, Nanos(400))), (Nanos(3), Nanos(3)));
    }

    #[test]
    fn what_is_cut_off_is_no_part_of_the_time() {
        let mut periods = Periods::of(1, Nanos(10));
        assert_eq!(periods.duty(), 1.0);
        periods.ran(Nanos(100), Nanos(90));
        periods.ran(Nanos(100), Nanos(100));
        assert!((periods.duty() - 0.95).abs() < 1e-9);
        periods.begin_window();
        assert_eq!(periods.duty(), 1.0);
    }
}
