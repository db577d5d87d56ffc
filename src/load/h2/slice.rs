//! Slices of load: how a lane follows the tap, and hands over what it counted.

use std::{cell::RefMut, io, mem, ops::ControlFlow, sync::atomic::Ordering::Relaxed};

use super::{Lane, State};
use crate::{
    load::{
        errors::{Age, Cause, Failure, Phase},
        tally::Tally,
        worker::{Pacing, Tap, is_open_at, thread_cpu},
    },
    unit::Nanos,
};

impl Lane {
    /// Does what the tap says: starts a slice, cuts it in two, ends it once its responses have
    /// all come, or breaks.
    pub(super) fn follow_tap(&self) -> ControlFlow<()> {
        let position = self.setup.tap.position();
        if position == Tap::STOP {
            return ControlFlow::Break(());
        }
        let mut state = self.state.borrow_mut();
        if position != state.position {
            if !is_open_at(state.position) {
                self.begin_slice(&mut state);
            }
            // Whoever cuts or closes waits for the tally: there is never more than one to give.
            if position >= state.position + 2 {
                self.hand_over(&mut state)?;
                state.position += 2;
            } else if position != state.position && state.busy == 0 {
                let State { pacing, tally, .. } = &mut *state;
                if let Pacing::Open(open) = pacing {
                    open.abandon(&mut tally.schedule);
                }
                self.hand_over(&mut state)?;
                state.position += 1;
            }
        }
        self.note_spent(&state);
        ControlFlow::Continue(())
    }

    /// Tells if the quota is used and nothing is under way.
    pub(super) fn note_spent(&self, state: &State) {
        let is_done = state.quota == 0 && state.busy == 0 && state.pacing.backlog() == 0;
        if is_done && is_open_at(state.position) {
            self.setup.gauge.set_spent(state.position);
        }
    }

    fn begin_slice(&self, state: &mut RefMut<'_, State>) {
        state.position += 1;
        state.quota = self.setup.gauge.quota.load(Relaxed);
        state.cpu_before = thread_cpu();
        let now = Nanos::now();
        state.tally.started = now;
        self.begin_pacing(state, now);
    }

    /// Sends the tally of what was counted so far, and begins another.
    fn hand_over(&self, state: &mut State) -> ControlFlow<()> {
        let now = Nanos::now();
        let next = Tally::of_thread(now, state.pacing.is_open(), self.setup.pool.kinds());
        let mut tally = mem::replace(&mut state.tally, next);
        tally.ended = now.max(tally.started);
        let cpu = thread_cpu();
        tally.client_cpu = cpu.since(mem::replace(&mut state.cpu_before, cpu));
        match self.setup.tallies.send(tally) {
            Ok(()) => ControlFlow::Continue(()),
            // The generator is gone.
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// The runtime itself failed: hands over what was counted, with the reason.
    pub(super) fn break_off(&self, error: &io::Error) {
        let failure = Failure { phase: Phase::Body, cause: Cause::of_io(error), age: Age::Reused };
        self.note_failure(failure);
        self.setup.gauge.live.store(0, Relaxed);
        self.setup.gauge.set_spent(u64::MAX);
        let _ = self.hand_over(&mut self.state.borrow_mut());
    }
}
