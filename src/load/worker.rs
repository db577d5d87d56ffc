//! One load thread: an event loop over its share of the connections.
//!
//! ```text
//!           readiness, the tap, the timer
//!                        |
//!  Openings -open-> Connection -offer-> Pacing -begin, send-> Connection -receive-> Tally
//!      ^                |                  ^                                  |
//!      +--- back-off ---+                  +-------------- offer -------------+
//! ```

mod backoff;
mod closed;
mod exchange;
mod lull;
mod open;
mod pacing;
mod slice;
mod tap;
mod timer;

use std::{
    io::{self, ErrorKind},
    sync::{Arc, atomic::Ordering::Relaxed, mpsc::Sender},
};

use mio::{Events, Poll, Token, event::Event};

use super::{
    connection::{Connection, Stage, Usage},
    course::Course,
    endpoint::Endpoint,
    errors::{Cause, Failure, Phase},
    pool::{Pool, Walk},
    random::Random,
    response::RecentHead,
    schedule::NEVER,
    tally::Tally,
};
use crate::unit::Nanos;
pub(super) use backoff::{BURST, Openings};
pub(super) use closed::Turn;
use lull::Lull;
pub(super) use pacing::Pacing;
pub(super) use slice::thread_cpu;
pub(super) use tap::{Gauge, Tap, is_open_at};
use timer::Timer;

/// The tokens of the waker and of the timer; connections have their index.
pub(super) const WAKER: Token = Token(usize::MAX);
const TIMER: Token = Token(usize::MAX - 1);

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
    pub(super) endpoint: Endpoint,
    pub(super) pool: Arc<Pool>,
    /// Its way through the pool.
    pub(super) walk: Walk,
    pub(super) usage: Usage,
    pub(super) timeout: Nanos,
    pub(super) connections: usize,
    pub(super) course: Arc<Course>,
    pub(super) warm_up: Arc<Course>,
    pub(super) random: Random,
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
    pacing: Pacing,
    timer: Timer,
    connections: Vec<Connection>,
    buffer: Box<[u8]>,
    recent: RecentHead,
    openings: Openings,
    /// The last reading of the clock.
    now: Nanos,
    next_sweep: Nanos,
    standstill: Standstill,
    lull: Lull,
    /// What the last response took.
    latency: Nanos,
    /// The tap's position that this thread follows.
    position: u64,
    /// Requests that this slice may still send, or take from its schedule.
    quota: u64,
    /// Requests under way.
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

/// Waking up later than this, a thread was stopped, or starved of its CPU.
const OVERSLEPT: Nanos = Nanos(500_000_000);

/// The last time in which a thread stood still.
#[derive(Debug, Clone, Copy, Default)]
struct Standstill {
    until: Nanos,
    lasted: Nanos,
}

impl Standstill {
    /// How much longer what began at `since` may take: that time is not the server's.
    fn excused(self, since: Nanos) -> Nanos {
        if since < self.until { self.lasted } else { Nanos(0) }
    }
}

impl Worker {
    /// # Errors
    /// When the timer cannot be made.
    pub(super) fn new(setup: Setup, pacing: Pacing) -> io::Result<Self> {
        let now = Nanos::now();
        Ok(Self {
            timer: Timer::new(setup.poll.registry(), TIMER)?,
            connections: (0..setup.connections).map(|_| Connection::new(setup.usage)).collect(),
            buffer: vec![0; BUFFER].into_boxed_slice(),
            recent: RecentHead::default(),
            openings: Openings::of_all(setup.connections, now, setup.random.clone()),
            now,
            next_sweep: now,
            standstill: Standstill::default(),
            lull: Lull::default(),
            latency: Nanos(0),
            position: 0,
            quota: 0,
            busy: 0,
            connecting: 0,
            live: 0,
            completed: 0,
            untried: setup.connections,
            connected: 0,
            tally: Tally::of_thread(now, pacing.is_open(), setup.pool.kinds()),
            cpu_before: Nanos(0),
            pacing,
            setup,
        })
    }

    /// Runs until the tap is stopped.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        Lull::prepare();
        loop {
            if let Err(error) = self.wait(&mut events) {
                return self.break_off(&error);
            }
            self.wake_up();
            let mut count = 0;
            for event in &events {
                self.on_event(event);
                count += 1;
            }
            self.setup.gauge.completed.store(self.completed, Relaxed);
            if self.follow_tap().is_break() {
                return;
            }
            self.sweep();
            self.open_due();
            self.keep_pace();
            self.note_spent();
            if self.pacing.is_saturating() {
                self.lull.rest(count, self.busy, self.latency);
            }
        }
    }

    /// Waits for events, or until something becomes due: without anything under way, for ever.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let sweep = (self.busy + self.connecting > 0).then_some(self.next_sweep);
        let pace = self.is_flowing().then(|| self.pacing.next_due());
        let due = [sweep, self.openings.next_due(), pace].into_iter().flatten().min();
        if let Some(due) = due.filter(|due| *due < NEVER) {
            self.timer.set(due, self.now)?;
        }
        match self.setup.poll.poll(events, None) {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok(()),
        }
    }

    /// Reads the clock, and sees whether the thread itself was stopped: while anything is under way it
    /// wakes up for each sweep.
    fn wake_up(&mut self) {
        let before = std::mem::replace(&mut self.now, Nanos::now());
        let late = self.now.since(self.next_sweep.max(before));
        if late > OVERSLEPT && self.busy + self.connecting > 0 {
            self.standstill = Standstill { until: self.now, lasted: late };
        }
    }

    /// An edge is told once: what one event says of several things must all be acted on.
    fn on_event(&mut self, event: &Event) {
        let Token(slot) = event.token();
        let Some(connection) = self.connections.get(slot) else { return };
        match connection.stage() {
            Stage::Connecting => self.on_connect(slot),
            Stage::Open if event.is_writable() => self.send_rest(slot),
            _ => {}
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            let connection = &self.connections[slot];
            match connection.stage() {
                Stage::Closed | Stage::Connecting => {}
                Stage::Open if connection.is_idle() => self.on_idle(slot),
                Stage::Open => self.receive(slot, event.is_read_closed()),
            }
        }
    }

    fn on_connect(&mut self, slot: usize) {
        self.now = Nanos::now();
        match self.connections[slot].proceed() {
            Ok(false) => {}
            Ok(true) => {
                self.connecting -= 1;
                self.set_live(self.live + 1);
                self.note_first_attempt(slot, true);
                if !self.resume(slot) {
                    self.offer(slot);
                }
            }
            Err((phase, cause)) => self.fail(slot, phase, cause),
        }
    }

    /// Whether requests may be sent now.
    fn is_flowing(&self) -> bool {
        self.quota > 0 && self.setup.tap.flows_at(self.position)
    }

    fn open_due(&mut self) {
        while let Some(slot) = self.openings.take_due(self.now) {
            self.open(slot);
        }
    }

    fn open(&mut self, slot: usize) {
        let Setup { endpoint, poll, .. } = &self.setup;
        self.tally.connects += 1;
        match self.connections[slot].open(endpoint, poll.registry(), Token(slot), self.now) {
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
            if self.now.since(connection.since())
                <= timeout + self.standstill.excused(connection.since())
            {
                continue;
            }
            if connection.stage() == Stage::Connecting || !connection.flights().is_empty() {
                let (phase, cause) = connection.overdue();
                self.fail(slot, phase, cause);
            }
        }
    }
}
