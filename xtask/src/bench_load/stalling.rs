//! A server that answers at once, but for a time in which it answers nothing at all: what a pause
//! for garbage, a lock or a full disk looks like from outside.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;

/// From the beginning of one stall to that of the next.
pub(super) const PERIOD: Duration = Duration::from_secs(2);
/// How long a stall lasts.
pub(super) const STALL: Duration = Duration::from_millis(200);

/// Serves at `port` of the loopback address until the process is ended.
pub(super) fn serve(port: u16) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .with_context(|| format!("cannot use port {port}"))?;
    let start = Instant::now();
    for stream in listener.incoming() {
        let stream = stream.context("cannot accept a connection")?;
        // A client that goes away ends its connection, and nothing else.
        thread::spawn(move || answer(&stream, start));
    }
    Ok(())
}

fn answer(mut stream: &TcpStream, start: Instant) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if requests.read_line(&mut line)? == 0 {
            return Ok(());
        }
        // The end of a head; requests with bodies are not for this server.
        if line.trim_end().is_empty() {
            thread::sleep(stall_left(start.elapsed()));
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")?;
        }
    }
}

/// How long the stall at this time since the start still lasts.
fn stall_left(elapsed: Duration) -> Duration {
    let into = Duration::from_nanos((elapsed.as_nanos() % PERIOD.as_nanos()) as u64);
    // The first one comes after a time without: the server is ready when it says so.
    let quiet = PERIOD - STALL;
    if into < quiet { Duration::ZERO } else { PERIOD - into }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stalls_at_the_end_of_each_period() {
        let left = |ms| stall_left(Duration::from_millis(ms)).as_millis();
        assert_eq!([0, 1799, 1800, 1950, 2000, 3799, 3850].map(left), [0, 0, 200, 50, 0, 0, 150]);
    }
}
