//! One sampling event on each CPU, for whatever runs there.
//!
//! Nothing of it belongs to a thread, so that a switch from one thread to another tears nothing
//! down, and threads and processes are seen however short they live. Where the period is drawn
//! anew, the interval that was under way is cut off: the timer starts afresh.

use std::sync::Arc;

use super::timers::Drawing;
use crate::{
    sample::{event::Sampling, sys::Event},
    unit::{Bytes, Nanos},
};

pub(in crate::sample) struct CpuTimers {
    sampling: Sampling,
    /// The owner of each CPU's ring.
    owners: Arc<Vec<Event>>,
    cpus: Vec<usize>,
    /// How much of the stack the open events copy.
    dump: Bytes,
    /// By ring; none where the CPU is not sampled.
    timers: Vec<Option<Timer>>,
}

struct Timer {
    event: Event,
    period: Nanos,
    /// When it was switched on last; none while it is off. A timer that is switched off keeps what
    /// is left of its interval.
    since: Option<Nanos>,
    /// How long it ran with this period before that.
    ran: Nanos,
}

impl CpuTimers {
    pub(super) fn new(sampling: Sampling, owners: Arc<Vec<Event>>, cpus: Vec<usize>) -> Self {
        let timers = cpus.iter().map(|_| None).collect();
        Self { sampling, owners, cpus, dump: Bytes(0), timers }
    }

    pub(super) fn enable(&mut self, dump: Bytes, cpus: &[usize], mut drawing: Drawing<'_>) {
        if dump != self.dump {
            self.timers.iter_mut().for_each(|timer| *timer = None);
            self.dump = dump;
        }
        for ring in 0..self.cpus.len() {
            if cpus.is_empty() || cpus.contains(&self.cpus[ring]) {
                self.enable_one(ring, &mut drawing);
            }
        }
    }

    /// A CPU that refuses, such as one that went offline, is not sampled; coverage shows it.
    fn enable_one(&mut self, ring: usize, drawing: &mut Drawing<'_>) {
        if self.timers[ring].is_none() {
            self.timers[ring] = self.open(ring, drawing);
        }
        let Some(timer) = &mut self.timers[ring] else { return };
        timer.since = timer.event.enable().is_ok().then(Nanos::now);
    }

    fn open(&self, ring: usize, drawing: &mut Drawing<'_>) -> Option<Timer> {
        let period = drawing.rhythm.period();
        let attr = self.sampling.of_cpu(self.dump, period);
        let event = Event::open(&attr, None, Some(self.cpus[ring])).ok()?;
        event.redirect_to(self.owners.get(ring)?).ok()?;
        drawing.periods.set(ring, period, Nanos::now());
        Some(Timer { event, period, since: None, ran: Nanos(0) })
    }

    pub(super) fn disable(&mut self, _drawing: Drawing<'_>) {
        for timer in self.timers.iter_mut().flatten() {
            let _ = timer.event.disable();
            timer.pause(Nanos::now());
        }
    }

    pub(super) fn change(&mut self, drawing: Drawing<'_>) {
        let sampling = self.sampling;
        for (ring, timer) in self.timers.iter_mut().enumerate() {
            let Some(timer) = timer.as_mut().filter(|timer| timer.since.is_some()) else {
                continue;
            };
            let period = drawing.rhythm.period();
            if timer.event.set_period(sampling.interval(period)).is_err() {
                continue;
            }
            let now = Nanos::now();
            timer.pause(now);
            let cut_off = timer.ran.0 % timer.period.0.max(1);
            drawing.periods.ran(timer.ran, timer.ran - Nanos(cut_off));
            drawing.periods.set(ring, period, now);
            (timer.period, timer.ran, timer.since) = (period, Nanos(0), Some(now));
        }
    }
}

impl Timer {
    fn pause(&mut self, now: Nanos) {
        if let Some(since) = self.since.take() {
            self.ran += now.since(since);
        }
    }
}
