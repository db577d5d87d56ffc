//! Slices of load: how a thread follows the tap, and hands over what it counted.

use std::{io, mem, ops::ControlFlow, sync::atomic::Ordering::Relaxed};

use rustix::time::{ClockId, clock_gettime};

use super::{
    Worker,
    tap::{self, Tap},
};
use crate::{
    load::{
        errors::{Age, Cause, Failure, Phase},
        tally::Tally,
    },
    unit::Nanos,
};

impl Worker {
    /// Does what the tap says: starts a slice, cuts it in two, ends it once its responses have
    /// all come, or breaks.
    pub(super) fn follow_tap(&mut self) -> ControlFlow<()> {
        let position = self.setup.tap.position();
        if position == Tap::STOP {
            return ControlFlow::Break(());
        }
        if position != self.position {
            if !tap::is_open_at(self.position) {
                self.begin_slice();
            }
            // Whoever cuts or closes waits for the tally: there is never more than one to give.
            if position >= self.position + 2 {
                self.hand_over()?;
                self.position += 2;
            } else if position != self.position && self.busy == 0 {
                self.abandon();
                self.hand_over()?;
                self.position += 1;
            }
        }
        ControlFlow::Continue(())
    }

    /// Tells when the slice's requests are all sent and answered. The last of them may also have
    /// been dropped: nothing would wake the thread after that.
    pub(super) fn note_spent(&self) {
        let is_done = self.quota == 0 && self.busy == 0 && self.pacing.backlog() == 0;
        if is_done && tap::is_open_at(self.position) {
            self.setup.gauge.set_spent(self.position);
        }
    }

    fn begin_slice(&mut self) {
        self.position += 1;
        self.quota = self.setup.gauge.quota.load(Relaxed);
        self.cpu_before = thread_cpu();
        self.now = Nanos::now();
        self.tally.started = self.now;
        self.begin_pacing();
    }

    /// Sends the tally of what was counted so far, and begins another.
    fn hand_over(&mut self) -> ControlFlow<()> {
        self.now = Nanos::now();
        let next = Tally::of_thread(self.now, self.pacing.is_open(), self.setup.pool.kinds());
        let mut tally = mem::replace(&mut self.tally, next);
        tally.ended = self.now.max(tally.started);
        let cpu = thread_cpu();
        tally.client_cpu = cpu.since(mem::replace(&mut self.cpu_before, cpu));
        match self.setup.tallies.send(tally) {
            Ok(()) => ControlFlow::Continue(()),
            // The generator is gone.
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// The event queue itself failed: hands over what was counted, with the reason.
    pub(super) fn break_off(mut self, error: &io::Error) {
        let failure = Failure { phase: Phase::Body, cause: Cause::of_io(error), age: Age::Reused };
        self.tally.errors.record(failure, self.now);
        self.set_live(0);
        self.setup.gauge.set_spent(u64::MAX);
        let _ = self.hand_over();
    }
}

/// CPU time of the calling thread.
pub(in crate::load) fn thread_cpu() -> Nanos {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
