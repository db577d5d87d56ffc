//! Profiles that servers take of themselves and give over HTTP, as Go's `net/http/pprof` does.
//!
//! ```text
//! Endpoint -fetch (HTTP)-> bytes -decode (gzip, profile.proto)-> stacks -> NamedCapture
//! ```
//!
//! A request for a profile lasts as long as the profile is taken, whole seconds. So a slice is
//! sampled by a request that begins before it and ends with it or after it, and all that was seen
//! in it bears the time of the request. No privileges are needed.

mod decode;
mod error;
mod fetch;
mod proto;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    affinity,
    attach::thread_name,
    capture::SampledThread,
    named::{NamedCapture, NamedCollector, NamedFrame},
};
use crate::unit::{Nanos, Samples};
pub use decode::{Decoded, DecodedStack, decode};
pub use error::{DecodeError, PprofError};
use fetch::{Fetched, Line, fetch};

/// Where a process that is not told otherwise is expected to serve its profile.
pub const DEFAULT_PATH: &str = "/debug/pprof/profile";

/// The shortest profile that can be asked for, and the step between two lengths.
pub const SECOND: Duration = Duration::from_secs(1);

/// How long an idle server gets to begin a profile before the load comes.
const LEAD_IN: Duration = Duration::from_millis(50);

/// How often a first profile is looked for.
const POLL: Duration = Duration::from_millis(10);

/// Where a process gives its profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The process, as users know it.
    pub process: String,
    /// Its id.
    pub pid: u32,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The path, without a query.
    pub path: String,
}

impl Endpoint {
    /// The path with its query for a profile of so many seconds.
    fn target(&self, seconds: u32) -> String {
        let separator = if self.path.contains('?') { '&' } else { '?' };
        format!("{}{separator}seconds={seconds}", self.path)
    }

    fn url(&self, seconds: u32) -> String {
        format!("http://{}{}", self.addr, self.target(seconds))
    }
}

/// Samples processes by asking them for profiles. Born switched off.
#[derive(Debug)]
pub struct Pprof {
    endpoints: Vec<Arc<Served>>,
    cpus: Vec<usize>,
    fetches: Vec<JoinHandle<()>>,
    shared: Arc<Mutex<NamedCollector>>,
}

/// An endpoint, and what is going on with it.
#[derive(Debug)]
struct Served {
    endpoint: Endpoint,
    /// A server takes one profile at a time: each waits for the one before.
    turn: Mutex<()>,
    line: Line,
}

impl Pprof {
    /// Prepares to fetch from `endpoints` by threads that run on `cpus`; anywhere if empty.
    ///
    /// # Errors
    /// When one of them gives no profile: each is asked for one of a second, all at once. Soon
    /// after `interrupted` is set they are given up.
    pub fn start(
        endpoints: Vec<Endpoint>,
        cpus: &[usize],
        interrupted: &AtomicBool,
    ) -> Result<Self, PprofError> {
        let served =
            |endpoint| Arc::new(Served { endpoint, turn: Mutex::default(), line: Line::default() });
        let shared = Arc::new(Mutex::new(NamedCollector::new(Nanos::now(), Vec::new())));
        let endpoints = endpoints.into_iter().map(served).collect();
        let pprof = Self { endpoints, cpus: cpus.to_vec(), fetches: Vec::new(), shared };
        pprof.check(interrupted)?;
        Ok(pprof)
    }

    fn check(&self, interrupted: &AtomicBool) -> Result<(), PprofError> {
        let check = |served: &Served| {
            affinity::keep_to(&self.cpus);
            fetch(&served.endpoint, 1, &served.line).map(drop)
        };
        thread::scope(|scope| {
            let threads = self.endpoints.iter().map(|served| {
                let name = "flameload-pprof".to_owned();
                let spawned = thread::Builder::new().name(name);
                spawned.spawn_scoped(scope, move || check(served)).map_err(PprofError::Thread)
            });
            let threads: Vec<_> = threads.collect();
            while threads.iter().flatten().any(|thread| !thread.is_finished()) {
                if interrupted.load(Ordering::Relaxed) {
                    self.endpoints.iter().for_each(|served| served.line.hang_up());
                }
                thread::sleep(POLL);
            }
            // One that panicked has checked nothing.
            let results = threads
                .into_iter()
                .map(|thread| thread?.join().unwrap_or(Err(PprofError::Abandoned)));
            results.collect()
        })
    }

    /// Begins the window that counts.
    pub fn begin_window(&mut self) {
        *lock(&self.shared) = NamedCollector::new(Nanos::now(), Vec::new());
    }

    /// Samples of profiles that begin from now on bear this tag.
    pub fn tag(&self, tag: u16) {
        lock(&self.shared).tag(tag);
    }

    /// Asks each process for a profile of so many seconds. Returns at once.
    pub fn enable(&mut self, seconds: u32) {
        self.fetches.retain(|fetch| !fetch.is_finished());
        for served in &self.endpoints {
            let (served, shared) = (served.clone(), self.shared.clone());
            let cpus = self.cpus.clone();
            let name = "flameload-pprof".to_owned();
            let spawned = thread::Builder::new().name(name).spawn(move || {
                affinity::keep_to(&cpus);
                let _turn = served.turn.lock().unwrap_or_else(PoisonError::into_inner);
                let result = fetch(&served.endpoint, seconds, &served.line);
                let mut collector = lock(&shared);
                match result {
                    Ok(fetched) => keep(fetched, &served.endpoint, &mut collector),
                    // Nobody is to hear of one that was given up.
                    Err(_) if served.line.is_down() => {}
                    Err(error) => {
                        // Whoever did not answer once would take as long each time.
                        if matches!(error, PprofError::Late { .. }) {
                            served.line.hang_up();
                        }
                        collector.fail(error.to_string());
                    }
                }
            });
            match spawned {
                Ok(fetch) => self.fetches.push(fetch),
                Err(error) => lock(&self.shared).fail(PprofError::Thread(error).to_string()),
            }
        }
    }

    /// The same, where no load is applied yet and is going to last for `span`: returns when the
    /// profiles have begun, and they go on for as long as the load or longer.
    pub fn enable_idle(&mut self, span: Duration) {
        let seconds = (span + LEAD_IN).div_duration_f64(SECOND).ceil();
        self.enable(seconds as u32);
        thread::sleep(LEAD_IN);
    }

    /// Waits for the profiles that were asked for, and says whether it has not given them up: soon
    /// after `interrupted` is set, it does.
    pub fn wait(&mut self, interrupted: &AtomicBool) -> bool {
        while !self.fetches.iter().all(JoinHandle::is_finished) {
            if interrupted.load(Ordering::Relaxed) {
                self.abandon();
                return false;
            }
            thread::sleep(POLL);
        }
        self.join();
        true
    }

    /// Gives up the profiles that are being taken.
    pub fn abandon(&mut self) {
        self.endpoints.iter().for_each(|served| served.line.hang_up());
        self.join();
    }

    fn join(&mut self) {
        for fetch in self.fetches.drain(..) {
            // One that panicked has kept nothing, as one that failed.
            let _ = fetch.join();
        }
    }

    /// Waits for what was asked for, ends the window and gives what was sampled in it.
    pub fn finish(mut self) -> NamedCapture {
        self.join();
        let ended = Nanos::now();
        let empty = NamedCollector::new(ended, Vec::new());
        std::mem::replace(&mut *lock(&self.shared), empty).finish(ended)
    }
}

impl Drop for Pprof {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// A panic while it was held leaves whole stacks behind: what it has stays good.
fn lock(shared: &Mutex<NamedCollector>) -> MutexGuard<'_, NamedCollector> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what a profile says.
fn keep(fetched: Fetched, endpoint: &Endpoint, collector: &mut NamedCollector) {
    let Fetched { began, profile } = fetched;
    let pid = endpoint.pid;
    let name = match thread_name(pid, pid) {
        // It has ended since.
        name if name.is_empty() => endpoint.process.clone(),
        name => name,
    };
    // A profile does not tell threads apart.
    let thread = SampledThread { pid, tid: pid, of: None, process: name.clone(), name };
    let thread = collector.thread(&thread, profile.period);
    for stack in profile.stacks {
        let frames = stack.frames.iter().map(|frame| NamedFrame::clone(frame));
        collector.take(began, thread, frames, stack.count);
    }
    if profile.lost > Samples(0) {
        collector.lose(profile.lost);
    }
}

#[cfg(test)]
mod tests;
