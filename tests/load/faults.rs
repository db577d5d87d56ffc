//! Servers that misbehave: every fault is counted in its class, none stops the engine, and the
//! load comes back with the server.

use std::{
    io::{self, Write},
    net::{Shutdown, TcpListener, TcpStream},
    ops::ControlFlow,
    thread,
    time::Duration,
};

use expect_test::expect;
use flameload::{
    load::{LoadError, Phase, Tally},
    measure::ServerSeen,
};

use super::{
    fault::{Fault, recovers, report},
    server::{OK, Server, answers},
    setup::{alone, eventually, script, slice, start},
};

/// Errors while a response was read.
fn read(tally: &Tally) -> u64 {
    [Phase::FirstByte, Phase::Body, Phase::Parse].map(|phase| tally.errors.of(phase)).iter().sum()
}

/// Waits for a request and closes with it unread, which resets the connection.
fn reset(mut stream: TcpStream, after: &[u8]) {
    let _ = stream.peek(&mut [0]);
    let _ = stream.write_all(after);
    if !after.is_empty() {
        // A reset may overtake what was sent before it.
        thread::sleep(Duration::from_millis(20));
    }
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
fn reset_before_the_first_byte() {
    let fault =
        Fault::in_connections("reset before the first byte", |stream, _| reset(stream, b""));
    fault.check(expect!["first byte: connection reset by peer (ECONNRESET), on a new connection"], expect!["the server resets new connections before the first byte of a response: it fails on what it reads, or gives them up unread"]);
}

#[test]
fn reset_after_the_first_byte() {
    let fault = Fault::in_connections("reset after the first byte", |stream, _| {
        reset(stream, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    });
    fault.check(
        expect!["body: connection reset by peer (ECONNRESET), on a new connection"],
        expect!["the server broke off responses after their first byte"],
    );
}

#[test]
fn accepted_then_closed() {
    let _alone = alone();
    let server = Server::raw(|_, _| {});
    let mut generator = start(&script(4, "", ""), server.addr).expect("the server accepts");
    let before = server.accepted();
    generator.resume();
    eventually("connections are opened again", || server.accepted() >= before + 16);
    let tally = generator.pause();
    let errors = &tally.errors;
    assert_eq!(tally.requests, 0);
    // Whether the end, or the answer to a request that crossed it, is seen first is a race.
    let possible = [
        "write: broken pipe (EPIPE), on a new connection",
        "write: connection reset by peer (ECONNRESET), on a new connection",
        "first byte: connection reset by peer (ECONNRESET), on a new connection",
        "first byte: closed by the server, on a new connection",
    ];
    let live = generator.live_connections();
    let reported = report("accepted, then closed", &tally, (4, live), ServerSeen::default());
    assert!(errors.total() > 0, "{errors}");
    let known = |kind: &String| possible.contains(&kind.as_str());
    assert!(reported.kinds().iter().all(known), "{:?}", reported.kinds());
    // After n failures in a row at least (2^n - 1) / 2 ms have passed.
    let per_connection = (2.0 * tally.elapsed().as_secs_f64() * 1e3 + 1.0).log2() + 2.0;
    assert!((errors.total() as f64) < 4.0 * per_connection, "{errors}, no back-off");
}

#[test]
fn half_closed_at_once() {
    // The server sends its end with the handshake, but goes on reading.
    let fault = Fault::in_connections("half-closed by the server", |mut stream, _| {
        let _ = stream.shutdown(Shutdown::Write);
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    fault.load("timeout = \"1h\"").check(expect!["first byte: closed by the server, on a new connection"], expect!["the server accepts connections and closes them before their first response: a limit or a guard in the server"]);
}

#[test]
fn never_answered() {
    let _alone = alone();
    let server = Server::answering(|_| Ok(ControlFlow::Continue(())));
    let script = script(4, "timeout = \"400ms\"", "");
    let mut generator = start(&script, server.addr).expect("the server accepts");
    generator.resume();
    eventually("all requests are sent", || server.received() >= 4);
    let tally = generator.pause();
    // Each has failed by its timeout; on a busy machine, some have been sent again by then.
    let late = tally.errors.of(Phase::Timeout);
    assert_eq!((tally.requests, late), (0, tally.errors.total()));
    assert!(late >= 4, "{}", tally.errors);
    report("never answers", &tally, (4, 4), ServerSeen::default()).check(
        expect!["timeout: no response in time, on a new connection"],
        expect!["the server takes requests and answers none within 400ms"],
    );
    assert!(Duration::from(tally.elapsed()) >= Duration::from_millis(400));
    // A response to a request that was given up must not be taken for the next one's.
    eventually("all connections are new", || server.accepted() == 4 + late);
}

#[test]
fn trickled_beyond_the_timeout() {
    let fault = Fault::in_answers("trickles beyond the timeout", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        loop {
            stream.write_all(b"A: b\r\n")?;
            thread::sleep(Duration::from_millis(5));
        }
    });
    let tally = fault.load("timeout = \"400ms\"").check(
        expect!["timeout: the response did not end in time, on a new connection"],
        expect!["responses began and did not end within 400ms"],
    );
    assert_eq!((tally.requests, tally.errors.of(Phase::Timeout)), (0, tally.errors.total()));
}

#[test]
fn half_a_response() {
    let fault = Fault::in_answers("half a response, then closed", |stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")?;
        Ok(ControlFlow::Break(()))
    });
    let tally = fault.check(
        expect!["body: closed by the server, on a new connection"],
        expect!["the server broke off responses after their first byte"],
    );
    assert_eq!((tally.requests, tally.errors.total()), (0, read(&tally)));
}

#[test]
fn a_content_length_too_long() {
    let fault = Fault::saying(
        "content-length too long",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    );
    let tally = fault.load("timeout = \"400ms\"").check(
        expect!["timeout: the response did not end in time, on a new connection"],
        expect!["responses began and did not end within 400ms"],
    );
    assert_eq!(tally.requests, 0);
}

#[test]
fn a_content_length_too_short() {
    let fault = Fault::saying(
        "content-length too short",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nok",
    );
    assert_eq!(
        fault
            .check(
                expect!["parse: more bytes than the response has, on a new connection"],
                expect!["what the server sends is no good HTTP: more bytes than the response has"]
            )
            .requests,
        0
    );
}

#[test]
fn a_content_length_that_is_none() {
    let fault =
        Fault::saying("content-length: many", b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok");
    assert_eq!(
        fault
            .check(
                expect!["parse: the content-length is not one number, on a new connection"],
                expect![
                    "what the server sends is no good HTTP: the content-length is not one number"
                ]
            )
            .requests,
        0
    );
}

#[test]
fn chunks_that_are_none() {
    let fault = Fault::saying(
        "a chunk without a length",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n",
    );
    assert_eq!(
        fault
            .check(
                expect!["parse: the body is not validly chunked, on a new connection"],
                expect!["what the server sends is no good HTTP: the body is not validly chunked"]
            )
            .requests,
        0
    );
}

#[test]
fn garbage() {
    let fault = Fault::saying("garbage", b"220 mail.example ESMTP\r\n");
    assert_eq!(
        fault
            .check(
                expect!["parse: not an HTTP/1.1 response, on a new connection"],
                expect!["what the server sends is no good HTTP: not an HTTP/1.1 response"]
            )
            .requests,
        0
    );
}

#[test]
fn wrong_status_and_body_keep_the_connection() {
    let _alone = alone();
    let check = |name, server: &Server, request, phase, kinds, diagnosis| {
        let mut generator = start(&script(4, "", request), server.addr).expect("it accepts");
        let tally = super::setup::slice_of(&mut generator, server, 10);
        assert_eq!((tally.requests, tally.latency.len()), (0, 0));
        let counts = (tally.errors.of(phase), tally.errors.total());
        assert_eq!(counts, (server.received(), server.received()));
        report(name, &tally, (4, 4), ServerSeen::default()).check(kinds, diagnosis);
        assert_eq!(server.accepted(), 4);
    };
    let busy = Server::saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    check(
        "status 503",
        &busy,
        "",
        Phase::Status,
        expect![[r#"
        status: status 503, on a new connection
        status: status 503, on a reused connection"#]],
        expect!["the server answers with status 503, which the script does not expect"],
    );
    let good = Server::saying(OK);
    let expected = "expect = { body_contains = \"ko\" }";
    check(
        "body without the text",
        &good,
        expected,
        Phase::Check,
        expect![[r#"
        check: the body does not contain the expected text, on a new connection
        check: the body does not contain the expected text, on a reused connection"#]],
        expect!["responses fail the script's check: the body does not contain the expected text"],
    );
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
    thread::sleep(Duration::from_millis(200));
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
    recovers(&mut generator, &again);
}
