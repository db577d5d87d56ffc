//! Opens the events on threads, so that each is covered once and once only.

use super::{Counter, Sampler};
use crate::{
    sample::{access::SampleError, attach, event, sys::Event},
    unit::Nanos,
};

/// How often the events of a thread that starts others meanwhile are opened anew.
const ATTEMPTS: usize = 50;

/// How many events of each kind were open.
struct Mark {
    side_band: usize,
    counters: usize,
    rungs: Vec<usize>,
}

impl Sampler {
    /// Threads that start meanwhile inherit the events of the one that started them, unless that
    /// one was not reached yet: so the list is read again until nothing in it is new.
    pub(super) fn watch_running(&mut self, pid: u32, of: u32) -> Result<(), SampleError> {
        let (mut tried, mut gone, mut watched) = (Vec::new(), None, false);
        loop {
            let listed = attach::threads(pid)?;
            // Those that inherited their events are covered already, and the side band says so.
            // Among them may be `pid` itself: a child that was forked since its parent is watched.
            let inherited = self.started_threads();
            watched |= listed.iter().any(|tid| inherited.contains(tid));
            let mut new = listed.into_iter().filter(|tid| !inherited.contains(tid));
            let Some(tid) = new.find(|tid| !tried.contains(tid)) else {
                return gone.filter(|_| !watched).map_or(Ok(()), Err);
            };
            match self.watch_running_thread(tid, of) {
                Err(SampleError::Open { event, pid, source }) if is_gone(&source) => {
                    gone = Some(SampleError::Open { event, pid, source });
                }
                result => {
                    result?;
                    watched = true;
                }
            }
            tried.push(tid);
        }
    }

    /// Watches a thread that may start others between one event and the next. Those would have
    /// inherited some events and not the rest, so that all are closed, in them too, and opened
    /// again.
    fn watch_running_thread(&mut self, tid: u32, of: u32) -> Result<(), SampleError> {
        for _ in 1..ATTEMPTS {
            let (start, mark) = (Nanos::now(), self.mark());
            let result = self.watch_thread(tid, of);
            let inherited = self.started_threads().contains(&tid);
            let broken = result.is_err() || inherited;
            if !self.shared.lock().collector.forget_started(tid, start) && !broken {
                return Ok(());
            }
            self.close_since(mark);
            if broken {
                return result;
            }
        }
        self.watch_thread(tid, of)
    }

    fn started_threads(&self) -> Vec<u32> {
        self.shared.drain(Nanos::now());
        self.shared.lock().collector.started_threads()
    }

    /// Opens the events on a thread of what is watched as `of`: first those that report which
    /// threads inherit the rest.
    pub(super) fn watch_thread(&mut self, tid: u32, of: u32) -> Result<(), SampleError> {
        let open = |event: &'static str, attr, cpu| {
            Event::open(&attr, tid, cpu).map_err(|e| SampleError::from_open(event, tid, e))
        };
        let redirected = |name, attr, index: usize, cpu| {
            let event = open(name, attr, Some(cpu))?;
            event.redirect_to(&self.owners[index]).map_err(|source| SampleError::Open {
                event: name,
                pid: tid,
                source,
            })?;
            Ok(event)
        };
        for (index, cpu) in self.cpus.iter().enumerate() {
            self.side_band.push(redirected("side-band", event::side_band(), index, *cpu)?);
        }
        let event = open("task-clock", event::task_clock(), None)?;
        self.counters.push(Counter { event, of });
        let name = self.sampling.clock.name();
        for (index, cpu) in self.cpus.iter().enumerate() {
            for rung in self.rung..self.ladder.len() {
                let dump = self.ladder[rung];
                self.rungs[rung].push(redirected(name, self.sampling.attr(dump), index, *cpu)?);
            }
        }
        Ok(())
    }

    /// How many events of each kind are open.
    fn mark(&self) -> Mark {
        let rungs = self.rungs.iter().map(Vec::len).collect();
        Mark { side_band: self.side_band.len(), counters: self.counters.len(), rungs }
    }

    /// Closes the events opened since, and with them their copies in threads started since.
    fn close_since(&mut self, mark: Mark) {
        self.side_band.truncate(mark.side_band);
        self.counters.truncate(mark.counters);
        for (events, length) in self.rungs.iter_mut().zip(mark.rungs) {
            events.truncate(length);
        }
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}
