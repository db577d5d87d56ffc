//! One profile from beginning to end.

use std::{path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use super::{
    error::MeasureError,
    event::{Event, Sink},
    facts::{self, Observed},
    subject::{Launch, Subject, What},
    surroundings,
    window::{Cut, Window},
};
use crate::{
    load::{Generator, Needs, Plan, Script, preflight, probe, raise_nofile},
    record::{Host, Run, Status, Store, UtcTime},
    sample::{Config, Sampler},
    symbolize::{Detail, resolve},
    target::{Built, Cpus, Guard, build, usage},
    unit::{Bytes, Hertz, Nanos},
};

/// How to measure.
#[derive(Debug)]
pub struct Settings {
    /// The load.
    pub script: Script,
    /// Samples per second of CPU time.
    pub hz: Hertz,
    /// How much of each stack a sample copies; found in the warm-up if none.
    pub dump: Option<Bytes>,
    /// CPUs for the server.
    pub server_cpus: Cpus,
    /// CPUs for load and sampler.
    pub load_cpus: Cpus,
    /// How much is looked up about each address.
    pub detail: Detail,
    /// The command line, for the record.
    pub command: String,
}

/// A measurement that was made and kept.
#[derive(Debug)]
pub struct Finished {
    /// Its record.
    pub run: Run,
    /// Where it is kept.
    pub directory: PathBuf,
}

/// Measures `what` and keeps the run in `store`.
///
/// When `interrupted` is set, or the server ends in the middle, what was measured is kept all the
/// same, and [`Run::status`] says so.
///
/// # Errors
/// When nothing could be measured, or the run not be kept. Nothing that was started outlives it.
pub fn profile(
    what: &What,
    settings: &Settings,
    store: &Store,
    interrupted: &AtomicBool,
    events: Sink<'_>,
) -> Result<Finished, MeasureError> {
    store.check_writable(facts::target_name(what))?;
    // A build takes long: what would stop us after it should stop us before.
    Sampler::probe(settings.hz)?;
    let guard = Guard::start().map_err(MeasureError::Guard)?;
    let built = build_target(what, &guard, interrupted, events)?;
    let mut observed = observe(what, built.as_ref(), settings, &guard, interrupted, events)?;
    events(Event::Symbolizing);
    let title = facts::title(what, &settings.script);
    let resolved = resolve(&observed.capture, title, settings.detail);
    events(Event::Recording);
    let run = facts::run(what, built.as_ref(), settings, &mut observed, &resolved);
    let (run, directory) = store.finish(run, &resolved.profile, observed.load_ended)?;
    Ok(Finished { run, directory })
}

fn build_target(
    what: &What,
    guard: &Guard,
    interrupted: &AtomicBool,
    events: Sink<'_>,
) -> Result<Option<Built>, MeasureError> {
    let What::Target(launch) = what else { return Ok(None) };
    let Launch { manifest, color, .. } = &**launch;
    if manifest.build.is_some() {
        events(Event::Building { target: manifest.name.clone() });
    }
    let options = crate::target::BuildOptions { color: *color };
    let mut line = |text: &str| events(Event::BuildOutput(text.to_owned()));
    Ok(Some(build(manifest, options, guard, interrupted, &mut line)?))
}

/// From launch to the end of the load. The server is stopped when this returns.
fn observe(
    what: &What,
    built: Option<&Built>,
    settings: &Settings,
    guard: &Guard,
    interrupted: &AtomicBool,
    events: Sink<'_>,
) -> Result<Observed, MeasureError> {
    // The server inherits the limit.
    let _ = raise_nofile();
    // Compilers are asked for their versions: not while anything is measured.
    let host = Host::read();
    let _pinned = Pinned::to(&settings.load_cpus);
    let started = UtcTime::now();
    let load_cpus = settings.load_cpus.as_slice().to_vec();
    let mut sampler =
        Sampler::start(&Config { hz: settings.hz, cpus: load_cpus.clone(), dump: settings.dump })?;
    let mut subject = match (what, built) {
        (What::Target(launch), Some(built)) => {
            events(Event::Starting);
            Subject::launch(launch, built, &settings.server_cpus, guard, &mut sampler, interrupted)?
        }
        (What::Process(attach), _) => Subject::attach(attach, &mut sampler)?,
        (What::Target(_), None) => return Err(MeasureError::NoAddress),
    };
    let plan = Plan::new(&settings.script, subject.addr, &load_cpus)?;
    let first_call = first_call(&plan, &settings.script, &subject)?;
    let usage_initial = usage::read(&subject.pids());
    events(Event::Ready { after: first_call });
    if plan.is_checked() {
        preflight(Needs::of(&plan), &surroundings::of(&subject.pids(), subject.addr))?;
    }
    let mut window = Window {
        generator: Generator::start(&plan)?,
        sampler,
        subject: &mut subject,
        load_threads: plan.threads(),
        interrupted,
    };
    window.warm_up(settings.script.warmup, events).map_err(before_window)?;
    let usage_before = usage::read(&window.subject.pids());
    let (slices, cut) = window.measure(settings.script.duration(), events);
    let load_ended = Nanos::now();
    let usage_after = usage::read(&window.subject.pids());
    let capture = window.finish();
    let (addr, server_cpus) = (subject.addr, subject.cpus.clone());
    subject.stop();
    let (status, reason) = ending(cut);
    Ok(Observed {
        started,
        addr,
        server_cpus,
        host,
        status,
        reason,
        slices,
        capture,
        first_call,
        usage_initial,
        usage_before,
        usage_after,
        load_ended,
    })
}

/// The error of a measurement that ended before there was anything to keep.
fn before_window(cut: Cut) -> MeasureError {
    match cut {
        Cut::Interrupted => MeasureError::Interrupted,
        Cut::Exited(exit) => MeasureError::Exited(exit),
        Cut::Silent => MeasureError::Silent,
    }
}

/// How the record names the end of a window.
fn ending(cut: Option<Cut>) -> (Status, Option<String>) {
    match cut {
        None => (Status::Complete, None),
        Some(Cut::Interrupted) => (Status::Interrupted, None),
        Some(Cut::Exited(exit)) => (Status::Failed, Some(exit)),
        Some(Cut::Silent) => (Status::Failed, Some(MeasureError::Silent.to_string())),
    }
}

/// Keeps this thread off the server's CPUs until dropped.
struct Pinned {
    before: Option<Cpus>,
}

impl Pinned {
    fn to(cpus: &Cpus) -> Self {
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

/// The time of the first call. Where readiness was a call of its own, that one was the first.
///
/// A status that the script does not expect ends it here: the path is probably another target's,
/// and a flamegraph of refusals looks like any other.
fn first_call(plan: &Plan, script: &Script, subject: &Subject) -> Result<Duration, MeasureError> {
    let (status, took) =
        probe(plan.endpoint(), plan.request(), plan.timeout()).map_err(MeasureError::NoAnswer)?;
    let request = script.request();
    let expected = &request.expect.status;
    let is_good = match expected.as_slice() {
        [] => (200..300).contains(&status),
        expected => expected.contains(&status),
    };
    if !is_good {
        return Err(MeasureError::WrongStatus {
            request: format!("{} {}", request.method, request.path),
            status,
            script: script.name.clone(),
        });
    }
    Ok(subject.first_call.unwrap_or(took))
}
