//! The instruments of a measurement: exact CPU time, and the backends that sample, one at a time.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    backends::{Backend, Backends},
    error::MeasureError,
    profile::Settings,
    rate::{Costs, Found, PROBE},
    subject::{Member, Subject},
};
use crate::{
    sample::{
        Capture, Config, CpuClocks, CpuTimes, NamedCapture, Origin, SampleError, Sampler, Scope,
        pprof::{Pprof, SECOND},
        py_spy::{PySpy, Root},
        rate_max,
    },
    symbolize::{Detail, Resolved, adopt, resolve},
    target::usage,
    unit::{Bytes, Hertz, Nanos, Samples},
};

/// That size of the copies is found when so many samples have shown no need of another.
const SAMPLES_TO_SETTLE: Samples = Samples(50);
/// Fewer samples cannot rule out that one stack in a hundred is deeper than its copy. They are so
/// few that larger copies cost nothing.
const SAMPLES_TO_TRUST: Samples = Samples(300);
/// Where threads are sampled a few at a time, it is switches that cost, and not samples.
const USUAL_RATE: Hertz = Hertz(997);
/// How much earlier than its slice a profile ends where the load flows on, to be packed in it.
const PACKING: Duration = Duration::from_millis(400);

/// The instruments of a measurement.
pub(super) struct Instruments {
    backends: Backends,
    counter: Counter,
    pprof: Option<Pprof>,
    py_spy: Option<PySpy>,
    /// The names under which processes are watched, in the order of their exact times.
    watched: Vec<String>,
    on: Option<Backend>,
    window_start: Nanos,
    /// The slice of the warm-up that lasts.
    warm: Option<Warm>,
    /// Whether copies may become larger in the window that counts.
    may_grow: bool,
    /// Whether the warm-up is over.
    is_settled: bool,
    /// What samples cost, as long as their rate is still to be found.
    costs: Option<Costs>,
    /// What they are expected to cost at the rate that was found.
    expected: Option<f64>,
}

/// A slice of the warm-up that lasts.
struct Warm {
    /// How many samples there were before it; none where it is not sampled.
    samples: Option<Samples>,
    /// Exact CPU time before it.
    before: Nanos,
}

/// What counts CPU time, exactly.
enum Counter {
    /// Perf events, whose sampler may sample as well.
    Events(Box<Sampler>),
    /// Clocks of processes, where the kernel refuses events.
    Clocks(CpuClocks),
}

/// What a backend took.
#[derive(Debug)]
pub(super) struct Taken {
    pub(super) backend: Backend,
    pub(super) capture: Captured,
}

impl Taken {
    /// The processes of which it has something, each as often as it has threads.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        let threads = match &self.capture {
            Captured::Addresses(capture) => &capture.threads,
            Captured::Named(capture) => &capture.threads,
        };
        threads.iter().map(|thread| thread.pid)
    }
}

/// What a backend took, by its kind.
#[derive(Debug)]
pub(super) enum Captured {
    /// Addresses, which still need names.
    Addresses(Box<Capture>),
    /// Functions with their names.
    Named(Box<NamedCapture>),
}

/// How a slice is to be sampled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) backend: Option<Backend>,
    /// How long the slice is going to last.
    pub(super) span: Duration,
    /// Whether the load goes on while backends are switched.
    pub(super) flows: bool,
}

impl Instruments {
    /// # Errors
    /// Where the kernel refuses what is asked for.
    pub(super) fn start(settings: &Settings) -> Result<Self, MeasureError> {
        Self::start_one_of(1, settings)
    }

    /// As one of several at a time, which share what the kernel grants.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(super) fn start_one_of(samplers: usize, settings: &Settings) -> Result<Self, MeasureError> {
        let cpus = settings.load_cpus.as_slice().to_vec();
        let hz = settings.hz.unwrap_or_else(|| PROBE.min(rate_max()));
        let config = Config {
            cpus,
            dump: settings.dump,
            samplers,
            seed: None,
            on_threads: settings.on_threads,
            hz,
        };
        let counter = if settings.backends.contains(Backend::PerfEvent) {
            Counter::Events(Box::new(Sampler::start(&config)?))
        } else {
            match Sampler::counting(&config) {
                Ok(sampler) => Counter::Events(Box::new(sampler)),
                // Nothing of it is needed that could not be had otherwise.
                Err(_) => Counter::Clocks(CpuClocks::default()),
            }
        };
        let (backends, pprof, py_spy) = (settings.backends.clone(), None, None);
        let (watched, on) = (Vec::new(), None);
        let costs = settings.hz.is_none().then(Costs::default);
        let (window_start, warm, expected) = (Nanos(0), None, None);
        let may_grow = samplers == 1;
        Ok(Self {
            backends,
            counter,
            pprof,
            py_spy,
            watched,
            on,
            window_start,
            warm,
            may_grow,
            is_settled: false,
            costs,
            expected,
        })
    }

    /// Says, before anything is built, where the kernel would refuse what is asked for.
    pub(super) fn probe(settings: &Settings) -> Result<(), SampleError> {
        match settings.backends.contains(Backend::PerfEvent) {
            true => Sampler::probe(settings.hz.unwrap_or_else(rate_max)).map(drop),
            false => Ok(()),
        }
    }

    /// Watches a process with all threads and children that it has or will have, apart from what
    /// is watched under other names.
    pub(super) fn watch(
        &mut self,
        name: &str,
        pid: u32,
        origin: Origin,
    ) -> Result<(), SampleError> {
        let known = self.watched.iter().position(|watched| watched == name);
        let of = known.unwrap_or_else(|| {
            self.watched.push(name.to_owned());
            self.watched.len() - 1
        });
        match &mut self.counter {
            Counter::Events(sampler) => sampler.watch_as(name, pid, origin),
            Counter::Clocks(clocks) => {
                clocks.watch(pid, of);
                Ok(())
            }
        }
    }

    /// Gets ready what needs a server that serves: to be called before any load.
    ///
    /// # Errors
    /// When a process gives no profile.
    pub(super) fn attend(
        &mut self,
        subject: &Subject,
        cpus: &[usize],
        interrupted: &AtomicBool,
    ) -> Result<(), MeasureError> {
        if self.backends.contains(Backend::Pprof) {
            let started = Pprof::start(subject.endpoints()?, cpus, interrupted);
            self.pprof =
                Some(started.map_err(|error| match interrupted.load(Ordering::Relaxed) {
                    true => MeasureError::Interrupted,
                    false => error.into(),
                })?);
        }
        if self.backends.contains(Backend::PySpy) {
            let profiled = subject.processes().into_iter().filter(|member| member.profiled);
            let roots = profiled.map(|Member { name, pid, .. }| Root { process: name, pid });
            let clock = |pid| usage::cpu_time(&[pid]);
            self.py_spy = Some(PySpy::start(roots.collect(), cpus, clock)?);
        }
        Ok(())
    }

    /// Whether the exact CPU time comes from clocks, because the kernel refuses perf events.
    pub(super) fn counts_by_clocks(&self) -> bool {
        matches!(self.counter, Counter::Clocks(_))
    }

    /// The names under which processes are watched, in the order of their exact times.
    pub(super) fn watched(&self) -> &[String] {
        &self.watched
    }

    /// Exact CPU time so far of each name under which something is watched, user and kernel.
    pub(super) fn cpu_times(&mut self) -> CpuTimes {
        match &mut self.counter {
            Counter::Events(sampler) => sampler.cpu_times(),
            Counter::Clocks(clocks) => clocks.read(),
        }
    }

    fn sampler(&mut self) -> Option<&mut Sampler> {
        match &mut self.counter {
            Counter::Events(sampler) if sampler.takes_samples() => Some(sampler),
            _ => None,
        }
    }

    /// Begins a slice of the warm-up, sampled where something is to be found out by that.
    pub(super) fn begin_warm_slice(&mut self) {
        let samples = self.costs.as_ref().is_none_or(Costs::samples_next);
        let before = self.cpu_times().total();
        let Some(sampler) = self.sampler().filter(|_| samples) else {
            self.warm = Some(Warm { samples: None, before });
            return;
        };
        let counted = sampler.counts().samples;
        sampler.enable();
        self.warm = Some(Warm { samples: Some(counted), before });
    }

    /// Ends it, after so many good responses.
    pub(super) fn end_warm_slice(&mut self, requests: u64) {
        let Some(Warm { samples, before }) = self.warm.take() else { return };
        let cpu = self.cpu_times().total().since(before);
        let mut taken = 0;
        if let (Some(sampler), Some(counted)) = (self.sampler(), samples) {
            sampler.disable();
            taken = sampler.counts().samples.0.saturating_sub(counted.0);
        }
        if let Some(costs) = &mut self.costs {
            costs.add(samples.is_some(), cpu, requests, taken);
        }
    }

    /// To be called while nothing samples: takes a larger copy of the stack where that is needed,
    /// and says so.
    pub(super) fn adapt(&mut self) -> Option<Bytes> {
        let grown = self.sampler()?.adapt();
        if let (Some(_), Some(costs)) = (grown, &mut self.costs) {
            costs.forget();
        }
        grown
    }

    /// Ends the warm-up: what it has shown decides how often samples are taken, and how large
    /// their copies are where it has shown too little.
    pub(super) fn settle(&mut self) {
        let costs = self.costs.take();
        if std::mem::replace(&mut self.is_settled, true) {
            return;
        }
        let Some(sampler) = self.sampler() else { return };
        if sampler.counts().samples < SAMPLES_TO_TRUST {
            sampler.copy_at_least(Bytes(u64::MAX));
        }
        let Some(costs) = costs else { return };
        if sampler.scope() == Scope::FewThreads {
            let most = costs.threads_at_a_time(sampler.threads_at_a_time());
            sampler.set_threads_at_a_time(most);
            sampler.set_rate(USUAL_RATE);
            return;
        }
        let Found { hz, effect } = costs.rate();
        sampler.set_rate(hz);
        self.expected = Some(effect);
    }

    /// How many samples a second are taken; none where none are.
    pub(super) fn rate(&mut self) -> Option<Hertz> {
        self.sampler().map(|sampler| sampler.rate())
    }

    /// Takes no more samples a second than this.
    pub(super) fn sample_at_most(&mut self, hz: Hertz) {
        if let Some(sampler) = self.sampler()
            && hz < sampler.rate()
        {
            sampler.set_rate(hz);
        }
    }

    /// What sampling was expected to cost the server, as a share of its CPU time, where the rate
    /// was chosen by that.
    pub(super) fn expected_effect(&self) -> Option<f64> {
        self.expected
    }

    /// How much of the stack a sample copies; nothing where none is taken.
    pub(super) fn copies(&mut self) -> Bytes {
        self.sampler().map(|sampler| sampler.dump()).unwrap_or_default()
    }

    /// Lets samples copy at least this much; to be called before the window that counts.
    pub(super) fn copy_at_least(&mut self, bytes: Bytes) {
        if let Some(sampler) = self.sampler() {
            sampler.copy_at_least(bytes);
        }
    }

    /// Whether the warm-up has shown enough for the size of the copies.
    pub(super) fn has_shown_enough(&mut self) -> bool {
        self.sampler().is_none_or(|sampler| sampler.counts().samples >= SAMPLES_TO_SETTLE)
    }

    /// Begins the window that counts.
    pub(super) fn begin_window(&mut self) {
        self.settle();
        self.window_start = Nanos::now();
        if let Counter::Events(sampler) = &mut self.counter {
            sampler.begin_window();
        }
        if let Some(pprof) = &mut self.pprof {
            pprof.begin_window();
        }
        if let Some(py_spy) = &mut self.py_spy {
            py_spy.begin_window();
        }
    }

    /// When the window began.
    pub(super) fn window_start(&self) -> Nanos {
        self.window_start
    }

    /// Samples that are taken from now on bear this tag.
    pub(super) fn tag(&mut self, tag: u16) {
        if let Some(sampler) = self.sampler() {
            sampler.tag(tag);
        }
        if let Some(pprof) = &self.pprof {
            pprof.tag(tag);
        }
        if let Some(py_spy) = &self.py_spy {
            py_spy.tag(tag);
        }
    }

    /// Switches to what samples the next slice, and says which part of it the samples are of.
    pub(super) fn switch(&mut self, turn: Turn) -> f64 {
        let Turn { backend, span, flows } = turn;
        // A profile that was asked for ends by itself, and each needs a request of its own.
        if backend == self.on && backend != Some(Backend::Pprof) {
            return 1.0;
        }
        self.stop_sampling();
        self.on = backend;
        match (backend, &mut self.counter, &mut self.pprof, &mut self.py_spy) {
            (Some(Backend::PerfEvent), Counter::Events(sampler), _, _) => {
                // Few samples in the warm-up may have shown too little of how deep stacks are.
                if self.may_grow {
                    sampler.adapt();
                }
                sampler.enable();
            }
            (Some(Backend::PySpy), _, _, Some(py_spy)) => py_spy.enable(),
            (Some(Backend::Pprof), _, Some(pprof), _) if flows => {
                let seconds = whole_seconds(span.saturating_sub(PACKING)).max(1);
                pprof.enable(seconds);
                return ((SECOND * seconds).div_duration_f64(span)).min(1.0);
            }
            (Some(Backend::Pprof), _, Some(pprof), _) => pprof.enable_idle(span),
            _ => {}
        }
        1.0
    }

    /// Switches off what samples. Where the load has ended, when this returns, all is there, or
    /// `interrupted` was set and some of it is lost: then the answer is false.
    pub(super) fn switch_off(&mut self, flows: bool, interrupted: &AtomicBool) -> bool {
        self.stop_sampling();
        match &mut self.pprof {
            Some(pprof) if !flows => pprof.wait(interrupted),
            _ => true,
        }
    }

    fn stop_sampling(&mut self) {
        match self.on.take() {
            Some(Backend::PerfEvent) => {
                if let Some(sampler) = self.sampler() {
                    sampler.disable();
                }
            }
            Some(Backend::PySpy) => {
                if let Some(py_spy) = &mut self.py_spy {
                    py_spy.disable();
                }
            }
            // A profile ends by itself.
            Some(Backend::Pprof) | None => {}
        }
    }

    /// Switches off what samples, without waiting for what a server has still to give.
    pub(super) fn abandon(&mut self) {
        if let Some(pprof) = &mut self.pprof {
            pprof.abandon();
        }
        self.stop_sampling();
    }

    /// Ends the window and gives what each backend took, in their order. The processes should
    /// still live.
    pub(super) fn finish(mut self) -> Vec<Taken> {
        self.stop_sampling();
        let mut pprof = self.pprof.map(Pprof::finish);
        let mut py_spy = self.py_spy.map(PySpy::finish);
        let mut capture = match self.counter {
            Counter::Events(sampler) if sampler.takes_samples() => Some(sampler.finish()),
            _ => None,
        };
        let backends = self.backends.as_slice().iter();
        let taken = backends.filter_map(|backend| {
            let capture = match backend {
                Backend::PerfEvent => Captured::Addresses(Box::new(capture.take()?)),
                Backend::Pprof => Captured::Named(Box::new(pprof.take()?)),
                Backend::PySpy => Captured::Named(Box::new(py_spy.take()?)),
            };
            Some(Taken { backend: *backend, capture })
        });
        taken.collect()
    }
}

impl Taken {
    /// The profile, its addresses named. `owners` says of processes which of several they are of.
    pub(super) fn resolve(
        &self,
        title: &str,
        detail: Detail,
        owners: &[(u32, String)],
    ) -> Resolved {
        match &self.capture {
            Captured::Addresses(capture) => resolve(capture, title.to_owned(), detail),
            Captured::Named(capture) => adopt(capture, title.to_owned(), owners),
        }
    }
}

fn whole_seconds(span: Duration) -> u32 {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX)
}
