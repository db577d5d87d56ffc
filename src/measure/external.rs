//! A load that an installed tool drives: one run of it to warm up, one that counts.
//!
//! Such a tool says what it did in all, and not when. So there is one slice, with sampling
//! throughout, and nothing can be said of what the sampling cost.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use super::{
    agenda::{Place, SLICE},
    backends::Backend,
    builtin::Driven,
    error::MeasureError,
    event::{Event, Sink},
    instruments::Turn,
    observed::{LoadSeen, Sampling, ToolSeen},
    profile::{Conditions, Settings, Sides},
    slice::{Invalid, Readings, Slice, has_failed},
    slices::Slices,
};
use crate::{
    load::{
        Conversation, EngineKind, Extent, External, Invocation, LatencyKind, Plan, Reported,
        Script, Tally, ToolOutput,
    },
    record::{Attachment, Status},
    sample::CpuTimes,
    target::{Cpus, Ending, Guard, ToolError, ToolRun, ToolSpec, run_tool},
    unit::Nanos,
};

/// What a tool may take beyond the time of its load, to start and to gather its figures.
const GRACE: Duration = Duration::from_secs(60);

/// Refuses, before anything is built, a load that its tool cannot drive.
pub(super) fn check(settings: &Settings) -> Result<(), MeasureError> {
    let script = &settings.script;
    if script.engine.kind == EngineKind::Builtin {
        return Ok(());
    }
    if settings.backends.as_slice().len() > 1 {
        let (engine, backends) = (script.engine.kind.to_string(), settings.backends.to_string());
        return Err(MeasureError::SeveralBackends { engine, backends });
    }
    let folder = tempfile::tempdir().map_err(MeasureError::ToolFolder)?;
    // Any address will do: what cannot be expressed does not depend on it.
    let addr = SocketAddr::from(([127, 0, 0, 1], 80));
    tool(settings)?.command(script, addr, folder.path())?;
    Ok(())
}

/// Refuses a tool that takes interim responses (1xx) for responses where the server sends them: it
/// would report several times what there is.
fn check_interim(script: &Script, addr: SocketAddr) -> Result<(), MeasureError> {
    let engine = script.engine.kind;
    if !matches!(engine, EngineKind::Wrk | EngineKind::Wrk2) {
        return Ok(());
    }
    let plan = Plan::new(script, addr, &[])?;
    for request in plan.requests_of_kinds() {
        // What goes wrong here shows in the load.
        let asked = Conversation::begin(plan.endpoint(), request, plan.timeout());
        if asked.is_ok_and(|conversation| conversation.had_interim()) {
            return Err(MeasureError::Interim { engine: engine.to_string() });
        }
    }
    Ok(())
}

fn tool(settings: &Settings) -> Result<External, MeasureError> {
    let cpus = settings.load_cpus.as_slice().len();
    Ok(External::find(settings.script.engine.kind)?.on_cpus(cpus))
}

/// Lets the script's tool drive its load against a server that is ready.
pub(super) fn drive(
    addr: SocketAddr,
    sides: Sides<'_>,
    guard: &Guard,
    conditions: Conditions<'_>,
    events: Sink<'_>,
) -> Result<Driven, MeasureError> {
    let Conditions { settings, .. } = conditions;
    let script = &settings.script;
    let tool = tool(settings)?;
    check_interim(script, addr)?;
    let mut runner = Runner { sides, guard, conditions };
    runner.warm_up(&tool, addr, events)?;
    let usage_before = runner.sides.subject.usage();
    let folder = tempfile::tempdir().map_err(MeasureError::ToolFolder)?;
    let invocation = tool.command(script, addr, folder.path())?;
    let began = Nanos::now();
    let backend = settings.backends.as_slice().first().copied();
    let turn = Turn { backend, span: script.duration(), flows: false };
    runner.sides.instruments.begin_window();
    runner.sides.instruments.switch(turn);
    let cpu_before = runner.sides.instruments.cpu_times();
    let outcome = runner.run(script, &invocation, folder.path(), &mut |left, _| {
        events(Event::Measuring { left, requests_per_second: 0.0 });
    })?;
    let server_cpu = runner.sides.instruments.cpu_times() - &cpu_before;
    let mut stopped = outcome.stopped.clone();
    if stopped.is_some() {
        runner.sides.instruments.abandon();
    } else if !runner.sides.instruments.switch_off(false, conditions.interrupted) {
        stopped = Some(Stopped::Interrupted);
    }
    let ended = Nanos::now();
    let usage_after = runner.sides.subject.usage();
    let seen = outcome.seen(&tool, &invocation)?;
    let slices = slices(&seen, (began, ended), server_cpu, backend);
    let (status, reason) = ending(script, &seen, stopped);
    let load = LoadSeen {
        stood_still: Nanos(0),
        slices,
        status,
        reason,
        aborted_by: None,
        began,
        ended,
        threads: Some(settings.load_cpus.as_slice().len()),
        live: None,
        client_open_files: None,
        ports: None,
        tool: Some(seen),
    };
    let Sides { instruments, server, subject } = runner.sides;
    let (watched, owners) = (instruments.watched().to_vec(), subject.owners());
    let window_start = instruments.window_start();
    let exact_by_clocks = instruments.counts_by_clocks();
    let expected_effect = instruments.expected_effect();
    let taken = instruments.finish();
    let sampling = Sampling {
        taken,
        watched,
        owners,
        block: 1,
        window_start,
        exact_by_clocks,
        expected_effect,
        stretched: None,
    };
    Ok(Driven { load, sampling, server, usage_before, usage_after })
}

/// Runs a tool beside a server that is watched.
struct Runner<'a> {
    sides: Sides<'a>,
    guard: &'a Guard,
    conditions: Conditions<'a>,
}

/// How a run of a tool ended.
#[derive(Debug)]
struct Outcome {
    run: Option<ToolRun>,
    /// Why it was stopped, if it was.
    stopped: Option<Stopped>,
}

/// Why a tool was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stopped {
    /// The user gave up.
    Interrupted,
    /// The server ended.
    Exited(String),
    /// The tool did not end.
    Hangs(Duration),
}

impl Runner<'_> {
    /// A run of the tool of its own, of which only the size of the copies is kept.
    fn warm_up(
        &mut self,
        tool: &External,
        addr: SocketAddr,
        events: Sink<'_>,
    ) -> Result<(), MeasureError> {
        let script = &self.conditions.settings.script;
        if script.warmup.is_zero() {
            return Ok(());
        }
        // Some tools know whole seconds only, and a warm-up may be longer than asked for.
        let warmup = Duration::from_secs(script.warmup.as_secs_f64().ceil() as u64);
        let extent = Extent::Duration(warmup);
        let script = Script { extent, thresholds: Vec::new(), ..script.clone() };
        let folder = tempfile::tempdir().map_err(MeasureError::ToolFolder)?;
        let invocation = tool.command(&script, addr, folder.path())?;
        let mut adapted = Nanos(0);
        self.sides.instruments.begin_warm_slice();
        let outcome = self.run(&script, &invocation, folder.path(), &mut |left, sides| {
            events(Event::WarmingUp { left });
            let now = Nanos::now();
            if now.since(adapted) < SLICE.into() {
                return;
            }
            adapted = now;
            sides.instruments.end_warm_slice(0);
            if let Some(bytes) = sides.instruments.adapt() {
                events(Event::DumpGrew { bytes });
            }
            sides.instruments.begin_warm_slice();
        })?;
        self.sides.instruments.end_warm_slice(0);

        match &outcome.stopped {
            Some(Stopped::Interrupted) => Err(MeasureError::Interrupted),
            Some(Stopped::Exited(exit)) => Err(MeasureError::Exited(exit.clone())),
            Some(hangs @ Stopped::Hangs(_)) => {
                Err(MeasureError::ToolHangs(format!("{} {hangs}", script.engine.kind)))
            }
            // A tool that fails says why in the output of its warm-up already.
            None => outcome.seen(tool, &invocation).map(drop),
        }
    }

    fn run(
        &mut self,
        script: &Script,
        invocation: &Invocation,
        folder: &Path,
        on_glance: &mut dyn FnMut(Duration, &mut Sides<'_>),
    ) -> Result<Outcome, MeasureError> {
        let Conditions { settings, interrupted } = self.conditions;
        let spec = spec(invocation, folder, &settings.load_cpus);
        let allowed = script.duration() + script.timeout + GRACE;
        let stop = AtomicBool::new(false);
        let mut stopped = None;
        let sides = &mut self.sides;
        let run = run_tool(&spec, self.guard, &stop, &mut |elapsed| {
            let left = Duration::from(Nanos::from(script.duration()) - elapsed);
            on_glance(left, sides);
            let why = if interrupted.load(Ordering::Relaxed) {
                Some(Stopped::Interrupted)
            } else if let Some(exit) = sides.subject.exited() {
                sides.server.note_exit(&exit);
                Some(Stopped::Exited(exit))
            } else {
                (Duration::from(elapsed) > allowed).then_some(Stopped::Hangs(allowed))
            };
            if why.is_some() && stopped.is_none() {
                stopped = why;
                stop.store(true, Ordering::Relaxed);
            }
        });
        match run {
            Ok(run) => Ok(Outcome { run: Some(run), stopped }),
            Err(ToolError::Interrupted { .. }) => Ok(Outcome { run: None, stopped }),
            Err(error) => Err(error.into()),
        }
    }
}

fn spec(invocation: &Invocation, folder: &Path, cpus: &Cpus) -> ToolSpec {
    let env = invocation.env.iter();
    ToolSpec {
        program: invocation.program.clone().into_os_string(),
        args: invocation.args.clone(),
        dir: folder.to_owned(),
        env: env.map(|(name, value)| (name.into(), value.0.clone().into())).collect(),
        cpus: Some(cpus.clone()),
    }
}

impl Outcome {
    /// What the tool left behind, its figures read.
    fn seen(&self, tool: &External, invocation: &Invocation) -> Result<ToolSeen, MeasureError> {
        let (reported, cpu) = match (&self.run, &self.stopped) {
            (Some(run), None) => {
                let exit_code = match run.exit {
                    Ending::Status(code) => Some(code),
                    Ending::Signal(_) | Ending::Unknown | Ending::Never => None,
                };
                let (stdout, stderr) = (run.stdout.clone(), run.stderr.clone());
                let output = ToolOutput { stdout, stderr, exit_code };
                (Some(tool.parse(invocation, &output)?), run.cpu)
            }
            _ => (None, Nanos(0)),
        };
        Ok(ToolSeen {
            version: tool.version().map(str::to_owned),
            command: invocation.shown(),
            reported,
            attachments: attachments(self.run.as_ref(), invocation),
            cpu,
        })
    }
}

/// What the tool printed and the files that were made for it or by it, without secrets.
fn attachments(run: Option<&ToolRun>, invocation: &Invocation) -> Vec<Attachment> {
    let mut all = Vec::new();
    let mut attach = |what: &str, file: String, bytes: &[u8]| {
        let text = invocation.redact(&String::from_utf8_lossy(bytes));
        all.push(Attachment { what: what.to_owned(), file, bytes: text.into_bytes() });
    };
    if let Some(run) = run {
        attach("engine_stdout", "engine.stdout.txt".to_owned(), &run.stdout);
        if !run.stderr.is_empty() {
            attach("engine_stderr", "engine.stderr.txt".to_owned(), &run.stderr);
        }
    }
    for path in invocation.files.iter().chain(&invocation.report) {
        // One that the tool has not written is not there.
        let (Ok(bytes), Some(name)) = (fs::read(path), path.file_name()) else { continue };
        let name = name.to_string_lossy();
        attach(&format!("engine_{name}"), format!("engine.{name}"), &bytes);
    }
    all
}

/// The one slice that there is.
fn slices(
    seen: &ToolSeen,
    (began, ended): (Nanos, Nanos),
    server_cpu: CpuTimes,
    backend: Option<Backend>,
) -> Slices {
    let mut slices = if backend.is_some() { Slices::all_sampled() } else { Slices::new() };
    let mut tally = Tally::new(began);
    tally.ended = ended;
    tally.client_cpu = seen.cpu;
    if let Some(reported) = &seen.reported {
        count(reported, &mut tally);
    }
    let place = Place { backend, recorded: true, ..Place::default() };
    // The tool's CPU time has its start and its end in it: nothing to judge saturation by.
    let readings = Readings { server_cpu, load_threads: usize::MAX, ..Readings::default() };
    let mut slice = Slice::new(place, &tally, readings);
    let failed = seen.reported.as_ref().map_or(0, |reported| reported.errors.total());
    slice.errors = failed;
    if seen.reported.is_none() {
        slice.invalid = Some(Invalid::Cut);
    } else if has_failed(slice.requests, failed) {
        slice.invalid = Some(Invalid::Errors);
    }
    slices.push(slice, &tally);
    slices
}

/// What the tool reported, as far as a tally has a place for it.
fn count(reported: &Reported, tally: &mut Tally) {
    if let Some(duration) = reported.duration {
        // Its own time, without start and end of the program.
        tally.ended = tally.started + duration;
    }
    tally.requests = reported.requests;
    tally.bytes = reported.bytes.unwrap_or_default().0;
    match (&reported.histogram, reported.latency.kind) {
        (Some(histogram), LatencyKind::Service) => tally.latency.clone_from(histogram),
        (Some(histogram), LatencyKind::Response) => tally.response = Some(histogram.clone()),
        (None, _) => {}
    }
}

/// How the run ended, as the record names it.
fn ending(script: &Script, seen: &ToolSeen, stopped: Option<Stopped>) -> (Status, Option<String>) {
    match stopped {
        Some(Stopped::Interrupted) => return (Status::Interrupted, None),
        Some(Stopped::Exited(exit)) => return (Status::Failed, Some(exit)),
        Some(hangs @ Stopped::Hangs(_)) => {
            return (Status::Failed, Some(format!("{} {hangs}", script.engine.kind)));
        }
        None => {}
    }
    let (good, failed) = seen
        .reported
        .as_ref()
        .map_or((0, 0), |reported| (reported.requests, reported.errors.total()));
    let attempts = good + failed;
    if attempts > 0 && failed as f64 > script.limits.max_error_rate * attempts as f64 {
        let reason = format!(
            "collapse: {failed} of {attempts} attempts failed ({:.1} %), as {} reports",
            failed as f64 / attempts as f64 * 100.0,
            script.engine.kind
        );
        return (Status::Failed, Some(reason));
    }
    (Status::Complete, None)
}

impl std::fmt::Display for Stopped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Interrupted => f.write_str("was interrupted"),
            Self::Exited(exit) => write!(f, "was stopped, as the server ended: {exit}"),
            Self::Hangs(after) => write!(f, "did not end within {after:?}, and was stopped"),
        }
    }
}
