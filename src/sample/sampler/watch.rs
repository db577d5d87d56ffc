//! Opens events on what is watched, by what this machine allows.

use std::sync::PoisonError;

use super::{
    Counter, Origin, SampleError, Sampler, attach, cpu_timers::CpuTimers, event,
    few_threads::FewThreads, timers::Timers, turns::Turns,
};
use crate::{sample::sys::Event, unit::Bytes};

impl Sampler {
    /// Watches a process with all threads and children that it has or will have. While sampling
    /// is on, it is not sampled until sampling is switched on again.
    ///
    /// # Errors
    /// Where the process is gone, or not ours to sample.
    pub fn watch(&mut self, pid: u32, origin: Origin) -> Result<(), SampleError> {
        self.watch_as("", pid, origin)
    }

    /// The same, apart from what is watched under other names: its CPU time is counted, and its
    /// threads are told apart, by `name`.
    ///
    /// # Errors
    /// Where the process is gone, or not ours to sample.
    pub fn watch_as(&mut self, name: &str, pid: u32, origin: Origin) -> Result<(), SampleError> {
        let of = self.index_of(name);
        self.reader.belongs(pid, of);
        match origin {
            Origin::BeforeExec => self.watch_new(pid, of),
            Origin::Running => {
                self.watch_running(pid)?;
                let mut clocks = self.clocks.lock().unwrap_or_else(PoisonError::into_inner);
                clocks.watch(pid, of as usize);
                drop(clocks);
                self.reader.lock().collector.adopt(pid)
            }
        }
    }

    fn index_of(&mut self, name: &str) -> u32 {
        let known = self.processes.iter().position(|process| process == name);
        known.unwrap_or_else(|| {
            self.processes.push(name.to_owned());
            self.processes.len() - 1
        }) as u32
    }

    /// Listens for mappings, names, forks and exits of whatever runs.
    pub(super) fn listen_on_cpus(&mut self) -> Result<(), SampleError> {
        for (index, cpu) in self.cpus.iter().enumerate() {
            let event = self.redirected("side-band", event::side_band(), None, (index, *cpu))?;
            self.side_band.push(event);
        }
        Ok(())
    }

    /// Opens the events on a thread that is about to execute a program: what it starts inherits
    /// them.
    fn watch_new(&mut self, tid: u32, of: u32) -> Result<(), SampleError> {
        if !self.sampling.sees_cpus && self.takes_samples() {
            for (index, cpu) in self.cpus.iter().enumerate() {
                let attr = event::side_band();
                let event = self.redirected("side-band", attr, Some(tid), (index, *cpu))?;
                self.side_band.push(event);
            }
        }
        let counter = Event::open(&event::task_clock(), Some(tid), None);
        let event = counter.map_err(|e| SampleError::from_open("task-clock", tid, e))?;
        self.counters.push(Counter { event, of });
        self.with_timers(Origin::BeforeExec, |timers| match timers {
            Timers::Turns(turns) => turns.watch(tid),
            _ => Ok(()),
        })
    }

    /// No event is opened on threads that run already, but where nothing else is allowed.
    fn watch_running(&mut self, pid: u32) -> Result<(), SampleError> {
        let threads = attach::threads(pid)?;
        let watch = |timers: &mut Timers| {
            if let Timers::Few(few) = timers {
                few.watch(pid);
            }
        };
        if self.sampling.sees_cpus || !self.takes_samples() {
            self.with_timers(Origin::Running, watch);
            return Ok(());
        }
        let (attr, name) = (
            self.sampling.of_thread(Bytes(0), self.sampling.hz.period()),
            self.sampling.clock.name(),
        );
        let mut refusal = None;
        for tid in threads {
            match Event::open(&attr, Some(tid), None) {
                Ok(_) => {
                    self.with_timers(Origin::Running, watch);
                    return Ok(());
                }
                // It may have ended; then another one may not have.
                Err(error) => refusal = Some(SampleError::from_open(name, tid, error)),
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// Does something with the timers, which are made for what is watched first.
    fn with_timers<T>(&self, origin: Origin, act: impl FnOnce(&mut Timers) -> T) -> T {
        let (sampling, owners, cpus) = (self.sampling, self.owners.clone(), self.cpus.clone());
        let made = match origin {
            _ if !self.takes_samples() => Timers::Off,
            _ if sampling.sees_cpus => Timers::Cpus(CpuTimers::new(sampling, owners, cpus)),
            Origin::BeforeExec => Timers::Turns(Turns::new(sampling, owners, cpus, &self.ladder)),
            Origin::Running => Timers::Few(FewThreads::new(sampling, owners, cpus)),
        };
        let mut state = self.reader.lock();
        if matches!(state.timers, Timers::Off) {
            state.timers = made;
        }
        act(&mut state.timers)
    }

    fn redirected(
        &self,
        name: &'static str,
        attr: perf_event_open_sys::bindings::perf_event_attr,
        tid: Option<u32>,
        (index, cpu): (usize, usize),
    ) -> Result<Event, SampleError> {
        let refused = |source| SampleError::from_open(name, tid.unwrap_or(0), source);
        let event = Event::open(&attr, tid, Some(cpu)).map_err(refused)?;
        event.redirect_to(&self.owners[index]).map_err(refused)?;
        Ok(event)
    }
}
