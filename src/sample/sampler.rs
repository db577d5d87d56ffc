//! The instrument: opens the events, empties the rings on a thread of its own, and is switched on
//! and off by whoever measures.

mod cpu_times;
mod watch;

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{
    access::{Access, SampleError},
    affinity,
    capture::{Capture, Counts},
    collector::Collector,
    event::{self, Sampling},
    ring::Ring,
    sys::{Event, RingMemory},
};
use crate::unit::{Bytes, Hertz, Nanos};
pub use cpu_times::CpuTimes;

/// How much of the user stack a sample copies: the next size is taken where stacks turn out
/// deeper than the copy. The largest is what a record can hold; the kernel trims it to fit.
pub(super) const DUMP_LADDER: [Bytes; 5] =
    [Bytes(8 << 10), Bytes(16 << 10), Bytes(24 << 10), Bytes(32 << 10), Bytes(65_528)];

/// A larger copy is taken if more than this share of the samples was cut short.
const CUT_SHARE_MAX: f64 = 0.002;
/// Fewer samples than this say nothing about the depth of stacks.
const SAMPLES_TO_JUDGE: u64 = 50;
/// What all rings together may take, at most and (each, where memory locking is limited) at least.
const RINGS_BYTES_MAX: usize = 32 << 20;
const RING_BYTES_MIN: usize = 64 << 10;
/// What a user without privileges is always granted: 128 pages a CPU.
const RING_BYTES_UNPRIVILEGED: usize = 512 << 10;
/// How long a sample waits in its ring at most.
const DRAIN_INTERVAL: Nanos = Nanos(10_000_000);
/// A record bears the time at which the kernel began it; it is in its ring this much later.
const SETTLING: Nanos = Nanos(1_000_000);

/// How to sample.
#[derive(Debug, Clone)]
pub struct Config {
    /// Samples per second of CPU time.
    pub hz: Hertz,
    /// Where the thread that empties the rings runs; anywhere if empty.
    pub cpus: Vec<usize>,
    /// How much of the user stack a sample copies, a multiple of 8 up to 65,528; found by
    /// [`Sampler::adapt`] if none.
    pub dump: Option<Bytes>,
    /// How many samplers there are going to be at a time, which share what the kernel grants for
    /// rings.
    pub samplers: usize,
}

/// Where a process to sample comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is about to execute its program, and all that it does will be seen.
    BeforeExec,
    /// It runs already: its threads and mappings are read first.
    Running,
}

/// Samples processes. Born switched off.
pub struct Sampler {
    sampling: Sampling,
    cpus: Vec<usize>,
    owners: Arc<Vec<Event>>,
    /// Always on; kept open for as long as we listen.
    side_band: Vec<Event>,
    counters: Vec<Counter>,
    /// The names of what is watched.
    processes: Vec<String>,
    /// The sizes of copy to choose from, ascending.
    ladder: Vec<Bytes>,
    /// Sampling events by rung of the ladder; those that were passed over are closed.
    rungs: Vec<Vec<Event>>,
    rung: usize,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
    window_start: Nanos,
}

/// Counts the CPU time of a thread and all that it starts.
struct Counter {
    event: Event,
    /// Index into the names of what is watched.
    of: u32,
}

struct Shared {
    state: Mutex<State>,
    sampling: AtomicBool,
    stopped: AtomicBool,
}

struct State {
    rings: Vec<Ring>,
    collector: Collector,
}

impl Shared {
    /// A panic on the reader's thread leaves whole records behind: what it kept stays good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, until: Nanos) {
        let State { rings, collector } = &mut *self.lock();
        collector.drain(rings, until);
    }
}

impl Sampler {
    /// Prepares a ring for each CPU and starts the thread that empties them.
    ///
    /// # Errors
    /// Where the kernel refuses events or the rings' memory: with the command that lifts it.
    pub fn start(config: &Config) -> Result<Self, SampleError> {
        let ladder = config.dump.map_or_else(|| DUMP_LADDER.to_vec(), |dump| vec![dump]);
        Self::with_ladder(config, ladder)
    }

    /// As [`Self::start`], for exact CPU time alone: it never takes a sample, whatever it is
    /// switched to, and opens no event that could.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn counting(config: &Config) -> Result<Self, SampleError> {
        Self::with_ladder(config, Vec::new())
    }

    fn with_ladder(config: &Config, ladder: Vec<Bytes>) -> Result<Self, SampleError> {
        let sampling = Sampling::probe(config.hz)?;
        let cpus = online_cpus().map_err(SampleError::Cpus)?;
        let (owners, rings) = open_rings(&cpus, config.samplers.max(1))?;
        let owners = Arc::new(owners);
        let shared = Arc::new(Shared {
            state: Mutex::new(State { rings, collector: Collector::new() }),
            sampling: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let reader = thread::Builder::new()
            .name("flameload-sample".to_owned())
            .spawn({
                let (owners, shared, cpus) = (owners.clone(), shared.clone(), config.cpus.clone());
                move || read_rings(&owners, &shared, &cpus)
            })
            .map_err(SampleError::Thread)?;
        Ok(Self {
            sampling,
            cpus,
            owners,
            side_band: Vec::new(),
            counters: Vec::new(),
            processes: Vec::new(),
            rungs: ladder.iter().map(|_| Vec::new()).collect(),
            ladder,
            rung: 0,
            shared,
            reader: Some(reader),
            window_start: Nanos(0),
        })
    }

    /// What samples would cover on this machine, without starting anything.
    ///
    /// # Errors
    /// Where the kernel refuses events: with the command that lifts it.
    pub fn probe(hz: Hertz) -> Result<Access, SampleError> {
        Sampling::probe(hz).map(|sampling| sampling.access)
    }

    /// What the samples cover on this machine.
    pub fn access(&self) -> Access {
        self.sampling.access
    }

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
        self.shared.lock().collector.belongs(pid, of);
        match origin {
            Origin::BeforeExec => self.watch_thread(pid, of),
            Origin::Running => {
                self.watch_running(pid, of)?;
                self.shared.lock().collector.adopt(pid)
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

    /// Switches sampling on.
    pub fn enable(&self) {
        // An event of a thread that is gone refuses, and has nothing to sample.
        self.events().iter().for_each(|event| drop(event.enable()));
        self.shared.sampling.store(self.takes_samples(), Ordering::Relaxed);
        if let Some(reader) = &self.reader {
            reader.thread().unpark();
        }
    }

    /// Switches sampling off; when it returns, every sample taken before has been unwound.
    pub fn disable(&self) {
        self.events().iter().for_each(|event| drop(event.disable()));
        self.shared.sampling.store(false, Ordering::Relaxed);
        self.shared.drain(Nanos::now());
    }

    /// Samples that are taken from now on bear this tag, and are kept apart from others; 0 until
    /// one is set.
    pub fn tag(&self, tag: u16) {
        self.shared.lock().collector.tag(Nanos::now(), tag);
    }

    /// The sampling events of the size of copy found so far.
    fn events(&self) -> &[Event] {
        self.rungs.get(self.rung).map_or(&[], Vec::as_slice)
    }

    /// Whether it can take samples at all.
    pub fn takes_samples(&self) -> bool {
        !self.ladder.is_empty()
    }

    /// Exact CPU time so far of all that is watched, user and kernel.
    pub fn cpu_time(&self) -> Nanos {
        self.cpu_times().total()
    }

    /// The same, of each name under which something is watched.
    pub fn cpu_times(&self) -> CpuTimes {
        let mut times = CpuTimes::default();
        for Counter { event, of } in &self.counters {
            times.add(*of as usize, event.count().map(Nanos).unwrap_or_default());
        }
        times
    }

    /// What is known of the samples since the window began.
    pub fn counts(&self) -> Counts {
        self.shared.lock().collector.counts()
    }

    /// How much of the user stack a sample copies now; nothing where none is taken.
    pub fn dump(&self) -> Bytes {
        self.ladder.get(self.rung).copied().unwrap_or_default()
    }

    /// To be called during warm-up, while sampling is off: takes a larger copy of the stack if
    /// stacks turned out deeper than it. Returns the new size if there is one.
    pub fn adapt(&mut self) -> Option<Bytes> {
        let counts = self.counts();
        let cut = counts.dump_exhausted.share_of(counts.samples).0;
        let deeper = counts.samples.0 >= SAMPLES_TO_JUDGE && cut > CUT_SHARE_MAX;
        if !deeper || self.rung + 1 >= self.ladder.len() {
            return None;
        }
        self.rung += 1;
        self.shared.lock().collector.begin_window(Nanos::now());
        Some(self.dump())
    }

    /// The same to at least this much, as far as there are sizes to choose from: of two servers
    /// that are compared, none must pay for a larger copy than the other.
    pub fn copy_at_least(&mut self, dump: Bytes) {
        while self.dump() < dump && self.rung + 1 < self.ladder.len() {
            self.rung += 1;
        }
    }

    /// Begins the window that counts, with the size of copy found so far.
    pub fn begin_window(&mut self) {
        for (index, events) in self.rungs.iter_mut().enumerate() {
            // Even an event that is switched off costs the target at each new thread.
            if index != self.rung {
                events.clear();
            }
        }
        self.window_start = Nanos::now();
        let State { rings, collector } = &mut *self.shared.lock();
        collector.drain(rings, self.window_start);
        collector.begin_window(self.window_start);
    }

    /// Ends the window and gives what was sampled in it. The processes should still live: what
    /// their files do not name is looked for in their memory.
    pub fn finish(mut self) -> Capture {
        self.disable();
        let ended = Nanos::now();
        let dump = self.dump();
        self.stop_reader();
        let collector = std::mem::replace(&mut self.shared.lock().collector, Collector::new());
        let parts = collector.into_parts();
        Capture {
            started: self.window_start,
            ended,
            hz: self.sampling.hz,
            clock: self.sampling.clock.name(),
            access: self.sampling.access,
            dump,
            modules: parts.modules,
            frames: parts.frames,
            stacks: parts.stacks,
            processes: self.processes.clone(),
            threads: parts.threads,
            samples: parts.samples,
            bound: parts.bound,
            counts: parts.counts,
        }
    }

    fn stop_reader(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.thread().unpark();
            // A reader that panicked has nothing more to say; its state was kept.
            let _ = reader.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop_reader();
    }
}

/// The body of the reader's thread.
fn read_rings(owners: &[Event], shared: &Shared, cpus: &[usize]) {
    affinity::keep_to(cpus);
    let timeout = Timespec { tv_sec: 0, tv_nsec: DRAIN_INTERVAL.0 as i64 };
    while !shared.stopped.load(Ordering::Relaxed) {
        if !shared.sampling.load(Ordering::Relaxed) {
            thread::park();
            continue;
        }
        let mut ready: Vec<PollFd<'_>> =
            owners.iter().map(|owner| PollFd::new(owner, PollFlags::IN)).collect();
        // Interrupted or not, what is there gets read.
        let _ = rustix::event::poll(&mut ready, Some(&timeout));
        shared.drain(Nanos::now() - SETTLING);
    }
}

/// One ring per CPU, as large as the limits allow and leave as much for each of the other samplers.
fn open_rings(cpus: &[usize], samplers: usize) -> Result<(Vec<Event>, Vec<Ring>), SampleError> {
    let unlimited = RINGS_BYTES_MAX / samplers / cpus.len().max(1);
    let granted = RING_BYTES_UNPRIVILEGED / samplers;
    // With limits, the first one would take all that there is.
    let is_free = samplers == 1 || cpus.first().is_some_and(|cpu| fits(*cpu, RINGS_BYTES_MAX));
    let mut largest = if is_free { unlimited.max(granted) } else { granted };
    let (mut owners, mut rings) = (Vec::new(), Vec::new());
    for cpu in cpus {
        let (owner, memory, bytes) = open_ring(*cpu, largest)?;
        largest = bytes;
        owners.push(owner);
        rings.push(Ring::new(memory));
    }
    Ok((owners, rings))
}

/// Whether a ring as large as all together can be had.
fn fits(cpu: usize, bytes: usize) -> bool {
    let owner = Event::open(&event::ring_owner(bytes / 8), 0, Some(cpu));
    owner.is_ok_and(|owner| RingMemory::map(&owner, bytes / rustix::param::page_size()).is_ok())
}

fn open_ring(cpu: usize, largest: usize) -> Result<(Event, RingMemory, usize), SampleError> {
    let page = rustix::param::page_size();
    let mut bytes = largest.max(page).next_power_of_two();
    loop {
        let owner = Event::open(&event::ring_owner(bytes / 8), 0, Some(cpu))
            .map_err(|source| SampleError::from_open("ring owner", std::process::id(), source))?;
        match RingMemory::map(&owner, bytes / page) {
            Ok(memory) => return Ok((owner, memory, bytes)),
            Err(_) if bytes > RING_BYTES_MIN.max(page) => bytes /= 2,
            Err(source) => return Err(SampleError::Ring { cpu, pages: bytes / page, source }),
        }
    }
}

fn online_cpus() -> std::io::Result<Vec<usize>> {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/online")?;
    let mut cpus = Vec::new();
    for part in listed.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let number = |text: &str| {
            text.parse::<usize>().map_err(|_| std::io::Error::from(std::io::ErrorKind::InvalidData))
        };
        cpus.extend(number(first)?..=number(last)?);
    }
    Ok(cpus)
}
