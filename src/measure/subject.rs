//! What is measured: a target that we launch, or a process that runs already.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZero,
    path::PathBuf,
    sync::atomic::AtomicBool,
    time::Duration,
};

use super::{
    backends::Backend, caller, error::MeasureError, instruments::Instruments, observed::Usages,
    profile::Settings,
};
use crate::{
    sample::{
        Origin,
        pprof::{DEFAULT_PATH, Endpoint, PprofError},
    },
    target::{
        self, Allowance, BudgetName, BuildOptions, Built, Cpus, Guard, LaunchOptions, Listener,
        Manifest, PerfMaps, Running, descendants, guarded, is_kernel_thread, is_running,
        listening_ports, usage,
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
    /// What it may use.
    pub budget: BudgetName,
    /// A database that runs already, in place of the manifest's services.
    pub db_url: Option<String>,
}

impl Launch {
    /// The target as its manifest has it, under the budget `default`.
    pub fn new(manifest: Manifest) -> Self {
        let BuildOptions { color, cache, .. } = BuildOptions::default();
        let budget = BudgetName::Default;
        Self { manifest, port: None, open_files: None, color, cache, budget, db_url: None }
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
    /// What it got of its budget; none where we did not launch it.
    pub(super) allowance: Option<Allowance>,
    /// Time of the first call that succeeded, where we were the first to call.
    pub(super) first_call: Option<Duration>,
    /// What its processes write for profilers because we ask for it; it goes after them.
    maps: PerfMaps,
}

#[derive(Debug)]
enum Source {
    Launched(Running),
    Attached(Member),
}

/// A process of a server; its children belong to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The target's name for it; for a process that ran already, the system's.
    pub(super) name: String,
    pub(super) pid: u32,
    /// Whether it is watched, under its name.
    pub(super) profiled: bool,
}

impl Subject {
    /// Launches a target with the sampler on it from its first instruction.
    pub(super) fn launch(
        launch: &Launch,
        built: &Built,
        settings: &Settings,
        guard: &Guard,
        instruments: &mut Instruments,
        interrupted: &AtomicBool,
    ) -> Result<Self, MeasureError> {
        let options = LaunchOptions {
            cpus: Some(settings.server_cpus.clone()),
            budget: launch.manifest.budget(launch.budget),
            port: launch.port,
            open_files: launch.open_files,
            db_url: launch.db_url.clone(),
            // What serves the server is no part of what is measured, nor of what it may use.
            service_cpus: Some(settings.load_cpus.clone()),
            caller: caller::of_script(&settings.script)?,
            // They cost the server CPU time, and only addresses need names.
            perf_maps: settings.backends.contains(Backend::PerfEvent),
        };
        let writes_maps = options.perf_maps && built.writes_perf_maps();
        let mut maps = PerfMaps::default();
        let held = target::launch(&launch.manifest, built, &options, guard)?;
        if writes_maps {
            maps.add(held.processes().map(|(_, pid)| pid));
        }
        let profiled = held.profiled();
        let mut processes: Vec<(String, u32)> =
            held.processes().map(|(name, pid)| (name.to_owned(), pid)).collect();
        processes.retain(|(_, pid)| profiled.contains(pid));
        for (name, pid) in processes {
            if let Err(error) = instruments.watch(&name, pid, Origin::BeforeExec) {
                if !is_running(pid) {
                    // It could not even get ready for its exec, and that says more.
                    held.release(interrupted)?;
                }
                return Err(error.into());
            }
        }
        let allowance = held.allowance().clone();
        let running = held.release(interrupted)?;
        // Load that goes to a socket needs no port.
        let elsewhere =
            settings.script.http.unix.as_ref().map(|_| (Ipv4Addr::LOCALHOST, 80).into());
        let addr = running.addr().or(elsewhere).ok_or(MeasureError::NoAddress)?;
        let first_call = running.first_call();
        let cpus = Some(allowance.cpus.clone());
        let allowance = Some(allowance);
        Ok(Self { origin: Source::Launched(running), addr, cpus, allowance, first_call, maps })
    }

    /// Attaches to a process and its children.
    pub(super) fn attach(
        attach: &Attach,
        instruments: &mut Instruments,
    ) -> Result<Self, MeasureError> {
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
        let name = process_name(attach.pid);
        instruments.watch(&name, attach.pid, Origin::Running)?;
        for child in descendants(attach.pid) {
            // One that ended meanwhile has nothing to sample.
            let _ = instruments.watch(&name, child, Origin::Running);
        }
        let cpus = Cpus::of_process(attach.pid).ok();
        let member = Member { name, pid: attach.pid, profiled: true };
        let origin = Source::Attached(member);
        let maps = PerfMaps::default();
        Ok(Self { origin, addr, cpus, allowance: None, first_call: None, maps })
    }

    /// Its processes, in the order of their start.
    pub(super) fn processes(&self) -> Vec<Member> {
        let running = match &self.origin {
            Source::Launched(running) => running,
            Source::Attached(member) => return vec![member.clone()],
        };
        let profiled = running.profiled();
        let member = |(name, pid): (&str, u32)| {
            let profiled = profiled.contains(&pid);
            Member { name: name.to_owned(), pid, profiled }
        };
        running.processes().map(member).collect()
    }

    /// What each of them uses with its children.
    pub(super) fn usage(&self) -> Usages {
        let family = |member: &Member| {
            let children = descendants(member.pid);
            usage::read(&[&[member.pid], children.as_slice()].concat())
        };
        Usages(self.processes().iter().map(family).collect())
    }

    /// The processes with all their children that live now.
    pub(super) fn pids(&self) -> Vec<u32> {
        let mut pids: Vec<u32> = self.processes().iter().map(|member| member.pid).collect();
        pids.extend(pids.clone().into_iter().flat_map(descendants));
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// Hands over the maps that it writes, with those of all its processes that live now.
    pub(super) fn take_maps(&mut self) -> PerfMaps {
        let pids = self.pids();
        let mut maps = std::mem::take(&mut self.maps);
        if !maps.is_empty() {
            maps.add(pids.into_iter());
        }
        maps
    }

    /// Where the profiled processes give a CPU profile of themselves, if they do.
    ///
    /// # Errors
    /// When one has no port.
    pub(super) fn endpoints(&self) -> Result<Vec<Endpoint>, PprofError> {
        let endpoint = |Listener { name, pid, addr, pprof }: Listener<'_>| {
            let process = format!("the process '{name}'");
            let path = pprof.unwrap_or(DEFAULT_PATH).to_owned();
            match addr {
                Some(addr) => Ok(Endpoint { process, pid, addr, path }),
                None => Err(PprofError::NoPort { process }),
            }
        };
        match &self.origin {
            Source::Launched(running) => running.listeners().map(endpoint).collect(),
            Source::Attached(Member { pid, .. }) => {
                let (process, path) = (format!("process {pid}"), DEFAULT_PATH.to_owned());
                Ok(vec![Endpoint { process, pid: *pid, addr: self.addr, path }])
            }
        }
    }

    /// Of several profiled processes, which one each process is or descends from, by their ids.
    pub(super) fn owners(&self) -> Vec<(u32, String)> {
        let profiled: Vec<_> =
            self.processes().into_iter().filter(|member| member.profiled).collect();
        if profiled.len() < 2 {
            return Vec::new();
        }
        let family = |member: Member| {
            let pids = std::iter::once(member.pid).chain(descendants(member.pid));
            pids.map(|pid| (pid, member.name.clone())).collect::<Vec<_>>()
        };
        profiled.into_iter().flat_map(family).collect()
    }

    /// How the server ended, if it has.
    pub(super) fn exited(&mut self) -> Option<String> {
        match &mut self.origin {
            Source::Launched(running) => running.exited().map(|exit| exit.to_string()),
            Source::Attached(Member { pid, .. }) => {
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

/// The name that the system knows a process by.
fn process_name(pid: u32) -> String {
    let name = std::fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(&name).trim_end().to_owned();
    if name.is_empty() { "process".to_owned() } else { name }
}

/// The port of a process, or else the one that a child of it listens on, as behind a supervisor.
fn only_port(pid: u32) -> Result<SocketAddr, MeasureError> {
    let own = listening_ports(pid).map_err(|source| match guarded(pid) {
        Some(why) => MeasureError::Guarded { pid, why },
        None if is_running(pid) => MeasureError::Unreadable { pid, source },
        None => MeasureError::NoProcess(pid),
    })?;
    let of_children = || {
        let children = descendants(pid).into_iter();
        let mut found: Vec<_> =
            children.filter_map(|child| listening_ports(child).ok()).flatten().collect();
        found.sort_unstable();
        found.dedup();
        found
    };
    let ports = if own.is_empty() { of_children() } else { own };
    match ports.as_slice() {
        [] => Err(MeasureError::NoPort(pid)),
        [port] => Ok(*port),
        several => {
            let ports: Vec<String> = several.iter().map(SocketAddr::to_string).collect();
            Err(MeasureError::ManyPorts { pid, ports: ports.join(", ") })
        }
    }
}
