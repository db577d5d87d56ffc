//! One plain HTTP call, for readiness and for the time of a first call.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// A server's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// From before the connection to the end of the answer.
    pub took: Duration,
}

/// A head longer than this is no HTTP.
const LONGEST_HEAD: usize = 64 * 1024;

/// Calls `GET path` on a new connection, by HTTP/1.0 (RFC 1945), which ends the body with the
/// connection and so needs no more of a client than this.
///
/// # Errors
/// When nothing answers within `timeout`, or what answers is not HTTP.
pub fn get(addr: SocketAddr, path: &str, timeout: Duration) -> io::Result<Answer> {
    let started = Instant::now();
    let left = || match timeout.saturating_sub(started.elapsed()) {
        Duration::ZERO => Err(io::Error::from(io::ErrorKind::TimedOut)),
        left => Ok(left),
    };
    let mut stream = TcpStream::connect_timeout(&addr, left()?)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(left()?))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {addr}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;

    let mut progress = Progress::default();
    let mut chunk = [0; 8192];
    while !progress.done() {
        stream.set_read_timeout(Some(left()?))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => progress.take(&chunk[..read])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let (status, _) = progress.head.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Answer { status, took: started.elapsed() })
}

/// How far an answer has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The bytes of the head until it is whole.
    start: Vec<u8>,
    /// The status, and the length of the body where the head tells.
    pub(super) head: Option<(u16, Option<usize>)>,
    body: usize,
}

impl Progress {
    pub(super) fn take(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.head.is_some() {
            self.body = self.body.saturating_add(bytes.len());
            return Ok(());
        }
        self.start.extend_from_slice(bytes);
        let Some(end) = self.start.windows(4).position(|window| window == b"\r\n\r\n") else {
            return match self.start.len() {
                0..LONGEST_HEAD => Ok(()),
                _ => Err(not_http()),
            };
        };
        self.head = Some(parse_head(&self.start[..end]).ok_or_else(not_http)?);
        self.body = self.start.len() - end - 4;
        Ok(())
    }

    /// A server that keeps the connection open all the same must not keep the caller waiting.
    pub(super) fn done(&self) -> bool {
        matches!(self.head, Some((_, Some(length))) if self.body >= length)
    }
}

/// Reads the status and the `Content-Length` of a head.
fn parse_head(head: &[u8]) -> Option<(u16, Option<usize>)> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let (version, rest) = lines.next()?.split_once(' ')?;
    let status = rest.get(..3)?.parse().ok()?;
    if !version.starts_with("HTTP/1.") {
        return None;
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some((status, length))
}

fn not_http() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is not HTTP/1")
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
            assert!(request[..read].starts_with(b"GET /x HTTP/1.0\r\nHost: 127.0.0.1:"));
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
            let bytes = b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\nabc";
            let (first, second) = (at.min(also), at.max(also));
            let mut progress = Progress::default();
            for part in [&bytes[..first], &bytes[first..second], &bytes[second..]] {
                progress.take(part).expect("well-formed");
            }
            prop_assert_eq!(progress.head, Some((204, Some(3))));
            prop_assert!(progress.done());
        }
    }
}
