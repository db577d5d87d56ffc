//! Single requests on a connection of their own: whether a server is ready, and what its first
//! calls take.

use std::{
    io::{self, ErrorKind, Read, Write},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token};
use thiserror::Error;

use super::{
    endpoint::{Address, Endpoint},
    errors::{Cause, Phase},
    h2::{self, CallError},
    request::Request,
    response::{Parser, RecentHead, ResponseError, Wanted},
    script::Version,
    stream::Stream,
};

/// Why a single request had no response.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The connection could not be opened.
    #[error("cannot connect to {address}: {cause}")]
    Connect {
        /// Where the server should be.
        address: Address,
        /// Why.
        cause: Cause,
    },
    /// The connection could not be encrypted.
    #[error("cannot encrypt the connection to {address}: {cause}")]
    Tls {
        /// Where the server is.
        address: Address,
        /// Why.
        cause: Cause,
    },
    /// The request could not be written, or the response not read.
    #[error("the connection failed during the request: {0}")]
    Transfer(io::Error),
    /// The same over HTTP/2.
    #[error("the request failed over HTTP/2: {0}")]
    Http2(Cause),
    /// The request is none that HTTP/2 can carry.
    #[error("the request cannot be sent over HTTP/2: {0}")]
    Request(String),
    /// What came back is not a response.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// Nothing complete came back in time.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
}

/// Sends `request` to `endpoint` on a connection of its own; returns the status and the time from
/// connecting to the complete response.
///
/// # Errors
/// When there is no complete response within `timeout`.
pub fn probe(
    endpoint: &Endpoint,
    request: &Request,
    timeout: Duration,
) -> Result<(u16, Duration), ProbeError> {
    Ok(Conversation::begin(endpoint, request, timeout)?.first())
}

/// A server that has answered a request, on a connection that is still open if the server keeps
/// it. The same request can be sent again.
#[derive(Debug)]
pub struct Conversation<'a> {
    endpoint: &'a Endpoint,
    request: &'a Request,
    timeout: Duration,
    lane: Lane,
    first: (u16, Duration),
}

/// The connection of a conversation.
#[derive(Debug)]
enum Lane {
    Http1(Box<Call>),
    Http2(Box<h2::Calls>),
}

impl<'a> Conversation<'a> {
    /// Sends `request` to `endpoint` on a connection of its own.
    ///
    /// # Errors
    /// When there is no complete response within `timeout`.
    pub fn begin(
        endpoint: &'a Endpoint,
        request: &'a Request,
        timeout: Duration,
    ) -> Result<Self, ProbeError> {
        let started = Instant::now();
        let (lane, status) = match endpoint.version() {
            Version::Http1 => {
                let mut call = Call::start(endpoint, timeout, started)?;
                call.await_connection(endpoint)?;
                let status = call.exchange(request)?;
                (Lane::Http1(Box::new(call)), status)
            }
            Version::Http2 => {
                let failed = |error| ProbeError::of_call(error, endpoint, timeout);
                let mut calls = h2::Calls::open(endpoint, request, timeout).map_err(failed)?;
                let left = timeout.saturating_sub(started.elapsed());
                let status = calls.call(left).map_err(failed)?;
                (Lane::Http2(Box::new(calls)), status)
            }
        };
        Ok(Self { endpoint, request, timeout, lane, first: (status, started.elapsed()) })
    }

    /// The status of the first response, and the time from connecting until it was complete.
    pub fn first(&self) -> (u16, Duration) {
        self.first
    }

    /// Whether the server sends interim responses (1xx) before a response; over HTTP/2 nobody
    /// counts those.
    pub fn had_interim(&self) -> bool {
        matches!(&self.lane, Lane::Http1(call) if call.interim)
    }

    /// Sends the request once more; returns the status and the time from writing it to the
    /// complete response. None where the server has closed the connection after the last one.
    ///
    /// # Errors
    /// When there is no complete response within the timeout.
    pub fn again(&mut self) -> Result<Option<(u16, Duration)>, ProbeError> {
        let started = Instant::now();
        let status = match &mut self.lane {
            Lane::Http1(call) if call.is_kept => {
                call.started = started;
                call.exchange(self.request)?
            }
            Lane::Http2(calls) if calls.is_open() => calls
                .call(self.timeout)
                .map_err(|error| ProbeError::of_call(error, self.endpoint, self.timeout))?,
            _ => return Ok(None),
        };
        Ok(Some((status, started.elapsed())))
    }
}

impl ProbeError {
    fn of_call(error: CallError, endpoint: &Endpoint, timeout: Duration) -> Self {
        let address = endpoint.address().clone();
        match error {
            CallError::Runtime(error) => Self::Transfer(error),
            CallError::Request(message) => Self::Request(message),
            CallError::Failed(_, Cause::NotAccepted | Cause::NoResponse) => Self::Timeout(timeout),
            CallError::Failed(Phase::Connect, cause) => Self::Connect { address, cause },
            CallError::Failed(Phase::Tls, cause) => Self::Tls { address, cause },
            CallError::Failed(_, cause) => Self::Http2(cause),
        }
    }
}

/// A call under way.
#[derive(Debug)]
struct Call {
    stream: Stream,
    poll: Poll,
    events: Events,
    timeout: Duration,
    started: Instant,
    /// Whether the server has kept the connection open after its last response.
    is_kept: bool,
    /// Whether it has sent interim responses before one.
    interim: bool,
}

impl Call {
    fn start(endpoint: &Endpoint, timeout: Duration, started: Instant) -> Result<Self, ProbeError> {
        let mut stream = Stream::connect(endpoint).map_err(|error| ProbeError::Connect {
            address: endpoint.address().clone(),
            cause: Cause::of_io(&error),
        })?;
        let poll = Poll::new().map_err(ProbeError::Transfer)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        poll.registry().register(&mut stream, Token(0), interest).map_err(ProbeError::Transfer)?;
        let events = Events::with_capacity(8);
        Ok(Self { stream, poll, events, timeout, started, is_kept: false, interim: false })
    }

    /// Waits until the stream may have become ready.
    fn wait(&mut self) -> Result<(), ProbeError> {
        let remaining = self.timeout.saturating_sub(self.started.elapsed());
        if remaining.is_zero() {
            return Err(ProbeError::Timeout(self.timeout));
        }
        match self.poll.poll(&mut self.events, Some(remaining)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => {
                Err(ProbeError::Transfer(error))
            }
            _ => Ok(()),
        }
    }

    fn await_connection(&mut self, endpoint: &Endpoint) -> Result<(), ProbeError> {
        let address = || endpoint.address().clone();
        loop {
            match self.stream.is_connected() {
                Ok(true) => break,
                Ok(false) => self.wait()?,
                Err(error) => {
                    let cause = Cause::of_io(&error);
                    return Err(ProbeError::Connect { address: address(), cause });
                }
            }
        }
        loop {
            match self.stream.handshake() {
                Ok(true) => return Ok(()),
                Ok(false) => self.wait()?,
                Err((_, cause)) => return Err(ProbeError::Tls { address: address(), cause }),
            }
        }
    }

    /// Sends the request and reads the response; returns its status.
    fn exchange(&mut self, request: &Request) -> Result<u16, ProbeError> {
        self.send(request)?;
        self.receive(request)
    }

    fn send(&mut self, request: &Request) -> Result<(), ProbeError> {
        let mut unsent = request.bytes();
        while !unsent.is_empty() {
            match self.stream.write(unsent) {
                Ok(0) => return Err(ProbeError::Transfer(ErrorKind::WriteZero.into())),
                Ok(n) => unsent = unsent.get(n..).unwrap_or_default(),
                Err(error) => self.pass_over(error)?,
            }
        }
        while self.stream.has_unflushed() {
            self.stream.flush().map_err(ProbeError::Transfer)?;
            if self.stream.has_unflushed() {
                self.wait()?;
            }
        }
        Ok(())
    }

    /// Reads the response; returns its status.
    fn receive(&mut self, request: &Request) -> Result<u16, ProbeError> {
        let mut parser = Parser::new(Wanted { body: false, ..request.wanted() });
        let mut recent = RecentHead::default();
        let mut buffer = [0; 16 * 1024];
        loop {
            let complete = match self.stream.read(&mut buffer) {
                Ok(0) => parser.close().map(|()| true)?,
                Ok(n) => parser.feed(buffer.get(..n).unwrap_or_default(), &mut recent)?.is_some(),
                Err(error) => {
                    self.pass_over(error)?;
                    false
                }
            };
            if complete {
                self.is_kept = parser.keep_alive();
                self.interim |= parser.had_interim();
                return Ok(parser.status());
            }
        }
    }

    /// Waits if that is all that is wrong.
    fn pass_over(&mut self, error: io::Error) -> Result<(), ProbeError> {
        match error.kind() {
            ErrorKind::WouldBlock => self.wait(),
            ErrorKind::Interrupted => Ok(()),
            _ => Err(ProbeError::Transfer(error)),
        }
    }
}
