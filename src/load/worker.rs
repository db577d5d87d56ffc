//! One load thread: an event loop over its share of the connections.

mod backoff;
mod slice;
mod tap;

use std::{
    io::ErrorKind,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed, mpsc::Sender},
    time::Duration,
};

use mio::{Events, Poll, Token, event::Event};

use super::{
    connection::{Connection, Progress, ReadError, Stage},
    errors::{Cause, Failure, Phase},
    request::{Fault, Request},
    response::RecentHead,
    tally::Tally,
};
use crate::unit::Nanos;
pub(super) use backoff::BURST;
use backoff::Openings;
pub(super) use tap::{Gauge, Tap};

/// The waker's token; connections have their index.
pub(super) const WAKER: Token = Token(usize::MAX);

/// Readiness taken from the kernel at once: enough to share the cost of a wake-up, few enough to
/// leave no response waiting long.
const EVENTS: usize = 256;
/// What is read at once; a response that fits takes one read.
const BUFFER: usize = 64 * 1024;

/// How the first attempt to open each connection ended.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) connected: usize,
    pub(super) first_error: Option<Failure>,
}

/// What a worker is made of.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) addr: SocketAddr,
    pub(super) request: Request,
    pub(super) timeout: Nanos,
    pub(super) connections: usize,
    pub(super) seed: u64,
    pub(super) poll: Poll,
    pub(super) tap: Arc<Tap>,
    pub(super) gauge: Arc<Gauge>,
    pub(super) tallies: Sender<Tally>,
    /// Used once: its end tells the generator that no more will come.
    pub(super) opened: Option<Sender<Opened>>,
}

#[derive(Debug)]
pub(super) struct Worker {
    setup: Setup,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    recent: RecentHead,
    openings: Openings,
    /// The last reading of the clock.
    now: Nanos,
    next_sweep: Nanos,
    /// The tap's position that this thread follows.
    position: u64,
    /// Requests that this slice may still send.
    quota: u64,
    busy: usize,
    connecting: usize,
    live: usize,
    completed: u64,
    /// First attempts to connect whose end is not known yet, and how many went well.
    untried: usize,
    connected: usize,
    tally: Tally,
    cpu_before: Nanos,
}

impl Worker {
    pub(super) fn new(setup: Setup) -> Self {
        let now = Nanos::now();
        Self {
            connections: (0..setup.connections).map(|_| Connection::new(&setup.request)).collect(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            recent: RecentHead::default(),
            openings: Openings::of_all(setup.connections, now, setup.seed),
            now,
            next_sweep: now,
            position: 0,
            quota: 0,
            busy: 0,
            connecting: 0,
            live: 0,
            completed: 0,
            untried: setup.connections,
            connected: 0,
            tally: Tally::new(now),
            cpu_before: Nanos(0),
            setup,
        }
    }

    /// Runs until the tap is stopped.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            match self.setup.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    return self.break_off(&error);
                }
                _ => {}
            }
            self.now = Nanos::now();
            for event in &events {
                self.on_event(event);
            }
            if self.follow_tap().is_break() {
                return;
            }
            self.sweep();
            self.open_due();
        }
    }

    /// How long nothing can become due: without anything under way, for ever.
    fn patience(&self) -> Option<Duration> {
        let sweep = (self.busy + self.connecting > 0).then_some(self.next_sweep);
        let due = [sweep, self.openings.next_due()].into_iter().flatten().min()?;
        Some(due.since(self.now).into())
    }

    /// An edge is told once: what one event says of several things must all be acted on.
    fn on_event(&mut self, event: &Event) {
        let Token(slot) = event.token();
        if slot >= self.connections.len() {
            return;
        }
        match self.connections[slot].stage() {
            Stage::Connecting => self.on_connect(slot),
            Stage::Busy if event.is_writable() => self.send_rest(slot),
            _ => {}
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            match self.connections[slot].stage() {
                Stage::Closed | Stage::Connecting => {}
                Stage::Idle => self.on_idle(slot),
                Stage::Busy => self.receive(slot, event.is_read_closed()),
            }
        }
    }

    fn on_connect(&mut self, slot: usize) {
        self.now = Nanos::now();
        match self.connections[slot].connected() {
            Ok(false) => {}
            Ok(true) => {
                self.connecting -= 1;
                self.set_live(self.live + 1);
                self.note_first_attempt(slot, true);
                self.issue_if_open(slot);
            }
            Err(error) => self.fail(slot, Phase::Connect, Cause::of_io(&error)),
        }
    }

    /// A server may close a connection that it was not asked anything on: that is no error.
    fn on_idle(&mut self, slot: usize) {
        match self.connections[slot].idle_event(&mut self.buffer) {
            Ok(false) => {}
            Ok(true) => self.retire(slot),
            Err(error) => self.fail_reading(slot, &error),
        }
    }

    fn issue_if_open(&mut self, slot: usize) {
        if self.quota > 0 && self.setup.tap.flows_at(self.position) {
            self.quota -= 1;
            self.connections[slot].begin(self.now);
            self.busy += 1;
            self.send(slot);
        }
    }

    fn send_rest(&mut self, slot: usize) {
        if self.connections[slot].has_unsent(self.setup.request.bytes()) {
            self.send(slot);
        }
    }

    fn send(&mut self, slot: usize) {
        if let Err(error) = self.connections[slot].send(self.setup.request.bytes()) {
            self.fail(slot, Phase::Write, Cause::of_io(&error));
        }
    }

    fn receive(&mut self, slot: usize, closed: bool) {
        let connection = &mut self.connections[slot];
        let (progress, bytes) = connection.receive(&mut self.buffer, &mut self.recent, closed);
        // One reading of the clock ends this request and starts the next.
        self.now = Nanos::now();
        self.tally.bytes += bytes as u64;
        match progress {
            Progress::Partial => {}
            Progress::Complete { reusable } => self.complete(slot, reusable),
            Progress::Failed(error) => self.fail_reading(slot, &error),
        }
    }

    fn complete(&mut self, slot: usize, reusable: bool) {
        let Setup { request, timeout, gauge, .. } = &self.setup;
        let connection = &mut self.connections[slot];
        let latency = self.now.since(connection.since());
        let status = connection.parser().status();
        let fault = match request.judge(status, connection.parser().body()) {
            _ if latency > *timeout => Some((Phase::Timeout, Cause::Late)),
            Ok(()) => None,
            Err(Fault::Status) => Some((Phase::Status, Cause::Status(status))),
            Err(Fault::Body) => Some((Phase::Check, Cause::Body)),
        };
        match fault {
            None => {
                self.tally.requests += 1;
                self.tally.latency.saturating_record(latency.0);
            }
            Some((phase, cause)) => {
                let failure = Failure { phase, cause, age: connection.age() };
                self.tally.errors.record(failure, self.now);
            }
        }
        self.completed += 1;
        gauge.completed.store(self.completed, Relaxed);
        self.busy -= 1;
        // What is left of a request that was answered early would be read as the next one.
        let reusable = reusable && !request.closes() && !connection.has_unsent(request.bytes());
        connection.answer();
        if reusable {
            self.issue_if_open(slot);
        } else {
            self.connections[slot].close();
            self.set_live(self.live - 1);
            self.open(slot);
        }
    }

    /// Counts an error and closes its connection, to be opened again later.
    fn fail(&mut self, slot: usize, phase: Phase, cause: Cause) {
        let failure = Failure { phase, cause, age: self.connections[slot].age() };
        self.tally.errors.record(failure, self.now);
        self.retire(slot);
    }

    fn fail_reading(&mut self, slot: usize, error: &ReadError) {
        let (phase, cause) = self.connections[slot].classify(error);
        self.fail(slot, phase, cause);
    }

    /// Closes a connection, to be opened again after its back-off.
    fn retire(&mut self, slot: usize) {
        match self.connections[slot].stage() {
            Stage::Closed => {}
            Stage::Connecting => self.connecting -= 1,
            Stage::Idle => self.set_live(self.live - 1),
            Stage::Busy => {
                self.busy -= 1;
                self.set_live(self.live - 1);
            }
        }
        self.connections[slot].close();
        let failures = self.connections[slot].note_failure();
        self.openings.back_off(slot, failures, self.now);
        self.note_first_attempt(slot, false);
    }

    fn open_due(&mut self) {
        while let Some(slot) = self.openings.take_due(self.now) {
            self.open(slot);
        }
    }

    fn open(&mut self, slot: usize) {
        let Setup { addr, poll, .. } = &self.setup;
        match self.connections[slot].open(*addr, poll.registry(), Token(slot), self.now) {
            Ok(()) => self.connecting += 1,
            Err(error) => self.fail(slot, Phase::Connect, Cause::of_io(&error)),
        }
    }

    fn set_live(&mut self, live: usize) {
        self.live = live;
        self.setup.gauge.live.store(live, Relaxed);
    }

    /// Whoever started the thread waits until every connection has been tried once.
    fn note_first_attempt(&mut self, slot: usize, connected: bool) {
        if self.untried == 0 || !self.openings.note_tried(slot) {
            return;
        }
        self.untried -= 1;
        self.connected += usize::from(connected);
        if self.untried == 0 {
            let first_error = self.tally.errors.first().map(|(failure, _)| failure);
            if let Some(opened) = self.setup.opened.take() {
                // Nobody receives it only if the generator is being dropped.
                let _ = opened.send(Opened { connected: self.connected, first_error });
            }
        }
    }

    /// Gives up what has taken longer than the timeout: one pass over all connections now and
    /// then, instead of a timer for each request.
    fn sweep(&mut self) {
        if self.now < self.next_sweep {
            return;
        }
        let timeout = self.setup.timeout;
        let interval = Nanos((timeout.0 / 20).clamp(1_000_000, 50_000_000));
        self.next_sweep = self.now + interval;
        for slot in 0..self.connections.len() {
            let connection = &self.connections[slot];
            if self.now.since(connection.since()) <= timeout {
                continue;
            }
            match connection.stage() {
                Stage::Connecting => self.fail(slot, Phase::Connect, Cause::NotAccepted),
                Stage::Busy => {
                    let began = !connection.parser().is_at_start();
                    let cause = if began { Cause::Unfinished } else { Cause::NoResponse };
                    self.fail(slot, Phase::Timeout, cause);
                }
                Stage::Closed | Stage::Idle => {}
            }
        }
    }
}
