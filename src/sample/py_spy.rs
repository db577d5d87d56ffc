//! Python's stacks, read from the memory of interpreters that run on.
//!
//! ```text
//! processes -source-> interpreters -(a thread of ours, so often a second)-> stacks -> NamedCapture
//! ```
//!
//! The crate `py-spy` finds an interpreter and its threads. The process is not stopped: a stack is
//! copied in one look, and again where it changed meanwhile. What is not whole even then counts as
//! truncated. Only the thread that
//! runs counts, so a sample stands for CPU time; how much, the clocks of threads and processes say
//! exactly.

mod candidate;
mod clocks;
mod code;
mod interpreter;
mod layout;
pub(super) mod memory;
mod pause;
mod proc;
mod source;
mod stack;

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use thiserror::Error;

use super::{
    affinity,
    named::{NamedCapture, NamedCollector},
    rhythm::any_seed,
};
use crate::{
    random::Random,
    unit::{Hertz, Nanos, Samples},
};
use candidate::Candidates;
use clocks::Clocks;
use interpreter::{Interpreters, SeenStack};

/// How often interpreters are looked into on average: reading one of a version that we know only
/// through the crate takes up to some milliseconds.
pub const HZ: Hertz = Hertz(199);
/// How often it is asked whether a thread that was seen ran.
const DECISION: Duration = Duration::from_micros(400);
/// How often new processes are looked for.
const DISCOVERY: Duration = Duration::from_millis(100);

/// Why Python's stacks cannot be read.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "each message says what the variant means")]
pub enum PySpyError {
    #[error("no Python that can be sampled runs in {process}: {why}")]
    NoPython { process: String, why: String },
    #[error("cannot start the thread that reads Python's stacks: {0}")]
    Thread(io::Error),
    #[error("the thread that reads Python's stacks ended")]
    Ended,
}

/// A process that is watched with all that it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// The process, by the name that users give it.
    pub process: String,
    /// Its id.
    pub pid: u32,
}

/// The CPU time of a process so far, with its threads that have ended.
pub type ProcessClock = fn(u32) -> Nanos;

/// Samples Python's stacks. Born switched off.
#[derive(Debug)]
pub struct PySpy {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// What the instants of looking are drawn by.
    seed: u32,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    on: AtomicBool,
    stopped: AtomicBool,
}

#[derive(Debug)]
struct State {
    collector: NamedCollector,
    clocks: Clocks,
    /// The processes that have an interpreter.
    pids: Vec<u32>,
    /// Since when it has been on.
    on_since: Option<Nanos>,
}

impl Shared {
    /// A panic while it was held leaves whole stacks behind: what it has stays good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn new(names: Vec<String>, clock: ProcessClock) -> Self {
        Self {
            collector: NamedCollector::new(Nanos::now(), names),
            clocks: Clocks::new(clock),
            pids: Vec::new(),
            on_since: None,
        }
    }

    /// Keeps what was seen since it was switched on: what is older belongs to no slice.
    fn keep(&mut self, stacks: Vec<SeenStack>, lost: u64) {
        let Some(since) = self.on_since else { return };
        self.collector.lose(Samples(lost));
        for SeenStack { time, thread, frames } in stacks {
            if time >= since {
                let thread = self.collector.thread(&thread, HZ.period());
                self.collector.take(time, thread, frames.into_iter(), Samples(1));
            }
        }
    }
}

impl PySpy {
    /// Looks for interpreters in these processes and all that they start, by a thread that runs on
    /// `cpus`; anywhere if empty.
    ///
    /// # Errors
    /// When one of the processes and all that it has started have none that can be read.
    pub fn start(
        roots: Vec<Root>,
        cpus: &[usize],
        clock: ProcessClock,
    ) -> Result<Self, PySpyError> {
        let names = roots.iter().map(|root| root.process.clone()).collect();
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(names, clock)),
            on: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let (ready, is_ready) = mpsc::channel();
        let seed = any_seed();
        let thread = thread::Builder::new().name("flameload-pyspy".to_owned()).spawn({
            let (shared, cpus) = (shared.clone(), cpus.to_vec());
            move || {
                affinity::keep_to(&cpus);
                // An interpreter can be read only by the thread that has found it.
                let mut interpreters = Interpreters::new(roots);
                let found = interpreters.find_all();
                let is_found = found.is_ok();
                shared.lock().pids = interpreters.pids();
                if ready.send(found).is_ok() && is_found {
                    work(&mut interpreters, Random::new(seed.into(), 0), &shared);
                }
            }
        });
        let thread = Some(thread.map_err(PySpyError::Thread)?);
        let spy = Self { shared, thread, seed };
        is_ready.recv().map_err(|_| PySpyError::Ended)??;
        Ok(spy)
    }

    /// Begins the window that counts.
    pub fn begin_window(&mut self) {
        let mut state = self.shared.lock();
        let clock = state.clocks.clock;
        let names = state.collector.processes().to_vec();
        let pids = std::mem::take(&mut state.pids);
        *state = State { pids, ..State::new(names, clock) };
    }

    /// Samples that are taken from now on bear this tag.
    pub fn tag(&self, tag: u16) {
        self.shared.lock().collector.tag(tag);
    }

    /// Switches sampling on.
    pub fn enable(&mut self) {
        let mut state = self.shared.lock();
        state.on_since = Some(Nanos::now());
        let pids = state.pids.clone();
        state.clocks.begin(&pids);
        drop(state);
        self.shared.on.store(true, Ordering::Relaxed);
        self.wake();
    }

    /// Switches sampling off; when it returns, no sample is being taken.
    pub fn disable(&mut self) {
        self.shared.on.store(false, Ordering::Relaxed);
        let mut state = self.shared.lock();
        if state.on_since.take().is_some() {
            state.clocks.end();
        }
    }

    /// Ends the window and gives what was sampled in it.
    pub fn finish(mut self) -> NamedCapture {
        self.disable();
        self.stop();
        let mut state = self.shared.lock();
        let ended = Nanos::now();
        let empty = NamedCollector::new(ended, Vec::new());
        let mut collector = std::mem::replace(&mut state.collector, empty);
        state.clocks.divide(&mut collector, HZ.period());
        NamedCapture { seed: Some(self.seed), ..collector.finish(ended) }
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
            // One that panicked has nothing more to say; what it kept stays good.
            let _ = thread.join();
        }
    }
}

impl Drop for PySpy {
    fn drop(&mut self) {
        self.stop();
    }
}

/// From half the period to one and a half of it, so that looks are never in step with what the
/// interpreters do.
fn interval(random: &mut Random) -> Nanos {
    let period = Duration::from(HZ.period());
    random.between(period / 2, period * 3 / 2)
}

/// The body of the thread: looks into all interpreters after each interval, while it is on.
fn work(interpreters: &mut Interpreters, mut random: Random, shared: &Shared) {
    let mut candidates = Candidates::default();
    let mut next = Nanos::now();
    let mut looked = Nanos(0);
    while !shared.stopped.load(Ordering::Relaxed) {
        if Nanos::now().since(looked) >= DISCOVERY.into() {
            looked = Nanos::now();
            interpreters.find_new();
            shared.lock().pids = interpreters.pids();
        }
        if !shared.on.load(Ordering::Relaxed) {
            candidates.clear();
            thread::park_timeout(DISCOVERY);
            // The first look is as random as all others.
            next = Nanos::now() + interval(&mut random);
            continue;
        }
        if wait_until(next, &mut candidates, shared) {
            round(interpreters, &mut candidates, shared);
            // What was missed is not caught up with: it would be seen in bunches.
            next = (next + interval(&mut random)).max(Nanos::now());
        }
    }
}

/// Decides about candidates until then; not so long, if it is switched off meanwhile. Says whether
/// it still is on.
fn wait_until(next: Nanos, candidates: &mut Candidates, shared: &Shared) -> bool {
    loop {
        decide(candidates, shared);
        if !shared.on.load(Ordering::Relaxed) {
            return false;
        }
        let left = Duration::from(next - Nanos::now());
        if left.is_zero() {
            return true;
        }
        thread::park_timeout(if candidates.is_empty() { left } else { left.min(DECISION) });
    }
}

/// Looks into each interpreter once.
fn round(interpreters: &mut Interpreters, candidates: &mut Candidates, shared: &Shared) {
    for index in 0..interpreters.len() {
        let seen = interpreters.look_into(index);
        candidates.add(seen.candidates);
        let mut state = shared.lock();
        if state.on_since.is_some() {
            state.clocks.meet(seen.pid);
        }
        state.keep(seen.stacks, seen.lost);
    }
}

/// Keeps those candidates of which it is known by now that they ran.
fn decide(candidates: &mut Candidates, shared: &Shared) {
    if !candidates.is_empty() {
        let (ran, lost) = candidates.decide();
        shared.lock().keep(ran, lost);
    }
}
