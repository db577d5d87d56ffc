//! Servers that misbehave: every fault is counted in its class, and none stops the engine.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpListener},
    ops::ControlFlow,
    thread,
    time::Duration,
};

use flameload::load::{LoadError, Phase, Script, Tally};

use super::{
    server::{OK, Server, answers},
    setup::{alone, eventually, run, script, slice, slice_of, start},
};

/// The first error's phase and text.
#[track_caller]
fn first(tally: &Tally) -> (Phase, String) {
    let (first, _) = tally.errors.first().expect("there was an error");
    (first.phase, first.cause.to_string())
}

/// Errors while a response was read.
fn read(tally: &Tally) -> u64 {
    [Phase::FirstByte, Phase::Body, Phase::Parse].map(|phase| tally.errors.of(phase)).iter().sum()
}

/// Measures a slice of the script in which each connection has been opened again and again.
fn until_reopened(server: &Server, script: &Script) -> Tally {
    let mut generator = start(script, server.addr).expect("the server accepts");
    let before = server.accepted();
    generator.resume();
    eventually("connections are opened again", || server.accepted() >= before + 16);
    generator.pause()
}

#[test]
fn refused() {
    let _alone = alone();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("it is bound");
    drop(listener);
    match start(&script(3, "", ""), addr) {
        Err(LoadError::Unreachable { detail, .. }) => {
            assert!(detail.contains("refused"), "{detail}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn accepted_then_closed() {
    let _alone = alone();
    let server = Server::raw(|_, _| {});
    let tally = until_reopened(&server, &script(4, "", ""));
    let errors = &tally.errors;
    assert_eq!(tally.requests, 0);
    assert!(errors.total() > 0, "{errors}");
    assert_eq!(errors.total(), read(&tally) + errors.of(Phase::Write), "{errors}");
    // After n failures in a row at least (2^n - 1) / 2 ms have passed.
    let per_connection = (2.0 * tally.elapsed().as_secs_f64() * 1e3 + 1.0).log2() + 2.0;
    assert!((errors.total() as f64) < 4.0 * per_connection, "{errors}, no back-off");
}

#[test]
fn half_closed_at_once() {
    let _alone = alone();
    // The server sends its end with the handshake, but goes on reading.
    let server = Server::raw(|mut stream, _| {
        let _ = stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    let tally = until_reopened(&server, &script(4, "timeout = \"1h\"", ""));
    assert_eq!((tally.requests, read(&tally)), (0, tally.errors.total()));
    assert_eq!(first(&tally), (Phase::FirstByte, "closed by the server".to_owned()));
}

#[test]
fn never_answered() {
    let _alone = alone();
    let server = Server::answering(|_| Ok(ControlFlow::Continue(())));
    let script = script(4, "timeout = \"400ms\"", "");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume();
    eventually("all requests are sent", || server.received() == 4);
    let tally = generator.pause();
    assert_eq!((tally.requests, tally.errors.of(Phase::Timeout), tally.errors.total()), (0, 4, 4));
    assert_eq!(first(&tally), (Phase::Timeout, "no response in time".to_owned()));
    assert!(Duration::from(tally.elapsed()) >= Duration::from_millis(400));
    // A response to a request that was given up must not be taken for the next one's.
    eventually("all connections are new", || server.accepted() == 8);
}

#[test]
fn trickled_beyond_the_timeout() {
    let _alone = alone();
    let server = Server::answering(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"A: b\r\n")?;
            thread::sleep(Duration::from_millis(5));
        }
    });
    let tally = run(&script(2, "timeout = \"300ms\"", ""), &server, 2);
    assert_eq!((tally.requests, tally.errors.of(Phase::Timeout)), (0, tally.errors.total()));
    assert!(tally.errors.of(Phase::Timeout) >= 2, "{}", tally.errors);
}

#[test]
fn half_a_response() {
    let _alone = alone();
    let server = Server::answering(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")?;
        Ok(ControlFlow::Break(()))
    });
    let tally = run(&script(2, "", ""), &server, 10);
    assert_eq!(tally.requests, 0);
    assert_eq!(tally.errors.total(), read(&tally));
    assert_eq!(first(&tally), (Phase::Body, "closed by the server".to_owned()));
}

#[test]
fn garbage() {
    let _alone = alone();
    let server = Server::saying(b"220 mail.example ESMTP\r\n");
    let tally = run(&script(2, "", ""), &server, 10);
    assert_eq!(tally.requests, 0);
    let (class, detail) = first(&tally);
    assert_eq!(class, Phase::Parse);
    assert!(detail.starts_with("not an HTTP/1.1 response"), "{detail}");
}

#[test]
fn more_than_the_response() {
    let _alone = alone();
    let server = Server::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok");
    let tally = run(&script(2, "", ""), &server, 10);
    assert_eq!(tally.requests, 0);
    assert_eq!(first(&tally), (Phase::Parse, "more bytes than the response has".to_owned()));
}

#[test]
fn wrong_status_and_body_keep_the_connection() {
    let _alone = alone();
    let server = Server::saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let tally = run(&script(3, "", ""), &server, 10);
    assert_eq!((tally.requests, tally.latency.len()), (0, 0));
    assert_eq!(
        (tally.errors.of(Phase::Status), tally.errors.total()),
        (server.received(), server.received())
    );
    assert_eq!(first(&tally), (Phase::Status, "status 503".to_owned()));
    assert_eq!(server.accepted(), 3);

    let server = Server::saying(OK);
    let tally = run(&script(3, "", "expect = { body_contains = \"ko\" }"), &server, 10);
    assert_eq!(
        (tally.errors.of(Phase::Check), tally.errors.total()),
        (server.received(), server.received())
    );
    assert_eq!((tally.requests, server.accepted()), (0, 3));
}

#[test]
fn stopped_in_mid_run_and_started_again() {
    let _alone = alone();
    let mut server = Server::saying(OK);
    let mut generator = start(&script(4, "", ""), server.addr).expect("the server accepts");
    generator.resume();
    eventually("load flows", || server.received() > 100);
    server.stop();
    eventually("all connections are lost", || generator.live_connections() == 0);
    thread::sleep(Duration::from_millis(20));
    let tally = generator.pause();
    assert!(tally.requests >= 100);
    // A connection that was cut between two requests has lost nothing, but cannot come back.
    let errors = &tally.errors;
    assert!(errors.of(Phase::Connect) > 0, "{errors}");
    let lost = errors.of(Phase::Connect) + read(&tally) + errors.of(Phase::Write);
    assert_eq!(lost, errors.total(), "{errors}");

    // While the server is away, slices still begin and end.
    let tally = slice(&mut generator, 10);
    assert_eq!(tally.requests, 0);

    let again = Server::at(
        server.addr,
        answers(|stream| {
            stream.write_all(OK)?;
            Ok(ControlFlow::Continue(()))
        }),
    );
    eventually("all connections are back", || generator.live_connections() == 4);
    slice(&mut generator, 0);
    let tally = slice_of(&mut generator, &again, 10);
    assert_eq!(tally.errors.to_string(), "no errors");
    assert!(tally.requests >= 10);
}
