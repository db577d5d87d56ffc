//! What is measured: a target that we launch, or a process that runs already.

use std::{net::SocketAddr, num::NonZero, path::PathBuf, sync::atomic::AtomicBool, time::Duration};

use super::error::MeasureError;
use crate::{
    sample::{Origin, Sampler},
    target::{
        self, BuildOptions, Built, Cpus, Guard, LaunchOptions, Manifest, Running, descendants,
        is_running, listening_ports,
    },
};

/// What to measure.
#[derive(Debug)]
pub enum What {
    /// A target, from its manifest.
    Target(Box<Launch>),
    /// A process that runs already.
    Process(Attach),
}

/// A target to build and launch.
#[derive(Debug)]
pub struct Launch {
    /// How it is built and started.
    pub manifest: Manifest,
    /// The port to give it; a free one if none.
    pub port: Option<u16>,
    /// How many files the server may open, whatever its manifest says.
    pub open_files: Option<NonZero<u64>>,
    /// Whether the compiler may use colours.
    pub color: bool,
    /// The folder for what is built and is better not built again.
    pub cache: PathBuf,
}

impl Launch {
    /// The target as its manifest has it, under the budget `default`.
    pub fn new(manifest: Manifest) -> Self {
        let BuildOptions { color, cache } = BuildOptions::default();
        Self { manifest, port: None, open_files: None, color, cache }
    }
}

/// A process to attach to.
#[derive(Debug, Clone)]
pub struct Attach {
    /// The process; its children are watched as well.
    pub pid: u32,
    /// Where to send the load; found from the process's sockets if none.
    pub addr: Option<SocketAddr>,
}

/// A server that serves.
#[derive(Debug)]
pub(super) struct Subject {
    origin: Source,
    pub(super) addr: SocketAddr,
    /// The CPUs that it may use; none where that is not known.
    pub(super) cpus: Option<Cpus>,
    /// Time of the first call that succeeded, where we were the first to call.
    pub(super) first_call: Option<Duration>,
}

#[derive(Debug)]
enum Source {
    Launched(Running),
    Attached(Attach),
}

impl Subject {
    /// Launches a target with the sampler on it from its first instruction.
    pub(super) fn launch(
        launch: &Launch,
        built: &Built,
        cpus: &Cpus,
        guard: &Guard,
        sampler: &mut Sampler,
        interrupted: &AtomicBool,
    ) -> Result<Self, MeasureError> {
        let options = LaunchOptions {
            cpus: Some(cpus.clone()),
            port: launch.port,
            open_files: launch.open_files,
            ..LaunchOptions::default()
        };
        let held = target::launch(&launch.manifest, built, &options, guard)?;
        for pid in held.profiled() {
            if let Err(error) = sampler.watch(pid, Origin::BeforeExec) {
                if !is_running(pid) {
                    // It could not even get ready for its exec, and that says more.
                    held.release(interrupted)?;
                }
                return Err(error.into());
            }
        }
        let running = held.release(interrupted)?;
        let addr = running.addr().ok_or(MeasureError::NoAddress)?;
        let first_call = running.first_call();
        let cpus = Some(cpus.clone());
        Ok(Self { origin: Source::Launched(running), addr, cpus, first_call })
    }

    /// Attaches to a process and its children.
    pub(super) fn attach(attach: &Attach, sampler: &mut Sampler) -> Result<Self, MeasureError> {
        if !is_running(attach.pid) {
            return Err(MeasureError::NoProcess(attach.pid));
        }
        if is_kernel_thread(attach.pid) {
            return Err(MeasureError::KernelThread(attach.pid));
        }
        let addr = match attach.addr {
            Some(addr) => addr,
            None => only_port(attach.pid)?,
        };
        sampler.watch(attach.pid, Origin::Running)?;
        for child in descendants(attach.pid) {
            // One that ended meanwhile has nothing to sample.
            let _ = sampler.watch(child, Origin::Running);
        }
        let cpus = Cpus::of_process(attach.pid).ok();
        Ok(Self { origin: Source::Attached(attach.clone()), addr, cpus, first_call: None })
    }

    /// The processes with all their children that live now.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids = match &self.origin {
            Source::Launched(running) => running.pids(),
            Source::Attached(attach) => vec![attach.pid],
        };
        pids.extend(pids.clone().into_iter().flat_map(descendants));
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// How the server ended, if it has.
    pub(super) fn exited(&mut self) -> Option<String> {
        match &mut self.origin {
            Source::Launched(running) => running.exited().map(|exit| exit.to_string()),
            Source::Attached(Attach { pid, .. }) => {
                (!is_running(*pid)).then(|| format!("process {pid} is gone"))
            }
        }
    }

    /// Stops what we launched; a process that ran before us runs on.
    pub(super) fn stop(self) {
        if let Source::Launched(running) = self.origin {
            running.stop();
        }
    }
}

/// Only kernel threads live without a single mapping.
fn is_kernel_thread(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/maps")).is_ok_and(|maps| maps.is_empty())
}

fn only_port(pid: u32) -> Result<SocketAddr, MeasureError> {
    let ports = listening_ports(pid).map_err(|_| MeasureError::NoProcess(pid))?;
    match ports.as_slice() {
        [] => Err(MeasureError::NoPort(pid)),
        [port] => Ok(*port),
        several => {
            let ports: Vec<String> = several.iter().map(SocketAddr::to_string).collect();
            Err(MeasureError::ManyPorts { pid, ports: ports.join(", ") })
        }
    }
}
