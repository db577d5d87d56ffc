//! One profile from beginning to end.

use std::{path::PathBuf, sync::atomic::AtomicBool, thread, time::Duration};

use super::{
    agenda::Agenda,
    backends::{Backend, Backends},
    builtin,
    error::MeasureError,
    event::{Event, Sink},
    external, facts,
    instruments::{Instruments, Taken},
    observed::{Observed, Sampling},
    served::Served,
    server_watch::ServerWatch,
    subject::{Attach, Launch, Subject, What},
};
use crate::{
    load::{Base, EngineKind, Script, open_files_limit, raise_nofile},
    record::{Host, Run, Store, UtcTime},
    symbolize::{Detail, Profile, Resolved},
    target::{BuildOptions, Built, Cpus, Guard, Split, build, name_java_code, split_cpus},
    unit::{Bytes, Hertz, Nanos},
};

/// How to measure.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The load.
    pub script: Script,
    /// What samples; with none there are exact figures, and no profile.
    pub backends: Backends,
    /// Samples per second of CPU time; as many as cost the server little, if none.
    pub hz: Option<Hertz>,
    /// Whether sampling events are opened on threads even where they could be on CPUs.
    pub on_threads: bool,
    /// How much of each stack a sample copies; found in the warm-up if none.
    pub dump: Option<Bytes>,
    /// CPUs for the server.
    pub server_cpus: Cpus,
    /// CPUs for load and sampler.
    pub load_cpus: Cpus,
    /// How much is looked up about each address.
    pub detail: Detail,
    /// Whether the pictures show every frame with its full name.
    pub raw_stacks: bool,
    /// The command line, for the record.
    pub command: String,
}

impl Settings {
    /// This load, sampled by the kernel's events on the usual CPUs: the last quarter of those that
    /// may be used is for the load, the rest for the server. Where the system does not tell, both
    /// share the first.
    pub fn of(script: Script) -> Self {
        let online = Cpus::available().map_or_else(|_| vec![0], |cpus| cpus.as_slice().to_vec());
        let Split { server, load, .. } = split_cpus(&online);
        Self {
            script,
            backends: Backends::default(),
            hz: None,
            on_threads: false,
            dump: None,
            server_cpus: server,
            load_cpus: load,
            detail: Detail::Auto,
            raw_stacks: false,
            command: String::new(),
        }
    }
}

/// A measurement that was made and kept.
#[derive(Debug)]
pub struct Finished {
    /// Its record.
    pub run: Run,
    /// Where it is kept.
    pub directory: PathBuf,
}

/// What is to be measured, built, as often as one likes: the levels of a sweep share it.
#[derive(Debug)]
pub struct Prepared<'a> {
    what: &'a What,
    built: Option<Built>,
    guard: Guard,
}

/// The server and what watches it.
pub(super) struct Sides<'a> {
    pub(super) instruments: Instruments,
    pub(super) subject: &'a mut Subject,
    pub(super) server: ServerWatch,
}

/// What a measurement goes on under.
#[derive(Clone, Copy)]
pub(super) struct Conditions<'a> {
    pub(super) settings: &'a Settings,
    pub(super) interrupted: &'a AtomicBool,
}

/// Measures `what` and keeps the run in `store`.
///
/// # Errors
/// As [`Prepared::new`] and [`Prepared::profile`].
pub fn profile(
    what: &What,
    settings: &Settings,
    store: &Store,
    interrupted: &AtomicBool,
    events: Sink<'_>,
) -> Result<Finished, MeasureError> {
    let levels = std::slice::from_ref(settings);
    let prepared = Prepared::new(what, levels, store, interrupted, events)?;
    prepared.profile(settings, store, interrupted, events)
}

impl<'a> Prepared<'a> {
    /// Builds `what`, once everything that can be known to stop a measurement at one of the
    /// `levels` has been looked at.
    ///
    /// # Errors
    /// When the store cannot be written, the kernel does not allow sampling, a load tool is missing
    /// or cannot do what its script asks for, or the build fails.
    pub fn new(
        what: &'a What,
        levels: &[Settings],
        store: &Store,
        interrupted: &AtomicBool,
        events: Sink<'_>,
    ) -> Result<Self, MeasureError> {
        store.check_writable(facts::target_name(what))?;
        // A build takes long: what would stop us after it should stop us before.
        for settings in levels {
            Instruments::probe(settings)?;
            external::check(settings)?;
            if settings.script.engine.kind == EngineKind::Builtin {
                Agenda::of(&settings.script, &settings.backends)?;
            }
        }
        let guard = Guard::start().map_err(MeasureError::Guard)?;
        let built = build_target(what, &guard, interrupted, events)?;
        Ok(Self { what, built, guard })
    }

    /// Measures it once, from its launch to its end, and keeps the run in `store`.
    ///
    /// When `interrupted` is set, the server ends in the middle, or the load collapses, what was
    /// measured is kept all the same, and [`Run::status`] says so.
    ///
    /// # Errors
    /// When nothing could be measured, or the run not be kept. Nothing that was started outlives
    /// it.
    pub fn profile(
        &self,
        settings: &Settings,
        store: &Store,
        interrupted: &AtomicBool,
        events: Sink<'_>,
    ) -> Result<Finished, MeasureError> {
        let conditions = Conditions { settings, interrupted };
        let mut observed = self.observe(conditions, events)?;
        let resolved = self.resolve(&observed, settings, events);
        events(Event::Recording);
        let run = facts::run(self.what, self.built.as_ref(), settings, &mut observed, &resolved);
        let ended = observed.load.ended;
        let attachments = observed.load.tool.map(|tool| tool.attachments).unwrap_or_default();
        let profiles: Vec<&Profile> = resolved.iter().map(|resolved| &resolved.profile).collect();
        let (run, directory) = store.finish(run, &profiles, &attachments, ended)?;
        Ok(Finished { run, directory })
    }

    /// The profile of each backend.
    fn resolve(&self, observed: &Observed, settings: &Settings, events: Sink<'_>) -> Vec<Resolved> {
        let Sampling { taken, owners, .. } = &observed.sampling;
        if !taken.is_empty() {
            events(Event::Symbolizing);
        }
        let title = facts::title(self.what, &settings.script);
        taken.iter().map(|taken| taken.resolve(&title, settings.detail, owners)).collect()
    }

    /// Leaves the machine alone for a while, before the next level.
    ///
    /// # Errors
    /// When the user gives up.
    pub fn cool_down(
        duration: Duration,
        interrupted: &AtomicBool,
        events: Sink<'_>,
    ) -> Result<(), MeasureError> {
        let end = Nanos::now() + duration.into();
        loop {
            let left = Duration::from(end - Nanos::now());
            if left.is_zero() {
                return Ok(());
            }
            if interrupted.load(std::sync::atomic::Ordering::Relaxed) {
                return Err(MeasureError::Interrupted);
            }
            events(Event::CoolingDown { left });
            thread::sleep(left.min(Duration::from_millis(50)));
        }
    }

    /// From launch to the end of the load. The server is stopped when this returns.
    fn observe(
        &self,
        conditions: Conditions<'_>,
        events: Sink<'_>,
    ) -> Result<Observed, MeasureError> {
        let Conditions { settings, interrupted } = conditions;
        let script = &settings.script;
        // The server inherits the limit.
        let _ = script.limits.raise_nofile.then(raise_nofile);
        // Compilers are asked for their versions: not while anything is measured.
        let host = Host::read();
        let _pinned = Pinned::to(&settings.load_cpus);
        let started = UtcTime::now();
        let load_cpus = settings.load_cpus.as_slice().to_vec();
        let mut instruments = Instruments::start(settings)?;
        let mut subject = self.subject(settings, &mut instruments, interrupted, events)?;
        let served = Served::begin(&subject, script, &mut instruments, &load_cpus, interrupted)?;
        let Served { addr, plan, server, first_call, following_calls, usage, ports } = served;
        events(Event::Ready { after: first_call });
        let sides = Sides { instruments, subject: &mut subject, server };
        let driven = match script.engine.kind {
            EngineKind::Builtin => builtin::drive(&plan, sides, conditions, events)?,
            _ => external::drive(addr, sides, &self.guard, conditions, events)?,
        };
        let mut watch = driven.server;
        let (server, dropped) = watch.end(&subject.pids());
        let (server_cpus, allowance) = (subject.cpus.clone(), subject.allowance.clone());
        let processes = subject.processes();
        let mut perf_maps = subject.take_maps();
        if !perf_maps.is_empty() {
            // Workers come and go.
            perf_maps.add(driven.sampling.taken.iter().flat_map(Taken::pids));
        }
        let unnamed = match settings.backends.contains(Backend::PerfEvent) {
            true => name_java_code(&subject.pids(), &self.guard, interrupted, &mut perf_maps),
            false => Vec::new(),
        };
        subject.stop();
        let mut load = driven.load;
        load.ports = ports;
        load.client_open_files = Some(open_files_limit());
        Ok(Observed {
            started,
            addr,
            server_cpus,
            processes,
            _perf_maps: perf_maps,
            unnamed,
            allowance,
            host,
            sampling: driven.sampling,
            first_call,
            following_calls,
            usage_initial: usage,
            usage_before: driven.usage_before,
            usage_after: driven.usage_after,
            load,
            server,
            dropped,
        })
    }

    fn subject(
        &self,
        settings: &Settings,
        instruments: &mut Instruments,
        interrupted: &AtomicBool,
        events: Sink<'_>,
    ) -> Result<Subject, MeasureError> {
        match (self.what, &self.built) {
            (What::Target(launch), Some(built)) => {
                events(Event::Starting);
                Subject::launch(launch, built, settings, &self.guard, instruments, interrupted)
            }
            (What::Process(attach), _) => {
                let elsewhere = match settings.script.base {
                    Base::Target => None,
                    Base::Fixed(addr) => Some(addr),
                };
                let attach = Attach { pid: attach.pid, addr: attach.addr.or(elsewhere) };
                Subject::attach(&attach, instruments)
            }
            (What::Target(_), None) => Err(MeasureError::NoAddress),
        }
    }
}

fn build_target(
    what: &What,
    guard: &Guard,
    interrupted: &AtomicBool,
    events: Sink<'_>,
) -> Result<Option<Built>, MeasureError> {
    let What::Target(launch) = what else { return Ok(None) };
    let Launch { manifest, color, cache, db_url, .. } = &**launch;
    let services = db_url.is_none();
    if !manifest.recipes.is_empty() || services && !manifest.services.is_empty() {
        events(Event::Building { target: manifest.name.clone() });
    }
    let options = BuildOptions { color: *color, cache: cache.clone(), services };
    let mut line = |text: &str| events(Event::BuildOutput(text.to_owned()));
    Ok(Some(build(manifest, &options, guard, interrupted, &mut line)?))
}

/// Keeps this thread off the server's CPUs until dropped.
pub(super) struct Pinned {
    before: Option<Cpus>,
}

impl Pinned {
    pub(super) fn to(cpus: &Cpus) -> Self {
        let before = Cpus::available().ok();
        // Where it cannot be done, what we do between slices takes a little from the server.
        let _ = cpus.pin_current_thread();
        Self { before }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.before.as_ref().map(Cpus::pin_current_thread);
    }
}
