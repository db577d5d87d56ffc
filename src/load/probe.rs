//! One blocking request: whether a server is ready, and what its first call takes.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{
    request::Request,
    response::{Parser, RecentHead, ResponseError},
};

/// Why a single request had no response.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The address is another machine's.
    #[error("refusing to call {0}: only loopback addresses are allowed")]
    Remote(SocketAddr),
    /// The connection could not be opened.
    #[error("cannot connect to {addr}: {source}")]
    Connect {
        /// The server's address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The request could not be written, or the response not read.
    #[error("the connection failed during the request: {0}")]
    Transfer(io::Error),
    /// What came back is not a response.
    #[error(transparent)]
    Response(#[from] ResponseError),
    /// Nothing complete came back in time.
    #[error("no complete response within {0:?}")]
    Timeout(Duration),
}

/// Sends `request` to `addr` on a connection of its own; returns the status and the time from
/// connecting to the complete response.
///
/// # Errors
/// When the address is not loopback, or there is no complete response within `timeout`.
pub fn probe(
    addr: SocketAddr,
    request: &Request,
    timeout: Duration,
) -> Result<(u16, Duration), ProbeError> {
    if !addr.ip().is_loopback() {
        return Err(ProbeError::Remote(addr));
    }
    let started = Instant::now();
    let remaining = || match timeout.checked_sub(started.elapsed()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(ProbeError::Timeout(timeout)),
    };
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => ProbeError::Timeout(timeout),
        _ => ProbeError::Transfer(error),
    };
    let mut stream =
        TcpStream::connect_timeout(&addr, remaining()?).map_err(|source| match source.kind() {
            io::ErrorKind::TimedOut => ProbeError::Timeout(timeout),
            _ => ProbeError::Connect { addr, source },
        })?;
    stream.set_nodelay(true).map_err(failed)?;
    stream.set_write_timeout(Some(remaining()?)).map_err(failed)?;
    stream.write_all(request.bytes()).map_err(failed)?;
    let mut parser = Parser::new(request.is_head(), false);
    let mut recent = RecentHead::default();
    let mut buffer = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(remaining()?)).map_err(failed)?;
        let complete = match stream.read(&mut buffer) {
            Ok(0) => parser.close().map(|()| true)?,
            Ok(n) => parser.feed(buffer.get(..n).unwrap_or_default(), &mut recent)?.is_some(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => false,
            Err(error) => return Err(failed(error)),
        };
        if complete {
            return Ok((parser.status(), started.elapsed()));
        }
    }
}
