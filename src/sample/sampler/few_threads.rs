//! Events on a few threads of a process that runs already, for whoever may not sample CPUs.
//!
//! Events that are opened on each thread of a pool are torn down and set up at every switch from
//! one to the other, which can cost the server most of its throughput. So only some have them at a
//! time, others in each slice, drawn at random from those that work. No other event is opened on a
//! thread either: what is new is read from procfs.

use std::{collections::BTreeMap, sync::Arc};

use super::timers::Drawing;
use crate::{
    os::process::descendants,
    sample::{attach, event::Sampling, sys::Event},
    unit::{Bytes, Nanos},
};

/// How many threads are sampled at a time, unless they cost too much.
pub(in crate::sample) const THREADS: usize = 4;

pub(in crate::sample) struct FewThreads {
    sampling: Sampling,
    owners: Arc<Vec<Event>>,
    cpus: Vec<usize>,
    roots: Vec<u32>,
    /// CPU time of each thread, by process and thread, when they were looked at last.
    known: BTreeMap<(u32, u32), Nanos>,
    chosen: Vec<Chosen>,
    /// How many are chosen at most.
    most: usize,
    /// How many there were to choose from, the last time.
    working: usize,
    /// CPU time of threads while they were chosen.
    sampled: Nanos,
}

struct Chosen {
    pid: u32,
    tid: u32,
    started: Nanos,
    /// Closed when it is dropped.
    _events: Vec<Event>,
}

impl FewThreads {
    pub(super) fn new(sampling: Sampling, owners: Arc<Vec<Event>>, cpus: Vec<usize>) -> Self {
        let (roots, known, chosen) = (Vec::new(), BTreeMap::new(), Vec::new());
        let (most, working, sampled) = (THREADS, 0, Nanos(0));
        Self { sampling, owners, cpus, roots, known, chosen, most, working, sampled }
    }

    /// The process and its children are to be sampled.
    pub(super) fn watch(&mut self, pid: u32) {
        self.roots.push(pid);
    }

    /// The processes with all their children that live now.
    pub(super) fn processes(&self) -> Vec<u32> {
        let children = self.roots.iter().flat_map(|root| descendants(*root));
        let mut pids: Vec<u32> = self.roots.iter().copied().chain(children).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Samples at most so many threads at a time, at least one.
    pub(super) fn set_most(&mut self, most: usize) {
        self.most = most.max(1);
    }

    /// How many threads are sampled at a time, of how many that work.
    pub(super) fn chosen(&self) -> (usize, usize) {
        (self.most.min(self.working), self.working)
    }

    /// CPU time of threads while they were chosen.
    pub(super) fn sampled(&self) -> Nanos {
        self.sampled
    }

    pub(super) fn begin_window(&mut self) {
        self.sampled = Nanos(0);
    }

    pub(super) fn enable(&mut self, dump: Bytes, Drawing { rhythm, periods }: Drawing<'_>) {
        let mut working = self.look();
        self.working = working.len();
        rhythm.shuffle(&mut working);
        let period = rhythm.period();
        periods.set_all(period, Nanos::now());
        let attr = self.sampling.of_thread(dump, period);
        let open = |(pid, tid): (u32, u32)| {
            let on_cpu = |(cpu, owner): (&usize, &Event)| {
                let event = Event::open(&attr, Some(tid), Some(*cpu)).ok()?;
                event.redirect_to(owner).ok()?;
                event.enable().ok().map(|()| event)
            };
            // A thread that has ended meanwhile has nothing to sample.
            let events: Option<Vec<Event>> =
                self.cpus.iter().zip(self.owners.iter()).map(on_cpu).collect();
            let started = attach::thread_cpu_time(pid, tid)?;
            Some(Chosen { pid, tid, started, _events: events? })
        };
        self.chosen = working.into_iter().take(self.most).filter_map(open).collect();
    }

    pub(super) fn disable(&mut self) {
        for Chosen { pid, tid, started, .. } in self.chosen.drain(..) {
            let now = attach::thread_cpu_time(pid, tid).unwrap_or(started);
            self.sampled += now.since(started);
        }
    }

    /// The threads that have worked since they were looked at last; all of them where none has.
    fn look(&mut self) -> Vec<(u32, u32)> {
        let mut now = BTreeMap::new();
        for pid in self.processes() {
            for tid in attach::threads(pid).unwrap_or_default() {
                if let Some(time) = attach::thread_cpu_time(pid, tid) {
                    now.insert((pid, tid), time);
                }
            }
        }
        let worked = |thread: &(u32, u32), time: Nanos| {
            self.known.get(thread).is_none_or(|before| time > *before)
        };
        let mut working: Vec<(u32, u32)> =
            now.iter().filter(|(id, time)| worked(id, **time)).map(|(id, _)| *id).collect();
        if working.is_empty() {
            working = now.keys().copied().collect();
        }
        self.known = now;
        working
    }
}
