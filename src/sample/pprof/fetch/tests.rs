//! Answers of every kind, from a server that gives nothing else.

use std::{io::Read as _, net::TcpListener, thread};

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

const GO: &[u8] = include_bytes!("../../../../tests/data/pprof/go.pb.gz");

/// Fetches from a server that answers with these bytes.
fn answered(answer: Vec<u8>) -> (Result<Fetched, PprofError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a caller");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).expect("a request");
        stream.write_all(&answer).expect("the caller reads");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let endpoint = Endpoint { process: "api".to_owned(), pid: 1, addr, path: "/p".to_owned() };
    let fetched = fetch(&endpoint, 2, &Line::default());
    (fetched, server.join().expect("it has answered"))
}

fn response(status: &str, length: Option<usize>, body: &[u8]) -> Vec<u8> {
    let length = length.map(|length| format!("Content-Length: {length}\r\n")).unwrap_or_default();
    let mut answer = format!("HTTP/1.0 {status}\r\n{length}\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[track_caller]
fn check(answer: Vec<u8>, expected: Expect) {
    let (fetched, _) = answered(answer);
    let error = fetched.expect_err("there is no profile").to_string();
    let port = error.find("127.0.0.1:").map(|at| at + "127.0.0.1:".len());
    let digits = |at: usize| error[at..].chars().take_while(char::is_ascii_digit).count();
    let error = match port {
        Some(at) => format!("{}PORT{}", &error[..at], &error[at + digits(at)..]),
        None => error,
    };
    expected.assert_eq(&error);
}

#[test]
fn a_profile_is_asked_for_and_read() {
    for length in [None, Some(GO.len())] {
        let (fetched, request) = answered(response("200 OK", length, GO));
        assert!(request.starts_with("GET /p?seconds=2 HTTP/1.0\r\nHost: 127.0.0.1:"), "{request}");
        let profile = fetched.expect("it is whole").profile;
        assert!(!profile.stacks.is_empty() && profile.period == Nanos(10_000_000));
    }
}

#[test]
fn refusals_say_what_the_server_said() {
    check(
        response("404 Not Found", None, b"404 page not found\n"),
        expect![
            "api has no profile at http://127.0.0.1:PORT/p?seconds=2: serve one there, as net/http/pprof does, or say with `pprof` in the manifest where it is"
        ],
    );
    let busy = b"\nCould not enable CPU profiling: cpu profiling already in use\n";
    check(
        response("500 Internal Server Error", None, busy),
        expect![
            "http://127.0.0.1:PORT/p?seconds=2 answers with status 500 instead of a profile (Could not enable CPU profiling: cpu profiling already in use): is another profile of it being taken?"
        ],
    );
    check(
        response("401 Unauthorized", Some(0), b""),
        expect!["http://127.0.0.1:PORT/p?seconds=2 answers with status 401 instead of a profile"],
    );
}

#[test]
fn what_is_cut_short_is_not_taken_for_a_profile() {
    check(
        response("200 OK", Some(200), &GO[..100]),
        expect![
            "the profile from http://127.0.0.1:PORT/p?seconds=2 cannot be used: it ends too early: 100 of 200 bytes came"
        ],
    );
    check(
        response("200 OK", None, b""),
        expect!["the profile from http://127.0.0.1:PORT/p?seconds=2 cannot be used: it is empty"],
    );
    check(
        b"HTTP/1.0 200".to_vec(),
        expect!["what http://127.0.0.1:PORT/p?seconds=2 answers is not HTTP/1"],
    );
    check(
        b"SSH-2.0-x\r\n\r\n".to_vec(),
        expect!["what http://127.0.0.1:PORT/p?seconds=2 answers is not HTTP/1"],
    );
}

#[test]
fn a_hung_up_line_ends_the_wait_for_good() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("bound");
    let endpoint = Endpoint { process: "api".to_owned(), pid: 1, addr, path: "/p".to_owned() };
    let line = Line::default();
    thread::scope(|scope| {
        let fetch_it = || fetch(&endpoint, 1, &line);
        let waiting = scope.spawn(fetch_it);
        let (mut stream, _) = listener.accept().expect("a caller");
        stream.read_exact(&mut [0; 10]).expect("a request");
        line.hang_up();
        assert!(waiting.join().expect("it ends").is_err());
        assert!(matches!(fetch_it(), Err(PprofError::Abandoned)));
    });
}

proptest! {
    #[test]
    fn any_answer_is_a_profile_or_an_error(answer in prop::collection::vec(any::<u8>(), 0..200)) {
        let addr = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint { process: "api".to_owned(), pid: 1, addr, path: "/p".to_owned() };
        for answer in [answer.clone(), response("200 OK", Some(7), &answer)] {
            let _ = is_whole(&answer);
            let _ = profile_in(&answer, &endpoint, "u").map(decode);
        }
    }
}
