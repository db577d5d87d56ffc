//! A script made ready for one server: its requests' bytes, its course, and who drives which
//! connections.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use super::{
    connection::Usage,
    course::Course,
    endpoint::Endpoint,
    error::LoadError,
    h2::Messages,
    pool::Pool,
    request::Request,
    schedule::Share,
    script::{Cookies, Pace, Script, Threads, Version},
};

/// A script rendered for one address and a set of CPUs.
#[derive(Debug, Clone)]
pub struct Plan {
    addr: SocketAddr,
    endpoint: Endpoint,
    pool: Arc<Pool>,
    pace: Pace,
    course: Arc<Course>,
    /// The course of the load before it begins.
    warm_up: Arc<Course>,
    usage: Usage,
    /// The requests as HTTP/2 sends them, if that is the protocol.
    messages: Option<Arc<Messages>>,
    streams: usize,
    threads: Vec<ThreadPlan>,
    timeout: Duration,
    seed: u64,
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
    /// When load may not go to `addr`, a request cannot be rendered, or encryption cannot be prepared.
    pub fn new(script: &Script, addr: SocketAddr, cpus: &[usize]) -> Result<Self, LoadError> {
        let endpoint = Endpoint::new(script, addr)?;
        let streams = match script.http.version {
            Version::Http1 => 1,
            Version::Http2 => script.http.streams.max(1) as usize,
        };
        let connections = match script.pace {
            Pace::Closed { connections, .. } => connections.get() as usize,
            Pace::Open { max_in_flight, .. } => (max_in_flight.get() as usize).div_ceil(streams),
        };
        let threads = match script.threads {
            Threads::Auto => cpus.len().max(1),
            Threads::Count(count) => count.get() as usize,
        };
        let pool = Pool::render(script, addr)?;
        let course = Course::of(&script.pace, &script.extent);
        Ok(Self {
            addr,
            messages: messages(script, &endpoint, &pool)?,
            streams,
            endpoint,
            pool: Arc::new(pool),
            pace: script.pace,
            warm_up: Arc::new(course.warm_up()),
            course: Arc::new(course),
            usage: Usage {
                depth: script.pipeline.get() as usize,
                lifetime: script.requests_per_connection.map_or(u32::MAX, NonZeroU32::get),
                cookies: script.http.cookies == Cookies::PerConnection,
            },
            threads: share(connections, threads, cpus),
            timeout: script.timeout,
            seed: script.seed,
            checked: script.limits.preflight,
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

    /// The first request of the script's first kind, for a [`probe`](super::probe()) with the very
    /// bytes of the load.
    pub fn request(&self) -> &Request {
        self.firsts().next().unwrap_or_else(|| self.pool.get(0))
    }

    /// The first request of each kind, in the order of the script.
    pub fn firsts(&self) -> impl Iterator<Item = &Request> {
        self.pool.firsts()
    }

    /// One request of each kind that the script has, in its order.
    pub fn requests_of_kinds(&self) -> impl Iterator<Item = &Request> {
        let first = |kind| (0..self.pool.len()).find(|index| self.pool.kind(*index) == kind);
        (0..self.pool.kinds()).filter_map(first).map(|index| self.pool.get(index))
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

    /// The requests as HTTP/2 sends them, if that is the protocol.
    pub(super) fn messages(&self) -> Option<&Arc<Messages>> {
        self.messages.as_ref()
    }

    /// Requests at once on a connection, each with a stream of its own; 1 without streams.
    pub(super) fn streams(&self) -> usize {
        self.streams
    }

    /// Whether a load that cannot work is refused.
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    pub(super) fn thread_plans(&self) -> &[ThreadPlan] {
        &self.threads
    }

    /// The share of the thread number `index`.
    pub(super) fn share(&self, index: usize) -> Share {
        Share { index, of: self.threads.len() }
    }

    pub(super) fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    pub(super) fn course(&self) -> &Arc<Course> {
        &self.course
    }

    pub(super) fn warm_up(&self) -> &Arc<Course> {
        &self.warm_up
    }

    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }
}

/// The requests of `pool` as HTTP/2 sends them, if `script` wants that.
fn messages(
    script: &Script,
    endpoint: &Endpoint,
    pool: &Pool,
) -> Result<Option<Arc<Messages>>, LoadError> {
    let refuse = |message: &str| Err(LoadError::invalid(&script.name, message));
    if script.http.version == Version::Http1 {
        return Ok(None);
    }
    if script.http.cookies != Cookies::None {
        return refuse("cookies are not available over HTTP/2: leave out http.cookies");
    }
    if script.pipeline.get() > 1 {
        return refuse("pipeline is for HTTP/1.1: over HTTP/2, write http.streams instead");
    }
    let messages = Messages::of(pool, endpoint.encryption().is_some())
        .map_err(|error| LoadError::invalid(&script.name, format!("a request: {error}")))?;
    Ok(Some(Arc::new(messages)))
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
