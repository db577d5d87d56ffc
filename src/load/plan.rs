//! A script made ready for one server: the request's bytes, and who drives which connections.

use std::{net::SocketAddr, time::Duration};

use super::{
    error::LoadError,
    pool::Pool,
    request::Request,
    script::{Script, Threads},
};

/// A script rendered for one address and a set of CPUs.
#[derive(Debug, Clone)]
pub struct Plan {
    addr: SocketAddr,
    request: Request,
    threads: Vec<ThreadPlan>,
    timeout: Duration,
    checked: bool,
}

/// One thread's share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadPlan {
    /// The CPU it is pinned to, if any.
    pub(super) cpu: Option<usize>,
    pub(super) connections: usize,
}

impl Plan {
    /// Renders `script` for the server at `addr`, with threads pinned to `cpus` in turn; without
    /// any CPUs, nothing is pinned.
    ///
    /// # Errors
    /// When `addr` is not a loopback address.
    pub fn new(script: &Script, addr: SocketAddr, cpus: &[usize]) -> Result<Self, LoadError> {
        if !addr.ip().is_loopback() {
            return Err(LoadError::Remote(addr));
        }
        let connections = script.pace.connections().get() as usize;
        let threads = match script.threads {
            Threads::Auto => cpus.len().max(1),
            Threads::Count(count) => count.get() as usize,
        };
        Ok(Self {
            addr,
            request: Pool::render(script, addr)?.get(0).clone(),
            threads: share(connections, threads, cpus),
            timeout: script.timeout,
            checked: script.limits.preflight,
        })
    }

    /// The server's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The request, for a [`probe`](super::probe()) with the very bytes of the load.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// How many connections there will be.
    pub fn connections(&self) -> usize {
        self.threads.iter().map(|thread| thread.connections).sum()
    }

    /// How many threads drive them.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// How long a complete response, or a connection, may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether a load that cannot work is refused.
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    pub(super) fn thread_plans(&self) -> &[ThreadPlan] {
        &self.threads
    }
}

/// Deals the connections out evenly; the first threads get the remainder, one each.
fn share(connections: usize, threads: usize, cpus: &[usize]) -> Vec<ThreadPlan> {
    let threads = threads.clamp(1, connections.max(1));
    let mut cpus = cpus.iter().copied().cycle();
    (0..threads)
        .map(|index| ThreadPlan {
            cpu: cpus.next(),
            connections: connections / threads + usize::from(index < connections % threads),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(connections: usize, threads: usize, cpus: &[usize]) -> Vec<(Option<usize>, usize)> {
        let plans = share(connections, threads, cpus);
        plans.iter().map(|plan| (plan.cpu, plan.connections)).collect()
    }

    #[test]
    fn no_connection_is_lost_in_the_division() {
        let dealt = shares(100, 12, &[]);
        assert_eq!(dealt.iter().map(|(_, connections)| connections).sum::<usize>(), 100);
        assert!(dealt.iter().all(|(_, connections)| (8..=9).contains(connections)));
        assert_eq!(shares(2, 8, &[]), [(None, 1), (None, 1)]);
    }

    #[test]
    fn threads_take_the_cpus_in_turn() {
        assert_eq!(shares(5, 3, &[4, 7]), [(Some(4), 2), (Some(7), 2), (Some(4), 1)]);
    }
}
