//! When which connection is opened: paced, and later and later the more often it fails.

use std::{cmp::Reverse, collections::BinaryHeap};

use crate::{load::random::Random, unit::Nanos};

/// Delay before a first retry; it doubles with each failure.
const FIRST: Nanos = Nanos(1_000_000);
const LONGEST: Nanos = Nanos(1_000_000_000);
/// At most so many connections are opened in one `PACE`: a queue of 128 waiting connections,
/// which many servers have, must not overflow before the server gets to run.
pub(in crate::load) const BURST: u32 = 16;
const PACE: Nanos = Nanos(1_000_000);

/// The connections that wait to be opened.
#[derive(Debug)]
pub(in crate::load) struct Openings {
    waiting: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// Openings left in this pace, and when the next begins.
    budget: u32,
    next_pace: Nanos,
    untried: Vec<bool>,
    random: Random,
}

impl Openings {
    /// All connections are due now; `random` decides the jitter.
    pub(in crate::load) fn of_all(connections: usize, now: Nanos, random: Random) -> Self {
        Self {
            waiting: (0..connections).map(|slot| Reverse((now, slot))).collect(),
            budget: BURST,
            next_pace: now,
            untried: vec![true; connections],
            random,
        }
    }

    /// When the next one may be opened.
    pub(in crate::load) fn next_due(&self) -> Option<Nanos> {
        let Reverse((due, _)) = self.waiting.peek()?;
        Some(if self.budget == 0 { self.next_pace.max(*due) } else { *due })
    }

    /// A connection to be opened at `now`, if one is due.
    pub(in crate::load) fn take_due(&mut self, now: Nanos) -> Option<usize> {
        if self.waiting.peek()?.0.0 > now {
            return None;
        }
        if self.next_pace <= now {
            self.budget = BURST;
            self.next_pace = now + PACE;
        }
        self.budget = self.budget.checked_sub(1)?;
        self.waiting.pop().map(|Reverse((_, slot))| slot)
    }

    /// Schedules a connection that has failed so many times in a row.
    ///
    /// The delay is drawn from the upper half of 2^(failures - 1) ms, and 1 s at most, so that
    /// connections that failed together do not come back together.
    pub(in crate::load) fn back_off(&mut self, slot: usize, failures: u32, now: Nanos) {
        let doublings = failures.saturating_sub(1).min(10);
        let delay = (FIRST.0 << doublings).min(LONGEST.0);
        let jittered = delay / 2 + self.random.up_to(delay / 2);
        self.waiting.push(Reverse((now + Nanos(jittered), slot)));
    }

    /// Notes the end of an attempt; tells whether it was the connection's first.
    pub(in crate::load) fn note_tried(&mut self, slot: usize) -> bool {
        self.untried.get_mut(slot).is_some_and(std::mem::take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(openings: &mut Openings, now: Nanos) -> Vec<usize> {
        std::iter::from_fn(|| openings.take_due(now)).collect()
    }

    #[test]
    fn openings_come_in_bursts() {
        let mut openings = Openings::of_all(40, Nanos(5), Random::new(7, 0));
        assert_eq!(openings.next_due(), Some(Nanos(5)));
        assert_eq!(take_all(&mut openings, Nanos(5)), (0..16).collect::<Vec<_>>());
        assert_eq!(openings.next_due(), Some(Nanos(5) + PACE));
        assert_eq!(take_all(&mut openings, Nanos(6)), Vec::<usize>::new());
        assert_eq!(take_all(&mut openings, Nanos(5) + PACE).len(), 16);
        assert_eq!(take_all(&mut openings, Nanos(1) + LONGEST).len(), 8);
        assert_eq!(openings.next_due(), None);
    }

    #[test]
    fn delays_double_up_to_a_second() {
        let mut openings = Openings::of_all(1, Nanos(0), Random::new(7, 0));
        assert_eq!(take_all(&mut openings, Nanos(0)), [0]);
        for (failures, longest_ms) in [(1, 1), (2, 2), (5, 16), (10, 512), (11, 1000), (99, 1000)] {
            openings.back_off(0, failures, Nanos(0));
            let due = openings.next_due().expect("it waits").0;
            let longest = longest_ms * 1_000_000;
            assert!((longest / 2..=longest).contains(&due), "{failures}: {due}");
            openings.waiting.clear();
        }
    }
}
