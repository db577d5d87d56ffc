//! The engine from outside: threads, the tap, and what came through it.

use std::{
    io,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
};

use mio::{Poll, Waker};
use rustix::thread::{CpuSet, sched_setaffinity};
use tokio::sync::Notify;

use super::{
    error::LoadError,
    h2::{self, Messages},
    plan::{Plan, ThreadPlan},
    pool::Walk,
    preflight,
    random::Random,
    schedule::Share,
    tally::Tally,
    worker::{Gauge, Opened, Pacing, Setup, Tap, WAKER, Worker},
};
use crate::unit::Nanos;

/// Keeps the connections of a [`Plan`] open and, while its tap is open, busy.
///
/// Dropping it closes the connections and joins the threads, without waiting for responses.
#[derive(Debug)]
pub struct Generator {
    tap: Arc<Tap>,
    threads: Vec<LoadThread>,
    /// Whether the script's course begins when the tap is opened next.
    course_is_due: bool,
}

#[derive(Debug)]
struct LoadThread {
    alarm: Alarm,
    gauge: Arc<Gauge>,
    tallies: Receiver<Tally>,
    handle: JoinHandle<()>,
}

/// What wakes a thread that waits.
#[derive(Debug)]
enum Alarm {
    Poll(Waker),
    Runtime(Arc<Notify>),
}

impl Generator {
    /// Starts the threads and opens the connections; no request is sent yet.
    ///
    /// Connections that cannot be opened at once are tried again as long as the generator lives,
    /// and count as errors of the first slice. [`Generator::live_connections`] tells how many
    /// there are.
    ///
    /// # Errors
    /// When there are too few file descriptors, a thread cannot be started or pinned, or not one
    /// connection could be opened.
    pub fn start(plan: &Plan) -> Result<Self, LoadError> {
        if plan.is_checked() {
            preflight::check(plan)?;
        }
        let mut generator = Self { tap: Arc::default(), threads: Vec::new(), course_is_due: false };
        let (opened, openings) = channel();
        for (index, thread) in plan.thread_plans().iter().enumerate() {
            generator.start_thread(plan, index, *thread, opened.clone())?;
        }
        drop(opened);
        await_openings(plan, &openings)?;
        Ok(generator)
    }

    /// Lets the script's course, its schedule and its stages, begin when the tap is opened next.
    /// Until then, the load keeps the level at which the course starts.
    pub fn begin_course(&mut self) {
        self.course_is_due = true;
    }

    /// From now on, only the script's request number `request` is sent; the mix of all if none.
    /// What is under way goes on.
    pub fn send_only(&mut self, request: Option<usize>) {
        self.tap.set_only(request);
    }

    /// Opens the tap: every connection sends its requests, and a new tally begins.
    ///
    /// Without effect while it is open.
    pub fn resume(&mut self) {
        self.open(|_| u64::MAX);
    }

    /// Opens the tap for so many requests in all, whatever becomes of them; the connections are
    /// idle after that. [`Generator::pause`] still ends the slice.
    ///
    /// Without effect while the tap is open.
    pub fn resume_for(&mut self, requests: u64) {
        let threads = self.threads.len().max(1) as u64;
        self.open(|index| requests / threads + u64::from(index < requests % threads));
    }

    /// Whether all requests of [`Generator::resume_for`] have been sent and have ended.
    pub fn is_spent(&self) -> bool {
        let position = self.tap.position();
        self.threads.iter().all(|thread| thread.gauge.is_spent(position))
    }

    /// Closes the tap, waits until every response in flight has come or timed out, and returns
    /// what was measured since [`Generator::resume`] or [`Generator::cut`].
    ///
    /// The tally is empty if the tap was not open.
    pub fn pause(&mut self) -> Tally {
        self.end_slice(Tap::turn)
    }

    /// Returns what was measured since [`Generator::resume`] or the last cut, and begins another
    /// tally without a pause in the traffic.
    ///
    /// A request counts to the tally in which it ends. The tally is empty if the tap was not open.
    pub fn cut(&mut self) -> Tally {
        self.end_slice(Tap::cut)
    }

    /// Complete responses since the start, good or not: for showing progress.
    pub fn completed(&self) -> u64 {
        self.threads.iter().map(|thread| thread.gauge.completed.load(Ordering::Relaxed)).sum()
    }

    /// Connections that are open now.
    pub fn live_connections(&self) -> usize {
        self.threads.iter().map(|thread| thread.gauge.live.load(Ordering::Relaxed)).sum()
    }

    /// Opens a closed tap, with a quota of requests for the thread of each index.
    fn open(&mut self, quota: impl Fn(u64) -> u64) {
        if self.tap.is_open() {
            return;
        }
        for (index, thread) in (0..).zip(&self.threads) {
            thread.gauge.quota.store(quota(index), Ordering::Relaxed);
        }
        if std::mem::take(&mut self.course_is_due) {
            self.tap.set_course(Nanos::now());
        }
        self.tap.turn();
        self.wake();
    }

    /// Changes an open tap and adds up the tallies that the threads give for that.
    fn end_slice(&mut self, change: fn(&Tap)) -> Tally {
        if !self.tap.is_open() {
            return Tally::new(Nanos::now());
        }
        change(&self.tap);
        self.wake();
        // A thread that has ended has nothing to tell; its last tally had the reason.
        let tallies = self.threads.iter().filter_map(|thread| thread.tallies.recv().ok());
        let merged = tallies.reduce(|mut all, tally| {
            all.merge(&tally);
            all
        });
        merged.unwrap_or_else(|| Tally::new(Nanos::now()))
    }

    fn start_thread(
        &mut self,
        plan: &Plan,
        index: usize,
        thread: ThreadPlan,
        opened: Sender<Opened>,
    ) -> Result<(), LoadError> {
        let gauge = Arc::new(Gauge::default());
        let (sender, tallies) = channel();
        let part = Part {
            share: plan.share(index),
            connections: thread.connections,
            random: Random::new(plan.seed(), index as u64),
            tap: Arc::clone(&self.tap),
            gauge: Arc::clone(&gauge),
            tallies: sender,
            opened,
        };
        let (alarm, work) = match plan.messages() {
            None => worker(plan, part)?,
            Some(messages) => lane(plan, messages, part)?,
        };
        let (pinned, pinning) = channel();
        let handle = thread::Builder::new()
            .name(format!("loader-{index}"))
            .spawn(move || {
                let result = pin(thread.cpu);
                let proceed = result.is_ok();
                // The receiver waits for exactly this.
                let _ = pinned.send(result);
                if proceed {
                    work();
                }
            })
            .map_err(LoadError::Thread)?;
        self.threads.push(LoadThread { alarm, gauge, tallies, handle });
        pinning.recv().unwrap_or_else(|_| Err(LoadError::Thread(io::Error::other("it ended"))))
    }

    fn wake(&self) {
        for thread in &self.threads {
            match &thread.alarm {
                // It writes to an eventfd, which does not fail while the thread lives.
                Alarm::Poll(waker) => drop(waker.wake()),
                Alarm::Runtime(wake) => wake.notify_one(),
            }
        }
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.tap.stop();
        self.wake();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so already; there is nothing left to undo.
            let _ = thread.handle.join();
        }
    }
}

/// What one thread has of its own, whatever it speaks.
struct Part {
    share: Share,
    connections: usize,
    random: Random,
    tap: Arc<Tap>,
    gauge: Arc<Gauge>,
    tallies: Sender<Tally>,
    opened: Sender<Opened>,
}

/// What a thread does until the tap is stopped.
type Work = Box<dyn FnOnce() + Send>;

/// A thread's work over HTTP/1.1, and what wakes it.
fn worker(plan: &Plan, part: Part) -> Result<(Alarm, Work), LoadError> {
    let poll = Poll::new().map_err(LoadError::Thread)?;
    let waker = Waker::new(poll.registry(), WAKER).map_err(LoadError::Thread)?;
    let pacing = Pacing::new(plan, part.share, part.connections);
    let setup = Setup {
        endpoint: plan.endpoint().clone(),
        pool: Arc::clone(plan.pool()),
        walk: Walk::new(plan.pool(), part.share.index, part.share.of),
        usage: plan.usage(),
        timeout: plan.timeout().into(),
        connections: part.connections,
        course: Arc::clone(plan.course()),
        warm_up: Arc::clone(plan.warm_up()),
        random: part.random,
        poll,
        tap: part.tap,
        gauge: part.gauge,
        tallies: part.tallies,
        opened: Some(part.opened),
    };
    let worker = Worker::new(setup, pacing).map_err(LoadError::Thread)?;
    Ok((Alarm::Poll(waker), Box::new(move || worker.run())))
}

/// A thread's work over HTTP/2, and what wakes it.
fn lane(plan: &Plan, messages: &Arc<Messages>, part: Part) -> Result<(Alarm, Work), LoadError> {
    let runtime = h2::runtime().map_err(LoadError::Thread)?;
    let wake = Arc::new(Notify::new());
    let setup = h2::Setup {
        endpoint: plan.endpoint().clone(),
        pool: Arc::clone(plan.pool()),
        messages: Arc::clone(messages),
        walk: Walk::new(plan.pool(), part.share.index, part.share.of),
        timeout: plan.timeout(),
        connections: part.connections,
        streams: plan.streams(),
        lifetime: plan.usage().lifetime,
        course: Arc::clone(plan.course()),
        warm_up: Arc::clone(plan.warm_up()),
        tap: part.tap,
        gauge: part.gauge,
        wake: Arc::clone(&wake),
        tallies: part.tallies,
    };
    let pacing = Pacing::new(plan, part.share, part.connections);
    let (random, opened) = (part.random, part.opened);
    Ok((Alarm::Runtime(wake), Box::new(move || setup.run(&runtime, pacing, random, opened))))
}

/// Waits until each connection has been tried once, which takes the plan's timeout at most.
fn await_openings(plan: &Plan, openings: &Receiver<Opened>) -> Result<(), LoadError> {
    let mut connected = 0;
    let mut first_error = None;
    for _ in 0..plan.threads() {
        let Ok(opened) = openings.recv() else { break };
        connected += opened.connected;
        first_error = first_error.or(opened.first_error);
    }
    if connected > 0 {
        return Ok(());
    }
    let detail = first_error.map_or_else(|| "no answer".to_owned(), |error| error.to_string());
    Err(LoadError::Unreachable { addr: plan.endpoint().address().clone(), detail })
}

/// Pins the calling thread to `cpu`, if any.
fn pin(cpu: Option<usize>) -> Result<(), LoadError> {
    let Some(cpu) = cpu else { return Ok(()) };
    if cpu >= CpuSet::MAX_CPU {
        let source = io::Error::from(io::ErrorKind::InvalidInput);
        return Err(LoadError::Pin { cpu, source });
    }
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|error| LoadError::Pin { cpu, source: error.into() })
}
