//! What sends the next request, and when: on a connection that has answered, or on a schedule.

use std::sync::Arc;

use super::{
    Setup, Worker,
    closed::{Closed, Turn},
    open::Open,
};
use crate::{
    load::{
        connection::Flight,
        course::Course,
        plan::Plan,
        random::Random,
        schedule::{Arrivals, Share},
        script::Pace,
    },
    unit::Nanos,
};

/// What decides when a thread's requests are sent.
#[derive(Debug)]
pub(in crate::load) enum Pacing {
    Closed(Closed),
    Open(Box<Open>),
}

impl Pacing {
    /// That of one thread, with so many connections. Where these have streams, each of them is
    /// paced like a connection.
    pub(in crate::load) fn new(plan: &Plan, share: Share, connections: usize) -> Self {
        let course = Arc::clone(plan.warm_up());
        let streams = plan.streams();
        match *plan.pace() {
            Pace::Closed { think, .. } => {
                let random = Random::new(plan.seed(), share.index as u64);
                Self::Closed(Closed::new(think, random, share, course, connections, streams))
            }
            Pace::Open { arrival, on_overload, .. } => {
                let arrivals = Arrivals::new(course, share, arrival, plan.seed());
                Self::Open(Box::new(Open::new(on_overload, arrivals, connections * streams)))
            }
        }
    }

    pub(in crate::load) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether requests are sent as fast as they are answered, so that no instant matters.
    pub(super) fn is_saturating(&self) -> bool {
        matches!(self, Self::Closed(closed) if closed.thinks_not())
    }

    /// When there is something to do, if all that is due has been done.
    pub(in crate::load) fn next_due(&self) -> Nanos {
        match self {
            Self::Closed(closed) => closed.next_due(),
            Self::Open(open) => open.next_due(),
        }
    }

    /// Requests that are due and wait.
    pub(in crate::load) fn backlog(&self) -> u64 {
        match self {
            Self::Closed(_) => 0,
            Self::Open(open) => open.backlog(),
        }
    }

    /// Begins a slice on a course that began at `origin`.
    pub(in crate::load) fn begin(&mut self, course: Arc<Course>, origin: Nanos, now: Nanos) {
        match self {
            Self::Closed(closed) => closed.begin(course, origin, now),
            Self::Open(open) => open.begin(course, origin, now),
        }
    }
}

impl Worker {
    /// Begins to send, on the script's course if that has begun, or else at its first level.
    pub(super) fn begin_pacing(&mut self) {
        let (course, origin) = match self.setup.tap.course() {
            Some(origin) => (Arc::clone(&self.setup.course), origin),
            None => (Arc::clone(&self.setup.warm_up), self.now),
        };
        self.pacing.begin(course, origin, self.now);
        self.start_among(0..self.connections.len());
    }

    /// Does what has become due.
    pub(super) fn keep_pace(&mut self) {
        match &mut self.pacing {
            Pacing::Open(_) => {
                self.now = Nanos::now();
                self.release();
            }
            Pacing::Closed(closed) => {
                let joining = closed.adjust(self.now);
                self.start_among(joining);
                self.end_thoughts();
            }
        }
    }

    /// Lets a connection that has room send, if it is its turn.
    pub(super) fn offer(&mut self, slot: usize) {
        match &mut self.pacing {
            Pacing::Closed(closed) => {
                if self.setup.tap.flows_at(self.position)
                    && closed.turn(slot, self.now) == Turn::Now
                {
                    self.fill(slot);
                }
            }
            Pacing::Open(open) => {
                open.offer(slot);
                self.release();
            }
        }
    }

    /// Gives up what waits for a connection.
    pub(super) fn abandon(&mut self) {
        if let Pacing::Open(open) = &mut self.pacing {
            open.abandon(&mut self.tally.schedule);
        }
    }

    /// Lets idle connections of a range take part.
    fn start_among(&mut self, slots: std::ops::Range<usize>) {
        for slot in slots {
            if !self.connections.get(slot).is_some_and(|connection| connection.is_idle()) {
                continue;
            }
            // A thousand first requests take milliseconds to write: each has its own start.
            self.now = Nanos::now();
            match &mut self.pacing {
                Pacing::Closed(closed) => {
                    if self.setup.tap.flows_at(self.position)
                        && closed.first_turn(slot, self.now) == Turn::Now
                    {
                        self.fill(slot);
                    }
                }
                Pacing::Open(open) => open.offer(slot),
            }
        }
    }

    /// Sends as many requests on a connection as it has room for.
    fn fill(&mut self, slot: usize) {
        while self.quota > 0 && self.connections[slot].has_room() {
            self.quota -= 1;
            self.begin(slot, self.now);
        }
        self.send(slot);
    }

    fn end_thoughts(&mut self) {
        while let Pacing::Closed(closed) = &mut self.pacing
            && let Some(slot) = closed.take_thought(self.now)
        {
            if self.connections[slot].is_idle() && self.setup.tap.flows_at(self.position) {
                self.now = Nanos::now();
                self.fill(slot);
            }
        }
    }

    /// Takes what is due by the schedule, and sends it as far as connections are free.
    fn release(&mut self) {
        if !self.setup.tap.flows_at(self.position) {
            return;
        }
        loop {
            let Pacing::Open(open) = &mut self.pacing else { return };
            open.take_due(self.now, &mut self.quota, &mut self.tally.schedule);
            if open.backlog() == 0 {
                return;
            }
            let Some(slot) = open.take_free() else {
                return open.overload(&mut self.tally.schedule);
            };
            if !self.connections[slot].has_room() {
                continue;
            }
            let Some(intended) = open.take_waiting() else { return };
            self.now = Nanos::now();
            let schedule = &mut self.tally.schedule;
            schedule.sent += 1;
            schedule.lag_max = schedule.lag_max.max(self.now.since(intended));
            self.begin(slot, intended);
            self.send(slot);
            if self.connections[slot].has_room()
                && let Pacing::Open(open) = &mut self.pacing
            {
                open.offer(slot);
            }
        }
    }

    /// Begins the pool's next request on a connection; `send` writes it.
    fn begin(&mut self, slot: usize, intended: Nanos) {
        let Setup { pool, tap, walk, .. } = &mut self.setup;
        let index = walk.next(pool, tap.only());
        let flight = Flight { intended, began: self.now, index };
        self.connections[slot].begin(flight, &self.setup.pool);
        self.busy += 1;
    }
}
