//! Events that threads inherit from the first thread of a process, for whoever may not sample CPUs.
//!
//! The period of an inherited event cannot be changed any more. So there are several, with unlike
//! periods, which take turns at random: the lengths of none of them is a multiple of the same
//! request's for long. An event that is switched off keeps what is left of its interval.

use std::sync::Arc;

use super::timers::Drawing;
use crate::{
    sample::{
        access::SampleError,
        event::{self, Sampling},
        sys::Event,
    },
    unit::{Bytes, Hertz, Nanos},
};

/// Periods over the one of the rate that is asked for. None is near a simple fraction of another,
/// and rates have their mean.
const PERIODS: [f64; 5] = [0.745, 0.870, 1.016, 1.186, 1.384];
/// Each event costs a new thread time on each CPU, so that of many CPUs there are fewer periods:
/// every other one.
const CPUS_MANY: usize = 8;

pub(in crate::sample) struct Turns {
    sampling: Sampling,
    owners: Arc<Vec<Event>>,
    cpus: Vec<usize>,
    /// The sizes of copy to choose from, ascending.
    ladder: Vec<Bytes>,
    groups: Vec<Group>,
    /// On threads whose events are not to be taken for those of their children.
    apart: Vec<Event>,
    /// The group that has its turn; none while sampling is off, or for a turn that nobody has.
    current: Option<usize>,
    on: Option<Turn>,
    dump: Bytes,
    /// How often somebody has a turn, above 0 and at most 1: fewer samples than the events take.
    share: f64,
}

/// The events of one period and one size of copy, over threads and CPUs.
struct Group {
    dump: Bytes,
    period: Nanos,
    events: Vec<Event>,
}

/// A turn that lasts.
#[derive(Clone, Copy)]
struct Turn {
    since: Nanos,
    taken: bool,
}

impl Turns {
    pub(super) fn new(
        sampling: Sampling,
        owners: Arc<Vec<Event>>,
        cpus: Vec<usize>,
        ladder: &[Bytes],
    ) -> Self {
        let step = if cpus.len() > CPUS_MANY { 2 } else { 1 };
        let periods: Vec<f64> = PERIODS.iter().copied().step_by(step).collect();
        let mean = sampling.hz.period().0 as f64;
        let group = |dump: Bytes| {
            periods.clone().into_iter().map(move |part| {
                let period = Nanos((mean * part) as u64);
                Group { dump, period, events: Vec::new() }
            })
        };
        let groups = ladder.iter().flat_map(|dump| group(*dump)).collect();
        let ladder = ladder.to_vec();
        let (current, on, dump, share) = (None, None, Bytes(0), 1.0);
        let apart = Vec::new();
        Self { sampling, owners, cpus, ladder, groups, apart, current, on, dump, share }
    }

    /// Opens the events on a thread that is about to run.
    pub(super) fn watch(&mut self, tid: u32) -> Result<(), SampleError> {
        let name = self.sampling.clock.name();
        for group in &mut self.groups {
            let attr = self.sampling.inherited(group.dump, group.period);
            for (cpu, owner) in self.cpus.iter().zip(self.owners.iter()) {
                let open = Event::open(&attr, Some(tid), Some(*cpu));
                let event = open.map_err(|e| SampleError::from_open(name, tid, e))?;
                event.redirect_to(owner).map_err(|e| SampleError::from_open(name, tid, e))?;
                group.events.push(event);
            }
        }
        Ok(())
    }

    /// Keeps a thread's events its own. The kernel swaps those of a thread and of what it started
    /// instead of switching them, as long as both have the same ones. Then a child takes its
    /// parent's along into its end, with the time that they have counted down: of a server that
    /// starts a process for each request, next to nothing is seen.
    ///
    /// An event that is not inherited makes a difference. Switches cost more then, so it is for
    /// those alone who need it.
    pub(super) fn keep_apart(&mut self, tid: u32) {
        // A thread that is gone has no events to keep.
        self.apart.extend(Event::open(&event::apart(), Some(tid), None).ok());
    }

    /// Takes fewer samples from now on, if so many are fewer than its events take.
    pub(super) fn set_rate(&mut self, hz: Hertz) {
        self.share = (f64::from(hz.0) / f64::from(self.sampling.hz.0.max(1))).min(1.0);
    }

    /// Closes the events of sizes that nobody is going to ask for: even one that is switched off
    /// costs the target at each new thread.
    pub(super) fn keep_only(&mut self, is_kept: impl Fn(Bytes) -> bool) {
        for group in self.groups.iter_mut().filter(|group| !is_kept(group.dump)) {
            group.events.clear();
        }
        self.ladder.retain(|dump| is_kept(*dump));
    }

    pub(super) fn enable(&mut self, dump: Bytes, drawing: Drawing<'_>) {
        self.dump = dump;
        self.begin_turn(drawing);
    }

    pub(super) fn disable(&mut self, drawing: Drawing<'_>) {
        self.end_turn(drawing);
    }

    pub(super) fn change(&mut self, Drawing { rhythm, periods }: Drawing<'_>) {
        self.end_turn(Drawing { rhythm, periods });
        self.begin_turn(Drawing { rhythm, periods });
    }

    fn begin_turn(&mut self, Drawing { rhythm, periods }: Drawing<'_>) {
        let taken = rhythm.unit() < self.share;
        let mine: Vec<usize> =
            (0..self.groups.len()).filter(|index| self.groups[*index].dump == self.dump).collect();
        self.current = mine.get(rhythm.one_of(mine.len())).copied().filter(|_| taken);
        if let Some(group) = self.current.and_then(|index| self.groups.get(index)) {
            periods.set_all(group.period, Nanos::now());
            // An event of a thread that is gone refuses, and has nothing to sample.
            group.events.iter().for_each(|event| drop(event.enable()));
        }
        self.on = Some(Turn { since: Nanos::now(), taken });
    }

    fn end_turn(&mut self, drawing: Drawing<'_>) {
        if let Some(group) = self.current.take().and_then(|index| self.groups.get(index)) {
            group.events.iter().for_each(|event| drop(event.disable()));
        }
        if let Some(Turn { since, taken }) = self.on.take() {
            let ran = Nanos::now().since(since);
            drawing.periods.ran(ran, if taken { ran } else { Nanos(0) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_the_periods_have_the_mean_that_is_asked_for() {
        for step in [1, 2] {
            let rates: Vec<f64> = PERIODS.iter().step_by(step).map(|period| 1.0 / period).collect();
            let mean = rates.iter().sum::<f64>() / rates.len() as f64;
            assert!((mean - 1.0).abs() < 0.03, "{mean}");
        }
    }
}
