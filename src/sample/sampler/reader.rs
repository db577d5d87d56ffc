//! The thread that empties the rings, and what it shares with whoever switches sampling.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{
    OfThreads, Scope,
    timers::{Drawing, Timers},
};
use crate::{
    sample::{
        access::SampleError,
        affinity,
        collector::{Collector, Parts},
        rhythm::Rhythm,
        ring::Ring,
        sys::Event,
    },
    unit::{Bytes, Nanos},
};

/// How long a sample waits in its ring at most.
const DRAIN_INTERVAL: Nanos = Nanos(10_000_000);
/// How long other records do while nothing is sampled.
const IDLE_INTERVAL: Duration = Duration::from_millis(250);
/// A record bears the time at which the kernel began it; it is in its ring this much later.
const SETTLING: Nanos = Nanos(1_000_000);

/// The thread that empties the rings and lets timers change their periods.
pub(super) struct Reader {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    state: Mutex<State>,
    sampling: AtomicBool,
    stopped: AtomicBool,
}

pub(super) struct State {
    pub(super) rings: Vec<Ring>,
    pub(super) collector: Collector,
    pub(super) timers: Timers,
    pub(super) rhythm: Rhythm,
}

impl State {
    fn drain(&mut self, until: Nanos) {
        self.collector.drain(&mut self.rings, until);
        let forkers = self.collector.take_forkers();
        if let Timers::Turns(turns) = &mut self.timers {
            forkers.into_iter().for_each(|tid| turns.keep_apart(tid));
        }
    }

    fn with_timers(&mut self, act: impl FnOnce(&mut Timers, Drawing<'_>)) {
        let Self { collector, timers, rhythm, .. } = self;
        act(timers, Drawing { rhythm, periods: &mut collector.periods });
    }
}

impl Shared {
    /// A panic on the reader's thread leaves whole records behind: what it kept stays good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reader {
    /// Starts the thread, on these CPUs; anywhere if there are none.
    pub(super) fn start(
        owners: Arc<Vec<Event>>,
        state: State,
        cpus: Vec<usize>,
    ) -> Result<Self, SampleError> {
        let (sampling, stopped) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { state: Mutex::new(state), sampling, stopped });
        let thread = thread::Builder::new()
            .name("flameload-sample".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    affinity::keep_to(&cpus);
                    read_rings(&owners, &shared);
                }
            })
            .map_err(SampleError::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }

    /// From now on, a process and what it forks belong to what is watched as `of`. How it came to be
    /// is past, whoever had its id before.
    pub(super) fn belongs(&self, pid: u32, of: u32) {
        let mut state = self.lock();
        state.drain(Nanos::now());
        state.collector.belongs(pid, of);
    }

    /// Switches sampling on.
    pub(super) fn enable(&self, dump: Bytes) {
        let mut state = self.lock();
        // Which threads there are says which CPUs.
        state.drain(Nanos::now());
        if let Timers::Few(threads) = &state.timers {
            for pid in threads.processes() {
                // One that has ended meanwhile has nothing to sample.
                let _ = state.collector.adopt(pid);
            }
        }
        let cpus = affinity::of_threads(state.collector.live_threads());
        let takes_samples = !matches!(state.timers, Timers::Off);
        state.with_timers(|timers, drawing| timers.enable(dump, &cpus, drawing));
        drop(state);
        self.shared.sampling.store(takes_samples, Ordering::Relaxed);
        self.wake();
    }

    /// Switches it off; every sample taken before has been unwound when it returns.
    pub(super) fn disable(&self) {
        let mut state = self.lock();
        state.with_timers(Timers::disable);
        self.shared.sampling.store(false, Ordering::Relaxed);
        state.drain(Nanos::now());
    }

    /// Begins the window that counts, in which copies have one of these sizes.
    pub(super) fn begin_window(&self, start: Nanos, dumps: &[Bytes]) {
        let mut state = self.lock();
        match &mut state.timers {
            Timers::Turns(turns) => turns.keep_only(|dump| dumps.contains(&dump)),
            Timers::Few(threads) => threads.begin_window(),
            Timers::Off | Timers::Cpus(_) => {}
        }
        state.drain(start);
        state.collector.begin_window(start);
    }

    /// Ends the thread, and gives what was collected.
    pub(super) fn finish(&mut self) -> (Scope, Option<OfThreads>, Parts) {
        self.stop();
        let mut state = self.lock();
        let of_threads = match &state.timers {
            Timers::Few(threads) => {
                let (at_a_time, working) = threads.chosen();
                Some(OfThreads { cpu: threads.sampled(), at_a_time, working })
            }
            _ => None,
        };
        (state.timers.scope(), of_threads, state.collector.take_all().into_parts())
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }

    fn stop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            // A reader that panicked has nothing more to say; its state was kept.
            let _ = thread.join();
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The body of the thread.
fn read_rings(owners: &[Event], shared: &Shared) {
    let mut change = Nanos(0);
    while !shared.stopped.load(Ordering::Relaxed) {
        if !shared.sampling.load(Ordering::Relaxed) {
            thread::park_timeout(IDLE_INTERVAL);
            shared.lock().drain(Nanos::now() - SETTLING);
            change = Nanos(0);
            continue;
        }
        let now = Nanos::now();
        if change == Nanos(0) {
            change = now + shared.lock().rhythm.dwell();
        }
        let wait = change.since(now).min(DRAIN_INTERVAL);
        let timeout = Timespec { tv_sec: 0, tv_nsec: wait.0 as i64 };
        let mut ready: Vec<PollFd<'_>> =
            owners.iter().map(|owner| PollFd::new(owner, PollFlags::IN)).collect();
        // Interrupted or not, what is there gets read.
        let _ = rustix::event::poll(&mut ready, Some(&timeout));
        let mut state = shared.lock();
        // Whoever switched it off meanwhile has drained it.
        if shared.sampling.load(Ordering::Relaxed) && Nanos::now() >= change {
            state.with_timers(Timers::change);
            change = Nanos::now() + state.rhythm.dwell();
        }
        state.drain(Nanos::now() - SETTLING);
    }
}
