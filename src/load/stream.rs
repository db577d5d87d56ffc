//! One connection's bytes, without blocking: over TCP or a unix socket, encrypted or not.
//!
//! Readiness is edge-triggered: whoever is told that a stream is ready reads or writes until it
//! would block, or until [`Stream::reads_to_end`] makes that needless.

mod socket;
mod tls;

use std::io::{self, Read, Write};

use mio::{Interest, Registry, Token, event::Source};

use super::{
    endpoint::Endpoint,
    errors::{Cause, Phase},
};
use socket::Socket;
use tls::TlsStream;

#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    /// What encryption needs is large, and would make every plain stream as large.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// Begins to connect. A unix socket is connected at once or not at all.
    pub(super) fn connect(endpoint: &Endpoint) -> io::Result<Self> {
        let socket = Socket::connect(endpoint.address())?;
        match endpoint.encryption() {
            None => Ok(Self::Plain(socket)),
            Some(encryption) => Ok(Self::Tls(Box::new(TlsStream::new(socket, encryption)?))),
        }
    }

    /// Whether connecting has ended, which must be asked when the stream becomes writable; an
    /// error if it ended badly.
    pub(super) fn is_connected(&self) -> io::Result<bool> {
        self.socket().is_connected()
    }

    /// Goes on with the handshake of the encryption, once connected and whenever the stream is
    /// ready; tells whether requests can be sent, as they can at once on a plain stream.
    pub(super) fn handshake(&mut self) -> Result<bool, (Phase, Cause)> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(stream) => stream.handshake().map_err(|cause| (Phase::Tls, cause)),
        }
    }

    /// Whether a read that does not fill its buffer has taken all there was.
    pub(super) fn reads_to_end(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// Whether something that was accepted by a write has yet to reach the socket: then it must
    /// be flushed when the stream becomes writable.
    pub(super) fn has_unflushed(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.has_unflushed(),
        }
    }

    fn socket(&self) -> &Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket(),
        }
    }

    fn socket_mut(&mut self) -> &mut Socket {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(stream) => stream.socket_mut(),
        }
    }
}

/// A server that ends the connection without ending the encryption first is at the end too: HTTP
/// says by itself whether a response is complete.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

/// Writing flushes as much as the socket takes.
impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, on: Interest) -> io::Result<()> {
        self.socket_mut().register(registry, token, on)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, on: Interest) -> io::Result<()> {
        self.socket_mut().reregister(registry, token, on)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket_mut().deregister(registry)
    }
}
