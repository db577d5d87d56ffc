//! Built -> held: every process of a target, forked and waiting before its exec.

use std::{collections::BTreeMap, num::NonZero, sync::atomic::AtomicBool, time::Instant};

use super::{
    Built, Guard, Manifest, TargetError,
    budget::Cpus,
    child::{Child, Pipes, Spec, Streams},
    environment,
    manifest::{Condition, Process},
    output::Output,
    port,
    ready::{self, Readiness},
    running::{Running, Server},
    template::{Template, Values},
};

/// What a target may use.
#[derive(Debug, Clone, Default)]
pub struct LaunchOptions {
    /// The CPUs of every process; none leaves them those of this thread.
    pub cpus: Option<Cpus>,
    /// The port of the last process; none takes the manifest's, or a free one.
    pub port: Option<u16>,
    /// What `{workers}` stands for; none is one a CPU.
    pub workers: Option<NonZero<usize>>,
    /// How many files each process may open, whatever the manifest says; none takes the
    /// manifest's limit, or the highest that the system allows.
    pub open_files: Option<NonZero<u64>>,
}

/// A target whose processes exist, with their ids, but have not run their programs.
///
/// Counters and samplers opened now see each program from its first instruction. Dropping it
/// ends the processes.
#[derive(Debug)]
pub struct Held(Vec<HeldProcess>);

#[derive(Debug)]
struct HeldProcess {
    name: String,
    profile: bool,
    port: Option<u16>,
    condition: Condition,
    timeout: std::time::Duration,
    child: Child,
    spec: Spec,
    pipes: Pipes,
}

/// Forks every process of `manifest`, in order, and has each wait before its exec.
///
/// # Errors
/// When a port is taken, a program cannot be found, or the system refuses a process.
pub fn launch(
    manifest: &Manifest,
    built: &Built,
    options: &LaunchOptions,
    guard: &Guard,
) -> Result<Held, TargetError> {
    let ports = port::assign(&manifest.processes, options.port)?;
    let available = || Cpus::available().map_or(1, |cpus| cpus.count());
    let cpus = options.cpus.as_ref().map_or_else(available, Cpus::count);
    let mut held = Vec::new();
    for process in &manifest.processes {
        let values = Values {
            bin: built.binary.as_deref(),
            dir: &manifest.dir,
            port: ports.get(&process.name).copied(),
            ports: &ports,
            cpus,
            workers: options.workers.map_or(cpus, NonZero::get),
        };
        held.push(hold(process, &values, options, guard)?);
    }
    Ok(Held(held))
}

fn hold(
    process: &Process,
    values: &Values<'_>,
    options: &LaunchOptions,
    guard: &Guard,
) -> Result<HeldProcess, TargetError> {
    let Process { name, profile, ready, .. } = process;
    let spec = spec(process, values, options)?;
    let (child, pipes) = Child::hold(&spec, guard)
        .map_err(|source| TargetError::Spawn { process: name.clone(), source })?;
    Ok(HeldProcess {
        name: name.clone(),
        profile: *profile,
        port: values.port,
        condition: ready.condition.clone(),
        timeout: ready.timeout,
        child,
        spec,
        pipes,
    })
}

fn spec(
    process: &Process,
    values: &Values<'_>,
    options: &LaunchOptions,
) -> Result<Spec, TargetError> {
    let fill = |template: &Template| {
        let process = process.name.clone();
        template.render(values).map_err(|source| TargetError::Template { process, source })
    };
    let mut words = process.command.iter().map(fill);
    let program = words.next().transpose()?.unwrap_or_default();
    let args = words.collect::<Result<_, _>>()?;
    let mut env: BTreeMap<_, _> = environment::inherited();
    for (name, value) in &process.env {
        env.insert(name.into(), fill(value)?);
    }
    Ok(Spec {
        program,
        args,
        env,
        dir: values.dir.to_owned(),
        cpus: options.cpus.clone(),
        open_files: options.open_files.or(process.open_files).map(NonZero::get),
        output: Streams::Joined,
    })
}

impl Held {
    /// The ids of the processes to profile, in the order of their start.
    pub fn profiled(&self) -> Vec<u32> {
        self.0.iter().filter(|process| process.profile).map(|one| one.child.pid()).collect()
    }

    /// Every process's name and id, in the order of their start.
    pub fn processes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.0.iter().map(|process| (process.name.as_str(), process.child.pid()))
    }

    /// Lets the processes run their programs, each once the one before is ready, and waits until
    /// the last is. Gives up soon after `interrupted` is set.
    ///
    /// # Errors
    /// When a program cannot be run, ends, or is not ready within its time; every process is
    /// stopped by then.
    pub fn release(self, interrupted: &AtomicBool) -> Result<Running, TargetError> {
        let started = Instant::now();
        // Stopped in reverse order by its drop, should a later process fail.
        let mut running = Running::new();
        for process in self.0 {
            let (server, readiness) = process.release(interrupted)?;
            running.add(server, readiness, started.elapsed());
        }
        Ok(running)
    }
}

impl HeldProcess {
    fn release(mut self, interrupted: &AtomicBool) -> Result<(Server, Readiness), TargetError> {
        self.child
            .release(&self.spec)
            .map_err(|source| TargetError::Spawn { process: self.name.clone(), source })?;
        let awaited = match &self.condition {
            Condition::Line(text) => Some(text.clone()),
            _ => None,
        };
        let output = Output::follow(self.pipes.stdout, awaited).map_err(|source| {
            TargetError::Spawn { process: self.name.clone(), source: source.into() }
        })?;
        let mut server = Server {
            name: self.name,
            profile: self.profile,
            port: self.port,
            child: self.child,
            output,
        };
        let readiness = ready::wait(&mut server, &self.condition, self.timeout, interrupted)?;
        Ok((server, readiness))
    }
}
