//! The one server under its load, and a slice of it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use flameload::{
    load::{Generator, Plan, Script, Tally, raise_nofile},
    measure::MeasureError,
    sample::{Config, CpuClocks, Origin, Sampler},
    target::{Guard, Manifest, descendants},
    unit::{Bytes, Hertz},
};
use tempfile::TempDir;

use super::{
    kind::Kind,
    others::Recording,
    slice::{Slice, Taken},
};
use crate::{bench_load::Server, out, profile::choice::CpuChoice};

/// How often a wait looks up for Ctrl-C and for a server that ended.
const GLANCE: Duration = Duration::from_millis(20);
/// How long attaching takes for each, even if it needs less: a CPU that has idled is a faster one.
const ATTACHING: Duration = Duration::from_millis(700);
/// Load under the eyes of a profiler before it counts: its first samples of a place cost it more.
const RUN_IN: Duration = Duration::from_millis(300);
/// Samples that show how much of the stack has to be copied.
const SHOWING_HZ: Hertz = Hertz(1997);
/// So many spans of load are looked at for that, at most.
const SHOWINGS: usize = 8;

/// The server, its load, and what profilers need.
pub(super) struct Bench<'a> {
    server: Server,
    generator: Generator,
    clocks: CpuClocks,
    cpus: &'a CpuChoice,
    slice: Duration,
    /// How much of the stack our samples copy.
    dump: Option<Bytes>,
    dir: TempDir,
    interrupted: &'a AtomicBool,
    /// The last to go: nothing that was started outlives it.
    _guard: Guard,
}

/// A profiler that watches.
enum Watch {
    Nobody,
    Ours(Box<Sampler>),
    Other(Recording),
}

impl<'a> Bench<'a> {
    /// Builds and starts the server, and connects the load.
    pub(super) fn start(
        manifest: &Manifest,
        script: &Script,
        cpus: &'a CpuChoice,
        slice: Duration,
        interrupted: &'a AtomicBool,
    ) -> anyhow::Result<Self> {
        let guard = Guard::start().map_err(MeasureError::Guard)?;
        // The server inherits the limit. Where it cannot be raised, starting the load says so.
        let _ = raise_nofile();
        let dir = tempfile::tempdir().context("cannot make a temporary directory")?;
        let server = Server::start(manifest, &cpus.server, &guard, interrupted)?;
        // Other profilers inherit it: like our own thread, they keep off the CPUs of the server.
        let _ = cpus.load.pin_current_thread();
        let mut clocks = CpuClocks::default();
        server.pids().into_iter().for_each(|pid| clocks.watch(pid, 0));
        let plan = Plan::new(script, server.addr, cpus.load.as_slice());
        let plan = plan.map_err(MeasureError::Load)?;
        let generator = Generator::start(&plan).map_err(MeasureError::Load)?;
        let mut bench = Self {
            server,
            generator,
            clocks,
            cpus,
            slice,
            dump: None,
            dir,
            interrupted,
            _guard: guard,
        };
        out::tell("warming up");
        bench.load(script.warmup)?;
        Ok(bench)
    }

    /// One slice of each that does not count. Those of the others that do not work here are left
    /// out, which is said.
    pub(super) fn warm_up(&mut self, kinds: Vec<Kind>) -> anyhow::Result<(Vec<Kind>, Vec<Slice>)> {
        self.dump = Some(self.depth()?);
        let (mut works, mut slices) = (Vec::new(), Vec::new());
        for kind in kinds {
            match self.watched(&kind, true) {
                Ok(slice) => {
                    works.push(kind);
                    slices.push(slice);
                }
                Err(error) if kind.is_foreign() && !is_interruption(&error) => {
                    out::tell(&format!("LEFT OUT {kind}: {error:#}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((works, slices))
    }

    /// One slice that counts.
    pub(super) fn slice(&mut self, kind: &Kind) -> anyhow::Result<Slice> {
        self.watched(kind, false).with_context(|| format!("{kind} failed"))
    }

    /// How much of the stack our samples copy; nothing before it was found.
    pub(super) fn dump(&self) -> Bytes {
        self.dump.unwrap_or_default()
    }

    /// How much of the stack samples must copy, found as `profile` does: larger copies until
    /// stacks are not deeper.
    fn depth(&mut self) -> anyhow::Result<Bytes> {
        let mut sampler = self.sampler(SHOWING_HZ)?;
        for _ in 0..SHOWINGS {
            sampler.enable();
            self.load(RUN_IN)?;
            sampler.disable();
            if sampler.adapt().is_none() {
                break;
            }
        }
        Ok(sampler.dump())
    }

    fn watched(&mut self, kind: &Kind, keeps: bool) -> anyhow::Result<Slice> {
        let ready = Instant::now() + ATTACHING;
        let watch = self.attach(kind, keeps)?;
        thread::sleep(ready.saturating_duration_since(Instant::now()));
        let attached = self.clocks.read().total();
        self.load(RUN_IN)?;
        let before = self.clocks.read().total();
        let tally = self.load(self.slice)?;
        let after = self.clocks.read().total();
        let taken = watch.finish(self.interrupted)?;
        Ok(Slice {
            requests: tally.requests,
            elapsed: tally.elapsed(),
            cpu: after - before,
            watched: after - attached,
            taken,
        })
    }

    fn attach(&self, kind: &Kind, keeps: bool) -> anyhow::Result<Watch> {
        let (pids, to) = (self.server.profiled(), (self.dir.path(), keeps));
        Ok(match kind {
            Kind::Nothing => Watch::Nobody,
            Kind::Ours(hz) => {
                let mut sampler = self.sampler(*hz)?;
                sampler.begin_window();
                sampler.enable();
                Watch::Ours(Box::new(sampler))
            }
            Kind::Perf(how, hz) => {
                Watch::Other(Recording::perf((*how, *hz), &pids, to, self.interrupted)?)
            }
            Kind::Samply(program, hz) => {
                Watch::Other(Recording::samply((program, *hz), &pids, to, self.interrupted)?)
            }
        })
    }

    /// Our own sampler on the running server, switched off.
    fn sampler(&self, hz: Hertz) -> anyhow::Result<Sampler> {
        let config =
            Config { cpus: self.cpus.load.as_slice().to_vec(), dump: self.dump, ..Config::at(hz) };
        let mut sampler = Sampler::start(&config).map_err(MeasureError::from)?;
        for pid in self.server.profiled() {
            sampler.watch(pid, Origin::Running).map_err(MeasureError::from)?;
            for child in descendants(pid) {
                // One that ended meanwhile has nothing to sample.
                let _ = sampler.watch(child, Origin::Running);
            }
        }
        Ok(sampler)
    }

    /// Load for so long, and until the last response has come.
    fn load(&mut self, span: Duration) -> anyhow::Result<Tally> {
        let end = Instant::now() + span;
        self.generator.resume();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(GLANCE));
            if self.interrupted.load(Ordering::Relaxed) {
                return Err(MeasureError::Interrupted.into());
            }
            self.server.still_runs()?;
        }
        let tally = self.generator.pause();
        let (good, bad) = (tally.requests, tally.errors.total());
        if good == 0 || bad > 0 {
            let first = tally.errors.first().map(|(failure, _)| format!(", first: {failure}"));
            let first = first.unwrap_or_default();
            bail!("the load went wrong: {good} requests were answered, {bad} failed{first}");
        }
        Ok(tally)
    }
}

impl Watch {
    fn finish(self, interrupted: &AtomicBool) -> anyhow::Result<Option<Taken>> {
        match self {
            Self::Nobody => Ok(None),
            Self::Ours(sampler) => {
                let counts = sampler.finish().counts;
                let (samples, lost) = (counts.samples.0, counts.lost.0);
                Ok(Some(Taken { samples, lost, throttled: counts.throttled }))
            }
            Self::Other(recording) => recording.finish(interrupted),
        }
    }
}

fn is_interruption(error: &anyhow::Error) -> bool {
    error.downcast_ref::<MeasureError>().is_some_and(MeasureError::is_interruption)
}
