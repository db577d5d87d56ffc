//! The instrument: opens the events, empties the rings on a thread of its own, and is switched on
//! and off by whoever measures.

mod cpu_timers;
mod cpu_times;
mod few_threads;
mod reader;
mod timers;
mod turns;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    access::{Access, SampleError},
    attach,
    capture::{Capture, Counts, OfThreads},
    collector::Collector,
    cpu_clocks::CpuClocks,
    event::{self, Sampling},
    periods::Periods,
    rhythm::{Rhythm, any_seed},
    ring::Ring,
    scope::Scope,
    sys::{Event, RingMemory},
};
use crate::unit::{Bytes, Hertz, Nanos};
pub use cpu_times::CpuTimes;
use reader::{Reader, State};
use timers::Timers;

/// How much of the user stack a sample copies: the next size is taken where stacks turn out
/// deeper than the copy. The largest is what a record can hold; the kernel trims it to fit.
pub(super) const DUMP_LADDER: [Bytes; 5] =
    [Bytes(8 << 10), Bytes(16 << 10), Bytes(24 << 10), Bytes(32 << 10), Bytes(65_528)];
/// The same where each size has to be opened before it is known which is needed.
const DUMP_LADDER_INHERITED: [Bytes; 3] = [Bytes(8 << 10), Bytes(24 << 10), Bytes(65_528)];

/// A larger copy is taken if more than this share of the samples was cut short.
const CUT_SHARE_MAX: f64 = 0.002;
/// Fewer samples than this say nothing about the depth of stacks.
const SAMPLES_TO_JUDGE: u64 = 50;
/// After so many, no larger copy is kept at hand where it costs something.
const SAMPLES_TO_SETTLE: u64 = 1_500;
/// What all rings together may take, at most and (each, where memory locking is limited) at least.
const RINGS_BYTES_MAX: usize = 32 << 20;
const RING_BYTES_MIN: usize = 64 << 10;
/// What a user without privileges is always granted: 128 pages a CPU.
const RING_BYTES_UNPRIVILEGED: usize = 512 << 10;

/// How to sample.
#[derive(Debug, Clone)]
pub struct Config {
    /// Samples per second of CPU time; [`Sampler::set_rate`] may ask for fewer.
    pub hz: Hertz,
    /// Where the thread that empties the rings runs; anywhere if empty.
    pub cpus: Vec<usize>,
    /// How much of the user stack a sample copies, a multiple of 8 up to 65,528; found by
    /// [`Sampler::adapt`] if none.
    pub dump: Option<Bytes>,
    /// How many samplers there are going to be at a time, which share what the kernel grants for
    /// rings.
    pub samplers: usize,
    /// What the instants of samples are drawn from; any if none.
    pub seed: Option<u32>,
    /// Whether events are opened on threads even where they could be on CPUs.
    pub on_threads: bool,
}

impl Config {
    /// So many samples a second, and everything else as it comes.
    pub fn at(hz: Hertz) -> Self {
        Self { hz, cpus: Vec::new(), dump: None, samplers: 1, seed: None, on_threads: false }
    }
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
    /// Samples a second, as they are taken now.
    hz: Hertz,
    seed: u32,
    cpus: Vec<usize>,
    owners: Arc<Vec<Event>>,
    /// Always on; kept open for as long as we listen.
    side_band: Vec<Event>,
    counters: Vec<Counter>,
    /// The CPU time of what ran before it was watched: an event on each of its threads would cost
    /// it too much.
    clocks: Mutex<CpuClocks>,
    /// The names of what is watched.
    processes: Vec<String>,
    /// The sizes of copy to choose from, ascending.
    ladder: Vec<Bytes>,
    rung: usize,
    reader: Reader,
    window_start: Nanos,
}

/// Counts the CPU time of a thread and all that it starts.
struct Counter {
    event: Event,
    /// Index into the names of what is watched.
    of: u32,
}

impl Sampler {
    /// Prepares a ring for each CPU and starts the thread that empties them.
    ///
    /// # Errors
    /// Where the kernel refuses events or the rings' memory: with the command that lifts it.
    pub fn start(config: &Config) -> Result<Self, SampleError> {
        Self::with(config, true)
    }

    /// As [`Self::start`], for exact CPU time alone: it never takes a sample, whatever it is
    /// switched to, and opens no event that could.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn counting(config: &Config) -> Result<Self, SampleError> {
        Self::with(config, false)
    }

    fn with(config: &Config, samples: bool) -> Result<Self, SampleError> {
        let mut sampling = Sampling::probe(config.hz)?;
        sampling.sees_cpus &= !config.on_threads;
        let cpus = online_cpus().map_err(SampleError::Cpus)?;
        let (owners, rings) = open_rings(&cpus, config.samplers.max(1))?;
        let owners = Arc::new(owners);
        let seed = config.seed.unwrap_or_else(any_seed);
        let mut rhythm = Rhythm::new(config.hz, seed);
        let periods = Periods::of(rings.len(), rhythm.period());
        let ladder = match config.dump {
            _ if !samples => Vec::new(),
            Some(dump) => vec![dump],
            None if sampling.sees_cpus => DUMP_LADDER.to_vec(),
            None => DUMP_LADDER_INHERITED.to_vec(),
        };
        let sees_others = sampling.sees_cpus && samples;
        let collector = Collector::new(sees_others, periods);
        let state = State { rings, collector, timers: Timers::Off, rhythm };
        let reader = Reader::start(owners.clone(), state, config.cpus.clone())?;
        let mut sampler = Self {
            sampling,
            hz: config.hz,
            seed,
            cpus,
            owners,
            side_band: Vec::new(),
            counters: Vec::new(),
            clocks: Mutex::default(),
            processes: Vec::new(),
            ladder,
            rung: 0,
            reader,
            window_start: Nanos(0),
        };
        if sees_others {
            sampler.listen_on_cpus()?;
        }
        Ok(sampler)
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

    /// What sampling events are opened on; known once something is watched.
    pub fn scope(&self) -> Scope {
        self.reader.lock().timers.scope()
    }

    /// Switches sampling on.
    pub fn enable(&self) {
        let dump = self.dump();
        self.reader.enable(dump);
    }

    /// Switches sampling off; when it returns, every sample taken before has been unwound.
    pub fn disable(&self) {
        self.reader.disable();
    }

    /// Samples that are taken from now on bear this tag, and are kept apart from others; 0 until
    /// one is set.
    pub fn tag(&self, tag: u16) {
        self.reader.lock().collector.tag(Nanos::now(), tag);
    }

    /// Whether it can take samples at all.
    pub fn takes_samples(&self) -> bool {
        !self.ladder.is_empty()
    }

    /// How many samples are taken in a second of CPU time.
    pub fn rate(&self) -> Hertz {
        self.hz
    }

    /// Takes fewer samples from now on than it was started for; to be called while it is off.
    pub fn set_rate(&mut self, hz: Hertz) {
        self.hz = hz.min(self.sampling.hz);
        let State { timers, rhythm, .. } = &mut *self.reader.lock();
        match timers {
            // Their periods are what they are: some turns are nobody's.
            Timers::Turns(turns) => turns.set_rate(self.hz),
            _ => rhythm.set_rate(self.hz),
        }
    }

    /// Where threads of a running process are sampled a few at a time: how many; else none.
    pub fn threads_at_a_time(&self) -> usize {
        match &self.reader.lock().timers {
            Timers::Few(threads) => threads.chosen().0,
            _ => 0,
        }
    }

    /// The same: how many from now on, at most.
    pub fn set_threads_at_a_time(&mut self, most: usize) {
        if let Timers::Few(threads) = &mut self.reader.lock().timers {
            threads.set_most(most);
        }
    }

    /// Exact CPU time so far of all that is watched, user and kernel.
    pub fn cpu_time(&self) -> Nanos {
        self.cpu_times().total()
    }

    /// The same, of each name under which something is watched.
    pub fn cpu_times(&self) -> CpuTimes {
        // Readings are whole or not there.
        let mut times = self.clocks.lock().unwrap_or_else(PoisonError::into_inner).read();
        for Counter { event, of } in &self.counters {
            times.add(*of as usize, event.count().map(Nanos).unwrap_or_default());
        }
        times
    }

    /// What is known of the samples since the window began.
    pub fn counts(&self) -> Counts {
        self.reader.lock().collector.counts()
    }

    /// How much of the user stack a sample copies now; nothing where none is taken.
    pub fn dump(&self) -> Bytes {
        self.ladder.get(self.rung).copied().unwrap_or_default()
    }

    /// To be called while sampling is off: takes a larger copy of the stack if stacks turned out
    /// deeper than it since this was called last. Returns the new size if there is one.
    pub fn adapt(&mut self) -> Option<Bytes> {
        if self.rung + 1 >= self.ladder.len() {
            return None;
        }
        let is_deeper = self.reader.lock().collector.judge_copies(|judged| {
            let cut = judged.dump_exhausted.share_of(judged.samples).0;
            judged.samples.0 >= SAMPLES_TO_JUDGE && cut > CUT_SHARE_MAX
        });
        is_deeper.then(|| {
            self.rung += 1;
            self.dump()
        })
    }

    /// Takes at least so large a copy, as far as there are sizes to choose from: of two servers
    /// that are compared, none must pay for a larger copy than the other.
    pub fn copy_at_least(&mut self, dump: Bytes) {
        while self.dump() < dump && self.rung + 1 < self.ladder.len() {
            self.rung += 1;
        }
    }

    /// Begins the window that counts, with the size of copy found so far.
    pub fn begin_window(&mut self) {
        self.window_start = Nanos::now();
        if self.scope() == Scope::Threads {
            // What few samples have shown to be enough may yet turn out not to be.
            let is_settled = self.counts().samples.0 >= SAMPLES_TO_SETTLE;
            let (dump, largest) = (self.dump(), self.ladder.last().copied());
            let largest = largest.filter(|_| !is_settled);
            self.ladder.retain(|size| *size == dump || Some(*size) == largest);
            self.rung = 0;
        }
        self.reader.begin_window(self.window_start, &self.ladder);
    }

    /// Ends the window and gives what was sampled in it. The processes should still live: what
    /// their files do not name is looked for in their memory.
    pub fn finish(mut self) -> Capture {
        self.disable();
        let ended = Nanos::now();
        let dump = self.dump();
        let (scope, of_threads, parts) = self.reader.finish();
        Capture {
            started: self.window_start,
            ended,
            hz: self.hz,
            seed: self.seed,
            scope,
            duty: parts.duty,
            of_threads,
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
    let owner = Event::open(&event::ring_owner(bytes / 8), Some(0), Some(cpu));
    owner.is_ok_and(|owner| RingMemory::map(&owner, bytes / rustix::param::page_size()).is_ok())
}

fn open_ring(cpu: usize, largest: usize) -> Result<(Event, RingMemory, usize), SampleError> {
    let page = rustix::param::page_size();
    let mut bytes = largest.max(page).next_power_of_two();
    loop {
        let owner = Event::open(&event::ring_owner(bytes / 8), Some(0), Some(cpu))
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
