//! One connection: what it is doing, and moving its bytes without blocking.

use std::io::{self, ErrorKind, Read, Write};

use mio::{Interest, Registry, Token};

use super::{
    endpoint::Endpoint,
    errors::{Age, Cause, Phase},
    request::Request,
    response::{Parser, RecentHead, ResponseError},
    stream::Stream,
};
use crate::unit::Nanos;

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing; it is opened later.
    Closed,
    /// Waiting for the server to accept.
    Connecting,
    /// Connected, and agreeing on the encryption.
    Handshaking,
    /// Open, with no request under way.
    Idle,
    /// Open, with a request under way.
    Busy,
}

#[derive(Debug)]
pub(super) struct Connection {
    stream: Option<Stream>,
    stage: Stage,
    /// When the present stage began: the connect (with the handshake), or the first write of the
    /// request.
    since: Nanos,
    /// Bytes of the request that were written.
    written: usize,
    parser: Parser,
    /// Whether a response has come since it was opened.
    answered: bool,
    /// Openings in a row that ended without a response.
    failures: u32,
}

/// What reading came to.
#[derive(Debug)]
pub(super) enum Progress {
    /// The rest of the response is still to come.
    Partial,
    /// The response is complete; the connection may be of no more use.
    Complete {
        reusable: bool,
    },
    Failed(ReadError),
}

/// Why a response could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    Io(io::Error),
    Response(ResponseError),
}

impl Connection {
    pub(super) fn new(request: &Request) -> Self {
        Self {
            stream: None,
            stage: Stage::Closed,
            since: Nanos(0),
            written: 0,
            parser: Parser::new(request.is_head(), request.checks_body()),
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

    /// In which phase of reading, and why, a response could not be read.
    pub(super) fn classify(&self, error: &ReadError) -> (Phase, Cause) {
        let begun = if self.parser.is_at_start() { Phase::FirstByte } else { Phase::Body };
        match error {
            ReadError::Io(error) => (begun, Cause::of_io(error)),
            ReadError::Response(ResponseError::Unanswered) => (Phase::FirstByte, Cause::Closed),
            ReadError::Response(ResponseError::Cut) => (Phase::Body, Cause::Closed),
            ReadError::Response(error) => (Phase::Parse, Cause::Malformed(*error)),
        }
    }

    pub(super) fn since(&self) -> Nanos {
        self.since
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
        self.since = now;
        self.answered = false;
        Ok(())
    }

    /// Looks whether connecting has ended, and the handshake after it; if both did well, the
    /// connection is idle.
    pub(super) fn connected(&mut self) -> Result<bool, (Phase, Cause)> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        if self.stage == Stage::Connecting {
            match stream.is_connected() {
                Ok(true) => self.stage = Stage::Handshaking,
                Ok(false) => return Ok(false),
                Err(error) => return Err((Phase::Connect, Cause::of_io(&error))),
            }
        }
        let done = stream.handshake()?;
        if done {
            self.stage = Stage::Idle;
        }
        Ok(done)
    }

    /// Begins a request at the instant `now`; [`Connection::send`] writes it.
    pub(super) fn begin(&mut self, now: Nanos) {
        self.stage = Stage::Busy;
        self.since = now;
        self.written = 0;
        self.parser.reset();
    }

    /// Writes as much of `request` as the socket takes; the rest follows when it is writable.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        while let Some(unsent @ [_, ..]) = request.get(self.written..) {
            match stream.write(unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.written += n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        stream.flush()
    }

    /// Whether some of `request` is still to be written.
    pub(super) fn has_unsent(&self, request: &[u8]) -> bool {
        self.written < request.len() || self.stream.as_ref().is_some_and(Stream::has_unflushed)
    }

    /// Reads what has arrived of the response, through `buffer`; returns also the bytes read.
    ///
    /// A read that does not fill the buffer has emptied the socket, and what comes later raises a
    /// new edge: reading again only to be told so would cost a system call for each response. Only
    /// when the server has closed its side (`closed`) is the end still to be read. Under encryption
    /// a read says nothing of the socket, and goes on until nothing comes.
    pub(super) fn receive(
        &mut self,
        buffer: &mut [u8],
        recent: &mut RecentHead,
        closed: bool,
    ) -> (Progress, usize) {
        let Some(stream) = &mut self.stream else { return (Progress::Partial, 0) };
        let mut total = 0;
        loop {
            let n = match stream.read(buffer) {
                Ok(n) => n,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return (Progress::Partial, total);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return (Progress::Failed(ReadError::Io(error)), total),
            };
            total += n;
            let arrived = buffer.get(..n).unwrap_or_default();
            let complete = match arrived {
                [] => self.parser.close().map(|()| true),
                bytes => match self.parser.feed(bytes, recent) {
                    Ok(Some(used)) if used < n => Err(ResponseError::Excess),
                    Ok(end) => Ok(end.is_some()),
                    Err(error) => Err(error),
                },
            };
            match complete {
                Ok(true) => {
                    let reusable = self.parser.keep_alive() && !closed;
                    return (Progress::Complete { reusable }, total);
                }
                Ok(false) if n < buffer.len() && !closed && stream.reads_to_end() => {
                    return (Progress::Partial, total);
                }
                Ok(false) => {}
                Err(error) => return (Progress::Failed(ReadError::Response(error)), total),
            }
        }
    }

    /// Notes a complete response, good or not; the connection is idle.
    pub(super) fn answer(&mut self) {
        self.stage = Stage::Idle;
        self.answered = true;
        self.failures = 0;
    }

    /// Whether the server has closed, or sent something, though nothing was asked of it.
    pub(super) fn idle_event(&mut self, buffer: &mut [u8]) -> Result<bool, ReadError> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        match stream.read(buffer) {
            Ok(0) => Ok(true),
            Ok(_) => Err(ReadError::Response(ResponseError::Excess)),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                Ok(false)
            }
            Err(_) => Ok(true),
        }
    }

    /// Closes; closing the only descriptor of a socket also ends its registration.
    pub(super) fn close(&mut self) {
        self.stream = None;
        self.stage = Stage::Closed;
    }

    /// Notes that the connection failed; returns how often it has in a row.
    pub(super) fn note_failure(&mut self) -> u32 {
        self.failures = if self.answered { 1 } else { self.failures.saturating_add(1) };
        self.failures
    }
}
