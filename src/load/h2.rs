//! One load thread over HTTP/2: a runtime of its own, with a task for each stream.
//!
//! It follows the same tap, keeps the same tally and tells the same as the
//! [`Worker`](super::worker::Worker), but costs more for each request: the state of an HTTP/2
//! connection is left to the `h2` crate. Timers are as fine as the runtime's, a millisecond.

mod call;
mod exchange;
mod message;
mod session;
mod slice;
mod transport;

use std::{
    cell::RefCell,
    num::NonZeroU32,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed, mpsc::Sender},
    time::Duration,
};

use tokio::{runtime::Runtime, sync::Notify, task::LocalSet, time::timeout};

use super::{
    endpoint::Endpoint,
    errors::{Cause, Failure, Phase},
    pool::Pool,
    random::Random,
    request::{Fault, Request},
    tally::Tally,
    worker::{Gauge, Opened, Openings, Tap},
};
use crate::unit::Nanos;
pub(super) use call::{CallError, call, runtime};
use exchange::Answer;
pub(super) use message::Messages;
use session::Session;

/// What a lane is made of.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) endpoint: Endpoint,
    pub(super) pool: Arc<Pool>,
    pub(super) messages: Arc<Messages>,
    pub(super) timeout: Nanos,
    pub(super) connections: usize,
    /// Requests at once on each connection.
    pub(super) streams: usize,
    pub(super) requests_per_connection: Option<NonZeroU32>,
    /// The thread's number.
    pub(super) index: usize,
    pub(super) random: Random,
    pub(super) tap: Arc<Tap>,
    pub(super) gauge: Arc<Gauge>,
    /// Told when the tap was turned.
    pub(super) wake: Arc<Notify>,
    pub(super) tallies: Sender<Tally>,
    /// Used once: its end tells the generator that no more will come.
    pub(super) opened: Option<Sender<Opened>>,
}

/// The thread, as its tasks share it.
#[derive(Debug)]
pub(super) struct Lane {
    endpoint: Endpoint,
    pool: Arc<Pool>,
    messages: Arc<Messages>,
    timeout: Duration,
    streams: usize,
    requests_per_connection: Option<NonZeroU32>,
    tap: Arc<Tap>,
    gauge: Arc<Gauge>,
    wake: Arc<Notify>,
    tallies: Sender<Tally>,
    /// Told when requests may be sent again, or a connection is of no more use.
    gate: Notify,
    state: RefCell<State>,
}

/// What changes; it is never borrowed while a task waits.
#[derive(Debug)]
struct State {
    /// The tap's position that this thread follows.
    position: u64,
    /// Requests that this slice may still send.
    quota: u64,
    busy: usize,
    live: usize,
    completed: u64,
    openings: Openings,
    /// For each connection, openings in a row that ended without a response.
    failures: Vec<u32>,
    /// First attempts to connect whose end is not known yet, and how many went well.
    untried: usize,
    connected: usize,
    opened: Option<Sender<Opened>>,
    /// The next request of each stream, counted through the pool.
    places: Vec<usize>,
    tally: Tally,
    cpu_before: Nanos,
}

/// A request that was allowed, and has ended.
#[derive(Debug)]
struct Ended<'a> {
    /// Its place in the pool.
    index: usize,
    started: Nanos,
    answer: &'a Answer,
    /// What became of it, whatever its answer says.
    result: Result<(), (Phase, Cause)>,
}

impl Setup {
    /// Runs until the tap is stopped.
    pub(super) fn run(self, runtime: &Runtime) {
        let now = Nanos::now();
        let streams = self.connections * self.streams;
        // The streams of all threads start at different places of the pool.
        let first = self.index * streams;
        let state = State {
            position: 0,
            quota: 0,
            busy: 0,
            live: 0,
            completed: 0,
            openings: Openings::of_all(self.connections, now, self.random),
            failures: vec![0; self.connections],
            untried: self.connections,
            connected: 0,
            opened: self.opened,
            places: (first..first + streams).map(|n| n.wrapping_mul(STRIDE)).collect(),
            tally: Tally::of_thread(now, false, self.pool.kinds()),
            cpu_before: Nanos(0),
        };
        let lane = Lane {
            endpoint: self.endpoint,
            pool: self.pool,
            messages: self.messages,
            timeout: self.timeout.into(),
            streams: self.streams,
            requests_per_connection: self.requests_per_connection,
            tap: self.tap,
            gauge: self.gauge,
            wake: self.wake,
            tallies: self.tallies,
            gate: Notify::new(),
            state: RefCell::new(state),
        };
        LocalSet::new().block_on(runtime, Rc::new(lane).run());
    }
}

/// What lies between the places of two streams in the pool: a prime, so that neighbours differ
/// whatever the length of the pool.
const STRIDE: usize = 7919;

impl Lane {
    async fn run(self: Rc<Self>) {
        loop {
            if self.follow_tap().is_break() {
                return;
            }
            let due = self.open_due();
            match due {
                None => self.wake.notified().await,
                // Woken early or not, everything is looked at.
                Some(due) => {
                    let patience = due.since(Nanos::now()).into();
                    let _ = timeout(patience, self.wake.notified()).await;
                }
            }
        }
    }

    /// Opens the connections that are due; returns when the next one is.
    fn open_due(self: &Rc<Self>) -> Option<Nanos> {
        loop {
            let mut state = self.state.borrow_mut();
            let Some(slot) = state.openings.take_due(Nanos::now()) else {
                return state.openings.next_due();
            };
            tokio::task::spawn_local(Session::run(Rc::clone(self), slot));
        }
    }

    /// Takes the right to send a request, if there is one.
    fn begin(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let allowed = state.quota > 0 && self.tap.flows_at(state.position);
        if allowed {
            state.quota -= 1;
            state.busy += 1;
        }
        allowed
    }

    /// Gives the right back: the request was not sent.
    fn forgo(&self) {
        let mut state = self.state.borrow_mut();
        state.quota = state.quota.saturating_add(1);
        self.note_idle(&mut state);
    }

    /// The place of the next request of a stream.
    fn next_place(&self, stream: usize) -> usize {
        let mut state = self.state.borrow_mut();
        let Some(place) = state.places.get_mut(stream) else { return 0 };
        let index = *place;
        *place = place.wrapping_add(1);
        index
    }

    /// Counts a request that has ended.
    fn end(&self, session: &Session, ended: &Ended<'_>) {
        let now = Nanos::now();
        let Ended { index, started, answer, result } = ended;
        let latency = now.since(*started);
        let request = self.pool.get(*index);
        let result = match result {
            Ok(()) if Duration::from(latency) > self.timeout => Err((Phase::Timeout, Cause::Late)),
            Ok(()) => judge(request, answer),
            Err(failure) => Err(*failure),
        };
        let mut state = self.state.borrow_mut();
        state.tally.bytes += answer.bytes;
        match result {
            Ok(()) => {
                state.tally.record(self.pool.kind(*index), latency, latency);
            }
            Err((phase, cause)) => {
                let failure = Failure { phase, cause, age: session.age() };
                state.tally.fail(Some(self.pool.kind(*index)), failure, now);
            }
        }
        if ended.result.is_ok() {
            state.completed += 1;
            self.gauge.completed.store(state.completed, Relaxed);
        }
        self.note_idle(&mut state);
    }

    /// One request less is under way. Whoever waits for the last one is told.
    fn note_idle(&self, state: &mut State) {
        state.busy -= 1;
        let waited_for = state.quota == 0 || self.tap.position() != state.position;
        if state.busy == 0 && waited_for {
            self.wake.notify_one();
        }
    }

    /// Counts an error that belongs to a connection, not to a request.
    fn note_failure(&self, failure: Failure) {
        self.state.borrow_mut().tally.errors.record(failure, Nanos::now());
    }

    fn note_connecting(&self) {
        self.state.borrow_mut().tally.connects += 1;
    }

    fn note_live(&self, is_open: bool) {
        let mut state = self.state.borrow_mut();
        state.live = if is_open { state.live + 1 } else { state.live - 1 };
        self.gauge.live.store(state.live, Relaxed);
    }

    /// Whoever started the thread waits until every connection has been tried once.
    fn note_first_attempt(&self, slot: usize, connected: bool) {
        let mut state = self.state.borrow_mut();
        if state.untried == 0 || !state.openings.note_tried(slot) {
            return;
        }
        state.untried -= 1;
        state.connected += usize::from(connected);
        if state.untried == 0 {
            let first_error = state.tally.errors.first().map(|(failure, _)| failure);
            let connected = state.connected;
            if let Some(opened) = state.opened.take() {
                // Nobody receives it only if the generator is being dropped.
                let _ = opened.send(Opened { connected, first_error });
            }
        }
    }

    /// Schedules a connection that has ended to be opened again.
    fn back_off(&self, slot: usize, answered: bool) {
        let mut state = self.state.borrow_mut();
        let Some(failures) = state.failures.get_mut(slot) else { return };
        *failures = if answered { 1 } else { failures.saturating_add(1) };
        let failures = *failures;
        state.openings.back_off(slot, failures, Nanos::now());
        self.wake.notify_one();
    }
}

fn judge(request: &Request, answer: &Answer) -> Result<(), (Phase, Cause)> {
    match request.judge(answer.status, &answer.body, answer.bytes) {
        Ok(()) => Ok(()),
        Err(Fault::Status) => Err((Phase::Status, Cause::Status(answer.status))),
        Err(Fault::TooLarge) => Err((Phase::Check, Cause::TooLarge)),
        Err(Fault::Body) => Err((Phase::Check, Cause::Body)),
    }
}
