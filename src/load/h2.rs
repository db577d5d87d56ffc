//! One load thread over HTTP/2: a runtime of its own, with a task for each stream.
//!
//! It follows the same tap, is paced in the same way and keeps the same tally as the
//! [`Worker`](super::worker::Worker), but costs more for each request: the state of an HTTP/2
//! connection is left to the `h2` crate.
//!
//! ```text
//! Openings -run-> Session -stream-> Seat -offer-> Pacing -grant-> Seat -exchange-> Tally
//! ```

mod call;
mod exchange;
mod message;
mod pacing;
mod session;
mod slice;
mod timer;
mod transport;

use std::{
    cell::RefCell,
    io,
    rc::Rc,
    sync::{Arc, atomic::Ordering::Relaxed, mpsc::Sender},
    time::Duration,
};

use tokio::{runtime::Runtime, sync::Notify, task::LocalSet};

use super::{
    course::Course,
    endpoint::Endpoint,
    errors::{Age, Cause, Failure, Phase},
    pool::{Pool, Walk},
    random::Random,
    request::Fault,
    tally::Tally,
    worker::{Gauge, Opened, Openings, Pacing, Tap},
};
use crate::unit::Nanos;
pub(super) use call::{CallError, Calls, runtime};
use exchange::Answer;
pub(super) use message::Messages;
use pacing::{Grant, Seat};
use session::Session;
use timer::Timer;

/// What a lane is made of.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) endpoint: Endpoint,
    pub(super) pool: Arc<Pool>,
    pub(super) messages: Arc<Messages>,
    /// Its way through the pool.
    pub(super) walk: Walk,
    pub(super) timeout: Duration,
    pub(super) connections: usize,
    /// Requests at once on each connection.
    pub(super) streams: usize,
    /// Requests in all on each connection.
    pub(super) lifetime: u32,
    pub(super) course: Arc<Course>,
    pub(super) warm_up: Arc<Course>,
    pub(super) tap: Arc<Tap>,
    pub(super) gauge: Arc<Gauge>,
    /// Told when the tap was turned.
    pub(super) wake: Arc<Notify>,
    pub(super) tallies: Sender<Tally>,
}

/// The thread, as its tasks share it.
#[derive(Debug)]
struct Lane {
    setup: Setup,
    /// One for each stream of each connection.
    seats: Vec<Seat>,
    state: RefCell<State>,
}

/// What changes; it is never borrowed while a task waits.
#[derive(Debug)]
struct State {
    pacing: Pacing,
    /// The tap's position that this thread follows.
    position: u64,
    /// Requests that this slice may still send, or take from its schedule.
    quota: u64,
    walk: Walk,
    busy: usize,
    live: usize,
    completed: u64,
    openings: Openings,
    /// For each connection, openings in a row that ended without a response.
    failures: Vec<u32>,
    /// First attempts to connect whose end is not known yet, and how many went well.
    untried: usize,
    connected: usize,
    /// Used once: its end tells the generator that no more will come.
    opened: Option<Sender<Opened>>,
    tally: Tally,
    cpu_before: Nanos,
}

impl Setup {
    /// Runs until the tap is stopped.
    pub(super) fn run(
        self,
        runtime: &Runtime,
        pacing: Pacing,
        random: Random,
        opened: Sender<Opened>,
    ) {
        let now = Nanos::now();
        let state = State {
            position: 0,
            quota: 0,
            walk: self.walk.clone(),
            busy: 0,
            live: 0,
            completed: 0,
            openings: Openings::of_all(self.connections, now, random),
            failures: vec![0; self.connections],
            untried: self.connections,
            connected: 0,
            opened: Some(opened),
            tally: Tally::of_thread(now, pacing.is_open(), self.pool.kinds()),
            cpu_before: Nanos(0),
            pacing,
        };
        let seats = (0..self.connections * self.streams).map(|_| Seat::default()).collect();
        let lane = Rc::new(Lane { setup: self, seats, state: RefCell::new(state) });
        let result = LocalSet::new().block_on(runtime, Rc::clone(&lane).run());
        if let Err(error) = result {
            lane.break_off(&error);
        }
    }
}

impl Lane {
    /// Follows the tap, and does what is due.
    async fn run(self: Rc<Self>) -> io::Result<()> {
        let timer = Timer::new()?;
        loop {
            if self.follow_tap().is_break() {
                return Ok(());
            }
            let opening = self.open_due();
            let pace = self.keep_pace();
            let wake = self.setup.wake.notified();
            match [opening, pace].into_iter().flatten().min() {
                None => wake.await,
                Some(due) => timer.wait(due, wake).await?,
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

    /// Counts a request that has ended, and is not under way any more.
    fn end(&self, age: Age, grant: &Grant, answer: &Answer, result: Result<(), (Phase, Cause)>) {
        let now = Nanos::now();
        let pool = &self.setup.pool;
        let latency = now.since(grant.began);
        let is_complete = result.is_ok();
        let result = match result {
            Ok(()) if Duration::from(latency) > self.setup.timeout => {
                Err((Phase::Timeout, Cause::Late))
            }
            Ok(()) => pool.get(grant.index).judge(&answer.complete()).map_err(Fault::failure),
            Err(failure) => Err(failure),
        };
        let mut state = self.state.borrow_mut();
        state.tally.bytes += answer.bytes;
        let kind = pool.kind(grant.index);
        match result {
            Ok(()) => {
                state.tally.record(kind, latency, now.since(grant.intended));
                if pool.get(grant.index).expects_several() {
                    state.tally.note_status(answer.status, 1);
                }
            }
            Err((phase, cause)) => {
                let failure = Failure { phase, cause, age };
                state.tally.fail(Some(kind), failure, now);
            }
        }
        if is_complete {
            state.completed += 1;
            self.setup.gauge.completed.store(state.completed, Relaxed);
        }
        self.note_idle(&mut state);
    }

    /// Counts an error that belongs to a connection, not to a request.
    fn note_failure(&self, failure: Failure) {
        self.state.borrow_mut().tally.fail(None, failure, Nanos::now());
    }

    /// A request goes to the connection that follows.
    fn note_resent(&self) {
        self.state.borrow_mut().tally.resent += 1;
    }

    /// The connection `slot` could not be opened: what waited for it has failed, or else the
    /// attempt has.
    fn give_up(&self, slot: usize, (phase, cause): (Phase, Cause)) {
        let streams = self.setup.streams;
        let seats = self.seats.iter().skip(slot * streams).take(streams);
        let held: Vec<Grant> = seats.filter_map(Seat::take).collect();
        if held.is_empty() {
            self.note_failure(Failure { phase, cause, age: Age::New });
        }
        for grant in held {
            self.end(Age::New, &grant, &Answer::default(), Err((phase, cause)));
        }
    }

    fn note_connecting(&self) {
        self.state.borrow_mut().tally.connects += 1;
    }

    fn note_live(&self, is_open: bool) {
        let mut state = self.state.borrow_mut();
        state.live = if is_open { state.live + 1 } else { state.live - 1 };
        self.setup.gauge.live.store(state.live, Relaxed);
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
        self.setup.wake.notify_one();
    }
}
