//! A target that serves.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{
    Exit,
    cgroup::Cgroup,
    child::{Child, Ending},
    database::Database,
    output::Output,
    ready::Readiness,
};

/// A target that serves. Dropping it stops every process, the last one first.
#[derive(Debug)]
pub struct Running {
    servers: Vec<Server>,
    /// Stopped after the processes that use them.
    databases: Vec<(String, Database)>,
    ready_after: Duration,
    first_call: Option<Duration>,
}

/// A process to profile, and where it listens.
#[derive(Debug, Clone, Copy)]
pub struct Listener<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its id.
    pub pid: u32,
    /// Its address; none where it has no port.
    pub addr: Option<SocketAddr>,
    /// The path at which its manifest says that it serves a CPU profile.
    pub pprof: Option<&'a str>,
}

/// One process of it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) name: String,
    pub(super) profile: bool,
    pub(super) port: Option<u16>,
    /// The loopback address on which it listens.
    pub(super) host: IpAddr,
    pub(super) pprof: Option<String>,
    pub(super) child: Child,
    /// Gone after the process that is in it.
    pub(super) cgroup: Option<Cgroup>,
    pub(super) output: Output,
}

/// How long a process may take to end after SIGTERM.
const GRACE: Duration = Duration::from_secs(3);

/// How long the last lines of a process that ended may take to arrive. Only a process that left
/// its output to others makes this wait; else the output's end comes first, even if the thread
/// that reads it has to wait for its turn.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Running {
    pub(super) fn new(databases: Vec<(String, Database)>) -> Self {
        let servers = Vec::new();
        Self { servers, databases, ready_after: Duration::ZERO, first_call: None }
    }

    pub(super) fn add(&mut self, server: Server, readiness: Readiness, ready_after: Duration) {
        self.servers.push(server);
        self.ready_after = ready_after;
        self.first_call = readiness.first_call;
    }

    /// The address of the last process, which gets the load; none if it has no port.
    pub fn addr(&self) -> Option<SocketAddr> {
        self.servers.last()?.addr()
    }

    /// The ids of all processes, in the order of their start.
    pub fn pids(&self) -> Vec<u32> {
        self.servers.iter().map(|server| server.child.pid()).collect()
    }

    /// The ids of the processes to profile, in the order of their start.
    pub fn profiled(&self) -> Vec<u32> {
        self.servers.iter().filter(|server| server.profile).map(|one| one.child.pid()).collect()
    }

    /// Where each process to profile listens, in the order of their start.
    pub fn listeners(&self) -> impl Iterator<Item = Listener<'_>> {
        let profiled = self.servers.iter().filter(|server| server.profile);
        profiled.map(|server| Listener {
            name: &server.name,
            pid: server.child.pid(),
            addr: server.addr(),
            pprof: server.pprof.as_deref(),
        })
    }

    /// Every process's name and id, in the order of their start.
    pub fn processes(&self) -> impl Iterator<Item = (&str, u32)> {
        self.servers.iter().map(|server| (server.name.as_str(), server.child.pid()))
    }

    /// Every service's name and the id of its server, which is none of the processes.
    pub fn services(&self) -> impl Iterator<Item = (&str, u32)> {
        self.databases.iter().map(|(name, database)| (name.as_str(), database.pid()))
    }

    /// From the release of the first process until the last was ready.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    /// How long the first HTTP call that succeeded took; none unless readiness is a URL.
    pub fn first_call(&self) -> Option<Duration> {
        self.first_call
    }

    /// The first service or process that has ended by itself, if any has; returns at once.
    pub fn exited(&mut self) -> Option<Exit> {
        let databases = self.databases.iter_mut();
        let mut services = databases.filter_map(|(name, database)| database.exit(name));
        services.next().or_else(|| self.servers.iter_mut().find_map(Server::exited))
    }

    /// Stops every process, the last one first: SIGTERM to its group, after three seconds
    /// SIGKILL. Returns how each ended, in the order of their start.
    pub fn stop(mut self) -> Vec<Exit> {
        let mut exits: Vec<_> = self.servers.drain(..).rev().map(Server::stop).collect();
        exits.reverse();
        exits
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        while let Some(server) = self.servers.pop() {
            drop(server);
        }
    }
}

impl Server {
    pub(super) fn addr(&self) -> Option<SocketAddr> {
        Some((self.host, self.port?).into())
    }

    pub(super) fn exited(&mut self) -> Option<Exit> {
        let ending = self.child.ending()?;
        Some(self.exit(ending))
    }

    fn stop(mut self) -> Exit {
        let ending = self.child.stop(GRACE);
        self.exit(ending)
    }

    fn exit(&self, ending: Ending) -> Exit {
        self.output.wait_for_end(LAST_WORDS);
        Exit {
            process: self.name.clone(),
            ending,
            memory_limit: self.cgroup.as_ref().and_then(Cgroup::exceeded),
            background: self.child.background(),
            last_lines: self.output.last_lines(),
        }
    }
}
