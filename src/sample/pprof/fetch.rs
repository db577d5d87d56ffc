//! One request for a profile, which lasts as long as the profile is taken.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::{
    Endpoint,
    decode::{BYTES_MAX, Decoded, decode},
    error::{DecodeError, PprofError},
};
use crate::unit::Nanos;

/// What a server may take beyond the time of its profile: to begin, and to pack what it has.
const GRACE: Duration = Duration::from_secs(10);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long it takes at most to notice meanwhile that nobody wants it any more.
const GLANCE: Duration = Duration::from_millis(250);
/// More fields than this have no heads of such an answer.
const HEADERS_MAX: usize = 64;
/// A head longer than this is no HTTP.
const HEAD_MAX: usize = 64 << 10;
/// So much of an answer that is no profile is repeated to the user.
const TEXT_MAX: usize = 200;

/// Connections to one endpoint, one after the other, which another thread can end.
#[derive(Debug, Default)]
pub(super) struct Line(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    stream: Option<TcpStream>,
    /// Whether there is to be no connection any more.
    is_down: bool,
}

impl Line {
    /// Ends the connection, if there is one, for good: a server then ends its profile.
    pub(super) fn hang_up(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_down = true;
        // One that has ended by itself cannot be ended.
        let _ = state.stream.take().map(|stream| stream.shutdown(Shutdown::Both));
    }

    /// Whether it has been hung up.
    pub(super) fn is_down(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_down
    }

    fn hold(&self, stream: &TcpStream) -> Result<(), PprofError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.is_down {
            return Err(PprofError::Abandoned);
        }
        state.stream = stream.try_clone().ok();
        Ok(())
    }
}

/// A profile that was taken, and when it was asked for.
#[derive(Debug)]
pub(super) struct Fetched {
    pub(super) began: Nanos,
    pub(super) profile: Decoded,
}

/// Asks for a profile of so many seconds, and waits for it.
///
/// By HTTP/1.0, in which the end of the connection is the end of the body: nobody has to take
/// chunks apart. That the body is whole, its packing shows.
pub(super) fn fetch(endpoint: &Endpoint, seconds: u32, line: &Line) -> Result<Fetched, PprofError> {
    let url = endpoint.url(seconds);
    let allowed = Duration::from_secs(seconds.into()) + GRACE;
    let late = |source: &io::Error| {
        matches!(source.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
    };
    let failed = |source: io::Error| match late(&source) {
        true => PprofError::Late { url: url.clone(), seconds: allowed.as_secs() },
        false => PprofError::Fetch { url: url.clone(), source },
    };
    let deadline = Nanos::now() + allowed.into();
    if line.is_down() {
        return Err(PprofError::Abandoned);
    }
    let stream = connect(endpoint.addr, line).map_err(failed)?;
    line.hold(&stream)?;
    let began = Nanos::now();
    let answer =
        ask(&stream, endpoint.addr, &endpoint.target(seconds), deadline).map_err(failed)?;
    let body = profile_in(&answer, endpoint, &url)?;
    let profile = decode(body).map_err(|source| PprofError::Decode { url, source })?;
    Ok(Fetched { began, profile })
}

/// Connects, and gives up once the line is down. Where a queue of connections is full, nothing comes
/// back at all; so it is tried again and again.
fn connect(addr: SocketAddr, line: &Line) -> io::Result<TcpStream> {
    let deadline = Nanos::now() + CONNECT.into();
    loop {
        match TcpStream::connect_timeout(&addr, GLANCE) {
            Err(error)
                if error.kind() == io::ErrorKind::TimedOut
                    && Nanos::now() < deadline
                    && !line.is_down() => {}
            result => return result,
        }
    }
}

/// Sends the request and reads all that is answered.
fn ask(
    mut stream: &TcpStream,
    addr: SocketAddr,
    target: &str,
    deadline: Nanos,
) -> io::Result<Vec<u8>> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(CONNECT))?;
    let request = format!("GET {target} HTTP/1.0\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 16 << 10]);
    while answer.len() as u64 <= BYTES_MAX && !is_whole(&answer) {
        let left = Duration::from(deadline - Nanos::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(answer)
}

/// The head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    end: usize,
    /// How long the body is, where the head says so.
    length: Option<usize>,
}

/// Reads a head; none as long as it is not whole.
fn head(answer: &[u8]) -> Result<Option<Head>, ()> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        Ok(httparse::Status::Complete(end)) => {
            let length = response.headers.iter().find_map(|header| {
                let is_length = header.name.eq_ignore_ascii_case("content-length");
                std::str::from_utf8(header.value).ok()?.trim().parse().ok().filter(|_| is_length)
            });
            Ok(response.code.map(|status| Head { status, end, length }))
        }
        Ok(httparse::Status::Partial) if answer.len() < HEAD_MAX => Ok(None),
        _ => Err(()),
    }
}

/// Whether nothing is to come, as far as the head says.
fn is_whole(answer: &[u8]) -> bool {
    match head(answer) {
        Ok(Some(Head { end, length: Some(length), .. })) => answer.len() - end >= length,
        Ok(_) => false,
        Err(()) => true,
    }
}

/// The profile in an answer.
fn profile_in<'a>(
    answer: &'a [u8],
    endpoint: &Endpoint,
    url: &str,
) -> Result<&'a [u8], PprofError> {
    let Ok(Some(head)) = head(answer) else {
        return Err(PprofError::NotHttp { url: url.to_owned() });
    };
    let body = answer.get(head.end..).unwrap_or_default();
    match (head.status, head.length) {
        (200, Some(expected)) if body.len() < expected => {
            let source = DecodeError::Short { got: body.len(), expected };
            Err(PprofError::Decode { url: url.to_owned(), source })
        }
        (200, _) => Ok(body),
        (404, _) => {
            Err(PprofError::NotFound { process: endpoint.process.clone(), url: url.to_owned() })
        }
        (status, _) => {
            Err(PprofError::Status { url: url.to_owned(), status, text: first_line(body) })
        }
    }
}

/// What a server says to a user, on one line and in brackets; nothing where it says nothing.
fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(TEXT_MAX)]);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    if line.is_empty() { line } else { format!(" ({line})") }
}

#[cfg(test)]
mod tests;
