//! A script made ready for one server: the request's bytes, and who drives which connections.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    endpoint::Endpoint,
    error::LoadError,
    h2::Messages,
    pool::Pool,
    request::Request,
    script::{Cookies, Script, Threads, Version},
};

/// A script rendered for one address and a set of CPUs.
#[derive(Debug, Clone)]
pub struct Plan {
    addr: SocketAddr,
    endpoint: Endpoint,
    request: Request,
    lane: Option<LanePlan>,
    threads: Vec<ThreadPlan>,
    timeout: Duration,
}

/// What HTTP/2 needs besides.
#[derive(Debug, Clone)]
pub(super) struct LanePlan {
    pub(super) pool: Arc<Pool>,
    pub(super) messages: Arc<Messages>,
    pub(super) streams: usize,
    pub(super) requests_per_connection: Option<NonZeroU32>,
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
    /// When load may not go to `addr`, or encryption cannot be prepared.
    pub fn new(script: &Script, addr: SocketAddr, cpus: &[usize]) -> Result<Self, LoadError> {
        let endpoint = Endpoint::new(script, addr)?;
        let connections = script.pace.connections().get() as usize;
        let threads = match script.threads {
            Threads::Auto => cpus.len().max(1),
            Threads::Count(count) => count.get() as usize,
        };
        let pool = Pool::render(script, addr)?;
        let request = pool.get(0).clone();
        let lane = match script.http.version {
            Version::Http1 => None,
            Version::Http2 => Some(LanePlan::new(script, &endpoint, pool)?),
        };
        Ok(Self {
            addr,
            endpoint,
            request,
            lane,
            threads: share(connections, threads, cpus),
            timeout: script.timeout,
        })
    }

    /// The server's address.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where connections go, and how.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
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

    /// What HTTP/2 needs, if that is the protocol.
    pub(super) fn lane(&self) -> Option<&LanePlan> {
        self.lane.as_ref()
    }

    pub(super) fn thread_plans(&self) -> &[ThreadPlan] {
        &self.threads
    }
}

impl LanePlan {
    fn new(script: &Script, endpoint: &Endpoint, pool: Pool) -> Result<Self, LoadError> {
        let refuse = |message: &str| Err(LoadError::invalid(&script.name, message));
        if script.http.cookies != Cookies::None {
            return refuse("cookies are not available over HTTP/2: leave out http.cookies");
        }
        if script.pipeline.get() > 1 {
            return refuse("pipeline is for HTTP/1.1: over HTTP/2, write http.streams");
        }
        let messages = Messages::of(&pool, endpoint.encryption().is_some())
            .map_err(|error| LoadError::invalid(&script.name, format!("a request: {error}")))?;
        Ok(Self {
            pool: Arc::new(pool),
            messages: Arc::new(messages),
            streams: script.http.streams.max(1) as usize,
            requests_per_connection: script.requests_per_connection,
        })
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
