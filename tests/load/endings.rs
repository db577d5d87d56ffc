//! Servers that end connections which they have served, as every server may: what was under way
//! goes to the next connection, and only what may not be sent twice has failed.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    num::NonZeroU32,
    time::Duration,
};

use flameload::{
    load::{Script, Tally, Version},
    measure::ServerSeen,
};

use super::{
    fault::report,
    server::{OK, Server},
    setup::{alone, eventually, script, start},
};

/// How a server ends a connection.
#[derive(Debug, Clone, Copy)]
enum End {
    /// Its side is closed, with the request read.
    Closed,
    /// With the request unread, which resets the connection.
    Reset,
    /// Its last answer says so.
    Said,
}

/// Answers `count` requests on each connection, and ends it when the next one comes.
fn after(count: usize, end: End) -> Server {
    let serve = move |mut stream: TcpStream| -> io::Result<()> {
        let mut reader = BufReader::with_capacity(1, stream.try_clone()?);
        for place in 0..=count {
            if place == count && matches!(end, End::Reset) {
                stream.peek(&mut [0])?;
                break;
            }
            let mut line = String::new();
            while line.trim_end() != "" || line.is_empty() {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
            }
            if place == count {
                break;
            }
            let is_last = place + 1 == count && matches!(end, End::Said);
            let connection = if is_last { "close" } else { "keep-alive" };
            let head = format!("HTTP/1.1 200 OK\r\nConnection: {connection}\r\n");
            stream.write_all(format!("{head}Content-Length: 2\r\n\r\nok").as_bytes())?;
            if is_last {
                io::copy(&mut reader, &mut io::sink())?;
                break;
            }
        }
        Ok(())
    };
    Server::bare(move |stream, _| {
        let _ = serve(stream);
    })
}

fn spent(script: &Script, server: &Server, requests: u64) -> Tally {
    let mut generator = start(script, server.addr).expect("the server accepts");
    generator.resume_for(requests);
    eventually("the quota is used", || generator.is_spent());
    generator.pause()
}

#[test]
fn what_crosses_the_end_of_a_kept_connection_is_sent_again() {
    let _alone = alone();
    for end in [End::Closed, End::Reset] {
        let tally = spent(&script(2, "", ""), &after(10, end), 100);
        let seen = (tally.requests, tally.errors.to_string());
        assert_eq!(seen, (100, "no errors".to_owned()), "{end:?}");
        // Every tenth request but for the last ones.
        assert!((8..=10).contains(&tally.resent), "{end:?}: {}", tally.resent);
        assert_eq!(tally.latency.len(), 100);
    }
    let tally = spent(&script(2, "", ""), &after(10, End::Said), 100);
    assert_eq!((tally.requests, tally.errors.total(), tally.resent), (100, 0, 0));
}

#[test]
fn a_server_that_has_waited_long_enough_may_say_so() {
    let _alone = alone();
    let server = Server::answering(|stream| {
        stream.write_all(OK)?;
        let mut late = stream.try_clone()?;
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(10));
            let _ = late.write_all(b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n\r\n");
            let _ = late.shutdown(std::net::Shutdown::Both);
        });
        Ok(std::ops::ControlFlow::Continue(()))
    });
    let think = "think = \"200ms\"";
    let tally = spent(&script(2, think, ""), &server, 6);
    assert_eq!((tally.requests, tally.errors.to_string()), (6, "no errors".to_owned()));
    assert!(tally.connects >= 4, "{}", tally.connects);
}

#[test]
fn several_requests_that_a_connection_leaves_behind_are_sent_again() {
    let _alone = alone();
    let pipeline = NonZeroU32::new(4).expect("it is not zero");
    let script = Script { pipeline, ..script(1, "", "") };
    let tally = spent(&script, &after(3, End::Said), 30);
    assert_eq!((tally.requests, tally.errors.to_string()), (30, "no errors".to_owned()));
    assert!(tally.resent > 0);
}

#[test]
fn what_may_not_be_sent_twice_has_failed_and_the_cure_is_named() {
    let _alone = alone();
    let post = script(2, "", "method = \"POST\"");
    let tally = spent(&post, &after(10, End::Closed), 100);
    assert_eq!((tally.requests + tally.errors.total(), tally.resent), (100, 0));
    let (failure, _) = tally.errors.first().expect("some have no answer");
    assert_eq!(failure.to_string(), "first byte: closed by the server, on a reused connection");
    let reported = report("ends kept connections", &tally, (2, 2), ServerSeen::default());
    assert!(reported.diagnosis().contains("requests_per_connection"), "{}", reported.diagnosis());
    let fewer = Script { requests_per_connection: NonZeroU32::new(10), ..post };
    let tally = spent(&fewer, &after(10, End::Closed), 100);
    assert_eq!((tally.requests, tally.errors.total()), (100, 0), "{}", tally.errors);
}

#[test]
fn a_connection_that_never_answers_is_no_end() {
    let _alone = alone();
    let tally = spent(&script(1, "", ""), &after(0, End::Closed), 5);
    assert_eq!((tally.requests, tally.errors.total(), tally.resent), (0, 5, 0));
}

#[test]
fn a_server_that_is_gone_fails_what_it_left_behind() {
    let _alone = alone();
    let mut server = Server::answering(|stream| {
        stream.write_all(OK)?;
        std::thread::sleep(Duration::from_millis(5));
        Ok(std::ops::ControlFlow::Continue(()))
    });
    let mut generator = start(&script(2, "", ""), server.addr).expect("the server accepts");
    generator.resume();
    eventually("the load flows", || server.received() > 20);
    server.stop();
    eventually("connections are gone", || generator.live_connections() == 0);
    // It ends, though nothing can be sent again.
    let tally = generator.pause();
    assert!(tally.requests > 10 && tally.errors.total() > 0, "{}", tally.errors);
}

const FRAME: usize = 9;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Serves so many streams of a connection, as RFC 9113 has it, then says goodbye to all above the
/// last one, and passes over those that were sent before the client has read that.
fn goodbye_after(count: usize) -> Server {
    let serve = move |mut stream: TcpStream| -> io::Result<()> {
        stream.read_exact(&mut [0; 24])?;
        stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        stream.write_all(&frame(SETTINGS, 1, 0, &[]))?;
        let mut served = 0;
        loop {
            let mut head = [0; FRAME];
            stream.read_exact(&mut head)?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            stream.read_exact(&mut vec![0; length as usize])?;
            if head[3] != HEADERS || served == count {
                continue;
            }
            served += 1;
            if served == count {
                let mut farewell = id.to_be_bytes().to_vec();
                farewell.extend([0; 4]);
                // What is under way meanwhile comes too late.
                std::thread::sleep(Duration::from_millis(2));
                stream.write_all(&frame(GOAWAY, 0, 0, &farewell))?;
            }
            // `:status: 200` is the eighth entry of the static table; head and stream end.
            stream.write_all(&frame(HEADERS, 5, id, &[0x88]))?;
        }
    };
    Server::bare(move |stream, _| {
        let _ = serve(stream);
    })
}

#[test]
fn streams_beyond_a_goodbye_are_sent_again() {
    let _alone = alone();
    for streams in [1, 4] {
        let server = goodbye_after(10);
        let mut script = script(2, "", "");
        script.http.version = Version::Http2;
        script.http.streams = streams;
        let tally = spent(&script, &server, 100);
        let seen = (tally.requests, tally.errors.to_string());
        assert_eq!(seen, (100, "no errors".to_owned()), "{streams} streams");
        assert!(server.accepted() >= 9, "{}", server.accepted());
        assert_eq!(tally.resent > 0, streams > 1, "{}", tally.resent);
    }
}
