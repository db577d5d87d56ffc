//! One plain HTTP call, for readiness and for the time of a first call.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
};

/// A server's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// From before the connection to the end of the answer.
    pub took: Duration,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(SocketAddr),
    /// The file of a unix socket.
    Unix(PathBuf),
}

/// An answer, and how its body begins where that is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) answer: Answer,
    pub(super) said: String,
}

/// A head longer than this is no HTTP.
const LONGEST_HEAD: usize = 64 * 1024;
/// A line that says how long a chunk is, or a trailer, is not longer.
const LONGEST_LINE: usize = 8 * 1024;
/// So much of a body is kept, to be quoted.
const QUOTED: usize = 80;
/// How long the rest of a body is waited for once its head has said what matters.
const REST: Duration = Duration::from_millis(200);

/// Calls `GET path` on a new connection, by HTTP/1.1 and as the last call on it.
///
/// # Errors
/// When nothing answers within `timeout`, or what answers is not HTTP/1.
pub fn get(addr: SocketAddr, path: &str, timeout: Duration) -> io::Result<Answer> {
    fetch(&Place::Tcp(addr), path, timeout).map(|heard| heard.answer)
}

/// Connects, and no more.
pub(super) fn knock(place: &Place, timeout: Duration) -> io::Result<()> {
    match place {
        Place::Tcp(addr) => TcpStream::connect_timeout(addr, timeout).map(drop),
        Place::Unix(path) => connect_unix(path, timeout).map(drop),
    }
}

/// The same as [`get`], wherever the server listens.
pub(super) fn fetch(place: &Place, path: &str, timeout: Duration) -> io::Result<Heard> {
    let started = Instant::now();
    let left = || match timeout.saturating_sub(started.elapsed()) {
        Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let progress = match place {
        Place::Tcp(addr) => {
            let stream = TcpStream::connect_timeout(addr, left()?)?;
            stream.set_nodelay(true)?;
            converse(stream, &addr.to_string(), path, &left)?
        }
        Place::Unix(file) => converse(connect_unix(file, left()?)?, "localhost", path, &left)?,
    };
    let Some(status) = progress.head else { return Err(progress.nothing()) };
    let answer = Answer { status, took: started.elapsed() };
    Ok(Heard { answer, said: quoted(&progress.said) })
}

/// Sends the request and reads the answer, as far as it comes.
fn converse(
    mut stream: impl Wire,
    host: &str,
    path: &str,
    left: &dyn Fn() -> io::Result<Duration>,
) -> io::Result<Progress> {
    stream.limit(left()?)?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut progress = Progress::default();
    let mut chunk = [0; 8192];
    while !progress.done() {
        let patience =
            left().map(|left| if progress.head.is_some() { left.min(REST) } else { left });
        let read = patience.and_then(|patience| stream.limit(patience));
        match read.and_then(|()| stream.read(&mut chunk)) {
            Ok(0) => break,
            Ok(read) => progress.take(&chunk[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // A body may go on for ever, or break off: the server has answered.
            Err(_) if progress.head.is_some() => break,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(io::ErrorKind::TimedOut.into());
            }
            Err(error) => return Err(error),
        }
    }
    Ok(progress)
}

/// What carries the bytes of a call.
trait Wire: Read + Write {
    /// Lets a read or a write take so long at most.
    fn limit(&self, left: Duration) -> io::Result<()>;
}

impl Wire for TcpStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

impl Wire for UnixStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))?;
        self.set_write_timeout(Some(left))
    }
}

/// Connects to a unix socket. One whose queue is full would keep the caller waiting, but for the
/// time that a socket has to send.
fn connect_unix(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket.into())
}

/// How far an answer has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The bytes of the head until it is whole.
    start: Vec<u8>,
    /// The status, once the final head is whole.
    pub(super) head: Option<u16>,
    rest: Rest,
    /// The beginning of the body.
    said: Vec<u8>,
}

/// What is still to come of a body.
#[derive(Debug, Default, PartialEq, Eq)]
enum Rest {
    /// As much as comes before the connection ends.
    #[default]
    UntilClose,
    Length(u64),
    /// The rest of a chunk and of the end of its line.
    Chunk(u64),
    /// A line that says how long the next chunk is, as far as it has come.
    Size(Vec<u8>),
    /// A line after the last chunk.
    Trailer(Vec<u8>),
    Nothing,
}

impl Progress {
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.head.is_some() {
            return self.take_body(bytes);
        }
        self.start.extend_from_slice(bytes);
        while let Some(end) = self.start.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = Head::parse(&self.start[..end]).ok_or_else(|| not_http(&self.start))?;
            let body = self.start.split_off(end + 4);
            // Interim answers come before the real one.
            if matches!(head.status, 100 | 102..=199) {
                self.start = body;
                continue;
            }
            (self.head, self.rest) = (Some(head.status), head.rest);
            return self.take_body(&body);
        }
        // What begins in another way will not become a head.
        let begins = self.start.iter().zip(b"HTTP/1.").all(|(byte, wanted)| byte == wanted);
        match self.start.len() {
            0..LONGEST_HEAD if begins => Ok(()),
            _ => Err(not_http(&self.start)),
        }
    }

    fn take_body(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes;
        while let Some((first, after)) = bytes.split_first() {
            match &mut self.rest {
                Rest::Nothing => return Ok(()),
                Rest::UntilClose => {
                    keep(&mut self.said, bytes);
                    return Ok(());
                }
                Rest::Length(left) | Rest::Chunk(left) => {
                    let part = usize::try_from(*left).map_or(bytes.len(), |n| n.min(bytes.len()));
                    let (part, after) = bytes.split_at(part);
                    keep(&mut self.said, part);
                    *left -= part.len() as u64;
                    bytes = after;
                    if *left == 0 {
                        let was_chunk = matches!(self.rest, Rest::Chunk(_));
                        self.rest = if was_chunk { Rest::Size(Vec::new()) } else { Rest::Nothing };
                    }
                }
                Rest::Size(line) | Rest::Trailer(line) => {
                    bytes = after;
                    line.push(*first);
                    if line.len() > LONGEST_LINE {
                        return Err(broken("its chunks have no end"));
                    }
                    if *first == b'\n' {
                        self.end_line()?;
                    }
                }
            }
        }
        Ok(())
    }

    fn end_line(&mut self) -> io::Result<()> {
        self.rest = match std::mem::take(&mut self.rest) {
            Rest::Size(line) => {
                let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                let size = str::from_utf8(&line[..digits]).ok();
                match size.and_then(|size| u64::from_str_radix(size, 16).ok()) {
                    Some(0) => Rest::Trailer(Vec::new()),
                    // The data, and the end of its line.
                    Some(size) => Rest::Chunk(size.saturating_add(2)),
                    None => return Err(broken("its body is not validly chunked")),
                }
            }
            Rest::Trailer(line) if line.trim_ascii().is_empty() => Rest::Nothing,
            Rest::Trailer(_) => Rest::Trailer(Vec::new()),
            rest => rest,
        };
        Ok(())
    }

    /// Whether no more belongs to the answer: a server that keeps the connection open all the same
    /// must not keep the caller waiting.
    pub(super) fn done(&self) -> bool {
        self.head.is_some() && matches!(self.rest, Rest::Nothing | Rest::Length(0))
    }

    /// The connection has ended before the head did.
    fn nothing(&self) -> io::Error {
        if self.start.is_empty() {
            let what = "it closed the connection without an answer, as servers of TLS or HTTP/2 \
                        may do that are asked in plain HTTP/1.1";
            return io::Error::new(io::ErrorKind::UnexpectedEof, what);
        }
        io::Error::new(io::ErrorKind::UnexpectedEof, "it broke its answer off")
    }
}

/// What a head says of what follows.
struct Head {
    status: u16,
    rest: Rest,
}

impl Head {
    fn parse(head: &[u8]) -> Option<Self> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.split("\r\n");
        let (version, rest) = lines.next()?.split_once(' ')?;
        let status = rest.get(..3)?.parse().ok()?;
        if !version.starts_with("HTTP/1.") {
            return None;
        }
        let mut framing = Rest::UntilClose;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            if name.eq_ignore_ascii_case("transfer-encoding") {
                let last = value.rsplit(',').next().unwrap_or_default();
                if last.trim().eq_ignore_ascii_case("chunked") {
                    framing = Rest::Size(Vec::new());
                }
            } else if name.eq_ignore_ascii_case("content-length") && framing == Rest::UntilClose {
                framing = value.parse().map_or(Rest::UntilClose, Rest::Length);
            }
        }
        let rest = if matches!(status, 204 | 304) { Rest::Nothing } else { framing };
        Some(Self { status, rest })
    }
}

fn keep(said: &mut Vec<u8>, part: &[u8]) {
    let room = QUOTED.saturating_sub(said.len());
    said.extend_from_slice(&part[..part.len().min(room)]);
}

/// The first line of a text; nothing of anything else.
fn quoted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let line = text.trim_start().lines().next().unwrap_or_default().trim_end();
    let is_text = !line.chars().any(|c| c.is_control() || c == char::REPLACEMENT_CHARACTER);
    if is_text { line.to_owned() } else { String::new() }
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What came in place of HTTP/1.
fn not_http(bytes: &[u8]) -> io::Error {
    broken(&match bytes {
        // An alert: a server of TLS does not understand what it reads.
        [0x15, 3, ..] => "it speaks TLS, and was asked in plain HTTP: the script's `[http] tls` \
                          holds for this too"
            .to_owned(),
        // The frames that HTTP/2 begins or ends with: settings, goodbye.
        [0, _, _, 4 | 7, _, 0, 0, 0, 0, ..] => "it speaks HTTP/2, and was asked by HTTP/1.1: the \
                                                script's `[http] version = \"2\"` holds for this \
                                                too"
        .to_owned(),
        _ => match quoted(&bytes[..bytes.len().min(QUOTED)]) {
            said if said.is_empty() => "the answer is not HTTP/1".to_owned(),
            said => format!("the answer is not HTTP/1: '{said}'"),
        },
    })
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use proptest::prelude::*;

    use super::*;

    /// What comes of a server that sends `parts`, then keeps the connection open if `hold`.
    fn call(parts: &'static [&'static [u8]], hold: bool) -> io::Result<u16> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a caller");
            let mut request = [0; 1024];
            let read = stream.read(&mut request).expect("a request");
            assert!(request[..read].starts_with(b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:"));
            for part in parts {
                stream.write_all(part).expect("the caller reads");
                stream.flush().expect("the caller reads");
            }
            if hold {
                // Until the caller goes away.
                let _ = stream.read(&mut request);
            }
        });
        let answer = get(addr, "/x", Duration::from_secs(10));
        server.join().expect("the server is content");
        answer.map(|answer| answer.status)
    }

    #[test]
    fn answers_end_by_length_or_by_connection() {
        assert_eq!(call(&[b"HTTP/1.0 200 OK\r\n\r\n", b"hello"], false).expect("answers"), 200);
        let kept: &[&[u8]] = &[b"HTTP/1.1 404 No", b"t Found\r\ncontent-LENGTH: 2\r\n\r\nn", b"o"];
        assert_eq!(call(kept, true).expect("answers"), 404);
    }

    #[test]
    fn answers_end_where_their_head_says_though_the_connection_does_not() {
        let kept: [&[&[u8]]; 5] = [
            &[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"],
            &[
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n1;x=y\r",
                b"\nh\r\n00\r\nA: b\r\n\r\n",
            ],
            &[b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"],
            &[
                b"HTTP/1.1 103 Early Hints\r\nA: b\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n",
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
            ],
            // It goes on for ever.
            &[b"HTTP/1.1 200 OK\r\n\r\nevent"],
        ];
        for parts in kept {
            assert_eq!(call(parts, true).expect("answers"), 200);
        }
        let empty = call(&[b"HTTP/1.1 204 No Content\r\n\r\n"], true);
        assert_eq!(empty.expect("answers"), 204);
    }

    #[test]
    fn what_speaks_otherwise_is_told_by_what_it_says() {
        let wrong: [(&[&[u8]], &str); 4] = [
            (&[b"\x15\x03\x01\x00\x02\x02\x46"], "TLS"),
            (&[b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"], "HTTP/2"),
            (&[b"220 mail.example\r\n"], "'220 mail.example'"),
            (&[b""], "without an answer"),
        ];
        for (parts, expected) in wrong {
            let error = call(parts, false).expect_err("it is not HTTP/1").to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn what_is_not_http_is_an_error() {
        for wrong in [&[b"SSH-2.0-x\r\n\r\n" as &[u8]] as &[&[u8]], &[b""], &[b"HTTP/1.1 2"]] {
            assert!(call(wrong, false).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn silence_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let addr = listener.local_addr().expect("bound");
        assert!(get(addr, "/", Duration::from_millis(20)).is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5)) {
            let mut progress = Progress::default();
            for part in &parts {
                if progress.take(part).is_err() {
                    break;
                }
            }
        }

        #[test]
        fn any_split_reads_the_same(at in 0_usize..48, also in 0_usize..48) {
            let bytes = b"HTTP/1.1 201 No Content\r\nContent-Length: 3\r\n\r\nabc";
            let (first, second) = (at.min(also), at.max(also));
            let mut progress = Progress::default();
            for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                progress.take(part).expect("well-formed");
            }
            prop_assert_eq!(progress.head, Some(201));
            prop_assert!(progress.done());
        }
    }
}
