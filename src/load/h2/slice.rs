//! Slices of load: how a lane follows the tap, and hands over what it counted.

use std::{mem, ops::ControlFlow, sync::atomic::Ordering::Relaxed};

use super::{Lane, State};
use crate::{
    load::{
        tally::Tally,
        worker::{Tap, is_open_at, thread_cpu},
    },
    unit::Nanos,
};

impl Lane {
    /// Does what the tap says: starts a slice, cuts it in two, ends it once its responses have
    /// all come, or breaks.
    pub(super) fn follow_tap(&self) -> ControlFlow<()> {
        let position = self.tap.position();
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
                self.hand_over(&mut state)?;
                state.position += 1;
            }
        }
        if state.quota == 0 && state.busy == 0 && is_open_at(state.position) {
            self.gauge.set_spent(state.position);
        }
        ControlFlow::Continue(())
    }

    fn begin_slice(&self, state: &mut State) {
        state.position += 1;
        state.quota = self.gauge.quota.load(Relaxed);
        state.cpu_before = thread_cpu();
        state.tally.started = Nanos::now();
        self.gate.notify_waiters();
    }

    /// Sends the tally of what was counted so far, and begins another.
    fn hand_over(&self, state: &mut State) -> ControlFlow<()> {
        let now = Nanos::now();
        let mut tally =
            mem::replace(&mut state.tally, Tally::of_thread(now, false, self.pool.kinds()));
        tally.ended = now.max(tally.started);
        let cpu = thread_cpu();
        tally.client_cpu = cpu.since(mem::replace(&mut state.cpu_before, cpu));
        match self.tallies.send(tally) {
            Ok(()) => ControlFlow::Continue(()),
            // The generator is gone.
            Err(_) => ControlFlow::Break(()),
        }
    }
}
