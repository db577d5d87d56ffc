//! The open loop: what is due and not sent yet, and the connections that are free for it.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    load::{course::Course, schedule::Arrivals, script::OnOverload, tally::Schedule},
    unit::Nanos,
};

/// What decides when the requests of an open loop are sent.
#[derive(Debug)]
pub(in crate::load) struct Open {
    on_overload: OnOverload,
    /// The next request to become due.
    due: Arrivals,
    /// The next request to be sent: it lies behind by the backlog.
    unsent: Arrivals,
    backlog: u64,
    /// Connections with room, the longest free first; some may have none any more.
    free: VecDeque<usize>,
    /// Whether each is among those.
    is_free: Vec<bool>,
}

impl Open {
    pub(in crate::load) fn new(
        on_overload: OnOverload,
        arrivals: Arrivals,
        connections: usize,
    ) -> Self {
        Self {
            on_overload,
            unsent: arrivals.clone(),
            due: arrivals,
            backlog: 0,
            free: VecDeque::with_capacity(connections),
            is_free: vec![false; connections],
        }
    }

    /// Begins a slice on a course that began at `origin`, with nothing left over.
    pub(in crate::load) fn begin(&mut self, course: Arc<Course>, origin: Nanos, now: Nanos) {
        self.due.begin(course, origin, now);
        self.unsent = self.due.clone();
        self.backlog = 0;
    }

    /// Notes that the connection in `slot` has room.
    pub(in crate::load) fn offer(&mut self, slot: usize) {
        if let Some(is_free @ false) = self.is_free.get_mut(slot) {
            *is_free = true;
            self.free.push_back(slot);
        }
    }

    /// A connection that had room, the longest free first.
    pub(in crate::load) fn take_free(&mut self) -> Option<usize> {
        let slot = self.free.pop_front()?;
        if let Some(is_free) = self.is_free.get_mut(slot) {
            *is_free = false;
        }
        Some(slot)
    }

    /// When the next request becomes due.
    pub(in crate::load) fn next_due(&self) -> Nanos {
        self.due.next()
    }

    /// Requests that are due and wait.
    pub(in crate::load) fn backlog(&self) -> u64 {
        self.backlog
    }

    /// Counts what has become due by `now`, as far as the quota goes.
    pub(in crate::load) fn take_due(
        &mut self,
        now: Nanos,
        quota: &mut u64,
        schedule: &mut Schedule,
    ) {
        while self.due.next() <= now && *quota > 0 {
            *quota -= 1;
            self.backlog += 1;
            schedule.due += 1;
            self.due.advance();
        }
    }

    /// When the request that has waited longest was due; it is to be sent.
    pub(in crate::load) fn take_waiting(&mut self) -> Option<Nanos> {
        self.backlog = self.backlog.checked_sub(1)?;
        let intended = self.unsent.next();
        self.unsent.advance();
        Some(intended)
    }

    /// Deals with what waits though no connection is free.
    pub(in crate::load) fn overload(&mut self, schedule: &mut Schedule) {
        match self.on_overload {
            OnOverload::Queue => schedule.backlog_max = schedule.backlog_max.max(self.backlog),
            OnOverload::Drop => self.abandon(schedule),
        }
    }

    /// Gives up what waits.
    pub(in crate::load) fn abandon(&mut self, schedule: &mut Schedule) {
        while self.take_waiting().is_some() {
            schedule.dropped += 1;
        }
    }
}
