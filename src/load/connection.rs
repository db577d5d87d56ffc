//! One connection: what it is doing, and moving its bytes without blocking.

pub(super) mod jar;

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Read, Write},
};

use mio::{Interest, Registry, Token};

use super::{
    endpoint::Endpoint,
    errors::{Age, Cause, Phase},
    pool::Pool,
    response::{Parser, RecentHead, ResponseError, Wanted},
    stream::Stream,
};
use crate::unit::Nanos;
use jar::Jar;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing; it is opened later.
    Closed,
    /// Waiting for the server's side of the handshakes.
    Connecting,
    /// Open, with or without requests under way.
    Open,
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flight {
    /// When it should have been written.
    pub(super) intended: Nanos,
    /// When writing it began.
    pub(super) began: Nanos,
    /// Its place in the pool.
    pub(super) index: usize,
}

/// How connections are used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Requests at once.
    pub(super) depth: usize,
    /// Requests in all, before it is closed.
    pub(super) lifetime: u32,
    /// Whether cookies are kept and sent.
    pub(super) cookies: bool,
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Option<Stream>,
    stage: Stage,
    usage: Usage,
    /// When it began to connect.
    opened: Nanos,
    is_connected: bool,
    /// The requests under way, the oldest first.
    flights: VecDeque<Flight>,
    /// Requests that a connection took and never looked at, for the one that follows it.
    held: VecDeque<Flight>,
    /// Requests begun since it was opened.
    begun: u32,
    /// What is to be written, where it is not simply one request of the pool.
    out: Vec<u8>,
    /// Bytes of that which were written.
    written: usize,
    /// Reads the response to the oldest request.
    parser: Parser,
    jar: Jar,
    /// Whether a response has come since it was opened.
    answered: bool,
    /// Openings in a row that ended without a response.
    failures: u32,
}

/// Why a response could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    Response(ResponseError),
}

impl Usage {
    /// Whether requests are not simply written one by one as they are in the pool.
    fn composes(self) -> bool {
        self.depth > 1 || self.cookies
    }
}

impl Connection {
    pub(super) fn new(usage: Usage) -> Self {
        Self {
            stream: None,
            stage: Stage::Closed,
            usage,
            opened: Nanos(0),
            is_connected: false,
            flights: VecDeque::with_capacity(usage.depth),
            held: VecDeque::new(),
            begun: 0,
            out: Vec::new(),
            written: 0,
            parser: Parser::new(Wanted::default()),
            jar: Jar::default(),
            answered: false,
            failures: 0,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// How much it had done when it failed.
    pub(super) fn age(&self) -> Age {
        if self.answered { Age::Reused } else { Age::New }
    }

    /// The requests under way, the oldest first.
    pub(super) fn flights(&self) -> &VecDeque<Flight> {
        &self.flights
    }

    /// Requests that wait for it to be open again, the oldest first.
    pub(super) fn held(&self) -> &VecDeque<Flight> {
        &self.held
    }

    /// Whether it has answered before, and not a byte has come of the next response: a server that
    /// ends a kept connection then has most likely not seen the request (RFC 9112, 9.3.1).
    pub(super) fn is_between(&self) -> bool {
        self.answered && self.stage == Stage::Open && self.parser.is_at_start()
    }

    /// Keeps the requests under way for the connection that follows, as far as they may be sent
    /// twice; the others stay under way.
    pub(super) fn hold(&mut self, pool: &Pool) -> usize {
        let again = |flight: &Flight| pool.get(flight.index).is_idempotent();
        let (held, lost) = self.flights.drain(..).partition(again);
        (self.held, self.flights) = (held, lost);
        self.held.len()
    }

    /// Begins again what was kept for it; tells whether there was anything.
    pub(super) fn resume(&mut self, pool: &Pool) -> bool {
        let held = std::mem::take(&mut self.held);
        for flight in &held {
            self.begin(*flight, pool);
        }
        !held.is_empty()
    }

    /// Whether it is open and nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.stage == Stage::Open && self.flights.is_empty()
    }

    /// Whether a further request can be sent on it now.
    pub(super) fn has_room(&self) -> bool {
        self.stage == Stage::Open
            && self.flights.len() < self.usage.depth
            && self.begun < self.usage.lifetime
    }

    /// Whether it has done all that it should.
    pub(super) fn is_worn(&self) -> bool {
        self.begun >= self.usage.lifetime && self.is_idle()
    }

    /// Since when it has been waiting for what it is waiting for.
    pub(super) fn since(&self) -> Nanos {
        self.flights.front().map_or(self.opened, |flight| flight.began)
    }

    /// What a wait of too long means.
    pub(super) fn overdue(&self) -> (Phase, Cause) {
        match self.stage {
            Stage::Open if self.parser.is_at_start() => (Phase::Timeout, Cause::NoResponse),
            Stage::Open => (Phase::Timeout, Cause::Unfinished),
            _ if self.is_connected => (Phase::Tls, Cause::NoResponse),
            _ => (Phase::Connect, Cause::NotAccepted),
        }
    }

    /// In which phase of reading, and why, a response could not be read.
    pub(super) fn classify(&self, error: &ReadError) -> (Phase, Cause) {
        let begun = if self.parser.is_at_start() { Phase::FirstByte } else { Phase::Body };
        match error {
            ReadError::Io(error) => (begun, Cause::of_io(error)),
            ReadError::Response(ResponseError::Unanswered) => (Phase::FirstByte, Cause::Closed),
            ReadError::Response(ResponseError::Cut) => (Phase::Body, Cause::Closed),
            // That is a limit of ours.
            ReadError::Response(error @ ResponseError::BodyTooLong) => {
                (Phase::Check, Cause::Malformed(*error))
            }
            ReadError::Response(error) => (Phase::Parse, Cause::Malformed(*error)),
        }
    }

    pub(super) fn parser(&self) -> &Parser {
        &self.parser
    }

    /// Begins to connect, and to report readiness under `token` for as long as it is open.
    pub(super) fn open(
        &mut self,
        endpoint: &Endpoint,
        registry: &Registry,
        token: Token,
        now: Nanos,
    ) -> io::Result<()> {
        let mut stream = Stream::connect(endpoint)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        self.stream = Some(stream);
        self.stage = Stage::Connecting;
        self.opened = now;
        self.is_connected = false;
        self.answered = false;
        self.begun = 0;
        self.out.clear();
        self.written = 0;
        self.jar.clear();
        Ok(())
    }

    /// Goes on with opening; tells whether that has ended well.
    pub(super) fn proceed(&mut self) -> Result<bool, (Phase, Cause)> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        if !self.is_connected {
            let connected = stream.is_connected();
            self.is_connected =
                connected.map_err(|error| (Phase::Connect, Cause::of_io(&error)))?;
        }
        if !self.is_connected || !stream.handshake()? {
            return Ok(false);
        }
        self.stage = Stage::Open;
        Ok(true)
    }

    /// Begins a request of `pool`; [`Connection::send`] writes it.
    pub(super) fn begin(&mut self, flight: Flight, pool: &Pool) {
        if self.flights.is_empty() {
            self.prepare(flight, pool);
        }
        if self.usage.composes() {
            let (head, rest) = pool.get(flight.index).halves();
            self.out.extend_from_slice(head);
            self.jar.write(&mut self.out);
            self.out.extend_from_slice(rest);
        } else {
            self.written = 0;
        }
        self.flights.push_back(flight);
        self.begun = self.begun.saturating_add(1);
    }

    /// The next response is that to `flight`.
    fn prepare(&mut self, flight: Flight, pool: &Pool) {
        let wanted = pool.get(flight.index).wanted();
        self.parser.reset(Wanted { head: self.usage.cookies, ..wanted });
    }

    /// Writes as much as the socket takes; the rest follows when it is writable.
    pub(super) fn send(&mut self, pool: &Pool) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let bytes = outgoing(self.usage, &self.out, &self.flights, pool);
        let sent = loop {
            let Some(unsent @ [_, ..]) = bytes.get(self.written..) else {
                break if stream.has_unflushed() { stream.flush() } else { Ok(()) };
            };
            match stream.write(unsent) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if self.usage.composes() && self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        match sent {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            sent => sent,
        }
    }

    /// Whether some of what was begun is still to be written.
    pub(super) fn has_unsent(&self, pool: &Pool) -> bool {
        let bytes = outgoing(self.usage, &self.out, &self.flights, pool);
        self.written < bytes.len() || self.stream.as_ref().is_some_and(Stream::has_unflushed)
    }

    /// Reads what has arrived; none if nothing has, 0 at the end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        loop {
            match stream.read(buffer) {
                Ok(n) => return Ok(Some(n)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a read that did not fill its buffer has taken all there was.
    pub(super) fn reads_to_end(&self) -> bool {
        self.stream.as_ref().is_some_and(Stream::reads_to_end)
    }

    /// Takes bytes of the response to the oldest request; when it is complete, tells how many of
    /// them belong to it. No bytes are the end of the connection.
    pub(super) fn feed(
        &mut self,
        bytes: &[u8],
        recent: &mut RecentHead,
    ) -> Result<Option<usize>, ResponseError> {
        match bytes {
            [] => self.parser.close().map(|()| Some(0)),
            bytes => self.parser.feed(bytes, recent),
        }
    }

    /// Notes that the response to the oldest request is complete, good or not.
    pub(super) fn answer(&mut self, pool: &Pool) -> Option<Flight> {
        self.answered = true;
        self.failures = 0;
        if self.usage.cookies {
            self.jar.take(self.parser.head());
        }
        let flight = self.flights.pop_front();
        if let Some(next) = self.flights.front() {
            self.prepare(*next, pool);
        }
        flight
    }

    /// Whether the server has closed, or sent something, though nothing was asked of it.
    pub(super) fn idle_event(&mut self, buffer: &mut [u8]) -> Result<bool, ReadError> {
        match self.read(buffer) {
            Ok(None) => Ok(false),
            Ok(Some(0)) | Err(_) => Ok(true),
            Ok(Some(n)) if is_farewell(buffer.get(..n).unwrap_or_default()) => Ok(true),
            Ok(Some(_)) => Err(ReadError::Response(ResponseError::Excess)),
        }
    }

    /// Gives up what was kept for it.
    pub(super) fn drop_held(&mut self) {
        self.held.clear();
    }

    /// Closes; closing the only descriptor of a socket also ends its registration.
    pub(super) fn close(&mut self) {
        self.stream = None;
        self.flights.clear();
        self.stage = Stage::Closed;
    }

    /// Notes that the connection failed; returns how often it has in a row.
    pub(super) fn note_failure(&mut self) -> u32 {
        self.failures = if self.answered { 1 } else { self.failures.saturating_add(1) };
        self.failures
    }
}

/// Whether a server says that it has waited for a request long enough, before it closes a
/// connection on which nothing was asked (RFC 9110, 15.5.9).
fn is_farewell(bytes: &[u8]) -> bool {
    [b"HTTP/1.1 408", b"HTTP/1.0 408"].iter().any(|start| bytes.starts_with(*start))
}

/// What is to be written, from the start of the part that was not written when it was composed.
fn outgoing<'a>(
    usage: Usage,
    out: &'a [u8],
    flights: &VecDeque<Flight>,
    pool: &'a Pool,
) -> &'a [u8] {
    match flights.back() {
        _ if usage.composes() => out,
        Some(flight) => pool.get(flight.index).bytes(),
        None => &[],
    }
}
