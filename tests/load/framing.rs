//! Responses of every framing, whole and in pieces, and requests with bodies.

use std::{io::Write, ops::ControlFlow, thread, time::Duration};

use flameload::measure::ServerSeen;

use super::{
    fault::report,
    server::Server,
    setup::{alone, run, script},
};

const CLOSING: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

/// Measures a slice in which every request must come out well.
#[track_caller]
fn check(name: &str, server: &Server, request: &str) {
    let _alone = alone();
    let tally = run(&script(4, "timeout = \"10s\"", request), server, 20);
    assert_eq!(tally.errors.to_string(), "no errors");
    assert!(tally.requests > 0);
    report(name, &tally, (4, 4), ServerSeen::default());
    assert_eq!(server.received(), tally.requests);
}

#[test]
fn chunked() {
    let server = Server::saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
          3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n",
    );
    check("chunked with trailers", &server, "expect = { body_contains = \"hello\" }");
    assert_eq!(server.accepted(), 4);
}

#[test]
fn without_a_body() {
    let server = Server::saying(b"HTTP/1.1 204 No Content\r\n\r\n");
    check("204", &server, "");
    let server = Server::saying(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n");
    check("304 with a content-length", &server, "expect = { status = 304 }");
    let server = Server::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
    check("HEAD with a content-length", &server, "method = \"HEAD\"");
}

#[test]
fn after_interim_responses() {
    let server = Server::saying(
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    check("103 before 200", &server, "");
}

#[test]
fn until_the_connection_closes() {
    let server = Server::answering(|stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nall of it")?;
        Ok(ControlFlow::Break(()))
    });
    check("until the end", &server, "expect = { body_contains = \"all of it\" }");
}

#[test]
fn closing_after_each_response_is_no_error() {
    let announced = Server::answering(|stream| {
        stream.write_all(CLOSING)?;
        Ok(ControlFlow::Break(()))
    });
    check("closes after each response", &announced, "");
    // The server leaves the closing to its client.
    check("asks to be closed after each", &Server::saying(CLOSING), "");
    check(
        "is asked to close after each",
        &Server::saying(super::server::OK),
        "headers = { Connection = \"close\" }",
    );
}

#[test]
fn byte_by_byte() {
    let server = Server::answering(|stream| {
        for byte in super::server::OK {
            stream.write_all(&[*byte])?;
            thread::sleep(Duration::from_micros(100));
        }
        Ok(ControlFlow::Continue(()))
    });
    check("trickles, in time", &server, "expect = { body_contains = \"ok\" }");
}

#[test]
fn larger_than_any_buffer_in_both_directions() {
    let server = Server::answering(|stream| {
        let body = vec![b'x'; 3_000_000];
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len() + 3)?;
        stream.write_all(&body)?;
        stream.write_all(b"end")?;
        Ok(ControlFlow::Continue(()))
    });
    let body = "y".repeat(5_000_000);
    check(
        "megabytes both ways",
        &server,
        &format!(
            "method = \"PUT\"\nbody = {{ text = \"{body}\" }}\nexpect = {{ body_contains = \"xend\" }}"
        ),
    );
    assert_eq!(server.accepted(), 4);
}

/// A response with this body and these headers.
fn encoded(coding: &str, body: &[u8]) -> &'static [u8] {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().leak()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn an_encoded_body_is_decoded_to_be_looked_at() {
    let server = Server::saying(encoded("gzip", &gzip(b"{\"ok\":true}")));
    check("gzip", &server, "expect = { body_contains = \"ok\\\":true\" }");
    assert_eq!(server.accepted(), 4);
    let _alone = alone();
    let script = script(2, "", "expect = { body_contains = \"ok\" }");
    let bomb = gzip(&vec![b'x'; (16 << 20) + 1]);
    for (coding, body, expected) in [
        ("zstd", b"x".as_slice(), "a content-encoding that cannot be looked into"),
        ("gzip", b"ok", "not what its content-encoding says"),
        ("gzip", &bomb, "larger than the 16 MiB"),
    ] {
        let server = Server::saying(encoded(coding, body));
        let tally = run(&script, &server, 4);
        let (failure, _) = tally.errors.first().expect("nobody can look into it");
        assert_eq!((tally.requests, failure.phase), (0, flameload::load::Phase::Check));
        assert!(failure.to_string().contains(expected), "{failure}");
        assert_eq!(server.accepted(), 2, "it is no fault of the connection");
    }
}

#[test]
fn many_headers_and_headers_of_several_lines() {
    let many: String = (0..300).map(|number| format!("X-{number}: v\r\n")).collect();
    let head = format!("HTTP/1.1 200 OK\r\nA: b\r\n c\r\n{many}Content-Length: 2\r\n\r\nok");
    let server = Server::saying(head.into_bytes().leak());
    check("300 headers", &server, "expect = { body_contains = \"ok\" }");
}
