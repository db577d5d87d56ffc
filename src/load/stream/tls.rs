//! TLS over a socket that does not block.

use std::{
    io::{self, ErrorKind, Read, Write},
    sync::Arc,
};

use rustls::ClientConnection;

use super::socket::Socket;
use crate::load::{endpoint::Encryption, errors::Cause};

#[derive(Debug)]
pub(in crate::load) struct TlsStream {
    session: ClientConnection,
    socket: Socket,
}

/// What reading from the socket came to.
enum Received {
    Some,
    Nothing,
    End,
}

impl TlsStream {
    pub(super) fn new(socket: Socket, encryption: &Encryption) -> io::Result<Self> {
        let Encryption { config, name } = encryption;
        let session = ClientConnection::new(Arc::clone(config), name.clone());
        Ok(Self { session: session.map_err(io::Error::other)?, socket })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn socket_mut(&mut self) -> &mut Socket {
        &mut self.socket
    }

    pub(super) fn has_unflushed(&self) -> bool {
        self.session.wants_write()
    }

    /// Goes on as far as the socket allows; tells whether the handshake has ended.
    pub(super) fn handshake(&mut self) -> Result<bool, Cause> {
        loop {
            self.flush().map_err(|error| Cause::of_io(&error))?;
            if !self.session.is_handshaking() {
                return Ok(true);
            }
            match self.receive().map_err(|error| Cause::of_io(&error))? {
                Received::Some => {}
                Received::Nothing => return Ok(false),
                Received::End => return Err(Cause::Closed),
            }
        }
    }

    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.session.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            match self.receive()? {
                Received::Some | Received::End => {}
                Received::Nothing => return Err(ErrorKind::WouldBlock.into()),
            }
            // The server may have asked for something that is not data, such as new keys.
            self.flush()?;
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The session keeps what the socket does not take, up to a limit: then it takes nothing.
        self.flush()?;
        let accepted = self.session.writer().write(bytes)?;
        if accepted == 0 && !bytes.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        self.flush()?;
        Ok(accepted)
    }

    /// Writes what waits, as far as the socket takes it; the rest is no error.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.session.wants_write() {
            match self.session.write_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Reads once from the socket, and decrypts what is complete.
    fn receive(&mut self) -> io::Result<Received> {
        let n = match self.session.read_tls(&mut self.socket) {
            Ok(n) => n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(Received::Some),
            Err(error) => return Err(error),
        };
        if let Err(error) = self.session.process_new_packets() {
            // The server is told why, if it still listens; this end has given up already.
            let _ = self.flush();
            return Err(io::Error::new(ErrorKind::InvalidData, error));
        }
        Ok(if n == 0 { Received::End } else { Received::Some })
    }
}
