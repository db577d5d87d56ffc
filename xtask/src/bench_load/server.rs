//! The one server that all sides load.

use std::{net::SocketAddr, sync::atomic::AtomicBool};

use flameload::{
    measure::MeasureError,
    target::{
        self, BuildOptions, Cpus, Guard, LaunchOptions, Manifest, Running, descendants, usage,
    },
    unit::Nanos,
};

use crate::{out, paths};

/// A server that serves, on its own CPUs.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    pub(crate) addr: SocketAddr,
}

impl Server {
    /// Builds the target and launches it.
    pub(crate) fn start(
        manifest: &Manifest,
        cpus: &Cpus,
        guard: &Guard,
        interrupted: &AtomicBool,
    ) -> Result<Self, MeasureError> {
        if !manifest.recipes.is_empty() {
            out::tell(&format!("building {}", manifest.name));
        }
        let color = std::io::IsTerminal::is_terminal(&std::io::stderr());
        let mut say = |line: &str| out::tell(line);
        let options = BuildOptions { color, cache: paths::cache(), ..BuildOptions::default() };
        let built = target::build(manifest, &options, guard, interrupted, &mut say)?;
        let options = LaunchOptions { cpus: Some(cpus.clone()), ..LaunchOptions::default() };
        let running = target::launch(manifest, &built, &options, guard)?.release(interrupted)?;
        let addr = running.addr().ok_or(MeasureError::NoAddress)?;
        Ok(Self { running, addr })
    }

    /// The ids of all its processes that were launched.
    pub(crate) fn pids(&self) -> Vec<u32> {
        self.running.pids()
    }

    /// The same, of those to profile.
    pub(crate) fn profiled(&self) -> Vec<u32> {
        self.running.profiled()
    }

    /// The CPU time of all its processes so far.
    pub(crate) fn cpu_time(&self) -> Nanos {
        let mut pids = self.running.pids();
        pids.extend(pids.clone().into_iter().flat_map(descendants));
        pids.sort_unstable();
        pids.dedup();
        usage::cpu_time(&pids)
    }

    /// Fails where it has ended.
    pub(crate) fn still_runs(&mut self) -> Result<(), MeasureError> {
        match self.running.exited() {
            Some(exit) => Err(MeasureError::Exited(exit.to_string())),
            None => Ok(()),
        }
    }
}
