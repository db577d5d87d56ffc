//! The closed loop: which connections take part, and how long each waits between two requests.

use std::{cmp::Reverse, collections::BinaryHeap, ops::Range, sync::Arc};

use crate::{
    load::{
        course::Course,
        random::Random,
        schedule::{NEVER, Share},
        script::Think,
    },
    unit::Nanos,
};

/// What decides when a connection of a closed loop sends its next request.
#[derive(Debug)]
pub(in crate::load) struct Closed {
    think: Think,
    random: Random,
    share: Share,
    course: Arc<Course>,
    /// When the course began.
    origin: Nanos,
    /// Places from this one on take no part at present.
    active: usize,
    /// The places of a connection: it has one for each request under way at once.
    width: usize,
    /// When that may change; at the end of time if never.
    next_change: Nanos,
    /// Connections that think, by the end of that.
    thinking: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// Until when each connection thinks: what is in the heap besides is out of date.
    until: Vec<Nanos>,
}

/// What a connection without a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::load) enum Turn {
    /// It sends one.
    Now,
    /// It waits, to think or to take part again.
    Later,
}

impl Closed {
    pub(in crate::load) fn new(
        think: Think,
        random: Random,
        share: Share,
        course: Arc<Course>,
        connections: usize,
        width: usize,
    ) -> Self {
        let thoughtful = if think == Think::None { 0 } else { connections * width };
        Self {
            think,
            random,
            share,
            course,
            origin: Nanos(0),
            active: 0,
            width,
            next_change: NEVER,
            thinking: BinaryHeap::new(),
            until: vec![Nanos(0); thoughtful],
        }
    }

    /// Begins a slice on a course that began at `origin`.
    pub(in crate::load) fn begin(&mut self, course: Arc<Course>, origin: Nanos, now: Nanos) {
        self.course = course;
        self.origin = origin;
        self.thinking.clear();
        self.follow(now);
    }

    /// Whether connections send without a time to think.
    pub(super) fn thinks_not(&self) -> bool {
        self.think == Think::None
    }

    /// What the connection in `slot` does, which has just answered.
    pub(in crate::load) fn turn(&mut self, slot: usize, now: Nanos) -> Turn {
        if slot >= self.active {
            return Turn::Later;
        }
        match self.draw() {
            None => Turn::Now,
            Some(time) => self.wait(slot, now + time),
        }
    }

    /// What the connection in `slot` does which takes part from now on: users who think do not all
    /// begin in the same instant, but each somewhere within the time to think.
    pub(in crate::load) fn first_turn(&mut self, slot: usize, now: Nanos) -> Turn {
        if slot >= self.active {
            return Turn::Later;
        }
        match self.draw() {
            None => Turn::Now,
            Some(time) => {
                let part = self.random.up_to(time.0);
                self.wait(slot, now + Nanos(part))
            }
        }
    }

    /// Whether there is a time between a response and the next request.
    pub(in crate::load) fn thinks(&self) -> bool {
        self.think != Think::None
    }

    /// When there is something to do, if all that is due has been done.
    pub(in crate::load) fn next_due(&self) -> Nanos {
        let thought = self.thinking.peek().map(|Reverse((due, _))| *due);
        thought.unwrap_or(NEVER).min(self.next_change)
    }

    /// A connection that has thought enough by `now` and still takes part.
    pub(in crate::load) fn take_thought(&mut self, now: Nanos) -> Option<usize> {
        while let Some(Reverse((due, slot))) = self.thinking.peek().copied() {
            if due > now {
                return None;
            }
            self.thinking.pop();
            if self.until.get(slot) == Some(&due) && slot < self.active {
                return Some(slot);
            }
        }
        None
    }

    /// Follows the course; the connections that take part from now on.
    pub(in crate::load) fn adjust(&mut self, now: Nanos) -> Range<usize> {
        let before = self.active;
        if self.next_change <= now {
            self.follow(now);
        }
        before..self.active
    }

    fn follow(&mut self, now: Nanos) {
        let time = now.since(self.origin);
        let level = self.course.level(time);
        self.active = self.share.part(level.round() as usize) * self.width;
        let change = self.course.next_change(time);
        self.next_change = change.map_or(NEVER, |change| self.origin + change);
    }

    fn wait(&mut self, slot: usize, due: Nanos) -> Turn {
        if let Some(until) = self.until.get_mut(slot) {
            *until = due;
            self.thinking.push(Reverse((due, slot)));
        }
        Turn::Later
    }

    /// A time to think; none if there is none at all.
    fn draw(&mut self) -> Option<Nanos> {
        match self.think {
            Think::None => None,
            Think::Uniform { min, max } => Some(self.random.between(min, max)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::load::script::{Extent, Pace, Stage};

    fn closed(think: Think, connections: usize) -> Closed {
        let course = Arc::new(Course::steady(connections as f64));
        let share = Share { index: 0, of: 1 };
        Closed::new(think, Random::new(42, 0), share, course, connections, 1)
    }

    #[test]
    fn a_think_time_is_kept_and_the_first_is_a_part_of_one() {
        let (min, max) = (Duration::from_millis(10), Duration::from_millis(20));
        let mut closed = closed(Think::Uniform { min, max }, 100);
        closed.begin(Arc::clone(&closed.course), Nanos(0), Nanos(1_000));
        let mut firsts = Vec::new();
        for slot in 0..100 {
            assert_eq!(closed.first_turn(slot, Nanos(1_000)), Turn::Later);
            firsts.push(closed.until[slot]);
        }
        assert!(firsts.iter().any(|due| due.0 < 5_000_000), "spread from the start on");
        assert!(firsts.iter().all(|due| *due <= Nanos(20_001_000)));
        assert_eq!(closed.turn(7, Nanos(30_000_000)), Turn::Later);
        let due = closed.until[7];
        assert!((40_000_000..=50_000_000).contains(&due.0), "{due:?}");
        // Its first time is out of date.
        let mut taken: Vec<usize> =
            std::iter::from_fn(|| closed.take_thought(Nanos(39_000_000))).collect();
        taken.sort_unstable();
        assert_eq!(taken, (0..100).filter(|slot| *slot != 7).collect::<Vec<_>>());
        assert_eq!(closed.next_due(), due);
        assert_eq!(closed.take_thought(due), Some(7));
        assert_eq!(closed.next_due(), NEVER);
    }

    #[test]
    fn connections_take_part_as_the_course_says() {
        let stage = |level| Stage { duration: Duration::from_secs(1), level, record: true };
        let connections = 10.try_into().expect("it is not zero");
        let pace = Pace::Closed { connections, think: Think::None };
        let extent = Extent::Stages { start: 2.0, stages: vec![stage(10.0), stage(0.0)] };
        let course = Arc::new(Course::of(&pace, &extent));
        let mut closed = closed(Think::None, 10);
        closed.share = Share { index: 1, of: 2 };
        let origin = Nanos(5_000_000_000);
        closed.begin(course, origin, origin);
        assert_eq!((closed.turn(0, origin), closed.turn(1, origin)), (Turn::Now, Turn::Later));
        let half = origin + Nanos(500_000_000);
        assert_eq!(closed.next_due(), origin + Nanos(5_000_000));
        assert_eq!(closed.adjust(half), 1..3);
        assert_eq!(closed.adjust(origin + Nanos(1_000_000_000)), 3..5);
        assert!(closed.adjust(origin + Nanos(1_600_000_000)).is_empty());
        assert_eq!((closed.turn(1, half), closed.turn(2, half)), (Turn::Now, Turn::Later));
        closed.adjust(origin + Nanos(9_000_000_000));
        assert_eq!(closed.turn(0, half), Turn::Later);
        assert_eq!(closed.next_due(), NEVER);
    }
}
