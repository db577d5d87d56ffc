//! Which stream sends the next request, and when: as the pacing of all engines says.

use std::{
    cell::{Cell, RefMut},
    ops::Range,
    sync::Arc,
};

use tokio::sync::Notify;

use super::{Lane, State};
use crate::{
    load::{
        schedule::NEVER,
        worker::{Pacing, Turn},
    },
    unit::Nanos,
};

/// The place of a stream: it is taken as long as its connection lives.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// Whether someone waits on it for a request to send.
    is_free: Cell<bool>,
    grant: Cell<Option<Grant>>,
    /// Told when there is a request to send, or none any more.
    pub(super) news: Notify,
}

/// A request to be sent: it is under way from now on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grant {
    /// When it should be sent.
    pub(super) intended: Nanos,
    /// When it was granted; it is sent at once.
    pub(super) began: Nanos,
    /// Its place in the pool.
    pub(super) index: usize,
    /// How often a connection has not taken it.
    pub(super) refusals: u8,
}

impl Seat {
    /// The request to send, if there is one.
    pub(super) fn take(&self) -> Option<Grant> {
        self.grant.take()
    }

    /// Keeps a request that its connection did not take, for the one that follows.
    pub(super) fn hold(&self, grant: Grant) {
        let refusals = grant.refusals.saturating_add(1);
        self.grant.set(Some(Grant { refusals, ..grant }));
    }

    /// Nobody waits on it any more.
    pub(super) fn leave(&self) {
        self.is_free.set(false);
    }
}

impl Lane {
    /// Someone waits on this seat for a request to send.
    pub(super) fn offer(&self, seat: usize) {
        let mut state = self.state.borrow_mut();
        let Some(place) = self.seats.get(seat) else { return };
        place.is_free.set(true);
        let flows = self.setup.tap.flows_at(state.position);
        match &mut state.pacing {
            Pacing::Closed(closed) => {
                if flows && closed.turn(seat, Nanos::now()) == Turn::Now {
                    self.grant(&mut state, seat, None);
                }
            }
            Pacing::Open(open) => {
                open.offer(seat);
                self.release(&mut state);
            }
        }
        // The lane sleeps until what it knew to be due: a thought may end before that.
        if let Pacing::Closed(closed) = &state.pacing
            && closed.thinks()
        {
            self.setup.wake.notify_one();
        }
    }

    /// Begins to send, on the script's course if that has begun, or else at its first level.
    pub(super) fn begin_pacing(&self, state: &mut RefMut<'_, State>, now: Nanos) {
        let (course, origin) = match self.setup.tap.course() {
            Some(origin) => (Arc::clone(&self.setup.course), origin),
            None => (Arc::clone(&self.setup.warm_up), now),
        };
        state.pacing.begin(course, origin, now);
        self.start_among(state, 0..self.seats.len());
    }

    /// Does what has become due; returns when there will be more to do.
    pub(super) fn keep_pace(&self) -> Option<Nanos> {
        let mut state = self.state.borrow_mut();
        let now = Nanos::now();
        if let Pacing::Closed(closed) = &mut state.pacing {
            let joining = closed.adjust(now);
            self.start_among(&mut state, joining);
            while let Pacing::Closed(closed) = &mut state.pacing
                && let Some(seat) = closed.take_thought(now)
            {
                self.grant(&mut state, seat, None);
            }
        }
        self.release(&mut state);
        self.note_spent(&state);
        let flows = state.quota > 0 && self.setup.tap.flows_at(state.position);
        flows.then(|| state.pacing.next_due()).filter(|due| *due < NEVER)
    }

    /// Whether requests may be sent now.
    pub(super) fn is_flowing(&self) -> bool {
        let state = self.state.borrow();
        state.quota > 0 && self.setup.tap.flows_at(state.position)
    }

    /// Gives the right to send back: it was too late for that.
    pub(super) fn forgo(&self) {
        let mut state = self.state.borrow_mut();
        state.quota = state.quota.saturating_add(1);
        self.note_idle(&mut state);
    }

    /// Whether requests are due by a schedule, which waits for nobody.
    pub(super) fn is_open_loop(&self) -> bool {
        self.state.borrow().pacing.is_open()
    }

    /// One request less is under way. Whoever waits for the last one is told.
    pub(super) fn note_idle(&self, state: &mut State) {
        state.busy -= 1;
        let waited_for = state.quota == 0 || self.setup.tap.position() != state.position;
        if state.busy == 0 && waited_for {
            self.setup.wake.notify_one();
        }
    }

    /// Lets free seats of a range take part.
    fn start_among(&self, state: &mut RefMut<'_, State>, seats: Range<usize>) {
        let now = Nanos::now();
        let flows = self.setup.tap.flows_at(state.position);
        for seat in seats {
            if !self.seats.get(seat).is_some_and(|seat| seat.is_free.get()) {
                continue;
            }
            match &mut state.pacing {
                Pacing::Closed(closed) => {
                    if flows && closed.first_turn(seat, now) == Turn::Now {
                        self.grant(state, seat, None);
                    }
                }
                Pacing::Open(open) => open.offer(seat),
            }
        }
        self.release(state);
    }

    /// Takes what is due by the schedule, and grants it as far as seats are free.
    fn release(&self, state: &mut RefMut<'_, State>) {
        if !self.setup.tap.flows_at(state.position) {
            return;
        }
        loop {
            let now = Nanos::now();
            let State { pacing, quota, tally, .. } = &mut **state;
            let Pacing::Open(open) = pacing else { return };
            open.take_due(now, quota, &mut tally.schedule);
            if open.backlog() == 0 {
                return;
            }
            let Some(seat) = open.take_free() else {
                return open.overload(&mut tally.schedule);
            };
            if !self.seats.get(seat).is_some_and(|seat| seat.is_free.get()) {
                continue;
            }
            let Some(intended) = open.take_waiting() else { return };
            tally.schedule.sent += 1;
            tally.schedule.lag_max = tally.schedule.lag_max.max(now.since(intended));
            self.grant(state, seat, Some(intended));
        }
    }

    /// Lets the stream on a seat send the pool's next request: at the instant at which a schedule
    /// wants it, or now.
    fn grant(&self, state: &mut State, seat: usize, intended: Option<Nanos>) {
        let Some(seat) = self.seats.get(seat) else { return };
        if !seat.is_free.get() {
            return;
        }
        if intended.is_none() {
            // A schedule has taken its requests from the quota when they became due.
            if state.quota == 0 || !self.setup.tap.flows_at(state.position) {
                return;
            }
            state.quota -= 1;
        }
        let began = Nanos::now();
        let index = state.walk.next(&self.setup.pool, self.setup.tap.only());
        state.busy += 1;
        seat.is_free.set(false);
        let intended = intended.unwrap_or(began);
        seat.grant.set(Some(Grant { intended, began, index, refusals: 0 }));
        seat.news.notify_one();
    }
}
